// How this host proves who it is: identity, certificates and AUTH by the credential of a rule (RFC 7296 §2.15, RFC 7427,
// RFC 4754, RFC 7670).
import { failure, type Result, success } from '../../base/result.ts'
import { sharedKeyAuth } from '../../crypto/ike-auth.ts'
import type { PrfAlgorithm } from '../../crypto/prf.ts'
import { chooseSignature, SHARED_KEY_METHOD, type SignatureRules, signAuth } from '../../crypto/signatures.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { type CertificateData, certificatePayloads, ownIdentity } from '../certificate-payloads.ts'
import type { Credential } from '../credentials.ts'
import { formatIdentity, identityOfAddress } from '../identity.ts'
import type { Path, Role } from '../machine.ts'
import type { IdentityPayload } from './auth-octets.ts'
import type { OwnProof } from './session.ts'

const RESERVED = new Uint8Array(3)

export function ownProofOf(credential: Credential, { local }: Path): OwnProof {
  return { credential, identity: ownIdentity(credential, identityOfAddress(local.address)) }
}

export function identityPayload(role: Role, { type, data }: OwnProof['identity']): IdentityPayload {
  const body = { type, reserved: RESERVED, data }
  return role === 'initiator' ? payload('initiator-identification', body) : payload('responder-identification', body)
}

export function ownCertificates({ credential }: OwnProof, requests: readonly CertificateData[]): readonly Payload[] {
  return certificatePayloads(credential, requests).map(one => payload('certificate', one))
}

export interface AuthData {
  readonly method: number
  readonly data: Uint8Array
}

/** `rules.hashes` are the peer's. The fault is for people. */
export function prove(
  { credential, identity }: OwnProof,
  octets: Uint8Array,
  prf: PrfAlgorithm,
  rules: SignatureRules,
): Result<AuthData, string> {
  if (credential.kind === 'preSharedKey') {
    return success({ method: SHARED_KEY_METHOD, data: sharedKeyAuth(prf, credential.secret, octets) })
  }
  if (credential.kind === 'kerberos') return failure('Kerberos is nothing that IKEv2 proves by')
  const key = credential.kind === 'certificate' ? credential.own?.key : credential.key
  if (key === undefined) return failure('the rule has no certificate of our own')
  const choice = chooseSignature(key, rules)
  if (choice === undefined) {
    const kind = key.asymmetricKeyType ?? 'unknown'
    return failure(
      `${formatIdentity(identity)} has a key of type ${kind}, with which nothing can be signed that the peer takes`,
    )
  }
  return success({ method: choice.method, data: signAuth(choice, key, octets) })
}
