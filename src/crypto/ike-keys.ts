// Every key that comes from an IKE key exchange, as pure functions over secrets: SKEYSEED and the keys of a session (RFC
// 7296 §2.14), of a rekeyed one (§2.18), of its children (§2.17), after more key exchanges (RFC 9370 §2.2) and with a
// post-quantum preshared key (RFC 8784 §3). Nothing given is wiped; `wipeSecrets` does it when the session is done with it.
import { concatenate } from '../base/bytes.ts'
import { Secret } from '../base/secret.ts'
import type { IkeSuite } from './ike-suites.ts'
import { type PrfAlgorithm, prf, prfPlus, seedKey } from './prf.ts'
import { keyMaterialBytes, type Suite, type SuiteKeys, splitKeyMaterial } from './suites.ts'

export type SecretOctets = Secret<Uint8Array>

/** Of the exchange that the keys come from, without payload headers. */
export interface Nonces {
  readonly initiator: Uint8Array
  readonly responder: Uint8Array
}

/** Of the session that the keys are for, 8 octets each. */
export interface IkeSpis {
  readonly initiator: Uint8Array
  readonly responder: Uint8Array
}

/** What one host protects and proves with. */
export interface IkeSideKeys {
  /** SK_e, with the salt of a counter mode behind it (RFC 5282 §7.1). */
  readonly cipher: SecretOctets
  /** SK_a; empty where the cipher authenticates. */
  readonly integrity: SecretOctets
  /** SK_p. */
  readonly authentication: SecretOctets
}

export interface IkeKeys {
  /** SK_d, which children and the next session come from. */
  readonly derivation: SecretOctets
  /** Of the original initiator, in its requests and its responses. */
  readonly initiator: IkeSideKeys
  readonly responder: IkeSideKeys
}

/** SKEYSEED of a first exchange; `shared` is g^ir as its method writes it. */
export function firstSeed(algorithm: PrfAlgorithm, nonces: Nonces, shared: SecretOctets): SecretOctets {
  return new Secret(prf(algorithm, seedKey(algorithm, nonces.initiator, nonces.responder), shared.reveal()))
}

/**
 * SKEYSEED of the session that follows another. `algorithm` and `derivation` (SK_d) are the old session's (RFC 7296 §2.18);
 * `shared` has one secret, or several in the order of their exchanges (RFC 9370 §2.2.4).
 */
export function rekeySeed(
  algorithm: PrfAlgorithm,
  derivation: SecretOctets,
  shared: readonly [SecretOctets, ...SecretOctets[]],
  nonces: Nonces,
): SecretOctets {
  return withMixed(shared, nonces, mixed => new Secret(prf(algorithm, derivation.reveal(), mixed)))
}

/** The seven keys from SKEYSEED, in the order of RFC 7296 §2.14. */
export function ikeKeysOf(suite: IkeSuite, seed: SecretOctets, nonces: Nonces, spis: IkeSpis): IkeKeys {
  const { keyBytes } = suite.prf
  const integrityBytes = suite.integrity?.keyBytes ?? 0
  const cipherBytes = suite.cipher.keyBytes + suite.cipher.saltBytes
  const sizes = [keyBytes, integrityBytes, integrityBytes, cipherBytes, cipherBytes, keyBytes, keyBytes]
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const context = concatenate([nonces.initiator, nonces.responder, spis.initiator, spis.responder])
  const material = prfPlus(suite.prf, seed.reveal(), context, total)
  let at = 0
  const [d, ai, ar, ei, er, pi, pr] = sizes.map(size => {
    at += size
    return new Secret(material.slice(at - size, at))
  })
  material.fill(0)
  return {
    derivation: d!,
    initiator: { integrity: ai!, cipher: ei!, authentication: pi! },
    responder: { integrity: ar!, cipher: er!, authentication: pr! },
  }
}

/**
 * The keys after one more key exchange in IKE_INTERMEDIATE (RFC 9370 §2.2.2). Nonces and SPIs are those of IKE_SA_INIT;
 * the exchange itself is still protected and authenticated with the keys before it.
 */
export function keysAfterExchange(
  suite: IkeSuite,
  before: IkeKeys,
  shared: SecretOctets,
  nonces: Nonces,
  spis: IkeSpis,
): IkeKeys {
  const seed = rekeySeed(suite.prf, before.derivation, [shared], nonces)
  const keys = ikeKeysOf(suite, seed, nonces, spis)
  wipeSecrets([seed])
  return keys
}

/**
 * With a PPK mixed in (RFC 8784 §3): SK_d, SK_pi and SK_pr change, what protects messages stays. AUTH for a peer that may
 * not have the PPK (NO_PPK_AUTH) is made with the keys before.
 */
export function withPpk(algorithm: PrfAlgorithm, keys: IkeKeys, ppk: SecretOctets): IkeKeys {
  const mixed = (key: SecretOctets) => new Secret(prfPlus(algorithm, ppk.reveal(), key.reveal(), algorithm.keyBytes))
  return {
    derivation: mixed(keys.derivation),
    initiator: { ...keys.initiator, authentication: mixed(keys.initiator.authentication) },
    responder: { ...keys.responder, authentication: mixed(keys.responder.authentication) },
  }
}

/**
 * KEYMAT of a child. `shared` is empty without a fresh key exchange, else as in `rekeySeed`; the nonces are those of the
 * exchange that asked for the child.
 */
export function childKeyMaterial(
  algorithm: PrfAlgorithm,
  derivation: SecretOctets,
  shared: readonly SecretOctets[],
  nonces: Nonces,
  length: number,
): SecretOctets {
  return withMixed(shared, nonces, mixed => new Secret(prfPlus(algorithm, derivation.reveal(), mixed, length)))
}

export interface ChildKeys {
  /** For what the exchange's initiator sends, one for each suite. */
  readonly fromInitiator: readonly SuiteKeys[]
  readonly fromResponder: readonly SuiteKeys[]
}

/** `suites` in the order of the headers in a packet; all of one direction come before the other's (RFC 7296 §2.17). */
export function childKeysOf(
  algorithm: PrfAlgorithm,
  derivation: SecretOctets,
  shared: readonly SecretOctets[],
  nonces: Nonces,
  suites: readonly Suite[],
): ChildKeys {
  const oneWay = suites.reduce((sum, suite) => sum + keyMaterialBytes(suite), 0)
  const secret = childKeyMaterial(algorithm, derivation, shared, nonces, 2 * oneWay)
  const material = secret.reveal()
  let at = 0
  const take = (suite: Suite) => {
    const piece = material.subarray(at, at + keyMaterialBytes(suite))
    at += piece.length
    return splitKeyMaterial(suite, piece)
  }
  const keys = { fromInitiator: suites.map(take), fromResponder: suites.map(take) }
  wipeSecrets([secret])
  return keys
}

/** Overwrites the octets; nothing that has them may be used afterwards. */
export function wipeSecrets(secrets: readonly SecretOctets[]): void {
  for (const secret of secrets) secret.reveal().fill(0)
}

export function wipeIkeKeys(keys: IkeKeys): void {
  const sides = [keys.initiator, keys.responder].flatMap(side => [side.cipher, side.integrity, side.authentication])
  wipeSecrets([keys.derivation, ...sides])
}

/** SK(0) | Ni | Nr | SK(1) | … | SK(n) (RFC 9370 §2.2.4); with one secret or none it is what RFC 7296 has. */
function withMixed<T>(shared: readonly SecretOctets[], nonces: Nonces, run: (mixed: Uint8Array) => T): T {
  const [first, ...more] = shared.map(secret => secret.reveal())
  const mixed = concatenate([first ?? new Uint8Array(0), nonces.initiator, nonces.responder, ...more])
  const result = run(mixed)
  mixed.fill(0)
  return result
}
