// IPsec-MB's jobs: AES-GCM over many packets in one call of C, which spares each of them the way there and back. A job is a
// struct of the library, and structs change between releases; so this is for one release, the one that Debian 12 has, and
// all others work packet by packet. The library's manager, which the jobs lie in, is placed in memory of our own.
import type { Address } from './libcrypto.ts'
import { allocateMemory, type Memory } from './memory.ts'

/** As imb_get_version_str says it. */
export const JOBS_RELEASE = '1.3.0'
/** Jobs of one call; the library takes 128. */
export const MOST_JOBS = 64

export interface JobsLibrary {
  readonly managerBytes: number
  readonly place: (at: Address, flags: number, isNew: number) => Address
  readonly initialize: (manager: Address) => void
  /** Writes pointers to the next jobs; answers how many. */
  readonly next: (manager: Address, count: number, list: Address) => number
  /** Answers how many are done. */
  readonly submit: (manager: Address, count: number, list: Address) => number
}

/** Offsets in struct IMB_JOB of 1.3.0 of what AES-GCM asks for, 64 bits each but for the last four, which have 32. */
const job = {
  sealingKey: 0,
  openingKey: 8,
  keyBytes: 16,
  from: 24,
  to: 32,
  start: 40,
  length: 48,
  textStart: 56,
  textLength: 64,
  nonce: 72,
  nonceBytes: 80,
  tag: 88,
  tagBytes: 96,
  aad: 104,
  aadBytes: 112,
  cipher: 132,
  direction: 136,
  hash: 140,
  order: 144,
} as const

const CIPHER_GCM = 5
const HASH_GMAC = 9
const NONCE_BYTES = 12
const POINTER = 8
const HIGH = 2 ** -32

export class GcmJobs {
  readonly #library: JobsLibrary
  readonly #manager: Memory
  readonly #list: Memory
  readonly #words: Uint32Array
  readonly #listed: Uint32Array
  readonly #low: number

  constructor(library: JobsLibrary) {
    this.#library = library
    this.#manager = allocateMemory(library.managerBytes)
    this.#list = allocateMemory(POINTER * MOST_JOBS)
    this.#words = wordsOf(this.#manager)
    this.#listed = wordsOf(this.#list)
    const { address } = this.#manager
    this.#low = address % 2 ** 32
    if (library.place(address, 0, 1) !== address) throw new Error('IPsec-MB does not take memory for its manager')
    library.initialize(address)
  }

  /** Before the jobs 0 to `count` - 1 are put. */
  begin(count: number): void {
    const got = count > MOST_JOBS ? 0 : this.#library.next(this.#manager.address, count, this.#list.address)
    if (got !== count) throw new Error(`IPsec-MB has ${got} jobs where ${count} are asked for`)
  }

  /** What the addresses lead to stays as it is until `run`. */
  put(
    index: number,
    isSealing: boolean,
    key: Address,
    keyBytes: number,
    from: Address,
    to: Address,
    length: number,
    nonce: Address,
    aad: Address,
    aadBytes: number,
    tag: Address,
    tagBytes: number,
  ): void {
    const words = this.#words
    // The manager is smaller than 4 GiB, so the lower half of a pointer says where in it.
    const at = (this.#listed[index * 2]! - this.#low) >>> 2
    // All of each: the library's own tests at its start left something in them.
    put(words, at, job.sealingKey, key)
    put(words, at, job.openingKey, key)
    put(words, at, job.keyBytes, keyBytes)
    put(words, at, job.from, from)
    put(words, at, job.to, to)
    put(words, at, job.start, 0)
    put(words, at, job.length, length)
    put(words, at, job.textStart, 0)
    put(words, at, job.textLength, length)
    put(words, at, job.nonce, nonce)
    put(words, at, job.nonceBytes, NONCE_BYTES)
    put(words, at, job.tag, tag)
    put(words, at, job.tagBytes, tagBytes)
    put(words, at, job.aad, aad)
    put(words, at, job.aadBytes, aadBytes)
    words[at + (job.cipher >>> 2)] = CIPHER_GCM
    words[at + (job.hash >>> 2)] = HASH_GMAC
    // Sealing enciphers before it sums up; opening the other way round.
    words[at + (job.direction >>> 2)] = isSealing ? 1 : 2
    words[at + (job.order >>> 2)] = isSealing ? 1 : 2
  }

  /** Does what was put, all of it. */
  run(count: number): void {
    const done = this.#library.submit(this.#manager.address, count, this.#list.address)
    if (done !== count) throw new Error(`IPsec-MB did ${done} of ${count} jobs`)
  }
}

function put(words: Uint32Array, job: number, field: number, value: number): void {
  const at = job + (field >>> 2)
  words[at] = value
  words[at + 1] = value * HIGH
}

function wordsOf({ bytes }: Memory): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2)
}
