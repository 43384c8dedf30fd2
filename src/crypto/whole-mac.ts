// Message authentication over whole buffers, for negotiation: HMAC, AES-XCBC-MAC (RFC 3566) and AES-CMAC (RFC 4493).
// Unlike aes-mac.ts, which works for packets in place, this takes texts of any length in pieces and allocates.

import { createCipheriv, createHmac } from 'node:crypto'
import { concatenate, octetsOf } from '../base/bytes.ts'
import type { IntegrityAlgorithm } from './integrity.ts'
import { isEqual } from './octets.ts'
import { hashNameOf } from './openssl-names.ts'

const BLOCK = 16

type Parts = readonly Uint8Array[]

/** `hash` by OpenSSL's name. */
export function hmac(hash: string, key: Uint8Array, parts: Parts): Uint8Array {
  const run = createHmac(hash, key)
  for (const part of parts) run.update(part)
  return octetsOf(run.digest())
}

/** With a key of 16 octets; 16 octets. */
export function aesXcbc(key: Uint8Array, parts: Parts): Uint8Array {
  const [chain, whole, padded] = [1, 2, 3].map(octet => encipher(key, new Uint8Array(BLOCK).fill(octet)))
  const result = lastOfChain(chain!, whole!, padded!, parts)
  for (const subkey of [chain!, whole!, padded!]) subkey.fill(0)
  return result
}

/** With a key of 16 octets; 16 octets. */
export function aesCmac(key: Uint8Array, parts: Parts): Uint8Array {
  const zero = encipher(key, new Uint8Array(BLOCK))
  const whole = doubled(zero)
  const padded = doubled(whole)
  const result = lastOfChain(key, whole, padded, parts)
  for (const subkey of [zero, whole, padded]) subkey.fill(0)
  return result
}

/** The ICV as it travels, cut to what the row says. GMAC stands in AH only and throws. */
export function integrityCheck(algorithm: IntegrityAlgorithm, key: Uint8Array, parts: Parts): Uint8Array {
  return wholeMac(algorithm, key, parts).slice(0, algorithm.icvBytes)
}

/** In constant time; false for another length too. */
export function isSameMac(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && isEqual(a, 0, b, 0, a.length)
}

function wholeMac(algorithm: IntegrityAlgorithm, key: Uint8Array, parts: Parts): Uint8Array {
  if (algorithm.name === 'aes-xcbc') return aesXcbc(key, parts)
  if (algorithm.name === 'aes-cmac') return aesCmac(key, parts)
  const hash = hashNameOf(algorithm)
  if (hash === undefined) throw new Error(`${algorithm.name} authenticates no IKE message`)
  return hmac(hash, key, parts)
}

function lastOfChain(key: Uint8Array, whole: Uint8Array, padded: Uint8Array, parts: Parts): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const text = new Uint8Array(Math.max(BLOCK, Math.ceil(length / BLOCK) * BLOCK))
  text.set(concatenate(parts))
  const subkey = length === text.length ? whole : padded
  if (length < text.length) text[length] = 0x80
  for (let i = 0; i < BLOCK; i++) text[text.length - BLOCK + i]! ^= subkey[i]!
  const run = createCipheriv('aes-128-cbc', key, new Uint8Array(BLOCK))
  const chain = run.setAutoPadding(false).update(text)
  text.fill(0)
  return new Uint8Array(chain.subarray(-BLOCK))
}

function encipher(key: Uint8Array, block: Uint8Array): Uint8Array {
  return octetsOf(createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(block))
}

/** In the field of 2^128 (RFC 4493 §2.3), without a branch on the secret bit. */
function doubled(block: Uint8Array): Uint8Array {
  const result = block.map((octet, i) => (octet << 1) | ((block[i + 1] ?? 0) >> 7))
  result[BLOCK - 1]! ^= 0x87 * (block[0]! >> 7)
  return result
}
