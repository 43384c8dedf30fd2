// Sets of flows as boxes: a range in each of several dimensions. Filters, exemptions and questions are boxes, so that
// "is there a packet that …" is answered for all packets at once. One layout for IPv4, one for IPv6.
import { type Address, compareAddresses } from '../base/address.ts'
import { type Flow, ICMP, ICMPV6 } from '../base/flow.ts'
import type { PortRange } from './model.ts'

/** Stands in a port dimension where a packet has no port or where it is not known: only "any port" covers it. */
export const NO_PORT = 65536

/** A box: `first[d]` to `last[d]`, both included, for every dimension d of its layout. */
export interface Box {
  readonly first: readonly number[]
  readonly last: readonly number[]
}

/** Which dimension holds what. An IPv6 address takes four dimensions, its 32-bit words. */
export interface Layout {
  readonly family: 4 | 6
  readonly dimensions: number
  readonly words: 1 | 4
  readonly source: number
  readonly destination: number
  readonly protocol: number
  readonly sourcePort: number
  /** For ICMP and ICMPv6 the message type stands here, as RFC 4301 §4.4.1.1 treats it. */
  readonly destinationPort: number
  readonly everything: Box
}

const WORD = 0xffffffff

function layout(family: 4 | 6, words: 1 | 4): Layout {
  const addresses = 2 * words
  const last = [...Array<number>(addresses).fill(WORD), 255, NO_PORT, NO_PORT]
  return {
    family,
    dimensions: addresses + 3,
    words,
    source: 0,
    destination: words,
    protocol: addresses,
    sourcePort: addresses + 1,
    destinationPort: addresses + 2,
    everything: { first: last.map(() => 0), last },
  }
}

export const IPV4_LAYOUT = layout(4, 1)
export const IPV6_LAYOUT = layout(6, 4)

export function layoutOf(family: 4 | 6): Layout {
  return family === 4 ? IPV4_LAYOUT : IPV6_LAYOUT
}

/** Writes the point of a flow into `key`, in the layout of its family. */
export function flowPoint(flow: Flow, key: Uint32Array): void {
  const { words: source } = flow.source
  const { words: destination } = flow.destination
  const words = source.length
  for (let index = 0; index < words; index++) {
    key[index] = source[index]!
    key[words + index] = destination[index]!
  }
  const { protocol } = flow
  key[2 * words] = protocol
  key[2 * words + 1] = flow.sourcePort ?? NO_PORT
  const isIcmp = protocol === ICMP || protocol === ICMPV6
  key[2 * words + 2] = (isIcmp ? flow.icmpType : flow.destinationPort) ?? NO_PORT
}

export function contains(box: Box, point: ArrayLike<number>): boolean {
  for (let d = 0; d < box.first.length; d++) {
    if (point[d]! < box.first[d]! || point[d]! > box.last[d]!) return false
  }
  return true
}

export function covers(outer: Box, inner: Box): boolean {
  return outer.first.every((first, d) => first <= inner.first[d]! && outer.last[d]! >= inner.last[d]!)
}

export function intersect(a: Box, b: Box): Box | undefined {
  const first = a.first.map((value, d) => Math.max(value, b.first[d]!))
  const last = a.last.map((value, d) => Math.min(value, b.last[d]!))
  return first.every((value, d) => value <= last[d]!) ? { first, last } : undefined
}

export function overlaps(a: Box, b: Box): boolean {
  return a.first.every((value, d) => value <= b.last[d]! && b.first[d]! <= a.last[d]!)
}

/** The box with dimension `d` narrowed to `first`…`last`. */
export function narrow(box: Box, d: number, first: number, last: number): Box {
  return { first: box.first.with(d, first), last: box.last.with(d, last) }
}

export interface AddressRange {
  readonly first: Address
  readonly last: Address
}

/**
 * An address range as products of word ranges. One for IPv4 and for every IPv6 prefix; at most seven for an IPv6 range,
 * which is not a product of word ranges by itself.
 */
export function wordRanges(range: AddressRange): readonly (readonly PortRange[])[] {
  if (compareAddresses(range.first, range.last) > 0) return []
  return splitWords(range.first.words, range.last.words)
}

function splitWords(first: readonly number[], last: readonly number[]): PortRange[][] {
  const [a, ...restFirst] = first
  const [b, ...restLast] = last
  if (a === undefined || b === undefined) return [[]]
  const prepend = (from: number, to: number, tails: PortRange[][]) =>
    tails.map(tail => [{ first: from, last: to }, ...tail])
  if (a === b) return prepend(a, b, splitWords(restFirst, restLast))
  const low = restFirst.map(() => 0)
  const high = restFirst.map(() => WORD)
  const startsWhole = restFirst.every(word => word === 0)
  const endsWhole = restLast.every(word => word === WORD)
  const middleFirst = startsWhole ? a : a + 1
  const middleLast = endsWhole ? b : b - 1
  return [
    ...(startsWhole ? [] : prepend(a, a, splitWords(restFirst, high))),
    ...(middleFirst <= middleLast ? prepend(middleFirst, middleLast, splitWords(low, high)) : []),
    ...(endsWhole ? [] : prepend(b, b, splitWords(low, restLast))),
  ]
}

/** What a box asks of a packet beside its addresses; each part left out means any. */
export interface Selectors {
  readonly protocol?: number | undefined
  readonly sourcePort?: PortRange | undefined
  readonly destinationPort?: PortRange | undefined
}

/** The boxes of all flows from one address range to another; a range left out means any address of the family. */
export function boxes(
  layout: Layout,
  source: AddressRange | undefined,
  destination: AddressRange | undefined,
  selectors: Selectors = {},
): readonly Box[] {
  const any = [Array.from({ length: layout.words }, () => ({ first: 0, last: WORD }))]
  const { protocol, sourcePort, destinationPort } = selectors
  const rest = [
    protocol === undefined ? { first: 0, last: 255 } : { first: protocol, last: protocol },
    sourcePort ?? { first: 0, last: NO_PORT },
    destinationPort ?? { first: 0, last: NO_PORT },
  ]
  return (source === undefined ? any : wordRanges(source)).flatMap(from =>
    (destination === undefined ? any : wordRanges(destination)).map(to => {
      const ranges = [...from, ...to, ...rest]
      return { first: ranges.map(range => range.first), last: ranges.map(range => range.last) }
    }),
  )
}

/** The smallest flow of a box: the lowest protocol, then ports, then addresses; what pins a proof's counter-example. */
export function flowAt(layout: Layout, point: readonly number[]): Flow {
  const protocol = point[layout.protocol]!
  const port = (d: number) => (point[d]! < NO_PORT ? point[d]! : undefined)
  const sourcePort = port(layout.sourcePort)
  const behind = port(layout.destinationPort)
  const isIcmp = protocol === ICMP || protocol === ICMPV6
  const withPorts = protocol === 6 || protocol === 17
  const address = (from: number): Address => ({ family: layout.family, words: point.slice(from, from + layout.words) })
  return {
    source: address(layout.source),
    destination: address(layout.destination),
    protocol,
    ...(withPorts && sourcePort !== undefined ? { sourcePort } : {}),
    ...(withPorts && behind !== undefined ? { destinationPort: behind } : {}),
    ...(isIcmp && behind !== undefined && behind <= 255 ? { icmpType: behind } : {}),
  }
}
