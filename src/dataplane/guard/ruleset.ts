// The policy as nftables rules, a net under the agent: what is permitted or blocked is decided in the kernel, and what must
// be sealed leaves and enters only sealed, whether the agent runs or not. The rules need no state of ours but two sets: host
// pairs that speak in clear for a while because their rule falls back. Where the kernel cannot tell what `decide` can, the
// rules are the stricter ones; agreement.test.ts lists where.
import { createHash } from 'node:crypto'
import { type Address, formatAddress } from '../../base/address.ts'
import type { Direction } from '../../base/flow.ts'
import type { CompiledPolicy, FilterEntry } from '../../policy/compile.ts'
import { orderedFilters } from '../../policy/compile.ts'
import { specificity } from '../../policy/filter.ts'
import type { Rule } from '../../policy/model.ts'
import {
  keyingRules,
  neighbourRules,
  sealedFirstRules,
  sealedRules,
  takenByFramesRules,
  tooBigRules,
} from './keying-rules.ts'
import { type Choice, lookUps } from './look-ups.ts'
import { askedByFilter, askedOfAddresses, groupMatches, linkBroadcastMatch, matchOfBox } from './matches.ts'

export interface GuardOptions {
  /** Of the table in the family `inet`; other tables are not touched. */
  readonly table: string
  /** Devices behind which packets are sealed and opened: nft's pattern, such as `sealwire*`. */
  readonly device: string
  /** The agent takes ESP by frames, in front of these rules: behind them it is only in the way. */
  readonly espByFrames?: boolean
}

export const defaultGuard: GuardOptions = { table: 'sealwire', device: 'sealwire*' }

/** Sets of host pairs, own address first, that speak in clear for a while. */
export const clearPairs = { 4: 'in_clear_4', 6: 'in_clear_6' } as const

/** Two hosts between which rules that fall back let traffic pass unsealed; for so many seconds, from now on. */
export interface ClearPair {
  readonly own: Address
  readonly peer: Address
  readonly seconds: number
}

export interface Ruleset {
  /** For `nft -f`: replaces the table in one transaction, so that there is no moment without a net. */
  readonly text: string
  /** Of what it says; the table carries it, so that one can ask whose rules are loaded. */
  readonly digest: string
}

/** A chain without rules, whose name is the digest: table comments need a newer kernel than the rest. */
export const DIGEST_CHAIN = 'written_'

/** The pairs in clear are in force with the rules, in the same transaction. */
export function guardRuleset(
  compiled: CompiledPolicy,
  { table, device, espByFrames = false }: GuardOptions = defaultGuard,
  pairs: readonly ClearPair[] = [],
): Ruleset {
  const { policy } = compiled
  const filters = orderedFilters(policy)
  const body = [
    ...set(clearPairs[4], 'ipv4_addr'),
    ...set(clearPairs[6], 'ipv6_addr'),
    ...(['out', 'in'] as const).flatMap(direction => directedChains(compiled, filters, direction)),
    ...chain('piece', ['counter drop comment "a piece of a packet that must be sealed or stays here"']),
    ...chain('readable', [
      'meta l4proto <= 255 return',
      'exthdr frag exists return',
      'counter drop comment "its headers cannot be read"',
    ]),
    // Behind every translation of addresses: what a container sends through this host leaves with the host's address, and is
    // judged by it. Local and forwarded traffic, each before it is cut in pieces.
    ...chain('leaving', [
      'type filter hook postrouting priority srcnat + 200; policy accept;',
      'oif lo accept',
      ...sealedFirstRules('out'),
      `iifname "${device}" counter accept comment "opened by the agent"`,
      `oifname "${device}" counter accept comment "to be sealed by the agent"`,
      ...rulesFor('out'),
    ]),
    ...chain('input', [
      'type filter hook input priority filter; policy accept;',
      'iif lo accept',
      ...sealedFirstRules('in'),
      `iifname "${device}" counter accept comment "opened by the agent"`,
      ...tooBigRules(),
      ...rulesFor('in'),
    ]),
    // In front of every translation: what comes to us may be for a container behind us, and never see the hook above. Where
    // addresses are translated the kernel has put pieces together by now; elsewhere they are judged above.
    ...chain('arriving', [
      'type filter hook prerouting priority raw; policy accept;',
      ...(espByFrames ? takenByFramesRules() : []),
      'iif lo accept',
      ...sealedFirstRules('in'),
      `iifname "${device}" accept`,
      'fib daddr type != local accept',
      'ip frag-off & 0x3fff != 0 accept',
      'exthdr frag exists accept',
      ...tooBigRules(),
      ...rulesFor('in'),
    ]),
  ]
  const { text, digest } = rulesetOf(table, `the net of the policy ${quoted(policy.name)}`, body)
  return { text: `${[text, ...pairs.map(pair => clearPairElement(table, pair))].join('\n')}\n`, digest }
}

/** A table in the family `inet`, of chains and sets as nft reads them; it replaces one of the same name. */
export function rulesetOf(table: string, title: string, body: readonly string[]): Ruleset {
  const digest = createHash('sha256')
    .update(`${table}\n${body.join('\n')}`)
    .digest('hex')
    .slice(0, 32)
  const text = [
    `# ${title}: written by sealwire, and replaced as a whole`,
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...chain(`${DIGEST_CHAIN}${digest}`, []),
    ...body,
    '}',
    '',
  ].join('\n')
  return { text, digest }
}

/**
 * For `nft -f`, behind the table's own text: pieces of IPv6 come to its rules as whole packets, which show their ports. No
 * packet has no octets, so that nothing is ever redirected; that the rule is there has the kernel put pieces together first,
 * without remembering connections, as it would for a rule with `ct`. Who fights for memory there gets no more of it than
 * where the kernel puts them together later, and what stays in pieces is judged as pieces.
 */
export function piecesFirst(table: string): string {
  return [
    `table inet ${table} {`,
    ...chain('whole', [
      'type filter hook prerouting priority raw + 10; policy accept;',
      'meta nfproto ipv6 meta l4proto udp meta length 0 tproxy ip6 to [::1]:1',
    ]),
    '}',
    '',
  ].join('\n')
}

/** For `nft -f`: takes a table away, whether it is there or not. */
export function withoutTable(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}\n`
}

export function clearPairElement(table: string, { own, peer, seconds }: ClearPair): string {
  const pair = `${formatAddress(own)} . ${formatAddress(peer)}`
  return `add element inet ${table} ${clearPairs[own.family]} { ${pair} timeout ${Math.max(1, Math.ceil(seconds))}s }`
}

export function chain(name: string, rules: readonly string[]): readonly string[] {
  return [`\tchain ${name} {`, ...rules.map(rule => `\t\t${rule}`), '\t}']
}

function set(name: string, type: string): readonly string[] {
  return [`\tset ${name} {`, `\t\ttype ${type} . ${type}`, '\t\tflags timeout', '\t}']
}

function rulesFor(direction: Direction): readonly string[] {
  return [
    // A filter that asks for a protocol would not see a packet whose headers lead nowhere.
    'meta nfproto ipv6 jump readable',
    ...sealedRules(),
    `meta l4proto udp jump keying_${direction}`,
    `jump exempt_${direction}`,
    // Ports stand in the first piece of a packet only, so every piece is judged by its addresses.
    `ip frag-off & 0x1fff != 0 jump pieces_${direction}`,
    `exthdr frag exists jump pieces_${direction}`,
    `jump filters_${direction}`,
  ]
}

function directedChains(
  compiled: CompiledPolicy,
  filters: readonly FilterEntry[],
  direction: Direction,
): readonly string[] {
  const { neverNegotiatesGroups } = compiled.profile
  const hasGroups = neverNegotiatesGroups === 'both' || neverNegotiatesGroups === direction
  const rules = [...new Set(filters.map(({ rule }) => rule))]
  const numbers = new Map(rules.map((rule, index) => [rule, index]))
  const chainOf = (rule: Rule) => `rule_${numbers.get(rule)}_${direction}`
  const choices = filters.flatMap(entry => choiceOf(entry, direction, chainOf))
  const withoutNegotiating = filters
    .filter(({ rule }) => rule.action !== 'negotiate')
    .flatMap(entry => choiceOf(entry, direction, chainOf))
  const groups = { broadcasts: compiled.subnetBroadcasts, networks: compiled.policy.networks }
  const gotoGroups = groupMatches(groups, direction).map(match => `${match} goto groups_${direction}`)
  return [
    ...chain(`keying_${direction}`, keyingRules(direction)),
    ...chain(`exempt_${direction}`, exemptionRules(compiled, direction)),
    ...rules.flatMap(rule => chain(chainOf(rule), consequences(rule, direction))),
    ...(hasGroups ? chain(`groups_${direction}`, lookUps(withoutNegotiating)) : []),
    ...chain(`filters_${direction}`, [...(hasGroups ? gotoGroups : []), ...lookUps(choices)]),
    ...pieceChains(filters, direction, chainOf),
  ]
}

function choiceOf(
  { rule, filter }: FilterEntry,
  direction: Direction,
  chainOf: (rule: Rule) => string,
): readonly Choice[] {
  const asked = askedByFilter(filter)
  if (asked === undefined) return []
  const rank = [...specificity(filter, rule.action, rule.mode === 'tunnel'), effectOf(rule, direction)].join(' ')
  return [{ asked, rank, chain: chainOf(rule) }]
}

type Effect = 'accept' | 'drop' | 'drop-unless-in-clear'

function effectOf(rule: Rule, direction: Direction): Effect {
  if (rule.action === 'permit' || (rule.action === 'negotiate' && direction === 'in' && rule.acceptUnsecuredInbound))
    return 'accept'
  return rule.action === 'negotiate' && rule.fallBackToClear ? 'drop-unless-in-clear' : 'drop'
}

/** What becomes of a packet that one of the rule's filters decides. */
function consequences(rule: Rule, direction: Direction): readonly string[] {
  const { name } = rule
  const effect = effectOf(rule, direction)
  if (effect === 'accept') return [verdict('accept', name)]
  const why = rule.action === 'block' ? name : `${name}: only sealed`
  const neighbours = rule.action === 'negotiate' ? neighbourRules() : []
  if (effect === 'drop') return [...neighbours, verdict('drop', why)]
  const [own, peer] = direction === 'out' ? ['saddr', 'daddr'] : ['daddr', 'saddr']
  return [
    ...neighbours,
    `ip ${own} . ip ${peer} @${clearPairs[4]} ${verdict('accept', `${name}: in clear`)}`,
    `ip6 ${own} . ip6 ${peer} @${clearPairs[6]} ${verdict('accept', `${name}: in clear`)}`,
    verdict('drop', why),
  ]
}

/**
 * A piece that may belong to a packet that a rule seals or blocks stays here. Filters without ports decide as for whole
 * packets; of the others those that would let it pass are left out.
 */
function pieceChains(
  filters: readonly FilterEntry[],
  direction: Direction,
  chainOf: (rule: Rule) => string,
): readonly string[] {
  const known: Choice[] = []
  const unknown: Choice[] = []
  for (const { rule, filter } of filters) {
    const { source, destination, isMirror, protocol, sourcePort, destinationPort } = filter
    const effect = effectOf(rule, direction)
    const asked = askedByFilter({ source, destination, isMirror, protocol })
    const ofAddresses = askedOfAddresses(filter)
    if (asked === undefined || ofAddresses === undefined) continue
    const hasPorts = sourcePort !== undefined || destinationPort !== undefined
    if (!hasPorts) known.push({ asked, rank: effect, chain: chainOf(rule) })
    else if (effect !== 'accept') known.push({ asked, rank: 'piece', chain: 'piece' })
    if (effect !== 'accept') unknown.push({ asked: ofAddresses, rank: 'piece', chain: 'piece' })
    else if (!hasPorts && protocol === undefined) unknown.push({ asked, rank: effect, chain: chainOf(rule) })
  }
  return [
    ...chain(`unknown_pieces_${direction}`, lookUps(unknown)),
    ...chain(`pieces_${direction}`, [
      // Behind the fragment header stand headers of IPv6 that a later piece does not have: its protocol is not known.
      `frag nexthdr { 0, 43, 44, 51, 60, 135, 139, 140 } goto unknown_pieces_${direction}`,
      ...lookUps(known),
    ]),
  ]
}

function exemptionRules(compiled: CompiledPolicy, direction: Direction): readonly string[] {
  const { profile, setting, ipv4, ipv6, policy, subnetBroadcasts } = compiled
  // Under `strict` IKE itself is exempt and not whatever stands on its ports; `keying` has passed that.
  const isPassed = (name: string) => profile.name === 'strict' && name === 'ike'
  const boxes = [ipv4, ipv6].flatMap(({ layout, exemptions }) =>
    exemptions
      .filter(({ entry }) => !isPassed(entry.exemption.name))
      .flatMap(({ entry, boxes }) =>
        boxes.map(box => `${matchOfBox(layout, box)} ${verdict('accept', entry.exemption.title)}`),
      ),
  )
  const broadcast = linkBroadcastMatch({ broadcasts: subnetBroadcasts, networks: policy.networks }, direction)
  const links = setting.exemptions
    .filter(({ matchesLinkBroadcast }) => matchesLinkBroadcast)
    .map(({ title }) => `${broadcast} ${verdict('accept', title)}`)
  return [...boxes, ...links]
}

function verdict(word: 'accept' | 'drop', why: string): string {
  return `counter ${word} comment ${quoted(why)}`
}

/** nft's texts know no escapes and end at 128 octets. */
export function quoted(text: string): string {
  const plain = text.replaceAll(/["\\\p{C}]/gu, '_')
  let end = plain.length
  while (Buffer.byteLength(plain.slice(0, end)) > 120) end--
  return `"${plain.slice(0, end)}"`
}
