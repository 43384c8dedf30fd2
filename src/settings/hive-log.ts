// The transaction logs of a hive: what Windows had written to them and not yet to the hive itself. Both forms: pages behind
// a bitmap (up to Windows 8), and entries with check sums of their own (from Windows 8.1 on).
import { viewOf } from '../base/bytes.ts'
import { BASE_BLOCK, hasMark } from './hive-cells.ts'

const SECTOR = 512
const PAGE = 512
const ENTRY_HEADER = 40
/** Of the check sums in log entries (Marvin32). */
const SEED = [0x7a4e55c5, 0x82ef4d88] as const
const MOST_ENTRIES = 100_000

export interface BaseBlock {
  readonly primary: number
  readonly secondary: number
  readonly minor: number
  /** Whether the sum over the block is right. */
  readonly isSound: boolean
}

/** Undefined where the bytes are no hive and no log. */
export function baseBlockOf(bytes: Uint8Array): BaseBlock | undefined {
  if (bytes.length < SECTOR || !hasMark(bytes, 'regf', 0)) return undefined
  const view = viewOf(bytes)
  let sum = 0
  for (let at = 0; at < 508; at += 4) sum = (sum ^ view.getUint32(at, true)) >>> 0
  if (sum === 0) sum = 1
  if (sum === 0xffffffff) sum = 0xfffffffe
  return {
    primary: view.getUint32(4, true),
    secondary: view.getUint32(8, true),
    minor: view.getUint32(24, true),
    isSound: sum === view.getUint32(508, true),
  }
}

/** Written to while the machine stopped, or its base block with it. */
export function isDirty({ primary, secondary, isSound }: BaseBlock): boolean {
  return primary !== secondary || !isSound
}

export interface Replayed {
  readonly bytes: Uint8Array
  /** Entries, or bitmaps, that were carried out. */
  readonly entries: number
  readonly pages: number
}

/** The hive with what its logs add. `logs` in any order; the one given is not changed. */
export function replay(hive: Uint8Array, logs: readonly Uint8Array[]): Replayed {
  const base = baseBlockOf(hive)
  const none = { bytes: hive, entries: 0, pages: 0 }
  if (base !== undefined && !isDirty(base)) return none
  const known = logs.flatMap(bytes => {
    const block = baseBlockOf(bytes)
    return block?.isSound === true ? [{ bytes, block }] : []
  })
  const entries = known.filter(({ bytes }) => hasMark(bytes, 'HvLE', SECTOR))
  if (entries.length > 0) return replayEntries(hive, base, entries)
  const bitmap = known.filter(({ bytes }) => hasMark(bytes, 'DIRT', SECTOR))
  const newest = bitmap.toSorted((a, b) => b.block.primary - a.block.primary)[0]
  return newest === undefined ? none : replayBitmap(hive, newest.bytes)
}

interface Log {
  readonly bytes: Uint8Array
  readonly block: BaseBlock
}

function replayEntries(hive: Uint8Array, base: BaseBlock | undefined, logs: readonly Log[]): Replayed {
  // The older log first: with a sound base block the first entry that counts is that of the hive's own number.
  const inOrder = logs.toSorted((a, b) => a.block.primary - b.block.primary)
  const from = base?.isSound === true ? base.secondary : inOrder[0]!.block.primary
  // Without a sound base block of its own the hive has the log's.
  let bytes = base?.isSound === true ? hive.slice() : withBase(hive, inOrder.at(-1)!.bytes)
  let expected = from
  let entries = 0
  let pages = 0
  for (const { bytes: log } of inOrder) {
    let at = SECTOR
    for (let count = 0; count < MOST_ENTRIES; count++) {
      const entry = entryAt(log, at)
      if (entry === undefined) break
      at += entry.size
      if (entry.sequence < expected) continue
      if (entry.sequence > expected) break
      bytes = grown(bytes, BASE_BLOCK + entry.dataSize)
      for (const { offset, content } of entry.pages) {
        if (BASE_BLOCK + offset + content.length <= bytes.length) bytes.set(content, BASE_BLOCK + offset)
      }
      expected++
      entries++
      pages += entry.pages.length
    }
  }
  return { bytes, entries, pages }
}

interface Entry {
  readonly size: number
  readonly sequence: number
  readonly dataSize: number
  readonly pages: readonly { readonly offset: number; readonly content: Uint8Array }[]
}

/** Undefined behind the last, and for one that was not written whole. */
function entryAt(log: Uint8Array, at: number): Entry | undefined {
  if (at + ENTRY_HEADER > log.length || !hasMark(log, 'HvLE', at)) return undefined
  const view = viewOf(log)
  const size = view.getUint32(at + 4, true)
  const count = view.getUint32(at + 20, true)
  if (size < ENTRY_HEADER + 8 * count || size % SECTOR !== 0 || at + size > log.length) return undefined
  const isWhole =
    marvin32(log.subarray(at + ENTRY_HEADER, at + size)) === view.getBigUint64(at + 24, true) &&
    marvin32(log.subarray(at, at + 32)) === view.getBigUint64(at + 32, true)
  if (!isWhole) return undefined
  const pages: { offset: number; content: Uint8Array }[] = []
  let from = at + ENTRY_HEADER + 8 * count
  for (let index = 0; index < count; index++) {
    const offset = view.getUint32(at + ENTRY_HEADER + 8 * index, true)
    const length = view.getUint32(at + ENTRY_HEADER + 8 * index + 4, true)
    if (from + length > at + size) return undefined
    pages.push({ offset, content: log.subarray(from, from + length) })
    from += length
  }
  return { size, sequence: view.getUint32(at + 12, true), dataSize: view.getUint32(at + 16, true), pages }
}

/** One bit for each page of 512 octets behind the base block; the pages follow in their order. */
function replayBitmap(hive: Uint8Array, log: Uint8Array): Replayed {
  const view = viewOf(log)
  const dataSize = view.getUint32(40, true)
  const bits = Math.ceil(dataSize / PAGE)
  const bitmap = SECTOR + 4
  const first = Math.ceil((bitmap + Math.ceil(bits / 8)) / SECTOR) * SECTOR
  if (first > log.length) return { bytes: hive, entries: 0, pages: 0 }
  const bytes = grown(withBase(hive, log), BASE_BLOCK + dataSize)
  let from = first
  let pages = 0
  for (let page = 0; page < bits; page++) {
    if ((log[bitmap + (page >> 3)]! & (1 << (page & 7))) === 0) continue
    if (from + PAGE > log.length || BASE_BLOCK + (page + 1) * PAGE > bytes.length) break
    bytes.set(log.subarray(from, from + PAGE), BASE_BLOCK + page * PAGE)
    from += PAGE
    pages++
  }
  return { bytes, entries: 1, pages }
}

/** The log's first sector is a copy of the hive's. */
function withBase(hive: Uint8Array, log: Uint8Array): Uint8Array {
  const bytes = grown(hive.slice(), BASE_BLOCK)
  bytes.set(log.subarray(0, SECTOR), 0)
  return bytes
}

/** No hive is larger than this; what states more lies. */
const LARGEST_HIVE = 2 ** 30

function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length || length > LARGEST_HIVE) return bytes
  // A log of a few pages cannot make a hive grow without end: four times its size is far more than a log holds.
  if (length > Math.max(4 * bytes.length, 2 ** 24)) return bytes
  const longer = new Uint8Array(length)
  longer.set(bytes)
  return longer
}

/** Marvin32 over octets, 64 bits. */
export function marvin32(octets: Uint8Array, seed: readonly [low: number, high: number] = SEED): bigint {
  let [low, high] = seed
  const mix = (word: number) => {
    low = (low + word) >>> 0
    high = (high ^ low) >>> 0
    low = (rotated(low, 20) + high) >>> 0
    high = (rotated(high, 9) ^ low) >>> 0
    low = (rotated(low, 27) + high) >>> 0
    high = rotated(high, 19)
  }
  const view = viewOf(octets)
  const whole = octets.length & ~3
  for (let at = 0; at < whole; at += 4) mix(view.getUint32(at, true))
  let last = 0x80
  for (let at = octets.length - 1; at >= whole; at--) last = ((last << 8) | octets[at]!) >>> 0
  mix(last)
  mix(0)
  return (BigInt(high) << 32n) | BigInt(low)
}

function rotated(word: number, by: number): number {
  return ((word << by) | (word >>> (32 - by))) >>> 0
}
