// What is on the wire, for many frames: the kernel writes them into blocks of memory that both sides see (TPACKET_V3),
// so a frame costs no system call. A block is handed over when it is full or when its time is up, which is what a frame
// may be late by. The blocks lie in pages of the arena, which the kernel's are laid over.
import type { Arena } from './arena.ts'
import { check, libC } from './libc.ts'
import {
  bindPacketSocket,
  type CapturedFrames,
  frameAddress,
  lostFrames,
  openPacketSocket,
  PACKET_BROADCAST,
  PACKET_OUTGOING,
  SOL_PACKET,
  type TapOptions,
} from './packet-socket.ts'
import { setOption } from './socket-options.ts'

const PACKET_RX_RING = 5
const PACKET_VERSION = 10
const TPACKET_V3 = 2

const PROT_READ_WRITE = 3
const MAP_SHARED_FIXED = 0x11
const MAP_PRIVATE_FIXED_ANONYMOUS = 0x32

/** struct tpacket_block_desc. */
const BLOCK_STATUS = 8
const FRAME_COUNT = 12
const FIRST_FRAME = 16
const BLOCK_IS_OURS = 1

/** struct tpacket3_hdr, and struct sockaddr_ll behind it. */
const header = {
  bytes: 48,
  next: 0,
  seconds: 4,
  nanoseconds: 8,
  kept: 12,
  wire: 16,
  status: 20,
  start: 24,
  network: 26,
  vlan: 32,
} as const
const HAS_VLAN = 0x10
/** No frame takes less of a block. */
const LEAST_FRAME = 64
/** The kernel wants it named, and does not use it for this version but to check the sizes. */
const FRAME_BYTES = 2048
const BLOCK_ALIGNMENT = 65536

export interface RingOptions extends TapOptions {
  /** Octets of a block, a multiple of 64 KiB, above the longest frame; 256 KiB. */
  readonly blockBytes?: number
  readonly blocks?: number
  /** When a block that is not full is handed over. */
  readonly patienceMilliseconds?: number
}

export class PacketRing implements CapturedFrames {
  readonly fd: number
  readonly #arena: Arena
  readonly #ring: number
  readonly #blockBytes: number
  readonly #blocks: number
  /** Of each frame in the block that was fetched last: where its tpacket3_hdr lies. */
  readonly #headers: Uint32Array
  readonly #states: Int32Array
  /** The block that is looked into next, and whether the one before it is still ours. */
  #next = 0
  #held = -1

  /** Needs CAP_NET_RAW. */
  constructor(arena: Arena, options: RingOptions) {
    const doing = 'opening a capture ring'
    const c = libC()
    this.#arena = arena
    this.#blockBytes = options.blockBytes ?? 256 * 1024
    this.#blocks = options.blocks ?? 8
    if (this.#blockBytes % BLOCK_ALIGNMENT !== 0) throw new RangeError(`${doing}: blocks of ${this.#blockBytes} octets`)
    const size = this.#blockBytes * this.#blocks
    this.#ring = arena.take(size, BLOCK_ALIGNMENT)
    this.#headers = new Uint32Array(this.#blockBytes / LEAST_FRAME)
    this.#states = new Int32Array(arena.bytes.buffer)
    this.fd = openPacketSocket(options, doing)
    try {
      setOption(this.fd, SOL_PACKET, PACKET_VERSION, TPACKET_V3, doing)
      const request = [
        this.#blockBytes,
        this.#blocks,
        FRAME_BYTES,
        size / FRAME_BYTES,
        options.patienceMilliseconds ?? 10,
        0,
        0,
      ]
      const view = new DataView(c.scratch.bytes.buffer, c.scratch.bytes.byteOffset)
      for (const [index, word] of request.entries()) view.setUint32(4 * index, word, true)
      const asked = c.setsockopt(this.fd, SOL_PACKET, PACKET_RX_RING, c.scratch.address, 4 * request.length)
      check(asked, 'setsockopt PACKET_RX_RING', doing)
      const address = arena.address + this.#ring
      check(c.mmap(address, size, PROT_READ_WRITE, MAP_SHARED_FIXED, this.fd), 'mmap', doing)
      bindPacketSocket(this.fd, options.link, doing)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Frames of one block; the block before it goes back to the kernel. */
  fetch(): number {
    this.#giveBack()
    const block = this.#ring + this.#blockBytes * this.#next
    // The status is the kernel's last store: what lies in the block must not be read before it.
    if ((Atomics.load(this.#states, (block + BLOCK_STATUS) >>> 2) & BLOCK_IS_OURS) === 0) return 0
    this.#held = this.#next
    this.#next = (this.#next + 1) % this.#blocks
    return this.#list(block)
  }

  #list(block: number): number {
    const { words } = this.#arena
    const end = block + this.#blockBytes
    const told = Math.min(words[(block + FRAME_COUNT) >>> 2]!, this.#headers.length)
    let at = block + words[(block + FIRST_FRAME) >>> 2]!
    let count = 0
    for (; count < told && at + header.bytes + frameAddress.bytes <= end; count++) {
      this.#headers[count] = at
      at += words[(at + header.next) >>> 2]!
    }
    return count
  }

  #giveBack(): void {
    if (this.#held < 0) return
    Atomics.store(this.#states, (this.#ring + this.#blockBytes * this.#held + BLOCK_STATUS) >>> 2, 0)
    this.#held = -1
  }

  frameAt(slot: number): number {
    const at = this.#headers[slot]!
    return at + this.#arena.view.getUint16(at + header.start, true)
  }

  /** Where the frame's IP header lies, as the kernel has found it; never past what was kept. */
  networkAt(slot: number): number {
    const at = this.#headers[slot]!
    const start = this.frameAt(slot)
    const network = at + this.#arena.view.getUint16(at + header.network, true)
    return Math.max(start, Math.min(network, start + this.keptBytes(slot)))
  }

  /** True for what came to every station of the link; of what this host sent only the frame itself tells. */
  isBroadcast(slot: number): boolean {
    return this.#arena.view.getUint8(this.#headers[slot]! + header.bytes + frameAddress.kind) === PACKET_BROADCAST
  }

  keptBytes(slot: number): number {
    const end = this.#ring + this.#blockBytes * (this.#held + 1)
    return Math.max(0, Math.min(this.#word(slot, header.kept), end - this.frameAt(slot)))
  }

  wireBytes(slot: number): number {
    return this.#word(slot, header.wire)
  }

  protocol(slot: number): number {
    return this.#arena.view.getUint16(this.#headers[slot]! + header.bytes + frameAddress.protocol)
  }

  link(slot: number): number {
    return this.#word(slot, header.bytes + frameAddress.link)
  }

  hardware(slot: number): number {
    return this.#arena.view.getUint16(this.#headers[slot]! + header.bytes + frameAddress.hardware, true)
  }

  isOutgoing(slot: number): boolean {
    return this.#arena.view.getUint8(this.#headers[slot]! + header.bytes + frameAddress.kind) === PACKET_OUTGOING
  }

  vlanTag(slot: number): number {
    if ((this.#word(slot, header.status) & HAS_VLAN) === 0) return -1
    return this.#arena.view.getUint16(this.#headers[slot]! + header.vlan, true)
  }

  time(slot: number): bigint {
    const seconds = BigInt(this.#word(slot, header.seconds))
    return seconds * 1_000_000_000n + BigInt(this.#word(slot, header.nanoseconds))
  }

  #word(slot: number, field: number): number {
    return this.#arena.view.getUint32(this.#headers[slot]! + field, true)
  }

  lost(): number {
    return lostFrames(this.fd)
  }

  /** The arena gets pages of its own back, zeroed; the room itself stays taken. */
  close(): void {
    const c = libC()
    const size = this.#blockBytes * this.#blocks
    const address = this.#arena.address + this.#ring
    const result = c.mmap(address, size, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANONYMOUS, -1)
    c.close(this.fd)
    check(result, 'mmap', 'closing a capture ring')
  }
}
