// One IP filter: what it matches, how specific it is, how it is said. Windows keeps filters in one list, the most
// specific first, and the first that matches counts; the administrator cannot order them.
import { type Address, compareAddresses, formatAddress } from '../base/address.ts'
import { type Flow, protocolName } from '../base/flow.ts'
import type { AddressSpec, Filter, FilterAction, PortRange } from './model.ts'
import { type AddressRange, type Box, boxes, type Layout } from './region.ts'

/** The addresses that "me" stands for; `any` where the policy is judged for every host that it may be assigned to. */
export type Me = 'any' | readonly Address[]

/** A filter in one direction: a mirrored one is two of these. */
export interface DirectedFilter {
  readonly source: AddressSpec
  readonly destination: AddressSpec
  readonly protocol?: number | undefined
  readonly sourcePort?: PortRange | undefined
  readonly destinationPort?: PortRange | undefined
  /** This is the swapped twin of a mirrored filter. */
  readonly isMirror: boolean
}

export function directions(filter: Filter): readonly DirectedFilter[] {
  const { source, destination, protocol, sourcePort, destinationPort } = filter
  const straight = { source, destination, protocol, sourcePort, destinationPort, isMirror: false }
  if (!filter.mirrored) return [straight]
  const twin = {
    source: destination,
    destination: source,
    protocol,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
    isMirror: true,
  }
  return sameDirection(straight, twin) ? [straight] : [straight, twin]
}

export function sameDirection(a: DirectedFilter, b: DirectedFilter): boolean {
  return (
    sameSpec(a.source, b.source) &&
    sameSpec(a.destination, b.destination) &&
    samePorts(a.sourcePort, b.sourcePort) &&
    samePorts(a.destinationPort, b.destinationPort)
  )
}

export function sameSpec(a: AddressSpec, b: AddressSpec): boolean {
  if (a.kind !== 'range' || b.kind !== 'range') return a.kind === b.kind
  return compareAddresses(a.first, b.first) === 0 && compareAddresses(a.last, b.last) === 0
}

function samePorts(a: PortRange | undefined, b: PortRange | undefined): boolean {
  return a?.first === b?.first && a?.last === b?.last
}

/** Every flow of the layout's family that the filter matches, as boxes. */
export function filterBoxes(filter: DirectedFilter, layout: Layout, me: Me): readonly Box[] {
  return rangesOf(filter.source, layout, me).flatMap(source =>
    rangesOf(filter.destination, layout, me).flatMap(destination => boxes(layout, source, destination, filter)),
  )
}

/** Undefined in the list means every address of the family. */
function rangesOf(spec: AddressSpec, layout: Layout, me: Me): readonly (AddressRange | undefined)[] {
  if (spec.kind === 'any') return [undefined]
  if (spec.kind === 'range') return spec.first.family === layout.family ? [spec] : []
  if (me === 'any') return [undefined]
  return me.filter(address => address.family === layout.family).map(address => ({ first: address, last: address }))
}

/** The same question asked plainly, for tests and for `explain`: does this filter match this flow? */
export function filterMatches(filter: DirectedFilter, flow: Flow, me: Me): boolean {
  return (
    specMatches(filter.source, flow.source, me) &&
    specMatches(filter.destination, flow.destination, me) &&
    (filter.protocol === undefined || filter.protocol === flow.protocol) &&
    portMatches(filter.sourcePort, flow.sourcePort) &&
    portMatches(filter.destinationPort, flow.destinationPort)
  )
}

export function specMatches(spec: AddressSpec, address: Address, me: Me): boolean {
  if (spec.kind === 'any') return true
  if (spec.kind === 'me') return me === 'any' || me.some(own => compareAddresses(own, address) === 0)
  if (spec.first.family !== address.family) return false
  return compareAddresses(spec.first, address) <= 0 && compareAddresses(address, spec.last) <= 0
}

function portMatches(range: PortRange | undefined, port: number | undefined): boolean {
  return range === undefined || (port !== undefined && range.first <= port && port <= range.last)
}

// The published order of Windows 2000 to Server 2003 compares the kinds of both addresses first: rows of this table.
const HOST = 0
const RANGE = 1
const ANY = 2
const pairOrder: readonly (readonly number[])[] = [
  // destination: host, range, any
  [0, 2, 5], // source host
  [1, 3, 7], // source range
  [4, 6, 8], // source any
]
const actionOrder: Readonly<Record<FilterAction, number>> = { block: 0, negotiate: 1, permit: 2 }

/** Numbers to compare from the left; the smaller is the more specific and comes first. */
export function specificity(filter: DirectedFilter, action: FilterAction, isTunnel: boolean): readonly number[] {
  const ports = (filter.destinationPort === undefined ? 2 : 0) + (filter.sourcePort === undefined ? 1 : 0)
  return [
    isTunnel ? 0 : 1,
    pairOrder[specKind(filter.source)]![specKind(filter.destination)]!,
    // Of two ranges the one with more mask bits counts first; the destination before the source, as in the table.
    -rangeBits(filter.destination),
    -rangeBits(filter.source),
    filter.protocol === undefined ? 1 : 0,
    ports,
    // Of equals the more restrictive action counts.
    actionOrder[action],
  ]
}

export function compareSpecificity(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!
  }
  return 0
}

function specKind(spec: AddressSpec): number {
  // Windows writes "any" as 0.0.0.0/0: a prefix of no bits is the same.
  if (spec.kind === 'any' || rangeBits(spec) === 0) return ANY
  return spec.kind === 'me' || compareAddresses(spec.first, spec.last) === 0 ? HOST : RANGE
}

/** Mask bits of a prefix; for a range that is no prefix, those of one as large (not a whole number). */
function rangeBits(spec: AddressSpec): number {
  if (spec.kind === 'any') return 0
  if (spec.kind === 'me') return 128
  const { first, last } = spec
  if (compareAddresses(first, last) === 0) return 128
  const size = last.words.reduce((sum, word, index) => sum * 2 ** 32 + (word - first.words[index]!), 0) + 1
  return (first.family === 4 ? 32 : 128) - Math.log2(size)
}

export function formatSpec(spec: AddressSpec): string {
  if (spec.kind !== 'range') return spec.kind
  const bits = prefixLength(spec.first, spec.last)
  if (bits === undefined) return `${formatAddress(spec.first)}-${formatAddress(spec.last)}`
  const full = spec.first.family === 4 ? 32 : 128
  return bits === full ? formatAddress(spec.first) : `${formatAddress(spec.first)}/${bits}`
}

/** Undefined where the range is no prefix. */
export function prefixLength(first: Address, last: Address): number | undefined {
  const at = first.words.findIndex((word, index) => word !== last.words[index])
  if (at < 0) return 32 * first.words.length
  const same = Math.clz32(first.words[at]! ^ last.words[at]!)
  const mask = 0xffffffff >>> same
  const isPrefix =
    (first.words[at]! & mask) === 0 &&
    (last.words[at]! & mask) >>> 0 === mask &&
    first.words.slice(at + 1).every(word => word === 0) &&
    last.words.slice(at + 1).every(word => word === 0xffffffff)
  return isPrefix ? 32 * at + same : undefined
}

/** `88` or `1024-5000`. */
export function formatPorts({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`
}

/** `tcp me ↔ 10.0.0.0/8:445`; a one-way filter has →. */
export function formatFilter(filter: Filter | DirectedFilter): string {
  const { source, destination, protocol, sourcePort, destinationPort } = filter
  const arrow = 'mirrored' in filter && filter.mirrored ? '↔' : '→'
  const what = protocol === undefined ? 'any protocol' : protocolName(protocol)
  const bracket = (spec: AddressSpec, ports: PortRange | undefined) => {
    const text = formatSpec(spec)
    if (ports === undefined) return text
    return `${text.includes(':') ? `[${text}]` : text}:${formatPorts(ports)}`
  }
  return `${what} ${bracket(source, sourcePort)} ${arrow} ${bracket(destination, destinationPort)}`
}
