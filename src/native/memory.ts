// Memory that JavaScript and C see alike: octets with an address that stays. Everything per packet is an offset into
// one; an address plus an offset is passed to C as a plain number, which costs less than a Uint8Array does.
import { foreign } from './foreign.ts'

/** Lines of the processor's cache; what key schedules want to start at. */
const ALIGNMENT = 64
/** Of a pool's chunks. */
const CHUNK = 256 * 1024

/** Octets and where C finds them. The address holds as long as this object is reachable. */
export class Memory {
  readonly bytes: Uint8Array
  /** Over the same octets: whole words cost a fraction of what octets do one by one. */
  readonly view: DataView
  /** Of `bytes[0]`, for C; 0 where this machine cannot call C. */
  readonly address: number

  /**
   * Over an array as it stands, WebAssembly's memory that never grows included. What lies behind it must not be
   * transferred to another thread meanwhile.
   */
  constructor(bytes: Uint8Array) {
    // V8 may keep a small array inside its moving heap until somebody asks for the buffer behind it.
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.bytes = bytes
    this.address = Number(foreign()?.address(bytes) ?? 0)
  }
}

/** Fresh zeroed memory that starts at a multiple of 64. `size` in octets. */
export function allocateMemory(size: number): Memory {
  const room = new Uint8Array(size + ALIGNMENT)
  const past = new Memory(room).address % ALIGNMENT
  const start = past === 0 ? 0 : ALIGNMENT - past
  return new Memory(room.subarray(start, start + size))
}

/** A place of a pool: `offset` into `memory`. */
export interface Cell {
  readonly memory: Memory
  readonly offset: number
}

/** Cells of one size for what belongs to a key; wiped when they are given back. `size` is a power of two, 64 or more. */
export class CellPool {
  readonly size: number
  readonly #free: Cell[] = []

  constructor(size: number) {
    this.size = size
  }

  take(): Cell {
    if (this.#free.length === 0) {
      const memory = allocateMemory(CHUNK)
      for (let offset = CHUNK - this.size; offset >= 0; offset -= this.size) this.#free.push({ memory, offset })
    }
    return this.#free.pop()!
  }

  giveBack(cell: Cell): void {
    cell.memory.bytes.fill(0, cell.offset, cell.offset + this.size)
    this.#free.push(cell)
  }
}
