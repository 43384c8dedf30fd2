// Reads a capture of any size in large pieces: a file, a gzip or zstd compressed one, or standard input. Memory stays
// flat: one buffer, which grows only for a record that does not fit it.
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { type CaptureFormat, CaptureParser } from '../wire/capture-file.ts'
import type { FrameSink } from '../wire/frame-sink.ts'

/** Four MiB a read: larger pieces leave the processor's cache, smaller ones cost calls. */
const CHUNK = 4 * 1024 * 1024
/** Octets between two looks at the event loop. */
const BREATH = 16 * CHUNK

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

/** The name that stands for standard input. */
export const STANDARD_INPUT = '-'

/**
 * Hands every frame of the capture to the sink. A damaged or cut-off capture is told in `problem`, with everything
 * before the damage delivered. Throws only what the operating system answers, such as a file that is not there.
 */
export async function readCapture(path: string, sink: FrameSink, progress: Progress = () => {}): Promise<CaptureRead> {
  if (path === STANDARD_INPUT) return readStream(process.stdin, sink, () => progress(0, 0))
  const file = openSync(path, 'r')
  try {
    const information = fstatSync(file)
    if (information.isDirectory()) throw new Error(`${path} is a folder, not a capture file`)
    // Pipes and devices cannot be read twice from their start, so their first bytes are not peeked at.
    const magic = information.isFile() ? readMagic(file) : 0
    const unpack = unpacker(magic)
    if (unpack === undefined && information.isFile()) return await readWhole(file, information.size, sink, progress)
    const raw = createReadStream(path)
    let done = 0
    raw.on('data', piece => {
      done += piece.length
    })
    const stream = unpack === undefined ? raw : raw.pipe(unpack)
    raw.on('error', error => stream.destroy(error))
    return await readStream(stream, sink, () => progress(done, information.size))
  } finally {
    closeSync(file)
  }
}

function readMagic(file: number): number {
  const first = Buffer.alloc(4)
  return readSync(file, first, 0, 4, 0) === 4 ? first.readUInt32BE(0) : 0
}

function unpacker(magic: number) {
  if (magic >>> 16 === 0x1f8b) return createGunzip()
  return magic === 0x28b52ffd ? createZstdDecompress() : undefined
}

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

  finish(problem = ''): CaptureRead {
    const { parser, bytes } = this
    parser.finish(this.#filled)
    const { format, frames, warnings } = parser
    return { format, bytes, frames, warnings, problem: problem === '' ? parser.problem : problem }
  }
}

async function readWhole(file: number, size: number, sink: FrameSink, progress: Progress): Promise<CaptureRead> {
  const feed = new Feed(sink)
  for (let at = 0; ; ) {
    const room = feed.room()
    const count = readSync(file, room, 0, room.length, at)
    if (count === 0) break
    at += count
    feed.wrote(count)
    progress(at, size)
    if (feed.parser.problem !== '') break
    // Reading is quick and synchronous; now and then signals and closed pipes get their turn.
    if (at % BREATH < CHUNK) await new Promise(resolve => setImmediate(resolve))
  }
  return feed.finish()
}

async function readStream(stream: Readable, sink: FrameSink, progress: () => void): Promise<CaptureRead> {
  const feed = new Feed(sink)
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      for (let at = 0; at < piece.length; ) {
        const room = feed.room()
        const count = Math.min(room.length, piece.length - at)
        room.set(piece.subarray(at, at + count))
        feed.wrote(count)
        at += count
      }
      progress()
      if (feed.parser.problem !== '') break
    }
  } catch (error) {
    // A packed file that is cut off or damaged: what came before it was judged.
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) throw error
    return feed.finish(`the packed file is cut off or damaged (${(error as Error).message})`)
  }
  return feed.finish()
}
