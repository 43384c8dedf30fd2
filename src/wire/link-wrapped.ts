// Headers that capturing software puts before packets or frames: PPI, PKTAP, TZSP and ERF, which name the link type of
// what they hold; NFLOG, PFLOG, ENC and IPNET, which name an address family.
import { INET, isIpv6Family } from './address-family.ts'
import {
  cutOff,
  ETHERNET_LAYER,
  IPV4_LAYER,
  IPV6_LAYER,
  type Layer,
  LEAST_ETHERTYPE,
  LINK,
  LLC_LAYER,
  NOTHING,
  onto,
  ontoType,
  SERIAL_LAYER,
  u16,
  u16Little,
  u32Little,
} from './layer.ts'
import type { Packet } from './packet.ts'

/** AF_BRIDGE of Linux. */
const BRIDGE = 7

function ontoFamily(packet: Packet, family: number, at: number): Layer {
  if (family === INET) return onto(packet, IPV4_LAYER, at)
  return isIpv6Family(family) ? onto(packet, IPV6_LAYER, at) : NOTHING
}

/** A link type that a file states; a number that the registry cannot have is no link at all. */
function ontoLink(packet: Packet, link: number, at: number): Layer {
  return link > 0xffff ? NOTHING : onto(packet, LINK + link, at)
}

/** PPI 1.0.10 §3.1: version, flags, length, link type; everything little-endian. */
export function overPpi(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 8) return cutOff(packet)
  const length = u16Little(bytes, at + 2)
  if (length < 8 || length > end - at) return cutOff(packet)
  return ontoLink(packet, u32Little(bytes, at + 4), at + length)
}

/** Darwin's PKTAP: length, kind of record (1 is a packet), link type, each of four octets. */
export function overPacketTap(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 12) return cutOff(packet)
  const length = u32Little(bytes, at)
  if (length < 12 || length > end - at) return cutOff(packet)
  if (u32Little(bytes, at + 4) !== 1) return NOTHING
  return ontoLink(packet, u32Little(bytes, at + 8), at + length)
}

/** TaZmen sniffer protocol: version, kind, encapsulated protocol, tags up to one that ends them. */
export function overTzsp(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  if (end - start < 5) return cutOff(packet)
  const link = tzspLinks.get(u16(bytes, start + 2))
  if (link === undefined) return NOTHING
  let at = start + 4
  while (at < end && bytes[at] !== 1) {
    if (bytes[at] === 0) at++
    else if (end - at < 2) return cutOff(packet)
    else at += 2 + bytes[at + 1]!
  }
  return at >= end ? cutOff(packet) : onto(packet, LINK + link, at + 1)
}

const tzspLinks: ReadonlyMap<number, number> = new Map([
  [0x01, 1],
  [0x02, 6],
  [0x04, 9],
  [0x05, 10],
  [0x07, 101],
  [0x12, 105],
  [0x77, 119],
  [0x7f, 163],
])

/** Endace's record: time stamp, kind, flags, lengths; extension headers of eight octets as long as a bit says so. */
export function overErf(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  if (end - start < 16) return cutOff(packet)
  let more = (bytes[start + 8]! & 0x80) !== 0
  let at = start + 16
  while (more) {
    if (end - at < 8) return cutOff(packet)
    more = (bytes[at]! & 0x80) !== 0
    at += 8
  }
  switch (bytes[start + 8]! & 0x7f) {
    case 2: // Ethernet: two octets of offset and padding before the frame
    case 11:
    case 16:
    case 20:
      return onto(packet, ETHERNET_LAYER, at + 2)
    case 1: // packet over SONET
    case 10:
    case 15:
    case 19:
      return onto(packet, SERIAL_LAYER, at)
    case 5: // the same behind the header of a channel
    case 17:
      return onto(packet, SERIAL_LAYER, at + 4)
    case 4: // ATM adaptation layer 5 behind the cell header
      return onto(packet, LLC_LAYER, at + 4)
    case 22:
      return onto(packet, IPV4_LAYER, at)
    case 23:
      return onto(packet, IPV6_LAYER, at)
    default:
      return NOTHING
  }
}

/** Linux's netfilter log: family, version, resource, then attributes in the byte order of the capturing machine. */
export function overNflog(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  if (end - start < 8) return cutOff(packet)
  const family = bytes[start]!
  let type = 0
  // The first attribute is short and its number small, so in network order both begin with zero.
  const little = bytes[start + 4] !== 0 || bytes[start + 6] !== 0
  let at = start + 4
  while (end - at >= 4) {
    const length = little ? u16Little(bytes, at) : u16(bytes, at)
    const kind = (little ? u16Little(bytes, at + 2) : u16(bytes, at + 2)) & 0x7fff
    if (length < 4) return cutOff(packet)
    // NFULA_PAYLOAD; a bridge logs under its own family, and then the EtherType tells.
    if (kind === 9)
      return family === BRIDGE
        ? onto(packet, type < LEAST_ETHERTYPE ? NOTHING : type, at + 4)
        : ontoFamily(packet, family, at + 4)
    // NFULA_PACKET_HDR begins with the EtherType, in network order.
    if (kind === 1 && length >= 6 && end - at >= 6) type = u16(bytes, at + 4)
    at += (length + 3) & ~3
  }
  return NOTHING
}

/** OpenBSD's packet filter log: the length of the header, filled up to four octets, then the family. */
export function overPflog(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 2) return cutOff(packet)
  const length = (bytes[at]! + 3) & ~3
  return length > end - at ? cutOff(packet) : ontoFamily(packet, bytes[at + 1]!, at + length)
}

/** Symantec's firewall: 44 octets with an EtherType behind the sixth, or 56 in the third version, behind the eighteenth. */
export function overSymantec(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 44) return cutOff(packet)
  if (u16(bytes, at + 6) !== 0) return ontoType(packet, bytes, at + 6, at + 44)
  return end - at < 56 ? cutOff(packet) : ontoType(packet, bytes, at + 18, at + 56)
}

/** OpenBSD's enc(4): family in the byte order of the machine, SPI and flags. */
export function overEncapsulating(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 12) return cutOff(packet)
  const family = bytes[at] === 0 ? bytes[at + 3]! : bytes[at]!
  return ontoFamily(packet, family, at + 12)
}

/** Solaris IP observability: version, family, hook, length, two interfaces, two zones. */
export function overIpnet(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  return end - at < 24 ? cutOff(packet) : ontoFamily(packet, bytes[at + 1]!, at + 24)
}
