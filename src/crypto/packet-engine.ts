// What a packet engine is: keyed ciphers, combined-mode ciphers and integrity algorithms that work on offsets into
// memory and allocate nothing per packet. Three implement it: engine-ipsec-mb, engine-openssl, engine-node. How ESP
// and AH are made of these is packet-protection.ts; which engine is taken, choose-engine.ts.

import type { Memory } from '../native/memory.ts'
import type { CipherAlgorithm } from './ciphers.ts'
import type { IntegrityAlgorithm } from './integrity.ts'

export { allocateMemory, Memory } from '../native/memory.ts'

export type EngineName = 'ipsec-mb' | 'openssl' | 'node'

export interface PacketEngine {
  readonly name: EngineName
  /** For `status`: the library and its version. */
  readonly description: string
  supports(algorithm: CipherAlgorithm | IntegrityAlgorithm): boolean
  /** `key` is without the salt and is not kept; the caller wipes it. */
  aeadSealer(algorithm: CipherAlgorithm, key: Uint8Array): AeadSealer
  aeadOpener(algorithm: CipherAlgorithm, key: Uint8Array): AeadOpener
  /** CBC and CTR; for CTR both directions are the same. */
  cipher(algorithm: CipherAlgorithm, key: Uint8Array, direction: 'encipher' | 'decipher'): BlockCipher
  mac(algorithm: IntegrityAlgorithm, key: Uint8Array): Mac
}

/** One place of `nonce` and `aad` is `side`: mostly a key's own cell, but it may be the packet's memory itself. */
export interface AeadSealer {
  /** Enciphers `length` octets at `from` to `to` (the same place, or one that does not overlap); then the ICV at `icv`. */
  seal(
    side: Memory,
    nonce: number,
    aad: number,
    aadLength: number,
    memory: Memory,
    from: number,
    to: number,
    length: number,
    icv: number,
  ): void
  /** Where many in one call are quicker. */
  readonly burst?: AeadBurst
  close(): void
}

export interface AeadOpener {
  /** False when the ICV is wrong; then `to` holds zeros or what it held before, never what was deciphered. */
  open(
    side: Memory,
    nonce: number,
    aad: number,
    aadLength: number,
    memory: Memory,
    from: number,
    to: number,
    length: number,
    icv: number,
  ): boolean
  readonly burst?: AeadOpeningBurst
  close(): void
}

/** At most `most` packets in one call: `begin`, then for each its nonce and AAD at its place of `side` and `add`, then `run`. */
export interface AeadBurst {
  readonly most: number
  readonly side: Memory
  begin(count: number): void
  /** As `seal` or `open` have it; what lies in `memory` stays as it is until `run`. */
  add(index: number, aadLength: number, memory: Memory, from: number, to: number, length: number, icv: number): void
  /** Wipes `side`. */
  run(count: number): void
}

export interface AeadOpeningBurst extends AeadBurst {
  /** Behind `run`, for each: false when the ICV is wrong; then `to` holds zeros. Until then nobody looks at it. */
  isAuthentic(index: number, memory: Memory, to: number, length: number, icv: number): boolean
}

/** In a burst's `side`: the nonce of packet k is at k times this, its AAD behind. */
export const BURST_STRIDE = 32
export const BURST_AAD = 16

export interface BlockCipher {
  /** CBC: the IV of one block at `iv` of `side`, `length` in whole blocks. CTR: the first counter block there. */
  apply(side: Memory, iv: number, memory: Memory, from: number, into: Memory, to: number, length: number): void
  close(): void
}

export interface Mac {
  /** Octets that `compute` writes: the whole result, not yet cut to an ICV. */
  readonly resultBytes: number
  compute(memory: Memory, at: number, length: number, into: Memory, result: number): void
  close(): void
}
