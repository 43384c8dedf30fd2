// What agrees on keys and what is sealed already, as far as the kernel can tell by content. Such packets pass under every
// policy, but only to and from our own ports: whatever a stranger sends from port 500 or 4500 to another one is judged as
// any packet is. Offsets are in bits from the UDP or ICMP header.
import type { Direction } from '../../base/flow.ts'

const SEALED = 'counter accept comment "sealed"'

/**
 * What is sealed, to stand in front of all else that lets packets pass: the rules cost more than the seal where they are
 * asked in their whole length of every sealed packet.
 */
export function sealedFirstRules(direction: Direction): readonly string[] {
  return [
    `meta l4proto 50-51 ${SEALED}`,
    // SPIs up to 255 are reserved, and ESP fills whole words (RFC 4303 §2.1, §2.4).
    `udp ${ownPort(direction)} 4500 @th,64,32 > 255 udp length >= 28 udp length & 3 == 0 counter accept comment "ESP in UDP"`,
  ]
}

/** ESP that the agent has by frames already: as dataplane/tun/packet-filters.ts says what that is. */
export function takenByFramesRules(): readonly string[] {
  const taken = 'fib daddr type local drop comment "ESP that came by a frame"'
  return [`ip protocol esp ${taken}`, `ip6 nexthdr esp ${taken}`]
}

/** ESP and AH that are harder to see: in IPv6 the kernel takes AH for an extension header and looks behind it. */
export function sealedRules(): readonly string[] {
  return [`ip6 nexthdr ah ${SEALED}`, `frag nexthdr { esp, ah } ${SEALED}`]
}

/** A translator may have changed the far port, never ours. */
function ownPort(direction: Direction): string {
  return direction === 'out' ? 'sport' : 'dport'
}

/** Behind 64 bits of UDP: IKE's header at once, or behind the marker of four zero octets (RFC 3948 §2.2). */
const IKE_AT = 64
const IKE_BEHIND_MARKER_AT = 96

export function keyingRules(direction: Direction): readonly string[] {
  const own = ownPort(direction)
  return [
    ...isIke(IKE_AT, 36).map(match => `udp ${own} 500 ${match} counter accept comment "IKE"`),
    ...isIke(IKE_BEHIND_MARKER_AT, 40).map(
      match => `udp ${own} 4500 @th,64,32 0 ${match} counter accept comment "IKE"`,
    ),
    `udp ${own} 4500 udp length 9 @th,64,8 0xff counter accept comment "NAT keepalive"`,
  ]
}

/**
 * Version and exchange type fit each other, and the length is one of a datagram. That it is this datagram's the kernel
 * cannot compare: the keying does.
 */
function isIke(at: number, least: number): readonly string[] {
  const length = `udp length >= ${least} @th,${at + 24 * 8},16 0 @th,${at + 26 * 8},16 >= 28`
  return [
    `@th,${at + 17 * 8},4 1 @th,${at + 18 * 8},8 { 1-6, 32-255 } ${length}`,
    `@th,${at + 17 * 8},4 2 @th,${at + 18 * 8},8 34-255 ${length}`,
  ]
}

/**
 * "Packet too big" from a router about what we sealed: it comes in clear from whoever it is, and without it a path with
 * a smaller MTU swallows everything (RFC 4301 §8.2.1). It quotes the packet's own header: ESP, AH, or UDP from our port.
 */
export function tooBigRules(): readonly string[] {
  const why = 'counter accept comment "path MTU of sealed packets"'
  const v4 = 'icmp type destination-unreachable icmp code frag-needed'
  const v6 = 'icmpv6 type packet-too-big'
  return [
    `${v4} @th,136,8 { 50, 51 } ${why}`,
    `${v4} @th,64,8 0x45 @th,136,8 17 @th,224,16 4500 ${why}`,
    `${v6} @th,112,8 { 50, 51 } ${why}`,
    `${v6} @th,112,8 17 @th,384,16 4500 ${why}`,
  ]
}

/**
 * How hosts of one link find each other's station, as ARP does for IPv4 (RFC 4861): it cannot be sealed, for without it no
 * sealed packet finds its way either. No router hands a packet with this hop limit on. It passes where a rule wants traffic
 * sealed; what a rule blocks is blocked.
 */
export function neighbourRules(): readonly string[] {
  return ['ip6 hoplimit 255 icmpv6 type { 133-136 } counter accept comment "neighbour discovery"']
}
