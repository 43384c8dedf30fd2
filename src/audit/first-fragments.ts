// Which conversation the later fragments of a packet belong to: they carry no ports, so the first fragment speaks for
// them where it was seen before them. A fixed number of places; of two packets that fall into one place the newer stays.
import type { Packet } from '../wire/packet.ts'
import type { Conversations } from './conversations.ts'

const PLACES = 1 << 16
/** Seconds that a receiver waits for the rest of a packet (RFC 8200 §4.5); then its identification is used anew. */
const WAIT = 60

export class FirstFragments {
  // Most captures have no fragments, so the places are made with the first one.
  #identification = new Int32Array()
  #protocol = new Int16Array()
  /** Row of the conversation, plus one; zero is an empty place. */
  #row = new Int32Array()
  #frame = new Float64Array()
  #seconds = new Float64Array()

  remember(packet: Packet, row: number, frame: number, seconds: number): void {
    if (this.#row.length === 0) this.#makePlaces()
    const place = placeOf(packet)
    this.#identification[place] = packet.identification
    this.#protocol[place] = kindOf(packet)
    this.#row[place] = row + 1
    this.#frame[place] = frame
    this.#seconds[place] = seconds
  }

  /** The row of the conversation whose first fragment was seen, or -1. */
  find(packet: Packet, conversations: Conversations, seconds: number): number {
    if (this.#row.length === 0) return -1
    const place = placeOf(packet)
    const row = this.#row[place]! - 1
    if (row < 0 || this.#identification[place] !== packet.identification) return -1
    if (this.#protocol[place] !== kindOf(packet) || !conversations.isBetween(row, packet)) return -1
    if (Math.abs(seconds - this.#seconds[place]!) > WAIT) return -1
    return row
  }

  /** Frame number of the first fragment that `find` has just found. */
  frameOf(packet: Packet): number {
    return this.#frame[placeOf(packet)]!
  }

  #makePlaces(): void {
    this.#identification = new Int32Array(PLACES)
    this.#protocol = new Int16Array(PLACES)
    this.#row = new Int32Array(PLACES)
    this.#frame = new Float64Array(PLACES)
    this.#seconds = new Float64Array(PLACES)
  }

  clear(): void {
    this.#row.fill(0)
  }
}

/** RFC 791 §2.3 identifies a datagram with its protocol, RFC 8200 §4.5 without. */
function kindOf(packet: Packet): number {
  return packet.version === 4 ? packet.protocol : -6
}

function placeOf(packet: Packet): number {
  let hash = Math.imul(packet.identification ^ packet.s0, 0x9e3779b1) ^ packet.d0 ^ packet.s3 ^ Math.imul(packet.d3, 31)
  hash ^= hash >>> 15
  return (Math.imul(hash, 0x85ebca6b) >>> 16) & (PLACES - 1)
}
