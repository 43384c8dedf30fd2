// Reading and writing octets, in network order unless a name says otherwise, one position that only moves on. A Reader checks
// every bound and never clamps: what is not there ends the reading, with where and what. A Writer refuses numbers that do not
// fit their field.

/** A peer's bytes that are not what their format says: dropped and counted, never thrown any further than `decode`. */
export interface Malformed {
  readonly kind: 'malformed'
  /** In words that can be shown to a person. */
  readonly what: string
  /** Octets from the start of what was given to `decode`. */
  readonly at: number
}

/**
 * What readers throw and `decode` catches; nothing else may. Not an Error: the peer's mistakes are not ours, and a stack
 * for each packet of a flood would be a gift to who sends it.
 */
export class Unreadable {
  readonly malformed: Malformed

  constructor(what: string, at: number) {
    this.malformed = { kind: 'malformed', what, at }
  }
}

export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #end: number
  #at: number

  /** Reads `bytes` from `start` up to `end`, without it. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    if (start < 0 || end < start || end > bytes.length) throw new RangeError(`${start} to ${end} is not in the bytes`)
    // A Buffer would hand out Buffers, which share less than they promise.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = start
    this.#end = end
  }

  /** Where it stands, from the start of the whole. */
  get at(): number {
    return this.#at
  }

  /** Octets that are left. */
  get left(): number {
    return this.#end - this.#at
  }

  u8(): number {
    return this.#view.getUint8(this.#pass(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#pass(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#pass(4))
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#pass(8))
  }

  u16LittleEndian(): number {
    return this.#view.getUint16(this.#pass(2), true)
  }

  u32LittleEndian(): number {
    return this.#view.getUint32(this.#pass(4), true)
  }

  /** A view of the next octets, not a copy: who keeps it keeps the datagram as it is. */
  bytes(count: number): Uint8Array {
    const start = this.#pass(count)
    return this.#bytes.subarray(start, start + count)
  }

  /** The same without moving on. */
  peek(count: number): Uint8Array {
    const start = this.#pass(count)
    this.#at = start
    return this.#bytes.subarray(start, start + count)
  }

  /** A reader of exactly the next octets; this one stands behind them. */
  part(count: number): Reader {
    const start = this.#pass(count)
    return new Reader(this.#bytes, start, start + count)
  }

  /** Ends the reading unless everything was read. */
  finish(): void {
    if (this.left > 0) this.fail(`${this.left} octets are left over`)
  }

  /** Ends the reading here, or at an earlier octet that is to blame. */
  fail(what: string, at = this.#at): never {
    throw new Unreadable(what, at)
  }

  #pass(count: number): number {
    const start = this.#at
    if (count > this.#end - start) this.fail(`octets needed: ${count}, left: ${this.#end - start}`)
    this.#at = start + count
    return start
  }
}

export class Writer {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  /** Octets written so far. */
  get at(): number {
    return this.#at
  }

  u8(value: number): void {
    check(value, 0xff)
    const at = this.#extend(1)
    this.#view.setUint8(at, value)
  }

  u16(value: number): void {
    check(value, 0xffff)
    const at = this.#extend(2)
    this.#view.setUint16(at, value)
  }

  u32(value: number): void {
    check(value, 0xffffffff)
    const at = this.#extend(4)
    this.#view.setUint32(at, value)
  }

  u64(value: bigint): void {
    if (value < 0n || value >= 1n << 64n) throw new RangeError(`${value} is not a number of 64 bits`)
    const at = this.#extend(8)
    this.#view.setBigUint64(at, value)
  }

  u16LittleEndian(value: number): void {
    check(value, 0xffff)
    const at = this.#extend(2)
    this.#view.setUint16(at, value, true)
  }

  u32LittleEndian(value: number): void {
    check(value, 0xffffffff)
    const at = this.#extend(4)
    this.#view.setUint32(at, value, true)
  }

  bytes(value: Uint8Array): void {
    const at = this.#extend(value.length)
    this.#bytes.set(value, at)
  }

  zeros(count: number): void {
    this.#extend(count)
  }

  /** Fills in what was not known yet, such as a length: octets at `at` that were written before. */
  patch(at: number, write: (to: Writer) => void): void {
    const end = this.#at
    this.#at = at
    write(this)
    if (this.#at > end) throw new RangeError('a patch goes beyond what was written')
    this.#at = end
  }

  /** Everything written so far, as a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  /** Perhaps puts new memory in place of the old: nothing may hold on to that across a call. */
  #extend(count: number): number {
    const start = this.#at
    this.#at += count
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#at, 2 * this.#bytes.length))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return start
  }
}

function check(value: number, greatest: number): void {
  if (!Number.isInteger(value) || value < 0 || value > greatest) {
    throw new RangeError(`${value} does not fit a field of 0 to ${greatest}`)
  }
}

/** The same octets without Buffer's own ways, nothing copied. */
export function octetsOf(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

/** The same octets as numbers of any size. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Not in constant time: for what is no secret. */
export function isSameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
