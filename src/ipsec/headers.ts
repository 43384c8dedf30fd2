// Edits of IP headers around a seal: where transport mode puts it, what the outer header of a tunnel holds, lengths,
// checksums and ECN (RFC 4301 §5.1.2, RFC 6040, RFC 3948). All on bytes at an offset.
import type { Address } from '../base/address.ts'

const IPV4_HEADER = 20
const IPV6_HEADER = 40
export const UDP_HEADER = 8
const TIME_TO_LIVE = 64
const LEAST_IPV6_MTU = 1280

/** Where the sealed part of a packet starts, and which octet names what follows there; both from the packet's start. */
export interface SealPoint {
  readonly start: number
  readonly place: number
}

/**
 * The point of transport mode in the packet at `at`: behind the IPv4 header, or behind those IPv6 extension headers that
 * routers and fragments need (RFC 4303 §3.1.1). Undefined for a jumbogram and where headers lie about their length.
 */
export function transportPoint(bytes: Uint8Array, at: number, length: number): SealPoint | undefined {
  if (bytes[at]! >> 4 === 4) {
    const start = (bytes[at]! & 15) * 4
    return start >= IPV4_HEADER && start <= length ? { start, place: 9 } : undefined
  }
  // A payload length of zero is a jumbogram's (RFC 2675); ESP's own lengths do not reach that far.
  if (length < IPV6_HEADER || (length > IPV6_HEADER && bytes[at + 4] === 0 && bytes[at + 5] === 0)) return undefined
  const { point, isWhole } = outerHeaders(bytes, at, length)
  return isWhole ? point : undefined
}

/**
 * Those headers of the IPv6 packet at `at` that routers read and every fragment repeats: hop-by-hop options and a routing
 * header, with destination options before it (RFC 8200 §4.5). `isWhole` is false where one lies about its length.
 */
export function outerHeaders(
  bytes: Uint8Array,
  at: number,
  length: number,
): { readonly point: SealPoint; readonly isWhole: boolean } {
  let point: SealPoint = { start: IPV6_HEADER, place: 6 }
  let next = bytes[at + 6]!
  for (let start = IPV6_HEADER; next === 0 || next === 43 || next === 60; ) {
    const end = start + 8 > length ? length + 1 : start + (bytes[at + start + 1]! + 1) * 8
    if (end > length) return { point, isWhole: false }
    // Destination options belong here only where a routing header follows them.
    const isOuter = next !== 60
    next = bytes[at + start]!
    if (isOuter) point = { start: end, place: start }
    start = end
  }
  return { point, isWhole: true }
}

/** RFC 1071, over `length` octets from `at`; `start` is what was summed up before, up to 2^31. */
export function internetChecksum(bytes: Uint8Array, at = 0, length = bytes.length - at, start = 0): number {
  let sum = start
  for (let index = 0; index + 1 < length; index += 2) sum += (bytes[at + index]! << 8) | bytes[at + index + 1]!
  if (length % 2 === 1) sum += bytes[at + length - 1]! << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

/** RFC 791 §3.1, over the first `length` octets from `at`. */
export function setHeaderChecksum(bytes: Uint8Array, length: number, at = 0): void {
  bytes[at + 10] = 0
  bytes[at + 11] = 0
  const checksum = internetChecksum(bytes, at, length)
  bytes[at + 10] = checksum >> 8
  bytes[at + 11] = checksum & 255
}

/** States the packet's length in its IP header, and IPv4's checksum with it. */
export function setIpLength(bytes: Uint8Array, at: number, length: number): void {
  if (bytes[at]! >> 4 === 4) {
    bytes[at + 2] = length >> 8
    bytes[at + 3] = length & 255
    setHeaderChecksum(bytes, (bytes[at]! & 15) * 4, at)
  } else {
    bytes[at + 4] = (length - IPV6_HEADER) >> 8
    bytes[at + 5] = (length - IPV6_HEADER) & 255
  }
}

export function outerHeaderBytes(family: 4 | 6): number {
  return family === 4 ? IPV4_HEADER : IPV6_HEADER
}

/** Writes the outer header of a tunnel at `at`, for the inner packet at `inner`; length and checksum come later. */
export function writeOuterHeader(
  bytes: Uint8Array,
  at: number,
  source: Address,
  destination: Address,
  protocol: number,
  inner: number,
  identification: number,
): void {
  const trafficClass = trafficClassOf(bytes, inner)
  if (source.family === 4) {
    const mustNotCut = mustNotBeCutOutside(bytes, inner)
    bytes.fill(0, at, at + IPV4_HEADER)
    bytes[at] = 0x45
    bytes[at + 1] = trafficClass
    bytes[at + 4] = (identification >> 8) & 255
    bytes[at + 5] = identification & 255
    bytes[at + 6] = mustNotCut ? 0x40 : 0
    bytes[at + 8] = TIME_TO_LIVE
    bytes[at + 9] = protocol
    writeWords(bytes, at + 12, source.words)
    writeWords(bytes, at + 16, destination.words)
    return
  }
  bytes.fill(0, at, at + IPV6_HEADER)
  bytes[at] = 0x60 | (trafficClass >> 4)
  bytes[at + 1] = (trafficClass & 15) << 4
  bytes[at + 6] = protocol
  bytes[at + 7] = TIME_TO_LIVE
  writeWords(bytes, at + 8, source.words)
  writeWords(bytes, at + 24, destination.words)
}

/**
 * Do not fragment is copied from an inner IPv4 header (RFC 4301 §8.1). Nobody but its sender cuts an IPv6 packet, and
 * that hears what fits; but one of 1,280 octets or fewer has to pass every link (RFC 4213 §3.2.2).
 */
function mustNotBeCutOutside(bytes: Uint8Array, inner: number): boolean {
  if (bytes[inner]! >> 4 === 4) return (bytes[inner + 6]! & 0x40) !== 0
  return ((bytes[inner + 4]! << 8) | bytes[inner + 5]!) + IPV6_HEADER > LEAST_IPV6_MTU
}

function writeWords(bytes: Uint8Array, at: number, words: readonly number[]): void {
  words.forEach((word, index) => {
    bytes[at + 4 * index] = word >>> 24
    bytes[at + 4 * index + 1] = word >>> 16
    bytes[at + 4 * index + 2] = word >>> 8
    bytes[at + 4 * index + 3] = word
  })
}

export function trafficClassOf(bytes: Uint8Array, at: number): number {
  if (bytes[at]! >> 4 === 4) return bytes[at + 1]!
  return ((bytes[at]! & 15) << 4) | (bytes[at + 1]! >> 4)
}

/**
 * Brings congestion marks of the outer header into the inner packet (RFC 6040 §4.2). False where the packet must be dropped:
 * it was marked as congested though its sender does not know of marks.
 */
export function mergeCongestion(bytes: Uint8Array, inner: number, outerClass: number): boolean {
  const outer = outerClass & 3
  const own = trafficClassOf(bytes, inner) & 3
  if (outer === 3) {
    if (own === 0) return false
    setCongestion(bytes, inner, 3)
  } else if (outer === 1 && own === 2) setCongestion(bytes, inner, 1)
  return true
}

function setCongestion(bytes: Uint8Array, at: number, mark: number): void {
  if (bytes[at]! >> 4 === 4) {
    bytes[at + 1] = (bytes[at + 1]! & 0xfc) | mark
    setHeaderChecksum(bytes, (bytes[at]! & 15) * 4, at)
  } else bytes[at + 1] = (bytes[at + 1]! & 0xcf) | (mark << 4)
}

/** Writes a UDP header at `at` for `length` octets behind it; the IP header stands at `ip`. */
export function writeUdpHeader(
  bytes: Uint8Array,
  at: number,
  ip: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
): void {
  const whole = UDP_HEADER + length
  bytes[at] = sourcePort >> 8
  bytes[at + 1] = sourcePort & 255
  bytes[at + 2] = destinationPort >> 8
  bytes[at + 3] = destinationPort & 255
  bytes[at + 4] = whole >> 8
  bytes[at + 5] = whole & 255
  bytes[at + 6] = 0
  bytes[at + 7] = 0
  // RFC 3948 §2.1 wants zero for IPv4; IPv6 knows no UDP without a checksum (RFC 8200 §8.1).
  if (bytes[ip]! >> 4 === 6) {
    const sum = transportChecksum(bytes, ip, at, whole, 17)
    bytes[at + 6] = sum >> 8
    bytes[at + 7] = sum & 255
  }
}

/** Checksum of a transport header with its pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1); never 0 for UDP. */
export function transportChecksum(bytes: Uint8Array, ip: number, at: number, length: number, protocol: number): number {
  let sum = protocol + length
  const isIpv4 = bytes[ip]! >> 4 === 4
  const addresses = isIpv4 ? ip + 12 : ip + 8
  for (let index = addresses; index < addresses + (isIpv4 ? 8 : 32); index += 2)
    sum += (bytes[index]! << 8) | bytes[index + 1]!
  const result = internetChecksum(bytes, at, length, sum)
  return result === 0 && protocol === 17 ? 0xffff : result
}
