// Packets of one flow that follow on are handed to the host as one (virtio_net_hdr), as a network card would: the host's
// stack then does its work once for up to 64 KiB. Only what cutting would make again is joined: the same headers, whole
// segments of one size and a shorter one at the end, in order, with checksums that were found to be right.
import { TCP, UDP } from '../../base/flow.ts'
import type { Arena } from '../../native/arena.ts'
import {
  CHECKSUM_IS_GOOD,
  NEEDS_CHECKSUM,
  SEGMENT_NONE,
  SEGMENT_TCP4,
  SEGMENT_TCP6,
  SEGMENT_UDP,
  virtioHeader,
} from '../../native/tun-device.ts'
import {
  addressSum,
  type CopyingSum,
  copyingChecksumOn,
  copyWords,
  fold,
  pseudoHeaderSum,
  type Sum,
  swapped,
} from './checksum.ts'
import { IPV4_BYTES, IPV6_BYTES } from './plain-packet.ts'

const MOST_BYTES = 65_000
const MOST_DATAGRAMS = 64
const ACK = 0x10
const PSH = 0x08
const UDP_HEADER = 8

export interface CoalescingParts {
  readonly arena: Arena
  readonly sum: Sum
  /** A packet behind its virtio header. */
  readonly write: (at: number, length: number) => void
  readonly segmentation: 'none' | 'tcp' | 'tcp-and-udp'
}

export class Coalescing {
  readonly #parts: CoalescingParts
  /** Where the run lies, behind its virtio header. */
  readonly #run: number
  readonly #copyingSum: CopyingSum
  #count = 0
  #length = 0
  #protocol = 0
  #ipHeader = 0
  #headerBytes = 0
  #segmentBytes = 0
  #nextSequence = 0
  #addressSum = 0

  constructor(parts: CoalescingParts) {
    this.#parts = parts
    this.#copyingSum = copyingChecksumOn(parts.arena)
    this.#run = parts.arena.take(virtioHeader.bytes + 65_536 + 64) + virtioHeader.bytes
  }

  /** Takes a plain packet at `ip`, in front of which the virtio header may be written; whatever follows comes behind it. */
  add(ip: number, length: number, protocol: number): void {
    const { arena, sum } = this.#parts
    const { bytes, view } = arena
    const version = bytes[ip]! >> 4
    const ipHeader = version === 4 ? IPV4_BYTES : IPV6_BYTES
    const transport = ip + ipHeader
    const own = this.#transportHeader(transport, length - ipHeader, protocol)
    const payload = length - ipHeader - own
    if (own === 0 || payload <= 0) return this.#one(ip, length, 0)
    const octets = length - ipHeader
    if (this.#count > 0 && !this.#follows(ip, transport, ipHeader, own, payload, protocol)) this.flush()
    // What is summed up is copied to where it would belong, in one go; until it is counted it is not there. The addresses
    // end where the transport begins, so that they are summed up with its header.
    const addresses = version === 4 ? 8 : 32
    const headers = sum(transport - addresses, addresses + own) + swapped(protocol) + swapped(octets)
    const place = this.#run + (this.#count === 0 ? ipHeader + own : this.#length)
    // A wrong one is the host's to find and to count.
    if (fold(headers + this.#copyingSum(transport + own, payload, place)) !== 0xffff) return this.#one(ip, length, 0)
    if (this.#count === 0) {
      copyWords(view, ip, this.#run, ipHeader + own)
      this.#protocol = protocol
      this.#ipHeader = ipHeader
      this.#headerBytes = ipHeader + own
      this.#segmentBytes = payload
      this.#length = ipHeader + own
      this.#addressSum = addressSum(sum, bytes, ip)
    }
    this.#append(transport, payload, protocol)
  }

  /**
   * Takes what stands behind an IP header that would be the same, but for its length, as that of the packet which was added
   * last. False where it does not follow on that one; nothing is changed then.
   */
  follow(transport: number, octets: number, protocol: number): boolean {
    if (this.#count === 0 || protocol !== this.#protocol) return false
    const own = this.#transportHeader(transport, octets, protocol)
    const payload = octets - own
    if (own === 0 || payload <= 0 || this.#ipHeader + own !== this.#headerBytes) return false
    if (!this.#followsOn(transport, own, payload, protocol)) return false
    const headers = this.#parts.sum(transport, own) + this.#addressSum + swapped(protocol) + swapped(octets)
    const contents = this.#copyingSum(transport + own, payload, this.#run + this.#length)
    if (fold(headers + contents) !== 0xffff) return false
    this.#append(transport, payload, protocol)
    return true
  }

  /** What was copied to the run's end belongs to it. */
  #append(transport: number, payload: number, protocol: number): void {
    const { bytes, view } = this.#parts.arena
    const isPushed = protocol === TCP && (bytes[transport + 13]! & PSH) !== 0
    const flags = this.#run + this.#ipHeader + 13
    if (isPushed) bytes[flags] = bytes[flags]! | PSH
    this.#length += payload
    this.#count++
    if (protocol === TCP) this.#nextSequence = (view.getUint32(transport + 4) + payload) >>> 0
    if (isPushed || payload < this.#segmentBytes) this.flush()
  }

  /** Octets of the transport's header where the packet may be joined with others, else 0. */
  #transportHeader(transport: number, octets: number, protocol: number): number {
    const { segmentation, arena } = this.#parts
    const { bytes, view } = arena
    if (protocol === TCP && segmentation !== 'none') {
      const header = (bytes[transport + 12]! >> 4) * 4
      const flags = bytes[transport + 13]!
      return octets > 20 && header >= 20 && header < octets && (flags & ~PSH) === ACK ? header : 0
    }
    if (protocol !== UDP || segmentation !== 'tcp-and-udp') return 0
    const isWhole = octets > UDP_HEADER && view.getUint16(transport + 4) === octets
    // Zero says that there is no checksum: then none may be made up.
    return isWhole && view.getUint16(transport + 6) !== 0 ? UDP_HEADER : 0
  }

  #follows(ip: number, transport: number, ipHeader: number, own: number, payload: number, protocol: number): boolean {
    const { view } = this.#parts.arena
    const run = this.#run
    if (protocol !== this.#protocol || ipHeader !== this.#ipHeader || ipHeader + own !== this.#headerBytes) return false
    if (ipHeader === IPV4_BYTES) {
      // Version and TOS, DF, time to live and protocol; then the addresses.
      if (view.getUint16(ip) !== view.getUint16(run) || view.getUint32(ip + 6) !== view.getUint32(run + 6)) return false
      if (!this.#sameWords(ip + 12, run + 12, 2)) return false
    } else {
      if (view.getUint32(ip) !== view.getUint32(run) || view.getUint16(ip + 6) !== view.getUint16(run + 6)) return false
      if (!this.#sameWords(ip + 8, run + 8, 8)) return false
    }
    return this.#followsOn(transport, own, payload, protocol)
  }

  /** The same of what stands behind the IP header. */
  #followsOn(transport: number, own: number, payload: number, protocol: number): boolean {
    const { view } = this.#parts.arena
    if (payload > this.#segmentBytes || this.#length + payload > MOST_BYTES) return false
    const first = this.#run + this.#ipHeader
    if (view.getUint32(transport) !== view.getUint32(first)) return false
    if (protocol === UDP) return this.#count < MOST_DATAGRAMS
    if (view.getUint32(transport + 4) !== this.#nextSequence) return false
    // Acknowledgement; header length, flags without PSH, window; options.
    if (view.getUint32(transport + 8) !== view.getUint32(first + 8)) return false
    if (((view.getUint32(transport + 12) ^ view.getUint32(first + 12)) & ~(PSH << 16)) !== 0) return false
    return this.#sameWords(transport + 20, first + 20, (own - 20) >> 2)
  }

  #sameWords(one: number, other: number, words: number): boolean {
    const { view } = this.#parts.arena
    for (let word = 0; word < words; word++) {
      if (view.getUint32(one + 4 * word) !== view.getUint32(other + 4 * word)) return false
    }
    return true
  }

  #one(ip: number, length: number, flags: number): void {
    this.flush()
    this.#write(ip, length, flags, SEGMENT_NONE)
  }

  /** Hands over what was gathered. */
  flush(): void {
    if (this.#count === 0) return
    const { arena, sum } = this.#parts
    const { bytes, view } = arena
    const run = this.#run
    const length = this.#length
    const count = this.#count
    this.#count = 0
    if (count === 1) return this.#write(run, length, CHECKSUM_IS_GOOD, SEGMENT_NONE)
    const transport = run + this.#ipHeader
    const octets = length - this.#ipHeader
    const isIpv4 = this.#ipHeader === IPV4_BYTES
    if (isIpv4) {
      view.setUint16(run + 2, length)
      view.setUint16(run + 10, 0)
      view.setUint16(run + 10, ~fold(sum(run, IPV4_BYTES)) & 0xffff, true)
    } else view.setUint16(run + 4, octets)
    const isTcp = this.#protocol === TCP
    if (!isTcp) view.setUint16(transport + 4, octets)
    const place = isTcp ? 16 : 6
    view.setUint16(transport + place, fold(pseudoHeaderSum(sum, bytes, run, this.#protocol, octets)), true)
    const header = run - virtioHeader.bytes
    view.setUint16(header + virtioHeader.headerBytes, this.#headerBytes, true)
    view.setUint16(header + virtioHeader.segmentBytes, this.#segmentBytes, true)
    view.setUint16(header + virtioHeader.checksumStart, this.#ipHeader, true)
    view.setUint16(header + virtioHeader.checksumOffset, place, true)
    bytes[header + virtioHeader.flags] = NEEDS_CHECKSUM
    bytes[header + virtioHeader.segmentation] = isTcp ? (isIpv4 ? SEGMENT_TCP4 : SEGMENT_TCP6) : SEGMENT_UDP
    this.#parts.write(header, virtioHeader.bytes + length)
  }

  #write(ip: number, length: number, flags: number, segmentation: number): void {
    const { bytes } = this.#parts.arena
    const header = ip - virtioHeader.bytes
    bytes.fill(0, header, ip)
    bytes[header + virtioHeader.flags] = flags
    bytes[header + virtioHeader.segmentation] = segmentation
    this.#parts.write(header, virtioHeader.bytes + length)
  }
}
