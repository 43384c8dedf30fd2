// The octets that each side's AUTH payload is made over (RFC 7296 §2.15): its own IKE_SA_INIT message as it travelled, the
// other's nonce, its identity, and what went through IKE_INTERMEDIATE (RFC 9242 §3.3).
import { encode } from '../../base/codec.ts'
import { allIntermediates, signedOctets } from '../../crypto/ike-auth.ts'
import type { IkeKeys } from '../../crypto/ike-keys.ts'
import { identification, type PayloadOf } from '../../wire/ike/v2-payloads.ts'
import type { Role } from '../machine.ts'
import type { Agreed } from './session.ts'

/** An IDi or IDr payload. */
export type IdentityPayload = PayloadOf<'initiator-identification'> | PayloadOf<'responder-identification'>

/** `messageId` is that of the first IKE_AUTH request. */
export function octetsOfSigner(
  signer: Role,
  keys: IkeKeys,
  { choice, init, nonces, chains }: Agreed,
  { type, reserved, data }: IdentityPayload,
  messageId: number,
): Uint8Array {
  const isInitiator = signer === 'initiator'
  const { initiator, responder } = chains
  const hasChains = initiator !== undefined && responder !== undefined
  return signedOctets(choice.suite.prf, keys[signer].authentication, {
    message: isInitiator ? init.request : init.response,
    peerNonce: isInitiator ? nonces.responder : nonces.initiator,
    identity: encode(identification, { type, reserved, data }),
    ...(hasChains ? { intermediates: allIntermediates(initiator, responder, messageId) } : {}),
  })
}
