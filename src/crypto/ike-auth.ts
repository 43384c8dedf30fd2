// What the AUTH payload of IKEv2 proves: the octets that each side signs (RFC 7296 §2.15) with the intermediate exchanges
// (RFC 9242 §3.3), and the proof by a preshared key, authentication method 2. Proofs by public keys are in signatures.ts.
import { concatenate } from '../base/bytes.ts'
import type { SecretOctets } from './ike-keys.ts'
import { type PrfAlgorithm, prf } from './prf.ts'
import { isSameMac } from './whole-mac.ts'

/** What one side signs and the other verifies. */
export interface SignedParts {
  /** The signer's own IKE_SA_INIT message, from the IKE header, as it travelled the last time. */
  readonly message: Uint8Array
  /** The other side's nonce. */
  readonly peerNonce: Uint8Array
  /** The signer's ID payload behind its generic header: type, three octets, identity. */
  readonly identity: Uint8Array
  /** Of `allIntermediates`, where there was an IKE_INTERMEDIATE exchange. */
  readonly intermediates?: Uint8Array
}

/** `key` is the signer's SK_p: SK_pi for the initiator's octets. */
export function signedOctets(algorithm: PrfAlgorithm, key: SecretOctets, parts: SignedParts): Uint8Array {
  const mac = prf(algorithm, key.reveal(), parts.identity)
  return concatenate([parts.message, parts.peerNonce, mac, parts.intermediates ?? new Uint8Array(0)])
}

/** Offsets in the IKE header and in a generic payload header. */
const IKE_LENGTH = 24
const IKE_HEADER = 28
const PAYLOAD_HEADER = 4

/**
 * One side's chain over its IKE_INTERMEDIATE messages, a step for each. `before` is the chain so far, absent at first;
 * `key` is the SK_p that was in force in the exchange; `head` is the message up to and with the generic header of its
 * encrypted payload; `content` is the inner payloads without padding. Of a message that came in fragments, `head` is that
 * of the same message in one piece, with the next payload of its first fragment. The lengths in it count for nothing: they
 * are put to those of the content, so that cipher and fragments do not show (RFC 9242 §3.3.2).
 */
export function intermediateStep(
  algorithm: PrfAlgorithm,
  key: SecretOctets,
  before: Uint8Array | undefined,
  head: Uint8Array,
  content: Uint8Array,
): Uint8Array {
  if (head.length < IKE_HEADER + PAYLOAD_HEADER) throw new RangeError('the head of a message has 32 octets or more')
  const adjusted = head.slice()
  const view = new DataView(adjusted.buffer)
  view.setUint32(IKE_LENGTH, head.length + content.length)
  view.setUint16(head.length - 2, PAYLOAD_HEADER + content.length)
  return prf(algorithm, key.reveal(), before ?? new Uint8Array(0), adjusted, content)
}

/** Both chains at their end, with the message ID of the first IKE_AUTH exchange. */
export function allIntermediates(initiator: Uint8Array, responder: Uint8Array, authMessageId: number): Uint8Array {
  const id = new Uint8Array(4)
  new DataView(id.buffer).setUint32(0, authMessageId)
  return concatenate([initiator, responder, id])
}

const KEY_PAD = new TextEncoder().encode('Key Pad for IKEv2')

/** AUTH data of method 2. With EAP, `secret` is the key that the EAP method made (RFC 7296 §2.16). */
export function sharedKeyAuth(algorithm: PrfAlgorithm, secret: SecretOctets, octets: Uint8Array): Uint8Array {
  const key = prf(algorithm, secret.reveal(), KEY_PAD)
  const auth = prf(algorithm, key, octets)
  key.fill(0)
  return auth
}

/** In constant time. */
export function isSharedKeyAuth(
  algorithm: PrfAlgorithm,
  secret: SecretOctets,
  octets: Uint8Array,
  auth: Uint8Array,
): boolean {
  return isSameMac(sharedKeyAuth(algorithm, secret, octets), auth)
}
