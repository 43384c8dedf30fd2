// Diffie-Hellman over curves through node:crypto: the NIST curves as RFC 5903 writes them, Curve25519 and Curve448 as RFC
// 7748 and RFC 8031 do.

import { createECDH, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import { octetsOf } from '../base/bytes.ts'
import type { Random } from '../base/random.ts'
import type { KeyExchangeMethod, KeyPair } from './key-exchange.ts'

/** The mark of an uncompressed point, which IKE leaves out. */
const UNCOMPRESSED = 4

/** At worst one number in 2^32 lies above the order of these curves; a source that never gives one below is broken. */
const MOST_DRAWS = 100

export function ecpPair(method: KeyExchangeMethod, random: Random): KeyPair {
  const curve = createECDH(method.parameters)
  const chosen = new Uint8Array(method.privateBytes)
  // P-521 has one bit in its first octet.
  const firstOctet = method.privateBytes === 66 ? 0x01 : 0xff
  for (let draw = 1; ; draw++) {
    random.fill(chosen)
    chosen[0]! &= firstOctet
    try {
      curve.setPrivateKey(chosen)
      break
    } catch (cause) {
      if (draw === MOST_DRAWS) throw new Error('the random source gives no private value', { cause })
    }
  }
  chosen.fill(0)
  return {
    public: octetsOf(curve.getPublicKey()).slice(1),
    agree(peer) {
      const point = new Uint8Array(1 + peer.length)
      point[0] = UNCOMPRESSED
      point.set(peer, 1)
      try {
        // Refuses coordinates beyond the field and points off the curve (RFC 6989 §2.3); the order is prime, so there
        // is no small subgroup, and the point at infinity cannot be written in two coordinates.
        return octetsOf(curve.computeSecret(point))
      } catch {
        return undefined
      }
    },
  }
}

export function montgomeryPair(method: KeyExchangeMethod, random: Random): KeyPair {
  const asymmetricKeyType = method.parameters as 'x25519' | 'x448'
  const chosen = new Uint8Array(method.privateBytes)
  random.fill(chosen)
  // OpenSSL clamps it where it is used (RFC 7748 §5).
  const privateKey = createPrivateKey({ format: 'raw-private', asymmetricKeyType, key: chosen })
  chosen.fill(0)
  return {
    public: octetsOf(createPublicKey(privateKey).export({ format: 'raw-public' })),
    agree(peer) {
      try {
        const publicKey = createPublicKey({ format: 'raw-public', asymmetricKeyType, key: peer })
        const secret = octetsOf(diffieHellman({ privateKey, publicKey }))
        // A point of small order makes everybody's secret zero (RFC 7748 §6.1); OpenSSL refuses it already.
        return secret.reduce((all, octet) => all | octet, 0) === 0 ? undefined : secret
      } catch {
        return undefined
      }
    },
  }
}
