// An array of struct mmsghdr with what hangs on it, in an arena: for recvmmsg and sendmmsg, which carry many packets in
// one call. A slot is one message; a batch either sends or receives. Nothing here makes an object per packet: what a
// message brought with it is read into fields of the batch, slot by slot. The layout is the kernel's; musl's struct
// differs only where its padding is zero, and its sendmmsg makes one call a message.
import type { Arena } from './arena.ts'
import type { Destination } from './destination.ts'
import { type LibC, libC } from './libc.ts'
import { SOCKET_ADDRESS_BYTES } from './socket-address.ts'
import { SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_UDP } from './socket-options.ts'

const HEADER_BYTES = 64
const NAME = 0
const NAME_LENGTH = 8
const VECTOR = 16
const VECTOR_COUNT = 24
const CONTROL = 32
const CONTROL_LENGTH = 40
const FLAGS = 48
const LENGTH = 56

const VECTOR_BYTES = 16
/** Own address, traffic class, segment size, time stamp, what packet(7) adds, and room to spare. */
const CONTROL_BYTES = 192

/** struct cmsghdr: length with itself, level, kind; then the value. The next one starts at a multiple of 8. */
const CMSG_HEADER = 16

const IP_TOS = 1
const IP_PKTINFO = 8
const IPV6_PKTINFO = 50
const IPV6_TCLASS = 67
const UDP_GRO = 104
const SCM_TIMESTAMPNS = 35
const SOL_PACKET = 263
const PACKET_AUXDATA = 8

const MSG_DONTWAIT = 0x40
/** What a slot's flags say: it did not all fit, or not all that came with it did. */
export const MSG_CTRUNC = 0x8
export const MSG_TRUNC = 0x20

export class MessageBatch {
  readonly slots: number
  /** Read by `readControl`: octets of each datagram inside the message, the last one being shorter at times; 0: it is one. */
  segmentBytes = 0
  /** Offset of the own address that the packet was sent to, in network order; 0 where the socket does not report it. */
  ownAddressAt = 0
  /** The interface that it came by, with `ownAddressAt`. */
  link = 0
  /** TOS or traffic class, DSCP and ECN; -1 where the socket does not report it. */
  trafficClass = -1
  /** Offset of seconds and nanoseconds, 64 bits each, little-endian; 0 where the socket does not report them. */
  timeAt = 0
  /** Offset of struct tpacket_auxdata; 0 where the socket does not report it. */
  auxiliaryAt = 0

  readonly #arena: Arena
  readonly #libC: LibC
  readonly #headers: number
  readonly #vectors: number
  readonly #names: number
  readonly #controls: number
  #used: number

  constructor(arena: Arena, slots: number) {
    this.slots = slots
    this.#arena = arena
    this.#libC = libC()
    this.#headers = arena.take(HEADER_BYTES * slots)
    this.#vectors = arena.take(VECTOR_BYTES * slots)
    this.#names = arena.take(SOCKET_ADDRESS_BYTES * slots)
    this.#controls = arena.take(CONTROL_BYTES * slots)
    this.#used = slots
    for (let slot = 0; slot < slots; slot++) {
      const header = this.headerAt(slot)
      arena.putPointer(header + NAME, this.nameAt(slot))
      arena.putPointer(header + CONTROL, this.#controls + CONTROL_BYTES * slot)
      arena.putPointer(header + VECTOR, this.#vectors + VECTOR_BYTES * slot)
      arena.words[(header + VECTOR_COUNT) >>> 2] = 1
    }
  }

  /** Offset of the slot's struct mmsghdr, which starts with its struct msghdr. */
  headerAt(slot: number): number {
    return this.#headers + HEADER_BYTES * slot
  }

  /** Offset of the struct sockaddr that a received message came from. */
  nameAt(slot: number): number {
    return this.#names + SOCKET_ADDRESS_BYTES * slot
  }

  /** Where the slot's octets go to or come from. Stays until it is aimed elsewhere. */
  aim(slot: number, at: number, length: number): void {
    if (!this.#arena.holds(at, length)) throw new RangeError(`${length} octets at ${at} do not lie in the arena`)
    const vector = this.#vectors + VECTOR_BYTES * slot
    this.#arena.putPointer(vector, at)
    this.#arena.words[(vector >>> 2) + 2] = length
  }

  /** Where a message to send goes, with what the destination brings along; `segmented` with its segment size. */
  toward(slot: number, destination: Destination, segmented: boolean): void {
    const header = this.headerAt(slot)
    const { words } = this.#arena
    this.#arena.putPointer(header + NAME, destination.nameLength === 0 ? 0 : destination.nameAt)
    words[(header + NAME_LENGTH) >>> 2] = destination.nameLength
    this.#arena.putPointer(header + CONTROL, destination.controlAt)
    words[(header + CONTROL_LENGTH) >>> 2] = segmented ? destination.segmentedLength : destination.controlLength
    words[(header + FLAGS) >>> 2] = 0
  }

  /** The same with the address alone: for sockets whose messages have all else in their own headers. */
  towardName(slot: number, destination: Destination): void {
    const header = this.headerAt(slot)
    const { words } = this.#arena
    this.#arena.putPointer(header + NAME, destination.nameLength === 0 ? 0 : destination.nameAt)
    words[(header + NAME_LENGTH) >>> 2] = destination.nameLength
    words[(header + CONTROL_LENGTH) >>> 2] = 0
    words[(header + FLAGS) >>> 2] = 0
  }

  /** Fetches at most `count` messages that are there. Answers how many, or minus errno: EAGAIN where there is none. */
  receive(fd: number, count = this.slots): number {
    const wanted = Math.min(count, this.slots)
    // The last call wrote lengths where the kernel looks for room.
    for (let slot = 0; slot < this.#used; slot++) this.#makeRoom(slot)
    const received = this.#libC.recvmmsg(fd, this.#arena.address + this.#headers, wanted, MSG_DONTWAIT, 0)
    this.#used = Math.max(received, 0)
    return received
  }

  #makeRoom(slot: number): void {
    const header = this.headerAt(slot) >>> 2
    const { words } = this.#arena
    words[header + (NAME_LENGTH >>> 2)] = SOCKET_ADDRESS_BYTES
    words[header + (CONTROL_LENGTH >>> 2)] = CONTROL_BYTES
    words[header + (FLAGS >>> 2)] = 0
  }

  /**
   * Sends `count` slots from `first` on. Answers how many went, or minus errno where the first did not go: why another
   * did not go is known by sending again from there.
   */
  send(fd: number, first: number, count: number): number {
    return this.#libC.sendmmsg(fd, this.#arena.address + this.headerAt(first), count, MSG_DONTWAIT)
  }

  /** Sends one slot by sendmsg. Answers octets, or minus errno. */
  sendOne(fd: number, slot: number): number {
    return this.#libC.sendmsg(fd, this.#arena.address + this.headerAt(slot), MSG_DONTWAIT)
  }

  /** Octets of a received message that lie in memory: never more than the slot was aimed at. */
  lengthOf(slot: number): number {
    const length = this.#arena.words[(this.headerAt(slot) + LENGTH) >>> 2]!
    const room = this.#arena.words[((this.#vectors + VECTOR_BYTES * slot) >>> 2) + 2]!
    return Math.min(length, room)
  }

  flagsOf(slot: number): number {
    return this.#arena.words[(this.headerAt(slot) + FLAGS) >>> 2]!
  }

  /** Octets of the sender's struct sockaddr; 0 where it is not told. */
  nameLengthOf(slot: number): number {
    return Math.min(this.#arena.words[(this.headerAt(slot) + NAME_LENGTH) >>> 2]!, SOCKET_ADDRESS_BYTES)
  }

  /** Offset of what came with a message. */
  controlAt(slot: number): number {
    return this.#controls + CONTROL_BYTES * slot
  }

  /** Reads what came with a message into the fields above. */
  readControl(slot: number): void {
    const { words, view } = this.#arena
    this.segmentBytes = 0
    this.ownAddressAt = 0
    this.link = 0
    this.trafficClass = -1
    this.timeAt = 0
    this.auxiliaryAt = 0
    let at = this.controlAt(slot)
    const end = at + Math.min(words[(this.headerAt(slot) + CONTROL_LENGTH) >>> 2]!, CONTROL_BYTES)
    while (at + CMSG_HEADER <= end) {
      const length = words[at >>> 2]!
      if (length < CMSG_HEADER || at + length > end) return
      this.#take(words[(at >>> 2) + 2]!, words[(at >>> 2) + 3]!, at + CMSG_HEADER, length - CMSG_HEADER, view)
      at += (length + 7) & ~7
    }
  }

  #take(level: number, kind: number, at: number, length: number, view: DataView): void {
    if (level === SOL_UDP && kind === UDP_GRO && length >= 4) {
      this.segmentBytes = view.getInt32(at, true)
    } else if (level === SOL_IP && kind === IP_PKTINFO && length >= 12) {
      this.link = view.getInt32(at, true)
      // The address in the packet; the one before it, which answers are to come from, differs for broadcasts.
      this.ownAddressAt = at + 8
    } else if (level === SOL_IPV6 && kind === IPV6_PKTINFO && length >= 20) {
      this.link = view.getInt32(at + 16, true)
      this.ownAddressAt = at
    } else if (level === SOL_IP && kind === IP_TOS && length >= 1) {
      this.trafficClass = view.getUint8(at)
    } else if (level === SOL_IPV6 && kind === IPV6_TCLASS && length >= 4) {
      this.trafficClass = view.getInt32(at, true)
    } else if (level === SOL_SOCKET && kind === SCM_TIMESTAMPNS && length >= 16) {
      this.timeAt = at
    } else if (level === SOL_PACKET && kind === PACKET_AUXDATA && length >= 20) {
      this.auxiliaryAt = at
    }
  }
}
