// Bytes to a Packet: `decodeFrame` starts at a link header, `decodeIp` at an IP header. Bytes that lie are marked
// malformed, never thrown about. Reassembly is left out: each fragment speaks for itself.
import { AH, ESP, ICMP, ICMPV6, TCP, UDP } from '../base/flow.ts'
import { decodeIpv4, decodeIpv6 } from './ip.ts'
import { locateNetwork } from './link.ts'
import { IS_IP, MALFORMED, type Packet } from './packet.ts'
import { recogniseUdpContent } from './udp-encapsulation.ts'

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
    case UDP:
      if (left < 4) return
      packet.sourcePort = (bytes[at]! << 8) | bytes[at + 1]!
      packet.destinationPort = (bytes[at + 2]! << 8) | bytes[at + 3]!
      if (packet.protocol === UDP) recogniseUdpContent(packet, bytes)
      return
    case ESP:
      if (left >= 4) packet.spi = u32(bytes, at)
      return
    case AH:
      if (left >= 2) packet.upper = bytes[at]!
      if (left >= 8) packet.spi = u32(bytes, at + 4)
      decodeBehindAh(packet, bytes)
      return
    case ICMP:
    case ICMPV6:
      if (left >= 1) packet.icmpType = bytes[at]!
      return
    default:
  }
}

/** AH leaves what it protects readable (RFC 4302), so the ports behind it are known. */
function decodeBehindAh(packet: Packet, bytes: Uint8Array): void {
  const at = packet.transport
  if (packet.end - at < 12 || (packet.upper !== TCP && packet.upper !== UDP)) return
  const inner = at + (bytes[at + 1]! + 2) * 4
  if (packet.end - inner < 4) return
  packet.sourcePort = (bytes[inner]! << 8) | bytes[inner + 1]!
  packet.destinationPort = (bytes[inner + 2]! << 8) | bytes[inner + 3]!
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
