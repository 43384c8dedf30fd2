// Who the peer is, if anybody: its claim (identity, certificates, raw key) against what a rule accepts. What comes out is
// the key that its AUTH payload must fit; until that is checked nothing is proved. Reasons are for logs: a peer learns only
// AUTHENTICATION_FAILED (RFC 7296 §2.21.2).
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { type Address, formatAddress } from '../base/address.ts'
import { failure, type Result, success } from '../base/result.ts'
import type { Certificate } from '../crypto/x509/certificate.ts'
import { bindsIdentity, principalNamesOf } from '../crypto/x509/identity.ts'
import { validatePath } from '../crypto/x509/path.ts'
import { identificationTypes } from '../wire/ike/numbers.ts'
import type {
  AccountMapping,
  CertificateCredential,
  Credential,
  KerberosCredential,
  PublicKeyCredential,
  SharedKeyCredential,
} from './credentials.ts'
import {
  formatIdentity,
  type Identity,
  identityOfAddress,
  isSameDistinguishedName,
  isSameIdentity,
  shortened,
} from './identity.ts'
import { knownCertificates } from './known-certificates.ts'
import { isMachine, isSamePrincipal } from './principal.ts'

const { ipv4, ipv6 } = identificationTypes.of

/** What a peer says of itself; certificate-payloads.ts makes it from the payloads, in bounded number and size. */
export interface PeerClaim {
  readonly identity: Identity
  /** DER, the one of the peer's key first. */
  readonly certificates: readonly Uint8Array[]
  /** SubjectPublicKeyInfo in DER. */
  readonly rawKey?: Uint8Array
  readonly ocsp: readonly Uint8Array[]
  readonly crls: readonly Uint8Array[]
  /** Of the peer on the wire. It proves nothing by itself; an identity that is an address has to be this one. */
  readonly address: Address
  /** A NAT stands before the peer: its own address is another. */
  readonly isTranslated?: boolean
  /** What its AUTH payload is made with; left out, both are possible. */
  readonly proof?: 'signature' | 'shared-key' | 'kerberos'
  /** Of Kerberos, as the system's GSS context has it: it is proved already. */
  readonly principal?: string
  /** What was passed over while reading the payloads. */
  readonly notes?: readonly string[]
}

export interface JudgedPeer {
  readonly credential: Credential
  /** Its AUTH must fit this: a public key, or with a pre-shared key a secret one. */
  readonly key: KeyObject
  /** For people: its identity, and its certificate's subject where that says more. */
  readonly name: string
  /** Where accounts are mapped: the one that it stands for. */
  readonly account?: string
  /** Unix seconds; what of its certificates ends first. */
  readonly until?: number
  readonly warnings: readonly string[]
}

export interface AuthenticationFault {
  readonly kind:
    | 'no-credential'
    /** It proves itself in a way that the rule does not have. */
    | 'other-method'
    | 'unreadable'
    | 'untrusted'
    /** Its certificate is not about the identity that it states. */
    | 'not-bound'
    /** It states an address and speaks from another. */
    | 'other-address'
    /** It claims to be this host. */
    | 'ourselves'
    | 'unknown-key'
    | 'not-accepted'
    | 'not-mapped'
  readonly what: string
}

/** The later it stands, the nearer a peer came, and the more its reason tells. */
const telling: readonly AuthenticationFault['kind'][] = [
  'no-credential',
  'other-method',
  'unreadable',
  'unknown-key',
  'untrusted',
  'not-bound',
  'not-accepted',
  'not-mapped',
  'other-address',
  'ourselves',
]

/** By the first credential that accepts; else the most telling reason. `at`: Unix seconds. */
export function judgePeer(
  credentials: readonly Credential[],
  claim: PeerClaim,
  at: number,
): Result<JudgedPeer, AuthenticationFault> {
  let worst: AuthenticationFault | undefined
  for (const credential of credentials) {
    const judged = judgeBy(credential, claim, at)
    if (judged.ok) {
      const untrue = whyFalse(credentials, claim)
      return untrue === undefined ? judged : failure(untrue)
    }
    if (worst === undefined || telling.indexOf(judged.error.kind) > telling.indexOf(worst.kind)) worst = judged.error
  }
  return failure(worst ?? { kind: 'no-credential', what: 'the rule has nothing by which a peer could be known' })
}

/** What no proof makes true. */
export function whyFalse(credentials: readonly Credential[], claim: PeerClaim): AuthenticationFault | undefined {
  const { identity, address, isTranslated } = claim
  const isAddress = identity.type === ipv4 || identity.type === ipv6
  // Else whoever has a proof could be whichever host it states (RFC 4945 §3.1.1).
  if (isAddress && isTranslated !== true && !isSameIdentity(identity, identityOfAddress(address))) {
    const what = `${who(claim)}: who states an address has to speak from it; give that host an identity that is a name`
    return { kind: 'other-address', what: shortened(what, 2000) }
  }
  // What this host has said to somebody is thrown back.
  if (credentials.some(credential => isOwn(credential, claim))) {
    const what = `${who(claim)} has the identity or the key of this host: each host needs its own`
    return { kind: 'ourselves', what: shortened(what, 2000) }
  }
  return undefined
}

function isOwn(credential: Credential, { identity, certificates, rawKey }: PeerClaim): boolean {
  const own = credential.kind === 'certificate' ? credential.own?.identity : credential.identity
  if (own !== undefined && isSameIdentity(own, identity)) return true
  if (credential.kind === 'certificate') {
    const [mine, theirs] = [credential.own?.chain[0], certificates[0]]
    return mine !== undefined && theirs !== undefined && Buffer.compare(mine, theirs) === 0
  }
  if (credential.kind !== 'publicKey' || rawKey === undefined) return false
  return readPublicKey(rawKey)?.equals(createPublicKey(credential.key)) === true
}

function judgeBy(credential: Credential, claim: PeerClaim, at: number): Result<JudgedPeer, AuthenticationFault> {
  const proof = proofOf(credential)
  if (claim.proof !== undefined && claim.proof !== proof) {
    const what = `${who(claim)} proves itself by ${proofWords[claim.proof]}, and the rule asks for ${proofWords[proof]}`
    return fault('other-method', what)
  }
  switch (credential.kind) {
    case 'certificate':
      return judgeCertificate(credential, claim, at)
    case 'publicKey':
      return judgePublicKey(credential, claim)
    case 'preSharedKey':
      return judgeSharedKey(credential, claim)
    case 'kerberos':
      return judgePrincipal(credential, claim)
  }
}

const proofWords = { signature: 'a signature', 'shared-key': 'a pre-shared key', kerberos: 'Kerberos' } as const

export function proofOf({ kind }: Credential): NonNullable<PeerClaim['proof']> {
  if (kind === 'preSharedKey') return 'shared-key'
  return kind === 'kerberos' ? 'kerberos' : 'signature'
}

/** The key is of no use: the system's context has checked the proof. */
function judgePrincipal(credential: KerberosCredential, claim: PeerClaim): Result<JudgedPeer, AuthenticationFault> {
  const { principal } = claim
  if (principal === undefined)
    return fault('other-method', `${who(claim)} proves itself by something else than Kerberos`)
  const { principals } = credential
  if (principals !== undefined && !principals.some(one => isSamePrincipal(one, principal))) {
    const names = principals.slice(0, 5).join(', ')
    return fault(
      'not-accepted',
      `${principal} at ${formatAddress(claim.address)} is not among the peers of the rule: ${names}`,
    )
  }
  if (principals === undefined && !isMachine(principal, credential.service)) {
    const what = `${principal} at ${formatAddress(claim.address)} is no machine's name, and the rule names no peers`
    return fault('not-accepted', what)
  }
  const key = createSecretKey(new Uint8Array(32))
  return success({ credential, key, name: shortened(principal), warnings: claim.notes ?? [] })
}

function judgeCertificate(
  credential: CertificateCredential,
  claim: PeerClaim,
  at: number,
): Result<JudgedPeer, AuthenticationFault> {
  const [first, ...others] = claim.certificates
  if (first === undefined) {
    const instead = claim.rawKey === undefined ? '' : ' but a raw public key'
    return fault('other-method', withNotes(claim, `${who(claim)} sent no certificate${instead}`))
  }
  const known = knownCertificates(credential.trust)
  const leaf = known.parse(first)
  if (!leaf.ok) return fault('unreadable', `the certificate of ${who(claim)} cannot be read: ${leaf.error.what}`)
  const warnings = [...(claim.notes ?? [])]
  const offered = others.flatMap(der => {
    const read = known.parse(der)
    if (!read.ok) warnings.push(`a further certificate of the peer cannot be read: ${read.error.what}`)
    return read.ok ? [read.value] : []
  })
  const path = validatePath(leaf.value, offered, credential.trust, { at, ocsp: claim.ocsp, crls: claim.crls })
  if (!path.ok) {
    const whose = `the certificate of ${who(claim)}, for ${subjectOf(leaf.value)} by ${shortened(leaf.value.issuer.text)}`
    return fault('untrusted', withNotes(claim, `${whose}: ${path.error.what}`))
  }
  known.remember([leaf.value, ...path.value.chain.slice(1, -1)])
  // An address, too, has to stand in the certificate: the one on the wire is anybody's who can send from it.
  if (!bindsIdentity(leaf.value, claim.identity)) {
    return fault(
      'not-bound',
      `the peer states ${who(claim)}, which the certificate for ${subjectOf(leaf.value)} does not have`,
    )
  }
  // Most hosts state their subject. Whatever else the certificate has was certified as well, so a policy may name that.
  const isNamed = credential.peers?.some(peer => bindsIdentity(leaf.value, peer)) ?? true
  if (!isNamed && !isAccepted(credential.peers, claim.identity)) return notAccepted(credential.peers!, claim)
  const mapped = accountOf(credential.accounts, leaf.value)
  if (credential.accounts !== undefined && mapped === undefined) {
    return fault(
      'not-mapped',
      `no account is mapped to the certificate for ${subjectOf(leaf.value)} by ${shortened(leaf.value.issuer.text)}`,
    )
  }
  const stated = formatIdentity(claim.identity)
  const subject = subjectOf(leaf.value)
  return success({
    credential,
    key: leaf.value.publicKey,
    name: stated === subject ? stated : `${stated} (${subject})`,
    ...(mapped === undefined ? {} : { account: mapped.account }),
    until: Math.min(...path.value.chain.map(({ notAfter }) => notAfter)),
    warnings: [...warnings, ...path.value.warnings],
  })
}

/** Any identity will do that `peers` has: the key itself is what is known of the peer (RFC 7670 §4). */
function judgePublicKey(credential: PublicKeyCredential, claim: PeerClaim): Result<JudgedPeer, AuthenticationFault> {
  if (claim.rawKey === undefined) {
    return fault('other-method', withNotes(claim, `${who(claim)} sent no raw public key`))
  }
  const key = readPublicKey(claim.rawKey)
  if (key === undefined) return fault('unreadable', `the public key of ${who(claim)} cannot be read`)
  // By what the keys are, not by the octets that came: parameters may be written in more than one way.
  if (!credential.peerKeys.some(known => known.equals(key))) {
    return fault(
      'unknown-key',
      `the public key of ${who(claim)} is not among the ${credential.peerKeys.length} of the rule`,
    )
  }
  if (!isAccepted(credential.peers, claim.identity)) return notAccepted(credential.peers!, claim)
  return success({ credential, key, name: formatIdentity(claim.identity), warnings: claim.notes ?? [] })
}

function judgeSharedKey(credential: SharedKeyCredential, claim: PeerClaim): Result<JudgedPeer, AuthenticationFault> {
  if (claim.proof === undefined && (claim.certificates.length > 0 || claim.rawKey !== undefined)) {
    return fault('other-method', `${who(claim)} sent a key of its own, and the rule asks for a pre-shared key`)
  }
  if (!isAccepted(credential.peers, claim.identity)) return notAccepted(credential.peers!, claim)
  const key = createSecretKey(credential.secret.reveal())
  return success({ credential, key, name: formatIdentity(claim.identity), warnings: claim.notes ?? [] })
}

function accountOf(
  accounts: readonly AccountMapping[] | undefined,
  certificate: Certificate,
): AccountMapping | undefined {
  return accounts?.find(({ subject, issuer, upn }) => {
    // A mapping that asks for nothing would map everybody.
    if (subject === undefined && issuer === undefined && upn === undefined) return false
    const isOf = (wanted: Uint8Array | undefined, has: Uint8Array) =>
      wanted === undefined || isSameDistinguishedName(wanted, has)
    return (
      isOf(subject, certificate.subject.der) &&
      isOf(issuer, certificate.issuer.der) &&
      (upn === undefined || principalNamesOf(certificate).some(name => name.toLowerCase() === upn.toLowerCase()))
    )
  })
}

/** An empty subject is usual where alternative names say it all. */
function subjectOf({ subject }: Certificate): string {
  return subject.text === '' ? 'no subject' : shortened(subject.text)
}

function isAccepted(peers: readonly Identity[] | undefined, identity: Identity): boolean {
  return peers === undefined || peers.some(peer => isSameIdentity(peer, identity))
}

function notAccepted(peers: readonly Identity[], claim: PeerClaim) {
  const names = peers.slice(0, 5).map(formatIdentity).join(', ')
  const more = peers.length > 5 ? ` and ${peers.length - 5} more` : ''
  return fault('not-accepted', `${who(claim)} is not among the peers of the rule: ${names}${more}`)
}

function readPublicKey(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function who({ identity, address }: PeerClaim): string {
  const stated = formatIdentity(identity)
  const seen = formatAddress(address)
  return stated === seen ? stated : `${stated} at ${seen}`
}

function withNotes({ notes = [] }: PeerClaim, what: string): string {
  return notes.length === 0 ? what : `${what} (${notes.join('; ')})`
}

function fault(kind: AuthenticationFault['kind'], what: string) {
  return failure({ kind, what: shortened(what, 2000) } as const)
}
