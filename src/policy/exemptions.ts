// The traffic that a Windows leaves out of every filter, each kind as the boxes of flows it is (KB 253169, KB 254728,
// KB 811832; for Vista [MS-GPFAS] §2.2.1.5 and the documentation of the IKE exemptions). An exemption outranks every filter, blocking ones included, and asks for
// no state: that is why a packet from port 88 passes a Block rule while Kerberos is exempt.
import { type Address, lastAddress, type Prefix, parseAddress } from '../base/address.ts'
import { ICMP, ICMPV6, RSVP, TCP, UDP } from '../base/flow.ts'
import type { PortRange } from './model.ts'
import { type AddressRange, type Box, boxes, type Layout } from './region.ts'

export type ExemptionName =
  | 'ike'
  | 'kerberos'
  | 'rsvp'
  | 'multicast'
  | 'broadcast'
  | 'neighbour-discovery'
  | 'icmp'
  | 'router-discovery'
  | 'dhcp'

export interface Exemption {
  readonly name: ExemptionName
  /** How a person calls the traffic. */
  readonly title: string
  /** What of a packet makes it this kind. */
  readonly definition: string
  /** Subnet broadcasts are known by the link, not by the address alone. */
  readonly matchesLinkBroadcast: boolean
  readonly boxes: (layout: Layout, networks: readonly Prefix[]) => readonly Box[]
}

function port(number: number): PortRange {
  return { first: number, last: number }
}

function portPair(layout: Layout, protocol: number, source?: number, destination?: number): readonly Box[] {
  return boxes(layout, undefined, undefined, {
    protocol,
    ...(source === undefined ? {} : { sourcePort: port(source) }),
    ...(destination === undefined ? {} : { destinationPort: port(destination) }),
  })
}

function eitherPort(layout: Layout, protocol: number, number: number): readonly Box[] {
  return [...portPair(layout, protocol, number, undefined), ...portPair(layout, protocol, undefined, number)]
}

function icmpTypes(layout: Layout, types: readonly number[]): readonly Box[] {
  if (layout.family === 4) return []
  return types.flatMap(type => portPair(layout, ICMPV6, undefined, type))
}

function addressRange(first: string, last: string): AddressRange {
  return { first: parseAddress(first)!, last: parseAddress(last)! }
}

const multicast4 = addressRange('224.0.0.0', '239.255.255.255')
const multicast6 = addressRange('ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')
const limitedBroadcast = addressRange('255.255.255.255', '255.255.255.255')

const plain = { matchesLinkBroadcast: false }

/** IKE before NAT traversal: both ports are 500. */
export const ike500: Exemption = {
  ...plain,
  name: 'ike',
  title: 'IKE',
  definition: 'UDP from port 500 to port 500',
  boxes: layout => portPair(layout, UDP, 500, 500),
}

/** With NAT traversal port 4500 joins; a translator may have changed the port of the far side. */
export const ikeWithNat: Exemption = {
  ...plain,
  name: 'ike',
  title: 'IKE',
  definition: 'UDP from port 500 to port 500, or with port 4500 at either end',
  boxes: layout => [...portPair(layout, UDP, 500, 500), ...eitherPort(layout, UDP, 4500)],
}

/** Vista translates addresses for IPv4 only, so IPv6 keeps port 500 alone. */
export const ikeVista: Exemption = {
  ...plain,
  name: 'ike',
  title: 'IKE',
  definition: 'UDP from port 500 to port 500, and for IPv4 with port 4500 at either end',
  boxes: layout => (layout.family === 4 ? ikeWithNat : ike500).boxes(layout, []),
}

export const kerberos: Exemption = {
  ...plain,
  name: 'kerberos',
  title: 'Kerberos',
  definition: 'TCP or UDP with port 88 as source or as destination',
  boxes: layout => [TCP, UDP].flatMap(protocol => eitherPort(layout, protocol, 88)),
}

export const rsvp: Exemption = {
  ...plain,
  name: 'rsvp',
  title: 'RSVP',
  definition: 'IP protocol 46',
  boxes: layout => portPair(layout, RSVP),
}

export const multicast: Exemption = {
  ...plain,
  name: 'multicast',
  title: 'Multicast',
  definition: 'to 224.0.0.0/4 or ff00::/8',
  boxes: layout => boxes(layout, undefined, layout.family === 4 ? multicast4 : multicast6),
}

/** A network of 31 or 32 bits has no broadcast address (RFC 3021), and IPv6 has none at all. */
export function broadcastAddresses(networks: readonly Prefix[]): readonly Address[] {
  return networks.filter(({ address, length }) => address.family === 4 && length <= 30).map(lastAddress)
}

export const broadcast: Exemption = {
  name: 'broadcast',
  title: 'Broadcast',
  definition: 'to 255.255.255.255 or to the broadcast address of a network the host is on',
  matchesLinkBroadcast: true,
  boxes: (layout, networks) => {
    if (layout.family === 6) return []
    const subnets = broadcastAddresses(networks).map(address => ({ first: address, last: address }))
    return [limitedBroadcast, ...subnets].flatMap(range => boxes(layout, undefined, range))
  },
}

export const neighbourDiscovery: Exemption = {
  ...plain,
  name: 'neighbour-discovery',
  title: 'IPv6 neighbour discovery',
  definition: 'ICMPv6 of type 135, 136 or 137 (RFC 4861)',
  boxes: layout => icmpTypes(layout, [135, 136, 137]),
}

export const icmp: Exemption = {
  ...plain,
  name: 'icmp',
  title: 'ICMP',
  definition: 'ICMP, and ICMPv6 over IPv6',
  boxes: layout => portPair(layout, layout.family === 4 ? ICMP : ICMPV6),
}

export const routerDiscovery: Exemption = {
  ...plain,
  name: 'router-discovery',
  title: 'IPv6 router discovery',
  definition: 'ICMPv6 of type 133 or 134 (RFC 4861)',
  boxes: layout => icmpTypes(layout, [133, 134]),
}

export const dhcp: Exemption = {
  ...plain,
  name: 'dhcp',
  title: 'DHCP',
  definition: 'UDP between ports 67 and 68, over IPv6 between 546 and 547',
  boxes: layout => {
    const [client, server] = layout.family === 4 ? [68, 67] : [546, 547]
    const between = [...portPair(layout, UDP, client, server), ...portPair(layout, UDP, server, client)]
    // Relays talk to servers from the server port (RFC 2131 §4.1).
    return [...between, ...portPair(layout, UDP, server, server)]
  },
}
