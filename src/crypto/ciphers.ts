// Ciphers for ESP as described values: one row for each name, key size and ICV. Sources: RFC 3602 (CBC), 3686 (CTR),
// 4106 (GCM), 4309 (CCM), 4543 (GMAC), 7634 (ChaCha20-Poly1305), 2410 (NULL), 2405 and 2451 (DES, 3DES); transform
// numbers from IANA's IKEv2 registry, Transform Type 1. The names are those of security methods in policies.

export type CipherMode = 'aead' | 'gmac' | 'cbc' | 'ctr' | 'null'

export interface CipherAlgorithm {
  readonly kind: 'cipher'
  readonly name: CipherName
  readonly mode: CipherMode
  /** IKEv2 Transform Type 1. */
  readonly transform: number
  /** Bits in IKE's Key Length attribute; absent where the algorithm has only one size and the attribute is not sent. */
  readonly keyLengthAttribute?: number
  readonly keyBytes: number
  /** Octets of key material after the key that start every nonce. */
  readonly saltBytes: number
  /** Octets of IV in every packet. */
  readonly ivBytes: number
  /** The content with its trailer fills whole blocks of this many octets; ESP itself asks for 4. */
  readonly blockBytes: number
  /** 0 where an integrity algorithm has to be named as well. */
  readonly icvBytes: number
  /** Why it should no longer be used; only where a policy names it. */
  readonly old?: string
}

export type CipherName =
  | 'aes-gcm'
  | 'aes-ccm'
  | 'chacha20-poly1305'
  | 'aes-gmac'
  | 'aes-cbc'
  | 'aes-ctr'
  | '3des-cbc'
  | 'des-cbc'
  | 'null'

const AES_BITS = [128, 192, 256] as const

/** ICV octets and transform of the combined modes; ESP has a transform for each length (RFC 4106 §8.4, RFC 4309 §7.4). */
const GCM = [
  [8, 18],
  [12, 19],
  [16, 20],
] as const
const CCM = [
  [8, 14],
  [12, 15],
  [16, 16],
] as const

function aes(bits: number, row: Omit<CipherAlgorithm, 'kind' | 'keyBytes' | 'keyLengthAttribute'>): CipherAlgorithm {
  return { kind: 'cipher', ...row, keyBytes: bits / 8, keyLengthAttribute: bits }
}

export const ciphers: readonly CipherAlgorithm[] = [
  ...AES_BITS.flatMap(bits => [
    ...GCM.map(([icvBytes, transform]) =>
      aes(bits, { name: 'aes-gcm', mode: 'aead', transform, saltBytes: 4, ivBytes: 8, blockBytes: 1, icvBytes }),
    ),
    ...CCM.map(([icvBytes, transform]) =>
      aes(bits, { name: 'aes-ccm', mode: 'aead', transform, saltBytes: 3, ivBytes: 8, blockBytes: 1, icvBytes }),
    ),
    aes(bits, {
      name: 'aes-gmac',
      mode: 'gmac',
      transform: 21,
      saltBytes: 4,
      ivBytes: 8,
      blockBytes: 1,
      icvBytes: 16,
    }),
    aes(bits, { name: 'aes-cbc', mode: 'cbc', transform: 12, saltBytes: 0, ivBytes: 16, blockBytes: 16, icvBytes: 0 }),
    aes(bits, { name: 'aes-ctr', mode: 'ctr', transform: 13, saltBytes: 4, ivBytes: 8, blockBytes: 1, icvBytes: 0 }),
  ]),
  {
    kind: 'cipher',
    name: 'chacha20-poly1305',
    mode: 'aead',
    transform: 28,
    keyBytes: 32,
    saltBytes: 4,
    ivBytes: 8,
    blockBytes: 1,
    icvBytes: 16,
  },
  {
    kind: 'cipher',
    name: 'null',
    mode: 'null',
    transform: 11,
    keyBytes: 0,
    saltBytes: 0,
    ivBytes: 0,
    blockBytes: 1,
    icvBytes: 0,
  },
  {
    kind: 'cipher',
    name: '3des-cbc',
    mode: 'cbc',
    transform: 3,
    keyBytes: 24,
    saltBytes: 0,
    ivBytes: 8,
    blockBytes: 8,
    icvBytes: 0,
    old: 'blocks of 64 bits repeat after some 32 GiB under one key (RFC 8221 §5)',
  },
  {
    kind: 'cipher',
    name: 'des-cbc',
    mode: 'cbc',
    transform: 2,
    keyBytes: 8,
    saltBytes: 0,
    ivBytes: 8,
    blockBytes: 8,
    icvBytes: 0,
    old: 'a key of 56 bits is searched through in a day (RFC 8221 §5)',
  },
]

/** The row of that name; `icvBytes` tells the combined modes apart and is 0 for the others. */
export function findCipher(name: CipherName, keyBytes: number, icvBytes: number): CipherAlgorithm | undefined {
  return ciphers.find(row => row.name === name && row.keyBytes === keyBytes && row.icvBytes === icvBytes)
}
