// Signatures under certificates, CRLs and OCSP responses: RSA (PKCS #1 and PSS), ECDSA on the three NIST curves, Ed25519 and
// Ed448, by the same described schemes as IKE's AUTH. SHA-1, MD5 and RSA below 2048 bits only where a policy asks for them.
// What a judgement costs is bounded: a peer that sends a maze of certificates gets so many signatures checked and no more.
import { constants, type KeyObject, verify } from 'node:crypto'
import { isForKey, type SignatureScheme, schemeOfIdentifier } from '../signature-schemes.ts'
import type { SignedPart } from './certificate.ts'

export interface EffortLimits {
  readonly signatures: number
  /** Certificates tried as somebody's issuer. */
  readonly steps: number
  /** Names held against name constraints. */
  readonly comparisons: number
}

/** Real paths need ten signatures with all their CRLs; 100 RSA checks take a few milliseconds. */
export const usualEffort: EffortLimits = { signatures: 100, steps: 1000, comparisons: 250_000 }

/** What one judgement may still cost, and what it has found out already. */
export class Effort {
  readonly allowOld: boolean
  #signatures: number
  #steps: number
  #comparisons: number
  readonly #known = new WeakMap<SignedPart, Map<KeyObject, string | undefined>>()

  constructor(limits: EffortLimits, allowOld: boolean) {
    this.allowOld = allowOld
    this.#signatures = limits.signatures
    this.#steps = limits.steps
    this.#comparisons = limits.comparisons
  }

  get isSpent(): boolean {
    return this.#signatures < 0 || this.#steps < 0 || this.#comparisons < 0
  }

  step(): boolean {
    return --this.#steps >= 0
  }

  compare(count: number): boolean {
    this.#comparisons -= count
    return this.#comparisons >= 0
  }

  /** Why the signature does not hold; undefined where it does. */
  signatureFault(part: SignedPart, key: KeyObject): string | undefined {
    const known = this.#known.get(part) ?? new Map<KeyObject, string | undefined>()
    this.#known.set(part, known)
    if (!known.has(key)) {
      if (--this.#signatures < 0) return 'too many signatures to check'
      known.set(key, signatureFault(part, key, this.allowOld))
    }
    return known.get(key)
  }
}

function signatureFault(part: SignedPart, key: KeyObject, allowOld: boolean): string | undefined {
  const weak = keyFault(key, allowOld)
  if (weak !== undefined) return `the signing key is ${weak}`
  const isMd5 = Buffer.compare(part.algorithm, MD5_WITH_RSA) === 0
  const scheme = schemeOfIdentifier(part.algorithm)
  if (scheme === undefined && !isMd5) return `the signature algorithm ${part.algorithm.toHex()} is not known`
  if (!allowOld && (isMd5 || scheme!.old !== undefined)) {
    return `signed by ${isMd5 ? 'md5' : scheme!.name}, which is broken: ${isMd5 ? 'collisions are made at will' : scheme!.old}`
  }
  const isFitting = scheme === undefined ? key.asymmetricKeyType === 'rsa' : isForKey(scheme, key)
  if (!isFitting) return 'the signature algorithm is not of the signing key'
  if (authentic.get(part)?.has(key) === true) return undefined
  const isFound = isAuthentic(part, scheme, key)
  if (isFound) authentic.set(part, (authentic.get(part) ?? new WeakSet()).add(key))
  return isFound ? undefined : 'the signature does not fit the signing key'
}

/** What was found authentic stays so: parts and keys are values that nobody changes. They go when their values go. */
const authentic = new WeakMap<SignedPart, WeakSet<KeyObject>>()

/** md5WithRSAEncryption with its NULL (RFC 3279 §2.2.1). */
const MD5_WITH_RSA = Uint8Array.fromHex('300d06092a864886f70d0101040500')

function isAuthentic(part: SignedPart, scheme: SignatureScheme | undefined, key: KeyObject): boolean {
  const digest = scheme === undefined ? 'md5' : (scheme.hash.digest ?? null)
  try {
    return verify(digest, part.octets, { key, ...paddingOf(scheme) }, part.signature)
  } catch {
    // A key that OpenSSL will not use so, such as an RSA-PSS key that is bound to another hash.
    return false
  }
}

function paddingOf(scheme: SignatureScheme | undefined) {
  switch (scheme?.family ?? 'rsa-pkcs1') {
    case 'rsa-pkcs1':
      return { padding: constants.RSA_PKCS1_PADDING }
    case 'rsa-pss':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme!.saltBytes! }
    default:
      return {}
  }
}

const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1']
const [LEAST_BITS, LEAST_OLD_BITS, MOST_BITS] = [2048, 1024, 8192]

/** Why nobody should rely on a key; undefined for a good one. */
export function keyFault(key: KeyObject, allowOld: boolean): string | undefined {
  const details = key.asymmetricKeyDetails
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      const bits = details?.modulusLength ?? 0
      const exponent = details?.publicExponent ?? 0n
      if (bits < LEAST_OLD_BITS || (bits < LEAST_BITS && !allowOld)) return `an RSA key of ${bits} bits`
      // Large keys and exponents are a cheap way to make others work (CVE-2023-3446 and its kin).
      if (bits > MOST_BITS) return `an RSA key of ${bits} bits, more than ${MOST_BITS}`
      return exponent < 3n || exponent % 2n === 0n || exponent >= 1n << 64n
        ? 'an RSA key with a bad exponent'
        : undefined
    }
    case 'ec':
      return CURVES.includes(details?.namedCurve) ? undefined : `on the curve ${details?.namedCurve ?? 'without name'}`
    case 'ed25519':
    case 'ed448':
      return undefined
    default:
      return `of the kind ${key.asymmetricKeyType ?? 'unknown'}`
  }
}
