// Who hears of an agent's events, each from a level on.
import type { Level, ToldEvent } from '../monitor/told-event.ts'
import { isAtLeast } from './control-protocol.ts'

export class Listeners {
  readonly #all = new Map<(event: ToldEvent) => void, Level>()

  /** Hears of events of this level and above until the answer is called. */
  add(listener: (event: ToldEvent) => void, least: Level): () => void {
    this.#all.set(listener, least)
    return () => this.#all.delete(listener)
  }

  tell(event: ToldEvent): void {
    for (const [listener, least] of this.#all) if (isAtLeast(event.level, least)) listener(event)
  }

  /** Details cost nothing to describe where nobody hears them. */
  get wantDetails(): boolean {
    return this.#all.values().some(least => least === 'debug')
  }
}
