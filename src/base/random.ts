// The only place that asks the system for randomness.
import { randomInt } from 'node:crypto'

/** A whole number from 0 to 2^32 - 1 that nobody outside can know. */
export function random32(): number {
  return randomInt(2 ** 32)
}
