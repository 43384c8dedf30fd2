// How long a peer's nonce has to be (RFC 7296 §2.10): keys are made of both nonces, and one of ours alone has to do where the
// other is short.
import type { PrfAlgorithm } from '../../crypto/prf.ts'
import { notification } from '../../wire/ike/notify.ts'
import { type Refusal, refusal } from '../machine.ts'

/** What is wrong with it; 16 octets are the least of any, which the rules of the exchange look at. */
export function whyShort(nonce: Uint8Array, { name, keyBytes }: PrfAlgorithm): string | undefined {
  return nonce.length < keyBytes / 2
    ? `the peer's nonce has ${nonce.length} octets, ${name} wants ${keyBytes / 2} at least`
    : undefined
}

export function refusedNonce(nonce: Uint8Array, prf: PrfAlgorithm): Refusal | undefined {
  const what = whyShort(nonce, prf)
  return what === undefined ? undefined : refusal(notification('INVALID_SYNTAX', {}), what)
}
