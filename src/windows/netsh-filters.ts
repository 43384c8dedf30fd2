// Filters of `netsh ipsec static` and `dynamic`: the parameters of one as Windows's own filter and back. What version 1 of the
// blobs has no words for (ranges, IPv6) is written in version 2, with subnets beside it for older readers.
import { addressFromOctets, addressOctets, formatAddress, formatIpv4, parseAddress } from '../base/address.ts'
import { isSameOctets } from '../base/bytes.ts'
import { hasPorts } from '../base/flow.ts'
import type { AddressSpec, Filter } from '../policy/model.ts'
import { filterListFrom } from './from-policy-filters.ts'
import type { NetshParameters } from './netsh-parameters.ts'
import {
  formatNetshProtocol,
  LARGEST,
  type NetshAddress,
  readNetshAddress,
  readNetshProtocol,
  readNumber,
  readYes,
} from './netsh-values.ts'
import type {
  AddressVersion2,
  FilterListContent,
  FilterVersion1,
  FilterVersion2,
  PortsVersion2,
} from './policy-filter-blob.ts'
import type { Guid } from './policy-guids.ts'
import { Losses } from './policy-losses.ts'
import { filterListOf, filterVersion1 } from './policy-makers.ts'
import { countingFilters } from './to-policy-filters.ts'

/** `description` stands where netsh takes it without its tag. */
export const filterTags: readonly string[] = [
  'filterlist',
  'srcaddr',
  'dstaddr',
  'description',
  'protocol',
  'mirrored',
  'srcmask',
  'dstmask',
  'srcport',
  'dstport',
]

export interface NewFilter {
  readonly source: NetshAddress
  readonly destination: NetshAddress
  readonly protocol: number
  readonly mirrored: boolean
  readonly sourcePort: number
  readonly destinationPort: number
  readonly description: string
}

/** Undefined where a parameter means nothing; why is then among its problems. */
export function readFilter(parameters: NetshParameters): NewFilter | undefined {
  if (!parameters.needs('srcaddr', 'dstaddr')) return undefined
  const source = parameters.read('srcaddr', text => readNetshAddress(text, parameters.get('srcmask')))
  const destination = parameters.read('dstaddr', text => readNetshAddress(text, parameters.get('dstmask')))
  const protocol = parameters.read('protocol', readNetshProtocol) ?? 0
  const mirrored = parameters.read('mirrored', readYes) ?? true
  const port = readNumber(0, 65_535)
  const sourcePort = parameters.read('srcport', port) ?? 0
  const destinationPort = parameters.read('dstport', port) ?? 0
  if (sourcePort + destinationPort > 0 && !hasPorts(protocol))
    parameters.wrong(`ports with protocol ${formatNetshProtocol(protocol)}`, 'write protocol=tcp or protocol=udp')
  if (source?.kind === 'server' && destination?.kind === 'server')
    parameters.wrong('servers on both sides', 'a server is on one side, and me on the other')
  const families = [source, destination].flatMap(one => (one === undefined ? [] : (familyOf(one) ?? [])))
  if (new Set(families).size > 1)
    parameters.wrong('one address is of IPv4 and the other of IPv6', 'write a filter for each')
  if (source === undefined || destination === undefined || !parameters.isFine) return undefined
  const description = parameters.get('description') ?? ''
  return { source, destination, protocol, mirrored, sourcePort, destinationPort, description }
}

function familyOf(address: NetshAddress): 4 | 6 | undefined {
  if (address.kind === 'range') return address.spec.kind === 'range' ? address.spec.first.family : undefined
  return address.kind === 'masked' && address.mask !== 0 && address.address !== 0 ? 4 : undefined
}

const serverNumbers = { dns: 1, wins: 2, dhcp: 3, gateway: 4 } as const

/** The list with the filter behind the others; undefined where one side cannot stand beside the other. */
export function withFilter(
  list: FilterListContent,
  filter: NewFilter,
  newId: () => Guid,
): FilterListContent | undefined {
  const { source, destination, description } = filter
  const count = list.version2 === undefined ? list.filters.length : countOf(list)
  if (source.kind !== 'range' && destination.kind !== 'range') {
    const filters = list.filters.toSpliced(count, 0, { ...version1Of(filter), id: newId() })
    const { version2 } = list
    return {
      ...list,
      filters,
      ...(version2 === undefined ? {} : { version2: { ...version2, version1Count: count + 1 } }),
    }
  }
  const said = specOf(filter)
  if (said === undefined) return undefined
  const to = { form: 'windows-vista', action: 'block', tunnelAddress: 0, isTunnel: false, newId } as const
  const made = filterListFrom([said], to, new Losses(''))
  const own = made.version2?.filters ?? []
  // A range that is one subnet is one filter of version 1.
  const plain = own.length === 0 ? made.filters : []
  const instead = own.length === 0 ? [] : made.filters
  const describe = <T extends FilterVersion1 | FilterVersion2>(one: T): T => ({ ...one, description })
  const filters = [...list.filters.toSpliced(count, 0, ...plain.map(describe)), ...instead.map(describe)]
  if (own.length === 0 && list.version2 === undefined) return { ...list, filters }
  const before = list.version2?.filters ?? []
  const version2 = { version1Count: count + plain.length, filters: [...before, ...own.map(describe)] }
  return { filters, version2, trailing: new Uint8Array(0) }
}

/** How many of version 1 count; 0 in the blob stands for all that no other replaces. */
function countOf({ filters, version2 }: FilterListContent): number {
  if (version2 === undefined) return filters.length
  if (version2.version1Count > 0) return Math.min(version2.version1Count, filters.length)
  const replaced = new Set(version2.filters.filter(({ flags }) => (flags & 8) !== 0).map(({ id }) => id))
  return filters.filter(({ id }) => !replaced.has(id)).length
}

export function version1Of(filter: NewFilter): Omit<FilterVersion1, 'id'> {
  const { source, destination } = filter
  const side = (address: NetshAddress) =>
    address.kind === 'masked' ? address : { address: 0, mask: address.kind === 'server' ? LARGEST : 0 }
  const special =
    source.kind === 'server'
      ? serverNumbers[source.server]
      : destination.kind === 'server'
        ? 0x80 | serverNumbers[destination.server]
        : 0
  return filterVersion1('', {
    mirrored: filter.mirrored ? 1 : 0,
    description: filter.description,
    sourceAddress: side(source).address,
    sourceMask: side(source).mask,
    destinationAddress: side(destination).address,
    destinationMask: side(destination).mask,
    protocol: filter.protocol,
    sourcePort: filter.sourcePort,
    destinationPort: filter.destinationPort,
    special,
  })
}

/** In our own words; undefined where version 2 has none for one side. */
function specOf({ source, destination, protocol, mirrored, sourcePort, destinationPort }: NewFilter) {
  const [from, to] = [specOfSide(source), specOfSide(destination)]
  if (from === undefined || to === undefined) return undefined
  const port = (number: number) => (number === 0 ? undefined : { first: number, last: number })
  const ports = {
    ...(sourcePort === 0 ? {} : { sourcePort: port(sourcePort)! }),
    ...(destinationPort === 0 ? {} : { destinationPort: port(destinationPort)! }),
  }
  const filter: Filter = { source: from, destination: to, mirrored, ...ports, ...(protocol === 0 ? {} : { protocol }) }
  return filter
}

function specOfSide(address: NetshAddress): AddressSpec | undefined {
  if (address.kind === 'range') return address.spec
  if (address.kind === 'server') return undefined
  if (address.mask === 0) return { kind: 'any' }
  if (address.address === 0 && address.mask === LARGEST) return { kind: 'me' }
  const length = Math.clz32(~address.mask)
  if (length < 32 && address.mask << length !== 0) return undefined
  const first = (address.address & address.mask) >>> 0
  const last = (address.address | ~address.mask) >>> 0
  return { kind: 'range', first: { family: 4, words: [first] }, last: { family: 4, words: [last] } }
}

/** Finds the filters of a list that match exactly what this one does, whatever they are called. */
export function sameFilters(filter: NewFilter, newId: () => Guid): (list: FilterListContent) => readonly Guid[] {
  const alone = withFilter(filterListOf([]), filter, newId)
  const [first, second] = [alone?.filters[0], alone?.version2?.filters[0]]
  return list => {
    if (second !== undefined)
      return (list.version2?.filters ?? []).filter(one => isSameVersion2(one, second)).map(({ id }) => id)
    if (first === undefined) return []
    const counting = list.version2 === undefined ? list.filters : countingFilters(list).version1
    return counting.filter(one => isSameVersion1(one, first)).map(({ id }) => id)
  }
}

function isSameVersion1(a: FilterVersion1, b: FilterVersion1): boolean {
  return (
    a.sourceAddress === b.sourceAddress &&
    a.destinationAddress === b.destinationAddress &&
    a.sourceMask === b.sourceMask &&
    a.destinationMask === b.destinationMask &&
    a.protocol === b.protocol &&
    a.sourcePort === b.sourcePort &&
    a.destinationPort === b.destinationPort &&
    (a.mirrored === 0) === (b.mirrored === 0) &&
    a.special === b.special
  )
}

function isSameVersion2(a: FilterVersion2, b: FilterVersion2): boolean {
  const side = (one: AddressVersion2, other: AddressVersion2) =>
    one.type === other.type && isSameOctets(one.address, other.address) && isSameOctets(one.second, other.second)
  return (
    side(a.source, b.source) &&
    side(a.destination, b.destination) &&
    a.protocol === b.protocol &&
    a.sourcePorts.first === b.sourcePorts.first &&
    a.destinationPorts.first === b.destinationPorts.first &&
    (a.mirrored === 0) === (b.mirrored === 0)
  )
}

/** A filter in the words that `add filter` takes; undefined where it has none. */
export interface SaidFilter {
  readonly id: Guid
  readonly srcaddr: string
  readonly srcmask?: string
  readonly dstaddr: string
  readonly dstmask?: string
  readonly protocol: string
  readonly srcport: number
  readonly dstport: number
  readonly mirrored: boolean
  readonly description: string
  /** A name that Windows had looked up. */
  readonly names: readonly string[]
}

export function sayVersion1(filter: FilterVersion1): SaidFilter | undefined {
  const { special } = filter
  const server = Object.entries(serverNumbers).find(([, number]) => number === (special & 0x7f))?.[0]
  if (special !== 0 && server === undefined) return undefined
  const side = (address: number, mask: number, isServer: boolean) => {
    if (isServer) return { address: server! }
    if (mask === 0 && address === 0) return { address: 'any' }
    if (mask === LARGEST) return { address: address === 0 ? 'me' : formatIpv4(address) }
    return { address: formatIpv4(address), mask: formatIpv4(mask) }
  }
  const source = side(filter.sourceAddress, filter.sourceMask, special !== 0 && (special & 0x80) === 0)
  const destination = side(filter.destinationAddress, filter.destinationMask, (special & 0x80) !== 0)
  return said(filter, source, destination, filter.sourcePort, filter.destinationPort)
}

export function sayVersion2(filter: FilterVersion2): SaidFilter | undefined {
  const [source, destination] = [sideOfVersion2(filter.source), sideOfVersion2(filter.destination)]
  const [from, to] = [filter.sourcePorts, filter.destinationPorts]
  if (source === undefined || destination === undefined || isUnsayable(from) || isUnsayable(to)) return undefined
  return said(filter, source, destination, from.type === 0 ? 0 : from.first, to.type === 0 ? 0 : to.first)
}

/** Ranges, and the port 0, which is any. */
function isUnsayable({ type, first }: PortsVersion2): boolean {
  return type > 1 || (type === 1 && first === 0)
}

const serverBits: Readonly<Record<number, string>> = { 16: 'dns', 32: 'wins', 64: 'dhcp', 128: 'gateway' }

function sideOfVersion2({
  type,
  version,
  address,
  second,
}: AddressVersion2): { address: string; mask?: string } | undefined {
  if (type === 0) return { address: 'any' }
  if (type === 8) return { address: 'me' }
  if (serverBits[type] !== undefined) return { address: serverBits[type] }
  if (version !== 1 && version !== 2) return undefined
  const size = version === 1 ? 4 : 16
  const text = (octets: Uint8Array) => formatAddress(addressFromOctets(octets.subarray(0, size)))
  if (type === 1) return { address: text(address) }
  if (type === 2) return { address: `${text(address)}-${text(second)}` }
  if (type !== 4) return undefined
  // Every address of IPv4 is not any address where IPv6 is spoken of too.
  if (version === 1 && second.subarray(0, 4).every(octet => octet === 0)) return { address: '0.0.0.0-255.255.255.255' }
  return { address: text(address), mask: version === 1 ? text(second) : String(second[0]) }
}

function said(
  { id, protocol, mirrored, description, sourceName, destinationName }: FilterVersion1 | FilterVersion2,
  source: { readonly address: string; readonly mask?: string },
  destination: { readonly address: string; readonly mask?: string },
  srcport: number,
  dstport: number,
): SaidFilter {
  return {
    id,
    srcaddr: source.address,
    ...(source.mask === undefined ? {} : { srcmask: source.mask }),
    dstaddr: destination.address,
    ...(destination.mask === undefined ? {} : { dstmask: destination.mask }),
    protocol: formatNetshProtocol(protocol),
    srcport,
    dstport,
    mirrored: mirrored !== 0,
    description: description ?? '',
    names: [sourceName, destinationName].filter(name => name !== undefined && name !== '') as string[],
  }
}

/** Of the far end of a tunnel: IPv4 as one number, IPv6 as 16 octets. */
export function tunnelOf(text: string): number | Uint8Array | undefined {
  const address = parseAddress(text.trim())
  if (address === undefined) return undefined
  return address.family === 4 ? address.words[0]! : addressOctets(address)
}
