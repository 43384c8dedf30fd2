// How both sides of a main mode prove who they are (RFC 2409 §5, RFC 4754 §4): a hash over all that makes the session one of
// its own, under a key that only they have; as it is with a pre-shared key, signed with a certificate's, wrapped by Kerberos.

import { failure, type Result, success } from '../../base/result.ts'
import { wipeSecrets } from '../../crypto/ike-keys.ts'
import {
  baseKeyOfSharedKey,
  baseKeyOfSignatures,
  type Cookies,
  firstIv,
  ike1KeysOf,
  initiatorHash,
  proofPrf,
  responderHash,
} from '../../crypto/ike1-keys.ts'
import { signHash, verifyHash } from '../../crypto/ike1-signatures.ts'
import type { SharedSecret } from '../../crypto/run-key-exchange.ts'
import { isSameMac } from '../../crypto/whole-mac.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { ikeOffersOf } from '../../policy/ike-offers.ts'
import { certificateEncodings } from '../../wire/ike/numbers.ts'
import { certificateEncodingsV1 } from '../../wire/ike/v1-numbers.ts'
import { bodyOfV1, type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { ownIdentity, readClaim } from '../certificate-payloads.ts'
import type { Credential, Identity } from '../credentials.ts'
import { formatIdentity, identityOfAddress } from '../identity.ts'
import { judgePeer, type PeerClaim, whyFalse } from '../judge-peer.ts'
import type { Path, Role, World } from '../machine.ts'
import { certificatePayloads, isAskedFor } from './certificates.ts'
import { identityPayload, whyNoHost } from './identities.ts'
import { credentialsBy, judgesBy, SHARED_KEY } from './methods.ts'
import { bodyOf, find, findAll, type Opened } from './opened.ts'
import type { Candidate, Exchanged, MainMode, OwnProof, Peer, Secured } from './session.ts'

/** Old signatures are for those whose policy names old methods of IKE: it speaks with hosts that have no others. */
export function allowsOld({ policy }: CompiledPolicy): boolean {
  return ikeOffersOf(policy).some(({ strength }) => strength === 'old')
}

/** Pre-shared keys that are tried for one peer: identities come too late to choose one (RFC 2409 §5.4). */
const MOST_CANDIDATES = 8

/** The keys of main mode; with pre-shared keys for each that may be meant. The secret is used up. */
export function candidatesFor(
  { choice }: MainMode,
  { nonces, values }: Exchanged,
  shared: SharedSecret,
  cookies: Cookies,
  credentials: readonly Credential[],
): readonly Candidate[] {
  const { suite, authentication } = choice
  const iv = firstIv(suite, values)
  const keyed = credentials.flatMap(credential => (credential.kind === 'preSharedKey' ? [credential] : []))
  const candidates =
    authentication === SHARED_KEY
      ? keyed.slice(0, MOST_CANDIDATES).map(credential => {
          const base = baseKeyOfSharedKey(suite, credential.secret, nonces)
          return { credential, secured: { suite, keys: ike1KeysOf(suite, base, shared, cookies), iv } }
        })
      : [
          {
            secured: {
              suite,
              keys: ike1KeysOf(suite, baseKeyOfSignatures(suite, shared, nonces), shared, cookies),
              iv,
            },
          },
        ]
  wipeSecrets([shared])
  return candidates
}

/** What a proof is about; the session has it all. */
export interface ProofParts {
  readonly cookies: Cookies
  readonly main: MainMode
  readonly exchanged: Exchanged
  readonly secured: Secured
  /** Of Kerberos: names and tokens. */
  readonly more?: readonly Uint8Array[]
}

/** HASH_I or HASH_R: `by` is the side that proves, `identity` the body of its ID payload. */
export function proofHash(by: Role, parts: ProofParts, identity: Uint8Array): Uint8Array {
  const { cookies, main, exchanged, secured, more } = parts
  const { values } = exchanged
  const all = { cookies, values, association: main.association, identity, ...(more === undefined ? {} : { more }) }
  const prf = proofPrf(secured.suite, main.choice.authentication)
  return (by === 'initiator' ? initiatorHash : responderHash)(prf, secured.keys.base, all)
}

/** By the method that was agreed on; of several certificates the one that the peer asks for. */
export function ownProof(
  credentials: readonly Credential[],
  method: number,
  { requests }: Exchanged,
  { local }: Path,
  world: World,
): OwnProof | undefined {
  const able = credentialsBy(method, credentials, allowsOld(world.policy))
  const welcome = able.find(one => one.kind !== 'certificate' || isAskedFor(one, requests))
  const credential = welcome ?? able[0]
  return credential && { credential, identity: ownIdentityOf(credential, local.address) }
}

export function ownIdentityOf(credential: Credential, address: Path['local']['address']): Identity {
  return ownIdentity(credential, identityOfAddress(address))
}

/** ID, certificates and the proof (RFC 2409 §5.1, §5.4). */
export function proofPayloads(by: Role, { identity, credential }: OwnProof, parts: ProofParts): readonly PayloadV1[] {
  const id = identityPayload(identity)
  const hash = proofHash(by, parts, bodyOfV1(id))
  if (credential.kind !== 'certificate') return [id, payloadV1('hash', { hash })]
  const signature = signHash(parts.main.choice.authentication, credential.own!.key, hash)
  return [id, ...certificatePayloads(credential), payloadV1('signature', { signature })]
}

/** Who the peer says it is, before anything is proved. */
export function statedIdentity(
  message: Opened,
): Result<{ readonly identity: Identity; readonly body: Uint8Array }, string> {
  const id = find(message.payloads, 'identification')
  const body = bodyOf(message, 'identification')
  if (id === undefined || body === undefined) return failure('it says not who it is')
  const why = whyNoHost(id)
  return why === undefined ? success({ identity: { type: id.type, data: id.data.slice() }, body }) : failure(why)
}

/** By all credentials that the peer may be judged by; `shared` is the one whose key opened the message. */
export function judgeProof(
  by: Role,
  message: Opened,
  parts: ProofParts,
  credentials: readonly Credential[],
  { path, world, shared }: { readonly path: Path; readonly world: World; readonly shared?: Credential | undefined },
): Result<Peer, string> {
  const stated = statedIdentity(message)
  if (!stated.ok) return stated
  const { identity, body } = stated.value
  const hash = proofHash(by, parts, body)
  const method = parts.main.choice.authentication
  const isShared = method === SHARED_KEY
  if (isShared) {
    const shown = find(message.payloads, 'hash')
    if (shown === undefined || !isSameMac(shown.hash, hash)) {
      return failure('its pre-shared key is another one than ours, or a message was changed on the way')
    }
  }
  const claim = claimOf(message, identity, path, parts.exchanged.nat.beforePeer, isShared ? 'shared-key' : 'signature')
  if (!claim.ok) return claim
  const judges = isShared ? [shared!] : judgesBy(method, credentials)
  const signature = find(message.payloads, 'signature')?.signature
  const check = (key: Parameters<typeof verifyHash>[1]) =>
    signature === undefined
      ? failure('it sent no signature')
      : verifyHash(method, key, hash, signature, allowsOld(world.policy))
  return judged(judges, credentials, claim.value, world, isShared ? undefined : check)
}

type Check = (key: Parameters<typeof verifyHash>[1]) => Result<unknown, string | { readonly what: string }>

/** The first credential that takes the peer, and whose key its proof fits. */
export function judged(
  judges: readonly Credential[],
  all: readonly Credential[],
  claim: PeerClaim,
  world: World,
  check?: Check,
): Result<Peer, string> {
  const untrue = whyFalse(all, claim)
  if (untrue !== undefined) return failure(untrue.what)
  let reason: string | undefined
  for (const credential of judges) {
    const found = judgePeer([credential], claim, world.date)
    if (!found.ok) continue
    const { key, name, until, warnings } = found.value
    const proved = check?.(key) ?? success(undefined)
    if (proved.ok) {
      const { identity } = claim
      return success({ identity, name, credential, warnings, ...(until === undefined ? {} : { until }) })
    }
    const what = typeof proved.error === 'string' ? proved.error : proved.error.what
    reason ??= `${name} does not prove it: ${what}`
  }
  if (reason !== undefined) return failure(reason)
  const why = judgePeer(judges, claim, world.date)
  return failure(why.ok ? `${formatIdentity(claim.identity)} is nobody that we know` : why.error.what)
}

const { CRL } = certificateEncodings.of

/** IKEv1's numbers of encodings are those of IKEv2 for what both know. */
export function claimOf(
  { payloads }: Opened,
  identity: Identity,
  { remote }: Path,
  isTranslated: boolean,
  proof: NonNullable<PeerClaim['proof']>,
): Result<PeerClaim, string> {
  const known: readonly number[] = [certificateEncodingsV1.of['X.509'], CRL]
  const all = findAll(payloads, 'certificate').map(({ encoding, data }) => ({ encoding, data }))
  const claim = readClaim({
    identity,
    address: remote.address,
    isTranslated,
    proof,
    payloads: all.filter(one => known.includes(one.encoding)),
  })
  if (!claim.ok) return failure(claim.error.what)
  const passed = all.filter(({ encoding }) => !known.includes(encoding))
  const notes = passed.map(
    ({ encoding }) => `a certificate of encoding ${certificateEncodingsV1.nameOf(encoding)} was passed over`,
  )
  return success({ ...claim.value, notes: [...new Set([...(claim.value.notes ?? []), ...notes])] })
}
