// What an IKE session itself is protected with (RFC 7296 §3.3.2): a PRF, a cipher and, where the cipher does not
// authenticate by itself, an integrity algorithm (RFC 5282 §8). Found by the numbers that travel in proposals.
import { type CipherAlgorithm, ciphers } from './ciphers.ts'
import { type IntegrityAlgorithm, integrityAlgorithms } from './integrity.ts'
import { type PrfAlgorithm, prfs } from './prf.ts'

export interface IkeSuite {
  readonly prf: PrfAlgorithm
  readonly cipher: CipherAlgorithm
  /** Absent where the cipher itself authenticates. */
  readonly integrity?: IntegrityAlgorithm
}

/**
 * undefined where they do not go together: NULL and GMAC hide nothing (RFC 7296 §3.3.2 forbids them here), a combined mode
 * takes no integrity algorithm and every other cipher needs one. RFC 8247 §2.1 wants whole ICVs, but shorter ones are known.
 */
export function ikeSuiteOf(
  prf: PrfAlgorithm,
  cipher: CipherAlgorithm,
  integrity?: IntegrityAlgorithm,
): IkeSuite | undefined {
  if (cipher.mode === 'null' || cipher.mode === 'gmac') return undefined
  if (cipher.mode === 'aead') return integrity === undefined ? { prf, cipher } : undefined
  return integrity === undefined || integrity.mode === 'gmac' ? undefined : { prf, cipher, integrity }
}

/** Transform Type 1; `keyBits` is the Key Length attribute, which goes with the ciphers of several sizes and no other. */
export function cipherOfTransform(transform: number, keyBits: number | undefined): CipherAlgorithm | undefined {
  return ciphers.find(row => row.transform === transform && row.keyLengthAttribute === keyBits)
}

/** Transform Type 2. */
export function prfOfTransform(transform: number): PrfAlgorithm | undefined {
  return prfs.find(row => row.transform === transform)
}

/** Transform Type 3. */
export function integrityOfTransform(transform: number): IntegrityAlgorithm | undefined {
  return integrityAlgorithms.find(row => row.transform === transform)
}

/** Why a suite should no longer be used; empty for a current one. */
export function whyIkeSuiteIsOld(suite: IkeSuite): readonly string[] {
  return [suite.prf.old, suite.cipher.old, suite.integrity?.old].filter(reason => reason !== undefined)
}
