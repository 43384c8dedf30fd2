// Where the IP header stands in a captured frame: link types of the tcpdump.org registry, and the tags and labels that
// may stand between link and IP. The common links are here; the rare ones in link-rare.ts.
import { locateRare } from './link-rare.ts'
import { behindEtherType, behindPpp, byVersion, cutOff, type Network, network } from './network-layer.ts'
import type { Packet } from './packet.ts'

export const NULL_LINK = 0
export const ETHERNET = 1
export const PPP = 9
export const RAW_BSD = 12
export const RAW_OPENBSD = 14
export const PPP_SERIAL = 50
export const PPP_ETHER = 51
export const RAW = 101
export const LOOP = 108
export const LINUX_SLL = 113
export const IPV4 = 228
export const IPV6 = 229
export const LINUX_SLL2 = 276

export function locateNetwork(
  packet: Packet,
  bytes: Uint8Array,
  linkType: number,
  start: number,
  end: number,
): Network {
  switch (linkType) {
    case ETHERNET:
      if (end - start < 14) return cutOff(packet)
      packet.linkBroadcast = isBroadcastStation(bytes, start)
      return behindEtherType(packet, bytes, (bytes[start + 12]! << 8) | bytes[start + 13]!, start + 14, end)
    case RAW:
    case RAW_BSD:
    case RAW_OPENBSD:
      return byVersion(packet, bytes, start, end)
    case IPV4:
      return network(packet, 4, start)
    case IPV6:
      return network(packet, 6, start)
    case LINUX_SLL:
      if (end - start < 16) return cutOff(packet)
      packet.linkBroadcast = bytes[start + 1] === 1
      return behindEtherType(packet, bytes, (bytes[start + 14]! << 8) | bytes[start + 15]!, start + 16, end)
    case LINUX_SLL2:
      if (end - start < 20) return cutOff(packet)
      packet.linkBroadcast = bytes[start + 10] === 1
      return behindEtherType(packet, bytes, (bytes[start]! << 8) | bytes[start + 1]!, start + 20, end)
    case NULL_LINK:
    case LOOP:
      return behindNull(packet, bytes, start, end)
    case PPP:
    case PPP_SERIAL:
      return behindPpp(packet, bytes, start, end)
    case PPP_ETHER:
      return behindPpp(packet, bytes, start + 6, end)
    default:
      return locateRare(packet, bytes, linkType, start, end)
  }
}

function isBroadcastStation(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0xff &&
    bytes[at + 1] === 0xff &&
    bytes[at + 2] === 0xff &&
    bytes[at + 3] === 0xff &&
    bytes[at + 4] === 0xff &&
    bytes[at + 5] === 0xff
  )
}

/** BSD loopback: the address family in the capturing machine's byte order (NULL) or in network order (LOOP). */
function behindNull(packet: Packet, bytes: Uint8Array, start: number, end: number): Network {
  if (end - start < 4) return cutOff(packet)
  const high = (bytes[start]! << 8) | bytes[start + 1]!
  const low = (bytes[start + 2]! << 8) | bytes[start + 3]!
  const family = high === 0 ? low : low === 0 ? ((high & 0xff) << 8) | (high >> 8) : -1
  if (family === 2) return network(packet, 4, start + 4)
  // AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
  if (family === 10 || family === 24 || family === 28 || family === 30) return network(packet, 6, start + 4)
  return 0
}
