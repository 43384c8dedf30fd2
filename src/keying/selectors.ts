// From a rule's filter to traffic selectors and back (RFC 7296 §2.9, §3.13.1), and what two hosts' wishes have in common.
// "Own" is this host's side and "peer" the other's, whoever asked: TSi and TSr are named by who does. Ports that cannot
// be seen (OPAQUE), types and ICMP messages are no part of a filter: selectors of them are passed over.
import { type Address, compareAddresses, sameAddress } from '../base/address.ts'
import { type Flow, hasPorts } from '../base/flow.ts'
import type { DirectedFilter, Me } from '../policy/filter.ts'
import type { AddressSpec, PortRange } from '../policy/model.ts'
import type { AddressRange } from '../policy/region.ts'
import type { TrafficSelector } from '../wire/ike/traffic-selectors.ts'
import type { Path } from './machine.ts'

export type RangeSelector = Extract<TrafficSelector, { readonly kind: 'addresses' }>

/** What two hosts speak of: any of the one side with any of the other. */
export interface SelectorPair<T extends TrafficSelector = TrafficSelector> {
  readonly own: readonly T[]
  readonly peer: readonly T[]
}

/** An outbound filter with its addresses known. */
export interface FilterSides {
  readonly own: readonly AddressRange[]
  readonly peer: readonly AddressRange[]
  readonly protocol?: number | undefined
  readonly ownPorts?: PortRange | undefined
  readonly peerPorts?: PortRange | undefined
}

/**
 * Selectors of one side that are looked at, which is narrowing like any other; a peer may send 255, all of them are
 * compared with each other for every filter of the policy, and every pair of them becomes a filter.
 */
const MOST = 32
const ANY_PORT: PortRange = { first: 0, last: 65535 }
const everything: readonly AddressRange[] = [
  { first: { family: 4, words: [0] }, last: { family: 4, words: [0xffffffff] } },
  { first: { family: 6, words: [0, 0, 0, 0] }, last: { family: 6, words: Array<number>(4).fill(0xffffffff) } },
]

/** `filter` in the direction out. In transport mode only the two hosts of the path can be meant. */
export function sidesOf(filter: DirectedFilter, mode: 'transport' | 'tunnel', path: Path, me: Me): FilterSides {
  const { source, destination, protocol, sourcePort, destinationPort } = filter
  const own = rangesOf(source, path.local.address, me)
  const peer = rangesOf(destination, path.local.address, me)
  const isTunnel = mode === 'tunnel'
  return {
    own: isTunnel ? own : own.flatMap(range => common(range, host(path.local.address))),
    peer: isTunnel ? peer : peer.flatMap(range => common(range, host(path.remote.address))),
    protocol,
    ownPorts: sourcePort,
    peerPorts: destinationPort,
  }
}

function rangesOf(spec: AddressSpec, own: Address, me: Me): readonly AddressRange[] {
  if (spec.kind === 'any') return everything
  if (spec.kind === 'range') return [spec]
  return me === 'any' ? [host(own)] : me.map(host)
}

function host(address: Address): AddressRange {
  return { first: address, last: address }
}

function common(a: AddressRange, b: AddressRange): readonly AddressRange[] {
  if (a.first.family !== b.first.family) return []
  const first = compareAddresses(a.first, b.first) < 0 ? b.first : a.first
  const last = compareAddresses(a.last, b.last) < 0 ? a.last : b.last
  return compareAddresses(first, last) <= 0 ? [{ first, last }] : []
}

/** What to ask for: the packet that waits first, as a hint which rule is meant, then all of the filter (RFC 7296 §2.9). */
export function offerOfSides(sides: FilterSides, flow?: Flow): SelectorPair<RangeSelector> | undefined {
  const whole = pairable({
    own: sides.own.map(range => selector(range, sides.protocol ?? 0, sides.ownPorts)),
    peer: sides.peer.map(range => selector(range, sides.protocol ?? 0, sides.peerPorts)),
  })
  if (whole === undefined || flow === undefined) return whole
  const packet = packetSelectors(flow)
  const isOf = isInside(packet.own, whole.own) && isInside(packet.peer, whole.peer)
  if (!isOf) return whole
  const before = (one: RangeSelector, others: readonly RangeSelector[]) => [
    one,
    ...others.filter(other => !covers(other, one)),
  ]
  return { own: before(packet.own, whole.own), peer: before(packet.peer, whole.peer) }
}

/** A flow that leaves, as selectors. What has no ports, or does not show them, has all. */
function packetSelectors(flow: Flow): { readonly own: RangeSelector; readonly peer: RangeSelector } {
  const { source, destination, protocol, sourcePort, destinationPort } = flow
  const port = (number: number | undefined) => (number === undefined ? undefined : { first: number, last: number })
  return {
    own: selector(host(source), protocol, port(sourcePort)),
    peer: selector(host(destination), protocol, port(destinationPort)),
  }
}

function selector({ first, last }: AddressRange, protocol: number, ports: PortRange = ANY_PORT): RangeSelector {
  return { kind: 'addresses', protocol, startPort: ports.first, endPort: ports.last, start: first, end: last }
}

/** What of an offer a filter allows; undefined where that is nothing. */
export function narrow(offered: SelectorPair, sides: FilterSides): SelectorPair<RangeSelector> | undefined {
  const { protocol, ownPorts, peerPorts } = sides
  const own = offered.own.slice(0, MOST).flatMap(one => allowed(one, sides.own, protocol, ownPorts))
  const peer = offered.peer.slice(0, MOST).flatMap(one => allowed(one, sides.peer, protocol, peerPorts))
  return pairable({ own: widest(own), peer: widest(peer) })
}

function allowed(
  one: TrafficSelector,
  ranges: readonly AddressRange[],
  protocol: number | undefined,
  ports: PortRange = ANY_PORT,
): readonly RangeSelector[] {
  if (!isReadable(one)) return []
  if (one.protocol !== 0 && protocol !== undefined && protocol !== one.protocol) return []
  const first = Math.max(one.startPort, ports.first)
  const last = Math.min(one.endPort, ports.last)
  if (first > last) return []
  return ranges
    .flatMap(range => common(range, { first: one.start, last: one.end }))
    .map(range => selector(range, one.protocol === 0 ? (protocol ?? 0) : one.protocol, { first, last }))
}

/** Ports mean ports only with TCP and UDP; elsewhere they are ICMP's types, or nothing that a filter can say. */
function isReadable(one: TrafficSelector): one is RangeSelector {
  if (one.kind !== 'addresses' || compareAddresses(one.start, one.end) > 0 || one.startPort > one.endPort) return false
  if (one.start.family !== one.end.family) return false
  return hasPorts(one.protocol) || (one.startPort === 0 && one.endPort === 65535)
}

function covers(inner: RangeSelector, outer: RangeSelector): boolean {
  return (
    (outer.protocol === 0 || outer.protocol === inner.protocol) &&
    outer.startPort <= inner.startPort &&
    inner.endPort <= outer.endPort &&
    outer.start.family === inner.start.family &&
    compareAddresses(outer.start, inner.start) <= 0 &&
    compareAddresses(inner.end, outer.end) <= 0
  )
}

function isInside(one: RangeSelector, others: readonly TrafficSelector[]): boolean {
  return others.some(other => isReadable(other) && covers(one, other))
}

/** Without what another of the list says as well. */
function widest(list: readonly RangeSelector[]): readonly RangeSelector[] {
  const kept: RangeSelector[] = []
  for (const [index, one] of list.entries()) {
    const isSaid = list.some((other, at) => at !== index && covers(one, other) && (at < index || !covers(other, one)))
    if (!isSaid) kept.push(one)
    if (kept.length === MOST) break
  }
  return kept
}

/** Whether some packet is in both. */
export function overlap(a: SelectorPair<RangeSelector>, b: SelectorPair<RangeSelector>): boolean {
  const meet = (one: RangeSelector, other: RangeSelector) =>
    one.startPort <= other.endPort &&
    other.startPort <= one.endPort &&
    (one.protocol === 0 || other.protocol === 0 || one.protocol === other.protocol) &&
    common({ first: one.start, last: one.end }, { first: other.start, last: other.end }).length > 0
  return (
    a.own.some(one => b.own.some(other => meet(one, other))) &&
    a.peer.some(one => b.peer.some(other => meet(one, other)))
  )
}

function goTogether(own: RangeSelector, peer: RangeSelector): boolean {
  const isOneProtocol = own.protocol === peer.protocol || own.protocol === 0 || peer.protocol === 0
  return isOneProtocol && own.start.family === peer.start.family
}

/** Without selectors that no other goes with; undefined where none is left. */
function pairable({ own, peer }: SelectorPair<RangeSelector>): SelectorPair<RangeSelector> | undefined {
  const left = own.filter(one => peer.some(other => goTogether(one, other))).slice(0, MOST)
  const right = peer.filter(other => left.some(one => goTogether(one, other))).slice(0, MOST)
  return left.length === 0 || right.length === 0 ? undefined : { own: left, peer: right }
}

/**
 * An answer as the initiator may use it: every selector lies inside one that was offered. A responder that widens is
 * refused whole: it may not bring traffic into the association that our policy did not ask for.
 */
export function acceptedSelectors(
  offered: SelectorPair,
  answer: SelectorPair,
): SelectorPair<RangeSelector> | undefined {
  if (answer.own.length > MOST || answer.peer.length > MOST) return undefined
  const isOffered = (one: TrafficSelector, others: readonly TrafficSelector[]) =>
    isReadable(one) && isInside(one, others)
  if (!answer.own.every(one => isOffered(one, offered.own))) return undefined
  if (!answer.peer.every(one => isOffered(one, offered.peer))) return undefined
  return pairable({ own: widest(answer.own.filter(isReadable)), peer: widest(answer.peer.filter(isReadable)) })
}

/** What an association may carry, in the direction out. */
export function outboundFilters({ own, peer }: SelectorPair<RangeSelector>): readonly DirectedFilter[] {
  return own.flatMap(one =>
    peer
      .filter(other => goTogether(one, other))
      .map(other => {
        const protocol = one.protocol === 0 ? other.protocol : one.protocol
        return {
          source: { kind: 'range', first: one.start, last: one.end },
          destination: { kind: 'range', first: other.start, last: other.end },
          ...(protocol === 0 ? {} : { protocol }),
          ...portsOf('sourcePort', one),
          ...portsOf('destinationPort', other),
          isMirror: false,
        } as const
      }),
  )
}

function portsOf(name: 'sourcePort' | 'destinationPort', { startPort, endPort }: RangeSelector) {
  // A packet that shows no ports meets only filters that ask for none: all of them is not asking.
  return startPort === 0 && endPort === 65535 ? {} : { [name]: { first: startPort, last: endPort } }
}

export function reversed(filter: DirectedFilter): DirectedFilter {
  const { source, destination, sourcePort, destinationPort } = filter
  const swapped = { source: destination, destination: source, sourcePort: destinationPort }
  return { ...filter, ...swapped, destinationPort: sourcePort }
}

/** The packet that the first selectors stand for, in the direction out; undefined where they stand for many. */
export function packetOf({ own, peer }: SelectorPair): Flow | undefined {
  const [one, other] = [own[0], peer[0]]
  if (one === undefined || other === undefined || !isReadable(one) || !isReadable(other)) return undefined
  const { protocol } = one
  if (protocol === 0 || other.protocol !== protocol || !isHost(one) || !isHost(other)) return undefined
  const flow = sampleOf(one, other)
  if (!hasPorts(protocol)) return flow
  return one.startPort === one.endPort && other.startPort === other.endPort ? flow : undefined
}

/** One packet of many, in the direction out. */
export function anyPacketOf({ own, peer }: SelectorPair<RangeSelector>): Flow {
  const pairs = own.flatMap(one => peer.filter(other => goTogether(one, other)).map(other => [one, other] as const))
  return sampleOf(...pairs[0]!)
}

function sampleOf(own: RangeSelector, peer: RangeSelector): Flow {
  const protocol = own.protocol === 0 ? peer.protocol : own.protocol
  const ports = hasPorts(protocol) ? { sourcePort: own.startPort, destinationPort: peer.startPort } : {}
  return { source: own.start, destination: peer.start, protocol, ...ports }
}

function isHost({ start, end }: RangeSelector): boolean {
  return sameAddress(start, end)
}

/** How much traffic is meant; only to compare by. */
export function breadthOf({ own, peer }: SelectorPair<RangeSelector>): number {
  const size = ({ start, end, startPort, endPort }: RangeSelector) => {
    const hosts = end.words.reduce((sum, word, index) => sum * 2 ** 32 + (word - start.words[index]!), 0) + 1
    return hosts * (endPort - startPort + 1)
  }
  const sizes = own.flatMap(one =>
    peer
      .filter(other => goTogether(one, other))
      .map(other => size(one) * size(other) * (one.protocol === 0 && other.protocol === 0 ? 256 : 1)),
  )
  return sizes.reduce((sum, one) => sum + one, 0)
}

/** Behind a NAT a host names an address that nobody else sees: here stands the one that is seen (RFC 7296 §2.23.1). */
export function withAddress(list: readonly TrafficSelector[], address: Address): readonly TrafficSelector[] {
  return list.map(one => (one.kind === 'addresses' && isHost(one) ? { ...one, start: address, end: address } : one))
}

/** The address that a side named, to be named to it again. */
export function namedAddress(list: readonly TrafficSelector[]): Address | undefined {
  return list.find(one => one.kind === 'addresses')?.start
}

/** Whether the packet, in the direction out, is among them. */
export function includes({ own, peer }: SelectorPair, flow: Flow): boolean {
  const packet = packetSelectors(flow)
  return isInside(packet.own, own) && isInside(packet.peer, peer)
}
