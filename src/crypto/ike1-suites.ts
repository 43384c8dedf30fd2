// What a main mode SA of IKEv1 is protected with (RFC 2409 §A): a cipher, a hash, and the PRF, which is HMAC of the hash since
// no other ever got a number. There is no integrity algorithm of its own: a HASH payload inside proves each message. Found by
// the numbers that travel in transforms.
import { type CipherAlgorithm, ciphers } from './ciphers.ts'
import { findPrf, type PrfAlgorithm, type PrfName } from './prf.ts'

export interface Ike1Hash {
  readonly name: 'md5' | 'sha1' | 'sha2-256' | 'sha2-384' | 'sha2-512'
  /** Value of the attribute "hash". */
  readonly number: number
  /** OpenSSL's name. */
  readonly digest: string
  readonly prf: PrfName
  /** Why it should no longer be used; only where a policy names it. */
  readonly old?: string
}

export const ike1Hashes: readonly Ike1Hash[] = [
  { name: 'sha2-256', number: 4, digest: 'sha256', prf: 'hmac-sha2-256' },
  { name: 'sha2-384', number: 5, digest: 'sha384', prf: 'hmac-sha2-384' },
  { name: 'sha2-512', number: 6, digest: 'sha512', prf: 'hmac-sha2-512' },
  { name: 'sha1', number: 2, digest: 'sha1', prf: 'hmac-sha1', old: 'SHA-1 is ageing and on its way out of IKE' },
  { name: 'md5', number: 1, digest: 'md5', prf: 'hmac-md5', old: 'MD5 is broken and must not be used' },
]

export interface Ike1Suite {
  readonly hash: Ike1Hash
  readonly prf: PrfAlgorithm
  /** In CBC mode: IKEv1 has no other. */
  readonly cipher: CipherAlgorithm
}

/** Values of the attribute "encryption". */
const cipherNumbers: ReadonlyMap<CipherAlgorithm['name'], number> = new Map([
  ['des-cbc', 1],
  ['3des-cbc', 5],
  ['aes-cbc', 7],
])

/** undefined for what is not of IKEv1: combined modes, counter modes and NULL. */
export function ike1CipherNumber({ name }: Pick<CipherAlgorithm, 'name'>): number | undefined {
  return cipherNumbers.get(name)
}

/**
 * `keyBits` is the attribute "key length"; AES without it has 128 bits. DES and 3DES have one size each, and peers that say
 * it, in one count or another, mean nothing by it.
 */
export function ike1CipherOf(number: number, keyBits: number | undefined): CipherAlgorithm | undefined {
  const row = ciphers.find(({ name }) => cipherNumbers.get(name) === number)
  if (row?.keyLengthAttribute === undefined) return row
  return ciphers.find(({ name, keyLengthAttribute }) => name === row.name && keyLengthAttribute === (keyBits ?? 128))
}

export function ike1HashOf(number: number): Ike1Hash | undefined {
  return ike1Hashes.find(row => row.number === number)
}

/** The hash whose HMAC a PRF is; undefined for PRFs of AES. */
export function ike1HashOfPrf(prf: PrfName): Ike1Hash | undefined {
  return ike1Hashes.find(row => row.prf === prf)
}

/** undefined where the cipher is none of IKEv1. */
export function ike1SuiteOf(hash: Ike1Hash, cipher: CipherAlgorithm): Ike1Suite | undefined {
  return ike1CipherNumber(cipher) === undefined ? undefined : { hash, cipher, prf: findPrf(hash.prf) }
}

/** Why a suite should no longer be used; empty for a current one. */
export function whyIke1SuiteIsOld({ hash, cipher }: Ike1Suite): readonly string[] {
  return [hash.old, cipher.old].filter(reason => reason !== undefined)
}
