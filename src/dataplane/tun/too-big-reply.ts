// The ICMP message to an application's stack that its packet is too large for the path (RFC 1191 §4, RFC 4443 §3.2), as a
// router behind the TUN device would send it: that the seal needs room is said to those who can send less, never guessed.
import { ICMP, ICMPV6 } from '../../base/flow.ts'
import { internetChecksum, setHeaderChecksum, transportChecksum } from '../../ipsec/headers.ts'

/** What is quoted: RFC 792 asks for 8 octets behind the header; more than fits 576 octets is never sent. */
const MOST_QUOTED_IPV4 = 548
/** The least MTU of IPv6 less two headers. */
const MOST_QUOTED_IPV6 = 1232

/** From the packet's destination to its source. */
export function tooBigReply(packet: Uint8Array, mtu: number): Uint8Array {
  return packet[0]! >> 4 === 4 ? replyIpv4(packet, mtu) : replyIpv6(packet, mtu)
}

function replyIpv4(packet: Uint8Array, mtu: number): Uint8Array {
  const quoted = packet.subarray(0, MOST_QUOTED_IPV4)
  const reply = new Uint8Array(28 + quoted.length)
  const view = new DataView(reply.buffer)
  reply[0] = 0x45
  view.setUint16(2, reply.length)
  reply[8] = 64
  reply[9] = ICMP
  reply.set(packet.subarray(16, 20), 12)
  reply.set(packet.subarray(12, 16), 16)
  reply[20] = 3
  reply[21] = 4
  view.setUint16(26, mtu)
  reply.set(quoted, 28)
  setHeaderChecksum(reply, 20)
  // RFC 792: without a pseudo-header.
  view.setUint16(22, internetChecksum(reply, 20))
  return reply
}

function replyIpv6(packet: Uint8Array, mtu: number): Uint8Array {
  const quoted = packet.subarray(0, MOST_QUOTED_IPV6)
  const reply = new Uint8Array(48 + quoted.length)
  const view = new DataView(reply.buffer)
  reply[0] = 0x60
  view.setUint16(4, reply.length - 40)
  reply[6] = ICMPV6
  reply[7] = 255
  reply.set(packet.subarray(24, 40), 8)
  reply.set(packet.subarray(8, 24), 24)
  reply[40] = 2
  view.setUint32(44, mtu)
  reply.set(quoted, 48)
  view.setUint16(42, transportChecksum(reply, 0, 40, reply.length - 40, ICMPV6))
  return reply
}
