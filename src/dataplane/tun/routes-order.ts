// Which wishes can be left out, and how few ranks keep the order of the others: only two wishes with opposite targets that a
// packet could both fit have to stand in order.
import type { PortRange } from '../../policy/model.ts'
import { holds, overlap } from './routes-spans.ts'
import type { Wish } from './routes-wishes.ts'

/** Without those behind wider ones, and those that say what would come anyway. What fits none stays with the kernel. */
export function relevant(wishes: readonly Wish[]): readonly Wish[] {
  const reached: Wish[] = []
  for (const wish of wishes) {
    if (!reached.some(earlier => covers(earlier, wish))) reached.push(wish)
  }
  const kept: Wish[] = []
  for (const wish of reached.toReversed()) {
    if (isNeeded(wish, kept)) kept.unshift(wish)
  }
  return kept
}

function isNeeded(wish: Wish, later: readonly Wish[]): boolean {
  for (const next of later) {
    if (next.target === wish.target) {
      if (covers(next, wish)) return false
    } else if (meets(next, wish)) return true
  }
  return wish.target === 'device'
}

/** A number from 0 on for each. */
export function ranked(wishes: readonly Wish[]): readonly number[] {
  const ranks: number[] = []
  wishes.forEach((wish, index) => {
    let rank = 0
    for (let earlier = 0; earlier < index; earlier++) {
      const other = wishes[earlier]!
      if (other.target !== wish.target && ranks[earlier]! >= rank && meets(other, wish)) rank = ranks[earlier]! + 1
    }
    ranks.push(rank)
  })
  return ranks
}

/** Whether whatever fits `inner` fits `outer`. */
function covers(outer: Wish, inner: Wish): boolean {
  return (
    (!outer.isLocal || inner.isLocal) &&
    (outer.protocol === undefined || outer.protocol === inner.protocol) &&
    isAround(outer.sourcePorts, inner.sourcePorts) &&
    isAround(outer.destinationPorts, inner.destinationPorts) &&
    (outer.from === undefined || (inner.from !== undefined && holds(outer.from, inner.from))) &&
    (outer.to === undefined || (inner.to !== undefined && holds(outer.to, inner.to)))
  )
}

function isAround(outer: PortRange | undefined, inner: PortRange | undefined): boolean {
  return outer === undefined || (inner !== undefined && outer.first <= inner.first && inner.last <= outer.last)
}

/** Whether some packet may fit both. */
function meets(a: Wish, b: Wish): boolean {
  return (
    (a.protocol === undefined || b.protocol === undefined || a.protocol === b.protocol) &&
    portsMeet(a.sourcePorts, b.sourcePorts) &&
    portsMeet(a.destinationPorts, b.destinationPorts) &&
    (a.from === undefined || b.from === undefined || overlap(a.from, b.from)) &&
    (a.to === undefined || b.to === undefined || overlap(a.to, b.to))
  )
}

function portsMeet(a: PortRange | undefined, b: PortRange | undefined): boolean {
  return a === undefined || b === undefined || (a.first <= b.last && b.first <= a.last)
}
