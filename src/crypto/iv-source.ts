// Where IVs come from. Counter modes need one that never comes twice under a key, and get a counter (RFC 4106 §3.1, RFC
// 3686 §3.1); CBC needs one that nobody can foretell, and gets fresh randomness, never the last block of the packet
// before (RFC 3602 §3; the attack is Rogaway's of 1995, later known from TLS as BEAST).
import { type Random, systemRandom } from '../base/random.ts'

export interface IvSource {
  /** Writes the next IV of `length` octets. */
  next(bytes: Uint8Array, at: number, length: number): void
}

const HALF = 2 ** 32

/**
 * A counter in 8 octets; throws when it is used up, far later than any association lives. Threads that seal with one key
 * take different `lane`s, 0 to 255, the first octet of every IV.
 */
export function counterIvs(lane = 0, first = 0n): IvSource {
  if (!Number.isInteger(lane) || lane < 0 || lane > 255) throw new RangeError(`lane ${lane} is not 0 to 255`)
  let high = Number(first >> 32n) + lane * 2 ** 24
  let low = Number(first & 0xffff_ffffn)
  const end = (lane + 1) * 2 ** 24
  return {
    next(bytes, at) {
      if (high >= end) throw new RangeError('every IV of this key is used up')
      bytes[at] = high >>> 24
      bytes[at + 1] = high >>> 16
      bytes[at + 2] = high >>> 8
      bytes[at + 3] = high
      bytes[at + 4] = low >>> 24
      bytes[at + 5] = low >>> 16
      bytes[at + 6] = low >>> 8
      bytes[at + 7] = low
      low++
      if (low === HALF) {
        low = 0
        high++
      }
    },
  }
}

const POOL = 4096

/** Random octets, fetched for many packets at once. Another `random` where runs must be repeatable. */
export function randomIvs(random: Random = systemRandom): IvSource {
  const pool = new Uint8Array(POOL)
  let used = POOL
  return {
    next(bytes, at, length) {
      if (used + length > POOL) {
        random.fill(pool)
        used = 0
      }
      for (let i = 0; i < length; i++) bytes[at + i] = pool[used++]!
    },
  }
}
