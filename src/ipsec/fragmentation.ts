// One packet to fragments that fit an MTU (RFC 791 §2.3, RFC 8200 §4.5): what a sender does after sealing, never before
// (RFC 4303 §3.3.4), and what a router does to IPv4.
import { outerHeaders, setHeaderChecksum } from './headers.ts'

const IPV6_FRAGMENT = 44
const LEAST_PIECE = 8

/**
 * Cuts an IP packet into fragments of at most `mtu` octets, headers included. One packet that fits comes back as it is. For
 * IPv6 `identification` goes into the fragment header; IPv4 keeps the packet's own. Undefined where the MTU leaves no
 * room for any data, or where the packet is IPv4 and must not be cut (DF).
 */
export function cutToFit(whole: Uint8Array, mtu: number, identification: number): readonly Uint8Array[] | undefined {
  if (whole.length <= mtu) return [whole]
  return whole[0]! >> 4 === 4 ? cutIpv4(whole, mtu) : cutIpv6(whole, mtu, identification)
}

export function mustNotBeCut(packet: Uint8Array): boolean {
  return packet[0]! >> 4 === 4 && (packet[6]! & 0x40) !== 0
}

/** Allows cutting where IPv4 forbade it. Nobody's ICV covers that: AH counts the flags as zero. */
export function allowCutting(packet: Uint8Array): void {
  if (!mustNotBeCut(packet)) return
  packet[6] = packet[6]! & ~0x40
  setHeaderChecksum(packet, (packet[0]! & 15) * 4)
}

function cutIpv4(whole: Uint8Array, mtu: number): readonly Uint8Array[] | undefined {
  if (mustNotBeCut(whole)) return undefined
  const headerLength = (whole[0]! & 15) * 4
  const header = whole.slice(0, headerLength)
  const later = laterHeader(header)
  const before = ((whole[6]! & 0x1f) << 8) | whole[7]!
  const wasLast = (whole[6]! & 0x20) === 0
  const pieces: Uint8Array[] = []
  for (let at = headerLength; at < whole.length; ) {
    const own = at === headerLength ? header : later
    const room = Math.floor((mtu - own.length) / 8) * 8
    if (room < LEAST_PIECE) return undefined
    const end = Math.min(at + room, whole.length)
    const piece = new Uint8Array(own.length + end - at)
    piece.set(own)
    piece.set(whole.subarray(at, end), own.length)
    const isLast = end === whole.length && wasLast
    const offset = before + (at - headerLength) / 8
    piece[2] = piece.length >> 8
    piece[3] = piece.length & 255
    piece[6] = (isLast ? 0 : 0x20) | (offset >> 8)
    piece[7] = offset & 255
    setHeaderChecksum(piece, own.length)
    pieces.push(piece)
    at = end
  }
  return pieces
}

/** Options without the copied flag stay with the first fragment (RFC 791 §3.1). */
function laterHeader(header: Uint8Array): Uint8Array {
  const options: number[] = []
  for (let at = 20; at < header.length; ) {
    const kind = header[at]!
    if (kind === 0) break
    const length = kind === 1 ? 1 : Math.max(2, header[at + 1] ?? 2)
    if ((kind & 0x80) !== 0) options.push(...header.subarray(at, at + length))
    at += length
  }
  while (options.length % 4 !== 0) options.push(0)
  const later = new Uint8Array(20 + options.length)
  later.set(header.subarray(0, 20))
  later.set(options, 20)
  later[0] = 0x40 | (later.length / 4)
  return later
}

function cutIpv6(whole: Uint8Array, mtu: number, identification: number): readonly Uint8Array[] | undefined {
  const { place, start } = outerHeaders(whole, 0, whole.length).point
  const room = Math.floor((mtu - start - 8) / 8) * 8
  if (room < LEAST_PIECE) return undefined
  const pieces: Uint8Array[] = []
  for (let at = start; at < whole.length; at += room) {
    const end = Math.min(at + room, whole.length)
    const piece = new Uint8Array(start + 8 + end - at)
    piece.set(whole.subarray(0, start))
    piece[place] = IPV6_FRAGMENT
    piece[4] = (piece.length - 40) >> 8
    piece[5] = (piece.length - 40) & 255
    const view = new DataView(piece.buffer)
    piece[start] = whole[place]!
    view.setUint16(start + 2, (at - start) | (end === whole.length ? 0 : 1))
    view.setUint32(start + 4, identification)
    piece.set(whole.subarray(at, end), start + 8)
    pieces.push(piece)
  }
  return pieces
}
