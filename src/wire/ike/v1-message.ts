// A whole IKEv1 message: header and payloads, or header and ciphertext, with lengths that agree to the octet (RFC 2408
// §3.1); and the payloads inside a ciphertext once it is opened, with padding behind them that no length tells apart.
import { type Malformed, Reader } from '../../base/bytes.ts'
import { type Codec, decode, encode } from '../../base/codec.ts'
import type { Result } from '../../base/result.ts'
import { HEADER_LENGTH, ikeHeader, LENGTH_AT } from './header.ts'
import type { MessageHeader } from './message.ts'
import { ENCRYPTED_FLAG } from './v1-numbers.ts'
import { firstTypeV1, type PayloadV1, readBodiesV1, readChainV1, writeChainV1 } from './v1-payloads.ts'

export const IKE_VERSION_1 = { major: 1, minor: 0 } as const

/** RFC 2408 does not ask for it, and its section 3.1 counts it into the length. */
const ALIGNMENT = 4

/** The flag "encrypted" of the header says which of the two it is. Cookies stand where IKEv2 has SPIs. */
export type MessageV1 =
  | {
      readonly kind: 'clear'
      readonly header: MessageHeader
      /** In the order on the wire. */
      readonly payloads: readonly PayloadV1[]
      /** What stands behind them, where Libreswan makes a message end at a multiple of four octets. */
      readonly padding?: Uint8Array
    }
  | {
      readonly kind: 'sealed'
      readonly header: MessageHeader
      /** The type of the first payload inside. */
      readonly firstInside: number
      /** Everything behind the header. */
      readonly sealed: Uint8Array
    }

/** A UDP datagram's IKE message, without the non-ESP marker of port 4500 (RFC 3947 §4). */
export const messageV1: Codec<MessageV1> = {
  read(from) {
    const start = from.at
    const { firstPayload, length, ...header } = ikeHeader.read(from)
    if (header.version.major !== 1) from.fail(`version ${header.version.major} is not IKEv1`, start)
    if (length - HEADER_LENGTH !== from.left) {
      from.fail(`the header states ${length} octets of ${from.left + HEADER_LENGTH}`, start + LENGTH_AT)
    }
    if (isSealed(header)) return { kind: 'sealed', header, firstInside: firstPayload, sealed: from.bytes(from.left) }
    const payloads = readChainV1(from, firstPayload)
    const isPadded = from.left > 0 && from.left < ALIGNMENT && length % ALIGNMENT === 0
    return { kind: 'clear', header, payloads, ...(isPadded ? { padding: from.bytes(from.left) } : {}) }
  },
  write(to, value) {
    const start = to.at
    const { header } = value
    if (isSealed(header) !== (value.kind === 'sealed')) throw new RangeError('the flag says something else')
    const firstPayload = value.kind === 'sealed' ? value.firstInside : firstTypeV1(value.payloads)
    ikeHeader.write(to, { ...header, firstPayload, length: HEADER_LENGTH })
    if (value.kind === 'sealed') to.bytes(value.sealed)
    else {
      writeChainV1(to, value.payloads)
      to.bytes(value.padding ?? new Uint8Array(0))
    }
    const length = to.at - start
    to.patch(start + LENGTH_AT, patched => patched.u32(length))
  },
}

function isSealed({ flags }: Pick<MessageHeader, 'flags'>): boolean {
  return (flags & ENCRYPTED_FLAG) !== 0
}

/** Never throws, whatever the bytes are. */
export function readMessageV1(datagram: Uint8Array): Result<MessageV1, Malformed> {
  return decode(messageV1, datagram)
}

export function writeMessageV1(value: MessageV1): Uint8Array {
  return encode(messageV1, value)
}

export interface InsideV1 {
  readonly payloads: readonly PayloadV1[]
  /** Of all payloads together: what is behind that is padding, and no hash covers it. */
  readonly length: number
}

/** The payloads of an opened message. A wrong key shows here, as octets that are no chain. */
export function readInsideV1(first: number, opened: Uint8Array): Result<InsideV1, Malformed> {
  const inside: Codec<InsideV1> = {
    read(from) {
      const payloads = readChainV1(from, first)
      const length = from.at
      // Zeros, random octets, a count at the end: peers differ, and RFC 2408 says nothing of it.
      from.bytes(from.left)
      return { payloads, length }
    },
    write: (to, { payloads }) => writeChainV1(to, payloads),
  }
  return decode(inside, opened)
}

export function writeInsideV1(payloads: readonly PayloadV1[]): {
  readonly first: number
  readonly content: Uint8Array
} {
  return {
    first: firstTypeV1(payloads),
    content: encode({ read: () => payloads, write: writeChainV1 }, payloads),
  }
}

/**
 * The bodies of a chain that was read before, in the same order, as they travelled: hashes cover SA and ID payloads as the
 * peer wrote them. `octets` is an opened message, or what of a clear one is behind the header.
 */
export function bodiesOfV1(first: number, octets: Uint8Array): readonly Uint8Array[] {
  return readBodiesV1(new Reader(octets), first)
}

/** The same of a whole message in clear. */
export function bodiesOfMessageV1(datagram: Uint8Array): readonly Uint8Array[] {
  const from = new Reader(datagram)
  return readBodiesV1(from, ikeHeader.read(from).firstPayload)
}
