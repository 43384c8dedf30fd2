// What CERT and CERTREQ payloads carry (RFC 7296 §3.6, §3.7; RFC 7670 for raw keys, RFC 4806 for OCSP): what we ask for,
// what we send, which credential the peer's wishes lead to, and a peer's payloads as a claim, in bounded number and size.
// Certificates by hash and URL are refused: a stranger would have us fetch what it names.

import { createPublicKey } from 'node:crypto'
import { concatenate, octetsOf } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/result.ts'
import { certificateEncodings } from '../wire/ike/numbers.ts'
import type { Credential } from './credentials.ts'
import { type Identity, isSameIdentity } from './identity.ts'
import type { AuthenticationFault, PeerClaim } from './judge-peer.ts'

const X509 = certificateEncodings.of['X.509']
const RAW_KEY = certificateEncodings.of['raw public key']
const { CRL, OCSP } = certificateEncodings.of

/** The content of a CERT or a CERTREQ payload. */
export interface CertificateData {
  readonly encoding: number
  readonly data: Uint8Array
}

const HASH_BYTES = 20
const NO_DATA = new Uint8Array(0)

/** CERTREQs for these ways of knowing a peer; each hash once, in the order of the policy. */
export function certificateRequests(credentials: readonly Credential[]): readonly CertificateData[] {
  const requests: CertificateData[] = []
  const hashes = new Map<string, Uint8Array>()
  for (const credential of credentials) {
    if (credential.kind !== 'certificate') continue
    for (const { publicKeyHash } of credential.trust.anchors) hashes.set(publicKeyHash.toHex(), publicKeyHash)
  }
  if (hashes.size > 0) requests.push({ encoding: X509, data: concatenate([...hashes.values()]) })
  if (credentials.some(({ kind }) => kind === 'publicKey')) requests.push({ encoding: RAW_KEY, data: NO_DATA })
  // No responder is named: whichever the CA has will do (RFC 4806 §3.1). Peers that know nothing of it pass it over.
  const wantsAnswers = credentials.some(one => one.kind === 'certificate' && one.trust.revocation === 'required')
  if (wantsAnswers) requests.push({ encoding: OCSP, data: NO_DATA })
  return requests
}

/** What is known when one's own credential is chosen. */
export interface OwnChoice {
  /** The peer's CERTREQs; empty where it sent none. */
  readonly requests: readonly CertificateData[]
  /** How the peer proved itself, where it did already: it is answered in kind. */
  readonly judged?: Credential
  /** Whoever the peer may be: what it stated, or as an initiator's guess its address. */
  readonly peers: readonly Identity[]
}

/**
 * The first in the order of the policy, and of those with a signature the one that the peer asks for. A CERTREQ is a hint
 * (RFC 7296 §3.7), which anybody on the way can write: it never leads from a certificate to a pre-shared key, for whoever
 * gets AUTH by one can try secrets at leisure. Undefined where none proves anything.
 */
export function chooseOwnCredential(credentials: readonly Credential[], choice: OwnChoice): Credential | undefined {
  const able = credentials.filter(credential =>
    credential.kind === 'certificate' ? credential.own !== undefined : credential.kind !== 'kerberos',
  )
  if (choice.judged !== undefined && able.includes(choice.judged)) return choice.judged
  const alike = able.filter(credential => credential.kind === choice.judged?.kind)
  const candidates = alike.length > 0 ? alike : able
  const isShared = ({ kind }: Credential) => kind === 'preSharedKey'
  const first = candidates.find(credential => !isShared(credential) || isWelcome(credential, choice)) ?? candidates[0]
  if (first === undefined || isShared(first)) return first
  return candidates.find(credential => !isShared(credential) && isWelcome(credential, choice)) ?? first
}

function isWelcome(credential: Credential, { requests, peers }: OwnChoice): boolean {
  if (credential.kind === 'preSharedKey') {
    return credential.peers === undefined || credential.peers.some(one => peers.some(peer => isSameIdentity(one, peer)))
  }
  if (credential.kind === 'kerberos') return false
  const asked = requests.filter(({ encoding }) => encoding !== OCSP)
  if (asked.length === 0) return true
  if (credential.kind === 'publicKey') return asked.some(({ encoding }) => encoding === RAW_KEY)
  const hashes = asked.filter(({ encoding }) => encoding === X509).flatMap(({ data }) => hashesOf(data))
  const own = credential.own?.issuers.map(issuer => issuer.toHex()) ?? []
  // An empty request takes any CA.
  return asked.some(({ encoding, data }) => encoding === X509 && data.length === 0) || hashes.some(h => own.includes(h))
}

/** Octets that are left over at the end count as no hash. */
function hashesOf(data: Uint8Array): readonly string[] {
  const whole = Math.floor(data.length / HASH_BYTES)
  return Array.from({ length: whole }, (_, i) => data.subarray(HASH_BYTES * i, HASH_BYTES * (i + 1)).toHex())
}

/** CERT payloads that prove whose key AUTH is made with; none for a pre-shared key. */
export function certificatePayloads(
  credential: Credential,
  requests: readonly CertificateData[],
): readonly CertificateData[] {
  if (credential.kind === 'preSharedKey' || credential.kind === 'kerberos') return []
  if (credential.kind === 'publicKey') {
    const data = createPublicKey(credential.key).export({ type: 'spki', format: 'der' })
    return [{ encoding: RAW_KEY, data: octetsOf(data) }]
  }
  const { own } = credential
  if (own === undefined) return []
  // Only who asks for it understands it (RFC 4806 §3.2).
  const isAsked = requests.some(({ encoding }) => encoding === OCSP)
  const ocsp = isAsked && own.ocsp !== undefined ? [{ encoding: OCSP, data: own.ocsp }] : []
  return [...own.chain.map(data => ({ encoding: X509, data })), ...ocsp]
}

/** Our identity for an IDi or IDr payload; `address` stands where the policy names none. */
export function ownIdentity(credential: Credential, address: Identity): Identity {
  if (credential.kind === 'certificate') return credential.own?.identity ?? address
  return credential.identity ?? address
}

interface Limit {
  readonly most: number
  readonly bytes: number
}

/** A path of ten is long; a CRL of a large CA has some megabytes, which no one sends in IKE. */
const limits: ReadonlyMap<number, Limit> = new Map([
  [X509, { most: 10, bytes: 16_384 }],
  [RAW_KEY, { most: 1, bytes: 8_192 }],
  [CRL, { most: 5, bytes: 524_288 }],
  [OCSP, { most: 5, bytes: 32_768 }],
])

export interface ClaimSource extends Pick<PeerClaim, 'identity' | 'address' | 'isTranslated' | 'proof'> {
  /** CERT payloads in their order. */
  readonly payloads: readonly CertificateData[]
}

/** A peer's payloads as a claim; more or larger ones than anybody needs are refused before any is read. */
export function readClaim({ payloads, ...source }: ClaimSource): Result<PeerClaim, AuthenticationFault> {
  const byEncoding = new Map<number, Map<string, Uint8Array>>()
  const notes = new Set<string>()
  for (const { encoding, data } of payloads) {
    const limit = limits.get(encoding)
    if (limit === undefined) {
      notes.add(noteOf(encoding))
      continue
    }
    if (data.length > limit.bytes) return tooMuch(`${data.length} octets of encoding ${nameOf(encoding)}`)
    const found = byEncoding.get(encoding) ?? new Map<string, Uint8Array>()
    byEncoding.set(encoding, found.set(data.toHex(), data))
    if (found.size > limit.most) return tooMuch(`more than ${limit.most} of encoding ${nameOf(encoding)}`)
  }
  const all = (encoding: number) => [...(byEncoding.get(encoding)?.values() ?? [])]
  const [rawKey] = all(RAW_KEY)
  return success({
    ...source,
    certificates: all(X509),
    ...(rawKey === undefined ? {} : { rawKey }),
    ocsp: all(OCSP),
    crls: all(CRL),
    notes: [...notes],
  })
}

function noteOf(encoding: number): string {
  const isByUrl = nameOf(encoding).endsWith('by URL')
  return isByUrl
    ? 'a certificate by hash and URL was not fetched'
    : `a certificate of encoding ${nameOf(encoding)} was passed over`
}

function nameOf(encoding: number): string {
  return certificateEncodings.nameOf(encoding)
}

function tooMuch(what: string) {
  return failure<AuthenticationFault>({ kind: 'unreadable', what: `the peer sent ${what}, more than anybody needs` })
}
