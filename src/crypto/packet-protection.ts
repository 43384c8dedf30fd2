// What ESP and AH see of cryptography: one keyed object for an association and direction, made by packet-crypto.ts.
// Packets are offsets into a Memory (`allocateMemory`, or `new Memory(bytes)` over an ordinary Uint8Array); nothing is
// allocated per packet. The caller writes SPI, sequence number, padding and trailer, and counts; this does IV, cipher, ICV.

import type { IvSource } from './iv-source.ts'
import type { EngineName, Memory } from './packet-engine.ts'
import type { AhSuite, EspSuite } from './suites.ts'

export interface ProtectionOptions {
  /** 64-bit sequence numbers (RFC 4303 §2.2.1): the upper half is authenticated though it does not travel. */
  readonly extendedSequence: boolean
  /** Another source of IVs: for several threads under one key, and for tests. See iv-source.ts. */
  readonly ivs?: IvSource
}

/** Most packets of a burst. */
export const MOST_IN_BURST = 64

/** Packets of one association that are sealed or opened in one go, each where it lies. Filled anew each time. */
export class EspBurst {
  count = 0
  /** Where each starts, with its SPI. */
  readonly at = new Int32Array(MOST_IN_BURST)
  /** Sealing: octets of the content with its trailer. Opening: those of the packet, SPI to ICV. */
  readonly lengths = new Int32Array(MOST_IN_BURST)
  readonly highs = new Uint32Array(MOST_IN_BURST)
  /** What opening answers: 1 where the packet is authentic, else nothing of it can be read. */
  readonly isOpen = new Uint8Array(MOST_IN_BURST)

  put(at: number, length: number, sequenceHigh: number): void {
    const index = this.count++
    this.at[index] = at
    this.lengths[index] = length
    this.highs[index] = sequenceHigh
  }
}

export interface EspSealer {
  readonly suite: EspSuite
  /** Which engines do the work, for `status`: the cipher's, and the integrity algorithm's where it is another. */
  readonly engines: readonly EngineName[]
  /**
   * Seals one packet that starts (with the SPI) at `at`, where SPI and sequence number stand already. The content with its
   * trailer, `length` octets in a multiple of `espAlignment`, is read at `from`: where it belongs, at + espHeaderBytes, or
   * anywhere that does not overlap. Writes the IV, the enciphered content and the ICV: in all
   * espHeaderBytes + length + espIcvBytes octets. `sequenceHigh` counts only with extended sequence numbers.
   */
  seal(memory: Memory, at: number, from: number, length: number, sequenceHigh: number): void
  /** The same for many, whose contents are where they belong; where an engine has something quicker than one by one. */
  readonly sealBurst?: (memory: Memory, burst: EspBurst) => void
  /** Wipes the keys. Nothing may be asked afterwards. */
  close(): void
}

export interface EspOpener {
  readonly suite: EspSuite
  readonly engines: readonly EngineName[]
  /**
   * Opens the packet of `length` octets, SPI to ICV, at `at`; the content with its trailer, length - espHeaderBytes -
   * espIcvBytes octets, is written to `to`: where it lies, or anywhere that does not overlap. False when the packet is too
   * short, not in whole blocks or not authentic; then nothing of the content can be read anywhere.
   */
  open(memory: Memory, at: number, length: number, to: number, sequenceHigh: number): boolean
  /** The same for many, whose contents stay where they lie. */
  readonly openBurst?: (memory: Memory, burst: EspBurst) => void
  close(): void
}

/** Integrity over several pieces, in the order in which they are added; for AH, either direction. */
export interface AhAuthenticator {
  readonly suite: AhSuite
  readonly engines: readonly EngineName[]
  /** Forgets what was added. */
  start(): void
  add(bytes: Uint8Array, at: number, length: number): void
  /** For fields that count as zero: mutable ones, and the whole ICV field. */
  addZeros(length: number): void
  /** Writes the ICV field, ahIcvFieldBytes octets, at `icv`. The upper half of the sequence number is added here. */
  sign(sequenceHigh: number, into: Uint8Array, icv: number): void
  verify(sequenceHigh: number, from: Uint8Array, icv: number): boolean
  close(): void
}
