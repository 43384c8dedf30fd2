// Tags and headers that an EtherType announces and that stand before another EtherType, before IP or before a whole
// Ethernet frame: MPLS (RFC 3032), TRILL (RFC 6325), NSH (RFC 8300), MACsec (IEEE 802.1AE), provider backbone bridging
// (IEEE 802.1ah), redundancy tags, and those of vendors. Left out: what is encrypted, and tunnels over IP.
import {
  BY_GUESS,
  cutOff,
  ETHERNET_LAYER,
  IPV4_LAYER,
  IPV6_LAYER,
  type Layer,
  MPLS_LAYER,
  NOTHING,
  onto,
  ontoType,
  u16,
} from './layer.ts'
import type { Packet } from './packet.ts'

/** Octets from behind the tag's own EtherType to what follows; 0 where the tag is not known. */
function fixedTagLength(type: Layer): number {
  switch (type) {
    case 0x8926: // VN-tag: four octets and the next EtherType
    case 0x892f: // HSR (IEC 62439-3): path and size, sequence, the next EtherType
    case 0xf1c1: // R-TAG (IEEE 802.1CB): reserved, sequence, the next EtherType
      return 6
    case 0x8909: // Cisco metadata: version, length, one option of four octets, the next EtherType
    case 0x893f: // E-tag (IEEE 802.1BR): six octets and the next EtherType
      return 8
    case 0x8903: // FabricPath: forwarding tag and time to live, then a frame
      return 2
    default:
      return 0
  }
}

export function overFixedTag(packet: Packet, bytes: Uint8Array, type: Layer, at: number, end: number): Layer {
  const length = fixedTagLength(type)
  if (length === 0) return NOTHING
  if (end - at < length) return cutOff(packet)
  if (type === 0x8903) return onto(packet, ETHERNET_LAYER, at + length)
  return onto(packet, u16(bytes, at + length - 2), at + length)
}

/** Arista's time stamp: kind, version, six or eight octets as the version says, the next EtherType. */
export function overTimeStamp(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 4) return cutOff(packet)
  if (u16(bytes, at) !== 1) return NOTHING
  const length = (bytes[at + 3]! & 0x20) === 0 ? 12 : 10
  return end - at < length + 2 ? cutOff(packet) : ontoType(packet, bytes, at + length, at + length + 2)
}

/** IEEE 802.1ah: four octets with the service identifier, then the customer's frame. */
export function overBackboneTag(packet: Packet, at: number, end: number): Layer {
  return end - at < 4 ? cutOff(packet) : onto(packet, ETHERNET_LAYER, at + 4)
}

/** ISL has 26 octets before the frame it wraps, 14 of them behind us. */
export function overIsl(packet: Packet, at: number, end: number): Layer {
  return end - at < 12 ? cutOff(packet) : onto(packet, ETHERNET_LAYER, at + 12)
}

/** RFC 6325 §3: six octets, and options counted in four octets. */
export function overTrill(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 6) return cutOff(packet)
  const length = 6 + ((u16(bytes, at) >> 6) & 0x1f) * 4
  return end - at < length ? cutOff(packet) : onto(packet, ETHERNET_LAYER, at + length)
}

/** Readable only where MACsec protects integrity alone: neither "encrypted" nor "changed" is set. */
export function overMacsec(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 6) return cutOff(packet)
  const control = bytes[at]!
  if ((control & 0x0c) !== 0) return NOTHING
  const length = (control & 0x20) === 0 ? 6 : 14
  return end - at < length + 2 ? cutOff(packet) : ontoType(packet, bytes, at + length, at + length + 2)
}

/** RFC 8300 §2.2: the length counts four octets and includes this header. */
export function overNsh(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 8) return cutOff(packet)
  const length = (bytes[at + 1]! & 0x3f) * 4
  if (length < 8) return NOTHING
  if (end - at < length) return cutOff(packet)
  const behind = nshLayers[bytes[at + 3]!] ?? NOTHING
  return onto(packet, behind, at + length)
}

const nshLayers: readonly Layer[] = [NOTHING, IPV4_LAYER, IPV6_LAYER, ETHERNET_LAYER, 0x894f, MPLS_LAYER]

/** The label stack does not say what it carries. The first nibble behind its bottom does, for what keeps to RFC 4928. */
export function overMpls(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  let at = start
  for (;;) {
    if (end - at < 4) return cutOff(packet)
    at += 4
    if ((bytes[at - 2]! & 1) === 1) break
  }
  if (at >= end) return cutOff(packet)
  const nibble = bytes[at]! >> 4
  // 1 is an associated channel (RFC 4385 §5): it names its protocol, by PPP number, behind two octets.
  if (nibble === 1 && end - at >= 4) {
    const channel = u16(bytes, at + 2)
    return channel === 0x0021 || channel === 0x0057 ? onto(packet, BY_GUESS, at + 4) : NOTHING
  }
  if (nibble !== 4 && nibble !== 6) {
    // A pseudowire: a frame behind a control word (RFC 4448 §4.6) or at once. Only frames that hold IP are of interest.
    if (nibble === 0 && holdsIp(bytes, at + 4, end)) return onto(packet, ETHERNET_LAYER, at + 4)
    return holdsIp(bytes, at, end) ? onto(packet, ETHERNET_LAYER, at) : NOTHING
  }
  return onto(packet, BY_GUESS, at)
}

/** Whether an Ethernet frame at `at` holds IP, behind no VLAN tag or one. */
function holdsIp(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 15) return false
  const tagged = u16(bytes, at + 12) === 0x8100
  const typeAt = tagged ? at + 16 : at + 12
  if (end - typeAt < 3) return false
  const type = u16(bytes, typeAt)
  const nibble = bytes[typeAt + 2]! >> 4
  return (type === IPV4_LAYER && nibble === 4) || (type === IPV6_LAYER && nibble === 6)
}
