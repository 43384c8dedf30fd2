// Links of local networks and of networks that are used as such: FDDI (RFC 1390), 802.5 (RFC 1042), ARCNET (RFC 1201,
// RFC 1051), InfiniBand (RFC 4391), Fibre Channel (RFC 4338), FireWire (RFC 2734), ATM as Solaris captures it, DOCSIS,
// AX.25, and Ethernet with its preamble.
import {
  BY_GUESS,
  cutOff,
  ETHERNET_LAYER,
  FRAME_RELAY_LAYER,
  IPV4_LAYER,
  IPV6_LAYER,
  isBroadcastStation,
  type Layer,
  LLC_LAYER,
  NOTHING,
  onto,
  ontoType,
  u16,
} from './layer.ts'
import type { Packet } from './packet.ts'

/** Frame control, destination, source, LLC. */
export function overFddi(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 13) return cutOff(packet)
  if ((bytes[at]! & 0x70) !== 0x50) return NOTHING
  packet.linkBroadcast = isBroadcastStation(bytes, at + 1)
  return onto(packet, LLC_LAYER, at + 13)
}

/** Access control, frame control, destination, source, perhaps a source route, LLC. */
export function overTokenRing(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 14) return cutOff(packet)
  if ((bytes[at + 1]! & 0xc0) !== 0x40) return NOTHING
  // Beside the address of ones there is the ring's own, C0-00-FF-FF-FF-FF (IEEE 802.5 §3.2.4.1).
  const isRingBroadcast =
    u16(bytes, at + 2) === 0xc000 && u16(bytes, at + 4) === 0xffff && u16(bytes, at + 6) === 0xffff
  packet.linkBroadcast = isRingBroadcast || isBroadcastStation(bytes, at + 2)
  // The first bit of the source says that a route follows, whose length is in its first octet.
  if ((bytes[at + 8]! & 0x80) === 0) return onto(packet, LLC_LAYER, at + 14)
  if (end - at < 16) return cutOff(packet)
  return onto(packet, LLC_LAYER, at + 14 + (bytes[at + 14]! & 0x1f))
}

/** ARCNET with the header that BSD keeps: source, destination, protocol, then what the protocol's RFC has. */
export function overArcnet(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  return overArcnetProtocol(packet, bytes, at, at + 2, end, true)
}

/** Linux has the two octets of the packet's offset between the addresses and the protocol, and reassembles fragments. */
export function overArcnetLinux(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  return overArcnetProtocol(packet, bytes, at, at + 4, end, false)
}

function overArcnetProtocol(
  packet: Packet,
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  fragments: boolean,
): Layer {
  if (end - at < 4) return cutOff(packet)
  packet.linkBroadcast = bytes[start + 1] === 0
  switch (bytes[at]) {
    case 240: // IP of RFC 1051 stands at once behind its number
      return onto(packet, IPV4_LAYER, at + 1)
    case 212:
    case 196: {
      // RFC 1201 §2: split flag and sequence number; FF is an exception packet, whose real header is behind this one.
      const isException = bytes[at + 1] === 0xff
      const flagAt = isException ? at + 5 : at + 1
      if (end - flagAt < 3) return cutOff(packet)
      const flag = bytes[flagAt]!
      // Even and not zero: a later fragment, which has no IP header.
      if (fragments && flag !== 0 && (flag & 1) === 0) return NOTHING
      return onto(packet, bytes[at] === 212 ? IPV4_LAYER : IPV6_LAYER, flagAt + 3)
    }
    default:
      return NOTHING
  }
}

/** The global routing header of 40 octets, then RFC 4391's EtherType and two reserved octets. */
export function overInfiniband(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 44) return cutOff(packet)
  // The IPv4 broadcast group is FF1x:401B:key::FFFF:FFFF (RFC 4391 §4).
  packet.linkBroadcast =
    bytes[at + 24] === 0xff &&
    u16(bytes, at + 26) === 0x401b &&
    u16(bytes, at + 36) === 0xffff &&
    u16(bytes, at + 38) === 0xffff
  return ontoType(packet, bytes, at + 40, at + 44)
}

/** The network header of RFC 2625 §3.1: two addresses of eight octets, then LLC. */
export function overIpOverFibreChannel(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 16) return cutOff(packet)
  packet.linkBroadcast = isBroadcastStation(bytes, at + 2)
  return onto(packet, LLC_LAYER, at + 16)
}

/** The frame header (FC-FS §9) says with type 5 that LLC follows, and with a bit that a network header is before it. */
export function overFibreChannel(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 24) return cutOff(packet)
  const isData = bytes[at]! >> 4 === 0 && bytes[at + 8] === 5
  // Only the first frame of a sequence has the headers of the layers above.
  if (!isData || u16(bytes, at + 14) !== 0) return NOTHING
  if ((bytes[at + 13]! & 0x20) === 0) return onto(packet, LLC_LAYER, at + 24)
  return overIpOverFibreChannel(packet, bytes, at + 24, end)
}

/** IP over IEEE 1394 as Apple captures it: two addresses of eight octets and an EtherType. */
export function overFirewire(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 18) return cutOff(packet)
  packet.linkBroadcast = isBroadcastStation(bytes, at) && u16(bytes, at + 6) === 0xffff
  return ontoType(packet, bytes, at + 16, at + 18)
}

/** Kind of traffic, path, channel; then LLC (RFC 2684), or LAN emulation: an identifier and an Ethernet frame. */
export function overSunAtm(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 4) return cutOff(packet)
  const kind = bytes[at]! & 0x0f
  if (kind === 2) return onto(packet, LLC_LAYER, at + 4)
  return kind === 1 ? onto(packet, ETHERNET_LAYER, at + 6) : NOTHING
}

/** Linux's classical IP over ATM (RFC 2225): LLC, or IP at once where the circuit carries nothing else. */
export function overClassicalIp(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (at >= end) return cutOff(packet)
  return onto(packet, bytes[at] === 0xaa ? LLC_LAYER : BY_GUESS, at)
}

/** DOCSIS: the first two bits tell user packets (0) and isolated ones (2); the header may be extended. */
export function overCableModem(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 6) return cutOff(packet)
  const kind = bytes[at]! >> 6
  if (kind !== 0 && kind !== 2) return NOTHING
  const extension = (bytes[at]! & 1) === 0 ? 0 : bytes[at + 1]!
  return onto(packet, ETHERNET_LAYER, at + 6 + extension)
}

/** FRF.16: two octets, of which the first begins with "begin", "end" and "control"; a fragment begins a frame or not. */
export function overMultilinkFrameRelay(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 2) return cutOff(packet)
  const begins = (bytes[at]! & 0xa0) === 0x80
  return begins ? onto(packet, FRAME_RELAY_LAYER, at + 2) : NOTHING
}

/** IEEE 802.3br: a preamble and a delimiter that says whether a frame begins here or one goes on. */
export function overMpacket(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  const delimiterAt = endOfPreamble(bytes, at, end)
  if (delimiterAt >= end) return cutOff(packet)
  switch (bytes[delimiterAt]) {
    case 0xd5: // an express frame, or one of a link without preemption
    case 0xe6:
    case 0x4c:
    case 0x7f:
    case 0xb3:
      return onto(packet, ETHERNET_LAYER, delimiterAt + 1)
    default:
      return NOTHING
  }
}

/** An Ethernet frame behind its preamble and start delimiter (IEEE 802.3 §3.2.2). */
export function overPreamble(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  const delimiterAt = endOfPreamble(bytes, at, end)
  if (delimiterAt >= end) return cutOff(packet)
  return bytes[delimiterAt] === 0xd5 ? onto(packet, ETHERNET_LAYER, delimiterAt + 1) : NOTHING
}

function endOfPreamble(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && at - start < 8 && bytes[at] === 0x55) at++
  return at
}

/** Addresses of seven octets, the last marked by its lowest bit, then control and protocol (AX.25 §3). */
export function overAx25(packet: Packet, bytes: Uint8Array, start: number, end: number): Layer {
  let at = start
  // Destination, source and at most eight repeaters.
  for (let count = 1; ; count++) {
    if (end - at < 7) return cutOff(packet)
    at += 7
    if ((bytes[at - 1]! & 1) === 1) break
    if (count === 10) return NOTHING
  }
  if (end - at < 2) return cutOff(packet)
  // Information frames (lowest bit clear) and unnumbered information have a protocol.
  const control = bytes[at]!
  const hasProtocol = (control & 1) === 0 || (control & 0xef) === 0x03
  return hasProtocol && bytes[at + 1] === 0xcc ? onto(packet, IPV4_LAYER, at + 2) : NOTHING
}

/** KISS puts a port and a command before the frame; command 0 is data. */
export function overAx25Kiss(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (at >= end) return cutOff(packet)
  return (bytes[at]! & 0x0f) === 0 ? overAx25(packet, bytes, at + 1, end) : NOTHING
}
