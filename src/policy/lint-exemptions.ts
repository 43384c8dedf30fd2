// What the linter says of traffic that must or does pass in clear: exempt traffic that a rule was meant for, and traffic
// that IPsec itself stands on (RFC 4861 §11.2: neighbour discovery; RFC 7296 §2.23: IKE behind a NAT) but is secured.
import { ICMPV6, UDP } from '../base/flow.ts'
import type { Entry } from './compile.ts'
import type { Deciding } from './deciding.ts'
import type { Exemption } from './exemptions.ts'
import type { Remark } from './lint-kinds.ts'
import type { Policy, Rule, RuleId } from './model.ts'
import { type Box, boxes, type Layout } from './region.ts'

/** `byFilters` judge the same packets as if nothing were exempt. */
export function* lintExemptions(
  policy: Policy,
  ways: readonly Deciding[],
  exemptions: readonly Exemption[],
  byFilters: readonly Deciding[],
): Generator<Remark> {
  for (const exemption of exemptions) yield* exempted(policy, exemption, byFilters)
  yield* mustPass(ways)
}

/** Rules other than permitting ones that would decide some of the exempt traffic. */
function* exempted(policy: Policy, exemption: Exemption, byFilters: readonly Deciding[]): Generator<Remark> {
  const rules = new Set<RuleId>()
  for (const deciding of byFilters) {
    const { layout } = deciding
    const all = exemption.boxes(layout, policy.networks)
    const within = exemption.name === 'kerberos' ? all.filter(box => isFromPort(box, layout, 88)) : all
    for (const entry of deciding.entries) {
      const rule = ruleOf(entry.owner)
      if (rule === undefined || rule.action === 'permit' || rules.has(rule.name)) continue
      if (within.length > 0 && deciding.decides(entry, within)) rules.add(rule.name)
    }
  }
  for (const rule of rules) yield { ...sayExempted(exemption), rule }
}

function isFromPort(box: Box, layout: Layout, port: number): boolean {
  return box.first[layout.sourcePort] === port && box.last[layout.sourcePort] === port
}

function sayExempted({ name, title, definition }: Exemption): Remark {
  if (name === 'kerberos') {
    return {
      kind: 'source-port-88',
      sentence:
        'Kerberos is exempt, and it is known by its port alone: every TCP or UDP packet from source port 88 passes in clear, to any port, whatever the rule says.',
      hint: 'withdraw the exemption (noDefaultExempt: 1, or 3), and permit port 88 to the domain controllers where it must pass',
    }
  }
  if (name === 'ike') {
    return {
      kind: 'exempt-traffic',
      sentence: `IKE always passes, and it is known by its ports alone (${definition}): whatever else is sent on them passes the rule as well.`,
      hint: 'let nothing but IKE listen on these ports',
    }
  }
  return {
    kind: 'exempt-traffic',
    sentence: `${title} is exempt (${definition}): it passes in clear, although the rule's filters match it.`,
    hint: 'if it is to be filtered, choose a value of the setting that does not exempt it',
  }
}

function ruleOf(owner: Entry): Rule | undefined {
  return owner.kind === 'filter' ? owner.rule : undefined
}

/** What IPsec itself stands on, where a rule would secure it. */
function* mustPass(ways: readonly Deciding[]): Generator<Remark> {
  for (const way of ways) {
    const { layout } = way
    const at = (protocol: number, source: number | undefined, destination: number | undefined) =>
      boxes(layout, undefined, undefined, {
        protocol,
        sourcePort: source === undefined ? undefined : { first: source, last: source },
        destinationPort: destination === undefined ? undefined : { first: destination, last: destination },
      })
    const isIpv6 = layout.family === 6
    const within = isIpv6
      ? [135, 136].flatMap(type => at(ICMPV6, undefined, type))
      : [...at(UDP, 4500, undefined), ...at(UDP, undefined, 4500)]
    for (const entry of way.entries) {
      const rule = ruleOf(entry.owner)
      if (rule?.action !== 'negotiate' || !way.decides(entry, within)) continue
      yield { ...(isIpv6 ? noNeighbours(entry.owner) : noTranslation), rule: rule.name }
    }
  }
}

function noNeighbours(owner: Entry): Remark {
  const ends = owner.kind === 'filter' ? [owner.filter.source, owner.filter.destination] : []
  const isMeant = ends.some(end => end.kind === 'range')
  return {
    kind: 'neighbour-discovery-secured',
    sentence:
      "The rule secures neighbour discovery, by which hosts on one IPv6 link find each other: on a Windows not even IKE would get through, and sealwire's guard lets it pass in clear.",
    hint: isMeant
      ? 'add a rule that permits protocol icmpv6 between these hosts'
      : 'add a rule that permits protocol icmpv6, or name IPv4 addresses if only they are meant',
    // A rule for any host is often written with IPv4 alone in mind.
    ...(isMeant ? {} : { severity: 'warning' }),
  }
}

const noTranslation: Remark = {
  kind: 'nat-traversal-secured',
  sentence:
    'UDP port 4500, which IKE moves to behind address translation, is not exempt in this Windows, and the rule secures it.',
  hint: 'add a rule that permits udp port 4500, unless no peer is behind address translation',
}
