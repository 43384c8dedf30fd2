// Filters of ours as filters of Windows. Version 1 has IPv4 alone, subnets, single ports; what it has no words for stands in
// version 2, which Windows reads since Vista, or is said with more filters, or is lost.
import { type Address, addressOctets, formatAddress } from '../base/address.ts'
import { prefixesOf, spanOf } from '../base/address-span.ts'
import { formatFilter, prefixLength } from '../policy/filter.ts'
import type { AddressSpec, Filter, FilterAction, PortRange } from '../policy/model.ts'
import type {
  AddressVersion2,
  FilterListContent,
  FilterVersion1,
  FilterVersion2,
  PortsVersion2,
} from './policy-filter-blob.ts'
import type { Guid } from './policy-guids.ts'
import type { Losses } from './policy-losses.ts'
import { type BlobForm, filterListOf, filterVersion1, ME } from './policy-makers.ts'
import { USES_RANGES } from './to-policy-filters.ts'

export interface ToFilters {
  readonly form: BlobForm
  readonly action: FilterAction
  /** IPv4 as one number; 0 where the tunnel's end is of IPv6 or there is none. */
  readonly tunnelAddress: number
  readonly isTunnel: boolean
  readonly newId: () => Guid
}

/** One filter of ours in Windows's words. */
type Said =
  | { readonly kind: 'version 1'; readonly filters: readonly FilterVersion1[] }
  /** `instead`: subnets that an older Windows reads in its place. */
  | { readonly kind: 'version 2'; readonly filter: FilterVersion2; readonly instead: readonly FilterVersion1[] }
  | { readonly kind: 'lost' }

/** More filters than these for one range are no longer what an administrator can look at. */
const MOST_FOR_ONE = 64

export function filterListFrom(filters: readonly Filter[], to: ToFilters, losses: Losses): FilterListContent {
  const said = filters.map(filter => sayFilter(filter, to, losses))
  const version1 = said.flatMap(one => (one.kind === 'version 1' ? one.filters : []))
  const version2 = said.flatMap(one => (one.kind === 'version 2' ? [one.filter] : []))
  const instead = said.flatMap(one => (one.kind === 'version 2' ? one.instead : []))
  const list = filterListOf([...version1, ...instead], to.form)
  return version2.length === 0 ? list : { ...list, version2: { version1Count: version1.length, filters: version2 } }
}

function sayFilter(filter: Filter, to: ToFilters, losses: Losses): Said {
  const at = losses.at(formatFilter(filter))
  // What Windows writes as 0 is "any": hop-by-hop options and port 0 have no words.
  if (filter.protocol === 0) {
    at.narrower(to.action, 'protocol 0 is any protocol in Windows', 'the filter is left out')
    return { kind: 'lost' }
  }
  const isPlain = isPlainPort(filter.sourcePort) && isPlainPort(filter.destinationPort)
  const family = familyOf(filter)
  const inVersion1 = family !== 6 && isPlain ? sayInVersion1(filter, to) : undefined
  if (inVersion1 !== undefined && inVersion1.length === 1) {
    warnOfAny(filter, at)
    return { kind: 'version 1', filters: inVersion1 }
  }
  if (to.form === 'windows-vista') return sayInVersion2(filter, inVersion1 ?? [], to)
  if (inVersion1 !== undefined) {
    at.warn(`a range is said with ${inVersion1.length} filters`, 'Windows Vista and later have words for ranges')
    return { kind: 'version 1', filters: inVersion1 }
  }
  at.narrower(to.action, whyNotVersion1(filter, family, isPlain), 'the filter is left out; write for Windows Vista')
  return { kind: 'lost' }
}

function whyNotVersion1({ source, destination }: Filter, family: 4 | 6 | undefined, isPlain: boolean): string {
  if (family === 6) return 'Windows 2000 to 2003 have no filters of IPv6'
  if (!isPlain) return 'Windows 2000 to 2003 have no ranges of ports, and port 0 is any'
  if ([source, destination].some(isZero))
    return 'the host 0.0.0.0 is how Windows 2000 to 2003 write their own addresses'
  return 'Windows 2000 to 2003 have no ranges of addresses, and as subnets it has too many parts'
}

function isZero(spec: AddressSpec): boolean {
  return spec.kind === 'range' && spec.last.words.every(word => word === 0)
}

/** One port that is not 0, or any. */
function isPlainPort(range: PortRange | undefined): boolean {
  return range === undefined || (range.first === range.last && range.first !== 0)
}

function familyOf({ source, destination }: Filter): 4 | 6 | undefined {
  const range = [source, destination].find(spec => spec.kind === 'range')
  return range?.kind === 'range' ? range.first.family : undefined
}

/** A range of every IPv4 address is written as "any". */
function warnOfAny({ source, destination }: Filter, losses: Losses): void {
  for (const spec of [source, destination]) {
    if (spec.kind !== 'range' || prefixLength(spec.first, spec.last) !== 0) continue
    losses.warn('every address of IPv4 is any address in Windows', 'it comes back as any')
  }
}

interface Subnet {
  readonly address: number
  readonly mask: number
}

/** The filters of each subnet with each; undefined where that cannot be said, or not with few. */
function sayInVersion1(filter: Filter, to: ToFilters): readonly FilterVersion1[] | undefined {
  const [sources, destinations] = [subnetsOf(filter.source), subnetsOf(filter.destination)]
  if (sources === undefined || destinations === undefined) return undefined
  if (sources.length * destinations.length > MOST_FOR_ONE) return undefined
  const id = to.newId()
  return sources.flatMap((source, row) =>
    destinations.map((destination, column) =>
      filterVersion1(row + column === 0 ? id : to.newId(), {
        mirrored: filter.mirrored ? 1 : 0,
        sourceAddress: source.address,
        sourceMask: source.mask,
        destinationAddress: destination.address,
        destinationMask: destination.mask,
        tunnelAddress: to.tunnelAddress,
        isTunnel: to.isTunnel ? 1 : 0,
        protocol: filter.protocol ?? 0,
        sourcePort: filter.sourcePort?.first ?? 0,
        destinationPort: filter.destinationPort?.first ?? 0,
      }),
    ),
  )
}

function subnetsOf(spec: AddressSpec): readonly Subnet[] | undefined {
  if (spec.kind === 'any') return [{ address: 0, mask: 0 }]
  if (spec.kind === 'me') return [ME]
  if (spec.first.family === 6) return undefined
  if (isZero(spec)) return undefined
  const subnets = prefixesOf(spanOf(spec.first, spec.last), 4).map(({ address, length }) => ({
    address: address.words[0]!,
    mask: maskOf(length).words[0]!,
  }))
  const isMe = subnets.some(({ address, mask }) => address === ME.address && mask === ME.mask)
  return isMe || subnets.length > MOST_FOR_ONE ? undefined : subnets
}

function sayInVersion2(filter: Filter, instead: readonly FilterVersion1[], to: ToFilters): Said {
  const family = familyOf(filter) ?? 4
  const id = instead[0]?.id ?? to.newId()
  const said: FilterVersion2 = {
    sourceName: '',
    destinationName: '',
    description: '',
    id,
    mirrored: filter.mirrored ? 1 : 0,
    source: addressVersion2(filter.source, family),
    destination: addressVersion2(filter.destination, family),
    sourcePorts: portsVersion2(filter.sourcePort),
    destinationPorts: portsVersion2(filter.destinationPort),
    protocol: filter.protocol ?? 0,
    flags: instead.length === 0 ? 0 : USES_RANGES,
  }
  // All of one filter have its id: so a reader knows what this one stands for.
  return { kind: 'version 2', filter: said, instead: instead.map(one => ({ ...one, id })) }
}

function addressVersion2(spec: AddressSpec, family: 4 | 6): AddressVersion2 {
  const none = new Uint8Array(16)
  const version = family === 4 ? 1 : 2
  if (spec.kind === 'any') return { type: 0, version, address: none, second: none }
  if (spec.kind === 'me') return { type: 8, version: 3, address: none, second: none }
  const bits = prefixLength(spec.first, spec.last)
  const address = padded(addressOctets(spec.first))
  if (bits === (family === 4 ? 32 : 128)) return { type: 1, version, address, second: none }
  if (bits === undefined) return { type: 2, version, address, second: padded(addressOctets(spec.last)) }
  // The mask of IPv6 is a number of bits.
  const mask = family === 6 ? Uint8Array.of(bits) : addressOctets(maskOf(bits))
  return { type: 4, version, address, second: padded(mask) }
}

function maskOf(bits: number): Address {
  return { family: 4, words: [bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0] }
}

function padded(octets: Uint8Array): Uint8Array {
  const whole = new Uint8Array(16)
  whole.set(octets)
  return whole
}

function portsVersion2(range: PortRange | undefined): PortsVersion2 {
  if (range === undefined) return { type: 0, first: 0, last: 0 }
  return range.first === range.last ? { type: 1, first: range.first, last: 0 } : { type: 2, ...range }
}

/** The far end of a tunnel as rules have it. */
export function tunnelEnd(end: Address | undefined, form: BlobForm, losses: Losses): number | Uint8Array {
  if (end === undefined) return 0
  if (end.family === 4) return end.words[0]!
  if (form === 'windows-vista') return addressOctets(end)
  losses.error(
    `the far end ${formatAddress(end)} is of IPv6`,
    'Windows 2000 to 2003 have no words for it; write for Vista',
  )
  return 0
}
