// The chain of payloads behind the header, and inside an encrypted payload: each says which kind comes next and how long
// it is (RFC 7296 §3.2). What a payload means is not looked at, so that unknown ones survive with their octets.
import type { Reader, Writer } from '../../base/bytes.ts'

export const GENERIC_HEADER = 4
const NO_NEXT_PAYLOAD = 0
const CRITICAL = 0x80
const ENCRYPTED = 46
const ENCRYPTED_FRAGMENT = 53

export interface ChainLink {
  readonly type: number
  /** Whether a receiver that does not know the type has to refuse the message (RFC 7296 §2.5). */
  readonly critical: boolean
  /**
   * Of an encrypted payload, the type of the first payload inside: the field stands where others say what comes next,
   * which is why an encrypted payload is the last of its chain (RFC 7296 §3.14). Zero in any other payload.
   */
  readonly firstInside: number
}

export function isEncrypted(type: number): boolean {
  return type === ENCRYPTED || type === ENCRYPTED_FRAGMENT
}

/** Reads everything that is left: the chain has to end where the octets end. */
export function* readChain(from: Reader, first: number): Generator<ChainLink & { readonly body: Reader }> {
  let type = first
  while (type !== NO_NEXT_PAYLOAD) {
    const start = from.at
    const next = from.u8()
    // The seven bits behind the critical one are reserved: ignored on receipt.
    const critical = (from.u8() & CRITICAL) !== 0
    const length = from.u16()
    if (length < GENERIC_HEADER) from.fail(`a payload of ${length} octets has no header`, start)
    if (length - GENERIC_HEADER > from.left) {
      from.fail(`a payload claims ${length} octets and ${from.left + GENERIC_HEADER} are left`, start)
    }
    const body = from.part(length - GENERIC_HEADER)
    if (isEncrypted(type) && from.left > 0) from.fail(`${from.left} octets follow an encrypted payload`)
    yield { type, critical, body, firstInside: isEncrypted(type) ? next : 0 }
    if (isEncrypted(type)) return
    type = next
  }
  if (from.left > 0) from.fail(`${from.left} octets follow the last payload`)
}

/** Writes one payload of a chain; `next` is the type of the one behind it, zero for the last. */
export function writePayload(to: Writer, payload: ChainLink, next: number, body: (to: Writer) => void): void {
  const start = to.at
  if (isEncrypted(payload.type) && next !== NO_NEXT_PAYLOAD)
    throw new RangeError('an encrypted payload has to be the last')
  to.u8(isEncrypted(payload.type) ? payload.firstInside : next)
  to.u8(payload.critical ? CRITICAL : 0)
  to.u16(0)
  body(to)
  const length = to.at - start
  to.patch(start + 2, patched => patched.u16(length))
}
