// ICMP's echo request and reply (RFC 792 p. 14, RFC 4443 §4). The payload begins with a nonce, by which an echo of ours is
// known on the wire from one that somebody else sends with the same identifier.
import { ICMP, ICMPV6 } from '../../base/flow.ts'
import { internetChecksum } from '../../ipsec/headers.ts'

export const ECHO_HEADER = 8
export const NONCE_OCTETS = 8
/** What IPv4 carries in one packet, without its header and that of ICMP. */
export const MOST_ECHO_OCTETS = 65_507

const types = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const

export function echoProtocol(family: 4 | 6): number {
  return family === 4 ? ICMP : ICMPV6
}

/** The ICMP type of a request. */
export function echoRequestType(family: 4 | 6): number {
  return types[family].request
}

export interface Echo {
  readonly isReply: boolean
  readonly identifier: number
  readonly sequence: number
  /** In hexadecimal digits: as much of it as the payload has room for. */
  readonly nonce: string
}

export interface EchoForm {
  readonly family: 4 | 6
  readonly identifier: number
  readonly sequence: number
  readonly nonce: Uint8Array
  /** Octets of payload. */
  readonly size: number
}

/** Octets behind the nonce are those of the alphabet, as in Windows's ping. IPv6's checksum is left to the kernel. */
export function writeEcho({ family, identifier, sequence, nonce, size }: EchoForm): Uint8Array {
  const bytes = new Uint8Array(ECHO_HEADER + size)
  const view = new DataView(bytes.buffer)
  bytes[0] = types[family].request
  view.setUint16(4, identifier)
  view.setUint16(6, sequence & 0xffff)
  for (let index = 0; index < size; index++) bytes[ECHO_HEADER + index] = 0x61 + (index % 23)
  bytes.set(nonce.subarray(0, Math.min(size, NONCE_OCTETS)), ECHO_HEADER)
  if (family === 4) view.setUint16(2, internetChecksum(bytes))
  return bytes
}

/** Undefined for any other message. */
export function readEcho(bytes: Uint8Array, at: number, end: number, family: 4 | 6): Echo | undefined {
  if (end - at < ECHO_HEADER || end > bytes.length) return undefined
  const { request, reply } = types[family]
  const type = bytes[at]!
  if ((type !== request && type !== reply) || bytes[at + 1] !== 0) return undefined
  return {
    isReply: type === reply,
    identifier: (bytes[at + 4]! << 8) | bytes[at + 5]!,
    sequence: (bytes[at + 6]! << 8) | bytes[at + 7]!,
    nonce: bytes.subarray(at + ECHO_HEADER, Math.min(end, at + ECHO_HEADER + NONCE_OCTETS)).toHex(),
  }
}
