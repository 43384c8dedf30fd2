// What OpenSSL, and with it node:crypto, calls our algorithms, and the key it wants for them. AES-XCBC and AES-CMAC have
// no name here: aes-mac.ts builds them from AES-CBC.
import type { CipherAlgorithm } from './ciphers.ts'
import type { IntegrityAlgorithm } from './integrity.ts'

/** undefined for NULL, which needs no engine. */
export function opensslNameOf(algorithm: CipherAlgorithm): string | undefined {
  switch (algorithm.name) {
    case 'aes-gcm':
    case 'aes-gmac':
      return `aes-${algorithm.keyBytes * 8}-gcm`
    case 'aes-ccm':
      return `aes-${algorithm.keyBytes * 8}-ccm`
    case 'aes-cbc':
      return `aes-${algorithm.keyBytes * 8}-cbc`
    case 'aes-ctr':
      return `aes-${algorithm.keyBytes * 8}-ctr`
    case 'chacha20-poly1305':
      return 'chacha20-poly1305'
    case '3des-cbc':
    case 'des-cbc':
      return 'des-ede3-cbc'
    case 'null':
      return undefined
  }
}

/**
 * OpenSSL 3 keeps single DES in a part of its own that need not be there. Triple DES with three times the same key is
 * single DES: the second step undoes the first.
 */
export function opensslKeyOf(algorithm: CipherAlgorithm, key: Uint8Array): Uint8Array {
  if (algorithm.name !== 'des-cbc') return key
  const tripled = new Uint8Array(24)
  for (const at of [0, 8, 16]) tripled.set(key, at)
  return tripled
}

/** The hash of an HMAC. */
export function hashNameOf(algorithm: IntegrityAlgorithm): string | undefined {
  switch (algorithm.name) {
    case 'hmac-md5':
      return 'md5'
    case 'hmac-sha1':
      return 'sha1'
    case 'hmac-sha2-256':
      return 'sha256'
    case 'hmac-sha2-384':
      return 'sha384'
    case 'hmac-sha2-512':
      return 'sha512'
    default:
      return undefined
  }
}

/** Octets of an HMAC before it is cut. */
export function hashBytesOf(algorithm: IntegrityAlgorithm): number {
  switch (algorithm.name) {
    case 'hmac-md5':
      return 16
    case 'hmac-sha1':
      return 20
    case 'hmac-sha2-256':
      return 32
    case 'hmac-sha2-384':
      return 48
    default:
      return 64
  }
}
