// Diffie-Hellman over primes (RFC 2409 §6, RFC 3526) through node:crypto. Its DiffieHellman object would test the prime
// again for every exchange, seconds for 3072 bits and more, and the named groups choose private values themselves; so keys
// are handed over as DER (PKCS #3 and #8), where the groups are known to OpenSSL. Exponentiation is OpenSSL's, in constant time.

import { createPrivateKey, createPublicKey, diffieHellman, getDiffieHellman } from 'node:crypto'
import { octetsOf } from '../base/bytes.ts'
import type { Random } from '../base/random.ts'
import {
  DER_BIT_STRING,
  DER_INTEGER,
  DER_OCTET_STRING,
  DER_SEQUENCE,
  derElement,
  derInteger,
  readDer,
  readOne,
} from './der.ts'
import type { KeyExchangeMethod, KeyPair } from './key-exchange.ts'

/** dhKeyAgreement, PKCS #3. */
const DH = Uint8Array.fromHex('06092a864886f70d010301')
const GENERATOR = Uint8Array.of(2)
const NONE = Uint8Array.of(0)

export function primeOf(method: KeyExchangeMethod): Uint8Array {
  return octetsOf(getDiffieHellman(method.parameters).getPrime())
}

export function modpPair(method: KeyExchangeMethod, random: Random): KeyPair {
  const prime = primeOf(method)
  const algorithm = derElement(DER_SEQUENCE, DH, derElement(DER_SEQUENCE, derInteger(prime), derInteger(GENERATOR)))
  const chosen = new Uint8Array(method.privateBytes)
  random.fill(chosen)
  if (chosen.every(octet => octet === 0)) throw new Error('the random source gives no private value')
  const inner = derInteger(chosen)
  const wrapped = derElement(DER_OCTET_STRING, inner)
  const key = derElement(DER_SEQUENCE, derInteger(NONE), algorithm, wrapped)
  const privateKey = createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.from(key.buffer) })
  for (const octets of [chosen, inner, wrapped, key]) octets.fill(0)
  return {
    public: publicOf(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }), prime.length),
    agree(peer) {
      if (!isInRange(peer, prime)) return undefined
      const spki = derElement(DER_SEQUENCE, algorithm, derElement(DER_BIT_STRING, NONE, derInteger(peer)))
      try {
        const publicKey = createPublicKey({ format: 'der', type: 'spki', key: Buffer.from(spki.buffer) })
        return padded(diffieHellman({ privateKey, publicKey }), prime.length)
      } catch {
        return undefined
      }
    },
  }
}

/** 1 < y < p - 1 (RFC 6989 §2.1). These are safe primes, so the only small subgroup has 1 and p - 1. */
function isInRange(y: Uint8Array, prime: Uint8Array): boolean {
  const number = BigInt(`0x${y.toHex()}`)
  return number > 1n && number < BigInt(`0x${prime.toHex()}`) - 1n
}

function publicOf(spki: Uint8Array, bytes: number): Uint8Array {
  const parts = readDer(readOne(spki, DER_SEQUENCE)!)!
  const y = readOne(parts[1]!.content.subarray(1), DER_INTEGER)!
  return padded(y[0] === 0 ? y.subarray(1) : y, bytes)
}

/** Zeros before it up to the length of the prime (RFC 7296 §2.14 and §3.4). */
function padded(number: Uint8Array, bytes: number): Uint8Array {
  const result = new Uint8Array(bytes)
  result.set(number, bytes - number.length)
  return result
}
