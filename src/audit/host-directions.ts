// Numbers for the directions between two hosts in which a capture shows sealed packets or leaks. A bounded number: a
// scan has more, and none of them matter.
import type { Packet } from '../wire/packet.ts'
import { WordTable } from './word-table.ts'

const MOST_DIRECTIONS = 1 << 16

export class HostDirections {
  readonly #tables: Readonly<Record<4 | 6, { table: WordTable; key: Int32Array; numbers: number[] }>>
  #count = 0

  constructor(seed: number) {
    const tableOf = (words: number) => ({ table: new WordTable(words, seed), key: new Int32Array(words), numbers: [] })
    this.#tables = { 4: tableOf(2), 6: tableOf(8) }
  }

  /** The number of the packet's direction; -1 where it has none. */
  find(packet: Packet): number {
    if (this.#count === 0) return -1
    const { table, key, numbers } = this.#tables[packet.version === 4 ? 4 : 6]
    const row = table.find(filled(key, packet, false))
    return row < 0 ? -1 : numbers[row]!
  }

  /** The same, and a direction without a number gets one from `next`, its opposite the one behind; -1 beyond the bound. */
  findOrAdd(packet: Packet, next: () => number): number {
    const known = this.find(packet)
    if (known >= 0 || this.#count >= MOST_DIRECTIONS) return known
    const { table, key, numbers } = this.#tables[packet.version === 4 ? 4 : 6]
    const there = next()
    table.find(filled(key, packet, false))
    numbers[table.add(key)] = there
    this.#count++
    // A host that sends to itself has one direction only.
    if (table.find(filled(key, packet, true)) < 0) numbers[table.add(key)] = there + 1
    return there
  }
}

function filled(key: Int32Array, packet: Packet, isBack: boolean): Int32Array {
  const { s0, s1, s2, s3, d0, d1, d2, d3 } = packet
  if (key.length === 2) key.set(isBack ? [d0, s0] : [s0, d0])
  else key.set(isBack ? [d0, d1, d2, d3, s0, s1, s2, s3] : [s0, s1, s2, s3, d0, d1, d2, d3])
  return key
}
