// Going up and down as a list of steps: up in order, down in reverse, and where one fails on the way up, what stands is
// taken back. Nothing that was done is left for want of an undo, and a step that hangs keeps nobody from the rest.
import type { Clock } from '../base/time.ts'
import { within } from './within.ts'

export interface Step {
  /** For people: `the guard`. */
  readonly name: string
  up(): Promise<void>
  /** Also after an `up` that failed half way. */
  down(): Promise<void>
}

export interface StepsOptions {
  readonly clock: Clock
  /** Seconds that each step has, either way. */
  readonly patience: number
  /** Hears of what could not be taken back; the rest is taken back all the same. */
  readonly failed: (step: string, error: unknown) => void
}

export class Steps {
  readonly #steps: readonly Step[]
  readonly #options: StepsOptions
  #standing = 0

  constructor(steps: readonly Step[], options: StepsOptions) {
    this.#steps = steps
    this.#options = options
  }

  /** Throws what the step threw, once everything is taken back. */
  async up(): Promise<void> {
    const { clock, patience } = this.#options
    for (const step of this.#steps) {
      this.#standing++
      try {
        await within(clock, patience, step.name, step.up())
      } catch (error) {
        await this.down()
        throw error
      }
    }
  }

  async down(): Promise<void> {
    const { clock, patience, failed } = this.#options
    while (this.#standing > 0) {
      const step = this.#steps[--this.#standing]!
      try {
        await within(clock, patience, `taking back ${step.name}`, step.down())
      } catch (error) {
        failed(step.name, error)
      }
    }
  }
}
