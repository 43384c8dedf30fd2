// The only place, beside the agent's start, that reads a clock.

/** Seconds on a clock that never jumps back; only differences mean something. */
export function monotonicSeconds(): number {
  return performance.now() / 1000
}

/** Seconds since 1970 on the wall clock: for dates, such as those of certificates; it may jump. */
export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** The same with fractions: when something happened, for logs. */
export function unixTime(): number {
  return Date.now() / 1000
}

/** Where code that waits gets its time from: the system's clock, or a virtual one in simulations and tests. */
export interface Clock {
  /** Seconds; only differences mean something. */
  now(): number
  /** Runs the work at that time, once; at once where it has passed. Answers what cancels it. */
  at(time: number, work: () => void): () => void
}

/** A timer of the system waits no longer than this; what is later is looked at again. */
const LONGEST = 2_000_000

/** The system's own time: timers keep the process alive until they are done or cancelled. */
export const systemClock: Clock = {
  now: monotonicSeconds,
  at(time, work) {
    let timer: ReturnType<typeof setTimeout>
    const wait = () => {
      const left = time - monotonicSeconds()
      timer = setTimeout(left > LONGEST ? wait : work, Math.min(Math.max(left, 0), LONGEST) * 1000)
    }
    wait()
    return () => clearTimeout(timer)
  },
}

interface Appointment {
  readonly time: number
  readonly order: number
  readonly work: () => void
  isCancelled: boolean
}

/** Time that stands still until it is told to go on: a simulation of an hour takes as long as its work. */
export class VirtualClock implements Clock {
  #now: number
  #order = 0
  /** A binary heap: the earliest appointment stands first. */
  readonly #heap: Appointment[] = []

  constructor(start = 0) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  at(time: number, work: () => void): () => void {
    const appointment = { time: Math.max(time, this.#now), order: this.#order++, work, isCancelled: false }
    this.#heap.push(appointment)
    this.#rise(this.#heap.length - 1)
    return () => {
      appointment.isCancelled = true
    }
  }

  /** Does everything that is due up to `time`, in order, and stands there. */
  advanceTo(time: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.time <= time) this.#next()
    this.#now = Math.max(this.#now, time)
  }

  /** The same for work that makes promises: after each appointment `settle` waits until they are kept. */
  async playTo(time: number, settle: () => Promise<void>): Promise<void> {
    await settle()
    while (this.#heap.length > 0 && this.#heap[0]!.time <= time) {
      this.#next()
      await settle()
    }
    this.#now = Math.max(this.#now, time)
  }

  /** Does everything, until nothing is left. `limit` appointments at most: work that makes work forever is a fault. */
  run(limit = 10_000_000): void {
    for (let done = 0; this.#heap.length > 0; done++) {
      if (done >= limit) throw new Error(`the virtual clock has had ${limit} appointments and still has more`)
      this.#next()
    }
  }

  #next(): void {
    const first = this.#heap[0]!
    const last = this.#heap.pop()!
    if (this.#heap.length > 0) {
      this.#heap[0] = last
      this.#sink(0)
    }
    if (first.isCancelled) return
    this.#now = Math.max(this.#now, first.time)
    first.work()
  }

  #rise(index: number): void {
    const heap = this.#heap
    for (let at = index; at > 0; ) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, heap[at]!)) return
      ;[heap[parent], heap[at]] = [heap[at]!, heap[parent]!]
      at = parent
    }
  }

  #sink(index: number): void {
    const heap = this.#heap
    for (let at = index; ; ) {
      const left = 2 * at + 1
      if (left >= heap.length) return
      const child = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left
      if (isBefore(heap[at]!, heap[child]!)) return
      ;[heap[child], heap[at]] = [heap[at]!, heap[child]!]
      at = child
    }
  }
}

/** Of two at the same time, the one made first comes first. */
function isBefore(a: Appointment, b: Appointment): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}
