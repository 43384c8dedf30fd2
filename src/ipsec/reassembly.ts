// Fragments to packets, for both families (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722): transport mode opens whole packets only,
// and seals them before they are cut (RFC 4303 §3.3.4, §3.4.1; KB 309304 is what happens otherwise). Overlapping, late, too
// many and too large fragments are dropped with their whole packet and counted; memory is bounded.
import { protocolName } from '../base/flow.ts'
import type { Packet } from '../wire/packet.ts'

/** Packets in the making at once; the oldest gives way. */
const MOST_PACKETS = 256
/** Octets held for all of them. */
const MOST_BYTES = 4 * 1024 * 1024
/** Fragments of one packet; 64 KiB in the smallest pieces that any link sends are fewer. */
const MOST_FRAGMENTS = 128
/** Seconds to the last fragment (RFC 8200 §4.5 has 60, RFC 791 15 to 120; Linux 30). */
const PATIENCE = 30
const LARGEST_PACKET = 65_535

export type FragmentDrop = 'overlap' | 'too-many' | 'too-large' | 'late' | 'crowded' | 'odd-length'

interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
}

interface Making {
  readonly since: number
  pieces: Piece[]
  /** Octets behind the header, known with the last fragment; -1 before. */
  total: number
  held: number
  /** The header of the first fragment, IPv6 without its fragment header. */
  header: Uint8Array | undefined
}

export class Reassembly {
  /** Packets lost, by reason. */
  readonly drops = new Map<FragmentDrop, number>()
  readonly #making = new Map<string, Making>()
  #held = 0

  get inTheMaking(): number {
    return this.#making.size
  }

  /**
   * Takes a fragment of a decoded packet. Answers the whole packet with the last missing piece, else undefined. `now` in
   * seconds of one clock.
   */
  add(packet: Packet, bytes: Uint8Array, now: number): Uint8Array | undefined {
    this.#expire(now)
    const key = keyOf(packet)
    const start = payloadStart(packet, bytes)
    const payload = bytes.slice(start, packet.end)
    const making = this.#making.get(key) ?? this.#begin(key, now)
    const offset = packet.fragmentOffset * 8
    const fault = faultOf(making, offset, payload.length, packet.moreFragments)
    if (fault !== undefined) {
      this.#drop(key, making, fault)
      return undefined
    }
    if (!packet.moreFragments) making.total = offset + payload.length
    if (offset === 0) making.header = headerOf(packet, bytes, start)
    making.pieces.push({ offset, bytes: payload })
    making.held += payload.length
    this.#held += payload.length
    if (making.total >= 0 && making.held === making.total && making.header !== undefined)
      return this.#finish(key, making)
    while (this.#held > MOST_BYTES || this.#making.size > MOST_PACKETS) this.#dropOldest('crowded')
    return undefined
  }

  #begin(key: string, now: number): Making {
    const making: Making = { since: now, pieces: [], total: -1, held: 0, header: undefined }
    this.#making.set(key, making)
    return making
  }

  #finish(key: string, making: Making): Uint8Array | undefined {
    this.#forget(key, making)
    const header = making.header!
    const whole = new Uint8Array(header.length + making.total)
    if (whole.length > LARGEST_PACKET) {
      this.#count('too-large')
      return undefined
    }
    whole.set(header)
    for (const piece of making.pieces) whole.set(piece.bytes, header.length + piece.offset)
    setLength(whole, header.length)
    return whole
  }

  #expire(now: number): void {
    // A map keeps the order of insertion, so the oldest stand first.
    for (const [key, making] of this.#making) {
      if (now - making.since < PATIENCE) break
      this.#drop(key, making, 'late')
    }
  }

  #dropOldest(reason: FragmentDrop): void {
    for (const [key, making] of this.#making) return this.#drop(key, making, reason)
  }

  #drop(key: string, making: Making, reason: FragmentDrop): void {
    this.#forget(key, making)
    this.#count(reason)
  }

  #forget(key: string, making: Making): void {
    this.#making.delete(key)
    this.#held -= making.held
  }

  #count(reason: FragmentDrop): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
  }
}

function faultOf(making: Making, offset: number, length: number, more: boolean): FragmentDrop | undefined {
  const end = offset + length
  if (end > LARGEST_PACKET) return 'too-large'
  // Only the last fragment may have a length that is no multiple of eight (RFC 8200 §4.5).
  if (more && (length % 8 !== 0 || length === 0)) return 'odd-length'
  if (making.total >= 0 && (end > making.total || (!more && end !== making.total))) return 'overlap'
  if (!more && making.pieces.some(piece => piece.offset + piece.bytes.length > end)) return 'overlap'
  // A duplicate is an overlap too: which of two to believe is what attacks are made of (RFC 5722 §3).
  if (making.pieces.some(piece => offset < piece.offset + piece.bytes.length && piece.offset < end)) return 'overlap'
  return making.pieces.length >= MOST_FRAGMENTS ? 'too-many' : undefined
}

function keyOf(packet: Packet): string {
  const protocol = packet.version === 4 ? protocolName(packet.protocol) : ''
  const { s0, s1, s2, s3, d0, d1, d2, d3 } = packet
  return `${packet.version} ${s0} ${s1} ${s2} ${s3} ${d0} ${d1} ${d2} ${d3} ${packet.identification} ${protocol}`
}

/** Where the fragment's piece starts: behind the IPv4 header, or behind the IPv6 fragment header. */
function payloadStart(packet: Packet, bytes: Uint8Array): number {
  if (packet.version === 4) return packet.ipOffset + (bytes[packet.ipOffset]! & 15) * 4
  return fragmentHeader(packet, bytes) + 8
}

/** Offset of the IPv6 fragment header; decoding has walked to it, so it is there. */
export function fragmentHeader(packet: Packet, bytes: Uint8Array): number {
  let next = bytes[packet.ipOffset + 6]!
  let at = packet.ipOffset + 40
  while (next !== 44 && at + 8 <= packet.end) {
    next = bytes[at]!
    at += (bytes[at + 1]! + 1) * 8
  }
  return at
}

function headerOf(packet: Packet, bytes: Uint8Array, start: number): Uint8Array {
  if (packet.version === 4) {
    const header = bytes.slice(packet.ipOffset, start)
    // No longer a fragment.
    header[6] = header[6]! & 0x40
    header[7] = 0
    return header
  }
  const fragment = start - 8
  const header = bytes.slice(packet.ipOffset, fragment)
  setNextHeader(header, bytes[fragment]!)
  return header
}

/** Puts the protocol behind the fragment header into the header that named it. */
function setNextHeader(header: Uint8Array, next: number): void {
  let place = 6
  let at = 40
  while (at < header.length) {
    place = at
    at += (header[at + 1]! + 1) * 8
  }
  header[place] = next
}

function setLength(whole: Uint8Array, headerLength: number): void {
  if (whole[0]! >> 4 === 4) {
    whole[2] = whole.length >> 8
    whole[3] = whole.length & 255
    setHeaderChecksum(whole, headerLength)
  } else {
    const payload = whole.length - 40
    whole[4] = payload >> 8
    whole[5] = payload & 255
  }
}

/** RFC 791 §3.1, over the first `length` octets from `at`. */
export function setHeaderChecksum(bytes: Uint8Array, length: number, at = 0): void {
  bytes[at + 10] = 0
  bytes[at + 11] = 0
  let sum = 0
  for (let index = at; index < at + length; index += 2) sum += (bytes[index]! << 8) | bytes[index + 1]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  bytes[at + 10] = (~sum >> 8) & 255
  bytes[at + 11] = ~sum & 255
}
