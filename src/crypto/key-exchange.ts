// Key exchange methods of IKE as described values. Numbers from IANA's IKEv2 registry, Transform Type 4; sizes from RFC
// 2409 and 3526 (MODP), RFC 5903 (ECP), RFC 8031 (Curve25519, Curve448), FIPS 203 (ML-KEM). They are run by
// run-key-exchange.ts. RFC 5114's groups, whose subgroups are a trap, and the Brainpool curves are left out.

export type KeyExchangeName =
  | 'modp-768'
  | 'modp-1024'
  | 'modp-1536'
  | 'modp-2048'
  | 'modp-3072'
  | 'modp-4096'
  | 'modp-6144'
  | 'modp-8192'
  | 'ecp-256'
  | 'ecp-384'
  | 'ecp-521'
  | 'curve25519'
  | 'curve448'
  | 'ml-kem-512'
  | 'ml-kem-768'
  | 'ml-kem-1024'

export interface KeyExchangeMethod {
  readonly kind: 'key-exchange'
  readonly name: KeyExchangeName
  readonly family: 'modp' | 'ecp' | 'montgomery' | 'ml-kem'
  /** IKEv2 Transform Type 4, and the number in the KE payload. */
  readonly transform: number
  /** What node:crypto calls its parameters. */
  readonly parameters: string
  /** Octets of random that a private value is made from. */
  readonly privateBytes: number
  /** Octets in the KE payload of each side; they differ in key encapsulation alone. */
  readonly initiatorBytes: number
  readonly responderBytes: number
  readonly secretBytes: number
  /** Why it should no longer be used; only where a policy names it. */
  readonly old?: string
}

/** RFC 2409 §6, RFC 3526: the prime's size; `privateBytes` is twice the strength (RFC 3526 §8) and some more. */
function modp(bits: number, transform: number, parameters: string, privateBytes: number): KeyExchangeMethod {
  const bytes = bits / 8
  const name = `modp-${bits}` as KeyExchangeName
  const sizes = { initiatorBytes: bytes, responderBytes: bytes, secretBytes: bytes }
  return { kind: 'key-exchange', name, family: 'modp', transform, parameters, privateBytes, ...sizes }
}

/** RFC 5903 §7: both coordinates travel, the secret is the first alone. */
function ecp(bits: number, transform: number, parameters: string): KeyExchangeMethod {
  const bytes = Math.ceil(bits / 8)
  const name = `ecp-${bits}` as KeyExchangeName
  const sizes = { privateBytes: bytes, initiatorBytes: 2 * bytes, responderBytes: 2 * bytes, secretBytes: bytes }
  return { kind: 'key-exchange', name, family: 'ecp', transform, parameters, ...sizes }
}

/** RFC 8031 §2. */
function montgomery(name: KeyExchangeName, transform: number, parameters: string, bytes: number): KeyExchangeMethod {
  const sizes = { privateBytes: bytes, initiatorBytes: bytes, responderBytes: bytes, secretBytes: bytes }
  return { kind: 'key-exchange', name, family: 'montgomery', transform, parameters, ...sizes }
}

/** FIPS 203 table 3: the encapsulation key there, the ciphertext back. */
function mlKem(size: number, transform: number, initiatorBytes: number, responderBytes: number): KeyExchangeMethod {
  const name = `ml-kem-${size}` as KeyExchangeName
  const sizes = { privateBytes: 64, initiatorBytes, responderBytes, secretBytes: 32 }
  return { kind: 'key-exchange', name, family: 'ml-kem', transform, parameters: name, ...sizes }
}

export const keyExchanges: readonly KeyExchangeMethod[] = [
  montgomery('curve25519', 31, 'x25519', 32),
  montgomery('curve448', 32, 'x448', 56),
  ecp(256, 19, 'prime256v1'),
  ecp(384, 20, 'secp384r1'),
  ecp(521, 21, 'secp521r1'),
  modp(2048, 14, 'modp14', 48),
  modp(3072, 15, 'modp15', 48),
  modp(4096, 16, 'modp16', 64),
  modp(6144, 17, 'modp17', 64),
  modp(8192, 18, 'modp18', 64),
  mlKem(512, 35, 800, 768),
  mlKem(768, 36, 1184, 1088),
  mlKem(1024, 37, 1568, 1568),
  { ...modp(1536, 5, 'modp5', 32), old: 'a prime of 1536 bits is too weak for keys that last (RFC 8247 §2.4)' },
  { ...modp(1024, 2, 'modp2', 32), old: 'states can break a prime of 1024 bits (RFC 8247 §2.4, the Logjam paper)' },
  { ...modp(768, 1, 'modp1', 32), old: 'a prime of 768 bits has been broken in public (RFC 8247 §2.4)' },
]

export function findKeyExchange(name: KeyExchangeName): KeyExchangeMethod {
  return keyExchanges.find(row => row.name === name)!
}

export function keyExchangeOfTransform(transform: number): KeyExchangeMethod | undefined {
  return keyExchanges.find(row => row.transform === transform)
}

/** A private value with its public one. `agree` gives undefined where the peer's value, of the right length, is refused. */
export interface KeyPair {
  readonly public: Uint8Array
  agree(peer: Uint8Array): Uint8Array | undefined
}
