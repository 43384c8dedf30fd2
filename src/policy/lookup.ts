// First match among many boxes in a nearly constant number of steps: decision trees that cut the space of flows at box
// borders (the idea of HyperSplit: Qi et al., INFOCOM 2009), one tree for each way a filter can be wide or narrow in
// its addresses, because mixing them copies every wide filter into every branch (Vamanan et al., SIGCOMM 2010).
// Flat typed arrays; a look-up allocates nothing.
import type { Box } from './region.ts'

/** Boxes in a leaf are compared one by one; below this number cutting on costs more than it saves. */
const LEAF_SIZE = 6
/** Branches for each box, beyond which leaves are left larger instead: bounds memory on hostile policies. */
const NODES_PER_BOX = 24
/** Boxes looked at when a cut is chosen; enough to find the middle of many more. */
const SAMPLE = 400

export class BoxLookup {
  readonly #dimensions: number
  readonly #trees: readonly Tree[]

  /** `groups[rank]` holds the boxes of the entry at that place; the lowest rank that holds a point is the answer. */
  constructor(dimensions: number, groups: readonly (readonly Box[])[]) {
    this.#dimensions = dimensions
    const classes = new Map<number, Item[]>()
    groups.forEach((boxes, rank) => {
      for (const box of boxes) {
        const shape = shapeOf(box, dimensions)
        const items = classes.get(shape)
        if (items === undefined) classes.set(shape, [{ box, rank }])
        else items.push({ box, rank })
      }
    })
    this.#trees = [...classes.values()]
      .map(items => new Tree(dimensions, items))
      .sort((a, b) => a.bestRank - b.bestRank)
  }

  /** The lowest rank whose boxes hold the point, or -1. */
  find(point: Uint32Array): number {
    let best = 0x7fffffff
    const trees = this.#trees
    for (let index = 0; index < trees.length; index++) {
      const tree = trees[index]!
      if (tree.bestRank >= best) break
      best = tree.find(point, best, this.#dimensions)
    }
    return best === 0x7fffffff ? -1 : best
  }

  /** Octets that the trees take, for the benchmark and the tests. */
  get size(): number {
    return this.#trees.reduce((sum, tree) => sum + tree.words * 4, 0)
  }
}

interface Item {
  readonly box: Box
  readonly rank: number
}

/** Wide or narrow in source and in destination: the first address word tells for both families. */
function shapeOf(box: Box, dimensions: number): number {
  const words = (dimensions - 3) / 2
  const isWide = (d: number) => box.last[d]! - box.first[d]! > 0xffff
  return (isWide(0) ? 2 : 0) + (isWide(words) ? 1 : 0)
}

/** Words of a branch: dimension, cut, child below the cut, child from the cut on, lowest rank under it. */
const BRANCH = 5

class Tree {
  readonly bestRank: number
  /** Leaves are negative children. */
  readonly #branches: Uint32Array
  readonly #root: number
  /** First and one past the last word of each leaf in `#items`. */
  readonly #leaves: Int32Array
  /** Per leaf item its rank, then first and last of each dimension: side by side, so that a leaf is read in one go. */
  readonly #items: Uint32Array

  constructor(dimensions: number, items: readonly Item[]) {
    this.bestRank = items.reduce((best, item) => Math.min(best, item.rank), 0x7fffffff)
    const builder = new TreeBuilder(dimensions, items)
    this.#root = builder.root
    this.#branches = Uint32Array.from(builder.branches)
    this.#leaves = Int32Array.from(builder.leaves)
    this.#items = Uint32Array.from(builder.leafItems)
  }

  get words(): number {
    return this.#branches.length + this.#items.length
  }

  find(point: Uint32Array, limit: number, dimensions: number): number {
    const branches = this.#branches
    let node = this.#root
    while (node >= 0) {
      const at = node * BRANCH
      if (branches[at + 4]! >= limit) return limit
      node = branches[at + (point[branches[at]!]! < branches[at + 1]! ? 2 : 3)]! | 0
    }
    const leaf = ~node * 2
    const items = this.#items
    const end = this.#leaves[leaf + 1]!
    const stride = 1 + 2 * dimensions
    next: for (let at = this.#leaves[leaf]!; at < end; at += stride) {
      const rank = items[at]!
      if (rank >= limit) return limit
      for (let d = 0, bound = at + 1; d < dimensions; d++, bound += 2) {
        const value = point[d]!
        if (value < items[bound]! || value > items[bound + 1]!) continue next
      }
      return rank
    }
    return limit
  }
}

class TreeBuilder {
  readonly branches: number[] = []
  readonly leaves: number[] = []
  readonly leafItems: number[] = []
  readonly #bounds: Uint32Array
  readonly root: number
  readonly #dimensions: number
  readonly #ranks: Int32Array
  readonly #most: number

  constructor(dimensions: number, items: readonly Item[]) {
    const sorted = items.toSorted((a, b) => a.rank - b.rank)
    this.#dimensions = dimensions
    this.#ranks = Int32Array.from(sorted, item => item.rank)
    this.#most = NODES_PER_BOX * items.length * BRANCH + 4096
    this.#bounds = new Uint32Array(sorted.length * dimensions * 2)
    sorted.forEach(({ box }, index) => {
      for (let d = 0; d < dimensions; d++) {
        this.#bounds[(index * dimensions + d) * 2] = box.first[d]!
        this.#bounds[(index * dimensions + d) * 2 + 1] = box.last[d]!
      }
    })
    const space = new Uint32Array(dimensions * 2)
    for (let d = 0; d < dimensions; d++) space[2 * d + 1] = 0xffffffff
    this.root = this.#build(
      Int32Array.from(sorted, (_, index) => index),
      space,
    )
  }

  /** `space` holds first and last of each dimension of the region that the new node answers for. */
  #build(candidates: Int32Array, space: Uint32Array): number {
    const ids = this.#untilCovering(candidates, space)
    const cut = ids.length <= LEAF_SIZE || this.branches.length > this.#most ? undefined : this.#chooseCut(ids, space)
    if (cut === undefined) return this.#leaf(ids, space)
    const { dimension, value } = cut
    const node = this.branches.length / BRANCH
    this.branches.push(dimension, value, 0, 0, this.#ranks[ids[0]!]!)
    const below = space.slice()
    below[2 * dimension + 1] = value - 1
    const low = this.#build(
      ids.filter(id => this.#first(id, dimension) < value),
      below,
    )
    const above = space.slice()
    above[2 * dimension] = value
    const high = this.#build(
      ids.filter(id => this.#last(id, dimension) >= value),
      above,
    )
    this.branches[node * BRANCH + 2] = low >>> 0
    this.branches[node * BRANCH + 3] = high >>> 0
    return node
  }

  #first(id: number, d: number): number {
    return this.#bounds[(id * this.#dimensions + d) * 2]!
  }

  #last(id: number, d: number): number {
    return this.#bounds[(id * this.#dimensions + d) * 2 + 1]!
  }

  /** Nothing behind a box that covers the whole space can ever be the first match in it. */
  #untilCovering(ids: Int32Array, space: Uint32Array): Int32Array {
    const covering = ids.findIndex(id => {
      for (let d = 0; d < this.#dimensions; d++) {
        if (this.#first(id, d) > space[2 * d]! || this.#last(id, d) < space[2 * d + 1]!) return false
      }
      return true
    })
    return covering < 0 ? ids : ids.subarray(0, covering + 1)
  }

  #hides(earlier: number, later: number, space: Uint32Array): boolean {
    for (let d = 0; d < this.#dimensions; d++) {
      if (this.#first(earlier, d) > Math.max(this.#first(later, d), space[2 * d]!)) return false
      if (this.#last(earlier, d) < Math.min(this.#last(later, d), space[2 * d + 1]!)) return false
    }
    return true
  }

  #leaf(candidates: Int32Array, space: Uint32Array): number {
    const ids: number[] = []
    // What an earlier box of the leaf covers, as far as this space goes, can never be the first match in it.
    for (const id of candidates) {
      if (!ids.some(earlier => this.#hides(earlier, id, space))) ids.push(id)
    }
    this.leaves.push(this.leafItems.length)
    for (const id of ids) {
      const from = id * this.#dimensions * 2
      this.leafItems.push(this.#ranks[id]!, ...this.#bounds.subarray(from, from + this.#dimensions * 2))
    }
    this.leaves.push(this.leafItems.length)
    return ~(this.leaves.length / 2 - 1)
  }

  /** The border that leaves the fewest boxes on its fuller side, copies counted; undefined where no border helps. */
  #chooseCut(ids: Int32Array, space: Uint32Array): { dimension: number; value: number } | undefined {
    const step = Math.max(1, Math.floor(ids.length / SAMPLE))
    const sample = step === 1 ? ids : ids.filter((_, index) => index % step === 0)
    let best: { dimension: number; value: number } | undefined
    let bestCost = sample.length * 1.9
    const starts = new Float64Array(sample.length)
    const stops = new Float64Array(sample.length)
    for (let d = 0; d < this.#dimensions; d++) {
      const from = space[2 * d]!
      const to = space[2 * d + 1]!
      if (from === to) continue
      for (let index = 0; index < sample.length; index++) {
        starts[index] = this.#first(sample[index]!, d)
        stops[index] = this.#last(sample[index]!, d)
      }
      starts.sort()
      stops.sort()
      for (const value of borders(starts, stops, from, to)) {
        // Below the cut stands what starts under it; above stands what does not stop under it.
        const low = countBelow(starts, value)
        const high = sample.length - countBelow(stops, value)
        const cost = Math.max(low, high) + 0.9 * (low + high - sample.length)
        if (
          low < sample.length && high < sample.length
            ? cost < bestCost
            : cost < bestCost && low + high < 2 * sample.length
        ) {
          bestCost = cost
          best = { dimension: d, value }
        }
      }
    }
    return best
  }
}

/** Cuts worth trying in one dimension: borders around the quarters of the boxes' ends. */
function borders(starts: Float64Array, stops: Float64Array, from: number, to: number): number[] {
  const count = starts.length
  const found: number[] = []
  for (const part of [0.5, 0.25, 0.75, 0.1, 0.9]) {
    const index = Math.min(count - 1, Math.floor(count * part))
    found.push(starts[index]!, stops[index]! + 1)
  }
  // Boxes that start or stop at the space's own border give no cut there: take the nearest inner border instead.
  found.push(starts[countBelow(starts, from + 1)] ?? from, (stops[countBelow(stops, to) - 1] ?? to) + 1)
  return found.filter(value => value > from && value <= to)
}

/** How many of the sorted values are below `value`. */
function countBelow(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
