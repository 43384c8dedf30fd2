// What the seal costs: the exercise in clear and sealed by turns, in one run on one machine, so that what else the machine does
// weighs on both alike. Of each step the median of all its times, and how many times longer it takes sealed.

import { VERSION } from '../../src/cli/version.ts'
import type { AgentMemory } from './chapter.ts'
import type { StepResult } from './exercise.ts'
import type { Scene } from './scene.ts'

export interface StepRatio {
  readonly step: string
  /** Seconds: medians over all rounds and both directions. */
  readonly clear: number
  readonly sealed: number
  readonly ratio: number
  /** How many times each median is of. */
  readonly times: number
}

export interface Ratios {
  /** Of this form. */
  readonly version: 1
  readonly sealwire: string
  /** RFC 3339, in UTC. */
  readonly made: string
  /** Whether every step was answered every time: only then the times say something. */
  readonly ok: boolean
  readonly rounds: number
  readonly steps: readonly StepRatio[]
  /** All steps but those that wait for Samba's own clocks. */
  readonly together: StepRatio
  readonly unanswered: readonly string[]
  readonly memory: readonly AgentMemory[]
}

export interface RatioOptions {
  readonly rounds: number
  /** Names of steps; none means all. */
  readonly only: readonly string[]
}

/** Their times are those of Samba's timers: between a change and its notification pass seconds. */
const waitingSteps: readonly string[] = ['drs-change']

type Manner = 'clear' | 'sealed'

interface Timed extends StepResult {
  readonly manner: Manner
}

export async function measureRatios(scene: Scene, { rounds, only }: RatioOptions): Promise<Ratios> {
  scene.begin('ratios')
  const timed: Timed[] = []
  for (let round = 1; round <= rounds; round++) {
    // What is first changes, so that neither has always the warm caches.
    const order: readonly Manner[] = round % 2 === 1 ? ['clear', 'sealed'] : ['sealed', 'clear']
    for (const manner of order) {
      if (manner === 'sealed') await scene.secure({ profile: 'windows-2000-sp1', noDefaultExempt: 1 })
      try {
        const results = await scene.exercise(`round ${round} of ${rounds}, ${inWords(manner)}`, only)
        timed.push(...results.map(each => ({ ...each, manner })))
        if (manner === 'sealed') await scene.noteMemory(`after round ${round}`)
      } finally {
        if (manner === 'sealed') await scene.restore()
      }
    }
  }
  return ratiosOf(timed, rounds, scene.told.memory)
}

function inWords(manner: Manner): string {
  return manner === 'clear' ? 'in clear' : 'sealed'
}

export function ratiosOf(timed: readonly Timed[], rounds: number, memory: readonly AgentMemory[]): Ratios {
  const unanswered = timed.filter(({ ok }) => !ok)
  const names = [...new Set(timed.map(({ step }) => step))]
  const steps = names.map(step => {
    const times = (manner: Manner) =>
      timed.filter(each => each.step === step && each.manner === manner).map(({ seconds }) => seconds)
    return ratio(step, times('clear'), times('sealed'))
  })
  const counted = steps.filter(({ step }) => !waitingSteps.includes(step))
  const all = (of: (step: StepRatio) => number) => counted.reduce((sum, step) => sum + of(step), 0)
  const [clear, sealed] = [all(step => step.clear), all(step => step.sealed)]
  const times = Math.min(...counted.map(step => step.times))
  return {
    version: 1,
    sealwire: VERSION,
    made: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    ok: timed.length > 0 && unanswered.length === 0,
    rounds,
    steps,
    together: { step: 'together', clear, sealed, ratio: sealed / clear, times },
    unanswered: unanswered.map(
      ({ manner, from, to, step, said }) => `${inWords(manner)} ${from}>${to} ${step}: ${said}`,
    ),
    memory,
  }
}

function ratio(step: string, inClear: readonly number[], whenSealed: readonly number[]): StepRatio {
  const [clear, sealed] = [median(inClear), median(whenSealed)]
  return { step, clear, sealed, ratio: sealed / clear, times: Math.min(inClear.length, whenSealed.length) }
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length % 2 === 1) return sorted[middle]!
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2
}
