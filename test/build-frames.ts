// Frames and captures for tests, built from the inside out: each function takes what it wraps and answers octets.
// Checksums are left zero, as the sending host's own capture shows them: nothing here verifies them.
import { type Address, parseAddress } from '../src/base/address.ts'

export type Bytes = Uint8Array

export const ETHERNET = 1
export const RAW_IP = 101
export const LINUX_SLL = 113

/** Octets from hexadecimal digits; white space is for the reader. */
export function hex(digits: string): Bytes {
  return Uint8Array.from(Buffer.from(digits.replace(/\s+/g, ''), 'hex'))
}

export function join(...parts: readonly Bytes[]): Bytes {
  return joinAll(parts)
}

/** For lists longer than a call can have arguments. */
function joinAll(parts: readonly Bytes[]): Bytes {
  return new Uint8Array(Buffer.concat(parts))
}

export function octets(count: number, value = 0): Bytes {
  return new Uint8Array(count).fill(value)
}

function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new Error(`${text} is no address`)
  return parsed
}

/** Big-endian fields of the given numbers of octets. */
function fields(...pairs: readonly (readonly [value: number, size: number])[]): Bytes {
  const bytes = Buffer.alloc(pairs.reduce((sum, [, size]) => sum + size, 0))
  let at = 0
  for (const [value, size] of pairs) at = bytes.writeUIntBE(value, at, size)
  return Uint8Array.from(bytes)
}

function words(text: string): Bytes {
  return fields(...address(text).words.map(word => [word, 4] as const))
}

// Links

const STATION = '020000000001'
export const EVERY_STATION = 'ffffffffffff'

export function ethernet(packet: Bytes, options: { to?: string; type?: number } = {}): Bytes {
  const type = options.type ?? (packet[0]! >> 4 === 6 ? 0x86dd : 0x0800)
  return join(hex(`${options.to ?? STATION} 020000000002`), fields([type, 2]), packet)
}

/** Linux cooked capture; `kind` 0 to us, 1 broadcast, 4 from us. */
export function cooked(packet: Bytes, kind = 0): Bytes {
  const type = packet[0]! >> 4 === 6 ? 0x86dd : 0x0800
  return join(fields([kind, 2], [1, 2], [6, 2]), hex('0200000000020000'), fields([type, 2]), packet)
}

// IP

export interface Ipv4Options {
  readonly identification?: number
  /** Where a fragment starts, in octets. */
  readonly offset?: number
  readonly more?: boolean
}

export function ipv4(from: string, to: string, protocol: number, payload: Bytes, options: Ipv4Options = {}): Bytes {
  const { identification = 0, offset = 0, more = false } = options
  const fragment = offset / 8 + (more ? 0x2000 : 0)
  const first = fields([0x45, 1], [0, 1], [20 + payload.length, 2], [identification, 2], [fragment, 2])
  return join(first, fields([64, 1], [protocol, 1], [0, 2]), words(from), words(to), payload)
}

export function ipv6(from: string, to: string, next: number, payload: Bytes): Bytes {
  return join(fields([0x60000000, 4], [payload.length, 2], [next, 1], [64, 1]), words(from), words(to), payload)
}

/** An IPv6 packet with a fragment header (RFC 8200 §4.5); `offset` in octets. */
export function ipv6Fragment(
  from: string,
  to: string,
  next: number,
  payload: Bytes,
  { identification = 0, offset = 0, more = false }: Ipv4Options,
): Bytes {
  return ipv6(from, to, 44, join(fields([next, 1], [0, 1], [offset + (more ? 1 : 0), 2], [identification, 4]), payload))
}

/** An IP packet of the family that the addresses have. */
export function ip(from: string, to: string, protocol: number, payload: Bytes, options: Ipv4Options = {}): Bytes {
  return address(from).family === 4 ? ipv4(from, to, protocol, payload, options) : ipv6(from, to, protocol, payload)
}

/** The packet cut into fragments of at most `most` octets of payload, a multiple of eight. */
export function fragments(
  from: string,
  to: string,
  protocol: number,
  payload: Bytes,
  identification: number,
  most = 1480,
): Bytes[] {
  const build = address(from).family === 4 ? ipv4 : ipv6Fragment
  const parts: Bytes[] = []
  for (let offset = 0; offset < payload.length; offset += most) {
    const more = offset + most < payload.length
    parts.push(build(from, to, protocol, payload.slice(offset, offset + most), { identification, offset, more }))
  }
  return parts
}

// What IP carries

export function tcp(sourcePort: number, destinationPort: number, payload: Bytes = octets(0)): Bytes {
  return join(
    fields([sourcePort, 2], [destinationPort, 2], [1, 4], [1, 4], [0x50, 1], [0x18, 1], [0xffff, 2]),
    octets(4),
    payload,
  )
}

export function udp(sourcePort: number, destinationPort: number, payload: Bytes = octets(0)): Bytes {
  return join(fields([sourcePort, 2], [destinationPort, 2], [8 + payload.length, 2], [0, 2]), payload)
}

export function icmp(type: number, payload: Bytes = octets(8)): Bytes {
  return join(fields([type, 1], [0, 3]), payload)
}

/** `content` octets behind SPI and sequence number. */
export function esp(spi: number, sequence: number, content: number): Bytes {
  return join(fields([spi, 4], [sequence, 4]), octets(content, 0xe5))
}

export function ah(spi: number, next: number, payload: Bytes): Bytes {
  return join(fields([next, 1], [4, 1], [0, 2], [spi, 4], [1, 4]), octets(12), payload)
}

/** An IKE header (RFC 7296 §3.1) and `content` octets. */
export function ike(content = 0, version: 1 | 2 = 2): Bytes {
  const header = join(
    octets(8, 0x11),
    octets(8),
    fields([33, 1], [version * 16, 1], [version === 1 ? 2 : 34, 1], [8, 1]),
  )
  return join(header, fields([0, 4], [28 + content, 4]), octets(content))
}

/** IKE on port 4500 stands behind four octets of zero (RFC 3948 §2.2). */
export const nonEspMarker: Bytes = octets(4)
export const keepalive: Bytes = octets(1, 0xff)

// Captures

export interface Frame {
  readonly bytes: Bytes
  /** Seconds; left out, a millisecond after the frame before. */
  readonly time?: number
  /** What a capture with a snap length cut off. */
  readonly originalLength?: number
  /** Which interface of a pcapng capture. */
  readonly interface?: number
}

const START = 1_700_000_000

function timed(frames: readonly Frame[]): (Frame & { readonly microseconds: number })[] {
  let before = START - 0.001
  return frames.map(frame => {
    before = frame.time === undefined ? before + 0.001 : frame.time
    return { ...frame, microseconds: Math.round(before * 1e6) }
  })
}

/** A pcap file, little-endian, microseconds. */
export function pcap(frames: readonly Frame[], linkType: number = ETHERNET): Bytes {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(262144, 16)
  header.writeUInt32LE(linkType, 20)
  const records = timed(frames).flatMap(({ bytes, microseconds, originalLength }) => {
    const record = Buffer.alloc(16)
    record.writeUInt32LE(Math.floor(microseconds / 1e6), 0)
    record.writeUInt32LE(microseconds % 1e6, 4)
    record.writeUInt32LE(bytes.length, 8)
    record.writeUInt32LE(originalLength ?? bytes.length, 12)
    return [record, bytes]
  })
  return joinAll([header, ...records])
}

/** A pcapng file with one interface for each link type. */
export function pcapng(frames: readonly Frame[], linkTypes: readonly number[] = [ETHERNET]): Bytes {
  const section = Buffer.alloc(16)
  section.writeUInt32LE(0x1a2b3c4d, 0)
  section.writeUInt16LE(1, 4)
  section.fill(0xff, 8)
  const interfaces = linkTypes.map(linkType => {
    const body = Buffer.alloc(8)
    body.writeUInt16LE(linkType, 0)
    body.writeUInt32LE(262144, 4)
    return block(1, body)
  })
  const packets = timed(frames).map(frame => {
    const body = Buffer.alloc(20)
    body.writeUInt32LE(frame.interface ?? 0, 0)
    body.writeUInt32LE(Math.floor(frame.microseconds / 2 ** 32), 4)
    body.writeUInt32LE(frame.microseconds % 2 ** 32, 8)
    body.writeUInt32LE(frame.bytes.length, 12)
    body.writeUInt32LE(frame.originalLength ?? frame.bytes.length, 16)
    return block(6, join(body, frame.bytes))
  })
  return joinAll([block(0x0a0d0d0a, section), ...interfaces, ...packets])
}

function block(type: number, body: Bytes): Bytes {
  const length = 12 + ((body.length + 3) & ~3)
  const bytes = Buffer.alloc(length)
  bytes.writeUInt32LE(type, 0)
  bytes.writeUInt32LE(length, 4)
  bytes.set(body, 8)
  bytes.writeUInt32LE(length, length - 4)
  return bytes
}
