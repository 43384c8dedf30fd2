// Which entry decides somewhere: the exact question "is there a flow in this region that this entry is the first to
// hold", for every entry of a large policy. Corners are tried first, because nearly every filter decides in one; no
// lookup is built, because each entry is asked only a few times.
import type { Direction } from '../base/flow.ts'
import { type Entry, orderedFilters } from './compile.ts'
import { broadcastAddresses, type Exemption } from './exemptions.ts'
import type { Policy } from './model.ts'
import { profiles } from './profiles.ts'
import { type Box, intersect, type Layout, layoutOf } from './region.ts'
import { entryBoxes } from './region-decisions.ts'
import { NO_ENTRY, realFlows, type SearchEntry, smallestOfEach, uncovered } from './region-search.ts'

/** Boxes that one question may look at: far more than real policies need. */
const BUDGET = 500_000
/** The same for all questions together: seconds, reached only by policies in which everything meets everything. */
const TOTAL_BUDGET = 20_000_000

/** An exemption or a directed filter with its flows; its label is its place in the order. */
export interface Placed extends SearchEntry {
  readonly owner: Entry
}

/** The packets of one family in one direction. */
export class Deciding {
  readonly direction: Direction
  readonly layout: Layout
  readonly entries: readonly Placed[]
  /** All boxes in order, flat: their entry, and first and last of each dimension. */
  readonly #labels: Int32Array
  readonly #first: Uint32Array
  readonly #last: Uint32Array
  /** Where the boxes of each entry begin. */
  readonly #starts: Int32Array
  #budget = TOTAL_BUDGET

  constructor(policy: Policy, family: 4 | 6, direction: Direction, exemptions: readonly Exemption[]) {
    this.direction = direction
    this.layout = layoutOf(family)
    // Judged for every host that the policy may be assigned to.
    const subnetBroadcasts = broadcastAddresses(policy.networks)
    const standpoint = { profile: profiles.get(policy.profile)!, me: 'any', subnetBroadcasts } as const
    const owners: { owner: Entry; boxes: readonly Box[] }[] = [
      ...exemptions.map(exemption => ({
        owner: { kind: 'exemption' as const, exemption },
        boxes: exemption.boxes(this.layout, policy.networks),
      })),
      ...orderedFilters(policy).map(owner => ({
        owner,
        boxes: entryBoxes(standpoint, owner, this.layout, direction),
      })),
    ]
    this.entries = owners.filter(({ boxes }) => boxes.length > 0).map((entry, label) => ({ ...entry, label }))
    const flat = this.entries.flatMap(({ boxes, label }) => boxes.map(box => ({ box, label })))
    const { dimensions } = this.layout
    this.#labels = Int32Array.from(flat, ({ label }) => label)
    this.#first = new Uint32Array(flat.length * dimensions)
    this.#last = new Uint32Array(flat.length * dimensions)
    flat.forEach(({ box }, index) => {
      this.#first.set(box.first, index * dimensions)
      this.#last.set(box.last, index * dimensions)
    })
    let start = 0
    this.#starts = Int32Array.from(this.entries, ({ boxes }) => {
      start += boxes.length
      return start - boxes.length
    })
  }

  /** Whether the entry decides any flow inside `within`. Where the work would be too much, yes: nothing is claimed then. */
  decides(entry: Placed, within: readonly Box[] = [this.layout.everything]): boolean {
    const parts = entry.boxes.flatMap(box =>
      within.flatMap(region => {
        const part = intersect(box, region)
        return part === undefined ? [] : realFlows(part)
      }),
    )
    for (const { first, last } of parts) {
      if (this.#meeting(entry, first, first).next().done === true) return true
      if (this.#meeting(entry, last, last).next().done === true) return true
    }
    return parts.some(part => !this.#isDecided(entry, part))
  }

  /** Whether entries before this one are known to decide every flow of the box. */
  isDecidedBefore(entry: Placed, box: Box): boolean {
    return realFlows(box).every(part => this.#isDecided(entry, part))
  }

  /** Whether some question was not answered for the work it would have been. */
  get isExhausted(): boolean {
    return this.#budget <= 0
  }

  #isDecided(entry: Placed, part: Box): boolean {
    const before = this.#before(entry, part)
    // The work of a search is not known before; it grows faster than the boxes, and seldom with more than their square.
    this.#budget -= Math.min(BUDGET, before.length ** 2)
    return this.#budget > 0 && uncovered(part, before, BUDGET) === undefined
  }

  /** The entries that decide where this one, were it asked, would match. */
  insteadOf(entry: Placed): readonly Entry[] {
    const flows = entry.boxes.flatMap(realFlows)
    const before = new Set(flows.flatMap(flow => this.#before(entry, flow)))
    const inOrder = [...before].sort((a, b) => a.label - b.label)
    const { points } = smallestOfEach(flows, inOrder, label => label !== NO_ENTRY, BUDGET)
    return [...points.keys()].map(label => this.entries[label]!.owner)
  }

  #before(entry: Placed, part: Box): readonly Placed[] {
    const labels = new Set(this.#meeting(entry, part.first, part.last))
    return Array.from(labels, label => this.entries[label]!)
  }

  /** The entries before this one, of which a box meets the given one. */
  *#meeting(entry: Placed, first: ArrayLike<number>, last: ArrayLike<number>): Generator<number> {
    const { dimensions } = this.layout
    const end = this.#starts[entry.label]!
    next: for (let index = 0; index < end; index++) {
      const at = index * dimensions
      for (let d = 0; d < dimensions; d++) {
        if (this.#first[at + d]! > last[d]! || this.#last[at + d]! < first[d]!) continue next
      }
      yield this.#labels[index]!
    }
  }
}
