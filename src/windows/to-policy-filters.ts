// Filters of Windows as filters of ours. What stands for addresses that only the machine knows (its DNS servers, its default
// gateway) becomes those that the caller knows, or is lost.
import {
  type Address,
  addressFromOctets,
  compareAddresses,
  formatIpv4,
  lastAddress,
  maskAddress,
} from '../base/address.ts'
import { hasPorts } from '../base/flow.ts'
import type { AddressSpec, Filter, FilterAction, PortRange } from '../policy/model.ts'
import type {
  AddressVersion2,
  FilterListContent,
  FilterVersion1,
  FilterVersion2,
  PortsVersion2,
} from './policy-filter-blob.ts'
import type { Losses } from './policy-losses.ts'

export type ServerKind = 'dns' | 'wins' | 'dhcp' | 'gateway'

/** What Windows asks the machine for. */
export type Servers = Readonly<Partial<Record<ServerKind, readonly Address[]>>>

const serverNames: Readonly<Record<ServerKind, string>> = {
  dns: 'the DNS servers',
  wins: 'the WINS servers',
  dhcp: 'the DHCP server',
  gateway: 'the default gateway',
}
const kindsInOrder: readonly ServerKind[] = ['dns', 'wins', 'dhcp', 'gateway']

/** Filters of version 2 that stand for ranges take the place of their subnets of version 1. */
export const USES_RANGES = 8

/** The filters of a list that count: those of version 2, and of version 1 what does not stand for them. */
export function countingFilters({ filters, version2 }: FilterListContent): {
  readonly version1: readonly FilterVersion1[]
  readonly version2: readonly FilterVersion2[]
} {
  if (version2 === undefined) return { version1: filters, version2: [] }
  const replaced = new Set(version2.filters.filter(({ flags }) => (flags & USES_RANGES) !== 0).map(({ id }) => id))
  const first = version2.version1Count === 0 ? filters : filters.slice(0, version2.version1Count)
  return { version1: first.filter(({ id }) => !replaced.has(id)), version2: version2.filters }
}

export interface FilterContext {
  readonly action: FilterAction
  readonly isTunnel: boolean
  readonly servers: Servers
}

/** All the filters of a list; those that cannot be said are losses. */
export function filtersOf(content: FilterListContent, context: FilterContext, losses: Losses): readonly Filter[] {
  const { version1, version2 } = countingFilters(content)
  return [
    ...version1.flatMap((filter, index) => fromVersion1(filter, context, losses.at(`filter ${index + 1}`))),
    ...version2.flatMap((filter, index) =>
      fromVersion2(filter, context, losses.at(`filter ${version1.length + index + 1}`)),
    ),
  ]
}

function fromVersion1(filter: FilterVersion1, context: FilterContext, losses: Losses): readonly Filter[] {
  const { special } = filter
  const isSource = special !== 0 && (special & 0x80) === 0
  const isDestination = (special & 0x80) !== 0
  const server = kindsInOrder[(special & 0x7f) - 1]
  if (special !== 0 && server === undefined) {
    losses.narrower(context.action, `special address ${special} is not known`, 'the filter is left out')
    return []
  }
  const source = isSource
    ? serverSpecs([server!], context, losses)
    : addressVersion1(filter.sourceAddress, filter.sourceMask, filter.sourceName, context, losses)
  const destination = isDestination
    ? serverSpecs([server!], context, losses)
    : addressVersion1(filter.destinationAddress, filter.destinationMask, filter.destinationName, context, losses)
  const port = (number: number): PortRange | undefined => (number === 0 ? undefined : { first: number, last: number })
  return assembled(filter, source, destination, port(filter.sourcePort), port(filter.destinationPort), context, losses)
}

const FULL_MASK = 0xffff_ffff

function addressVersion1(
  address: number,
  mask: number,
  name: string | undefined,
  context: FilterContext,
  losses: Losses,
): readonly AddressSpec[] {
  if (mask === 0) return [{ kind: 'any' }]
  if (address === 0 && mask === FULL_MASK) return [{ kind: 'me' }]
  const length = Math.clz32(~mask)
  if (length < 32 && mask << length !== 0) {
    const what = `the mask ${formatIpv4(mask)} has gaps`
    losses.narrower(context.action, what, 'the filter is left out; write a filter for each subnet')
    return []
  }
  if (name !== undefined && name !== '') warnOfName(name, formatIpv4(address), losses)
  return [subnet({ family: 4, words: [address] }, length)]
}

function warnOfName(name: string, address: string, losses: Losses): void {
  losses.warn(
    `the name ${JSON.stringify(name)} is kept as the address ${address}`,
    'Windows does not look it up again either',
  )
}

function subnet(address: Address, length: number): AddressSpec {
  const first = maskAddress(address, length)
  return { kind: 'range', first, last: lastAddress({ address: first, length }) }
}

function serverSpecs(kinds: readonly ServerKind[], context: FilterContext, losses: Losses): readonly AddressSpec[] {
  return kinds.flatMap(kind => {
    const known = context.servers[kind] ?? []
    const hint = 'say which addresses they are, or write a filter for each'
    if (known.length === 0)
      losses.narrower(context.action, `the addresses of ${serverNames[kind]} are not known here`, hint)
    else
      losses.warn(
        `the addresses of ${serverNames[kind]} are kept as they are now`,
        'Windows would follow when they change',
      )
    return known.map((address): AddressSpec => ({ kind: 'range', first: address, last: address }))
  })
}

function fromVersion2(filter: FilterVersion2, context: FilterContext, losses: Losses): readonly Filter[] {
  const source = addressVersion2(filter.source, filter.destination, filter.sourceName, context, losses)
  const destination = addressVersion2(filter.destination, filter.source, filter.destinationName, context, losses)
  const sourcePorts = portsVersion2(filter.sourcePorts)
  const destinationPorts = portsVersion2(filter.destinationPorts)
  return assembled(filter, source, destination, sourcePorts, destinationPorts, context, losses)
}

const [ANY, HOST, RANGE, SUBNET, OWN] = [0, 1, 2, 4, 8] as const
const serverBits: readonly (readonly [number, ServerKind])[] = [
  [0x10, 'dns'],
  [0x20, 'wins'],
  [0x40, 'dhcp'],
  [0x80, 'gateway'],
]

function hasAddress({ type }: AddressVersion2): boolean {
  return type === HOST || type === RANGE || type === SUBNET
}

function addressVersion2(
  { type, version, address, second }: AddressVersion2,
  other: AddressVersion2,
  name: string | undefined,
  context: FilterContext,
  losses: Losses,
): readonly AddressSpec[] {
  if (type === OWN) return [{ kind: 'me' }]
  const lost = (what: string): readonly AddressSpec[] => {
    losses.narrower(context.action, what, 'the filter is left out')
    return []
  }
  const server = serverBits.find(([bit]) => bit === type)?.[1]
  if (server !== undefined) {
    const wanted = serverSpecs([server], context, losses)
    return wanted.filter(spec => spec.kind === 'range' && (version & (spec.first.family === 4 ? 1 : 2)) !== 0)
  }
  if (type === ANY) {
    // Beside an address of IPv6, "any" can only be of IPv6 too; alone it says so.
    const isIpv6 = version === 2 && !(other.version === 2 && hasAddress(other))
    return isIpv6 ? [subnet({ family: 6, words: [0, 0, 0, 0] }, 0)] : [{ kind: 'any' }]
  }
  if (version !== 1 && version !== 2) return lost(`an address of IP version ${version}`)
  const size = version === 1 ? 4 : 16
  const first = addressFromOctets(address.subarray(0, size))
  if (name !== undefined && name !== '') warnOfName(name, 'that stands beside it', losses)
  if (type === HOST) return [{ kind: 'range', first, last: first }]
  if (type === RANGE) {
    const last = addressFromOctets(second.subarray(0, size))
    return compareAddresses(first, last) <= 0
      ? [{ kind: 'range', first, last }]
      : lost('a range whose end comes before its beginning')
  }
  if (type !== SUBNET) return lost(`an address of type ${type}`)
  if (version === 2) {
    const bits = second[0]!
    return bits > 128 ? lost(`a prefix of ${bits} bits`) : [subnet(first, bits)]
  }
  const mask = addressFromOctets(second.subarray(0, 4)).words[0]!
  const length = Math.clz32(~mask)
  return length < 32 && mask << length !== 0 ? lost(`the mask ${formatIpv4(mask)} has gaps`) : [subnet(first, length)]
}

function portsVersion2({ type, first, last }: PortsVersion2): PortRange | 'faulty' | undefined {
  if (type === 0) return undefined
  if (type === 1) return { first, last: first }
  return type === 2 && first <= last ? { first, last } : 'faulty'
}

/** The filters of each source with each destination. */
function assembled(
  { protocol, mirrored }: FilterVersion1 | FilterVersion2,
  sources: readonly AddressSpec[],
  destinations: readonly AddressSpec[],
  sourcePort: PortRange | 'faulty' | undefined,
  destinationPort: PortRange | 'faulty' | undefined,
  context: FilterContext,
  losses: Losses,
): readonly Filter[] {
  const { action, isTunnel } = context
  if (protocol > 255 || sourcePort === 'faulty' || destinationPort === 'faulty') {
    const what = protocol > 255 ? `protocol ${protocol} is none of IP` : 'ports of a kind that is not known'
    losses.narrower(action, what, 'the filter is left out')
    return []
  }
  const ports = {
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  }
  const canHavePorts = hasPorts(protocol)
  if (!canHavePorts && Object.keys(ports).length > 0) {
    losses.wider(action, `ports with protocol ${protocol}, which has none`, 'they are left out')
  }
  if (isTunnel && mirrored !== 0) {
    const hint = 'the way back is a rule of its own, with the other end of the tunnel'
    losses.error('a filter of a tunnel goes one way, and this one is mirrored', hint)
  }
  return sources.flatMap(source =>
    destinations
      .filter(destination => isOneVersion(source, destination))
      .map(destination => ({
        source,
        destination,
        ...(protocol === 0 ? {} : { protocol }),
        ...(canHavePorts ? ports : {}),
        mirrored: mirrored !== 0 && !isTunnel,
      })),
  )
}

function isOneVersion(source: AddressSpec, destination: AddressSpec): boolean {
  if (source.kind !== 'range' || destination.kind !== 'range') return true
  return source.first.family === destination.first.family
}
