// What gets lost when a policy is said in other words, collected while it is translated. An error is a loss by which traffic
// may pass that the policy would have blocked or secured; everything else is a warning.
import type { Problem } from '../base/result.ts'
import type { FilterAction } from '../policy/model.ts'

interface Book {
  readonly found: Problem[]
  readonly known: Set<string>
  readonly counts: Map<Problem['severity'], number>
}

/** A hostile policy may have millions of faults: so many of each severity tell enough. */
const MOST = 1000

export class Losses {
  readonly #book: Book
  readonly #where: string

  constructor(where: string, book: Book = { found: [], known: new Set(), counts: new Map() }) {
    this.#where = where
    this.#book = book
  }

  /** The same book, with a place further inside. */
  at(place: string): Losses {
    return new Losses(this.#where === '' ? place : `${this.#where} ${place}`, this.#book)
  }

  /** Less is protected than before. */
  error(what: string, hint: string): void {
    this.#add('error', what, hint)
  }

  warn(what: string, hint: string): void {
    this.#add('warning', what, hint)
  }

  /** The same twice in one place is told once. */
  #add(severity: Problem['severity'], what: string, hint: string): void {
    const key = `${severity} ${this.#where} ${what}`
    const count = this.#book.counts.get(severity) ?? 0
    if (this.#book.known.has(key) || count >= MOST) return
    this.#book.known.add(key)
    this.#book.counts.set(severity, count + 1)
    this.#book.found.push({ severity, where: this.#where, what, hint })
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
    return this.#book.found
  }
}

/** A name of a rule as problems show it. */
export function ruleAt(name: string): string {
  return `rule ${JSON.stringify(name)}`
}

/** Undefined of none. */
export function smallest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((least, value) => Math.min(least, value))
}

/** Numbers that differ, as words; not all of many. */
export function someOf(values: readonly number[]): string {
  const different = [...new Set(values)]
  return different.length > 8 ? `${different.slice(0, 8).join(', ')} …` : different.join(', ')
}
