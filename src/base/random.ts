// Where randomness comes from: the system's source for secrets, a seeded generator for simulations and tests. The only
// file that asks the system.
import { randomFillSync, randomInt } from 'node:crypto'

export interface Random {
  /** Fills the bytes. */
  fill(bytes: Uint8Array): void
  /** From 0 up to 1, without 1. */
  fraction(): number
}

/** Unpredictable: for keys, nonces and IVs. */
export const systemRandom: Random = {
  fill: fillRandom,
  fraction: () => random32() / 2 ** 32,
}

/** Fills the bytes with what nobody outside can know. */
export function fillRandom(bytes: Uint8Array): void {
  randomFillSync(bytes)
}

/** A whole number from 0 to 2^32 - 1 that nobody outside can know. */
export function random32(): number {
  return randomInt(2 ** 32)
}

/** The same seed gives the same numbers; never for secrets. Mulberry32, whose period of 2^32 is enough for a test. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    fill: bytes => {
      for (let index = 0; index < bytes.length; index++) bytes[index] = next() >>> 24
    },
    fraction: () => next() / 2 ** 32,
  }
}
