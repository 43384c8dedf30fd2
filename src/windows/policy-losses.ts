// What gets lost when a policy is said in other words, collected while it is translated. An error is a loss by which traffic
// may pass that the policy would have blocked or secured; everything else is a warning.
import type { Problem } from '../base/result.ts'
import type { FilterAction } from '../policy/model.ts'

export class Losses {
  readonly #found: Problem[]
  readonly #where: string

  constructor(where: string, found: Problem[] = []) {
    this.#where = where
    this.#found = found
  }

  /** The same book, with a place further inside. */
  at(place: string): Losses {
    return new Losses(this.#where === '' ? place : `${this.#where} ${place}`, this.#found)
  }

  /** Less is protected than before. */
  error(what: string, hint: string): void {
    this.#found.push({ severity: 'error', where: this.#where, what, hint })
  }

  warn(what: string, hint: string): void {
    this.#found.push({ severity: 'warning', where: this.#where, what, hint })
  }

  /** A filter that matches less than it did: an error unless its rule permits. */
  narrower(action: FilterAction, what: string, hint: string): void {
    if (action === 'permit') this.warn(what, hint)
    else this.error(what, hint)
  }

  /** A filter that matches more than it did: an error where its rule permits. */
  wider(action: FilterAction, what: string, hint: string): void {
    if (action === 'permit') this.error(what, hint)
    else this.warn(what, hint)
  }

  get found(): readonly Problem[] {
    return this.#found
  }
}

/** A name of a rule as problems show it. */
export function ruleAt(name: string): string {
  return `rule ${JSON.stringify(name)}`
}
