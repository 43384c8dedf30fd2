// What the network brings of one protocol, on every link and as it came: the kernel writes packets into frames of one size
// that both sides see (TPACKET_V2), each there at once, so that a packet costs no system call. It is the packet from its IP
// header on, before the kernel's own IP has looked at it: nothing was checked, cut to its length or put together yet. The
// frames lie in pages of the arena, which the kernel's are laid over.
import type { Arena } from './arena.ts'
import { check, libC } from './libc.ts'
import { MessageBatch } from './message-batch.ts'
import { bindPacketSocket, lostFrames, openPacketSocket, SOL_PACKET } from './packet-socket.ts'
import { type FilterStep, setOption } from './socket-options.ts'

const PACKET_RX_RING = 5
const PACKET_COPY_THRESH = 7
const PACKET_VERSION = 10
const TPACKET_V2 = 1

const PROT_READ_WRITE = 3
const MAP_SHARED_FIXED = 0x11
const MAP_PRIVATE_FIXED_ANONYMOUS = 0x32

/** struct tpacket2_hdr. */
const header = { status: 0, kept: 8, start: 14 } as const
const IS_OURS = 1
/** It did not fit, and all of it waits in the socket. */
const IS_ASIDE = 2
/** The header, the sender's address and what they are rounded up to. */
const HEADER_BYTES = 80
const BLOCK_BYTES = 65_536
const LARGEST = 65_536

/** EtherTypes in network order, as the calls want them. */
const etherTypes = { 4: 0x0008, 6: 0xdd86 } as const

export interface FrameRingOptions {
  readonly family: 4 | 6
  /** Offset 0 is that of the IP header. */
  readonly filter: readonly FilterStep[]
  /** The largest packet that is usual; larger ones come by a call each. */
  readonly packetBytes: number
  /** Of all frames together, a multiple of 64 KiB. */
  readonly bytes: number
}

export class FrameRing {
  readonly fd: number
  /** Of the packet that was fetched last: offset into the arena, and octets. */
  at = 0
  length = 0
  readonly #arena: Arena
  readonly #states: Int32Array
  readonly #ring: number
  readonly #bytes: number
  readonly #frameBytes: number
  readonly #large: MessageBatch
  readonly #largeAt: number
  #frame: number

  /** Needs CAP_NET_RAW. */
  constructor(arena: Arena, { family, filter, packetBytes, bytes }: FrameRingOptions) {
    const doing = `opening a ring for IPv${family}`
    const c = libC()
    this.#arena = arena
    this.#states = new Int32Array(arena.bytes.buffer)
    this.#frameBytes = Math.min(BLOCK_BYTES, 2 ** Math.ceil(Math.log2(packetBytes + HEADER_BYTES)))
    this.#bytes = bytes
    this.#ring = arena.take(bytes, BLOCK_BYTES)
    this.#frame = this.#ring
    this.#largeAt = arena.take(LARGEST)
    this.#large = new MessageBatch(arena, 1)
    this.#large.aim(0, this.#largeAt, LARGEST)
    this.fd = openPacketSocket({ link: 0, from: 'packets', filter }, doing)
    try {
      setOption(this.fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2, doing)
      setOption(this.fd, SOL_PACKET, PACKET_COPY_THRESH, 1, doing)
      const view = new DataView(c.scratch.bytes.buffer, c.scratch.bytes.byteOffset)
      const request = [BLOCK_BYTES, bytes / BLOCK_BYTES, this.#frameBytes, bytes / this.#frameBytes]
      for (const [index, word] of request.entries()) view.setUint32(4 * index, word, true)
      const asked = c.setsockopt(this.fd, SOL_PACKET, PACKET_RX_RING, c.scratch.address, 4 * request.length)
      check(asked, 'setsockopt PACKET_RX_RING', doing)
      const address = arena.address + this.#ring
      check(c.mmap(address, bytes, PROT_READ_WRITE, MAP_SHARED_FIXED, this.fd), 'mmap', doing)
      bindPacketSocket(this.fd, 0, doing, etherTypes[family])
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Whether there was one more; it is ours, to be written to as well, until it is given back. */
  fetch(): boolean {
    const frame = this.#frame
    // The status is the kernel's last store: what lies in the frame must not be read before it.
    const status = Atomics.load(this.#states, (frame + header.status) >>> 2)
    if ((status & IS_OURS) === 0) return false
    if ((status & IS_ASIDE) !== 0) {
      this.at = this.#largeAt
      this.length = this.#large.receive(this.fd) === 1 ? this.#large.lengthOf(0) : 0
      return true
    }
    const { view } = this.#arena
    const start = view.getUint16(frame + header.start, true)
    this.at = frame + start
    this.length = Math.min(view.getUint32(frame + header.kept, true), this.#frameBytes - start)
    return true
  }

  giveBack(): void {
    Atomics.store(this.#states, (this.#frame + header.status) >>> 2, 0)
    this.#frame += this.#frameBytes
    if (this.#frame === this.#ring + this.#bytes) this.#frame = this.#ring
  }

  /** Packets that found no room since the last question. */
  lost(): number {
    return lostFrames(this.fd)
  }

  /** The arena gets pages of its own back, zeroed; the room itself stays taken. */
  close(): void {
    const c = libC()
    const address = this.#arena.address + this.#ring
    const result = c.mmap(address, this.#bytes, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANONYMOUS, -1)
    c.close(this.fd)
    check(result, 'mmap', 'closing a ring')
  }
}
