// Pseudorandom functions of IKE as described values, with prf+ (RFC 7296 §2.13). Sources: RFC 2104 and 4868 (HMAC),
// RFC 4434 (AES-XCBC-PRF-128), RFC 4615 (AES-CMAC-PRF-128); transform numbers from IANA's IKEv2 registry, Transform
// Type 2. Keys and results here are plain octets: who calls wipes them.
import { concatenate } from '../base/bytes.ts'
import { aesCmac, aesXcbc, hmac } from './whole-mac.ts'

export type PrfName =
  | 'hmac-md5'
  | 'hmac-sha1'
  | 'hmac-sha2-256'
  | 'hmac-sha2-384'
  | 'hmac-sha2-512'
  | 'aes-xcbc'
  | 'aes-cmac'

export interface PrfAlgorithm {
  readonly kind: 'prf'
  readonly name: PrfName
  /** IKEv2 Transform Type 2. */
  readonly transform: number
  /** Octets of a result. */
  readonly resultBytes: number
  /** Octets of SK_d, SK_pi and SK_pr: the size of key it is meant for. */
  readonly keyBytes: number
  /**
   * `fixed`: AES takes 16 octets, other keys go through a rule of its own first, and of each nonce only the first 8 octets
   * make SKEYSEED (RFC 7296 §2.14).
   */
  readonly keySize: 'variable' | 'fixed'
  /** Why it should no longer be used; only where a policy names it. */
  readonly old?: string
}

function hmacRow(name: PrfName, transform: number, resultBytes: number): PrfAlgorithm {
  return { kind: 'prf', name, transform, resultBytes, keyBytes: resultBytes, keySize: 'variable' }
}

export const prfs: readonly PrfAlgorithm[] = [
  hmacRow('hmac-sha2-256', 5, 32),
  hmacRow('hmac-sha2-384', 6, 48),
  hmacRow('hmac-sha2-512', 7, 64),
  { kind: 'prf', name: 'aes-xcbc', transform: 4, resultBytes: 16, keyBytes: 16, keySize: 'fixed' },
  { kind: 'prf', name: 'aes-cmac', transform: 8, resultBytes: 16, keyBytes: 16, keySize: 'fixed' },
  { ...hmacRow('hmac-sha1', 2, 20), old: 'SHA-1 is ageing and on its way out of IKE (RFC 8247 §2.2)' },
  { ...hmacRow('hmac-md5', 1, 16), old: 'MD5 is broken and must not be used (RFC 8247 §2.2)' },
]

export function findPrf(name: PrfName): PrfAlgorithm {
  return prfs.find(row => row.name === name)!
}

/** By OpenSSL's names. */
const hashOf = {
  'hmac-md5': 'md5',
  'hmac-sha1': 'sha1',
  'hmac-sha2-256': 'sha256',
  'hmac-sha2-384': 'sha384',
  'hmac-sha2-512': 'sha512',
} as const

/** prf(key, text), the text in pieces; a key of any length. */
export function prf(algorithm: PrfAlgorithm, key: Uint8Array, ...text: readonly Uint8Array[]): Uint8Array {
  switch (algorithm.name) {
    case 'aes-xcbc':
      return withKey(xcbcKey(key), fitting => aesXcbc(fitting, text))
    case 'aes-cmac':
      return withKey(cmacKey(key), fitting => aesCmac(fitting, text))
    default:
      return hmac(hashOf[algorithm.name], key, text)
  }
}

/** The counter that ends each step is one octet and starts at 1 (RFC 7296 §2.13). */
const MOST_STEPS = 255

/** Throws where more is asked than 255 results: no suite of ours does, and a counter that wraps would repeat keys. */
export function prfPlus(algorithm: PrfAlgorithm, key: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const { resultBytes } = algorithm
  const steps = Math.ceil(length / resultBytes)
  if (steps > MOST_STEPS) throw new RangeError(`prf+ gives ${MOST_STEPS * resultBytes} octets, not ${length}`)
  const whole = new Uint8Array(steps * resultBytes)
  for (let step = 1; step <= steps; step++) {
    const at = (step - 1) * resultBytes
    const before = step === 1 ? whole.subarray(0, 0) : whole.subarray(at - resultBytes, at)
    const result = prf(algorithm, key, before, seed, Uint8Array.of(step))
    whole.set(result, at)
    result.fill(0)
  }
  const cut = whole.slice(0, length)
  whole.fill(0)
  return cut
}

/** What of the nonces makes SKEYSEED's key. */
export function seedKey(algorithm: PrfAlgorithm, initiator: Uint8Array, responder: Uint8Array): Uint8Array {
  const most = algorithm.keySize === 'fixed' ? 8 : Number.POSITIVE_INFINITY
  return concatenate([initiator.subarray(0, most), responder.subarray(0, most)])
}

/** RFC 4434 §2: a shorter key is filled up with zeros, a longer one is authenticated under a key of zeros. */
function xcbcKey(key: Uint8Array): Uint8Array {
  if (key.length > 16) return aesXcbc(new Uint8Array(16), [key])
  const filled = new Uint8Array(16)
  filled.set(key)
  return filled
}

/** RFC 4615 §3: every key of another length, the shorter too, is authenticated under a key of zeros. */
function cmacKey(key: Uint8Array): Uint8Array {
  return key.length === 16 ? key.slice() : aesCmac(new Uint8Array(16), [key])
}

function withKey(key: Uint8Array, run: (key: Uint8Array) => Uint8Array): Uint8Array {
  const result = run(key)
  key.fill(0)
  return result
}
