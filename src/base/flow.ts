// What the policy sees of a packet, and the protocol numbers that have names (IANA assigned internet protocol numbers).
import { type Address, formatAddress } from './address.ts'

export type Direction = 'out' | 'in'

export interface Flow {
  readonly source: Address
  readonly destination: Address
  /** IP protocol number, 0 to 255; for IPv6 the one behind the extension headers. */
  readonly protocol: number
  /** 0 to 65535. Absent where the protocol has none, or where a fragment does not carry them: then no port filter matches. */
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** ICMP or ICMPv6 type, where it is known: Vista's exemptions ask for it. */
  readonly icmpType?: number
  /** The frame went to every station of the link: this is how a subnet broadcast is known on the wire. */
  readonly linkBroadcast?: boolean
}

export const ICMP = 1
export const TCP = 6
export const UDP = 17
export const RSVP = 46
export const ESP = 50
export const AH = 51
export const ICMPV6 = 58

const names: readonly (readonly [number, string])[] = [
  [1, 'icmp'],
  [2, 'igmp'],
  [4, 'ipip'],
  [6, 'tcp'],
  [8, 'egp'],
  [17, 'udp'],
  [27, 'rdp'],
  [33, 'dccp'],
  [41, 'ipv6'],
  [46, 'rsvp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'icmpv6'],
  [59, 'ipv6-nonxt'],
  [88, 'eigrp'],
  [89, 'ospf'],
  [103, 'pim'],
  [108, 'ipcomp'],
  [112, 'vrrp'],
  [115, 'l2tp'],
  [132, 'sctp'],
  [136, 'udplite'],
]

const nameOf = new Map(names)
const numberOf = new Map(names.map(([number, name]) => [name, number]))

export function protocolName(protocol: number): string {
  return nameOf.get(protocol) ?? String(protocol)
}

/** A protocol by name or by number 0 to 255; undefined for anything else. */
export function parseProtocol(text: string): number | undefined {
  const named = numberOf.get(text.toLowerCase())
  if (named !== undefined) return named
  return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined
}

export const protocolNames: readonly string[] = names.map(([, name]) => name)

export function hasPorts(protocol: number): boolean {
  return protocol === TCP || protocol === UDP
}

/** The flow from the other side: what answers it. */
export function reverseFlow(flow: Flow): Flow {
  const { source, destination, sourcePort, destinationPort, ...rest } = flow
  return {
    ...rest,
    source: destination,
    destination: source,
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
  }
}

function endpoint(address: Address, port: number | undefined): string {
  if (port === undefined) return formatAddress(address)
  return address.family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`
}

/** `tcp 10.54.0.1:49152 → 10.54.0.2:88` */
export function formatFlow(flow: Flow): string {
  const source = endpoint(flow.source, flow.sourcePort)
  return `${protocolName(flow.protocol)} ${source} → ${endpoint(flow.destination, flow.destinationPort)}`
}
