// Every key and hash of IKEv1 as pure functions over secrets (RFC 2409 §5, §5.5, §5.7 and appendix B): SKEYID and what comes
// from it, IVs, the hashes that prove a main mode and those that prove each message after it, and the keys of quick mode.
// Nothing given is wiped; `wipeIke1Keys` does it when the session is done with it.
import { createHash } from 'node:crypto'
import { concatenate, octetsOf } from '../base/bytes.ts'
import { Secret } from '../base/secret.ts'
import { type Nonces, type SecretOctets, wipeSecrets } from './ike-keys.ts'
import type { Ike1Suite } from './ike1-suites.ts'
import { findPrf, type PrfAlgorithm, prf } from './prf.ts'
import { keyMaterialBytes, type Suite, type SuiteKeys, splitKeyMaterial } from './suites.ts'

/** CKY-I and CKY-R, 8 octets each: what the header has in the place of IKEv2's SPIs. */
export interface Cookies {
  readonly initiator: Uint8Array
  readonly responder: Uint8Array
}

/** g^xi and g^xr, as they stand in the KE payloads. */
export interface PublicValues {
  readonly initiator: Uint8Array
  readonly responder: Uint8Array
}

export interface Ike1Keys {
  /** SKEYID, which proves the main mode. */
  readonly base: SecretOctets
  /** SKEYID_d, which the keys of quick mode come from. */
  readonly derivation: SecretOctets
  /** SKEYID_a, which proves every message after main mode. */
  readonly authentication: SecretOctets
  /** The cipher's key from SKEYID_e, the same in both directions. */
  readonly cipher: SecretOctets
}

/** SKEYID where both have a pre-shared key (RFC 2409 §5.4). */
export function baseKeyOfSharedKey({ prf: algorithm }: Ike1Suite, key: SecretOctets, nonces: Nonces): SecretOctets {
  return new Secret(prf(algorithm, key.reveal(), nonces.initiator, nonces.responder))
}

/** SKEYID where both sign, and with Kerberos (RFC 2409 §5.1; draft-ietf-ipsec-isakmp-gss-auth). `shared` is g^xy. */
export function baseKeyOfSignatures({ prf: algorithm }: Ike1Suite, shared: SecretOctets, nonces: Nonces): SecretOctets {
  return new Secret(prf(algorithm, concatenate([nonces.initiator, nonces.responder]), shared.reveal()))
}

/** SKEYID_d, SKEYID_a and SKEYID_e, each made with the one before it (RFC 2409 §5). `base` belongs to the result. */
export function ike1KeysOf(suite: Ike1Suite, base: SecretOctets, shared: SecretOctets, cookies: Cookies): Ike1Keys {
  const step = (before: Uint8Array, number: number) =>
    prf(suite.prf, base.reveal(), before, shared.reveal(), cookies.initiator, cookies.responder, Uint8Array.of(number))
  const derivation = step(new Uint8Array(0), 0)
  const authentication = step(derivation, 1)
  const encryption = step(authentication, 2)
  const cipher = expandedKey(suite.prf, encryption, suite.cipher.keyBytes)
  encryption.fill(0)
  return {
    base,
    derivation: new Secret(derivation),
    authentication: new Secret(authentication),
    cipher: new Secret(cipher),
  }
}

/** The front of SKEYID_e; a longer key is K1 | K2 | …, the first made of a zero octet (RFC 2409 appendix B). */
function expandedKey(algorithm: PrfAlgorithm, encryption: Uint8Array, length: number): Uint8Array {
  if (encryption.length >= length) return encryption.slice(0, length)
  return chained(algorithm, encryption, length, before => [before ?? Uint8Array.of(0)])
}

/** Results one behind the other, each made of the one before it, up to a length. */
function chained(
  algorithm: PrfAlgorithm,
  key: Uint8Array,
  length: number,
  text: (before: Uint8Array | undefined) => readonly Uint8Array[],
): Uint8Array {
  const whole = new Uint8Array(length)
  let before: Uint8Array | undefined
  for (let at = 0; at < length; ) {
    const result = prf(algorithm, key, ...text(before))
    whole.set(result.subarray(0, length - at), at)
    before?.fill(0)
    before = result
    at += result.length
  }
  before?.fill(0)
  return whole
}

export function wipeIke1Keys(keys: Ike1Keys): void {
  wipeSecrets([keys.base, keys.derivation, keys.authentication, keys.cipher])
}

/** The IV of the first encrypted message of main mode; later ones take the last block before them (RFC 2409 appendix B). */
export function firstIv(suite: Ike1Suite, values: PublicValues): Uint8Array {
  return hashed(suite, [values.initiator, values.responder]).slice(0, suite.cipher.ivBytes)
}

/**
 * The IV of the first message of an exchange after main mode. `lastBlock` is the last block of ciphertext of main mode,
 * whoever sent it, the same for all later exchanges (RFC 2409 appendix B).
 */
export function exchangeIv(suite: Ike1Suite, lastBlock: Uint8Array, messageId: number): Uint8Array {
  return hashed(suite, [lastBlock, u32(messageId)]).slice(0, suite.cipher.ivBytes)
}

function hashed({ hash }: Ike1Suite, parts: readonly Uint8Array[]): Uint8Array {
  const digest = createHash(hash.digest)
  for (const part of parts) digest.update(part)
  return octetsOf(digest.digest())
}

/** What a NAT-D payload holds: of the hash that was agreed on, over cookies, address and port (RFC 3947 §3.2). */
export function natDetectionHash(suite: Ike1Suite, cookies: Cookies, address: Uint8Array, port: number): Uint8Array {
  const ports = Uint8Array.of(port >>> 8, port & 0xff)
  return hashed(suite, [cookies.initiator, cookies.responder, address, ports])
}

/** What both sides of a main mode prove; the roles are those of the exchange. */
export interface MainModeParts {
  readonly cookies: Cookies
  readonly values: PublicValues
  /** SAi_b: the body of the SA payload that the initiator sent, every proposal of it. */
  readonly association: Uint8Array
  /** IDii_b or IDir_b: the body of the ID payload of the side that proves. */
  readonly identity: Uint8Array
  /** Behind all: what Kerberos adds, names and tokens. */
  readonly more?: readonly Uint8Array[]
}

/** HASH_I; `by` differs from the suite's PRF with ECDSA alone, see `proofPrf`. */
export function initiatorHash(by: PrfAlgorithm, base: SecretOctets, parts: MainModeParts): Uint8Array {
  const { values, cookies } = parts
  return mainModeHash(by, base, [values.initiator, values.responder, cookies.initiator, cookies.responder], parts)
}

/** HASH_R: the responder's values come first, the SA payload is still the initiator's. */
export function responderHash(by: PrfAlgorithm, base: SecretOctets, parts: MainModeParts): Uint8Array {
  const { values, cookies } = parts
  return mainModeHash(by, base, [values.responder, values.initiator, cookies.responder, cookies.initiator], parts)
}

function mainModeHash(
  by: PrfAlgorithm,
  base: SecretOctets,
  first: readonly Uint8Array[],
  { association, identity, more = [] }: MainModeParts,
): Uint8Array {
  return prf(by, base.reveal(), ...first, association, identity, ...more)
}

/** Methods 9 to 11, ECDSA with a curve each, hash with the curve's own hash whatever was agreed on (RFC 4754 §4). */
const ecdsaPrfs = new Map([
  [9, findPrf('hmac-sha2-256')],
  [10, findPrf('hmac-sha2-384')],
  [11, findPrf('hmac-sha2-512')],
])

/** The PRF of HASH_I and HASH_R, by the attribute "authentication". */
export function proofPrf(suite: Ike1Suite, method: number): PrfAlgorithm {
  return ecdsaPrfs.get(method) ?? suite.prf
}

/**
 * HASH(1) of quick mode, and the hash of an informational exchange (RFC 2409 §5.5, §5.7). `behind` is the whole content
 * behind the HASH payload, with generic headers and without padding.
 */
export function messageHash(
  suite: Ike1Suite,
  keys: Pick<Ike1Keys, 'authentication'>,
  messageId: number,
  behind: Uint8Array,
): Uint8Array {
  return prf(suite.prf, keys.authentication.reveal(), u32(messageId), behind)
}

/** HASH(2): the responder's, and that of a CONNECTED notification, with the initiator's nonce in front. */
export function answerHash(
  suite: Ike1Suite,
  keys: Pick<Ike1Keys, 'authentication'>,
  messageId: number,
  initiatorNonce: Uint8Array,
  behind: Uint8Array,
): Uint8Array {
  return prf(suite.prf, keys.authentication.reveal(), u32(messageId), initiatorNonce, behind)
}

/** HASH(3): the initiator has seen the responder's nonce. */
export function closingHash(
  suite: Ike1Suite,
  keys: Pick<Ike1Keys, 'authentication'>,
  messageId: number,
  nonces: Nonces,
): Uint8Array {
  const { initiator, responder } = nonces
  return prf(suite.prf, keys.authentication.reveal(), Uint8Array.of(0), u32(messageId), initiator, responder)
}

/**
 * The answer to Windows's reliable delete ([MS-IKEE] §3.1): the asking nonce comes before the message ID there. `behind` is
 * the answer's content behind its nonce.
 */
export function reliableDeleteHash(
  suite: Ike1Suite,
  keys: Pick<Ike1Keys, 'authentication'>,
  messageId: number,
  nonces: Nonces,
  behind: Uint8Array,
): Uint8Array {
  const { initiator, responder } = nonces
  return prf(suite.prf, keys.authentication.reveal(), initiator, u32(messageId), responder, behind)
}

/** Of one SA of quick mode, in one direction: the SPI is chosen by who receives with it. */
export interface Child1 {
  readonly suite: Suite
  readonly spi: Uint8Array
}

const PROTOCOLS = { ah: 2, esp: 3 } as const

/**
 * KEYMAT (RFC 2409 §5.5): every SA has its own, made of its protocol and SPI. `shared` is g(qm)^xy, absent without perfect
 * forward secrecy; the nonces are quick mode's.
 */
export function child1KeysOf(
  algorithm: PrfAlgorithm,
  derivation: SecretOctets,
  shared: SecretOctets | undefined,
  nonces: Nonces,
  { suite, spi }: Child1,
): SuiteKeys {
  const secret = child1KeyMaterial(algorithm, derivation, shared, nonces, suite.protocol, spi, keyMaterialBytes(suite))
  const keys = splitKeyMaterial(suite, secret.reveal())
  wipeSecrets([secret])
  return keys
}

export function child1KeyMaterial(
  algorithm: PrfAlgorithm,
  derivation: SecretOctets,
  shared: SecretOctets | undefined,
  nonces: Nonces,
  protocol: 'ah' | 'esp',
  spi: Uint8Array,
  length: number,
): SecretOctets {
  const seed = [
    ...(shared === undefined ? [] : [shared.reveal()]),
    Uint8Array.of(PROTOCOLS[protocol]),
    spi,
    nonces.initiator,
    nonces.responder,
  ]
  const text = (before: Uint8Array | undefined) => (before === undefined ? seed : [before, ...seed])
  return new Secret(chained(algorithm, derivation.reveal(), length, text))
}

function u32(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setUint32(0, value)
  return octets
}
