// Proof of identity by a public key in IKEv1's SIG payload. RSA is PKCS #1 v1.5 around the bare HASH_I or HASH_R, without
// the DigestInfo that says which hash it was (RFC 2409 §5.1); ECDSA takes the hash as it is and writes r and s side by side
// (RFC 4754 §4, §7). What is signed comes from ike1-keys.ts; whether a key is somebody's is a matter of certificates.
import { constants, type KeyObject, privateEncrypt, publicDecrypt } from 'node:crypto'
import { isSameOctets, octetsOf } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/result.ts'
import { signBare, verifyBare } from './ecdsa-bare.ts'
import type { SignatureFault } from './signatures.ts'

/** Values of the attribute "authentication" (RFC 2409 §A, RFC 4754 §6). */
export const RSA_SIGNATURE_V1 = 3

interface EcdsaMethod1 {
  readonly method: number
  /** OpenSSL's name. */
  readonly curve: string
  /** Of HASH_I and HASH_R, which `proofPrf` makes of the size of the curve's own hash. */
  readonly hashBytes: number
}

const ecdsaMethods: readonly EcdsaMethod1[] = [
  { method: 9, curve: 'prime256v1', hashBytes: 32 },
  { method: 10, curve: 'secp384r1', hashBytes: 48 },
  { method: 11, curve: 'secp521r1', hashBytes: 64 },
]

const LEAST_RSA_BITS = 2048

/** How such a key proves in IKEv1; undefined where it cannot. Short RSA keys only where a policy allows what is old. */
export function signatureMethodOf(key: KeyObject, allowOld: boolean): number | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return allowOld || (details?.modulusLength ?? 0) >= LEAST_RSA_BITS ? RSA_SIGNATURE_V1 : undefined
  return type === 'ec' ? ecdsaMethods.find(row => row.curve === details?.namedCurve)?.method : undefined
}

/** The SIG payload over HASH_I or HASH_R. Throws where key and method do not go together: `signatureMethodOf` says. */
export function signHash(method: number, key: KeyObject, hash: Uint8Array): Uint8Array {
  if (signatureMethodOf(key, true) !== method) throw new RangeError(`a key that does not sign by method ${method}`)
  if (method === RSA_SIGNATURE_V1) {
    return octetsOf(privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, hash)).slice()
  }
  return signBare(key, hash)
}

/** Whether the peer's key made the signature; in words why not. */
export function verifyHash(
  method: number,
  key: KeyObject,
  hash: Uint8Array,
  signature: Uint8Array,
  allowOld: boolean,
): Result<undefined, SignatureFault> {
  const own = signatureMethodOf(key, true)
  if (method !== RSA_SIGNATURE_V1 && !ecdsaMethods.some(row => row.method === method)) {
    return fault('unknown-method', `authentication method ${method}`)
  }
  if (own !== method) return fault('wrong-key', `method ${method} and a key of another kind`)
  if (signatureMethodOf(key, allowOld) === undefined) {
    return fault('old', 'an RSA key below 2048 bits (RFC 8247 §4.1)')
  }
  const isAuthentic = method === RSA_SIGNATURE_V1 ? isRsaOf : verifyBare
  return isAuthentic(key, hash, signature)
    ? success(undefined)
    : fault('not-authentic', `the signature of method ${method} does not fit the key`)
}

function isRsaOf(key: KeyObject, hash: Uint8Array, signature: Uint8Array): boolean {
  try {
    const inside = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature)
    return isSameOctets(inside, hash)
  } catch {
    // OpenSSL says wrong padding, and a number that is too great, by an exception.
    return false
  }
}

function fault(kind: SignatureFault['kind'], what: string) {
  return failure({ kind, what } as const)
}
