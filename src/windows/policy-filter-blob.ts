// What Windows keeps in `ipsecData` of a filter list, both ways and octet for octet ([MS-GPIPSEC] §2.2.1.5): filters of version
// 1, which every Windows since 2000 reads, and of version 2 behind them, since Vista: IPv6, ranges of addresses and of ports.
import { type Codec, counted, octets, rest, struct, u8, u16LittleEndian, u32, u32LittleEndian } from '../base/codec.ts'
import { type Content, type Framed, framed, passesGuid, wideText, withTexts } from './policy-blob-parts.ts'
import { blobGuids, type Guid, guid, VERSION_2_FILTERS } from './policy-guids.ts'

interface FilterHead {
  /** A name that was looked up when the filter was made; its address stands below. */
  readonly sourceName?: string
  readonly destinationName?: string
  readonly description?: string
  readonly id: Guid
  /** Not 0: also with source and destination exchanged. */
  readonly mirrored: number
}

/** Addresses and masks are IPv4 in network order, as one number. */
export interface FilterVersion1 extends FilterHead {
  /** 0.0.0.0 with mask 0.0.0.0 is any address, with mask 255.255.255.255 the addresses of the host itself. */
  readonly sourceAddress: number
  readonly sourceMask: number
  readonly destinationAddress: number
  readonly destinationMask: number
  readonly tunnelAddress: number
  /** 0: any. */
  readonly protocol: number
  /** 0: any. */
  readonly sourcePort: number
  readonly destinationPort: number
  readonly isTunnel: number
  /** 1 DNS, 2 WINS, 3 DHCP servers, 4 default gateway as the source; with 0x80 as the destination. Since Server 2003. */
  readonly special: number
  readonly flags: number
}

export interface AddressVersion2 {
  /** 0 any, 1 host, 2 range, 4 subnet, 8 me, 0x10 DNS, 0x20 WINS, 0x40 DHCP servers, 0x80 default gateway. */
  readonly type: number
  /** 1 IPv4, 2 IPv6, 3 both. */
  readonly version: number
  /** 16 octets, of which IPv4 takes the first four. */
  readonly address: Uint8Array
  /** The last address or the mask; of IPv6, the number of bits of the mask in the first octet. */
  readonly second: Uint8Array
}

export interface PortsVersion2 {
  /** 0 any, 1 one port, 2 a range. */
  readonly type: number
  readonly first: number
  readonly last: number
}

export interface FilterVersion2 extends FilterHead {
  readonly source: AddressVersion2
  readonly destination: AddressVersion2
  readonly sourcePorts: PortsVersion2
  readonly destinationPorts: PortsVersion2
  /** 0: any. */
  readonly protocol: number
  /** 8: this filter counts and not the subnets of version 1 that stand for its range. */
  readonly flags: number
}

export interface Version2 {
  readonly statedLength?: number
  /** How many of the filters of version 1 count beside these; 0: see there. */
  readonly version1Count: number
  readonly filters: readonly FilterVersion2[]
}

export interface FilterListContent extends Framed {
  readonly filters: readonly FilterVersion1[]
  readonly version2?: Version2
}

const le = u32LittleEndian
const head = {
  sourceName: wideText,
  destinationName: wideText,
  description: wideText,
  id: guid,
  mirrored: le,
}

const texts = ['sourceName', 'destinationName', 'description']

const filterVersion1 = withTexts<FilterVersion1>(
  struct({
    ...head,
    sourceAddress: u32,
    sourceMask: u32,
    destinationAddress: u32,
    destinationMask: u32,
    tunnelAddress: u32,
    protocol: le,
    sourcePort: u16LittleEndian,
    destinationPort: u16LittleEndian,
    isTunnel: u8,
    special: u8,
    flags: u16LittleEndian,
  }),
  texts,
)

const addressVersion2: Codec<AddressVersion2> = struct({
  type: le,
  version: le,
  address: octets(16),
  second: octets(16),
})
const portsVersion2: Codec<PortsVersion2> = struct({ type: le, first: u16LittleEndian, last: u16LittleEndian })

const filterVersion2 = withTexts<FilterVersion2>(
  struct({
    ...head,
    source: addressVersion2,
    destination: addressVersion2,
    sourcePorts: portsVersion2,
    destinationPorts: portsVersion2,
    protocol: le,
    flags: le,
  }),
  texts,
)

/** GUID, length of the filters alone, two counts, filters. */
const version2: Codec<Version2> = {
  read(from) {
    const stated = le.read(from)
    const version1Count = le.read(from)
    const count = le.read(from)
    const start = from.at
    const filters: FilterVersion2[] = []
    for (let index = 0; index < count; index++) filters.push(filterVersion2.read(from))
    const own = from.at - start
    return { ...(stated === own ? {} : { statedLength: stated }), version1Count, filters }
  },
  write(to, { statedLength, version1Count, filters }) {
    const at = to.at
    to.u32LittleEndian(0)
    to.u32LittleEndian(version1Count)
    to.u32LittleEndian(filters.length)
    const start = to.at
    for (const filter of filters) filterVersion2.write(to, filter)
    const length = statedLength ?? to.at - start
    to.patch(at, patched => patched.u32LittleEndian(length))
  },
}

/** Windows 2000 to 2003 count the number of filters too and put a zero behind; later ones do neither. */
function lengthOf(size: number, { version2, trailing }: Content<FilterListContent>): number {
  return version2 === undefined && trailing.length > 0 ? size : size - 4
}

const behind: Codec<Partial<Content<FilterListContent>>> = {
  read(from) {
    const second = passesGuid(from, VERSION_2_FILTERS) ? { version2: version2.read(from) } : {}
    return { ...second, trailing: rest.read(from) }
  },
  write(to, value) {
    if (value.version2 !== undefined) {
      guid.write(to, VERSION_2_FILTERS)
      version2.write(to, value.version2)
    }
    rest.write(to, value.trailing!)
  },
}

export const filterListContent = framed<FilterListContent>(
  blobGuids['filter-list'],
  struct({ filters: counted(le, filterVersion1) }) as Codec<Partial<Content<FilterListContent>>>,
  behind,
  lengthOf,
)
