// A range of addresses of one family as a pair of whole numbers, and the prefixes that together are the range (RFC 4632 §3.1).
import type { Address, Prefix } from './address.ts'

/** Every address from `first` to `last`, both included. */
export interface Span {
  readonly first: bigint
  readonly last: bigint
}

const WORD = 32n

export function addressNumber({ words }: Address): bigint {
  return words.reduce((number, word) => (number << WORD) | BigInt(word), 0n)
}

export function numberAddress(number: bigint, family: 4 | 6): Address {
  const words = family === 4 ? [0n] : [96n, 64n, 32n, 0n]
  return { family, words: words.map(shift => Number((number >> shift) & 0xffff_ffffn)) }
}

export function spanOf(first: Address, last: Address): Span {
  return { first: addressNumber(first), last: addressNumber(last) }
}

/** The fewest prefixes that together are the span, in order: at most twice the bits of an address, less two. */
export function prefixesOf({ first, last }: Span, family: 4 | 6): readonly Prefix[] {
  const bits = family === 4 ? 32 : 128
  const found: Prefix[] = []
  for (let at = first; at <= last; ) {
    let free = 0
    // One bit more has to start where it does and to end within.
    while (free < bits && (at & (1n << BigInt(free))) === 0n && at + (2n << BigInt(free)) - 1n <= last) free++
    found.push({ address: numberAddress(at, family), length: bits - free })
    at += 1n << BigInt(free)
  }
  return found
}
