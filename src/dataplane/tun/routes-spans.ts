// Ranges of addresses of one family as pairs of whole numbers: cut, joined, and taken apart into the prefixes that the
// kernel's rules and routes speak of.
import type { Address, Prefix } from '../../base/address.ts'
import { lastAddress } from '../../base/address.ts'

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

export function everyAddress(family: 4 | 6): Span {
  return { first: 0n, last: (1n << (family === 4 ? 32n : 128n)) - 1n }
}

export function spanOf(first: Address, last: Address): Span {
  return { first: addressNumber(first), last: addressNumber(last) }
}

export function prefixSpan(prefix: Prefix): Span {
  return spanOf(prefix.address, lastAddress(prefix))
}

export function hostSpan(address: Address): Span {
  return spanOf(address, address)
}

export function isWithin(inner: Span, outer: Span): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

export function common(a: Span, b: Span): Span | undefined {
  const { first } = a.first < b.first ? b : a
  const { last } = a.last < b.last ? a : b
  return first <= last ? { first, last } : undefined
}

/** In order, without overlaps, and neighbours joined. */
export function joined(spans: readonly Span[]): readonly Span[] {
  const sorted = spans.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const found: Span[] = []
  for (const span of sorted) {
    const before = found.at(-1)
    if (before === undefined || span.first > before.last + 1n) found.push(span)
    else if (span.last > before.last) found[found.length - 1] = { first: before.first, last: span.last }
  }
  return found
}

/** Both lists in order and without overlaps, as `joined` makes them. */
export function overlap(a: readonly Span[], b: readonly Span[]): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i]!.last < b[j]!.first) i++
    else if (b[j]!.last < a[i]!.first) j++
    else return true
  }
  return false
}

/** The same of one span, in a few steps for many spans. */
export function touches(spans: readonly Span[], { first, last }: Span): boolean {
  let [low, high] = [0, spans.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (spans[middle]!.last < first) low = middle + 1
    else high = middle
  }
  return low < spans.length && spans[low]!.first <= last
}

/** Whether every address of `inner` is in `outer`; both as `joined` makes them. */
export function holds(outer: readonly Span[], inner: readonly Span[]): boolean {
  let at = 0
  return inner.every(span => {
    while (at < outer.length && outer[at]!.last < span.first) at++
    return at < outer.length && isWithin(span, outer[at]!)
  })
}

/** What is in both. */
export function commonSpans(a: readonly Span[], b: readonly Span[]): readonly Span[] {
  return joined(a.flatMap(one => b.flatMap(other => common(one, other) ?? [])))
}

/** What is in `spans` and not in `taken`; both as `joined` makes them. */
export function without(spans: readonly Span[], taken: readonly Span[]): readonly Span[] {
  return spans.flatMap(span => {
    const left: Span[] = []
    let { first } = span
    for (const hole of taken) {
      if (hole.last < first || hole.first > span.last) continue
      if (hole.first > first) left.push({ first, last: hole.first - 1n })
      first = hole.last + 1n
    }
    return first <= span.last ? [...left, { first, last: span.last }] : left
  })
}

/** The fewest prefixes that together are the span. */
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
