// What is on the wire, as it is, fetched in batches by recvmmsg into an arena: for captures of a few thousand frames a
// second that want each frame at once. packet-ring.ts does the same for many. Time stamps are the kernel's.
import type { Arena } from './arena.ts'
import { check, EAGAIN, EINTR, libC } from './libc.ts'
import { MessageBatch } from './message-batch.ts'
import {
  bindPacketSocket,
  type CapturedFrames,
  frameAddress,
  lostFrames,
  openPacketSocket,
  PACKET_OUTGOING,
  SOL_PACKET,
  type TapOptions,
} from './packet-socket.ts'
import { SOL_SOCKET, setOption, trySetOption } from './socket-options.ts'

const PACKET_AUXDATA = 8
const SO_TIMESTAMPNS = 35
const SO_RCVBUFFORCE = 33

/** struct tpacket_auxdata. */
const STATUS = 0
const WIRE_LENGTH = 4
const VLAN_TAG = 16
const HAS_VLAN = 0x10

export interface CaptureOptions extends TapOptions {
  /** Octets that are kept of each frame. */
  readonly keep: number
  /** Frames in one fetch. */
  readonly batch?: number
  /** Octets of the socket's buffer, past the system's limit where that is allowed. */
  readonly buffer?: number
}

export class PacketCapture implements CapturedFrames {
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
    this.fd = openPacketSocket(options, doing)
    try {
      setOption(this.fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, doing)
      setOption(this.fd, SOL_PACKET, PACKET_AUXDATA, 1, doing)
      if (options.buffer !== undefined) trySetOption(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, options.buffer)
      bindPacketSocket(this.fd, options.link, doing)
    } catch (error) {
      libC().close(this.fd)
      throw error
    }
  }

  fetch(): number {
    const count = this.#batch.receive(this.fd)
    if (count === -EAGAIN || count === -EINTR) return 0
    return check(count, 'recvmmsg', 'capturing')
  }

  frameAt(slot: number): number {
    return this.#frames + this.#keep * slot
  }

  keptBytes(slot: number): number {
    return this.#batch.lengthOf(slot)
  }

  wireBytes(slot: number): number {
    this.#batch.readControl(slot)
    const at = this.#batch.auxiliaryAt
    return at === 0 ? this.keptBytes(slot) : this.#arena.view.getUint32(at + WIRE_LENGTH, true)
  }

  protocol(slot: number): number {
    return this.#arena.view.getUint16(this.#batch.nameAt(slot) + frameAddress.protocol)
  }

  link(slot: number): number {
    return this.#arena.view.getInt32(this.#batch.nameAt(slot) + frameAddress.link, true)
  }

  hardware(slot: number): number {
    return this.#arena.view.getUint16(this.#batch.nameAt(slot) + frameAddress.hardware, true)
  }

  isOutgoing(slot: number): boolean {
    return this.#arena.view.getUint8(this.#batch.nameAt(slot) + frameAddress.kind) === PACKET_OUTGOING
  }

  vlanTag(slot: number): number {
    this.#batch.readControl(slot)
    const at = this.#batch.auxiliaryAt
    if (at === 0 || (this.#arena.view.getUint32(at + STATUS, true) & HAS_VLAN) === 0) return -1
    return this.#arena.view.getUint16(at + VLAN_TAG, true)
  }

  time(slot: number): bigint {
    this.#batch.readControl(slot)
    const at = this.#batch.timeAt
    if (at === 0) return 0n
    const { view } = this.#arena
    return view.getBigUint64(at, true) * 1_000_000_000n + view.getBigUint64(at + 8, true)
  }

  lost(): number {
    return lostFrames(this.fd)
  }

  close(): void {
    libC().close(this.fd)
  }
}
