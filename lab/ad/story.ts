// What `sealwire lab ad` does: making the lab, ending it, exercising it, and the whole story, its chapters in their order, told
// in a lab that is made for it or that is up already.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { isDeepStrictEqual } from 'node:util'
import { record } from './capture.ts'
import { type Chapter, type ChapterResult, runChapter } from './chapter.ts'
import { everythingInClear } from './chapters/a-clear.ts'
import { exemptByDefault } from './chapters/b-exempt.ts'
import { kerberosSecured } from './chapters/c-secured.ts'
import { onlyIpsecPasses } from './chapters/d-firewall.ts'
import { fromTheFirstMoment } from './chapters/e-boot.ts'
import { joinUnderSeal } from './chapters/f-join.ts'
import { trustedForest } from './chapters/g-forests.ts'
import { ownDomain } from './chapters/h-own-domain.ts'
import { sourcePortBypass } from './chapters/i-source-port.ts'
import { smallPackets } from './chapters/j-fragments.ts'
import { type Counts, countPackets } from './counts.ts'
import { exercise, type StepResult } from './exercise.ts'
import { bringUp, findLab, type Lab, type Net, netOf, type Progress, takeDown, usualNet } from './lab.ts'
import { forgetNeighbours } from './network.ts'
import { installPackages } from './packages.ts'
import { measureRatios, type RatioOptions, type Ratios } from './ratios.ts'
import { Scene } from './scene.ts'
import { type StoryVerdict, verdictOf, writeVerdict } from './verdict.ts'

export const chapters: readonly Chapter[] = [
  everythingInClear,
  exemptByDefault,
  kerberosSecured,
  onlyIpsecPasses,
  fromTheFirstMoment,
  joinUnderSeal,
  trustedForest,
  ownDomain,
  sourcePortBypass,
  smallPackets,
]

export { type EnduranceVerdict, endure } from './endurance/endure.ts'
export { steps } from './exercise.ts'
export { type Net, usualNet } from './lab.ts'
export type { Ratios } from './ratios.ts'
export { interrupt } from './run.ts'

/** Debian's packages first. */
export async function makeLab(directory: string, say: Progress, net: Net = usualNet): Promise<Lab> {
  if (process.getuid?.() !== 0) throw new Error('it needs root: namespaces, mounts, raw sockets')
  const installed = await installPackages()
  if (installed.length > 0) say(`installed ${installed.join(' ')}`)
  return bringUp(directory, say, { net })
}

/** False where there was none. */
export function endLab(directory: string): Promise<boolean> {
  return takeDown(directory)
}

export interface ExerciseChoice {
  readonly only: readonly string[]
  readonly patience: number
  /** Where the recording of the bridge goes. */
  readonly capture: string | undefined
  readonly say: Progress
}

export interface LabExercise {
  readonly ok: boolean
  readonly steps: readonly StepResult[]
  /** What tshark counts in the recording, where one was made. */
  readonly counts: Counts | undefined
}

/** In a lab that is up. */
export async function exerciseLab(directory: string, choice: ExerciseChoice): Promise<LabExercise> {
  const { only, patience, capture, say } = choice
  const lab = findLab(directory)
  const recording = capture === undefined ? undefined : await record(lab.wire, directory)
  try {
    for (const { host } of lab.controllers) await forgetNeighbours(host)
    const results = await exercise(lab, { only, patience }, ({ ok, from, to, step, seconds, said }) => {
      say(`${ok ? 'ok    ' : 'failed'} ${from}>${to} ${step.padEnd(23)} ${seconds.toFixed(2).padStart(5)} s  ${said}`)
    })
    const well = results.filter(({ ok }) => ok).length
    say(`exercise: ${well} ok, ${results.length - well} failed`)
    // Only a whole exercise: one that was broken off must not take the place of an earlier recording.
    if (recording !== undefined && capture !== undefined) writeFileSync(resolve(capture), await recording.stop())
    const counts = capture === undefined ? undefined : await countPackets(capture)
    return { ok: results.every(({ ok }) => ok), steps: results, counts }
  } finally {
    await recording?.stop()
  }
}

export interface MeasureChoice extends RatioOptions {
  readonly directory: string
  readonly net?: Net
  readonly say: Progress
}

/** In a lab that is made for it: what other labs left behind would weigh on one manner more than on the other. */
export async function measure({ directory, net, say, ...choice }: MeasureChoice): Promise<Ratios> {
  const lab = await makeLab(directory, say, net)
  try {
    const scene = new Scene(lab, directory, { folder: `${directory}/told`, length: 'whole', say })
    return await measureRatios(scene, choice)
  } finally {
    await takeDown(directory)
  }
}

export interface StoryOptions {
  /** State folder of the lab. Where a lab is up there it is used, and stays. */
  readonly directory: string
  /** Letters; none means all. */
  readonly only: readonly string[]
  readonly length: 'whole' | 'short'
  /** Where recordings and the verdict go; left out, the recordings go with the lab. */
  readonly folder: string | undefined
  /** Of a lab that is made for it. */
  readonly net?: Net
  readonly say: Progress
}

export async function tellStory({ directory, only, length, folder, net, say }: StoryOptions): Promise<StoryVerdict> {
  const begin = performance.now()
  const isUp = existsSync(directory)
  if (folder !== undefined) mkdirSync(folder, { recursive: true })
  // A lab that is up may have been made before a chapter needed another package.
  if (isUp) await installPackages()
  const lab = isUp ? findLab(directory) : await makeLab(directory, say, net)
  if (net !== undefined && !isDeepStrictEqual(net, netOf(lab))) {
    throw new Error('the lab that is up has other links: end it first (sealwire lab ad down)')
  }
  try {
    const scene = new Scene(lab, directory, { folder: folder ?? `${directory}/told`, length, say })
    const asked = chapters.filter(({ letter }) => only.length === 0 || only.includes(letter))
    const chosen = asked.filter(({ isForIpv6 }) => isForIpv6 || !lab.isIpv6Only)
    for (const { letter, title } of asked.filter(each => !chosen.includes(each))) {
      say(`${letter}. ${title}: left out, it is of IPv4`)
    }
    const results: ChapterResult[] = []
    for (const chapter of chosen) results.push(await tell(scene, chapter))
    const seconds = (performance.now() - begin) / 1000
    const verdict = verdictOf({ forest: lab.forest, net: netOf(lab), seconds, length, chapters: results })
    if (folder !== undefined) writeVerdict(folder, verdict)
    return verdict
  } finally {
    if (!isUp) await takeDown(directory)
  }
}

async function tell(scene: Scene, chapter: Chapter): Promise<ChapterResult> {
  scene.say(`${chapter.letter}. ${chapter.title}`)
  const result = await runChapter(chapter, scene)
  const bad = result.checks.filter(({ ok }) => !ok).length
  const words = result.ok
    ? `as it should be, ${result.checks.length} checks`
    : `NOT as it should be: ${bad} checks failed`
  scene.say(`${chapter.letter}. ${words}, ${result.seconds.toFixed(1)} s`)
  return result
}
