// Filters and exemptions of the policy in the words of nftables: what a rule asks of a packet before its verdict.
import { type Address, formatAddress, formatPrefix, type Prefix } from '../../base/address.ts'
import { ICMP, ICMPV6 } from '../../base/flow.ts'
import { type DirectedFilter, formatSpec } from '../../policy/filter.ts'
import type { AddressSpec, PortRange } from '../../policy/model.ts'
import { type Box, type Layout, NO_PORT } from '../../policy/region.ts'

/**
 * What a filter asks, in two parts: questions that stand in the rule itself, and fields with one value each, which many
 * filters of one shape share a look-up for. Values of one shape are equal or disjoint, whatever the order.
 */
export interface Asked {
  readonly fixed: readonly string[]
  readonly fields: readonly string[]
  readonly values: readonly string[]
}

const WORD = 0xffff_ffff

/**
 * Undefined for a filter that no packet matches. "me" is whatever addresses the host has when the packet comes: they may
 * be unknown when the rules are loaded.
 */
export function askedByFilter(filter: DirectedFilter): Asked | undefined {
  const { protocol, sourcePort, destinationPort } = filter
  const families = new Set([familyOf(filter.source), familyOf(filter.destination)])
  // A filter between an IPv4 address and an IPv6 one matches no packet.
  if (families.has(4) && families.has(6)) return undefined
  return together([
    askedBySpec('saddr', filter.source),
    askedBySpec('daddr', filter.destination),
    protocol === undefined ? nothing : field('meta l4proto', String(protocol)),
    askedByPorts('th sport', sourcePort),
    askedByPorts('th dport', destinationPort),
  ])
}

/** The same asked of addresses alone: pieces of a packet behind the first show no ports. */
export function askedOfAddresses({ source, destination }: DirectedFilter): Asked | undefined {
  return askedByFilter({ source, destination, isMirror: false })
}

const nothing: Asked = { fixed: [], fields: [], values: [] }

function question(text: string): Asked {
  return { ...nothing, fixed: [text] }
}

function field(name: string, value: string): Asked {
  return { fixed: [], fields: [name], values: [value] }
}

function together(parts: readonly Asked[]): Asked {
  return {
    fixed: parts.flatMap(({ fixed }) => fixed),
    fields: parts.flatMap(({ fields }) => fields),
    values: parts.flatMap(({ values }) => values),
  }
}

function familyOf(spec: AddressSpec): 4 | 6 | undefined {
  return spec.kind === 'range' ? spec.first.family : undefined
}

function askedBySpec(side: 'saddr' | 'daddr', spec: AddressSpec): Asked {
  if (spec.kind === 'any') return nothing
  if (spec.kind === 'me') return question(`fib ${side} type local`)
  const text = formatSpec(spec)
  const name = `${keyword(spec.first.family)} ${side}`
  // Two ranges that are no prefixes may overlap, so each stands in a rule of its own.
  if (text.includes('-')) return question(`${name} ${text}`)
  if (text.endsWith('/0')) return question(`meta nfproto ipv${spec.first.family}`)
  return field(name, text)
}

function askedByPorts(name: string, range: PortRange | undefined): Asked {
  if (range === undefined) return nothing
  return range.first === range.last ? field(name, String(range.first)) : question(`${name} ${portsOf(range)}`)
}

function keyword(family: 4 | 6): string {
  return family === 4 ? 'ip' : 'ip6'
}

function addressMatch(side: 'saddr' | 'daddr', first: Address, last: Address): string {
  const [from, to] = [formatAddress(first), formatAddress(last)]
  return `${keyword(first.family)} ${side} ${from === to ? from : `${from}-${to}`}`
}

function portsOf({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`
}

/** A box of an exemption, in its family's table. */
export function matchOfBox(layout: Layout, { first, last }: Box): string {
  const { family, protocol, sourcePort, destinationPort } = layout
  const only = first[protocol] === last[protocol] ? first[protocol] : undefined
  const isIcmp = only === ICMP || only === ICMPV6
  const port = (name: 'sport' | 'dport', d: number) => {
    const [from, to] = [first[d]!, last[d]!]
    if (from === 0 && to >= NO_PORT) return ''
    if (isIcmp && name === 'dport')
      return `${only === ICMP ? 'icmp' : 'icmpv6'} type ${from === to ? from : `${from}-${to}`}`
    return `th ${name} ${portsOf({ first: from, last: Math.min(to, 65535) })}`
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
  side: 'saddr' | 'daddr',
  { family, words }: Layout,
  at: number,
  first: readonly number[],
  last: readonly number[],
): string {
  const from = first.slice(at, at + words)
  const to = last.slice(at, at + words)
  if (from.every(word => word === 0) && to.every(word => word === WORD)) return ''
  return addressMatch(side, { family, words: from }, { family, words: to })
}

export interface Groups {
  /** Broadcast addresses of the networks that the policy names. */
  readonly broadcasts: readonly Address[]
  readonly networks: readonly Prefix[]
}

/**
 * What goes to a broadcast address of the link, said as `decide` says it: of a network that the policy names its own
 * alone counts; of others the link's word counts for addresses that end in two ones. Arriving, the frame has to have
 * gone to every station too, else a packet to one host would pass.
 */
export function linkBroadcastMatch({ networks }: Groups, direction: 'out' | 'in'): string {
  const named = networks.filter(({ address }) => address.family === 4)
  return joined([
    `fib daddr . ${direction === 'out' ? 'oif' : 'iif'} type broadcast`,
    direction === 'in' ? 'meta pkttype broadcast' : '',
    'ip daddr & 0.0.0.3 == 0.0.0.3',
    ...named.map(network =>
      network.length === 0 ? 'ip daddr != 0.0.0.0-255.255.255.255' : `ip daddr != ${formatPrefix(network)}`,
    ),
  ])
}

/** All that goes to many hosts at once, one text each. */
export function groupMatches(groups: Groups, direction: 'out' | 'in'): readonly string[] {
  return [
    'ip daddr 224.0.0.0/4',
    'ip6 daddr ff00::/8',
    ...['255.255.255.255', ...groups.broadcasts.map(formatAddress)].map(address => `ip daddr ${address}`),
    linkBroadcastMatch(groups, direction),
  ]
}

function joined(parts: readonly string[]): string {
  return parts.filter(part => part !== '').join(' ')
}
