// The blocks of a pcapng file (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces with their clocks,
// and every kind of packet block. capture-file.ts hands the bytes in; what is not a packet is passed over.
import type { FrameSink } from './frame-sink.ts'

const SECTION_HEADER = 0x0a0d0d0a
const BYTE_ORDER = 0x1a2b3c4d
const INTERFACE = 1
const OBSOLETE_PACKET = 2
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6
const JOURNAL = 9
const CUSTOM = 0x0bad
const CUSTOM_NO_COPY = 0x40000bad
const OPTION_RESOLUTION = 9
const OPTION_OFFSET = 14
/** Events of sysdig, in three layouts. */
const EVENT = 0x204
const EVENT_V2 = 0x216
const EVENT_V2_LARGE = 0x221
const MAX_BLOCK = 256 * 1024 * 1024

/** The clock of an interface gives `perSecond` ticks a second; where that is over 10⁹, `finer` has it exactly. */
interface Interface {
  readonly linkType: number
  readonly snapLength: number
  readonly perSecond: number
  readonly finer: bigint
  /** Seconds to add to every time. */
  readonly offset: number
}

export class PcapngBlocks {
  problem = ''
  /** Frames so far as Wireshark counts them: custom blocks, journal entries and system events are frames too. */
  frames = 0
  #littleEndian = true
  #skipSection = false
  #interfaces: Interface[] = []
  readonly #sink: FrameSink
  readonly #warnings: string[]

  constructor(sink: FrameSink, warnings: string[]) {
    this.#sink = sink
    this.#warnings = warnings
  }

  read(bytes: Uint8Array, view: DataView, from: number, end: number): number {
    let at = from
    while (end - at >= 12) {
      const isSection = view.getUint32(at, false) === SECTION_HEADER
      if (isSection && !this.#readByteOrder(view, at)) return end
      const length = view.getUint32(at + 4, this.#littleEndian)
      if (length < 12 || length > MAX_BLOCK) {
        this.problem = `the block behind frame ${this.frames} claims ${length} bytes: the file is damaged there`
        return end
      }
      // Lengths are multiples of four; writers that forget the padding are read as tshark reads them.
      const padded = (length + 3) & ~3
      if (padded > end - at) break
      const bodyEnd = at + padded - 4
      if (view.getUint32(bodyEnd, this.#littleEndian) !== length) {
        this.problem = `the two lengths of the block behind frame ${this.frames} differ: the file is damaged there`
        return end
      }
      if (isSection) this.#startSection(view, at, bodyEnd)
      else if (!this.#skipSection) this.#readBlock(bytes, view, view.getUint32(at, this.#littleEndian), at + 8, bodyEnd)
      if (this.problem !== '') return end
      at += padded
    }
    return at
  }

  #readByteOrder(view: DataView, at: number): boolean {
    if (view.getUint32(at + 8, true) === BYTE_ORDER) this.#littleEndian = true
    else if (view.getUint32(at + 8, false) === BYTE_ORDER) this.#littleEndian = false
    else {
      this.problem = `the section behind frame ${this.frames} has no byte-order magic: the file is damaged there`
      return false
    }
    return true
  }

  #startSection(view: DataView, at: number, bodyEnd: number): void {
    this.#interfaces = []
    this.#skipSection = false
    if (bodyEnd - at < 16) return
    const major = view.getUint16(at + 12, this.#littleEndian)
    const minor = view.getUint16(at + 14, this.#littleEndian)
    // Version 1.2 has the layout of 1.0 (the draft says so); anything else may have any layout.
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      this.#skipSection = true
      this.#warnings.push(`a section of pcapng version ${major}.${minor} behind frame ${this.frames} is passed over`)
    }
  }

  #readBlock(bytes: Uint8Array, view: DataView, type: number, body: number, end: number): void {
    switch (type) {
      case ENHANCED_PACKET:
        return this.#readEnhanced(bytes, view, body, end)
      case SIMPLE_PACKET:
        return this.#readSimple(bytes, view, body, end)
      case OBSOLETE_PACKET:
        return this.#readObsolete(bytes, view, body, end)
      case INTERFACE:
        this.#interfaces.push(this.#readInterface(view, body, end))
        return
      case CUSTOM:
      case CUSTOM_NO_COPY:
      case JOURNAL:
      case EVENT:
      case EVENT_V2:
      case EVENT_V2_LARGE:
        this.frames++
        return
      default:
    }
  }

  #readInterface(view: DataView, body: number, end: number): Interface {
    const little = this.#littleEndian
    if (end - body < 8) {
      this.#damaged()
      return { linkType: -1, snapLength: 0, perSecond: 1e6, finer: 0n, offset: 0 }
    }
    let perSecond = 1e6
    let finer = 0n
    let offset = 0
    for (let at = body + 8; end - at >= 4; ) {
      const code = view.getUint16(at, little)
      const length = view.getUint16(at + 2, little)
      if (code === 0 || length > end - at - 4) break
      if (code === OPTION_RESOLUTION && length >= 1) {
        const exponent = view.getUint8(at + 4)
        const exact = (exponent & 0x80) === 0 ? 10n ** BigInt(exponent) : 2n ** BigInt(exponent & 0x7f)
        perSecond = Number(exact)
        finer = perSecond > 1e9 ? exact : 0n
      } else if (code === OPTION_OFFSET && length >= 8) {
        offset = Number(view.getBigInt64(at + 4, little))
      }
      at += 4 + ((length + 3) & ~3)
    }
    const linkType = view.getUint16(body, little)
    return { linkType, snapLength: view.getUint32(body + 4, little), perSecond, finer, offset }
  }

  #readEnhanced(bytes: Uint8Array, view: DataView, body: number, end: number): void {
    if (end - body < 20) return this.#damaged()
    const little = this.#littleEndian
    const high = view.getUint32(body + 4, little)
    const low = view.getUint32(body + 8, little)
    const captured = view.getUint32(body + 12, little)
    this.#deliver(
      bytes,
      view.getUint32(body, little),
      body + 20,
      captured,
      view.getUint32(body + 16, little),
      end,
      high,
      low,
    )
  }

  #readObsolete(bytes: Uint8Array, view: DataView, body: number, end: number): void {
    if (end - body < 20) return this.#damaged()
    const little = this.#littleEndian
    const high = view.getUint32(body + 4, little)
    const low = view.getUint32(body + 8, little)
    const captured = view.getUint32(body + 12, little)
    this.#deliver(
      bytes,
      view.getUint16(body, little),
      body + 20,
      captured,
      view.getUint32(body + 16, little),
      end,
      high,
      low,
    )
  }

  #readSimple(bytes: Uint8Array, view: DataView, body: number, end: number): void {
    if (end - body < 4) return this.#damaged()
    const original = view.getUint32(body, this.#littleEndian)
    const snap = this.#interfaces[0]?.snapLength ?? 0
    const captured = Math.min(original, end - body - 4, snap === 0 ? original : snap)
    this.#deliver(bytes, 0, body + 4, captured, original, end, 0, 0)
  }

  #deliver(
    bytes: Uint8Array,
    index: number,
    start: number,
    captured: number,
    original: number,
    blockEnd: number,
    high: number,
    low: number,
  ): void {
    if (captured > blockEnd - start) return this.#damaged()
    this.frames++
    const from = this.#interfaces[index]
    if (from === undefined) {
      this.problem = `frame ${this.frames} names interface ${index}, which its section does not describe`
      return
    }
    const { perSecond, finer, offset } = from
    let seconds = Math.floor((high * 0x100000000 + low) / perSecond)
    let nanoseconds = 0
    if (finer === 0n && seconds < 0x100000000) {
      // The ticks since 1970 do not fit a double, but the remainder of a second fits 32 bits, where imul is exact.
      let rest = (low - Math.imul(seconds, perSecond)) >>> 0
      if (rest >= perSecond) {
        const before = rest > 0x7fffffff
        seconds += before ? -1 : 1
        rest = (rest + (before ? perSecond : -perSecond)) >>> 0
      }
      nanoseconds = nanosecondsOf(rest, perSecond)
    } else {
      const exact = (BigInt(high) << 32n) | BigInt(low)
      const divisor = finer === 0n ? BigInt(perSecond) : finer
      seconds = Number(exact / divisor)
      nanoseconds = Number(((exact % divisor) * 1_000_000_000n) / divisor)
    }
    const time = seconds + offset
    this.#sink.frame(bytes, start, start + captured, from.linkType, original, time, nanoseconds, this.frames)
  }

  #damaged(): void {
    this.problem = `the block behind frame ${this.frames} is shorter than what it claims to hold: the file is damaged there`
  }
}

/** Exact for powers of ten and of two up to 10⁹: no product here reaches 2⁵³. */
function nanosecondsOf(ticks: number, perSecond: number): number {
  if (1e9 % perSecond === 0) return ticks * (1e9 / perSecond)
  // 10⁹ is 512 · 1953125, and a division by a power of two loses nothing.
  return Math.floor((ticks * 1953125) / (perSecond / 512))
}
