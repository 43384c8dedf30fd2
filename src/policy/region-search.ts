// Exact answers about all flows of a region at once, without asking each: the region is split along the borders of the
// first entry that overlaps it, until one entry (or none) decides for a whole part. Depth first, the lower part first.
// Work is bounded: a search that runs out of budget says so, and then nothing is proved.
import { ICMP, ICMPV6, TCP, UDP } from '../base/flow.ts'
import { type Box, IPV4_LAYOUT, IPV6_LAYOUT, intersect, type Layout, layoutOf, NO_PORT } from './region.ts'

/** A place in a layout, one number for each dimension. */
export type Point = readonly number[]

/** Entries are asked in order; the first that holds a point gives it its label. */
export interface SearchEntry {
  readonly boxes: readonly Box[]
  /** What the entry stands for, 0 or more: parts of one label are not told apart. */
  readonly label: number
}

/** The label of points that no entry holds. */
export const NO_ENTRY = -1

/** Boxes looked at before a search gives up; some seconds of work. */
export const DEFAULT_BUDGET = 60_000_000

/** Boxes that may be looked at; one that is shared by several searches is used up by all of them together. */
export type Budget = number | { left: number }

export type SearchEnd =
  /** Every part was decided. */
  | 'complete'
  /** The search was told to stop. */
  | 'stopped'
  /** The budget ran out: what was found is true, what was not found is unknown. */
  | 'out-of-budget'

export interface Explorer {
  /**
   * Whether a part whose smallest point is `corner` is worth a look for the sake of this label. A part of which no
   * label is wanted is left out. The arrays are reused: copy what is kept.
   */
  wants(label: number, corner: ArrayLike<number>): boolean
  /** One part that has one label; answers whether to go on. */
  found(label: number, first: ArrayLike<number>, last: ArrayLike<number>): boolean
}

interface Part {
  readonly first: Uint32Array
  readonly last: Uint32Array
  /** Boxes that may overlap the part, in order. */
  readonly live: Int32Array
}

/** Walks the parts of `regions`, all of one layout; `order` is the order of dimensions in which corners are compared. */
export function explore(
  regions: readonly Box[],
  entries: readonly SearchEntry[],
  explorer: Explorer,
  budget: Budget = DEFAULT_BUDGET,
): SearchEnd {
  const dimensions = regions[0]?.first.length
  if (dimensions === undefined) return 'complete'
  return new Exploration(dimensions, entries, explorer, typeof budget === 'number' ? { left: budget } : budget).run(
    regions,
  )
}

class Exploration {
  readonly #dimensions: number
  readonly #order: readonly number[]
  readonly #first: Uint32Array
  readonly #last: Uint32Array
  readonly #labels: Int32Array
  readonly #explorer: Explorer
  readonly #budget: { left: number }

  constructor(dimensions: number, entries: readonly SearchEntry[], explorer: Explorer, budget: { left: number }) {
    const flat = entries.flatMap(({ boxes, label }) => boxes.map(box => ({ box, label })))
    this.#dimensions = dimensions
    this.#order = flowOrder(layoutOfPoint(dimensions))
    this.#first = new Uint32Array(flat.length * dimensions)
    this.#last = new Uint32Array(flat.length * dimensions)
    this.#labels = Int32Array.from(flat, ({ label }) => label)
    flat.forEach(({ box }, index) => {
      this.#first.set(box.first, index * dimensions)
      this.#last.set(box.last, index * dimensions)
    })
    this.#explorer = explorer
    this.#budget = budget
  }

  run(regions: readonly Box[]): SearchEnd {
    const all = Int32Array.from(this.#labels, (_, index) => index)
    const stack: Part[] = regions
      .map(({ first, last }) => ({ first: Uint32Array.from(first), last: Uint32Array.from(last), live: all }))
      .reverse()
    const explorer = this.#explorer
    for (let part = stack.pop(); part !== undefined; part = stack.pop()) {
      this.#budget.left -= part.live.length + 1
      if (this.#budget.left < 0) return 'out-of-budget'
      const { first, last } = part
      const { live, isCovered } = this.#narrow(part)
      const label = this.#onlyLabel(live, isCovered)
      if (label !== undefined) {
        if (explorer.wants(label, first) && !explorer.found(label, first, last)) return 'stopped'
      } else if (this.#isWanted(live, isCovered, first)) {
        const [lower, upper] = this.#split(first, last, live)
        stack.push(upper, lower)
      }
    }
    return 'complete'
  }

  /** The boxes that overlap the part, up to the first that covers it: nothing behind that one decides here. */
  #narrow({ first, last, live }: Part): { live: Int32Array; isCovered: boolean } {
    const dimensions = this.#dimensions
    const kept = new Int32Array(live.length)
    let count = 0
    next: for (const box of live) {
      const at = box * dimensions
      let isCovering = true
      for (let d = 0; d < dimensions; d++) {
        const low = this.#first[at + d]!
        const high = this.#last[at + d]!
        if (low > last[d]! || high < first[d]!) continue next
        if (low > first[d]! || high < last[d]!) isCovering = false
      }
      kept[count++] = box
      if (isCovering) return { live: kept.subarray(0, count), isCovered: true }
    }
    return { live: kept.subarray(0, count), isCovered: false }
  }

  /** The label that the whole part has, whichever of its boxes decides; undefined where there may be several. */
  #onlyLabel(live: Int32Array, isCovered: boolean): number | undefined {
    if (live.length === 0) return NO_ENTRY
    const label = this.#labels[live[0]!]!
    if (!isCovered) return undefined
    return live.every(box => this.#labels[box] === label) ? label : undefined
  }

  #isWanted(live: Int32Array, isCovered: boolean, corner: Uint32Array): boolean {
    if (!isCovered && this.#explorer.wants(NO_ENTRY, corner)) return true
    let asked: number | undefined
    for (const box of live) {
      const label = this.#labels[box]!
      if (label !== asked && this.#explorer.wants(label, corner)) return true
      asked = label
    }
    return false
  }

  /** In two along a border of the first box, in the earliest dimension of the order that has one: small flows first. */
  #split(first: Uint32Array, last: Uint32Array, live: Int32Array): [Part, Part] {
    const at = live[0]! * this.#dimensions
    for (const d of this.#order) {
      const low = this.#first[at + d]!
      const high = this.#last[at + d]!
      if (low > first[d]!) return cut(first, last, live, d, low)
      if (high < last[d]!) return cut(first, last, live, d, high + 1)
    }
    // Only a box that covers the part has no border in it, and then the part has one label.
    throw new Error('a part that its first box covers is decided, not split')
  }
}

/** `live` is shared by both: each narrows it for itself. */
function cut(first: Uint32Array, last: Uint32Array, live: Int32Array, d: number, value: number): [Part, Part] {
  const lowerLast = last.slice()
  lowerLast[d] = value - 1
  const upperFirst = first.slice()
  upperFirst[d] = value
  return [
    { first, last: lowerLast, live },
    { first: upperFirst, last, live },
  ]
}

export function layoutOfPoint(dimensions: number): Layout {
  return dimensions === IPV4_LAYOUT.dimensions ? IPV4_LAYOUT : IPV6_LAYOUT
}

/** The dimensions as flows are compared: protocol, source port, destination port, source, destination. */
export function flowOrder(layout: Layout): readonly number[] {
  const words = Array.from({ length: 2 * layout.words }, (_, index) => index)
  return [layout.protocol, layout.sourcePort, layout.destinationPort, ...words]
}

/** Negative where `a` is the smaller flow. */
export function comparePoints(order: readonly number[], a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (const d of order) {
    if (a[d] !== b[d]) return a[d]! - b[d]!
  }
  return 0
}

/**
 * The smallest point of a box whose source is not its destination: what a host sends to itself is on no wire. Undefined
 * where the box holds nothing else.
 */
export function smallestBetweenHosts(first: ArrayLike<number>, last: ArrayLike<number>): Point | undefined {
  const { words, source, destination } = layoutOfPoint(first.length)
  const point = Array.from(first)
  for (let word = 0; word < words; word++) {
    if (point[source + word] !== point[destination + word]) return point
  }
  // The source counts before the destination, so the destination moves if it can; the last word is the smallest step.
  for (const end of [destination, source]) {
    for (let d = end + words - 1; d >= end; d--) {
      if (point[d]! < last[d]!) return point.with(d, point[d]! + 1)
    }
  }
  return undefined
}

/**
 * The smallest point between two hosts of each label that `wanted` accepts. A label that is missing has none if the end
 * is `complete`.
 */
export function smallestOfEach(
  regions: readonly Box[],
  entries: readonly SearchEntry[],
  wanted: (label: number) => boolean,
  budget?: Budget,
): { readonly end: SearchEnd; readonly points: ReadonlyMap<number, Point> } {
  const points = new Map<number, Point>()
  const order = flowOrder(layoutOfPoint(regions[0]?.first.length ?? 0))
  const improves = (label: number, corner: ArrayLike<number>): boolean => {
    const best = points.get(label)
    return best === undefined || comparePoints(order, corner, best) < 0
  }
  const explorer: Explorer = {
    wants: (label, corner) => wanted(label) && improves(label, corner),
    found: (label, first, last) => {
      const point = smallestBetweenHosts(first, last)
      if (point !== undefined && improves(label, point)) points.set(label, point)
      return true
    },
  }
  return { end: explore(regions, entries, explorer, budget), points }
}

/** The smallest point between two hosts of all labels that `wanted` accepts: much quicker than that of each. */
export function smallestOfAll(
  regions: readonly Box[],
  entries: readonly SearchEntry[],
  wanted: (label: number) => boolean,
  budget?: Budget,
): { readonly end: SearchEnd; readonly smallest: { readonly label: number; readonly point: Point } | undefined } {
  let smallest: { readonly label: number; readonly point: Point } | undefined
  const order = flowOrder(layoutOfPoint(regions[0]?.first.length ?? 0))
  const improves = (corner: ArrayLike<number>): boolean =>
    smallest === undefined || comparePoints(order, corner, smallest.point) < 0
  const explorer: Explorer = {
    wants: (label, corner) => wanted(label) && improves(corner),
    found: (label, first, last) => {
      const point = smallestBetweenHosts(first, last)
      if (point !== undefined && improves(point)) smallest = { label, point }
      return true
    },
  }
  const end = explore(regions, entries, explorer, budget)
  return { end, smallest }
}

/**
 * A flow of the box that none of the entries hold, undefined where they hold them all, `unknown` where the budget ran
 * out. Only flows that exist are asked for: see `realFlows`.
 */
export function uncovered(
  box: Box,
  entries: readonly { readonly boxes: readonly Box[] }[],
  budget?: Budget,
): Point | undefined | 'unknown' {
  let point: Point | undefined
  const end = explore(
    realFlows(box),
    entries.map(({ boxes }) => ({ boxes, label: 0 })),
    {
      wants: label => label === NO_ENTRY,
      found: (_, first) => {
        point = Array.from(first)
        return false
      },
    },
    budget,
  )
  return end === 'out-of-budget' ? 'unknown' : point
}

/**
 * The parts of a box that packets can be in: ports exist for TCP and UDP alone, a message type (0 to 255, in the place
 * of the destination port) for ICMP and ICMPv6. Without either, those four are later fragments, which carry neither.
 */
export function realFlows(box: Box): readonly Box[] {
  const layout = layoutOfPoint(box.first.length)
  return shapes[layout.family].map(shape => intersect(shape, box)).filter(part => part !== undefined)
}

function shapesOf(layout: Layout): readonly Box[] {
  const none = [NO_PORT, NO_PORT] as const
  const shape = (
    protocols: readonly [number, number],
    sources: readonly [number, number],
    destinations: readonly [number, number],
  ): Box => ({
    first: [...layout.everything.first.slice(0, layout.protocol), protocols[0], sources[0], destinations[0]],
    last: [...layout.everything.last.slice(0, layout.protocol), protocols[1], sources[1], destinations[1]],
  })
  const special = [
    { protocol: ICMP, sources: none, destinations: [0, 255] },
    { protocol: TCP, sources: [0, 65535], destinations: [0, 65535] },
    { protocol: UDP, sources: [0, 65535], destinations: [0, 65535] },
    { protocol: ICMPV6, sources: none, destinations: [0, 255] },
  ] as const
  let next = 0
  const found: Box[] = []
  for (const { protocol, sources, destinations } of special) {
    if (next < protocol) found.push(shape([next, protocol - 1], none, none))
    found.push(shape([protocol, protocol], sources, destinations), shape([protocol, protocol], none, none))
    next = protocol + 1
  }
  return [...found, shape([next, 255], none, none)]
}

const shapes = { 4: shapesOf(layoutOf(4)), 6: shapesOf(layoutOf(6)) } as const
