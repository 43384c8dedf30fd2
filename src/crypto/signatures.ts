// Proof of identity by a public key in IKEv2's AUTH payload: methods 1 (RSA), 9 to 11 (ECDSA with a curve each, RFC 4754)
// and 14 (any scheme, named in the payload, RFC 7427 and RFC 8420). What is signed comes from ike-auth.ts; whether a key is
// somebody's is a matter of certificates. ECDSA and RSA-PSS draw from OpenSSL's own random source.

import { constants, type KeyObject, sign, verify } from 'node:crypto'
import { concatenate, octetsOf } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/result.ts'
import {
  findSignature,
  type HashName,
  isForKey,
  type SignatureScheme,
  schemeOfIdentifier,
  signatureHashes,
  signatureSchemes,
} from './signature-schemes.ts'

/** IANA's IKEv2 Authentication Method registry. */
export const RSA_METHOD = 1
export const SHARED_KEY_METHOD = 2
export const DIGITAL_SIGNATURE_METHOD = 14

interface EcdsaMethod {
  readonly method: number
  readonly curve: string
  readonly hash: HashName
}

/** RFC 4754 §3: curve and hash go together. */
const ecdsaMethods: readonly EcdsaMethod[] = [
  { method: 9, curve: 'prime256v1', hash: 'sha2-256' },
  { method: 10, curve: 'secp384r1', hash: 'sha2-384' },
  { method: 11, curve: 'secp521r1', hash: 'sha2-512' },
]

/** With which authentication method a scheme is used; the encoding hangs on both. */
export interface SignatureChoice {
  readonly method: number
  readonly scheme: SignatureScheme
}

/** What is wrong with a proof; words for a report. */
export interface SignatureFault {
  readonly kind:
    | 'unknown-method'
    | 'malformed'
    | 'unknown-algorithm'
    | 'not-announced'
    | 'old'
    | 'wrong-key'
    | 'not-authentic'
  readonly what: string
}

export interface SignatureRules {
  /**
   * Numbers in SIGNATURE_HASH_ALGORITHMS: for signing what the peer announced, for verifying what we did. Empty where the
   * notify was not sent; then method 14 is not used.
   */
  readonly hashes: readonly number[]
  /** SHA-1, and RSA keys below 2048 bits: only where a policy asks for them. */
  readonly allowOld: boolean
}

/** For our SIGNATURE_HASH_ALGORITHMS notify. */
export function announcedHashes(allowOld: boolean): readonly number[] {
  return signatureHashes.filter(row => allowOld || row.old === undefined).map(row => row.number)
}

/** RFC 8247 §4.1 has keys of 2048 bits and more. */
const LEAST_RSA_BITS = 2048

/**
 * How to sign with a private key so that the peer can verify; undefined where there is no way. RSA takes PSS (RFC 8247 §4.2).
 */
export function chooseSignature(key: KeyObject, rules: SignatureRules): SignatureChoice | undefined {
  if (isWeak(key) && !rules.allowOld) return undefined
  const curve = key.asymmetricKeyDetails?.namedCurve
  const ecdsa = ecdsaMethods.find(row => row.curve === curve)
  const fitting = signatureSchemes.filter(
    row => isForKey(row, key) && rules.hashes.includes(row.hash.number) && (rules.allowOld || row.old === undefined),
  )
  // A hash as strong as the curve, where the peer has it.
  const scheme = fitting.find(row => row.hash.name === ecdsa?.hash) ?? fitting[0]
  if (scheme !== undefined) return { method: DIGITAL_SIGNATURE_METHOD, scheme }
  if (ecdsa !== undefined) return { method: ecdsa.method, scheme: findSignature('ecdsa', ecdsa.hash)! }
  // Method 1 does not say its hash, and SHA-1 is what everybody expects there (RFC 7296 §3.8).
  const isOldRsa = key.asymmetricKeyType === 'rsa' && rules.allowOld
  return isOldRsa ? { method: RSA_METHOD, scheme: findSignature('rsa-pkcs1', 'sha1')! } : undefined
}

/** AUTH data. Throws where the key is not of the scheme's kind: `chooseSignature` gives none such. */
export function signAuth(choice: SignatureChoice, key: KeyObject, octets: Uint8Array): Uint8Array {
  const { scheme, method } = choice
  const made = octetsOf(sign(scheme.hash.digest ?? null, octets, { key, ...encodingOf(scheme, method) }))
  if (method !== DIGITAL_SIGNATURE_METHOD) return made
  return concatenate([Uint8Array.of(scheme.identifier.length), scheme.identifier, made])
}

/** The scheme that a peer proved its key with, or why it did not. */
export function verifyAuth(
  method: number,
  data: Uint8Array,
  key: KeyObject,
  octets: Uint8Array,
  rules: SignatureRules,
): Result<SignatureScheme, SignatureFault> {
  const read = readAuth(method, data)
  if (!read.ok) return read
  const { schemes, signature } = read.value
  if (isWeak(key) && !rules.allowOld) return fault('old', 'an RSA key below 2048 bits (RFC 8247 §4.1)')
  const curve = ecdsaMethods.find(row => row.method === method)?.curve
  const keyed = schemes.filter(row => isForKey(row, key))
  if (keyed.length === 0 || (curve !== undefined && key.asymmetricKeyDetails?.namedCurve !== curve)) {
    return fault('wrong-key', `method ${method} with ${schemes[0]!.name} and a key of another kind`)
  }
  // A hash that we did not announce might be one that a policy switched off (RFC 7427 §4).
  const announced = keyed.filter(row => method !== DIGITAL_SIGNATURE_METHOD || rules.hashes.includes(row.hash.number))
  if (announced.length === 0) return fault('not-announced', `${keyed[0]!.name} has a hash that was not announced`)
  for (const scheme of announced) {
    if (!isAuthentic(scheme, method, key, octets, signature)) continue
    return scheme.old === undefined || rules.allowOld ? success(scheme) : fault('old', `${scheme.name}: ${scheme.old}`)
  }
  return fault('not-authentic', `the signature of method ${method} does not fit the key`)
}

interface ReadAuth {
  /** Several for method 1, whose hash stands inside the signature. */
  readonly schemes: readonly SignatureScheme[]
  readonly signature: Uint8Array
}

function readAuth(method: number, data: Uint8Array): Result<ReadAuth, SignatureFault> {
  if (method === RSA_METHOD) {
    return success({ schemes: signatureSchemes.filter(row => row.family === 'rsa-pkcs1'), signature: data })
  }
  const ecdsa = ecdsaMethods.find(row => row.method === method)
  if (ecdsa !== undefined) return success({ schemes: [findSignature('ecdsa', ecdsa.hash)!], signature: data })
  if (method !== DIGITAL_SIGNATURE_METHOD) return fault('unknown-method', `authentication method ${method}`)
  const end = 1 + (data[0] ?? 0)
  if (end === 1 || end >= data.length) return fault('malformed', 'no room for an algorithm and a signature')
  const scheme = schemeOfIdentifier(data.subarray(1, end))
  if (scheme === undefined) return fault('unknown-algorithm', `AlgorithmIdentifier ${data.subarray(1, end).toHex()}`)
  return success({ schemes: [scheme], signature: data.subarray(end) })
}

function isAuthentic(
  scheme: SignatureScheme,
  method: number,
  key: KeyObject,
  octets: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return verify(scheme.hash.digest ?? null, octets, { key, ...encodingOf(scheme, method) }, signature)
  } catch {
    // A key that OpenSSL refuses to use at all, such as an RSA-PSS key that is bound to another hash.
    return false
  }
}

/** ECDSA's two numbers stand side by side with methods 9 to 11 (RFC 4754 §7), in DER with 14 (RFC 7427 §3). */
function encodingOf(scheme: SignatureScheme, method: number) {
  switch (scheme.family) {
    case 'rsa-pkcs1':
      return { padding: constants.RSA_PKCS1_PADDING }
    case 'rsa-pss':
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltBytes! }
    case 'ecdsa':
      return { dsaEncoding: method === DIGITAL_SIGNATURE_METHOD ? 'der' : 'ieee-p1363' } as const
    default:
      return {}
  }
}

function isWeak(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength
  return bits !== undefined && bits < LEAST_RSA_BITS
}

function fault(kind: SignatureFault['kind'], what: string) {
  return failure({ kind, what } as const)
}
