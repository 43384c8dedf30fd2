// Runs the steps in both directions between every two controllers and says of each whether the other one answered.
// What crosses the wire besides is Samba's own: replication, notifications, announcements.

import { performance } from 'node:perf_hooks'
import { accounts, isOnIpv6 } from './forest.ts'
import type { Lab } from './lab.ts'
import { administrator, type Direction, getTickets, type Step, type Verdict } from './step.ts'
import { directorySteps } from './steps-directory.ts'
import { kerberosSteps } from './steps-kerberos.ts'
import { wireSteps } from './steps-wire.ts'

export const steps: readonly Step[] = [...wireSteps, ...directorySteps, ...kerberosSteps]

export interface StepResult extends Verdict {
  readonly step: string
  readonly from: string
  readonly to: string
  readonly seconds: number
}

export interface LeftOut {
  readonly step: string
  readonly because: string
}

/** Steps that this lab cannot make. */
export function leftOut({ controllers }: Pick<Lab, 'controllers'>, only: readonly string[]): readonly LeftOut[] {
  if (!controllers.some(isOnIpv6)) return []
  return steps
    .filter(({ name }) => only.length === 0 || only.includes(name))
    .flatMap(({ name, notOnIpv6 }) => (notOnIpv6 === undefined ? [] : [{ step: name, because: notOnIpv6 }]))
}

export interface ExerciseOptions {
  /** Names of steps; none means all. */
  readonly only: readonly string[]
  readonly patience: number
}

export async function exercise(
  lab: Lab,
  options: ExerciseOptions,
  onResult: (result: StepResult) => void,
): Promise<readonly StepResult[]> {
  const { forest, controllers } = lab
  const impossible = leftOut(lab, options.only).map(({ step }) => step)
  const asked = steps.filter(step => options.only.length === 0 || options.only.includes(step.name))
  const chosen = asked.filter(({ name }) => !impossible.includes(name))
  const results: StepResult[] = []
  for (const from of controllers) {
    const others = controllers.filter(each => each !== from)
    for (const to of others) {
      const direction: Direction = { forest, from, to, patience: options.patience }
      await getTickets(direction, [accounts.alice, accounts.bigTicket, administrator(forest)])
      for (const step of chosen) {
        const begin = performance.now()
        const verdict = await step.run(direction)
        const seconds = (performance.now() - begin) / 1000
        const result = { step: step.name, from: from.name, to: to.name, ...verdict, seconds }
        results.push(result)
        onResult(result)
      }
    }
  }
  return results
}
