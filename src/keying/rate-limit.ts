// So many a second and no more: for what strangers can cause without cost, such as unauthenticated answers and log lines.
import type { Instant } from './machine.ts'

export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #since: Instant | undefined
  #passedOver = 0

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  /** Whether one more may be; else it is counted. */
  allows(now: Instant): boolean {
    const passed = Math.max(0, now - (this.#since ?? now))
    this.#since = now
    this.#tokens = Math.min(this.#burst, this.#tokens + passed * this.#perSecond)
    if (this.#tokens < 1) {
      this.#passedOver++
      return false
    }
    this.#tokens--
    return true
  }

  /** How many were not allowed since the last time this was asked. */
  takePassedOver(): number {
    const count = this.#passedOver
    this.#passedOver = 0
    return count
  }
}
