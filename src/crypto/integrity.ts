// Integrity algorithms for ESP and AH as described values. Sources: RFC 2403 (HMAC-MD5-96), 2404 (HMAC-SHA1-96), 4868
// (HMAC-SHA2), 3566 (AES-XCBC), 4494 (AES-CMAC), 4543 (GMAC in AH); transform numbers from IANA's IKEv2 registry,
// Transform Type 3. An ICV is never cut shorter than its row says.

export interface IntegrityAlgorithm {
  readonly kind: 'integrity'
  readonly name: IntegrityName
  /** IKEv2 Transform Type 3. */
  readonly transform: number
  readonly keyBytes: number
  /** GMAC: octets of key material after the key that start every nonce. */
  readonly saltBytes: number
  /** GMAC in AH: octets of IV that go before the ICV, in the same field (RFC 4543 §4). */
  readonly ivBytes: number
  readonly icvBytes: number
  /** `gmac` stands in AH only: in ESP it is a combined mode and belongs to the ciphers. */
  readonly mode: 'hmac' | 'aes' | 'gmac'
  /** Why it should no longer be used; only where a policy names it. */
  readonly old?: string
}

export type IntegrityName =
  | 'hmac-md5'
  | 'hmac-sha1'
  | 'hmac-sha2-256'
  | 'hmac-sha2-384'
  | 'hmac-sha2-512'
  | 'aes-xcbc'
  | 'aes-cmac'
  | 'aes-gmac'

const none = { kind: 'integrity', saltBytes: 0, ivBytes: 0 } as const

export const integrityAlgorithms: readonly IntegrityAlgorithm[] = [
  { ...none, name: 'hmac-sha2-256', mode: 'hmac', transform: 12, keyBytes: 32, icvBytes: 16 },
  { ...none, name: 'hmac-sha2-384', mode: 'hmac', transform: 13, keyBytes: 48, icvBytes: 24 },
  { ...none, name: 'hmac-sha2-512', mode: 'hmac', transform: 14, keyBytes: 64, icvBytes: 32 },
  { ...none, name: 'aes-xcbc', mode: 'aes', transform: 5, keyBytes: 16, icvBytes: 12 },
  { ...none, name: 'aes-cmac', mode: 'aes', transform: 8, keyBytes: 16, icvBytes: 12 },
  ...[16, 24, 32].map(
    (keyBytes, row): IntegrityAlgorithm => ({
      kind: 'integrity',
      name: 'aes-gmac',
      mode: 'gmac',
      transform: 9 + row,
      keyBytes,
      saltBytes: 4,
      ivBytes: 8,
      icvBytes: 16,
    }),
  ),
  {
    ...none,
    name: 'hmac-sha1',
    mode: 'hmac',
    transform: 2,
    keyBytes: 20,
    icvBytes: 12,
    old: 'SHA-1 is ageing and on its way out of IPsec (RFC 8221 §6)',
  },
  {
    ...none,
    name: 'hmac-md5',
    mode: 'hmac',
    transform: 1,
    keyBytes: 16,
    icvBytes: 12,
    old: 'MD5 is broken and must not be used (RFC 8221 §6)',
  },
]

/** The row of that name; `keyBytes` is asked only where one name has several, as GMAC in AH does. */
export function findIntegrity(name: IntegrityName, keyBytes?: number): IntegrityAlgorithm | undefined {
  return integrityAlgorithms.find(row => row.name === name && (keyBytes === undefined || row.keyBytes === keyBytes))
}
