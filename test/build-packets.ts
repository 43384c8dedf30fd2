// IP packets for tests of IPsec: built by hand, with right lengths and checksums.
import { type Address, parseAddress } from '../src/base/address.ts'
import { ICMP, TCP, UDP } from '../src/base/flow.ts'
import { setHeaderChecksum, transportChecksum } from '../src/ipsec/headers.ts'

export interface PacketWords {
  readonly source: string
  readonly destination: string
  readonly protocol?: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly payload?: Uint8Array
  readonly mustNotBeCut?: boolean
  /** Of IPv4, 16 bits. */
  readonly identification?: number
  /** IPv4 options, a multiple of four octets. */
  readonly options?: Uint8Array
  /** IPv6 extension headers as [protocol, whole header], their next-header octets are filled in. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[]
  readonly trafficClass?: number
}

export function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new Error(`${text} is no address`)
  return address
}

export function buildPacket(words: PacketWords): Uint8Array {
  const source = addressOf(words.source)
  const { protocol = UDP, payload = new Uint8Array(0) } = words
  const header = protocol === UDP ? 8 : protocol === TCP ? 20 : protocol === ICMP ? 8 : 0
  const front = source.family === 4 ? ipv4(words, protocol) : ipv6(words, protocol)
  const bytes = new Uint8Array(front.length + header + payload.length)
  bytes.set(front)
  bytes.set(payload, front.length + header)
  const view = new DataView(bytes.buffer)
  const at = front.length
  if (header > 0 && protocol !== ICMP) {
    view.setUint16(at, words.sourcePort ?? 1024)
    view.setUint16(at + 2, words.destinationPort ?? 445)
  }
  if (protocol === UDP) view.setUint16(at + 4, 8 + payload.length)
  if (protocol === TCP) bytes[at + 12] = 0x50
  if (protocol === ICMP) bytes[at] = 8
  if (source.family === 4) {
    view.setUint16(2, bytes.length)
    setHeaderChecksum(bytes, front.length)
  } else view.setUint16(4, bytes.length - 40)
  const place = protocol === UDP ? 6 : 16
  if (protocol === UDP || protocol === TCP) {
    view.setUint16(at + place, transportChecksum(bytes, 0, at, bytes.length - at, protocol))
  }
  return bytes
}

function ipv4(words: PacketWords, protocol: number): Uint8Array {
  const options = words.options ?? new Uint8Array(0)
  const front = new Uint8Array(20 + options.length)
  front[0] = 0x40 | (front.length / 4)
  front[1] = words.trafficClass ?? 0
  const { identification = 0x1234 } = words
  front[4] = identification >> 8
  front[5] = identification & 255
  front[6] = words.mustNotBeCut === true ? 0x40 : 0
  front[8] = 64
  front[9] = protocol
  putAddress(front, 12, addressOf(words.source))
  putAddress(front, 16, addressOf(words.destination))
  front.set(options, 20)
  return front
}

function ipv6(words: PacketWords, protocol: number): Uint8Array {
  const extensions = words.extensions ?? []
  const front = new Uint8Array(40 + extensions.reduce((sum, [, header]) => sum + header.length, 0))
  const trafficClass = words.trafficClass ?? 0
  front[0] = 0x60 | (trafficClass >> 4)
  front[1] = (trafficClass & 15) << 4
  front[7] = 64
  putAddress(front, 8, addressOf(words.source))
  putAddress(front, 24, addressOf(words.destination))
  let place = 6
  let at = 40
  for (const [number, header] of extensions) {
    front[place] = number
    front.set(header, at)
    place = at
    at += header.length
  }
  front[place] = protocol
  return front
}

function putAddress(bytes: Uint8Array, at: number, address: Address): void {
  const view = new DataView(bytes.buffer)
  address.words.forEach((word, index) => {
    view.setUint32(at + 4 * index, word)
  })
}
