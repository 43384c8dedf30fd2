// Sets of addresses of one family as lists of spans: cut, joined and compared, for the kernel's rules and routes.
import { type Address, lastAddress, type Prefix } from '../../base/address.ts'
import { type Span, spanOf } from '../../base/address-span.ts'

export function everyAddress(family: 4 | 6): Span {
  return { first: 0n, last: (1n << (family === 4 ? 32n : 128n)) - 1n }
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
