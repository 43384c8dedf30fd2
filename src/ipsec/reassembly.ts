// Fragments to packets, for both families (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722): transport mode opens whole packets only,
// and seals them before they are cut (RFC 4303 §3.3.4, §3.4.1; KB 309304 is what happens otherwise). Overlapping, late, too
// many and too large fragments are dropped with their whole packet and counted; memory is bounded, for each source too.

import { protocolName } from '../base/flow.ts'
import { extensionLength, FRAGMENT, isExtension } from '../wire/ip.ts'
import type { Packet } from '../wire/packet.ts'
import { setHeaderChecksum } from './headers.ts'

/** Packets in the making at once, and octets held for them; the oldest gives way. */
const MOST = { packets: 1024, bytes: 4 * 1024 * 1024 } as const
/** Of one source, so that whoever sends nothing but first halves cannot push out the others. */
const MOST_OF_SOURCE = { packets: 128, bytes: 1024 * 1024 } as const
/** Fragments of one packet; 64 KiB in the smallest pieces that any link sends are fewer. */
const MOST_FRAGMENTS = 128
/** Seconds to the last fragment (RFC 8200 §4.5 has 60, RFC 791 15 to 120; Linux 30). */
const PATIENCE = 30
const LARGEST_PACKET = 65_535
/** Bits of the codepoints of ECN that the fragments of a packet bore. */
const NOT_CAPABLE = 1 << 0
const CONGESTED = 1 << 3

export type FragmentDrop = 'overlap' | 'too-many' | 'too-large' | 'late' | 'crowded' | 'odd-length' | 'mixed-congestion'

interface Piece {
  readonly offset: number
  readonly more: boolean
  readonly bytes: Uint8Array
}

interface Source {
  packets: number
  bytes: number
}

interface Making {
  readonly since: number
  readonly from: string
  pieces: Piece[]
  /** Octets behind the header, known with the last fragment; -1 before. */
  total: number
  /** Octets of the pieces, and with the header. */
  length: number
  held: number
  /** The header of the first fragment, IPv6 without its fragment header. */
  header: Uint8Array | undefined
  congestion: number
  /** Why the packet is lost. It stays listed, so that what still comes of it makes no other packet (RFC 5722 §4). */
  fault: FragmentDrop | undefined
}

export class Reassembly {
  /** Packets lost, by reason. */
  readonly drops = new Map<FragmentDrop, number>()
  readonly #making = new Map<string, Making>()
  readonly #sources = new Map<string, Source>()
  #held = 0

  /** Packets of which something is known, lost ones included until their time is over. */
  get inTheMaking(): number {
    return this.#making.size
  }

  get bytesHeld(): number {
    return this.#held
  }

  /**
   * Takes a fragment of a decoded packet. Answers the whole packet with the last missing piece, a reason where the packet
   * is lost, else undefined. `now` in seconds of one clock; fragments of different `within` never meet.
   */
  add(packet: Packet, bytes: Uint8Array, now: number, within = 0): Uint8Array | FragmentDrop | undefined {
    this.#expire(now)
    const key = keyOf(packet, within)
    const making = this.#making.get(key) ?? this.#begin(key, sourceOf(packet), now)
    if (making.fault !== undefined) return making.fault
    const start = payloadStart(packet, bytes)
    const offset = packet.fragmentOffset * 8
    if (isDuplicate(making, offset, packet.moreFragments, bytes.subarray(start, packet.end))) return undefined
    const fault = faultOf(making, offset, packet.end - start, packet.moreFragments)
    if (fault !== undefined) return this.#spoil(making, fault)
    this.#keep(making, packet, bytes, start)
    if (making.total >= 0 && making.length === making.total && making.header !== undefined)
      return this.#finish(key, making)
    this.#makeRoom(making.from)
    return undefined
  }

  #begin(key: string, from: string, now: number): Making {
    const making: Making = {
      since: now,
      from,
      pieces: [],
      total: -1,
      length: 0,
      held: 0,
      header: undefined,
      congestion: 0,
      fault: undefined,
    }
    this.#making.set(key, making)
    const source = this.#sources.get(from)
    if (source === undefined) this.#sources.set(from, { packets: 1, bytes: 0 })
    else source.packets++
    return making
  }

  #keep(making: Making, packet: Packet, bytes: Uint8Array, start: number): void {
    const offset = packet.fragmentOffset * 8
    const piece = { offset, more: packet.moreFragments, bytes: bytes.slice(start, packet.end) }
    if (!piece.more) making.total = offset + piece.bytes.length
    if (offset === 0) making.header = headerOf(packet, bytes, start)
    making.pieces.push(piece)
    making.congestion |= 1 << (congestionOf(packet, bytes) & 3)
    making.length += piece.bytes.length
    this.#hold(making, piece.bytes.length + (offset === 0 ? making.header!.length : 0))
  }

  #hold(making: Making, bytes: number): void {
    making.held += bytes
    this.#held += bytes
    this.#sources.get(making.from)!.bytes += bytes
  }

  #finish(key: string, making: Making): Uint8Array | FragmentDrop {
    const header = making.header!
    const fault = faultOfWhole(making, header)
    if (fault !== undefined) return this.#spoil(making, fault)
    this.#forget(key, making)
    // RFC 3168 §5.3: one mark of congestion marks the packet.
    if ((making.congestion & CONGESTED) !== 0) header[1] = header[1]! | (header[0]! >> 4 === 4 ? 3 : 0x30)
    const whole = new Uint8Array(header.length + making.total)
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

  #makeRoom(from: string): void {
    const source = this.#sources.get(from)!
    while (isOver(source, MOST_OF_SOURCE)) this.#dropOldest(from)
    while (isOver({ packets: this.#making.size, bytes: this.#held }, MOST)) this.#dropOldest(undefined)
  }

  /** Of one source, or of all. */
  #dropOldest(from: string | undefined): void {
    for (const [key, making] of this.#making) {
      if (from === undefined || making.from === from) return this.#drop(key, making, 'crowded')
    }
  }

  #drop(key: string, making: Making, reason: FragmentDrop): void {
    if (making.fault === undefined) this.#count(reason)
    this.#forget(key, making)
  }

  #spoil(making: Making, fault: FragmentDrop): FragmentDrop {
    this.#count(fault)
    this.#hold(making, -making.held)
    making.fault = fault
    making.pieces = []
    making.header = undefined
    // A flood of faulty ones is listed no longer than others are.
    this.#makeRoom(making.from)
    return fault
  }

  #forget(key: string, making: Making): void {
    this.#hold(making, -making.held)
    this.#making.delete(key)
    const source = this.#sources.get(making.from)!
    source.packets--
    if (source.packets === 0) this.#sources.delete(making.from)
  }

  #count(reason: FragmentDrop): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
  }
}

function isOver(used: Source, most: Readonly<Source>): boolean {
  return used.packets > most.packets || used.bytes > most.bytes
}

/** Networks double packets, and an exact double says nothing new (RFC 8200 §4.5); anything else that overlaps is an attack. */
function isDuplicate(making: Making, offset: number, more: boolean, bytes: Uint8Array): boolean {
  const piece = making.pieces.find(piece => piece.offset === offset)
  return piece !== undefined && piece.more === more && Buffer.compare(piece.bytes, bytes) === 0
}

function faultOf(making: Making, offset: number, length: number, more: boolean): FragmentDrop | undefined {
  const end = offset + length
  if (end > LARGEST_PACKET) return 'too-large'
  // Only the last fragment may have a length that is no multiple of eight (RFC 8200 §4.5).
  if (more && (length % 8 !== 0 || length === 0)) return 'odd-length'
  if (making.total >= 0 && (end > making.total || (!more && end !== making.total))) return 'overlap'
  if (!more && making.pieces.some(piece => piece.offset + piece.bytes.length > end)) return 'overlap'
  // Which of two to believe is what attacks are made of (RFC 5722 §3).
  if (making.pieces.some(piece => offset < piece.offset + piece.bytes.length && piece.offset < end)) return 'overlap'
  return making.pieces.length >= MOST_FRAGMENTS ? 'too-many' : undefined
}

function faultOfWhole(making: Making, header: Uint8Array): FragmentDrop | undefined {
  if (header.length + making.total > LARGEST_PACKET) return 'too-large'
  // RFC 3168 §5.3: a sender that knows of marks knows of them in every fragment.
  const isMixed = (making.congestion & CONGESTED) !== 0 && (making.congestion & NOT_CAPABLE) !== 0
  return isMixed ? 'mixed-congestion' : undefined
}

function congestionOf(packet: Packet, bytes: Uint8Array): number {
  const octet = bytes[packet.ipOffset + 1]!
  return packet.version === 4 ? octet & 3 : (octet >> 4) & 3
}

function keyOf(packet: Packet, within: number): string {
  const protocol = packet.version === 4 ? protocolName(packet.protocol) : ''
  const { s0, s1, s2, s3, d0, d1, d2, d3 } = packet
  return `${packet.version} ${s0} ${s1} ${s2} ${s3} ${d0} ${d1} ${d2} ${d3} ${packet.identification} ${protocol} ${within}`
}

/** An IPv6 host may have as many addresses as its /64 has. */
function sourceOf({ version, s0, s1 }: Packet): string {
  return version === 4 ? `${s0}` : `${s0} ${s1}`
}

/** Where the fragment's piece starts: behind the IPv4 header, or behind the IPv6 fragment header. */
function payloadStart(packet: Packet, bytes: Uint8Array): number {
  if (packet.version === 4) return packet.ipOffset + (bytes[packet.ipOffset]! & 15) * 4
  return findFragmentHeader(bytes, bytes[packet.ipOffset + 6]!, packet.ipOffset + 40, packet.end) + 8
}

/** Offset of the first IPv6 fragment header from `at` on, where a header of the kind `next` starts; -1 where there is none. */
export function findFragmentHeader(bytes: Uint8Array, next: number, at: number, end: number): number {
  let kind = next
  let start = at
  while (end - start >= 8 && isExtension(kind, bytes, start)) {
    if (kind === FRAGMENT) return start
    kind = bytes[start]!
    start += extensionLength(bytes, start)
  }
  return -1
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
export function setNextHeader(header: Uint8Array, next: number): void {
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
