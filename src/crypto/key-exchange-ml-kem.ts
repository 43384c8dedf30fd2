// ML-KEM (FIPS 203) as a key exchange: the initiator sends an encapsulation key, the responder a ciphertext. A ciphertext
// that was tampered with gives another secret, not a fault (implicit rejection), and AUTH fails then.

import { createPrivateKey, createPublicKey, decapsulate, encapsulate } from 'node:crypto'
import { octetsOf } from '../base/bytes.ts'
import type { Random } from '../base/random.ts'
import type { KeyExchangeMethod, KeyPair } from './key-exchange.ts'

type MlKem = 'ml-kem-512' | 'ml-kem-768' | 'ml-kem-1024'

export function mlKemPair(method: KeyExchangeMethod, random: Random): KeyPair {
  const seed = new Uint8Array(method.privateBytes)
  random.fill(seed)
  const privateKey = createPrivateKey({
    format: 'raw-seed',
    asymmetricKeyType: method.parameters as MlKem,
    key: seed,
  })
  seed.fill(0)
  return {
    public: octetsOf(createPublicKey(privateKey).export({ format: 'raw-public' })),
    agree(ciphertext) {
      try {
        return octetsOf(decapsulate(privateKey, ciphertext))
      } catch {
        return undefined
      }
    },
  }
}

/** undefined for a key whose numbers are beyond the modulus (FIPS 203 §7.2), which OpenSSL refuses to read. */
export function encapsulateFor(
  method: KeyExchangeMethod,
  encapsulationKey: Uint8Array,
): { readonly public: Uint8Array; readonly secret: Uint8Array } | undefined {
  try {
    const asymmetricKeyType = method.parameters as MlKem
    const made = encapsulate(createPublicKey({ format: 'raw-public', asymmetricKeyType, key: encapsulationKey }))
    return { public: octetsOf(made.ciphertext), secret: octetsOf(made.sharedKey) }
  } catch {
    return undefined
  }
}
