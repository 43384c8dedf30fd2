// Types of transforms and the transforms of each type (RFC 7296 §3.3.2 and the registry "IKEv2 Parameters"), with names
// that a person can read: what is proposed, chosen and shown. What of it we can do and want is for crypto and policy.
import { type NumberTable, numberTable } from './number-table.ts'

export const transformTypes = numberTable('transform type', {
  encryption: [1, 'how is encrypted', 'RFC 7296 §3.3.2'],
  prf: [2, 'pseudo-random function, which makes keys', 'RFC 7296 §3.3.2'],
  integrity: [3, 'how changes are noticed', 'RFC 7296 §3.3.2'],
  'key exchange': [4, 'key exchange method, once called Diffie-Hellman group', 'RFC 9370 §2.2.2'],
  'sequence numbers': [5, 'of 32 bits or extended', 'RFC 7296 §3.3.2'],
  'additional key exchange 1': [6, 'done after the first', 'RFC 9370 §2.2.2'],
  'additional key exchange 2': [7, 'done after the first', 'RFC 9370 §2.2.2'],
  'additional key exchange 3': [8, 'done after the first', 'RFC 9370 §2.2.2'],
  'additional key exchange 4': [9, 'done after the first', 'RFC 9370 §2.2.2'],
  'additional key exchange 5': [10, 'done after the first', 'RFC 9370 §2.2.2'],
  'additional key exchange 6': [11, 'done after the first', 'RFC 9370 §2.2.2'],
  'additional key exchange 7': [12, 'done after the first', 'RFC 9370 §2.2.2'],
  'key wrap': [13, 'how keys of a group are wrapped', 'RFC 9838'],
})

export const encryptionTransforms = numberTable('encryption', {
  'des-iv64': [1, 'DES with an IV of 64 bits', 'RFC 1827'],
  des: [2, 'DES-CBC', 'RFC 2405'],
  '3des': [3, 'Triple DES-CBC', 'RFC 2451'],
  rc5: [4, 'RC5-CBC', 'RFC 2451'],
  idea: [5, 'IDEA-CBC', 'RFC 2451'],
  cast: [6, 'CAST-128-CBC', 'RFC 2451'],
  blowfish: [7, 'Blowfish-CBC', 'RFC 2451'],
  '3idea': [8, 'Triple IDEA', 'RFC 7296 §3.3.2'],
  'des-iv32': [9, 'DES with an IV of 32 bits', 'RFC 7296 §3.3.2'],
  null: [11, 'nothing is encrypted', 'RFC 2410'],
  'aes-cbc': [12, 'AES-CBC', 'RFC 3602'],
  'aes-ctr': [13, 'AES in counter mode', 'RFC 3686'],
  'aes-ccm-8': [14, 'AES-CCM with an ICV of 8 octets', 'RFC 4309'],
  'aes-ccm-12': [15, 'AES-CCM with an ICV of 12 octets', 'RFC 4309'],
  'aes-ccm-16': [16, 'AES-CCM with an ICV of 16 octets', 'RFC 4309'],
  'aes-gcm-8': [18, 'AES-GCM with an ICV of 8 octets', 'RFC 4106'],
  'aes-gcm-12': [19, 'AES-GCM with an ICV of 12 octets', 'RFC 4106'],
  'aes-gcm-16': [20, 'AES-GCM with an ICV of 16 octets', 'RFC 4106'],
  'null-aes-gmac': [21, 'AES-GMAC: integrity only', 'RFC 4543'],
  'aes-xts': [22, 'AES-XTS, for disks', 'IEEE P1619'],
  'camellia-cbc': [23, 'Camellia-CBC', 'RFC 5529'],
  'camellia-ctr': [24, 'Camellia in counter mode', 'RFC 5529'],
  'camellia-ccm-8': [25, 'Camellia-CCM with an ICV of 8 octets', 'RFC 5529'],
  'camellia-ccm-12': [26, 'Camellia-CCM with an ICV of 12 octets', 'RFC 5529'],
  'camellia-ccm-16': [27, 'Camellia-CCM with an ICV of 16 octets', 'RFC 5529'],
  'chacha20-poly1305': [28, 'ChaCha20-Poly1305', 'RFC 7634'],
  'aes-ccm-8-iiv': [29, 'AES-CCM whose IV is the sequence number', 'RFC 8750'],
  'aes-gcm-16-iiv': [30, 'AES-GCM whose IV is the sequence number', 'RFC 8750'],
  'chacha20-poly1305-iiv': [31, 'ChaCha20-Poly1305 whose IV is the sequence number', 'RFC 8750'],
  'kuznyechik-mgm-ktree': [32, 'Kuznyechik-MGM with a tree of keys', 'RFC 9227'],
  'magma-mgm-ktree': [33, 'Magma-MGM with a tree of keys', 'RFC 9227'],
  'kuznyechik-mgm-mac-ktree': [34, 'Kuznyechik-MGM: integrity only', 'RFC 9227'],
  'magma-mgm-mac-ktree': [35, 'Magma-MGM: integrity only', 'RFC 9227'],
})

export const prfTransforms = numberTable('prf', {
  'hmac-md5': [1, 'HMAC-MD5', 'RFC 2104'],
  'hmac-sha1': [2, 'HMAC-SHA-1', 'RFC 2104'],
  'hmac-tiger': [3, 'HMAC-Tiger', 'RFC 2104'],
  'aes128-xcbc': [4, 'AES-128-XCBC', 'RFC 4434'],
  'hmac-sha256': [5, 'HMAC-SHA-256', 'RFC 4868'],
  'hmac-sha384': [6, 'HMAC-SHA-384', 'RFC 4868'],
  'hmac-sha512': [7, 'HMAC-SHA-512', 'RFC 4868'],
  'aes128-cmac': [8, 'AES-128-CMAC', 'RFC 4615'],
  'hmac-streebog-512': [9, 'HMAC with Streebog-512', 'RFC 9385'],
})

export const integrityTransforms = numberTable('integrity', {
  none: [0, 'no integrity of its own: the cipher has it', 'RFC 7296 §3.3.3'],
  'hmac-md5-96': [1, 'HMAC-MD5, 96 bits', 'RFC 2403'],
  'hmac-sha1-96': [2, 'HMAC-SHA-1, 96 bits', 'RFC 2404'],
  'des-mac': [3, 'DES-MAC', 'RFC 7296 §3.3.2'],
  'kpdk-md5': [4, 'keyed MD5', 'RFC 1826'],
  'aes-xcbc-96': [5, 'AES-XCBC, 96 bits', 'RFC 3566'],
  'hmac-md5-128': [6, 'HMAC-MD5, 128 bits', 'RFC 4595'],
  'hmac-sha1-160': [7, 'HMAC-SHA-1, 160 bits', 'RFC 4595'],
  'aes-cmac-96': [8, 'AES-CMAC, 96 bits', 'RFC 4494'],
  'aes128-gmac': [9, 'AES-128-GMAC, for AH', 'RFC 4543'],
  'aes192-gmac': [10, 'AES-192-GMAC, for AH', 'RFC 4543'],
  'aes256-gmac': [11, 'AES-256-GMAC, for AH', 'RFC 4543'],
  'hmac-sha256-128': [12, 'HMAC-SHA-256, 128 bits', 'RFC 4868'],
  'hmac-sha384-192': [13, 'HMAC-SHA-384, 192 bits', 'RFC 4868'],
  'hmac-sha512-256': [14, 'HMAC-SHA-512, 256 bits', 'RFC 4868'],
})

export const keyExchangeMethods = numberTable('key exchange method', {
  none: [0, 'no key exchange', 'RFC 7296 §3.3.2'],
  modp768: [1, 'group 1', 'RFC 7296 §B.1'],
  modp1024: [2, 'group 2', 'RFC 7296 §B.2'],
  modp1536: [5, 'group 5', 'RFC 3526'],
  modp2048: [14, 'group 14', 'RFC 3526'],
  modp3072: [15, 'group 15', 'RFC 3526'],
  modp4096: [16, 'group 16', 'RFC 3526'],
  modp6144: [17, 'group 17', 'RFC 3526'],
  modp8192: [18, 'group 18', 'RFC 3526'],
  ecp256: [19, 'P-256', 'RFC 5903'],
  ecp384: [20, 'P-384', 'RFC 5903'],
  ecp521: [21, 'P-521', 'RFC 5903'],
  modp1024s160: [22, '1024 bits with a subgroup of 160', 'RFC 5114'],
  modp2048s224: [23, '2048 bits with a subgroup of 224', 'RFC 5114'],
  modp2048s256: [24, '2048 bits with a subgroup of 256', 'RFC 5114'],
  ecp192: [25, 'P-192', 'RFC 5114'],
  ecp224: [26, 'P-224', 'RFC 5114'],
  brainpool224: [27, 'brainpoolP224r1', 'RFC 6954'],
  brainpool256: [28, 'brainpoolP256r1', 'RFC 6954'],
  brainpool384: [29, 'brainpoolP384r1', 'RFC 6954'],
  brainpool512: [30, 'brainpoolP512r1', 'RFC 6954'],
  x25519: [31, 'Curve25519', 'RFC 8031'],
  x448: [32, 'Curve448', 'RFC 8031'],
  gost256: [33, 'GOST R 34.10-2012, 256 bits', 'RFC 9385'],
  gost512: [34, 'GOST R 34.10-2012, 512 bits', 'RFC 9385'],
  'ml-kem-512': [35, 'ML-KEM-512', 'draft-ietf-ipsecme-ikev2-mlkem'],
  'ml-kem-768': [36, 'ML-KEM-768', 'draft-ietf-ipsecme-ikev2-mlkem'],
  'ml-kem-1024': [37, 'ML-KEM-1024', 'draft-ietf-ipsecme-ikev2-mlkem'],
})

export const sequenceNumberTransforms = numberTable('sequence numbers', {
  'no-esn': [0, '32 bits', 'RFC 7296 §3.3.2'],
  esn: [1, '64 bits, of which 32 are sent', 'RFC 7296 §3.3.2'],
  unspecified: [2, '32 bits that need not count up', 'RFC 9827'],
})

export const keyWrapTransforms = numberTable('key wrap', {
  'aes128-kw': [1, 'AES-128 key wrap with padding', 'RFC 9838'],
  'aes192-kw': [2, 'AES-192 key wrap with padding', 'RFC 9838'],
  'aes256-kw': [3, 'AES-256 key wrap with padding', 'RFC 9838'],
  'arx-kw': [4, 'key wrap with ChaCha20 and SipHash', 'RFC 9838'],
})

/** The transforms of each type, by the number of the type. */
export const transformsOf: ReadonlyMap<number, NumberTable<string>> = new Map<number, NumberTable<string>>([
  [transformTypes.of.encryption, encryptionTransforms],
  [transformTypes.of.prf, prfTransforms],
  [transformTypes.of.integrity, integrityTransforms],
  [transformTypes.of['sequence numbers'], sequenceNumberTransforms],
  // Types 6 to 12 share the numbers of type 4 (RFC 9370 §2.2.2).
  ...[4, 6, 7, 8, 9, 10, 11, 12].map((type): [number, NumberTable<string>] => [type, keyExchangeMethods]),
  [transformTypes.of['key wrap'], keyWrapTransforms],
])

export const transformAttributes = numberTable('transform attribute', {
  'key length': [14, 'bits of the key, for ciphers that take several lengths', 'RFC 7296 §3.3.5'],
})
