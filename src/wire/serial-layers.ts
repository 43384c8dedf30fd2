// Layers of serial lines and of IEEE 802.2: LLC with SNAP, PPP (RFC 1661, multilink RFC 1990, bridging RFC 3518),
// Cisco's HDLC, Frame Relay (RFC 2427) and the protocol identifiers of ISO/IEC TR 9577. Left out: header compression
// (RFC 1144 and its successors), whose packets cannot be read without those before them.
import {
  cutOff,
  ETHERNET_LAYER,
  IPV4_LAYER,
  IPV6_LAYER,
  type Layer,
  LEAST_ETHERTYPE,
  MPLS_LAYER,
  NLPID_LAYER,
  NOTHING,
  onto,
  ontoType,
  PPP_LAYER,
  u16,
} from './layer.ts'
import type { Packet } from './packet.ts'

const UNNUMBERED = 0x03

/** IEEE 802.2: two service access points and a control octet. */
export function overLlc(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 3 || bytes[at + 2] !== UNNUMBERED) return NOTHING
  const points = u16(bytes, at)
  if (points === 0x0606) return onto(packet, IPV4_LAYER, at + 3)
  if (points === 0xaaaa) return overSnap(packet, bytes, at + 3, end, 2)
  // RFC 2684 §4.1: the protocol identifiers of ISO follow.
  return points === 0xfefe ? onto(packet, NLPID_LAYER, at + 3) : NOTHING
}

/** Organisation code and protocol. `padding` stands before the address of a bridged frame, so that it is aligned. */
function overSnap(packet: Packet, bytes: Uint8Array, at: number, end: number, padding: number): Layer {
  if (end - at < 5) return cutOff(packet)
  const organisation = (u16(bytes, at) << 8) | bytes[at + 2]!
  const protocol = u16(bytes, at + 3)
  // RFC 1042 and IEEE 802.1H: an EtherType.
  if (organisation === 0 || organisation === 0xf8) return ontoType(packet, bytes, at + 3, at + 5)
  // IEEE 802.1: a bridged Ethernet frame, with or without its check sequence (RFC 2427 §4.2, RFC 2684 §5.2).
  const isBridged = organisation === 0x0080c2 && (protocol === 1 || protocol === 7)
  return isBridged ? onto(packet, ETHERNET_LAYER, at + 5 + padding) : NOTHING
}

export function overNlpid(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (at >= end) return cutOff(packet)
  switch (bytes[at]) {
    case 0xcc:
      return onto(packet, IPV4_LAYER, at + 1)
    case 0x8e:
      return onto(packet, IPV6_LAYER, at + 1)
    case 0xcf: // RFC 1973, RFC 2364
      return onto(packet, PPP_LAYER, at + 1)
    case 0x80:
      return overSnap(packet, bytes, at + 1, end, 0)
    default:
      return NOTHING
  }
}

/** The first octet is the address: 0F to one, 8F to all stations in Cisco's HDLC, FF in PPP. */
export function overSerial(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 4) return cutOff(packet)
  if (bytes[at] === 0x0f || bytes[at] === 0x8f) return ontoType(packet, bytes, at + 2, at + 4)
  return onto(packet, PPP_LAYER, at)
}

/** With or without the octets FF-03 of HDLC framing, with the protocol in one octet or two (RFC 1661 §6.5). */
export function overPpp(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  let at = start
  // FF is no protocol, so it is the address whatever the control octet says.
  if (end - at >= 2 && bytes[at] === 0xff) at += 2
  if (end - at < 2) return cutOff(packet)
  const compressed = (bytes[at]! & 1) === 1
  const protocol = compressed ? bytes[at]! : u16(bytes, at)
  at += compressed ? 1 : 2
  switch (protocol) {
    case 0x0021:
      return onto(packet, IPV4_LAYER, at)
    case 0x0057:
      return onto(packet, IPV6_LAYER, at)
    case 0x0281:
    case 0x0283:
      return onto(packet, MPLS_LAYER, at)
    case 0x0031:
      return overBridgedFrame(packet, bytes, at, end)
    case 0x003d:
      // Multilink: only the fragment that begins a packet has the protocol; the long sequence number is the usual one.
      if (end - at < 4) return cutOff(packet)
      return (bytes[at]! & 0x80) === 0 ? NOTHING : onto(packet, PPP_LAYER, at + 4)
    default:
      return NOTHING
  }
}

/** RFC 3518 §4.2: flags, kind of frame, then perhaps a LAN identifier. */
function overBridgedFrame(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 2) return cutOff(packet)
  if (bytes[at + 1] !== 1) return NOTHING
  return onto(packet, ETHERNET_LAYER, at + 2 + ((bytes[at]! & 0x40) === 0 ? 0 : 4))
}

/** An address of two to four octets (Q.922), then the RFC's control octet and identifier, or Cisco's EtherType. */
export function overFrameRelay(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  let at = start
  // The lowest bit ends the address.
  while (at < end && at - start < 4 && (bytes[at]! & 1) === 0) at++
  if (at - start === 4) return NOTHING
  at++
  if (end - at < 2) return cutOff(packet)
  if (bytes[at] === UNNUMBERED) return onto(packet, NLPID_LAYER, bytes[at + 1] === 0 ? at + 2 : at + 1)
  const type = u16(bytes, at)
  return type < LEAST_ETHERTYPE ? NOTHING : onto(packet, type, at + 2)
}
