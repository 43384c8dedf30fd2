// The header of 28 octets that IKEv1 and IKEv2 share (RFC 7296 §3.1, RFC 2408 §3.1): where a message belongs, what it is
// and how long it is. Nothing of the payloads is looked at here.
import { type Codec, refined, struct, u8, u32, u64, type ValueOf } from '../../base/codec.ts'

export const HEADER_LENGTH = 28
/** Where the length stands in the header; it is known last. */
export const LENGTH_AT = 24

/** Bits of `flags` in IKEv2; the others are sent as zero and ignored (RFC 7296 §3.1). */
export const FROM_INITIATOR = 0x08
export const HIGHER_VERSION = 0x10
export const RESPONSE = 0x20

const version: Codec<{ readonly major: number; readonly minor: number }> = {
  read(from) {
    const octet = from.u8()
    return { major: octet >> 4, minor: octet & 15 }
  },
  write(to, { major, minor }) {
    if (major >> 4 !== 0 || minor >> 4 !== 0) throw new RangeError(`version ${major}.${minor} does not fit an octet`)
    to.u8((major << 4) | minor)
  },
}

export const ikeHeader = struct({
  /** Cookies in IKEv1. */
  initiatorSpi: u64,
  /** Zero as long as the responder has not chosen one. */
  responderSpi: u64,
  firstPayload: u8,
  version,
  exchange: u8,
  flags: u8,
  messageId: u32,
  /** Of the whole message, this header included. */
  length: refined(u32, length => (length < HEADER_LENGTH ? `a message of ${length} octets has no header` : undefined)),
})

export type IkeHeader = ValueOf<typeof ikeHeader>

/** The bit tells who began the IKE SA, which after rekeying by the other side is not who sends requests (RFC 7296 §2.2). */
export function isFromInitiator({ flags }: Pick<IkeHeader, 'flags'>): boolean {
  return (flags & FROM_INITIATOR) !== 0
}

export function isResponse({ flags }: Pick<IkeHeader, 'flags'>): boolean {
  return (flags & RESPONSE) !== 0
}
