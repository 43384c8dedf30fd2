// One piece of memory whose address never moves, for all that a worker moves in and out of the kernel. It is
// WebAssembly's, so a module can work on packets where they lie; its size is fixed, because growing would move the
// JavaScript side of it. Everything in it is an offset; offset 0 is never given out. Each worker makes its own.
import { Memory } from './memory.ts'

/** The little of WebAssembly that is used here; TypeScript has its declarations only among a browser's. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer
}
export interface WebAssemblyApi {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, object>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> }
}
export const webAssembly = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly

const PAGE = 65536
/** WebAssembly's own limit is 4 GiB; offsets stay below 2^31 so that they are small integers everywhere. */
const LARGEST = 0x7fff0000
const LINE = 64

export class Arena {
  /** To be imported by a WebAssembly module; nobody may grow it. */
  readonly wasm: WasmMemory
  /** For whom takes octets with an address, as the packet engines of crypto do. */
  readonly memory: Memory
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Little-endian 32-bit words, by offset / 4. */
  readonly words: Uint32Array
  /** Of offset 0, for C. */
  readonly address: number
  #next = LINE

  /** `size` in octets, rounded up to pages of 64 KiB. */
  constructor(size: number) {
    if (!(size > 0 && size <= LARGEST)) throw new RangeError(`an arena of ${size} octets`)
    const pages = Math.ceil(size / PAGE)
    this.wasm = new webAssembly.Memory({ initial: pages, maximum: pages })
    this.bytes = new Uint8Array(this.wasm.buffer)
    this.view = new DataView(this.wasm.buffer)
    this.words = new Uint32Array(this.wasm.buffer)
    this.memory = new Memory(this.bytes)
    this.address = this.memory.address
  }

  /** Octets that can still be taken. */
  get left(): number {
    return this.bytes.length - this.#next
  }

  /** Zeroed room for good: there is no giving back. Answers its offset; throws where the arena is full. */
  take(size: number, alignment = LINE): number {
    const at = Math.ceil(this.#next / alignment) * alignment
    if (at + size > this.bytes.length) throw new RangeError(`the arena has no room for ${size} octets more`)
    this.#next = at + size
    return at
  }

  /** Writes a pointer for C to what lies at `offset`, or null for 0. Two halves, since a BigInt would be an object. */
  putPointer(at: number, offset: number): void {
    const address = offset === 0 ? 0 : this.address + offset
    this.words[at >>> 2] = address
    this.words[(at >>> 2) + 1] = address / 0x100000000
  }

  /** True where `length` octets from `offset` lie inside; to be asked before a length from outside goes to C. */
  holds(offset: number, length: number): boolean {
    return offset > 0 && length >= 0 && offset + length <= this.bytes.length
  }
}
