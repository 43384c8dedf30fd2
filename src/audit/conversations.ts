// The conversations of a capture: one row for each direction of each, found by a hash of what identifies it. Flat typed
// arrays, so that a packet costs one look-up and no allocation; bounded, so that a capture of a scan cannot eat the
// memory: the owner folds the rows into its sums and clears the table when it is full.
import type { Address } from '../base/address.ts'
import { AH, ESP, type Flow, ICMP, ICMPV6 } from '../base/flow.ts'
import { ESP_IN_UDP, type Packet } from '../wire/packet.ts'

/** Rows in the table before it must be cleared. */
export const MOST_ROWS = 1 << 19

/** Where a conversation's key holds what: addresses first, then two words. */
const PORTS = 0
const KIND = 1
/** Bits of the kind, above the protocol (8 bits) and the content (2 bits). */
const LINK_BROADCAST = 0x400
const NO_PORTS = 0x800
const LATER_FRAGMENT = 0x1000

export class Conversations {
  /** Words of a key: 4 for IPv4, 10 for IPv6. */
  readonly #keyWords: number
  readonly #addressWords: number
  #rows = 0
  #slots: Int32Array
  #mask: number
  #keys: Int32Array
  #last = 0
  packets: Float64Array
  bytes: Float64Array
  /** Index of the judgement of each row; the owner sets it for a new row. */
  judgement: Int32Array
  /** Index of the pair of hosts, for capture-point.ts. */
  direction: Int32Array
  /** Frame number of the first packet, and when it was seen. */
  firstFrame: Float64Array
  firstSeconds: Float64Array
  firstNanoseconds: Int32Array
  /** Packets and bytes among them that are opened copies of sealed packets, as far as that can be told. */
  copies: Float64Array
  copyBytes: Float64Array
  readonly #scratch: Int32Array
  readonly #seed: number

  /** `seed`: any 32-bit number that whoever made the capture cannot know, so that nobody can make rows collide. */
  constructor(family: 4 | 6, seed: number) {
    const capacity = 1 << 12
    this.#seed = seed | 0
    this.#addressWords = family === 4 ? 2 : 8
    this.#keyWords = this.#addressWords + 2
    this.#scratch = new Int32Array(this.#keyWords)
    this.#slots = new Int32Array(capacity * 2)
    this.#mask = capacity * 2 - 1
    this.#keys = new Int32Array(capacity * this.#keyWords)
    this.packets = new Float64Array(capacity)
    this.bytes = new Float64Array(capacity)
    this.judgement = new Int32Array(capacity)
    this.direction = new Int32Array(capacity)
    this.firstFrame = new Float64Array(capacity)
    this.firstSeconds = new Float64Array(capacity)
    this.firstNanoseconds = new Int32Array(capacity)
    this.copies = new Float64Array(capacity)
    this.copyBytes = new Float64Array(capacity)
  }

  get size(): number {
    return this.#rows
  }

  get isFull(): boolean {
    return this.#rows >= MOST_ROWS
  }

  /** The row of the packet's conversation; -1 - row where it is new. */
  find(packet: Packet): number {
    const key = this.#scratch
    const words = this.#addressWords
    key[0] = packet.s0
    if (words === 2) key[1] = packet.d0
    else {
      key[1] = packet.s1
      key[2] = packet.s2
      key[3] = packet.s3
      key[4] = packet.d0
      key[5] = packet.d1
      key[6] = packet.d2
      key[7] = packet.d3
    }
    key[words + PORTS] = portsOf(packet)
    key[words + KIND] =
      packet.protocol |
      (packet.content << 8) |
      (packet.linkBroadcast ? LINK_BROADCAST : 0) |
      (packet.sourcePort < 0 ? NO_PORTS : 0) |
      (packet.fragmentOffset === 0 ? 0 : LATER_FRAGMENT)
    // Packets come in runs of one conversation.
    if (this.#last < this.#rows && this.#holds(this.#last)) return this.#last
    let hash = this.#seed
    for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key[index]!, 0x9e3779b1) ^ (hash >>> 15)
    hash ^= hash >>> 16
    let slot = hash & this.#mask
    for (;;) {
      const row = this.#slots[slot]! - 1
      if (row < 0) break
      if (this.#holds(row)) {
        this.#last = row
        return row
      }
      slot = (slot + 1) & this.#mask
    }
    return -1 - this.#add(slot)
  }

  #holds(row: number): boolean {
    const key = this.#scratch
    const at = row * key.length
    const keys = this.#keys
    for (let index = 0; index < key.length; index++) {
      if (keys[at + index] !== key[index]) return false
    }
    return true
  }

  #add(slot: number): number {
    const row = this.#rows++
    this.#keys.set(this.#scratch, row * this.#keyWords)
    this.#slots[slot] = row + 1
    this.packets[row] = 0
    this.bytes[row] = 0
    this.copies[row] = 0
    this.copyBytes[row] = 0
    this.#last = row
    if (this.#rows * 2 > this.#mask) this.#grow()
    return row
  }

  #grow(): void {
    const capacity = this.#rows * 2
    const wider = <A extends Float64Array | Int32Array>(old: A, length: number): A => {
      const array = new (old.constructor as new (length: number) => A)(length)
      array.set(old as never)
      return array
    }
    this.#keys = wider(this.#keys, capacity * this.#keyWords)
    this.packets = wider(this.packets, capacity)
    this.bytes = wider(this.bytes, capacity)
    this.judgement = wider(this.judgement, capacity)
    this.direction = wider(this.direction, capacity)
    this.firstFrame = wider(this.firstFrame, capacity)
    this.firstSeconds = wider(this.firstSeconds, capacity)
    this.firstNanoseconds = wider(this.firstNanoseconds, capacity)
    this.copies = wider(this.copies, capacity)
    this.copyBytes = wider(this.copyBytes, capacity)
    this.#slots = new Int32Array(capacity * 2)
    this.#mask = capacity * 2 - 1
    for (let row = 0; row < this.#rows; row++) this.#slots[this.#freeSlot(row)] = row + 1
  }

  #freeSlot(row: number): number {
    const at = row * this.#keyWords
    let hash = this.#seed
    for (let index = 0; index < this.#keyWords; index++) {
      hash = Math.imul(hash ^ this.#keys[at + index]!, 0x9e3779b1) ^ (hash >>> 15)
    }
    hash ^= hash >>> 16
    let slot = hash & this.#mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask
    return slot
  }

  /** Whether the row is of the packet's hosts; the identification of a fragment says the rest. */
  isBetween(row: number, packet: Packet): boolean {
    const keys = this.#keys
    const at = row * this.#keyWords
    if (row >= this.#rows || keys[at] !== packet.s0) return false
    if (this.#addressWords === 2) return keys[at + 1] === packet.d0
    return (
      keys[at + 1] === packet.s1 &&
      keys[at + 2] === packet.s2 &&
      keys[at + 3] === packet.s3 &&
      keys[at + 4] === packet.d0 &&
      keys[at + 5] === packet.d1 &&
      keys[at + 6] === packet.d2 &&
      keys[at + 7] === packet.d3
    )
  }

  /** The flow of a row, as it was when its first packet came. */
  flowOf(row: number): Flow {
    const at = row * this.#keyWords
    const words = this.#addressWords / 2
    const address = (from: number): Address => ({
      family: words === 1 ? 4 : 6,
      words: Array.from(this.#keys.subarray(from, from + words), word => word >>> 0),
    })
    const ports = this.#keys[at + this.#addressWords + PORTS]!
    const kind = this.#keys[at + this.#addressWords + KIND]!
    const protocol = kind & 0xff
    const isIcmp = protocol === ICMP || protocol === ICMPV6
    const hasPorts = (kind & (NO_PORTS | LATER_FRAGMENT)) === 0 && protocol !== AH && protocol !== ESP
    return {
      source: address(at),
      destination: address(at + words),
      protocol,
      ...(hasPorts && !isSealedInUdp(kind) ? { sourcePort: ports >>> 16, destinationPort: ports & 0xffff } : {}),
      ...(isIcmp && ports >= 0 ? { icmpType: ports } : {}),
      ...((kind & LINK_BROADCAST) === 0 ? {} : { linkBroadcast: true }),
    }
  }

  clear(): void {
    this.#rows = 0
    this.#slots.fill(0)
  }
}

function isSealedInUdp(kind: number): boolean {
  return ((kind >> 8) & 3) === ESP_IN_UDP
}

/** What tells apart conversations of the same two hosts and protocol: ports, an SPI, or an ICMP type. */
function portsOf(packet: Packet): number {
  if (packet.protocol === ESP || packet.protocol === AH || packet.content === ESP_IN_UDP) return packet.spi | 0
  if (packet.protocol === ICMP || packet.protocol === ICMPV6) return packet.icmpType
  return (packet.sourcePort << 16) | (packet.destinationPort & 0xffff)
}
