// Steps of the exercise in rotation, both ways in turn. While an agent is restarted a step may go without an answer: it is asked
// again, as a person would, and only what stays without an answer is lost.

import { performance } from 'node:perf_hooks'
import { steps } from '../exercise.ts'
import { accounts } from '../forest.ts'
import type { Lab } from '../lab.ts'
import { pause } from '../run.ts'
import { administrator, type Direction, getTickets, type Step, type Verdict } from '../step.ts'

export interface QuestionsAsked {
  readonly step: string
  readonly asked: number
  readonly answeredAtOnce: number
  readonly answeredLater: number
  readonly lost: number
  /** From the first question to the answer. */
  readonly longestSeconds: number
}

/** Kerberos in all its forms, and LDAP: what the story is about. */
export const rotation: readonly string[] = [
  ...['as-udp', 'ldap-gssapi', 'as-tcp', 'ldaps', 'tgs-udp', 'cldap', 'tgs-tcp', 'ldap-catalogue'],
  ...['as-udp-fragments', 'smb-copy', 'tgs-udp-fragments', 'dns-tcp', 'rpc-tcp'],
]

const PATIENCE = 10
const LOST_AFTER_SECONDS = 180

export class Questions {
  readonly #directions: readonly Direction[]
  readonly #told: Map<string, QuestionsAsked>

  constructor({ forest, controllers }: Lab) {
    this.#directions = controllers.flatMap(from =>
      controllers.filter(to => to !== from).map(to => ({ forest, from, to, patience: PATIENCE })),
    )
    const none = { asked: 0, answeredAtOnce: 0, answeredLater: 0, lost: 0, longestSeconds: 0 }
    this.#told = new Map(rotation.map(step => [step, { step, ...none }]))
  }

  get state(): readonly QuestionsAsked[] {
    return [...this.#told.values()]
  }

  async keepOn(isOver: () => boolean): Promise<void> {
    for (const direction of this.#directions) {
      await getTickets(direction, [accounts.alice, accounts.bigTicket, administrator(direction.forest)])
    }
    const chosen = rotation.map(name => steps.find(step => step.name === name)!)
    for (let turn = 0; !isOver(); turn++) {
      const direction = this.#directions[turn % this.#directions.length]!
      // An odd number of steps and two directions: each step comes both ways.
      await this.#ask(chosen[turn % chosen.length]!, direction)
      await pause(500)
    }
  }

  async #ask(step: Step, direction: Direction): Promise<void> {
    const begin = performance.now()
    const waited = () => (performance.now() - begin) / 1000
    let tries = 0
    let ok = false
    while (!ok && (tries === 0 || waited() < LOST_AFTER_SECONDS)) {
      if (tries > 0) await pause(1000)
      tries++
      ok = (await outcomeOf(step, direction)).ok
    }
    const before = this.#told.get(step.name)!
    this.#told.set(step.name, {
      ...before,
      asked: before.asked + 1,
      answeredAtOnce: before.answeredAtOnce + (ok && tries === 1 ? 1 : 0),
      answeredLater: before.answeredLater + (ok && tries > 1 ? 1 : 0),
      lost: before.lost + (ok ? 0 : 1),
      longestSeconds: Math.max(before.longestSeconds, waited()),
    })
  }
}

async function outcomeOf(step: Step, direction: Direction): Promise<Verdict> {
  try {
    return await step.run(direction)
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error
    return { ok: false, said: String(error) }
  }
}
