// What an interface brings, as whole packets in one form: fragments put together, the link's padding cut off, IPv6 fragment
// headers that cut nothing taken out (RFC 6946), jumbograms and fragments within fragments refused. Both journeys begin
// here, so that no filter is asked about a part of a packet, and nobody behind it puts together what was never judged.
import { decodeIp } from '../wire/decode.ts'
import { HOP_BY_HOP } from '../wire/ip.ts'
import { IS_IP, type Packet } from '../wire/packet.ts'
import { findFragmentHeader, Reassembly, setNextHeader } from './reassembly.ts'

const IPV6_HEADER = 40
const FRAGMENT_HEADER = 8

/** A packet; or that there is none yet, or none at all and why. */
export type Whole = Uint8Array | 'incomplete' | 'malformed' | 'jumbogram' | 'fragment'

export class WholePackets {
  readonly reassembly = new Reassembly()

  /** Decodes what it answers into `packet`. `now` in seconds of one clock; `within` as Reassembly has it. */
  take(packet: Packet, given: Uint8Array, now: number, within = 0): Whole {
    decodeIp(packet, given, 0, given.length)
    if (packet.kind !== IS_IP || packet.ipLength > given.length) return 'malformed'
    return packet.version === 4 ? this.#ipv4(packet, given, now, within) : this.#ipv6(packet, given, now, within)
  }

  #ipv4(packet: Packet, given: Uint8Array, now: number, within: number): Whole {
    // Zero is what segmentation offload leaves; a packet that is to travel has its length.
    if (given[2] === 0 && given[3] === 0) return 'malformed'
    const bytes = given.length === packet.ipLength ? given : given.subarray(0, packet.ipLength)
    return isFragment(packet) ? this.#add(packet, bytes, now, within) : bytes
  }

  #ipv6(packet: Packet, given: Uint8Array, now: number, within: number): Whole {
    const hasLength = given[4] !== 0 || given[5] !== 0
    if (!hasLength && given[6] === HOP_BY_HOP && given.length > IPV6_HEADER) return 'jumbogram'
    const length = hasLength ? packet.ipLength : IPV6_HEADER
    const bytes = given.length === length ? given : given.subarray(0, length)
    if (!hasLength) decodeIp(packet, bytes, 0, length)
    const at = findFragmentHeader(bytes, bytes[6]!, IPV6_HEADER, length)
    if (at < 0) return bytes
    const isFirst = bytes[at + 2] === 0 && bytes[at + 3]! >> 3 === 0
    if (isFirst && findFragmentHeader(bytes, bytes[at]!, at + FRAGMENT_HEADER, length) >= 0) return 'malformed'
    const cutsNothing = isFirst && (bytes[at + 3]! & 1) === 0
    if (!cutsNothing) return this.#add(packet, bytes, now, within)
    const whole = withoutHeader(bytes, at)
    decodeIp(packet, whole, 0, whole.length)
    return whole
  }

  #add(packet: Packet, bytes: Uint8Array, now: number, within: number): Whole {
    const whole = this.reassembly.add(packet, bytes, now, within)
    if (whole === undefined) return 'incomplete'
    if (typeof whole === 'string') return 'fragment'
    decodeIp(packet, whole, 0, whole.length)
    if (packet.kind !== IS_IP || isFragment(packet)) return 'malformed'
    const isNested = packet.version === 6 && findFragmentHeader(whole, whole[6]!, IPV6_HEADER, whole.length) >= 0
    return isNested ? 'malformed' : whole
  }
}

function withoutHeader(bytes: Uint8Array, at: number): Uint8Array {
  const whole = new Uint8Array(bytes.length - FRAGMENT_HEADER)
  whole.set(bytes.subarray(0, at))
  whole.set(bytes.subarray(at + FRAGMENT_HEADER), at)
  const payload = whole.length - IPV6_HEADER
  whole[4] = payload >> 8
  whole[5] = payload & 255
  setNextHeader(whole.subarray(0, at), bytes[at]!)
  return whole
}

function isFragment(packet: Packet): boolean {
  return packet.fragmentOffset !== 0 || packet.moreFragments
}

/** Whether an IP packet is a fragment, or has a header that says so though it cuts nothing. */
export function holdsFragment(packet: Uint8Array): boolean {
  if (packet[0]! >> 4 === 4) return (packet[6]! & 0x3f) !== 0 || packet[7] !== 0
  return findFragmentHeader(packet, packet[6]!, IPV6_HEADER, packet.length) >= 0
}
