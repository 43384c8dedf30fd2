// Rows found by a key of a few 32-bit words: a hash table in flat typed arrays, so that a look-up allocates nothing.
// Rows are numbered from 0 in the order in which they came; owners keep their columns beside it under these numbers.
import { hashOf, multipliers } from './keyed-hash.ts'

const FIRST_CAPACITY = 1 << 9

export class WordTable {
  readonly #words: number
  readonly #secret: Int32Array
  #keys: Int32Array
  /** Row plus one; zero is an empty slot. Twice as many as rows, so that a search ends soon. */
  #slots: Int32Array
  #size = 0
  /** Where the search of the last `find` ended. */
  #end = 0

  /** `words`: how long a key is. `seed`: a number that whoever made the capture cannot know, see keyed-hash.ts. */
  constructor(words: number, seed: number) {
    this.#words = words
    this.#secret = multipliers(seed, words)
    this.#keys = new Int32Array(FIRST_CAPACITY * words)
    this.#slots = new Int32Array(FIRST_CAPACITY * 2)
  }

  get size(): number {
    return this.#size
  }

  /** Rows that fit before the table grows. */
  get capacity(): number {
    return this.#slots.length / 2
  }

  /** The row with this key, or -1. */
  find(key: Int32Array): number {
    const mask = this.#slots.length - 1
    let slot = hashOf(key, 0, this.#secret) & mask
    for (;;) {
      const row = this.#slots[slot]! - 1
      if (row < 0 || this.isAt(row, key)) {
        this.#end = slot
        return row
      }
      slot = (slot + 1) & mask
    }
  }

  /** A new row for a key that `find` has just not found. */
  add(key: Int32Array): number {
    const row = this.#size++
    this.#keys.set(key, row * this.#words)
    this.#slots[this.#end] = row + 1
    if (this.#size === this.capacity) this.#grow()
    return row
  }

  isAt(row: number, key: Int32Array): boolean {
    const words = this.#words
    const keys = this.#keys
    const at = row * words
    for (let index = 0; index < words; index++) {
      if (keys[at + index] !== key[index]) return false
    }
    return true
  }

  /** One word of a row's key. */
  word(row: number, index: number): number {
    return this.#keys[row * this.#words + index]!
  }

  clear(): void {
    this.#size = 0
    this.#slots.fill(0)
  }

  #grow(): void {
    this.#keys = longer(this.#keys, this.#keys.length * 2)
    this.#slots = new Int32Array(this.#slots.length * 2)
    const mask = this.#slots.length - 1
    for (let row = 0; row < this.#size; row++) {
      let slot = hashOf(this.#keys, row * this.#words, this.#secret) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = row + 1
    }
  }
}

/** The same numbers in a longer array. */
export function longer<A extends Float64Array | Int32Array>(array: A, length: number): A {
  const copy = new (array.constructor as new (length: number) => A)(length)
  copy.set(array as never)
  return copy
}
