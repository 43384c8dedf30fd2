// KB 254949's knot: a ticket has to be fetched before Kerberos can secure anything, so what carries Kerberos to the key
// distribution centre must pass without it. Asked of every way that a packet to or from port 88 can go; told by the linter, by
// `policy check` and by the agent when it starts.
import { type Address, formatAddress, sameAddress } from '../base/address.ts'
import { TCP, UDP } from '../base/flow.ts'
import type { Problem } from '../base/result.ts'
import type { Entry } from './compile.ts'
import { Deciding } from './deciding.ts'
import { findingsOf, type Remark } from './lint-kinds.ts'
import type { Authentication, Policy, Rule } from './model.ts'
import { settingOf } from './profiles.ts'
import { type AddressRange, type Box, boxes } from './region.ts'

const CERTIFICATES = 'authenticate with certificates, which need nobody (in front of kerberos where both stand)'

/** `own`: addresses of this host, where they are known; who is a key centre asks itself, and no packet leaves. */
export function* lintKerberos(
  policy: Policy,
  ways: readonly Deciding[],
  own: readonly Address[] = [],
): Generator<Remark> {
  const rules = kerberosRules(policy)
  // Who knows the host's addresses need not guess.
  const mayBeOwn = policy.role === 'domain-controller' && own.length === 0
  const named = rules.flatMap(rule => rule.authentication.flatMap(kdcOf))
  const obstacles = new Map(named.map(kdc => [formatAddress(kdc), obstaclesTo(kdc, ways)]))
  for (const rule of rules) {
    const centres = rule.authentication.flatMap(kdcOf)
    if (centres.some(kdc => own.some(address => sameAddress(address, kdc)))) continue
    const texts = [...new Set(centres.map(formatAddress))]
    const isOpen = texts.some(kdc => obstacles.get(kdc)!.length === 0)
    for (const kdc of texts) {
      for (const obstacle of obstacles.get(kdc)!)
        yield { ...noTicket(kdc, obstacle, { isOpen, mayBeOwn }), rule: rule.name }
    }
    if (centres.length > 0) continue
    const isStuck = ways.some(way => {
      const within = kerberosTraffic(way)
      return way.entries.some(entry => ruleOf(entry.owner) === rule && way.decides(entry, within))
    })
    if (isStuck) yield { ...unknownCentre(policy), rule: rule.name }
  }
}

/** The same for who does not ask for a linter: as warnings about the policy that is called `name`. */
export function kerberosWarnings(policy: Policy, name: string, own: readonly Address[] = []): readonly Problem[] {
  if (kerberosRules(policy).length === 0) return []
  const { exemptions } = settingOf(policy)
  const ways = (['out', 'in'] as const).flatMap(direction =>
    ([4, 6] as const).map(family => new Deciding(policy, family, direction, exemptions)),
  )
  return findingsOf(lintKerberos(policy, ways, own)).map(({ rules, sentence, hint }) => {
    const where = `${name} ${rules.length === 1 ? 'rule' : 'rules'} ${rules.map(rule => `“${rule}”`).join(', ')}`
    return { severity: 'warning', where, what: sentence, hint }
  })
}

/** That prove who they are by a ticket or not at all. */
function kerberosRules({ rules }: Policy): readonly Rule[] {
  return rules.filter(rule => rule.active && rule.action === 'negotiate' && needsTicket(rule))
}

/** Main mode agrees on one method, the first that both have, before a ticket is asked for: no other follows where none comes. */
function needsTicket({ authentication, keying }: Rule): boolean {
  const considered = keying[0] === 'ikev1' ? authentication.slice(0, 1) : authentication
  return considered.length > 0 && considered.every(({ kind }) => kind === 'kerberos')
}

function kdcOf(method: Authentication): readonly Address[] {
  return method.kind === 'kerberos' ? method.kdc : []
}

function ruleOf(owner: Entry): Rule | undefined {
  return owner.kind === 'filter' ? owner.rule : undefined
}

/** To port 88 on the way out, from it on the way in; to and from one host, or all. */
function kerberosTraffic({ direction, layout }: Deciding, host?: Address): readonly Box[] {
  if (host !== undefined && host.family !== layout.family) return []
  const far: AddressRange | undefined = host === undefined ? undefined : { first: host, last: host }
  const port = { first: 88, last: 88 }
  return [TCP, UDP].flatMap(protocol =>
    direction === 'out'
      ? boxes(layout, undefined, far, { protocol, destinationPort: port })
      : boxes(layout, far, undefined, { protocol, sourcePort: port }),
  )
}

/** The rules that keep Kerberos from passing between this host and the centre before anything is secured. */
function obstaclesTo(kdc: Address, ways: readonly Deciding[]): readonly Rule[] {
  const found = new Set<Rule>()
  for (const way of ways) {
    const within = kerberosTraffic(way, kdc)
    for (const entry of within.length === 0 ? [] : way.entries) {
      const rule = ruleOf(entry.owner)
      if (rule === undefined || found.has(rule)) continue
      const isInTheWay = rule.action === 'block' || (rule.action === 'negotiate' && needsTicket(rule))
      if (isInTheWay && way.decides(entry, within)) found.add(rule)
    }
  }
  return [...found]
}

interface Chances {
  /** Another centre can be asked. */
  readonly isOpen: boolean
  /** A domain controller asks itself, and then no packet leaves. */
  readonly mayBeOwn: boolean
}

function noTicket(kdc: string, { name, action }: Rule, { isOpen, mayBeOwn }: Chances): Remark {
  const does = action === 'block' ? 'blocks it' : 'secures it, and needs a ticket for that'
  const outcome = isOpen
    ? 'this centre is of no use, and asking it first costs seconds each time'
    : `no negotiation can begin${mayBeOwn ? `, unless ${kdc} is this host itself` : ''}`
  return {
    kind: 'kerberos-cannot-start',
    sentence: `The ticket has to be fetched from ${kdc} on port 88 first, and rule “${name}” ${does}: ${outcome}.`,
    hint: `permit tcp and udp between me and ${kdc}:88 in a rule of its own, or ${CERTIFICATES}`,
    ...(isOpen || mayBeOwn ? { severity: 'warning' } : {}),
  }
}

function unknownCentre({ role }: Policy): Remark {
  const isOwnCentre = role === 'domain-controller'
  const sentence = `The rule authenticates with Kerberos and covers Kerberos itself: where one of its peers is the key distribution centre${isOwnCentre ? ', and this host is not its own' : ''}, no negotiation can begin.`
  return {
    kind: 'kerberos-cannot-start',
    sentence,
    hint: `permit tcp and udp port 88 to the key distribution centres, and name them: kerberos: { kdc: […] }; or ${CERTIFICATES}`,
    ...(isOwnCentre ? { severity: 'warning' } : {}),
  }
}
