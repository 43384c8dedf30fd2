// What is on the wire, as it is: an AF_PACKET socket sees every frame that a link takes in or gives out (packet(7)).
// Frames are fetched in batches into an arena. Time stamps are the kernel's; what was sent is told from what came.
import type { Arena } from './arena.ts'
import { check, libC } from './libc.ts'
import { MessageBatch } from './message-batch.ts'
import { attachFilter, type FilterStep, openSocket, SOL_SOCKET, setOption, trySetOption } from './socket-options.ts'

const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_DGRAM = 2
/** ETH_P_ALL in network order, as the call wants it. */
const EVERY_PROTOCOL = 0x0300

const SOL_PACKET = 263
const PACKET_STATISTICS = 6
const PACKET_AUXDATA = 8
const SO_TIMESTAMPNS = 35
const SO_RCVBUFFORCE = 33

/** struct sockaddr_ll. */
const ADDRESS_BYTES = 20
const PROTOCOL = 2
const LINK = 4
const HARDWARE = 8
const KIND = 10
/** Values of the kind of a frame. */
const PACKET_OUTGOING = 4

/** struct tpacket_auxdata. */
const STATUS = 0
const WIRE_LENGTH = 4
const VLAN_TAG = 16
const HAS_VLAN = 0x10

export interface CaptureOptions {
  /** 0 for every link of the namespace. */
  readonly link: number
  /** Octets that are kept of each frame. */
  readonly keep: number
  /** Frames in one fetch. */
  readonly batch?: number
  /** `frames`: from the link header on. `packets`: from the IP header on, on whatever kind of link. */
  readonly from: 'frames' | 'packets'
  readonly filter?: readonly FilterStep[]
  readonly buffer?: number
}

/** After `fetch`, the fields of frame number `slot` are read by the methods; they hold until the next `fetch`. */
export class PacketCapture {
  readonly fd: number
  readonly #arena: Arena
  readonly #batch: MessageBatch
  readonly #frames: number
  readonly #keep: number

  /** Needs CAP_NET_RAW. */
  constructor(arena: Arena, options: CaptureOptions) {
    const doing = 'opening a capture'
    this.#arena = arena
    this.#keep = options.keep
    const slots = options.batch ?? 64
    this.#batch = new MessageBatch(arena, slots)
    this.#frames = arena.take(slots * options.keep)
    for (let slot = 0; slot < slots; slot++) this.#batch.aim(slot, this.frameAt(slot), options.keep)
    // Protocol 0 until it is bound: otherwise frames of every link come in before the filter stands.
    this.fd = openSocket(AF_PACKET, options.from === 'frames' ? SOCK_RAW : SOCK_DGRAM, 0, doing)
    try {
      setOption(this.fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, doing)
      setOption(this.fd, SOL_PACKET, PACKET_AUXDATA, 1, doing)
      if (options.buffer !== undefined) trySetOption(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, options.buffer)
      if (options.filter !== undefined) attachFilter(this.fd, options.filter)
      const { scratch, bind } = libC()
      const view = new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset)
      scratch.bytes.fill(0, 0, ADDRESS_BYTES)
      view.setUint16(0, AF_PACKET, true)
      view.setUint16(PROTOCOL, EVERY_PROTOCOL, true)
      view.setInt32(LINK, options.link, true)
      check(bind(this.fd, scratch.address, ADDRESS_BYTES), 'bind', doing)
    } catch (error) {
      libC().close(this.fd)
      throw error
    }
  }

  /** Answers how many frames were there, 0 for none; EAGAIN is none. Throws where the link is gone. */
  fetch(): number {
    const count = this.#batch.receive(this.fd)
    if (count === -11 || count === -4) return 0
    return check(count, 'recvmmsg', 'capturing')
  }

  frameAt(slot: number): number {
    return this.#frames + this.#keep * slot
  }

  /** Octets that lie at `frameAt`. */
  keptBytes(slot: number): number {
    return this.#batch.lengthOf(slot)
  }

  /** Octets that the frame had; offload makes frames of 64 KiB that no wire carries. */
  wireBytes(slot: number): number {
    this.#batch.readControl(slot)
    const at = this.#batch.auxiliaryAt
    return at === 0 ? this.keptBytes(slot) : this.#arena.view.getUint32(at + WIRE_LENGTH, true)
  }

  /** EtherType, or what stands for it on other links. */
  protocol(slot: number): number {
    return this.#arena.view.getUint16(this.#batch.nameAt(slot) + PROTOCOL)
  }

  /** Number of the link. */
  link(slot: number): number {
    return this.#arena.view.getInt32(this.#batch.nameAt(slot) + LINK, true)
  }

  /** ARPHRD_…: 1 Ethernet, 772 loopback, 65534 none (TUN). */
  hardware(slot: number): number {
    return this.#arena.view.getUint16(this.#batch.nameAt(slot) + HARDWARE, true)
  }

  /** True for what this host sent. */
  isOutgoing(slot: number): boolean {
    return this.#arena.view.getUint8(this.#batch.nameAt(slot) + KIND) === PACKET_OUTGOING
  }

  /** The VLAN tag that the kernel took off the frame, with its priority; -1 where there was none. */
  vlanTag(slot: number): number {
    this.#batch.readControl(slot)
    const at = this.#batch.auxiliaryAt
    if (at === 0 || (this.#arena.view.getUint32(at + STATUS, true) & HAS_VLAN) === 0) return -1
    return this.#arena.view.getUint16(at + VLAN_TAG, true)
  }

  /** Nanoseconds since 1970. */
  time(slot: number): bigint {
    this.#batch.readControl(slot)
    const at = this.#batch.timeAt
    if (at === 0) return 0n
    const { view } = this.#arena
    return view.getBigUint64(at, true) * 1_000_000_000n + view.getBigUint64(at + 8, true)
  }

  /** Frames that were lost for want of room, since the last question. */
  lost(): number {
    const { scratch, getsockopt } = libC()
    const view = new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset)
    view.setUint32(16, 8, true)
    check(
      getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, scratch.address, scratch.address + 16),
      'getsockopt',
      'capture',
    )
    return view.getUint32(4, true)
  }

  close(): void {
    libC().close(this.fd)
  }
}
