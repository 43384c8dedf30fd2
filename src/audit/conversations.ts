// The conversations of a capture: one row for each direction of each, with its sums in flat columns, so that a packet
// costs one look-up and no allocation. Bounded, so that a capture of a scan cannot eat the memory: the owner folds the
// rows into its ledger and clears the table when it is full.
import type { Address } from '../base/address.ts'
import { AH, ESP, type Flow, ICMP, ICMPV6 } from '../base/flow.ts'
import { ESP_IN_UDP, type Packet } from '../wire/packet.ts'
import { longer, WordTable } from './word-table.ts'

export interface ConversationsOptions {
  /** See WordTable. */
  readonly seed: number
  /** Rows in the table before it must be cleared. */
  readonly most?: number
}

const MOST_ROWS = 1 << 19

/** Where a conversation's key holds what: addresses first, then two words. */
const PORTS = 0
const KIND = 1
/** Bits of the kind, above the protocol (8 bits) and the content (2 bits). */
const LINK_BROADCAST = 0x400
const NO_PORTS = 0x800
const LATER_FRAGMENT = 0x1000

export class Conversations {
  readonly family: 4 | 6
  packets = new Float64Array()
  bytes = new Float64Array()
  /** Number of the judgement of each row; the owner sets it for a new row, and what follows as well. */
  judgement = new Int32Array()
  /** Number of the pair of hosts, for capture-point.ts. */
  direction = new Int32Array()
  /** Frame number of the first packet, and when it was seen. */
  firstFrame = new Float64Array()
  firstSeconds = new Float64Array()
  firstNanoseconds = new Int32Array()
  /** Packets and bytes among them that pair with sealed packets before them. */
  copies = new Float64Array()
  copyBytes = new Float64Array()
  readonly #addressWords: number
  readonly #table: WordTable
  readonly #key: Int32Array
  readonly #most: number
  #last = 0

  constructor(family: 4 | 6, options: ConversationsOptions) {
    this.family = family
    this.#addressWords = family === 4 ? 2 : 8
    this.#key = new Int32Array(this.#addressWords + 2)
    this.#table = new WordTable(this.#key.length, options.seed)
    this.#most = options.most ?? MOST_ROWS
    this.#widen()
  }

  get size(): number {
    return this.#table.size
  }

  get isFull(): boolean {
    return this.#table.size >= this.#most
  }

  /** The row of the packet's conversation; -1 - row where it is new. */
  find(packet: Packet): number {
    const key = this.#key
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
    if (this.#last < this.#table.size && this.#table.isAt(this.#last, key)) return this.#last
    const row = this.#table.find(key)
    this.#last = row < 0 ? this.#add() : row
    return row < 0 ? -1 - this.#last : row
  }

  #add(): number {
    const row = this.#table.add(this.#key)
    if (row >= this.packets.length) this.#widen()
    this.packets[row] = 0
    this.bytes[row] = 0
    this.copies[row] = 0
    this.copyBytes[row] = 0
    return row
  }

  #widen(): void {
    const { capacity } = this.#table
    this.packets = longer(this.packets, capacity)
    this.bytes = longer(this.bytes, capacity)
    this.judgement = longer(this.judgement, capacity)
    this.direction = longer(this.direction, capacity)
    this.firstFrame = longer(this.firstFrame, capacity)
    this.firstSeconds = longer(this.firstSeconds, capacity)
    this.firstNanoseconds = longer(this.firstNanoseconds, capacity)
    this.copies = longer(this.copies, capacity)
    this.copyBytes = longer(this.copyBytes, capacity)
  }

  /** Whether the row is of the packet's hosts; the identification of a fragment says the rest. */
  isBetween(row: number, packet: Packet): boolean {
    const table = this.#table
    if (row >= table.size || table.word(row, 0) !== packet.s0) return false
    if (this.#addressWords === 2) return table.word(row, 1) === packet.d0
    return (
      table.word(row, 1) === packet.s1 &&
      table.word(row, 2) === packet.s2 &&
      table.word(row, 3) === packet.s3 &&
      table.word(row, 4) === packet.d0 &&
      table.word(row, 5) === packet.d1 &&
      table.word(row, 6) === packet.d2 &&
      table.word(row, 7) === packet.d3
    )
  }

  /** A word of the row's addresses: those of the source, then those of the destination. */
  addressWord(row: number, index: number): number {
    return this.#table.word(row, index)
  }

  protocol(row: number): number {
    return this.#kind(row) & 0xff
  }

  /** The lower port, which names the service; -1 where there are none. */
  service(row: number): number {
    if (!this.#hasPorts(row)) return -1
    const ports = this.#ports(row)
    return Math.min(ports >>> 16, ports & 0xffff)
  }

  /** The flow of a row, as it was when its first packet came. */
  flowOf(row: number): Flow {
    const words = this.#addressWords / 2
    const address = (from: number): Address => ({
      family: this.family,
      words: Array.from({ length: words }, (_, index) => this.#table.word(row, from + index) >>> 0),
    })
    const ports = this.#ports(row)
    const protocol = this.protocol(row)
    const isIcmp = protocol === ICMP || protocol === ICMPV6
    return {
      source: address(0),
      destination: address(words),
      protocol,
      ...(this.#hasPorts(row) ? { sourcePort: ports >>> 16, destinationPort: ports & 0xffff } : {}),
      ...(isIcmp && ports >= 0 ? { icmpType: ports } : {}),
      ...((this.#kind(row) & LINK_BROADCAST) === 0 ? {} : { linkBroadcast: true }),
    }
  }

  #ports(row: number): number {
    return this.#table.word(row, this.#addressWords + PORTS)
  }

  #kind(row: number): number {
    return this.#table.word(row, this.#addressWords + KIND)
  }

  #hasPorts(row: number): boolean {
    const kind = this.#kind(row)
    const protocol = kind & 0xff
    if ((kind & (NO_PORTS | LATER_FRAGMENT)) !== 0 || protocol === AH || protocol === ESP) return false
    return ((kind >> 8) & 3) !== ESP_IN_UDP
  }

  clear(): void {
    this.#table.clear()
  }
}

/** What tells apart conversations of the same two hosts and protocol: ports, an SPI, or an ICMP type. */
function portsOf(packet: Packet): number {
  if (packet.protocol === ESP || packet.protocol === AH || packet.content === ESP_IN_UDP) return packet.spi | 0
  if (packet.protocol === ICMP || packet.protocol === ICMPV6) return packet.icmpType
  return (packet.sourcePort << 16) | (packet.destinationPort & 0xffff)
}
