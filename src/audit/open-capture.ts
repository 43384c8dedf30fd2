// Reads a capture of any size in large pieces: a file, a gzip or zstd compressed one, or standard input. Memory stays
// flat: one buffer, which grows only for a record that does not fit it.
import { once } from 'node:events'
import { closeSync, createReadStream, fstatSync, openSync, read, readSync, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { type CaptureFormat, CaptureParser } from '../wire/capture-file.ts'
import type { FrameSink } from '../wire/frame-sink.ts'

/** Four MiB a read: larger pieces leave the processor's cache, smaller ones cost calls. */
const CHUNK = 4 * 1024 * 1024
/** Octets between two looks at the event loop. */
const BREATH = 16 * CHUNK
/** Octets of an incomplete record that a piece can take over from the one before it. */
const HEADROOM = 1024 * 1024

export interface CaptureRead {
  readonly format: CaptureFormat
  /** Bytes of the capture, unpacked where the file is compressed. */
  readonly bytes: number
  readonly frames: number
  /** What stopped the reading early; empty where the file was read to its end. */
  readonly problem: string
  readonly warnings: readonly string[]
}

/** How far the reading is: `done` of `total` bytes on disk; `total` is 0 where it is not known (standard input). */
export type Progress = (done: number, total: number) => void

/** Is shown every octet of the source as it stands on disk, in order, and its end; a damaged capture is not read to it. */
export interface Witness {
  take(octets: Uint8Array): void
  end(): void
}

/** The name that stands for standard input. */
export const STANDARD_INPUT = '-'

/**
 * Hands every frame of the capture to the sink. A damaged or cut-off capture is told in `problem`, with everything
 * before the damage delivered. Throws only what the operating system answers, such as a file that is not there.
 */
export async function readCapture(
  path: string,
  sink: FrameSink,
  progress: Progress = () => {},
  witness?: Witness,
): Promise<CaptureRead> {
  if (path === STANDARD_INPUT) return readStream(process.stdin, sink, done => progress(done, 0), witness)
  const file = openSync(path, 'r')
  const information = fstatSync(file)
  const isFile = information.isFile()
  if (isFile && packing(readMagic(file)) !== undefined)
    return readOpened(file, 0, information.size, sink, progress, witness)
  // Pipes and devices have no place to start from.
  if (!isFile && !information.isDirectory()) return readOpened(file, undefined, 0, sink, progress, witness)
  try {
    if (!isFile) throw new Error(`${path} is a folder, not a capture file`)
    return await readWhole(file, information.size, sink, progress, witness)
  } finally {
    closeSync(file)
  }
}

/** The stream closes the file. */
function readOpened(
  file: number,
  start: number | undefined,
  size: number,
  sink: FrameSink,
  progress: Progress,
  witness: Witness | undefined,
) {
  const raw = createReadStream('', { fd: file, ...(start === undefined ? {} : { start }) })
  return readStream(raw, sink, () => progress(raw.bytesRead, size), witness)
}

/** Whether a second reading would find the same bytes: pipes and standard input give theirs once. */
export function canReadTwice(path: string): boolean {
  return path !== STANDARD_INPUT && statSync(path).isFile()
}

function readMagic(file: number): Buffer {
  const first = Buffer.alloc(4)
  return first.subarray(0, readSync(file, first, 0, 4, 0))
}

function packing(magic: Buffer): 'gzip' | 'zstd' | undefined {
  if (magic.length < 4) return undefined
  if (magic.readUInt16BE() === 0x1f8b) return 'gzip'
  return magic.readUInt32BE() === 0x28b52ffd ? 'zstd' : undefined
}

const unpackers = { gzip: createGunzip, zstd: createZstdDecompress } as const

/** The buffer between a source of bytes and the parser: what no record has consumed yet stays at its front. */
class Feed {
  readonly parser: CaptureParser
  bytes = 0
  #buffer = new Uint8Array(CHUNK)
  #view = new DataView(this.#buffer.buffer)
  #filled = 0

  constructor(sink: FrameSink) {
    this.parser = new CaptureParser(sink)
  }

  /** Room for the next bytes; write there and call `wrote`. */
  room(): Uint8Array {
    if (this.#filled === this.#buffer.length) {
      // A record larger than the buffer: the parser refuses absurd lengths, so this ends.
      const larger = new Uint8Array(this.#buffer.length * 2)
      larger.set(this.#buffer)
      this.#buffer = larger
      this.#view = new DataView(larger.buffer)
    }
    return this.#buffer.subarray(this.#filled)
  }

  wrote(count: number): void {
    this.bytes += count
    const end = this.#filled + count
    const consumed = this.parser.push(this.#buffer, this.#view, end)
    this.#buffer.copyWithin(0, consumed, end)
    this.#filled = end - consumed
  }

  take(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      const room = this.room()
      const count = Math.min(room.length, piece.length - at)
      room.set(piece.subarray(at, at + count))
      this.wrote(count)
      at += count
    }
  }

  /** `bytes` and `left`, those that no record has consumed, where somebody else has fed the parser. */
  finish(problem = '', bytes = this.bytes, left = this.#filled): CaptureRead {
    const { parser } = this
    parser.finish(left)
    const { format, frames, warnings } = parser
    return { format, bytes, frames, warnings, problem: problem === '' ? parser.problem : problem }
  }
}

/** One of two pieces of a file that are filled in turn: while one is judged, the system fills the other. */
class Piece {
  /** In front there is room for what the piece before it left over. */
  readonly bytes = new Uint8Array(HEADROOM + CHUNK)
  readonly view = new DataView(this.bytes.buffer)

  fill(file: number, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(file, this.bytes, HEADROOM, CHUNK, at, (error, count) => (error === null ? resolve(count) : reject(error)))
    })
  }
}

async function readWhole(
  file: number,
  size: number,
  sink: FrameSink,
  progress: Progress,
  witness: Witness | undefined,
): Promise<CaptureRead> {
  const feed = new Feed(sink)
  const { parser } = feed
  let [piece, next] = [new Piece(), new Piece()]
  let filling = piece.fill(file, 0)
  let left = 0
  let done = 0
  for (;;) {
    const count = await filling
    if (count === 0) {
      witness?.end()
      return feed.finish('', done, left)
    }
    done += count
    filling = next.fill(file, done)
    const end = HEADROOM + count
    witness?.take(piece.bytes.subarray(HEADROOM, end))
    const stop = parser.push(piece.bytes, piece.view, end, HEADROOM - left)
    progress(done, size)
    left = end - stop
    if (parser.problem !== '' || left > HEADROOM) {
      if ((await filling) === 0) witness?.end()
      // A damaged file; or a record larger than the headroom, for which there is the buffer that grows.
      return parser.problem === ''
        ? readOn(file, done, size, feed, piece.bytes.subarray(stop, end), progress, witness)
        : feed.finish('', done)
    }
    next.bytes.set(piece.bytes.subarray(stop, end), HEADROOM - left)
    ;[piece, next] = [next, piece]
  }
}

/** Reads the rest of a file from `from` on, behind bytes that no record has consumed yet. */
async function readOn(
  file: number,
  from: number,
  size: number,
  feed: Feed,
  rest: Uint8Array,
  progress: Progress,
  witness: Witness | undefined,
): Promise<CaptureRead> {
  feed.take(rest)
  for (let at = from; feed.parser.problem === ''; ) {
    const room = feed.room()
    const count = readSync(file, room, 0, room.length, at)
    if (count === 0) {
      witness?.end()
      return feed.finish('', at)
    }
    at += count
    witness?.take(room.subarray(0, count))
    feed.wrote(count)
    progress(at, size)
    // Now and then signals and closed pipes get their turn.
    if (at % BREATH < CHUNK) await new Promise(resolve => setImmediate(resolve))
  }
  return feed.finish('', from)
}

async function readStream(
  source: Readable,
  sink: FrameSink,
  progress: (done: number) => void,
  witness: Witness | undefined,
): Promise<CaptureRead> {
  const feed = new Feed(sink)
  const magic = await firstBytes(source, 4)
  source.unshift(magic)
  const packed = packing(magic)
  const unpack = packed === undefined ? undefined : unpackers[packed]()
  try {
    await new Promise<void>((resolve, reject) => {
      if (witness !== undefined) {
        source.on('data', (piece: Buffer) => witness.take(piece))
        source.on('end', () => witness.end())
      }
      const stream = unpack === undefined ? source : source.pipe(unpack, { end: false })
      // Ended only when everything is unpacked: the end of a file that is cut off takes with it what is still to come.
      source.on('end', () => unpack?.flush(() => unpack.end()))
      // Pieces are taken as they come: those that a stream keeps for later are lost when it finds damage.
      stream.on('data', (piece: Buffer) => {
        try {
          feed.take(piece)
          progress(feed.bytes)
        } catch (error) {
          reject(error)
        }
        if (feed.parser.problem === '') return
        source.destroy()
        resolve()
      })
      stream.on('end', resolve)
      stream.on('error', reject)
      source.on('error', reject)
    })
  } catch (error) {
    // A packed file that is cut off or damaged: what came before it was judged.
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) throw error
    return feed.finish(`the packed file is cut off or damaged (${(error as Error).message})`)
  }
  return feed.finish()
}

/** The first bytes of a stream, fewer only where it has no more. */
async function firstBytes(stream: Readable, count: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = stream.read(count)
    if (bytes !== null) return bytes
    if (stream.readableEnded) return Buffer.alloc(0)
    await Promise.race([once(stream, 'readable'), once(stream, 'end')])
  }
}
