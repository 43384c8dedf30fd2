// Packets over time by verdict, in a bounded number of buckets whatever a capture holds: where its time no longer fits,
// every two neighbours become one and a bucket stands for twice as long. Times may come in any order.
import { type Verdict, verdicts } from './verdict.ts'

/** Even, so that halving keeps neighbours together. */
const BUCKETS = 256
/** Seconds of a bucket at first: about a microsecond, as fine as captures are. */
const FINEST = 2 ** -20
/** Directions between hosts whose packets may turn out to be opened copies and are kept apart for it. */
const MOST_DIRECTIONS = 1024

export interface TimelineReport {
  /** Seconds since 1970 at which the first bucket begins, and how long each one is. */
  readonly start: number
  readonly bucketSeconds: number
  /** Packets in each bucket; only verdicts that occur. */
  readonly packets: Readonly<Partial<Record<Verdict, readonly number[]>>>
  /** Opened copies between so many hosts that their time was not kept apart: they stand here under `leaked`. */
  readonly copiesNotPlaced: number
}

export class Timeline {
  #width = FINEST
  /** Numbers of the earliest and the latest bucket with packets, counted from 1970. */
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY
  /** Each bucket stands at its number modulo BUCKETS: no two within the bounds share a place. */
  readonly #sums = new Map<Verdict, Float64Array>()
  /** Of these, what pairs with sealed packets, by direction: copies are known at the end only. */
  readonly #paired = new Map<number, Float64Array>()
  readonly #pairedElsewhere = new Map<number, number>()

  /** `direction` where the packet pairs with a sealed one before it, else -1. */
  add(verdict: Verdict, time: number, direction: number): void {
    const place = this.#placeOf(time)
    const sums = this.#sumsOf(verdict)
    sums[place] = sums[place]! + 1
    if (direction < 0) return
    let paired = this.#paired.get(direction)
    if (paired === undefined && this.#paired.size >= MOST_DIRECTIONS) {
      this.#pairedElsewhere.set(direction, (this.#pairedElsewhere.get(direction) ?? 0) + 1)
      return
    }
    if (paired === undefined) {
      paired = new Float64Array(BUCKETS)
      this.#paired.set(direction, paired)
    }
    paired[place] = paired[place]! + 1
  }

  /** `copies`: directions whose paired packets are opened copies, which were protected. */
  report(copies: ReadonlySet<number>): TimelineReport | undefined {
    if (this.#last < this.#first) return undefined
    const of = new Map([...this.#sums].map(([verdict, sums]) => [verdict, this.#inOrder(sums)]))
    const leaked = of.get('leaked') ?? []
    for (const [direction, paired] of this.#paired) {
      if (!copies.has(direction)) continue
      const sealed = of.get('protected') ?? leaked.map(() => 0)
      this.#inOrder(paired).forEach((packets, index) => {
        leaked[index] = leaked[index]! - packets
        sealed[index] = sealed[index]! + packets
      })
      of.set('protected', sealed)
    }
    const elsewhere = [...this.#pairedElsewhere].filter(([direction]) => copies.has(direction))
    return {
      start: this.#first * this.#width,
      bucketSeconds: this.#width,
      packets: Object.fromEntries(
        verdicts.flatMap(verdict => {
          const sums = of.get(verdict)
          return sums?.some(packets => packets > 0) ? [[verdict, sums]] : []
        }),
      ),
      copiesNotPlaced: elsewhere.reduce((sum, [, packets]) => sum + packets, 0),
    }
  }

  #placeOf(time: number): number {
    for (;;) {
      const number = Math.floor(time / this.#width)
      const first = Math.min(number, this.#first)
      const last = Math.max(number, this.#last)
      // A damaged file states any 64-bit time: numbers stay where a step of one is still one.
      if (last - first < BUCKETS && Math.abs(number) <= 2 ** 52) {
        this.#first = first
        this.#last = last
        return placeOf(number)
      }
      this.#widen()
    }
  }

  /** Happens less than a hundred times, however far apart the times of a file are. */
  #widen(): void {
    const [first, last] = [this.#first, this.#last]
    for (const sums of [...this.#sums.values(), ...this.#paired.values()]) {
      const before = sums.slice()
      sums.fill(0)
      for (let number = first; number <= last; number++) {
        const place = placeOf(Math.floor(number / 2))
        sums[place] = sums[place]! + before[placeOf(number)]!
      }
    }
    this.#width *= 2
    this.#first = Math.floor(first / 2)
    this.#last = Math.floor(last / 2)
  }

  #sumsOf(verdict: Verdict): Float64Array {
    let sums = this.#sums.get(verdict)
    if (sums === undefined) {
      sums = new Float64Array(BUCKETS)
      this.#sums.set(verdict, sums)
    }
    return sums
  }

  #inOrder(sums: Float64Array): number[] {
    return Array.from({ length: this.#last - this.#first + 1 }, (_, index) => sums[placeOf(this.#first + index)]!)
  }
}

function placeOf(number: number): number {
  return ((number % BUCKETS) + BUCKETS) % BUCKETS
}
