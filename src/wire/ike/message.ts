// A whole IKEv2 message: header and payloads, with lengths that agree to the octet (RFC 7296 §3.1, §3.2); and the frame of
// an encrypted one (RFC 7296 §3.14, RFC 7383 §2.5), whose octets up to the ciphertext the integrity check covers as well.
import { type Malformed, Reader } from '../../base/bytes.ts'
import { type Codec, decode, encode } from '../../base/codec.ts'
import type { Result } from '../../base/result.ts'
import { HEADER_LENGTH, type IkeHeader, ikeHeader, LENGTH_AT } from './header.ts'
import { firstType, type Payload, type PayloadOf, readPayloads, writePayloads } from './v2-payloads.ts'

/** What a message has beside its payloads; lengths and types that follow from the payloads are not repeated. */
export type MessageHeader = Omit<IkeHeader, 'firstPayload' | 'length'>

export interface Message {
  readonly header: MessageHeader
  /** In the order on the wire. */
  readonly payloads: readonly Payload[]
}

export const IKE_VERSION_2 = { major: 2, minor: 0 } as const

/** A UDP datagram's IKE message, without the non-ESP marker of port 4500 (RFC 3948 §2.2). */
export const message: Codec<Message> = {
  read(from) {
    const start = from.at
    const { firstPayload, length, ...header } = ikeHeader.read(from)
    if (header.version.major !== 2) from.fail(`version ${header.version.major} is not IKEv2`, start)
    if (length - HEADER_LENGTH !== from.left) {
      from.fail(`the header states ${length} octets of ${from.left + HEADER_LENGTH}`, start + LENGTH_AT)
    }
    return { header, payloads: readPayloads(from, firstPayload) }
  },
  write(to, { header, payloads }) {
    const start = to.at
    ikeHeader.write(to, { ...header, firstPayload: firstType(payloads), length: HEADER_LENGTH })
    writePayloads(to, payloads)
    const length = to.at - start
    to.patch(start + LENGTH_AT, patched => patched.u32(length))
  },
}

/** Never throws, whatever the bytes are. */
export function readMessage(datagram: Uint8Array): Result<Message, Malformed> {
  return decode(message, datagram)
}

export function writeMessage(value: Message): Uint8Array {
  return encode(message, value)
}

/** The header of any version, for a message of which the version itself has to be refused (RFC 7296 §2.5). */
export function readHeader(datagram: Uint8Array): Result<IkeHeader, Malformed> {
  const header: Codec<IkeHeader> = {
    read(from) {
      const value = ikeHeader.read(from)
      from.bytes(from.left)
      return value
    },
    write: ikeHeader.write,
  }
  return decode(header, datagram)
}

/** The payloads that were inside an encrypted payload: opened, and without padding (RFC 7296 §3.14). */
export function readInside(first: number, opened: Uint8Array): Result<readonly Payload[], Malformed> {
  return decode({ read: from => readPayloads(from, first), write: writePayloads }, opened)
}

export function writeInside(payloads: readonly Payload[]): { readonly first: number; readonly content: Uint8Array } {
  return { first: firstType(payloads), content: encode({ read: () => payloads, write: writePayloads }, payloads) }
}

export type Sealed = PayloadOf<'encrypted'> | PayloadOf<'encrypted-fragment'>

/** The encrypted payload of a message, which is always the last one. */
export function sealedOf({ payloads }: Message): Sealed | undefined {
  const last = payloads.at(-1)
  return last?.kind === 'encrypted' || last?.kind === 'encrypted-fragment' ? last : undefined
}

/**
 * What of a sealed message is not its IV, ciphertext and ICV: all octets in front of them. Ciphers that authenticate take
 * it as associated data (RFC 5282 §5.1), others put it in front of what their integrity check covers.
 */
export function inFrontOfSealed(datagram: Uint8Array, sealed: Sealed): Uint8Array {
  return new Reader(datagram).bytes(datagram.length - sealed.data.length)
}

/**
 * The octets in front of what will be sealed, with all lengths in place, before there is a ciphertext: `sealedLength`
 * octets of IV, ciphertext and ICV follow it on the wire. `clear` are payloads that stand in front unencrypted, such as a
 * puzzle's solution (RFC 8019 §7.2).
 */
export function frameOfSealed(
  header: MessageHeader,
  firstInside: number,
  sealedLength: number,
  { fragment, clear = [] }: SealedOptions = {},
): Uint8Array {
  const data = new Uint8Array(sealedLength)
  const sealed: Sealed =
    fragment === undefined
      ? { kind: 'encrypted', critical: false, firstInside, data }
      : { kind: 'encrypted-fragment', critical: false, firstInside, ...fragment, data }
  const whole = writeMessage({ header, payloads: [...clear, sealed] })
  return whole.subarray(0, whole.length - sealedLength)
}

export interface SealedOptions {
  /** Fragments behind the first have zero as the first type inside (RFC 7383 §2.5). */
  readonly fragment?: { readonly number: number; readonly total: number }
  readonly clear?: readonly Payload[]
}
