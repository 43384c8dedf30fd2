// Memory for one call of C: where it puts its results, and what it is given, texts and structures one behind the other. It
// has to stay reachable until the call is over, in whatever thread that is.
import type { Address } from './libcrypto.ts'
import { allocateMemory, type Memory } from './memory.ts'

const WORD = 8
/** Octets in front, for the results. */
const RESULTS = 64

/** Memory for one call: results first, then what the call is given. It stays reachable until the call is over. */
export class CallFrame {
  readonly memory: Memory
  readonly view: DataView
  #next = RESULTS

  constructor(room: number) {
    this.memory = allocateMemory(RESULTS + room)
    const { bytes } = this.memory
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  at(offset: number): Address {
    return this.memory.address + offset
  }

  number(offset: number): Address {
    return Number(this.view.getBigUint64(offset, true))
  }

  word(offset: number): number {
    return this.view.getUint32(offset, true)
  }

  put(offset: number, value: Address): void {
    this.view.setBigUint64(offset, BigInt(value), true)
  }

  take(length: number): number {
    const offset = this.#next
    this.#next += Math.ceil((length + 1) / WORD) * WORD
    return offset
  }

  bytes(content: Uint8Array): Address {
    const offset = this.take(content.length)
    this.memory.bytes.set(content, offset)
    return this.at(offset)
  }

  /** Ends with 0, which `take` leaves room for. */
  text(content: string): Address {
    return this.bytes(new TextEncoder().encode(content))
  }

  /** A gss_buffer_desc or a gss_OID_desc, which differ only in how wide the length is. */
  described(content: Uint8Array): Address {
    const at = this.bytes(content)
    const offset = this.take(2 * WORD)
    this.put(offset, content.length)
    this.put(offset + WORD, at)
    return this.at(offset)
  }
}
