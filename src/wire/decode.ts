// Bytes to a Packet: `decodeFrame` starts at a link header, `decodeIp` at an IP header. Bytes that lie are marked
// malformed, never thrown about. Reassembly is left out: each fragment speaks for itself.
import { AH, ESP, ICMP, ICMPV6, TCP, UDP } from '../base/flow.ts'
import { decodeIpv4, decodeIpv6, extensionLength, FRAGMENT, isExtension } from './ip.ts'
import { locateNetwork } from './link.ts'
import { IS_IP, MALFORMED, type Packet } from './packet.ts'
import { recogniseUdpContent } from './udp-encapsulation.ts'

const DCCP = 33
const SCTP = 132
const UDP_LITE = 136

/**
 * Decodes a captured frame that lies in `bytes` from `start` to `end` (exclusive). `linkType` is a number of the
 * tcpdump.org registry. Never throws; what cannot be read is said in `packet.kind` and `packet.problem`.
 */
export function decodeFrame(packet: Packet, bytes: Uint8Array, linkType: number, start: number, end: number): void {
  packet.reset()
  const network = locateNetwork(packet, bytes, linkType, start, end)
  if (network === 4 || network === 6) decodeNetwork(packet, bytes, network, end)
}

/** Decodes an IP packet of either version that starts at `start`. */
export function decodeIp(packet: Packet, bytes: Uint8Array, start: number, end: number): void {
  packet.reset()
  packet.ipOffset = start
  decodeNetwork(packet, bytes, start < end ? bytes[start]! >> 4 : 0, end)
}

function decodeNetwork(packet: Packet, bytes: Uint8Array, version: number, end: number): void {
  if (version === 4) decodeIpv4(packet, bytes, end)
  else if (version === 6) decodeIpv6(packet, bytes, end)
  else {
    packet.kind = MALFORMED
    packet.problem = 'the IP version is neither 4 nor 6'
  }
  if (packet.kind === IS_IP && packet.fragmentOffset === 0) decodeTransport(packet, bytes)
}

function decodeTransport(packet: Packet, bytes: Uint8Array): void {
  const at = packet.transport
  const left = packet.end - at
  switch (packet.protocol) {
    case TCP:
      return readPorts(packet, bytes, at)
    case UDP:
      readPorts(packet, bytes, at)
      return recogniseUdpContent(packet, bytes)
    case ESP:
      if (left >= 4) packet.spi = u32(bytes, at)
      return
    case AH:
      if (left >= 8) packet.spi = u32(bytes, at + 4)
      return decodeBehindAh(packet, bytes)
    case ICMP:
    case ICMPV6:
      if (left >= 1) packet.icmpType = bytes[at]!
      return
    case SCTP:
    case DCCP:
    case UDP_LITE:
      return readPorts(packet, bytes, at)
    default:
  }
}

/** Both ports come first in every transport that has ports. */
function readPorts(packet: Packet, bytes: Uint8Array, at: number): void {
  if (packet.end - at < 4) return
  packet.sourcePort = (bytes[at]! << 8) | bytes[at + 1]!
  packet.destinationPort = (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** AH leaves what it protects readable (RFC 4302), so what is behind it is known: in IPv6 perhaps behind more headers. */
function decodeBehindAh(packet: Packet, bytes: Uint8Array): void {
  let at = packet.transport
  if (packet.end - at < 2) return
  let next = bytes[at]!
  at += (bytes[at + 1]! + 2) * 4
  // Every turn moves at least eight octets on.
  while (packet.end - at >= 8) {
    if (next === AH) {
      next = bytes[at]!
      at += (bytes[at + 1]! + 2) * 4
    } else if (packet.version === 6 && next !== FRAGMENT && isExtension(next, bytes, at)) {
      next = bytes[at]!
      at += extensionLength(bytes, at)
    } else break
  }
  // What another AH protects is not known where that AH is cut off.
  if (next === AH) return
  packet.upper = next
  switch (next) {
    case TCP:
    case UDP:
    case SCTP:
    case DCCP:
    case UDP_LITE:
      return readPorts(packet, bytes, at)
    default:
  }
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
