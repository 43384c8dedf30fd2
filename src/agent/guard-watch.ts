// Whether the guard is still as it was put in place. Other programs flush all of nftables when they start (a firewall's own
// service does): what they took away is put back, and said aloud.
import type { Clock } from '../base/time.ts'
import type { AgentEvent } from '../monitor/told-event.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { wordsOfError } from './agent-event.ts'
import type { ClearPair, GuardHealth, GuardPart } from './agent-parts.ts'
import { within } from './within.ts'

export interface GuardWatchParts {
  readonly guard: GuardPart
  readonly clock: Clock
  readonly tell: (event: AgentEvent) => void
  readonly inForce: () => { readonly compiled: CompiledPolicy; readonly clearPairs: readonly ClearPair[] }
}

/** Seconds that the guard has for an answer. */
const ANSWER_WITHIN = 10
/** Seconds from a change to the look at it, so that what belongs together is there, and between two such looks. */
const CHANGES_QUIET = 0.05
const LOOK_AT_MOST = 1

export class GuardWatch {
  readonly #parts: GuardWatchParts
  #health: GuardHealth = { isThere: true, text: '' }
  #lookedAt = Number.NEGATIVE_INFINITY
  #cancelLook: (() => void) | undefined

  constructor(parts: GuardWatchParts) {
    this.#parts = parts
  }

  async look(): Promise<GuardHealth> {
    const { guard, clock } = this.#parts
    const failed = (error: unknown): GuardHealth => ({ isThere: false, text: wordsOfError(error) })
    this.#health = await within(clock, ANSWER_WITHIN, 'an answer', guard.health()).catch(failed)
    return this.#health
  }

  /** Something of it changed. `inTurn` runs when the agent changes nothing of it: what the agent itself did is as it should be. */
  changed(inTurn: (work: () => Promise<void>) => void): void {
    const { clock } = this.#parts
    // However much changes there: a look costs a program.
    this.#cancelLook ??= clock.at(Math.max(clock.now() + CHANGES_QUIET, this.#lookedAt + LOOK_AT_MOST), () => {
      this.#cancelLook = undefined
      this.#lookedAt = clock.now()
      inTurn(() => this.#tellIfGone())
    })
  }

  async #tellIfGone(): Promise<void> {
    const was = this.#health.isThere
    const { isThere, text } = await this.look()
    if (isThere || !was) return
    const words = `The guard is not as it was put in place (${text}); it will be put back within seconds.`
    this.#parts.tell({ level: 'error', kind: 'guard-changed', text: words, fields: { found: text } })
  }

  /** To be called in the agent's turn: nothing else may change the guard meanwhile. */
  async mend(): Promise<void> {
    const { guard, clock, tell, inForce } = this.#parts
    const { isThere, text } = await this.look()
    if (isThere) return
    const { compiled, clearPairs } = inForce()
    await guard.apply(compiled)
    for (const { own, peer, until } of clearPairs) {
      await guard.letClear(own, peer, Math.max(1, Math.round(until - clock.now())))
    }
    const words = `The guard was not as it was put in place (${text}); it is put back.`
    tell({ level: 'error', kind: 'guard-mended', text: words, fields: { found: text } })
  }
}
