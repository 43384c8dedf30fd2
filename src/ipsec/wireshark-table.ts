// Keys in the form that Wireshark reads: lines of its table `esp_sa`, which lets it open ESP and check every ICV. What
// its dissector cannot do is left out: other ciphers, extended sequence numbers, AH's keys.
import { formatAddress } from '../base/address.ts'
import type { CipherAlgorithm } from '../crypto/ciphers.ts'
import type { IntegrityName } from '../crypto/integrity.ts'
import type { AssociationSpec, LayerSpec } from './association.ts'

type EspLayer = Extract<LayerSpec, { protocol: 'esp' }>

/** Wireshark's names of what it can check. */
export const wiresharkIntegrities: Readonly<Partial<Record<IntegrityName, string>>> = {
  'hmac-sha1': 'HMAC-SHA-1-96 [RFC2404]',
  'hmac-sha2-256': 'HMAC-SHA-256-128 [RFC4868]',
  'hmac-sha2-384': 'HMAC-SHA-384-192 [RFC4868]',
  'hmac-sha2-512': 'HMAC-SHA-512-256 [RFC4868]',
  'hmac-md5': 'HMAC-MD5-96 [RFC2403]',
}

/** Wireshark's name; undefined for what it cannot open. */
function cipherName({ name, icvBytes }: CipherAlgorithm): string | undefined {
  switch (name) {
    case 'aes-gcm':
      return `AES-GCM with ${icvBytes} octet ICV [RFC4106]`
    case 'aes-cbc':
      return 'AES-CBC [RFC3602]'
    case 'aes-ctr':
      return 'AES-CTR [RFC3686]'
    case '3des-cbc':
      return 'TripleDES-CBC [RFC2451]'
    case 'null':
      return 'NULL'
    default:
      return undefined
  }
}

/** A line for each ESP layer of each direction that Wireshark can open. Whoever has it can read the traffic. */
export function espTable(specs: readonly AssociationSpec[]): string {
  return specs
    .flatMap(spec => spec.layers.flatMap(layer => (layer.protocol === 'esp' ? line(spec, layer) : [])))
    .join('')
}

function line(spec: AssociationSpec, { spi, suite, keys }: EspLayer): readonly string[] {
  const cipher = cipherName(suite.cipher)
  const integrity = suite.integrity === undefined ? 'NULL' : wiresharkIntegrities[suite.integrity.name]
  if (cipher === undefined || integrity === undefined || spec.extendedSequence) return []
  const fields = [
    `IPv${spec.source.family}`,
    formatAddress(spec.source),
    formatAddress(spec.destination),
    `0x${spi.toString(16).padStart(8, '0')}`,
    cipher,
    hex(keys.cipher.reveal()),
    integrity,
    hex(keys.integrity.reveal()),
  ]
  return [`${fields.map(field => `"${field}"`).join(',')}\n`]
}

function hex(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : `0x${Buffer.from(bytes).toString('hex')}`
}
