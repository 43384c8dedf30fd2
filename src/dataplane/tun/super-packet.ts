// What a read of the TUN device brings: one packet, or one of up to 64 KiB that the host's stack left to be cut into
// segments of a TCP stream or datagrams of one flow (virtio_net_hdr). Segments are laid where they are wanted, each summed
// up while it is copied; what was read stays as it is.
import { TCP, UDP } from '../../base/flow.ts'
import type { Arena } from '../../native/arena.ts'
import {
  MOST_TUN_BYTES,
  NEEDS_CHECKSUM,
  SEGMENT_ECN,
  SEGMENT_NONE,
  SEGMENT_TCP4,
  SEGMENT_TCP6,
  SEGMENT_UDP,
  virtioHeader,
} from '../../native/tun-device.ts'
import {
  addressSum,
  type CopyingSum,
  checksumOn,
  copyingChecksumOn,
  copyWords,
  fold,
  type Sum,
  swapped,
} from './checksum.ts'

/** The largest headers that are believed: IPv4 with options or IPv6 with some extension headers, and TCP's. */
const MOST_HEADER = 512
const TCP_HEADER = 20
const UDP_HEADER = 8
const FIN_PSH = 0x09
const CWR = 0x80

export class SuperPacket {
  /** Where the IP packet starts, its octets, and its version. */
  ip = 0
  length = 0
  version = 0
  /** Of the first header behind the IP headers, and where it starts; only of one that is cut. */
  protocol = 0
  transport = 0
  /** Octets of all headers, which every segment has; of one that is cut. */
  headerBytes = 0
  segmentBytes = 0
  /** 1 where nothing is to be cut. */
  segments = 1
  readonly #arena: Arena
  readonly #sum: Sum
  readonly #copyingSum: CopyingSum
  /** The headers as they came, but for what differs between segments. */
  readonly #template: number
  /** For segments that are wanted as they are; with more room than any. */
  readonly #single: number
  #at = 0
  #numbered = 0
  #identification = 0
  #sequence = 0
  #flags = 0
  /** Sums of the template without what differs: of its IPv4 header; of addresses, protocol and the transport's header. */
  #headerSum = 0
  #transportSum = 0

  constructor(arena: Arena, sum: Sum = checksumOn(arena)) {
    this.#arena = arena
    this.#sum = sum
    this.#copyingSum = copyingChecksumOn(arena)
    this.#template = arena.take(MOST_HEADER)
    this.#single = arena.take(MOST_TUN_BYTES)
  }

  /** Room that a read needs at `at`, with what a seal writes behind a packet. */
  static readonly room = MOST_TUN_BYTES + 512

  /** Reads what lies at `at` behind a virtio header, and completes the checksum of one packet. False where it makes no sense. */
  read(at: number, length: number): boolean {
    const { bytes, view } = this.#arena
    this.#at = at
    this.ip = at + virtioHeader.bytes
    this.length = length - virtioHeader.bytes
    this.segments = 1
    this.segmentBytes = 0
    if (this.length < 20) return false
    this.version = bytes[this.ip]! >> 4
    const flags = bytes[at + virtioHeader.flags]!
    const segmentation = bytes[at + virtioHeader.segmentation]! & ~SEGMENT_ECN
    const start = view.getUint16(at + virtioHeader.checksumStart, true)
    const offset = view.getUint16(at + virtioHeader.checksumOffset, true)
    const isPartial = (flags & NEEDS_CHECKSUM) !== 0
    if (isPartial && start + offset + 2 > this.length) return false
    if (segmentation === SEGMENT_NONE) {
      if (isPartial) this.#complete(this.ip + start, offset)
      bytes[at + virtioHeader.flags] = 0
      if (this.version === 4) this.#number()
      return true
    }
    return (
      isPartial &&
      this.#readSegments(segmentation, this.ip + start, view.getUint16(at + virtioHeader.segmentBytes, true))
    )
  }

  /**
   * A packet that may be cut has a number: the kernel would give one to a packet without, behind the seal, and AH covers it
   * (RFC 4302 §3.3.3.1.1).
   */
  #number(): void {
    const { bytes, view } = this.#arena
    if (view.getUint32(this.ip + 4) !== 0) return
    this.#numbered = (this.#numbered % 0xffff) + 1
    view.setUint16(this.ip + 4, this.#numbered)
    view.setUint16(this.ip + 10, 0)
    view.setUint16(this.ip + 10, ~fold(this.#sum(this.ip, (bytes[this.ip]! & 15) * 4)) & 0xffff, true)
  }

  #complete(start: number, offset: number): void {
    const { view } = this.#arena
    const sum = ~fold(this.#sum(start, this.ip + this.length - start)) & 0xffff
    // UDP keeps zero for "none"; for TCP the two zeros are one.
    view.setUint16(start + offset, sum === 0 ? 0xffff : sum, true)
  }

  #readSegments(segmentation: number, transport: number, segmentBytes: number): boolean {
    const { bytes, view } = this.#arena
    const isUdp = segmentation === SEGMENT_UDP
    const version = isUdp ? this.version : segmentation === SEGMENT_TCP4 ? 4 : segmentation === SEGMENT_TCP6 ? 6 : 0
    const least = isUdp ? UDP_HEADER : TCP_HEADER
    const end = this.ip + this.length
    if (version !== this.version || (version !== 4 && version !== 6) || segmentBytes === 0) return false
    if (transport < this.ip + (version === 4 ? 20 : 40) || transport + least > end) return false
    const own = isUdp ? UDP_HEADER : (bytes[transport + 12]! >> 4) * 4
    const headerBytes = transport + own - this.ip
    if (own < least || headerBytes > MOST_HEADER || headerBytes >= this.length) return false
    this.protocol = isUdp ? UDP : TCP
    this.transport = transport
    this.headerBytes = headerBytes
    this.segmentBytes = segmentBytes
    this.segments = Math.ceil((this.length - headerBytes) / segmentBytes)
    this.#identification = version === 4 ? view.getUint16(this.ip + 4) : 0
    this.#sequence = isUdp ? 0 : view.getUint32(transport + 4)
    this.#flags = isUdp ? 0 : bytes[transport + 13]!
    const template = this.#template
    bytes.copyWithin(template, this.ip, this.ip + headerBytes)
    if (version === 4) {
      view.setUint16(template + 2, 0)
      view.setUint32(template + 4, view.getUint16(this.ip + 6))
      view.setUint16(template + 10, 0)
      this.#headerSum = this.#sum(template, (bytes[this.ip]! & 15) * 4)
    }
    const header = template + transport - this.ip
    if (isUdp) view.setUint32(header + 4, 0)
    else {
      view.setUint32(header + 4, 0)
      bytes[header + 13] = 0
      view.setUint16(header + 16, 0)
    }
    this.#transportSum = addressSum(this.#sum, bytes, this.ip) + swapped(this.protocol) + this.#sum(header, own)
    return true
  }

  /** Octets of segment `index` as an IP packet. */
  lengthOf(index: number): number {
    if (this.segmentBytes === 0) return this.length
    return this.headerBytes + Math.min(this.segmentBytes, this.length - this.headerBytes - index * this.segmentBytes)
  }

  /** Writes segment `index` to `to`, with its IP header or, `withIp` false, from the transport's header on. */
  lay(index: number, withIp: boolean, to: number): void {
    const { bytes, view } = this.#arena
    const { headerBytes, segmentBytes } = this
    const length = this.lengthOf(index)
    const inner = this.transport - this.ip
    const skipped = withIp ? 0 : inner
    // Headers of IP, TCP and UDP are whole words.
    copyWords(view, this.#template + skipped, to, headerBytes - skipped)
    if (withIp) this.#writeIp(to, length, index)
    const from = this.ip + headerBytes + index * segmentBytes
    const transport = to + inner - skipped
    const octets = length - inner
    const sum =
      this.#transportSum + swapped(octets) + this.#copyingSum(from, length - headerBytes, to + headerBytes - skipped)
    if (this.protocol === TCP) {
      const sequence = (this.#sequence + index * segmentBytes) >>> 0
      let flags = this.#flags
      if (index > 0) flags &= ~CWR
      if (index < this.segments - 1) flags &= ~FIN_PSH
      view.setUint32(transport + 4, sequence)
      bytes[transport + 13] = flags
      const own = swapped(sequence >>> 16) + swapped(sequence & 0xffff) + (flags << 8)
      view.setUint16(transport + 16, ~fold(sum + own) & 0xffff, true)
    } else {
      view.setUint16(transport + 4, octets)
      const checksum = ~fold(sum + swapped(octets)) & 0xffff
      view.setUint16(transport + 6, checksum === 0 ? 0xffff : checksum, true)
    }
  }

  /** Writes the IP header of segment `index` alone, without what may stand between it and the transport's. */
  layIp(index: number, to: number): void {
    copyWords(this.#arena.view, this.#template, to, plainHeader(this.version))
    this.#writeIp(to, this.lengthOf(index), index)
  }

  #writeIp(at: number, length: number, index: number): void {
    const { view } = this.#arena
    if (this.version === 6) {
      view.setUint16(at + 4, length - 40)
      return
    }
    const identification = (this.#identification + index) & 0xffff
    view.setUint16(at + 2, length)
    view.setUint16(at + 4, identification)
    view.setUint16(at + 10, ~fold(this.#headerSum + swapped(length) + swapped(identification)) & 0xffff, true)
  }

  /** Segment `index` as a packet of its own. */
  copy(index: number): Uint8Array {
    const { bytes } = this.#arena
    if (this.segmentBytes === 0) return bytes.slice(this.ip, this.ip + this.length)
    const at = this.#single
    this.lay(index, true, at)
    return bytes.slice(at, at + this.lengthOf(index))
  }

  /** All of it as it was read, with the virtio header. */
  whole(): Uint8Array {
    return this.#arena.bytes.slice(this.#at, this.ip + this.length)
  }

  /**
   * What the host's stack says to the device's own link because it is one: group memberships, router solicitations. Nobody
   * routed it there, and there is nobody on that link.
   */
  get isOfDevice(): boolean {
    const { view } = this.#arena
    if (this.version === 4) return view.getUint32(this.ip + 16) >>> 8 === 0xe00000
    return this.version === 6 && this.length >= 40 && (view.getUint16(this.ip + 24) & 0xff0f) === 0xff02
  }

  /** What follows the IPv4 header or the fixed IPv6 header, where that is a transport; -1 for options and extensions. */
  get plainProtocol(): number {
    const { bytes } = this.#arena
    if (this.version === 4) return bytes[this.ip] === 0x45 ? bytes[this.ip + 9]! : -1
    return bytes[this.ip + 6]!
  }
}

/** The IP version's shortest header. */
export function plainHeader(version: number): number {
  return version === 4 ? 20 : 40
}
