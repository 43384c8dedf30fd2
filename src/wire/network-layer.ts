// What stands between a link header and IP: EtherTypes, VLAN tags, MPLS labels, PPPoE, LLC with SNAP, PPP. Every
// function answers 4 or 6 with `packet.ipOffset` set, or 0 where the frame does not hold IP.
import { MALFORMED, type Packet } from './packet.ts'

const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd

export type Network = 0 | 4 | 6

export function network(packet: Packet, version: 4 | 6, at: number): Network {
  packet.ipOffset = at
  return version
}

export function cutOff(packet: Packet): Network {
  packet.kind = MALFORMED
  packet.problem = 'the link header is cut off'
  return 0
}

/** What follows an EtherType: IP at once, or VLAN tags, MPLS labels, PPPoE, SNAP before it. */
export function behindEtherType(packet: Packet, bytes: Uint8Array, first: number, start: number, end: number): Network {
  let type = first
  let at = start
  for (;;) {
    switch (type) {
      case ETHERTYPE_IPV4:
        return network(packet, 4, at)
      case ETHERTYPE_IPV6:
        return network(packet, 6, at)
      case 0x8100: // IEEE 802.1Q
      case 0x88a8: // IEEE 802.1ad
      case 0x9100: // QinQ before there was a standard
      case 0x9200:
        if (end - at < 4) return cutOff(packet)
        type = (bytes[at + 2]! << 8) | bytes[at + 3]!
        at += 4
        break
      case 0x8847: // MPLS (RFC 3032)
      case 0x8848:
        return behindMpls(packet, bytes, at, end)
      case 0x8864: // PPPoE session (RFC 2516)
        return end - at < 8 ? cutOff(packet) : behindPpp(packet, bytes, at + 6, end)
      default:
        return type < 0x0600 ? behindLlc(packet, bytes, at, end) : 0
    }
  }
}

function behindMpls(packet: Packet, bytes: Uint8Array, start: number, end: number): Network {
  for (let at = start; end - at >= 4; at += 4) {
    // The label stack says nothing of what it carries; the first nibble behind its bottom does, for IP.
    if ((bytes[at + 2]! & 1) === 1) return byVersion(packet, bytes, at + 4, end, true)
  }
  return cutOff(packet)
}

/** IEEE 802.2 LLC; with SNAP (AA-AA-03) an EtherType follows. */
export function behindLlc(packet: Packet, bytes: Uint8Array, at: number, end: number): Network {
  if (end - at < 8) return 0
  if (bytes[at] === 0x06 && bytes[at + 1] === 0x06) return network(packet, 4, at + 3)
  if (bytes[at] !== 0xaa || bytes[at + 1] !== 0xaa || bytes[at + 2] !== 0x03) return 0
  // Only the organisation codes 0 (RFC 1042) and 0000F8 (IEEE 802.1H) are followed by an EtherType.
  if (bytes[at + 3] !== 0 || bytes[at + 4] !== 0 || (bytes[at + 5] !== 0 && bytes[at + 5] !== 0xf8)) return 0
  return behindEtherType(packet, bytes, (bytes[at + 6]! << 8) | bytes[at + 7]!, at + 8, end)
}

/** `guess`: bytes that are not IP are another protocol; without it they are a broken IP packet. */
export function byVersion(packet: Packet, bytes: Uint8Array, at: number, end: number, guess = false): Network {
  if (at >= end) return cutOff(packet)
  const version = bytes[at]! >> 4
  if (version === 4 || version === 6) return network(packet, version, at)
  if (guess) return 0
  packet.kind = MALFORMED
  packet.problem = 'the IP version is neither 4 nor 6'
  return 0
}

/** PPP (RFC 1661), with or without HDLC framing FF-03, with the protocol in one octet or two (RFC 1661 §6.5). */
export function behindPpp(packet: Packet, bytes: Uint8Array, start: number, end: number): Network {
  let at = start
  if (end - at >= 2 && bytes[at] === 0xff && bytes[at + 1] === 0x03) at += 2
  if (end - at < 2) return cutOff(packet)
  const compressed = (bytes[at]! & 1) === 1
  const protocol = compressed ? bytes[at]! : (bytes[at]! << 8) | bytes[at + 1]!
  at += compressed ? 1 : 2
  if (protocol === 0x0021) return network(packet, 4, at)
  if (protocol === 0x0057) return network(packet, 6, at)
  if (protocol === 0x0281 || protocol === 0x0283) return behindMpls(packet, bytes, at, end)
  return 0
}
