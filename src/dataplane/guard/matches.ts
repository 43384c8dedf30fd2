// Filters and exemptions of the policy in the words of nftables: what a rule asks of a packet before its verdict.
import { type Address, formatAddress } from '../../base/address.ts'
import { ICMP, ICMPV6 } from '../../base/flow.ts'
import type { DirectedFilter } from '../../policy/filter.ts'
import type { AddressSpec, PortRange } from '../../policy/model.ts'
import { type Box, type Layout, NO_PORT } from '../../policy/region.ts'

/** Each text is what one nftables rule asks; several where no single one can say it. Without any, the filter matches nothing. */
export type Matches = readonly string[]

const WORD = 0xffff_ffff

/** "me" is whatever addresses the host has when the packet comes: they may be unknown when the rules are loaded. */
export function matchesOfFilter(filter: DirectedFilter): Matches {
  const families = new Set([familyOf(filter.source), familyOf(filter.destination)])
  // A filter between an IPv4 address and an IPv6 one matches no packet.
  if (families.has(4) && families.has(6)) return []
  const { protocol, sourcePort, destinationPort } = filter
  const parts = [
    matchOfSpec('saddr', filter.source),
    matchOfSpec('daddr', filter.destination),
    protocol === undefined ? '' : `meta l4proto ${protocol}`,
    sourcePort === undefined ? '' : `th sport ${portsOf(sourcePort)}`,
    destinationPort === undefined ? '' : `th dport ${portsOf(destinationPort)}`,
  ]
  return [joined(parts)]
}

/** The same asked of addresses alone: fragments behind the first show no ports. */
export function addressesOfFilter({ source, destination }: DirectedFilter): Matches {
  return matchesOfFilter({ source, destination, isMirror: false })
}

function familyOf(spec: AddressSpec): 4 | 6 | undefined {
  return spec.kind === 'range' ? spec.first.family : undefined
}

function matchOfSpec(field: 'saddr' | 'daddr', spec: AddressSpec): string {
  switch (spec.kind) {
    case 'any':
      return ''
    case 'me':
      return `fib ${field} type local`
    case 'range':
      return addressMatch(field, spec.first, spec.last)
  }
}

function addressMatch(field: 'saddr' | 'daddr', first: Address, last: Address): string {
  const [from, to] = [formatAddress(first), formatAddress(last)]
  return `${first.family === 4 ? 'ip' : 'ip6'} ${field} ${from === to ? from : `${from}-${to}`}`
}

function portsOf({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`
}

/** A box of an exemption, in its family's table. */
export function matchOfBox(layout: Layout, { first, last }: Box): string {
  const { family, protocol, sourcePort, destinationPort } = layout
  const only = first[protocol] === last[protocol] ? first[protocol] : undefined
  const isIcmp = only === ICMP || only === ICMPV6
  const port = (field: 'sport' | 'dport', d: number) => {
    const [from, to] = [first[d]!, last[d]!]
    if (from === 0 && to >= NO_PORT) return ''
    if (isIcmp && field === 'dport')
      return `${only === ICMP ? 'icmp' : 'icmpv6'} type ${from === to ? from : `${from}-${to}`}`
    return `th ${field} ${portsOf({ first: from, last: Math.min(to, 65535) })}`
  }
  return joined([
    `meta nfproto ipv${family}`,
    wordsMatch('saddr', layout, layout.source, first, last),
    wordsMatch('daddr', layout, layout.destination, first, last),
    only === undefined ? protocolRange(first[protocol]!, last[protocol]!) : `meta l4proto ${only}`,
    port('sport', sourcePort),
    port('dport', destinationPort),
  ])
}

function protocolRange(first: number, last: number): string {
  return first === 0 && last === 255 ? '' : `meta l4proto ${first}-${last}`
}

/** The words of an address range are equal, then one ranges, then all are whole: so it is one range of addresses. */
function wordsMatch(
  field: 'saddr' | 'daddr',
  { family, words }: Layout,
  at: number,
  first: readonly number[],
  last: readonly number[],
): string {
  const from = first.slice(at, at + words)
  const to = last.slice(at, at + words)
  if (from.every(word => word === 0) && to.every(word => word === WORD)) return ''
  return addressMatch(field, { family, words: from }, { family, words: to })
}

function joined(parts: readonly string[]): string {
  return parts.filter(part => part !== '').join(' ')
}
