// The policy as nftables rules, a net under the agent: what is permitted or blocked is decided in the kernel, and what must
// be sealed leaves and enters only sealed, whether the agent runs or not. The rules need no state of ours but two sets: host
// pairs that speak in clear for a while because their rule falls back.
import type { Direction } from '../../base/flow.ts'
import type { CompiledPolicy, FilterEntry } from '../../policy/compile.ts'
import { orderedFilters } from '../../policy/compile.ts'
import { addressesOfFilter, matchesOfFilter, matchOfBox } from './matches.ts'

export interface GuardOptions {
  /** Of the table in the family `inet`; other tables are not touched. */
  readonly table: string
  /** Devices behind which packets are sealed and opened: nft's pattern, such as `sealwire*`. */
  readonly device: string
}

export const defaultGuard: GuardOptions = { table: 'sealwire', device: 'sealwire*' }

/** Sets of host pairs, own address first, that speak in clear for a while. */
export const clearPairs = { 4: 'in_clear_4', 6: 'in_clear_6' } as const

/** For `nft -f`: replaces the table in one transaction, so that there is no moment without a net. */
export function guardRuleset(compiled: CompiledPolicy, { table, device }: GuardOptions = defaultGuard): string {
  const { policy } = compiled
  const filters = orderedFilters(policy)
  return [
    `# The net of the policy ${quoted(policy.name)}: written by sealwire, and replaced as a whole.`,
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...set(clearPairs[4], 'ipv4_addr'),
    ...set(clearPairs[6], 'ipv6_addr'),
    ...chain('output', [
      'type filter hook output priority filter; policy accept;',
      'oif lo accept',
      ...rulesFor('out', device),
    ]),
    ...chain('input', [
      'type filter hook input priority filter; policy accept;',
      'iif lo accept',
      ...rulesFor('in', device),
    ]),
    // Traffic of other hosts through this one: only tunnels seal it.
    ...chain('forward', [
      'type filter hook forward priority filter; policy accept;',
      `iifname "${device}" counter accept comment "opened by the agent"`,
      ...rulesFor('out', device),
    ]),
    ...chain('keying', keyingRules()),
    ...chain('exempt', exemptionRules(compiled)),
    ...chain(
      'filters_out',
      filters.flatMap(entry => filterRules(compiled, entry, 'out')),
    ),
    ...chain(
      'filters_in',
      filters.flatMap(entry => filterRules(compiled, entry, 'in')),
    ),
    ...chain('pieces', filters.flatMap(pieceRules)),
    '}',
    '',
  ].join('\n')
}

/** For `nft -f`: takes the net away, whether it is there or not. */
export function withoutGuard({ table }: GuardOptions = defaultGuard): string {
  return `table inet ${table}\ndelete table inet ${table}\n`
}

function chain(name: string, rules: readonly string[]): readonly string[] {
  return [`\tchain ${name} {`, ...rules.map(rule => `\t\t${rule}`), '\t}']
}

function set(name: string, type: string): readonly string[] {
  return [`\tset ${name} {`, `\t\ttype ${type} . ${type}`, '\t\tflags timeout', '\t}']
}

function rulesFor(direction: Direction, device: string): readonly string[] {
  return [
    direction === 'out'
      ? `oifname "${device}" counter accept comment "to be sealed by the agent"`
      : `iifname "${device}" counter accept comment "opened by the agent"`,
    'meta l4proto { esp, ah } counter accept comment "sealed"',
    'udp sport { 500, 4500 } jump keying',
    'udp dport { 500, 4500 } jump keying',
    'jump exempt',
    // Ports stand in the first piece of a packet only, so every piece is judged by its addresses.
    'ip frag-off & 0x1fff != 0 jump pieces',
    'exthdr frag exists jump pieces',
    `jump filters_${direction}`,
  ]
}

/**
 * IKE by its version, behind the non-ESP marker on port 4500; ESP in UDP by an SPI that is none of the reserved ones; and
 * keepalives (RFC 7296 §3.1, RFC 3948 §2). Offsets in bits from the UDP header: its 64, then the content's.
 */
function keyingRules(): readonly string[] {
  return [
    'udp sport 500 @th,200,8 { 0x10, 0x20 } counter accept comment "IKE"',
    'udp dport 500 @th,200,8 { 0x10, 0x20 } counter accept comment "IKE"',
    ...['sport', 'dport'].flatMap(side => [
      `udp ${side} 4500 @th,64,32 0 @th,232,8 { 0x10, 0x20 } counter accept comment "IKE behind the marker"`,
      `udp ${side} 4500 @th,64,32 > 255 counter accept comment "ESP in UDP"`,
      `udp ${side} 4500 udp length 9 @th,64,8 0xff counter accept comment "keepalive"`,
    ]),
  ]
}

function exemptionRules({ profile, setting, ipv4, ipv6 }: CompiledPolicy): readonly string[] {
  // Under `strict` IKE itself is exempt and not whatever stands on its ports; `keying` has passed that.
  const isPassed = (name: string) => profile.name === 'strict' && name === 'ike'
  const boxes = [ipv4, ipv6].flatMap(({ layout, exemptions }) =>
    exemptions
      .filter(({ entry }) => !isPassed(entry.exemption.name))
      .flatMap(({ entry, boxes }) =>
        boxes.map(box => `${matchOfBox(layout, box)} ${verdict('accept', entry.exemption.title)}`),
      ),
  )
  const links = setting.exemptions
    .filter(({ matchesLinkBroadcast }) => matchesLinkBroadcast)
    .map(({ title }) => `fib daddr type broadcast ${verdict('accept', title)}`)
  return [...boxes, ...links]
}

function filterRules(
  { profile }: CompiledPolicy,
  { rule, filter }: FilterEntry,
  direction: Direction,
): readonly string[] {
  const { action, name } = rule
  const matches = matchesOfFilter(filter)
  if (action !== 'negotiate')
    return matches.map(match => `${match} ${verdict(action === 'permit' ? 'accept' : 'drop', name)}`)
  const neverGroups = profile.neverNegotiatesGroups
  const single = neverGroups === 'both' || neverGroups === direction ? 'fib daddr type != { broadcast, multicast }' : ''
  return matches.flatMap(match => {
    const asked = `${match} ${single}`.trim()
    if (direction === 'in' && rule.acceptUnsecuredInbound) return [`${asked} ${verdict('accept', name)}`]
    const [own, peer] = direction === 'out' ? ['saddr', 'daddr'] : ['daddr', 'saddr']
    const fallBacks = rule.fallBackToClear
      ? [
          `${asked} ip ${own} . ip ${peer} @${clearPairs[4]} ${verdict('accept', `${name}, in clear`)}`,
          `${asked} ip6 ${own} . ip6 ${peer} @${clearPairs[6]} ${verdict('accept', `${name}, in clear`)}`,
        ]
      : []
    return [...fallBacks, `${asked} ${verdict('drop', `${name}: only sealed`)}`]
  })
}

/** A piece between hosts of a rule that seals or blocks anything between them stays here. */
function pieceRules({ rule, filter }: FilterEntry): readonly string[] {
  if (rule.action === 'permit') return []
  return addressesOfFilter(filter).map(match => `${match} ${verdict('drop', `${rule.name}: a piece of a packet`)}`)
}

function verdict(word: 'accept' | 'drop', why: string): string {
  return `counter ${word} comment ${quoted(why)}`
}

/** nft's texts know no escapes and end at 128 octets. */
function quoted(text: string): string {
  const plain = text.replaceAll(/["\\\p{C}]/gu, '_')
  let end = plain.length
  while (Buffer.byteLength(plain.slice(0, end)) > 120) end--
  return `"${plain.slice(0, end)}"`
}
