// Capture files as a stream: pcap (both byte orders, micro- and nanoseconds, and Kuznetzov's variant) and pcapng
// (draft-ietf-opsawg-pcapng). The caller pushes whatever bytes it has; whole records go to the sink, the rest stays with
// the caller. Name resolution, statistics and secrets are passed over. A damaged file is reported, never thrown about.
import type { FrameSink } from './frame-sink.ts'
import { PcapngBlocks } from './pcapng.ts'

export type CaptureFormat = 'pcap' | 'pcapng' | 'unknown'

/** No capture that we know of holds a larger record; a length above it is a damaged file. */
export const MAX_RECORD = 256 * 1024 * 1024

const MAGIC_MICRO = 0xa1b2c3d4
const MAGIC_NANO = 0xa1b23c4d
const MAGIC_KUZNETZOV = 0xa1b2cd34
const SECTION_HEADER = 0x0a0d0d0a

export class CaptureParser {
  format: CaptureFormat = 'unknown'
  /** What is wrong with the file, in words; empty while nothing is. Parsing stops where this is set. */
  problem = ''
  /** Faults that did not stop the reading, such as a section of an unknown version. */
  readonly warnings: string[] = []
  #littleEndian = true
  /** Nanoseconds in a unit of the fraction of a second. */
  #scale = 1
  #recordHeader = 16
  #linkType = 0
  #frames = 0
  #swappedLengths = false
  readonly #sink: FrameSink
  readonly #blocks: PcapngBlocks

  constructor(sink: FrameSink) {
    this.#sink = sink
    this.#blocks = new PcapngBlocks(sink, this.warnings)
  }

  get frames(): number {
    return this.format === 'pcapng' ? this.#blocks.frames : this.#frames
  }

  /**
   * Consumes whole records from `bytes[start..end)` and answers where the first byte stands that it did not consume. Call
   * again with the rest in front of more bytes. `start` means that one record is larger than what was given.
   */
  push(bytes: Uint8Array, view: DataView, end: number, start = 0): number {
    if (this.problem !== '') return end
    let at = start
    if (this.format === 'unknown') {
      if (end - start < 24) return start
      at += this.#readFileHeader(view, start)
      if (this.problem !== '') return end
    }
    if (this.format === 'pcap') return this.#readRecords(bytes, view, at, end)
    const consumed = this.#blocks.read(bytes, view, at, end)
    this.problem = this.#blocks.problem
    return consumed
  }

  /** Call once at the end of the file with the number of bytes that no record consumed. */
  finish(bytesLeft: number): void {
    if (this.problem !== '') return
    if (this.format === 'unknown') {
      this.problem = bytesLeft === 0 ? 'the file is empty' : `not a capture file: only ${bytesLeft} bytes`
    } else if (bytesLeft > 0) {
      this.problem = `cut off in the middle of a record: ${bytesLeft} bytes after frame ${this.frames} are incomplete`
    }
  }

  #readFileHeader(view: DataView, at: number): number {
    const little = view.getUint32(at, true)
    const big = view.getUint32(at, false)
    if (big === SECTION_HEADER) {
      this.format = 'pcapng'
      return 0
    }
    this.#littleEndian = little === MAGIC_MICRO || little === MAGIC_NANO || little === MAGIC_KUZNETZOV
    const magic = this.#littleEndian ? little : big
    if (magic !== MAGIC_MICRO && magic !== MAGIC_NANO && magic !== MAGIC_KUZNETZOV) {
      this.problem = `not a capture file: it starts with ${big.toString(16).padStart(8, '0')}, which is neither pcap nor pcapng`
      return 0
    }
    const major = view.getUint16(at + 4, this.#littleEndian)
    const minor = view.getUint16(at + 6, this.#littleEndian)
    if (major !== 2) {
      this.problem = `pcap version ${major}.${minor} is not known; version 2.4 is what is read here`
      return 0
    }
    this.format = 'pcap'
    this.#scale = magic === MAGIC_NANO ? 1 : 1000
    this.#recordHeader = magic === MAGIC_KUZNETZOV ? 24 : 16
    // Before version 2.4 some writers put the two lengths of a record the other way round.
    this.#swappedLengths = minor < 4
    // The upper bits of the field say how long the frame check sequence is, not what the link is.
    this.#linkType = view.getUint32(at + 20, this.#littleEndian) & 0x03ffffff
    return 24
  }

  #readRecords(bytes: Uint8Array, view: DataView, from: number, end: number): number {
    const little = this.#littleEndian
    const header = this.#recordHeader
    const scale = this.#scale
    const linkType = this.#linkType
    const sink = this.#sink
    let at = from
    while (end - at >= header) {
      let captured = view.getUint32(at + 8, little)
      let original = view.getUint32(at + 12, little)
      if (this.#swappedLengths && captured > original) {
        const stated = captured
        captured = original
        original = stated
      }
      if (captured > MAX_RECORD) {
        this.problem = `the record behind frame ${this.#frames} claims ${captured} bytes: the file is damaged there`
        return end
      }
      const start = at + header
      if (captured > end - start) break
      this.#frames++
      let seconds = view.getUint32(at, little)
      let nanoseconds = view.getUint32(at + 4, little) * scale
      if (nanoseconds >= 1e9) {
        seconds += Math.floor(nanoseconds / 1e9)
        nanoseconds %= 1e9
      }
      sink.frame(bytes, start, start + captured, linkType, original, seconds, nanoseconds, this.#frames)
      at = start + captured
    }
    return at
  }
}
