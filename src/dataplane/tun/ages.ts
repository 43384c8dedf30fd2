// When associations reach a limit in seconds: asked by a loop that has its own waiting to do, so no timers here.
import type { Association } from '../../ipsec/association.ts'
import { type Age, ageOf, type Lifetime, nextAgeAt } from '../../ipsec/lifetime.ts'

export class Ages {
  readonly #due = new Map<Association, number>()
  readonly #tell: (association: Association, age: Exclude<Age, 'fresh'>) => void
  #first = Number.POSITIVE_INFINITY

  constructor(tell: (association: Association, age: Exclude<Age, 'fresh'>) => void) {
    this.#tell = tell
  }

  /** When `look` has something to do, in seconds of the packets' clock; infinite where nothing will be due. */
  get first(): number {
    return this.#first
  }

  watch(association: Association, now: number): void {
    const next = nextAgeAt(lifetimeOf(association), clockOnly(association), now)
    if (next === undefined) return
    this.#due.set(association, next)
    this.#first = Math.min(this.#first, next)
  }

  forget(association: Association): void {
    this.#due.delete(association)
  }

  /** Tells what is due; each age once, by whatever it was reached. */
  look(now: number): void {
    if (now < this.#first) return
    for (const [association, next] of [...this.#due]) {
      if (next > now) continue
      this.#due.delete(association)
      const age = ageOf(lifetimeOf(association), clockOnly(association), now)
      if (age !== 'fresh' && association.isNews(age)) this.#tell(association, age)
      if (!association.isClosed) this.watch(association, now)
    }
    this.#first = Math.min(Number.POSITIVE_INFINITY, ...this.#due.values())
  }
}

function clockOnly({ born }: Association) {
  return { born, packets: 0, bytes: 0 }
}

/** Seconds alone, those of either direction. */
function lifetimeOf({ pair: { inbound, outbound } }: Association): Lifetime {
  const seconds = (age: 'soft' | 'hard') => {
    const all = [inbound.lifetime[age].seconds, outbound.lifetime[age].seconds].filter(value => value !== undefined)
    return all.length === 0 ? {} : { seconds: Math.min(...all) }
  }
  return { soft: seconds('soft'), hard: seconds('hard') }
}
