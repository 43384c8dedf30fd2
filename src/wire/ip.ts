// IPv4 (RFC 791) and IPv6 (RFC 8200) headers, by offset. IPv6 extension headers are walked to the protocol behind them;
// AH and ESP end the walk, because they are what the policy asks about. So do mobility (RFC 6275) and HIP (RFC 7401):
// extension headers in form, they are messages of their own and nothing follows them. Checksums are not verified: an
// auditor sees packets before the sender's network card has filled them in.
import { IS_IP, MALFORMED, type Packet } from './packet.ts'

export const HOP_BY_HOP = 0
export const ROUTING = 43
export const FRAGMENT = 44
export const DESTINATION_OPTIONS = 60
export const SHIM6 = 140

function malformed(packet: Packet, problem: string): void {
  packet.kind = MALFORMED
  packet.problem = problem
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** Reads the IPv4 header at `packet.ipOffset`; `end` is one past the last captured byte of the frame. */
export function decodeIpv4(packet: Packet, bytes: Uint8Array, end: number): void {
  const at = packet.ipOffset
  if (end - at < 20) return malformed(packet, 'the IPv4 header is cut off')
  const first = bytes[at]!
  // Links that know one number for IP put either version behind it.
  if (first >> 4 === 6) return decodeIpv6(packet, bytes, end)
  if (first >> 4 !== 4) return malformed(packet, 'the link says IPv4, the header another version')
  const headerLength = (first & 15) * 4
  if (headerLength < 20) return malformed(packet, 'the IPv4 header length is under 20 octets')
  const captured = end - at
  const stated = (bytes[at + 2]! << 8) | bytes[at + 3]!
  // Zero is what segmentation offload leaves on the sending host: the packet is as long as what was captured.
  const length = stated === 0 ? captured : stated
  if (length < headerLength) return malformed(packet, 'the IPv4 total length is shorter than the header')
  packet.kind = IS_IP
  packet.version = 4
  packet.ipLength = length
  packet.end = at + Math.min(length, captured)
  packet.s0 = word(bytes, at + 12)
  packet.d0 = word(bytes, at + 16)
  packet.protocol = bytes[at + 9]!
  packet.identification = (bytes[at + 4]! << 8) | bytes[at + 5]!
  const fragment = (bytes[at + 6]! << 8) | bytes[at + 7]!
  packet.fragmentOffset = fragment & 0x1fff
  packet.moreFragments = (fragment & 0x2000) !== 0
  packet.transport = at + headerLength
}

/** Reads the IPv6 header at `packet.ipOffset` and its extension headers. */
export function decodeIpv6(packet: Packet, bytes: Uint8Array, end: number): void {
  const at = packet.ipOffset
  if (end - at < 40) return malformed(packet, 'the IPv6 header is cut off')
  if (bytes[at]! >> 4 !== 6) return malformed(packet, 'the link says IPv6, the header another version')
  const captured = end - at
  const stated = (bytes[at + 4]! << 8) | bytes[at + 5]!
  packet.kind = IS_IP
  packet.version = 6
  // A payload length of zero is a jumbogram (RFC 2675) or segmentation offload.
  packet.ipLength = stated === 0 ? captured : stated + 40
  packet.end = at + Math.min(packet.ipLength, captured)
  packet.s0 = word(bytes, at + 8)
  packet.s1 = word(bytes, at + 12)
  packet.s2 = word(bytes, at + 16)
  packet.s3 = word(bytes, at + 20)
  packet.d0 = word(bytes, at + 24)
  packet.d1 = word(bytes, at + 28)
  packet.d2 = word(bytes, at + 32)
  packet.d3 = word(bytes, at + 36)
  walkExtensions(packet, bytes, bytes[at + 6]!, at + 40)
}

function walkExtensions(packet: Packet, bytes: Uint8Array, first: number, start: number): void {
  let next = first
  let at = start
  // Every turn moves at least eight octets on, so the walk is bounded by the packet.
  while (packet.end - at >= 8 && isExtension(next, bytes, at)) {
    if (next === FRAGMENT) {
      const field = (bytes[at + 2]! << 8) | bytes[at + 3]!
      packet.fragmentOffset = field >> 3
      packet.moreFragments = (field & 1) !== 0
      packet.identification = word(bytes, at + 4)
      next = bytes[at]!
      at += 8
      if (packet.fragmentOffset !== 0) break
    } else {
      next = bytes[at]!
      at += extensionLength(bytes, at)
    }
  }
  // A header that is cut off still says what would follow it; a fragment header does not say which fragment this is.
  if (
    at < packet.end &&
    packet.end - at < 8 &&
    (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS)
  ) {
    next = bytes[at]!
    at = packet.end
  }
  packet.protocol = next
  packet.transport = Math.min(at, packet.end)
}

/** Octets of an extension header other than the fragment header (RFC 8200 §4.3). */
export function extensionLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1]! + 1) * 8
}

/** Whether the header at `at`, of which eight octets are captured, is one that another header follows. */
export function isExtension(header: number, bytes: Uint8Array, at: number): boolean {
  switch (header) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case DESTINATION_OPTIONS:
      return true
    case SHIM6:
      // Only the one that goes before a payload; the others are messages (RFC 5533 §5.1).
      return (bytes[at + 2]! & 0x80) !== 0
    default:
      return false
  }
}
