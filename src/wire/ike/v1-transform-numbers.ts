// What stands in transforms of IKEv1: attributes of main mode (RFC 2409 appendix A and the registry "Internet Key Exchange
// Attributes") and transforms and attributes of quick mode (RFC 2407 §4.4, §4.5 and the registry of the IPsec DOI).
import { type NumberTable, numberTable } from './number-table.ts'

export const ikeAttributes = numberTable('IKE attribute', {
  encryption: [1, 'how main mode and what it protects is encrypted', 'RFC 2409 §A'],
  hash: [2, 'hash, which as HMAC is the PRF too', 'RFC 2409 §A'],
  authentication: [3, 'how both prove who they are', 'RFC 2409 §A'],
  group: [4, 'Diffie-Hellman group by its number', 'RFC 2409 §A'],
  'group type': [5, 'kind of a group that is described', 'RFC 2409 §A'],
  'group prime': [6, 'prime, or polynomial, of a group that is described', 'RFC 2409 §A'],
  'group generator 1': [7, 'its generator', 'RFC 2409 §A'],
  'group generator 2': [8, 'its second generator', 'RFC 2409 §A'],
  'group curve A': [9, 'its curve', 'RFC 2409 §A'],
  'group curve B': [10, 'its curve', 'RFC 2409 §A'],
  'life type': [11, 'what the life duration behind it counts', 'RFC 2409 §A'],
  'life duration': [12, 'how long the SA lives', 'RFC 2409 §A'],
  prf: [13, 'PRF, where it is not HMAC of the hash; none has a number', 'RFC 2409 §A'],
  'key length': [14, 'bits of the key, for ciphers that take several lengths', 'RFC 2409 §A'],
  'field size': [15, 'bits of the field of a group that is described', 'RFC 2409 §A'],
  'group order': [16, 'its order', 'RFC 2409 §A'],
  'GSS identity': [16384, "the sender's name in GSS-API", 'draft-ietf-ipsec-isakmp-gss-auth'],
  'GSS identity of Windows 2000': [32001, 'the same under another number', 'the program ike-scan'],
})

export const ikeEncryptions = numberTable('encryption of IKEv1', {
  des: [1, 'DES-CBC', 'RFC 2405'],
  idea: [2, 'IDEA-CBC', 'RFC 2409 §A'],
  blowfish: [3, 'Blowfish-CBC', 'RFC 2409 §A'],
  rc5: [4, 'RC5-CBC', 'RFC 2409 §A'],
  '3des': [5, 'Triple DES-CBC', 'RFC 2409 §A'],
  cast: [6, 'CAST-CBC', 'RFC 2409 §A'],
  'aes-cbc': [7, 'AES-CBC', 'RFC 3602 §5'],
  'camellia-cbc': [8, 'Camellia-CBC', 'RFC 4312'],
})

export const ikeHashes = numberTable('hash of IKEv1', {
  md5: [1, 'MD5', 'RFC 2409 §A'],
  sha1: [2, 'SHA-1', 'RFC 2409 §A'],
  tiger: [3, 'Tiger', 'RFC 2409 §A'],
  sha256: [4, 'SHA-256', 'RFC 4868'],
  sha384: [5, 'SHA-384', 'RFC 4868'],
  sha512: [6, 'SHA-512', 'RFC 4868'],
})

export const authenticationMethodsV1 = numberTable('authentication method of IKEv1', {
  'shared key': [1, 'a pre-shared key', 'RFC 2409 §5.4'],
  'DSS signature': [2, 'DSA', 'RFC 2409 §5.1'],
  'RSA signature': [3, 'RSA, PKCS #1 v1.5 around the bare hash', 'RFC 2409 §5.1'],
  'RSA encryption': [4, 'nonces and identities encrypted with RSA', 'RFC 2409 §5.2'],
  'revised RSA encryption': [5, 'nonces encrypted with RSA, the rest under them', 'RFC 2409 §5.3'],
  'ElGamal encryption': [6, 'withdrawn', 'the registry'],
  'revised ElGamal encryption': [7, 'withdrawn', 'the registry'],
  'ECDSA signature': [8, 'withdrawn: it said no curve', 'RFC 4754 §3'],
  'ECDSA-256': [9, 'ECDSA with SHA-256 on P-256', 'RFC 4754 §3'],
  'ECDSA-384': [10, 'ECDSA with SHA-384 on P-384', 'RFC 4754 §3'],
  'ECDSA-521': [11, 'ECDSA with SHA-512 on P-521', 'RFC 4754 §3'],
  'hybrid RSA, initiator': [64221, 'the gateway signs, the user types', 'draft-ietf-ipsec-isakmp-hybrid-auth'],
  'hybrid RSA, responder': [64222, 'the same the other way round', 'draft-ietf-ipsec-isakmp-hybrid-auth'],
  Kerberos: [65001, 'GSS-API with Kerberos; XAUTH has the number too', 'draft-ietf-ipsec-isakmp-gss-auth'],
  'XAUTH shared key, responder': [65002, 'a user besides a pre-shared key', 'draft-beaulieu-ike-xauth'],
  'XAUTH DSS, initiator': [65003, 'a user besides DSA', 'draft-beaulieu-ike-xauth'],
  'XAUTH DSS, responder': [65004, 'the same the other way round', 'draft-beaulieu-ike-xauth'],
  'XAUTH RSA, initiator': [65005, 'a user besides RSA', 'draft-beaulieu-ike-xauth'],
  'XAUTH RSA, responder': [65006, 'the same the other way round', 'draft-beaulieu-ike-xauth'],
})

/** Main mode and quick mode have the same two. */
export const lifeTypes = numberTable('life type', {
  seconds: [1, 'seconds', 'RFC 2409 §A, RFC 2407 §4.5'],
  kilobytes: [2, '1024 octets each', 'RFC 2409 §A, RFC 2407 §4.5'],
})

export const isakmpTransforms = numberTable('ISAKMP transform', {
  KEY_IKE: [1, 'IKE: main mode', 'RFC 2407 §4.4.2'],
})

export const ahTransforms = numberTable('AH transform', {
  md5: [2, 'MD5', 'RFC 2407 §4.4.3'],
  sha1: [3, 'SHA-1', 'RFC 2407 §4.4.3'],
  des: [4, 'DES-MAC', 'RFC 2407 §4.4.3'],
  sha256: [5, 'SHA-256', 'RFC 4868'],
  sha384: [6, 'SHA-384', 'RFC 4868'],
  sha512: [7, 'SHA-512', 'RFC 4868'],
  ripemd: [8, 'RIPEMD-160', 'RFC 2857'],
  'aes-xcbc': [9, 'AES-XCBC', 'RFC 3566'],
  rsa: [10, 'RSA signatures of packets', 'RFC 4359'],
  'aes128-gmac': [11, 'AES-128-GMAC', 'RFC 4543'],
  'aes192-gmac': [12, 'AES-192-GMAC', 'RFC 4543'],
  'aes256-gmac': [13, 'AES-256-GMAC', 'RFC 4543'],
})

export const espTransforms = numberTable('ESP transform', {
  'des-iv64': [1, 'DES with an IV of 64 bits', 'RFC 2407 §4.4.4'],
  des: [2, 'DES-CBC', 'RFC 2405'],
  '3des': [3, 'Triple DES-CBC', 'RFC 2451'],
  rc5: [4, 'RC5-CBC', 'RFC 2451'],
  idea: [5, 'IDEA-CBC', 'RFC 2451'],
  cast: [6, 'CAST-128-CBC', 'RFC 2451'],
  blowfish: [7, 'Blowfish-CBC', 'RFC 2451'],
  '3idea': [8, 'Triple IDEA', 'RFC 2407 §4.4.4'],
  'des-iv32': [9, 'DES with an IV of 32 bits', 'RFC 2407 §4.4.4'],
  rc4: [10, 'RC4', 'RFC 2407 §4.4.4'],
  null: [11, 'nothing is encrypted', 'RFC 2410'],
  'aes-cbc': [12, 'AES-CBC', 'RFC 3602'],
  'aes-ctr': [13, 'AES in counter mode', 'RFC 3686'],
  'aes-ccm-8': [14, 'AES-CCM with an ICV of 8 octets', 'RFC 4309'],
  'aes-ccm-12': [15, 'AES-CCM with an ICV of 12 octets', 'RFC 4309'],
  'aes-ccm-16': [16, 'AES-CCM with an ICV of 16 octets', 'RFC 4309'],
  'aes-gcm-8': [18, 'AES-GCM with an ICV of 8 octets', 'RFC 4106'],
  'aes-gcm-12': [19, 'AES-GCM with an ICV of 12 octets', 'RFC 4106'],
  'aes-gcm-16': [20, 'AES-GCM with an ICV of 16 octets', 'RFC 4106'],
  'seed-cbc': [21, 'SEED-CBC', 'RFC 4196'],
  'camellia-cbc': [22, 'Camellia-CBC', 'RFC 4312'],
  'null-aes-gmac': [23, 'AES-GMAC: integrity only', 'RFC 4543'],
})

export const compressionTransforms = numberTable('IPCOMP transform', {
  oui: [1, "a vendor's own", 'RFC 2407 §4.4.5'],
  deflate: [2, 'DEFLATE', 'RFC 2394'],
  lzs: [3, 'LZS', 'RFC 2395'],
  lzjh: [4, 'LZJH', 'RFC 3051'],
})

export const ipsecAttributes = numberTable('IPsec attribute', {
  'life type': [1, 'what the life duration behind it counts', 'RFC 2407 §4.5'],
  'life duration': [2, 'how long the SA lives', 'RFC 2407 §4.5'],
  group: [3, 'Diffie-Hellman group of a fresh key exchange', 'RFC 2407 §4.5'],
  mode: [4, 'transport or tunnel, in UDP or not', 'RFC 2407 §4.5'],
  authentication: [5, 'integrity algorithm', 'RFC 2407 §4.5'],
  'key length': [6, 'bits of the key, for ciphers that take several lengths', 'RFC 2407 §4.5'],
  'key rounds': [7, 'rounds, for ciphers that take several numbers', 'RFC 2407 §4.5'],
  'dictionary size': [8, 'of compression', 'RFC 2407 §4.5'],
  'private compression': [9, "a vendor's own", 'RFC 2407 §4.5'],
  ECN: [10, 'how congestion is told through a tunnel', 'RFC 3168 §9.2'],
  'extended sequence numbers': [11, '64 bits, of which 32 are sent', 'RFC 4304'],
  'authentication key length': [12, 'bits of the integrity key', 'RFC 4359'],
  'signature encoding': [13, 'of signatures of packets', 'RFC 4359'],
  'address preservation': [14, 'addresses of a group stay as they are', 'RFC 6407'],
  'SA direction': [15, 'of an SA of a group', 'RFC 6407'],
})

export const encapsulationModes = numberTable('encapsulation mode', {
  tunnel: [1, 'a whole packet inside another', 'RFC 2407 §4.5'],
  transport: [2, 'the content of the packet', 'RFC 2407 §4.5'],
  'udp-tunnel': [3, 'tunnel in UDP', 'RFC 3947 §5.1'],
  'udp-transport': [4, 'transport in UDP', 'RFC 3947 §5.1'],
  'udp-tunnel-draft': [0xf003, 'tunnel in UDP as the drafts have it', 'draft-ietf-ipsec-nat-t-ike-02'],
  'udp-transport-draft': [0xf004, 'transport in UDP as the drafts have it', 'draft-ietf-ipsec-nat-t-ike-02'],
})

export const authenticationAlgorithms = numberTable('authentication algorithm', {
  'hmac-md5': [1, 'HMAC-MD5, 96 bits', 'RFC 2403'],
  'hmac-sha1': [2, 'HMAC-SHA-1, 96 bits', 'RFC 2404'],
  'des-mac': [3, 'DES-MAC', 'RFC 2407 §4.5'],
  kpdk: [4, 'keyed MD5', 'RFC 1826'],
  'hmac-sha256': [5, 'HMAC-SHA-256, 128 bits', 'RFC 4868'],
  'hmac-sha384': [6, 'HMAC-SHA-384, 192 bits', 'RFC 4868'],
  'hmac-sha512': [7, 'HMAC-SHA-512, 256 bits', 'RFC 4868'],
  'hmac-ripemd': [8, 'HMAC-RIPEMD-160, 96 bits', 'RFC 2857'],
  'aes-xcbc': [9, 'AES-XCBC, 96 bits', 'RFC 3566'],
  'sig-rsa': [10, 'RSA signatures of packets', 'RFC 4359'],
  'aes128-gmac': [11, 'AES-128-GMAC', 'RFC 4543'],
  'aes192-gmac': [12, 'AES-192-GMAC', 'RFC 4543'],
  'aes256-gmac': [13, 'AES-256-GMAC', 'RFC 4543'],
})

/** 64-bit sequence numbers, the only value of the attribute (RFC 4304 §2). */
export const EXTENDED_SEQUENCE = 1

/** The transforms of each protocol, by the number of the protocol. */
export const transformsOfProtocolV1: ReadonlyMap<number, NumberTable<string>> = new Map<number, NumberTable<string>>([
  [1, isakmpTransforms],
  [2, ahTransforms],
  [3, espTransforms],
  [4, compressionTransforms],
])
