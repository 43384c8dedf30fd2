// What one header around a packet is protected with: a cipher and an integrity algorithm that go together, found by the
// words that policies use, with the key material it takes (RFC 7296 §2.17 has the order: the cipher's key and salt
// first, then the integrity key).
import { Secret } from '../base/secret.ts'
import { type CipherAlgorithm, type CipherName, findCipher } from './ciphers.ts'
import { findIntegrity, type IntegrityAlgorithm, type IntegrityName } from './integrity.ts'

export interface EspSuite {
  readonly protocol: 'esp'
  readonly cipher: CipherAlgorithm
  /** Absent where the cipher itself authenticates. */
  readonly integrity?: IntegrityAlgorithm
}

export interface AhSuite {
  readonly protocol: 'ah'
  readonly integrity: IntegrityAlgorithm
}

export type Suite = EspSuite | AhSuite

/** A header as an offer of a policy describes it (`Protection` in policy/offers.ts has this shape). */
export interface ProtectionWords {
  readonly protocol: 'esp' | 'ah'
  readonly cipher?: Exclude<CipherName, 'aes-gmac' | 'null'>
  /** Of the cipher or of GMAC; 0 where there is neither. */
  readonly keyBits: number
  readonly integrity?: IntegrityName
  readonly icvBits: number
}

/** The suite of those words; undefined where they name none, as for encryption without integrity. */
export function suiteOf(words: ProtectionWords): Suite | undefined {
  const { protocol, keyBits, icvBits } = words
  const keyBytes = keyBits / 8
  const icvBytes = icvBits / 8
  if (protocol === 'ah') {
    const integrity = words.integrity && findIntegrity(words.integrity, keyBytes === 0 ? undefined : keyBytes)
    return integrity?.icvBytes === icvBytes && words.cipher === undefined ? { protocol, integrity } : undefined
  }
  if (words.integrity === 'aes-gmac') {
    const cipher = findCipher('aes-gmac', keyBytes, icvBytes)
    return cipher && words.cipher === undefined ? { protocol, cipher } : undefined
  }
  if (words.integrity === undefined) {
    const cipher = words.cipher && findCipher(words.cipher, keyBytes, icvBytes)
    return cipher && cipher.icvBytes > 0 ? { protocol, cipher } : undefined
  }
  const cipher = findCipher(words.cipher ?? 'null', keyBytes, 0)
  const integrity = findIntegrity(words.integrity)
  return cipher && integrity?.icvBytes === icvBytes ? { protocol, cipher, integrity } : undefined
}

/** Why a suite should no longer be used; empty for a current one. */
export function whyOld(suite: Suite): readonly string[] {
  const rows = suite.protocol === 'esp' ? [suite.cipher.old, suite.integrity?.old] : [suite.integrity.old]
  return rows.filter(reason => reason !== undefined)
}

/** The keys of one direction; each with its salt behind it, empty where there is none. */
export interface SuiteKeys {
  readonly cipher: Secret<Uint8Array>
  readonly integrity: Secret<Uint8Array>
}

/** Octets of key material for one direction. */
export function keyMaterialBytes(suite: Suite): number {
  return cipherMaterial(suite) + integrityMaterial(suite)
}

/** The keys of one direction from its key material, which is copied; wipe the original. */
export function splitKeyMaterial(suite: Suite, material: Uint8Array): SuiteKeys {
  if (material.length !== keyMaterialBytes(suite)) {
    throw new Error(`key material of ${material.length} octets where ${keyMaterialBytes(suite)} are wanted`)
  }
  const border = cipherMaterial(suite)
  return { cipher: new Secret(material.slice(0, border)), integrity: new Secret(material.slice(border)) }
}

/** Once the keyed objects are made; they keep what they need. */
export function wipeKeys(keys: SuiteKeys): void {
  keys.cipher.reveal().fill(0)
  keys.integrity.reveal().fill(0)
}

function cipherMaterial(suite: Suite): number {
  return suite.protocol === 'esp' ? suite.cipher.keyBytes + suite.cipher.saltBytes : 0
}

function integrityMaterial(suite: Suite): number {
  return suite.integrity === undefined ? 0 : suite.integrity.keyBytes + suite.integrity.saltBytes
}

/** Octets of SPI, sequence number and IV before the content of an ESP packet. */
export function espHeaderBytes(suite: EspSuite): number {
  return 8 + suite.cipher.ivBytes
}

/** Octets behind the content of an ESP packet. */
export function espIcvBytes(suite: EspSuite): number {
  return suite.integrity?.icvBytes ?? suite.cipher.icvBytes
}

/** Content and trailer of an ESP packet fill a multiple of this (RFC 4303 §2.4). */
export function espAlignment(suite: EspSuite): number {
  return Math.max(4, suite.cipher.blockBytes)
}

/** Octets of AH's ICV field; GMAC's has the IV in it as well. IPv6 pads the header to 8 octets, which is AH's matter. */
export function ahIcvFieldBytes(suite: AhSuite): number {
  return suite.integrity.ivBytes + suite.integrity.icvBytes
}
