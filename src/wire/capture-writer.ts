// Writes pcapng (draft-ietf-opsawg-pcapng): one section, the given interfaces with clocks in nanoseconds, one enhanced
// packet block for each frame; little-endian. Pure: the bytes go to a callback. No option names a machine, a program or a
// user. Left out: comments, statistics, secrets, names.

const SECTION_HEADER = 0x0a0d0d0a
const BYTE_ORDER = 0x1a2b3c4d
const INTERFACE = 1
const ENHANCED_PACKET = 6
const OPTION_RESOLUTION = 9
const RESOLUTION_NANOSECONDS = 9
const PACKET_HEADER = 28
/** What readers of every age accept; nothing larger is captured here. */
const SNAP_LENGTH = 262_144

export class CaptureWriter {
  frames = 0
  readonly #write: (bytes: Uint8Array) => void
  readonly #interfaces: number

  /** `linkTypes`: one interface each, by the numbers of the tcpdump.org registry. Writes the head of the file at once. */
  constructor(write: (bytes: Uint8Array) => void, linkTypes: readonly number[]) {
    this.#write = write
    this.#interfaces = linkTypes.length
    write(section())
    for (const linkType of linkTypes) write(description(linkType))
  }

  /**
   * Writes one frame; the bytes are copied. Seconds since 1970, not before; `originalLength` where the frame was longer
   * than what is kept of it.
   */
  frame(bytes: Uint8Array, seconds: number, nanoseconds: number, on = 0, originalLength = bytes.length): void {
    if (on < 0 || on >= this.#interfaces) throw new RangeError(`there is no interface ${on}`)
    const length = PACKET_HEADER + padded(bytes.length) + 4
    const block = new Uint8Array(length)
    const view = new DataView(block.buffer)
    const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
    view.setUint32(0, ENHANCED_PACKET, true)
    view.setUint32(4, length, true)
    view.setUint32(8, on, true)
    view.setUint32(12, Number(time >> 32n), true)
    view.setUint32(16, Number(time & 0xffff_ffffn), true)
    view.setUint32(20, bytes.length, true)
    view.setUint32(24, originalLength, true)
    block.set(bytes, PACKET_HEADER)
    view.setUint32(length - 4, length, true)
    this.#write(block)
    this.frames++
  }
}

function padded(length: number): number {
  return (length + 3) & ~3
}

function section(): Uint8Array {
  const block = new Uint8Array(28)
  const view = new DataView(block.buffer)
  view.setUint32(0, SECTION_HEADER, true)
  view.setUint32(4, block.length, true)
  view.setUint32(8, BYTE_ORDER, true)
  view.setUint16(12, 1, true)
  // The section's length is not stated: it ends with the file.
  view.setBigInt64(16, -1n, true)
  view.setUint32(24, block.length, true)
  return block
}

function description(linkType: number): Uint8Array {
  const block = new Uint8Array(32)
  const view = new DataView(block.buffer)
  view.setUint32(0, INTERFACE, true)
  view.setUint32(4, block.length, true)
  view.setUint16(8, linkType, true)
  view.setUint32(12, SNAP_LENGTH, true)
  view.setUint16(16, OPTION_RESOLUTION, true)
  view.setUint16(18, 1, true)
  view.setUint8(20, RESOLUTION_NANOSECONDS)
  // The end of the options and a length of zero stand there already.
  view.setUint32(28, block.length, true)
  return block
}
