// When each of many things is due, and the earliest of them, without looking at all of them every time.
import type { Instant } from './machine.ts'

export class DueTimes<K> {
  readonly #times = new Map<K, Instant>()
  #earliest: Instant | undefined
  #isKnown = true

  get earliest(): Instant | undefined {
    if (!this.#isKnown) {
      this.#earliest = undefined
      for (const at of this.#times.values())
        if (this.#earliest === undefined || at < this.#earliest) this.#earliest = at
      this.#isKnown = true
    }
    return this.#earliest
  }

  set(key: K, at: Instant | undefined): void {
    const before = this.#times.get(key)
    if (before === at) return
    if (at === undefined) this.#times.delete(key)
    else this.#times.set(key, at)
    if (!this.#isKnown) return
    if (before !== undefined && before === this.#earliest) this.#isKnown = false
    else if (at !== undefined && (this.#earliest === undefined || at < this.#earliest)) this.#earliest = at
  }

  due(now: Instant): readonly K[] {
    const { earliest } = this
    return earliest === undefined || earliest > now
      ? []
      : [...this.#times].filter(([, at]) => at <= now).map(([key]) => key)
  }
}
