// What the guard lets pass where a rule secures (dataplane/guard/keying-rules), because nothing could be sealed without it:
// here so that the watch does not call it a leak.
import { AH, ESP, ICMP, ICMPV6, UDP } from '../../base/flow.ts'
import type { Packet } from '../../wire/packet.ts'
import { NAT_TRAVERSAL_PORT } from '../../wire/udp-encapsulation.ts'

const UNREACHABLE = 3
const FRAGMENTATION_NEEDED = 4
const PACKET_TOO_BIG = 2
const ICMP_HEADER = 8

/** How hosts of one link find each other (RFC 4861): no router hands it on with this hop limit. */
export function isNeighbourDiscovery(packet: Packet, bytes: Uint8Array): boolean {
  const { protocol, icmpType, ipOffset, version } = packet
  return version === 6 && protocol === ICMPV6 && icmpType >= 133 && icmpType <= 136 && bytes[ipOffset + 7] === 255
}

/** Word of a router that what we sealed is too big for its link; it quotes our packet (RFC 4301 §8.2.1). */
export function isSizeOfSealed(packet: Packet, bytes: Uint8Array, isOutgoing: boolean): boolean {
  const { protocol, icmpType, transport, end, isLaterFragment } = packet
  if (isOutgoing || isLaterFragment) return false
  const quoted = transport + ICMP_HEADER
  if (protocol === ICMP && icmpType === UNREACHABLE) {
    if (bytes[transport + 1] !== FRAGMENTATION_NEEDED || quoted + 22 > end) return false
    return isSealed(bytes, bytes[quoted + 9]!, bytes[quoted] === 0x45 ? quoted + 20 : -1)
  }
  if (protocol !== ICMPV6 || icmpType !== PACKET_TOO_BIG || quoted + 42 > end) return false
  return isSealed(bytes, bytes[quoted + 6]!, quoted + 40)
}

function isSealed(bytes: Uint8Array, protocol: number, udp: number): boolean {
  if (protocol === ESP || protocol === AH) return true
  return protocol === UDP && udp >= 0 && ((bytes[udp]! << 8) | bytes[udp + 1]!) === NAT_TRAVERSAL_PORT
}
