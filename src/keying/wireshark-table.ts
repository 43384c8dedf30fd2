// Keys of IKE SAs in the form that Wireshark reads: lines of its tables `ikev2_decryption_table` and
// `ikev1_decryption_table`, which let it open every message. What its dissector cannot do is left out: ChaCha20-Poly1305, AES-XCBC and AES-CMAC.

import type { CipherAlgorithm } from '../crypto/ciphers.ts'
import type { SecretOctets } from '../crypto/ike-keys.ts'
import type { IntegrityName } from '../crypto/integrity.ts'
import type { KeyingEvent } from './machine.ts'

export type KeysTold = Extract<KeyingEvent, { readonly kind: 'keys' }>

const integrityNames: Partial<Record<IntegrityName, string>> = {
  'hmac-md5': 'HMAC_MD5_96 [RFC2403]',
  'hmac-sha1': 'HMAC_SHA1_96 [RFC2404]',
  'hmac-sha2-256': 'HMAC_SHA2_256_128 [RFC4868]',
  'hmac-sha2-384': 'HMAC_SHA2_384_192 [RFC4868]',
  'hmac-sha2-512': 'HMAC_SHA2_512_256 [RFC4868]',
}

/** Wireshark's name; undefined for what it cannot open. */
function cipherName({ name, keyBytes, icvBytes }: CipherAlgorithm): string | undefined {
  const bits = keyBytes * 8
  switch (name) {
    case 'aes-gcm':
      return `AES-GCM-${bits} with ${icvBytes} octet ICV [RFC5282]`
    case 'aes-ccm':
      return `AES-CCM-${bits} with ${icvBytes} octet ICV [RFC5282]`
    case 'aes-cbc':
      return `AES-CBC-${bits} [RFC3602]`
    case 'aes-ctr':
      return `AES-CTR-${bits} [RFC5930]`
    case '3des-cbc':
      return '3DES [RFC2451]'
    default:
      return undefined
  }
}

/** A line for each session, the rekeyed ones too. Whoever has it can read its messages. */
export function ikeTable(told: readonly KeysTold[]): string {
  return told.flatMap(line).join('')
}

function line({ initiatorSpi, responderSpi, suite, keys }: KeysTold): readonly string[] {
  const cipher = cipherName(suite.cipher)
  const integrity = suite.integrity === undefined ? 'NONE [RFC4306]' : integrityNames[suite.integrity.name]
  if (cipher === undefined || integrity === undefined) return []
  const { initiator, responder } = keys.reveal()
  // The salt of a counter mode stands behind its key, as it came from the key material.
  const hex = (secret: SecretOctets) => secret.reveal().toHex()
  const fields = [
    ...[initiatorSpi.toHex(), responderSpi.toHex(), hex(initiator.cipher), hex(responder.cipher), `"${cipher}"`],
    ...[hex(initiator.integrity), hex(responder.integrity), `"${integrity}"`],
  ]
  return [`${fields.join(',')}\n`]
}

export type KeysToldV1 = Extract<KeyingEvent, { readonly kind: 'keys-v1' }>

/** Lines of `ikev1_decryption_table`: the initiator's cookie and the key. */
export function ike1Table(told: readonly KeysToldV1[]): string {
  return told
    .map(({ initiatorCookie, cipherKey }) => `${initiatorCookie.toHex()},${cipherKey.reveal().toHex()}\n`)
    .join('')
}
