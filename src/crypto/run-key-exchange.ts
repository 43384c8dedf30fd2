// One way to run every key exchange: `begin` and `finish` on the initiator's side, `respond` on the other, which fits
// Diffie-Hellman and key encapsulation alike. What a peer sends is judged before it is used (RFC 6989, RFC 7748 §6, FIPS
// 203 §7), and what is wrong with it comes back as a value.
import { type Random, systemRandom } from '../base/random.ts'
import { failure, type Result, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import type { KeyExchangeMethod, KeyPair } from './key-exchange.ts'
import { ecpPair, montgomeryPair } from './key-exchange-curves.ts'
import { encapsulateFor, mlKemPair } from './key-exchange-ml-kem.ts'
import { modpPair } from './key-exchange-modp.ts'

/** What is wrong with a peer's public value; words for a report. */
export interface KeyExchangeFault {
  readonly kind: 'wrong-length' | 'invalid-value'
  readonly what: string
}

export type SharedSecret = Secret<Uint8Array>

export interface BegunKeyExchange {
  readonly method: KeyExchangeMethod
  /** For the KE payload. */
  readonly public: Uint8Array
  /**
   * The secret with what the responder sent. A refused value closes nothing: a later honest answer can still finish.
   * Throws after `close`.
   */
  finish(peer: Uint8Array): Result<SharedSecret, KeyExchangeFault>
  /** Gives the private value up. */
  close(): void
}

export interface KeyExchangeResponse {
  /** For the KE payload. */
  readonly public: Uint8Array
  readonly secret: SharedSecret
}

export function beginKeyExchange(method: KeyExchangeMethod, random: Random = systemRandom): BegunKeyExchange {
  let pair: KeyPair | undefined = makePair(method, random)
  return {
    method,
    public: pair.public,
    finish(peer) {
      if (pair === undefined) throw new Error('this key exchange is closed')
      return agreed(method, pair, peer, method.responderBytes)
    },
    close() {
      pair = undefined
    },
  }
}

/** `random` makes the private value; ML-KEM's encapsulation draws from OpenSSL, which lets nobody else choose. */
export function respondToKeyExchange(
  method: KeyExchangeMethod,
  peer: Uint8Array,
  random: Random = systemRandom,
): Result<KeyExchangeResponse, KeyExchangeFault> {
  if (method.family === 'ml-kem') {
    if (peer.length !== method.initiatorBytes) return wrongLength(method, peer, method.initiatorBytes)
    const made = encapsulateFor(method, peer)
    return made === undefined ? invalid(method) : success({ public: made.public, secret: new Secret(made.secret) })
  }
  const pair = makePair(method, random)
  const secret = agreed(method, pair, peer, method.initiatorBytes)
  return secret.ok ? success({ public: pair.public, secret: secret.value }) : secret
}

function makePair(method: KeyExchangeMethod, random: Random): KeyPair {
  switch (method.family) {
    case 'modp':
      return modpPair(method, random)
    case 'ecp':
      return ecpPair(method, random)
    case 'montgomery':
      return montgomeryPair(method, random)
    case 'ml-kem':
      return mlKemPair(method, random)
  }
}

function agreed(
  method: KeyExchangeMethod,
  pair: KeyPair,
  peer: Uint8Array,
  bytes: number,
): Result<SharedSecret, KeyExchangeFault> {
  if (peer.length !== bytes) return wrongLength(method, peer, bytes)
  const secret = pair.agree(peer)
  return secret === undefined ? invalid(method) : success(new Secret(secret))
}

function wrongLength(method: KeyExchangeMethod, peer: Uint8Array, bytes: number) {
  const what = `${method.name} has ${bytes} octets here, not ${peer.length}`
  return failure({ kind: 'wrong-length', what } as const)
}

function invalid(method: KeyExchangeMethod) {
  return failure({ kind: 'invalid-value', what: `this is no public value of ${method.name}` } as const)
}
