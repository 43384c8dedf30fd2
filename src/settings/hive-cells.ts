// The cells of a registry hive (regf 1.2 to 1.6), as the public descriptions of the format have them: keys, values, lists of
// keys, security left out. Bytes of any content give what can be read and a word about what cannot; nothing is read twice
// over a circle, and nothing beyond the file.
import { viewOf } from '../base/bytes.ts'
import { utf16Text } from './value.ts'

/** Octets of the base block in front of the first bin; all offsets count from its end. */
export const BASE_BLOCK = 4096
const NOWHERE = 0xffffffff
/** Data above this is kept in segments, from version 1.4 on. */
export const LARGEST_CELL_DATA = 16_344
const RESIDENT = 0x80000000
const COMPRESSED_KEY_NAME = 0x20
const COMPRESSED_VALUE_NAME = 1
/** A list of lists has no further lists in it. */
const DEEPEST_LIST = 3

export interface KeyCell {
  readonly offset: number
  readonly name: string
  readonly parent: number
  readonly subkeys: number
  readonly subkeyList: number
  readonly values: number
  readonly valueList: number
}

export interface ValueCell {
  readonly name: string
  readonly type: number
  readonly data: Uint8Array
  /** The data is shorter than the cell states. */
  readonly isCut: boolean
}

export class HiveCells {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #hasSegments: boolean

  constructor(bytes: Uint8Array, hasSegments: boolean) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#hasSegments = hasSegments
  }

  /** The content of the cell, without its size; undefined where there is none in the file. */
  cell(offset: number): Uint8Array | undefined {
    const at = BASE_BLOCK + offset
    if (offset === NOWHERE || offset % 8 !== 0 || at + 4 > this.#bytes.length) return undefined
    const size = Math.abs(this.#view.getInt32(at, true))
    if (size < 8) return undefined
    // What a file that was cut off still has of it.
    return this.#bytes.subarray(at + 4, Math.min(at + size, this.#bytes.length))
  }

  key(offset: number): KeyCell | undefined {
    const cell = this.cell(offset)
    if (cell === undefined || cell.length < 76 || !hasMark(cell, 'nk')) return undefined
    const view = viewOf(cell)
    const length = view.getUint16(72, true)
    const name = nameIn(cell, 76, length, (view.getUint16(2, true) & COMPRESSED_KEY_NAME) !== 0)
    if (name === undefined) return undefined
    return {
      offset,
      name,
      parent: view.getUint32(16, true),
      subkeys: view.getUint32(20, true),
      subkeyList: view.getUint32(28, true),
      values: view.getUint32(36, true),
      valueList: view.getUint32(40, true),
    }
  }

  /** Offsets of the keys below; shorter than stated where the lists are damaged. */
  subkeys({ subkeys, subkeyList }: KeyCell): readonly number[] {
    const found: number[] = []
    if (subkeys > 0) this.#addList(subkeyList, found, subkeys, 1)
    return found
  }

  #addList(offset: number, found: number[], most: number, depth: number): void {
    const cell = this.cell(offset)
    if (cell === undefined || cell.length < 4 || depth > DEEPEST_LIST) return
    const view = viewOf(cell)
    const stride = hasMark(cell, 'lf') || hasMark(cell, 'lh') ? 8 : hasMark(cell, 'li') || hasMark(cell, 'ri') ? 4 : 0
    if (stride === 0) return
    const count = Math.min(view.getUint16(2, true), Math.floor((cell.length - 4) / stride))
    for (let index = 0; index < count && found.length < most; index++) {
      const next = view.getUint32(4 + index * stride, true)
      if (hasMark(cell, 'ri')) this.#addList(next, found, most, depth + 1)
      else found.push(next)
    }
  }

  /** Offsets of the values of a key. */
  valueOffsets({ values, valueList }: KeyCell): readonly number[] {
    const cell = values === 0 ? undefined : this.cell(valueList)
    if (cell === undefined) return []
    const view = viewOf(cell)
    const count = Math.min(values, Math.floor(cell.length / 4))
    return Array.from({ length: count }, (_, index) => view.getUint32(index * 4, true))
  }

  value(offset: number): ValueCell | undefined {
    const cell = this.cell(offset)
    if (cell === undefined || cell.length < 20 || !hasMark(cell, 'vk')) return undefined
    const view = viewOf(cell)
    const length = view.getUint16(2, true)
    const name = nameIn(cell, 20, length, (view.getUint16(16, true) & COMPRESSED_VALUE_NAME) !== 0)
    if (name === undefined) return undefined
    const size = view.getUint32(4, true)
    const data = this.#data(cell, view, size)
    const stated = (size & ~RESIDENT) >>> 0
    return { name, type: view.getUint32(12, true), data, isCut: data.length < Math.min(stated, this.#bytes.length) }
  }

  #data(cell: Uint8Array, view: DataView, size: number): Uint8Array {
    // Up to four octets stand in the place of the offset.
    if ((size & RESIDENT) !== 0) return cell.slice(8, 8 + Math.min(4, size & ~RESIDENT))
    if (size === 0) return new Uint8Array(0)
    const content = this.cell(view.getUint32(8, true))
    if (content === undefined) return new Uint8Array(0)
    const isSegmented = this.#hasSegments && size > LARGEST_CELL_DATA && hasMark(content, 'db')
    return isSegmented ? this.#segments(content, size) : content.slice(0, size)
  }

  #segments(content: Uint8Array, size: number): Uint8Array {
    const view = viewOf(content)
    const list = content.length < 8 ? undefined : this.cell(view.getUint32(4, true))
    // No file holds more than it has.
    const whole = new Uint8Array(Math.min(size, this.#bytes.length))
    if (list === undefined) return new Uint8Array(0)
    const offsets = viewOf(list)
    const count = Math.min(view.getUint16(2, true), Math.floor(list.length / 4))
    let at = 0
    for (let index = 0; index < count && at < whole.length; index++) {
      const segment = this.cell(offsets.getUint32(index * 4, true))?.subarray(0, LARGEST_CELL_DATA)
      if (segment === undefined) break
      const part = segment.subarray(0, whole.length - at)
      whole.set(part, at)
      at += part.length
    }
    return whole.subarray(0, at)
  }

  /** Offsets of everything that looks like a key, wherever it stands: for hives whose root is lost. */
  *keysAnywhere(): Generator<number> {
    for (let at = BASE_BLOCK; at + 80 <= this.#bytes.length; at += 8) {
      if (this.#bytes[at + 4] === 0x6e && this.#bytes[at + 5] === 0x6b && this.#view.getInt32(at, true) < 0) {
        yield at - BASE_BLOCK
      }
    }
  }
}

/** False also where the bytes end within the mark. */
export function hasMark(bytes: Uint8Array, mark: string, at = 0): boolean {
  return [...mark].every((letter, index) => bytes[at + index] === letter.charCodeAt(0))
}

/** Compressed names are of one octet a character: the lowest 256 of Unicode. */
function nameIn(cell: Uint8Array, at: number, length: number, isCompressed: boolean): string | undefined {
  if (at + length > cell.length) return undefined
  const octets = cell.subarray(at, at + length)
  return isCompressed ? Buffer.from(octets).toString('latin1') : utf16Text(octets)
}
