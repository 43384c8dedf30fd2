// Whether a peer is who it says: its identity and certificates against the credentials of our rules, then its AUTH against
// the key that follows from them. What fails is told to people; the peer learns only AUTHENTICATION_FAILED.
import { failure, type Result, success } from '../../base/result.ts'
import { isSharedKeyAuth } from '../../crypto/ike-auth.ts'
import type { PrfAlgorithm } from '../../crypto/prf.ts'
import { SHARED_KEY_METHOD, type SignatureRules, verifyAuth } from '../../crypto/signatures.ts'
import type { CertificateData } from '../certificate-payloads.ts'
import { readClaim } from '../certificate-payloads.ts'
import type { Credential } from '../credentials.ts'
import { formatIdentity, type Identity } from '../identity.ts'
import { type JudgedPeer, judgePeer, type PeerClaim, whyFalse } from '../judge-peer.ts'
import type { Path } from '../machine.ts'
import type { AuthData } from './own-proof.ts'

export interface PeerProof {
  readonly identity: Identity
  readonly certificates: readonly CertificateData[]
  readonly auth: AuthData
  /** A NAT stands before it. */
  readonly isTranslated: boolean
  /** That the peer's AUTH has to be about. */
  readonly octets: Uint8Array
}

export interface ProvedPeer {
  readonly judged: JudgedPeer
  readonly warnings: readonly string[]
}

interface Judgement {
  readonly prf: PrfAlgorithm
  readonly rules: SignatureRules
  /** Unix seconds. */
  readonly date: number
}

/** By the first credential that takes the peer and whose key its AUTH fits. */
export function provePeer(
  credentials: readonly Credential[],
  { identity, certificates, auth, isTranslated, octets }: PeerProof,
  { remote }: Path,
  judgement: Judgement,
): Result<ProvedPeer, string> {
  const proof = auth.method === SHARED_KEY_METHOD ? 'shared-key' : 'signature'
  const claim = readClaim({ identity, address: remote.address, isTranslated, proof, payloads: certificates })
  if (!claim.ok) return failure(claim.error.what)
  let notAuthentic: string | undefined
  // Several pre-shared keys may be for the same peer: only AUTH tells which one it has.
  for (const credential of credentials) {
    const judged = judgePeer([credential], claim.value, judgement.date)
    if (!judged.ok) continue
    // By all of them: one may be this host's name, and another one take it.
    const untrue = whyFalse(credentials, claim.value)
    if (untrue !== undefined) return failure(untrue.what)
    const proved = checkAuth(judged.value, auth, octets, judgement)
    if (proved.ok) return success({ judged: judged.value, warnings: [...judged.value.warnings, ...proved.value] })
    notAuthentic ??= `${judged.value.name} does not prove it: ${proved.error}`
  }
  return failure(notAuthentic ?? whyNobody(credentials, claim.value, judgement))
}

function whyNobody(credentials: readonly Credential[], claim: PeerClaim, { date }: Judgement): string {
  const judged = judgePeer(credentials, claim, date)
  return judged.ok ? `${formatIdentity(claim.identity)} is nobody that we know` : judged.error.what
}

function checkAuth(
  { credential, key }: JudgedPeer,
  { method, data }: AuthData,
  octets: Uint8Array,
  { prf, rules }: Judgement,
): Result<readonly string[], string> {
  if (credential.kind === 'preSharedKey') {
    const isRight = method === SHARED_KEY_METHOD && isSharedKeyAuth(prf, credential.secret, octets, data)
    return isRight
      ? success([])
      : failure('its pre-shared key is another one than ours, or its first message was changed')
  }
  const verified = verifyAuth(method, data, key, octets, rules)
  if (!verified.ok) return failure(verified.error.what)
  const { name, old } = verified.value
  return success(old === undefined ? [] : [`the peer signs with ${name}: ${old}`])
}
