// What the network brings to the worker: ESP and AH by raw sockets, ESP in UDP and IKE by port 4500, ICMP about path sizes.
// Messages lie in the arena with room in front, where the headers are written that a socket does not hand over.
import { ESP, UDP } from '../../base/flow.ts'
import type { Arena } from '../../native/arena.ts'
import { MessageBatch, MSG_TRUNC } from '../../native/message-batch.ts'
import { IPV4_AT, IPV6_AT, PORT_AT, readAddress } from '../../native/socket-address.ts'
import { copyWords, type Sum } from './checksum.ts'
import type { Doors } from './doors.ts'
import type { KeyingPath } from './messages.ts'
import { IPV4_BYTES, IPV6_BYTES } from './plain-packet.ts'

const SLOTS = 32
const HEADROOM = 128
const STRIDE = HEADROOM + 65_536 + 64
const UDP_HEADER = 8
const TIME_TO_LIVE = 64
/** Batches of one socket in a row, before the others have their turn. */
const MOST_ROUNDS = 4
/** Frames in a row, before the others have their turn. */
const MOST_FRAMES = 256
const FRAGMENT = 44
/** SPI, sequence number and the least that follows them. */
const LEAST_SEALED = 12

export interface Receivers {
  /** A whole packet from its IP header, in the arena. `transport` is where ESP or AH starts, or ICMP. */
  readonly packet: (at: number, length: number, transport: number, protocol: number) => void
  /** ESP in UDP: `at` is the SPI's place. IP and UDP headers are written in front of it by `wrap` where they are wanted. */
  readonly datagram: (at: number, length: number) => void
  /** Several of them in a row, of `size` octets but for the last. Answers the octets that were taken; the others follow one by one. */
  readonly message: (at: number, length: number, size: number) => number
  readonly keying: (path: KeyingPath, bytes: Uint8Array) => void
  /** Whether the address at that place is the host's. */
  readonly isOwn: (at: number, family: 4 | 6) => boolean
}

export class Arrivals {
  /** Of the message that is being told: the family it came by, and its traffic class. */
  family: 4 | 6 = 4
  trafficClass = 0
  /** Offsets of both addresses, in network order. */
  sourceAt = 0
  destinationAt = 0
  /** Messages that came so far. */
  messages = 0
  readonly #arena: Arena
  readonly #batch: MessageBatch
  readonly #room: number
  readonly #receivers: Receivers
  readonly #sum: Sum
  #sourcePort = 0
  #ownPort = 0

  constructor(arena: Arena, sum: Sum, receivers: Receivers) {
    this.#arena = arena
    this.#sum = sum
    this.#receivers = receivers
    this.#batch = new MessageBatch(arena, SLOTS)
    this.#room = arena.take(SLOTS * STRIDE)
    for (let slot = 0; slot < SLOTS; slot++) this.#batch.aim(slot, this.#placeOf(slot), STRIDE - HEADROOM)
  }

  #placeOf(slot: number): number {
    return this.#room + STRIDE * slot + HEADROOM
  }

  /** All that waits in a socket, within reason. */
  raw({ family }: Doors, fd: number, protocol: number): void {
    this.#receive(fd, family, family === 6, slot => this.#packet(slot, protocol))
  }

  udp({ family, udp }: Doors): void {
    this.#ownPort = udp!.port
    this.#receive(udp!.fd, family, true, slot => this.#datagrams(slot))
  }

  /** ESP by frames, whole packets or pieces, checked for what the kernel's IP would have checked. */
  frames({ family, frames }: Doors): void {
    const { ring } = frames!
    this.family = family
    for (let count = 0; count < MOST_FRAMES && ring.fetch(); count++) {
      this.messages++
      if (family === 4) this.#frame4(ring.at, ring.length)
      else this.#frame6(ring.at, ring.length)
      ring.giveBack()
    }
  }

  /** Frames are filled up where packets are short, so that their own length counts. */
  #frame4(at: number, room: number): void {
    const { bytes, view } = this.#arena
    const header = (bytes[at]! & 15) * 4
    const length = room < IPV4_BYTES ? 0 : view.getUint16(at + 2)
    if (bytes[at]! >> 4 !== 4 || header < IPV4_BYTES || length > room || length < header + LEAST_SEALED) return
    if (this.#sum(at, header) !== 0xffff || !this.#receivers.isOwn(at + 16, 4)) return
    this.#receivers.packet(at, length, at + header, ESP)
  }

  #frame6(at: number, room: number): void {
    const { bytes, view } = this.#arena
    const length = room < IPV6_BYTES ? 0 : view.getUint16(at + 4) + IPV6_BYTES
    if (bytes[at]! >> 4 !== 6 || length > room || length < IPV6_BYTES + LEAST_SEALED) return
    if (!this.#receivers.isOwn(at + 24, 6)) return
    this.#receivers.packet(at, length, at + IPV6_BYTES, bytes[at + 6] === FRAGMENT ? FRAGMENT : ESP)
  }

  /** `hasControl`: what a header would say comes beside the message. */
  #receive(fd: number, family: 4 | 6, hasControl: boolean, take: (slot: number) => void): void {
    const batch = this.#batch
    this.family = family
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const count = batch.receive(fd)
      // Errors that wait in a socket are told by its next call, and are no errors of this one.
      if (count <= 0) return
      this.messages += count
      for (let slot = 0; slot < count; slot++) {
        if ((batch.flagsOf(slot) & MSG_TRUNC) !== 0) continue
        if (hasControl) {
          batch.readControl(slot)
          if (batch.ownAddressAt === 0) continue
          this.trafficClass = Math.max(batch.trafficClass, 0)
          this.sourceAt = batch.nameAt(slot) + (family === 4 ? IPV4_AT : IPV6_AT)
          this.destinationAt = batch.ownAddressAt
        }
        take(slot)
      }
      if (count < SLOTS) return
    }
  }

  #packet(slot: number, protocol: number): void {
    const at = this.#placeOf(slot)
    const length = this.#batch.lengthOf(slot)
    if (this.family === 6) {
      this.#writeIpv6(at - 40, length, protocol)
      this.#receivers.packet(at - 40, length + 40, at, protocol)
      return
    }
    const header = (this.#arena.bytes[at]! & 15) * 4
    if (length < header + LEAST_SEALED) return
    this.#receivers.packet(at, length, at + header, protocol)
  }

  /** A message of the UDP socket: datagrams of one size, the last one shorter at times. */
  #datagrams(slot: number): void {
    const { view } = this.#arena
    const start = this.#placeOf(slot)
    const length = this.#batch.lengthOf(slot)
    const size = this.#batch.segmentBytes > 0 ? this.#batch.segmentBytes : length
    const nameAt = this.#batch.nameAt(slot)
    this.#sourcePort = view.getUint16(nameAt + PORT_AT)
    const taken = size < length ? this.#receivers.message(start, length, size) : 0
    for (let at = start + taken; at < start + length; at += size) {
      const octets = Math.min(size, start + length - at)
      // Keepalives have one octet (RFC 3948 §2.3), and nothing that is shorter than an SPI says anything.
      if (octets < LEAST_SEALED) continue
      if (view.getUint32(at) === 0) this.#keying(at + 4, octets - 4)
      else this.#receivers.datagram(at, octets)
    }
  }

  #keying(at: number, length: number): void {
    const { view, bytes } = this.#arena
    const address = (where: number) => readAddress(view, where, this.family)
    const path = {
      local: { address: address(this.destinationAt), port: this.#ownPort },
      remote: { address: address(this.sourceAt), port: this.#sourcePort },
    }
    this.#receivers.keying(path, bytes.slice(at, at + length))
  }

  /** Writes IP and UDP headers in front of the datagram's content at `at`; answers where they start. */
  wrap(at: number, length: number): number {
    const { view } = this.#arena
    const udp = at - UDP_HEADER
    view.setUint16(udp, this.#sourcePort)
    view.setUint16(udp + 2, this.#ownPort)
    view.setUint16(udp + 4, length + UDP_HEADER)
    view.setUint16(udp + 6, 0)
    return this.writeIp(udp, length + UDP_HEADER, UDP)
  }

  /** Writes the IP header that a socket did not hand over in front of `at`. IPv4's checksum is left at zero. */
  writeIp(at: number, length: number, protocol: number): number {
    const { bytes, view } = this.#arena
    if (this.family === 6) {
      this.#writeIpv6(at - 40, length, protocol)
      return at - 40
    }
    const ip = at - 20
    bytes[ip] = 0x45
    bytes[ip + 1] = this.trafficClass
    view.setUint16(ip + 2, length + 20)
    // Whole, and not to be cut: so its identification means nothing (RFC 6864).
    view.setUint32(ip + 4, 0x4000)
    bytes[ip + 8] = TIME_TO_LIVE
    bytes[ip + 9] = protocol
    view.setUint16(ip + 10, 0)
    copyWords(view, this.sourceAt, ip + 12, 4)
    copyWords(view, this.destinationAt, ip + 16, 4)
    return ip
  }

  #writeIpv6(ip: number, length: number, protocol: number): void {
    const { bytes, view } = this.#arena
    view.setUint32(ip, 0x6000_0000 | (this.trafficClass << 20))
    view.setUint16(ip + 4, length)
    bytes[ip + 6] = protocol
    bytes[ip + 7] = TIME_TO_LIVE
    copyWords(view, this.sourceAt, ip + 8, 16)
    copyWords(view, this.destinationAt, ip + 24, 16)
  }
}
