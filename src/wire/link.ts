// Where the IP header stands in a captured frame, by link type of the tcpdump.org registry. The common links are here;
// the rare ones in link-rare.ts. What is on no list is not IP as far as we can tell, and is counted as such.
import { INET, isIpv6Family } from './address-family.ts'
import {
  BY_VERSION,
  cutOff,
  ETHERNET_LAYER,
  FRAME_RELAY_LAYER,
  IPV4_LAYER,
  IPV6_LAYER,
  type Layer,
  LEAST_ETHERTYPE,
  LINK,
  LLC_LAYER,
  NOTHING,
  onto,
  SERIAL_LAYER,
  u16,
} from './layer.ts'
import { IEEE802_11, IEEE802_11_PRISM, IEEE802_11_RADIOTAP, locateRare } from './link-rare.ts'
import { behindEthernet, behindEtherType, type Network } from './network-layer.ts'
import type { Packet } from './packet.ts'

export const NULL_LINK = 0
export const ETHERNET = 1
export const PPP = 9
export const RAW_BSD = 12
export const RAW_OPENBSD = 14
export const PPP_SERIAL = 50
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
  let link = linkType
  let at = start
  // A wrapper such as PPI holds a frame of another link type further on, so every turn moves forward.
  while (link !== ETHERNET) {
    const layer = overLink(packet, bytes, link, at, end)
    at = packet.ipOffset
    if (layer < LINK) return behindEtherType(packet, bytes, layer, at, end)
    link = layer - LINK
  }
  return behindEthernet(packet, bytes, at, end)
}

function overLink(packet: Packet, bytes: Uint8Array, link: number, start: number, end: number): Layer {
  switch (link) {
    case RAW:
    case RAW_BSD:
    case RAW_OPENBSD:
      return onto(packet, BY_VERSION, start)
    case IPV4:
      return onto(packet, IPV4_LAYER, start)
    case IPV6:
      return onto(packet, IPV6_LAYER, start)
    case LINUX_SLL:
      if (end - start < 16) return cutOff(packet)
      packet.linkBroadcast = bytes[start + 1] === 1
      return behindCooked(packet, u16(bytes, start + 2), u16(bytes, start + 14), start + 16)
    case LINUX_SLL2:
      if (end - start < 20) return cutOff(packet)
      packet.linkBroadcast = bytes[start + 10] === 1
      return behindCooked(packet, u16(bytes, start + 8), u16(bytes, start), start + 20)
    case NULL_LINK:
    case LOOP:
      return overNull(packet, bytes, start, end)
    case PPP:
    case PPP_SERIAL:
      return onto(packet, SERIAL_LAYER, start)
    default:
      return locateRare(packet, bytes, link, start, end)
  }
}

/** Linux cooked capture: what the protocol field means depends on the kind of device (ARPHRD). */
function behindCooked(packet: Packet, device: number, protocol: number, at: number): Layer {
  switch (device) {
    case 824: // netlink
      return NOTHING
    case 770: // Frame Relay
      return onto(packet, FRAME_RELAY_LAYER, at)
    case 801:
      return onto(packet, LINK + IEEE802_11, at)
    case 802:
      return onto(packet, LINK + IEEE802_11_PRISM, at)
    case 803:
      return onto(packet, LINK + IEEE802_11_RADIOTAP, at)
    default:
      if (protocol >= LEAST_ETHERTYPE) return onto(packet, protocol, at)
      // Small numbers are Linux's own: 3 is a whole frame, 4 has LLC, and none of the others is IP.
      if (protocol === 3) return onto(packet, ETHERNET_LAYER, at)
      return protocol === 4 ? onto(packet, LLC_LAYER, at) : NOTHING
  }
}

/** BSD loopback: the address family in the capturing machine's byte order (NULL) or in network order (LOOP). */
function overNull(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  if (end - start < 4) return cutOff(packet)
  const high = u16(bytes, start)
  const low = u16(bytes, start + 2)
  const family = high === 0 ? low : low === 0 ? ((high & 0xff) << 8) | (high >> 8) : -1
  if (family === INET) return onto(packet, IPV4_LAYER, start + 4)
  if (isIpv6Family(family)) return onto(packet, IPV6_LAYER, start + 4)
  return NOTHING
}
