// What a chapter of the story is, and running one: it acts on the scene, checks exactly, and leaves the lab as it found it,
// so that any chapter can be run alone. A failed check never stops the others.

import { performance } from 'node:perf_hooks'
import type { LeftOut, StepResult } from './exercise.ts'
import type { JudgedCapture } from './judge.ts'
import type { Scene } from './scene.ts'

export interface Chapter {
  readonly letter: string
  readonly title: string
  /** The article of Microsoft's that it acts out. */
  readonly kb: string
  /** For a reader who never saw it: paragraphs. */
  readonly story: readonly string[]
  /** It holds as well where no link has an address of IPv4; others are about broadcast or ARP, or bring hosts of IPv4. */
  readonly isForIpv6?: true
  readonly run: (scene: Scene) => Promise<void>
}

export interface Check {
  readonly what: string
  readonly ok: boolean
  /** What was seen, whether it is as it should be or not. */
  readonly seen: string
}

/** One exercise: its steps between the controllers. */
export interface Exercised {
  readonly name: string
  readonly steps: readonly StepResult[]
  /** What a net of this kind has not got. */
  readonly leftOut: readonly LeftOut[]
}

export interface AgentMemory {
  readonly host: string
  readonly when: string
  /** MiB. */
  readonly now: number
  readonly most: number
}

export interface ChapterResult {
  readonly letter: string
  readonly title: string
  readonly kb: string
  readonly story: readonly string[]
  readonly ok: boolean
  readonly seconds: number
  readonly checks: readonly Check[]
  readonly captures: readonly JudgedCapture[]
  readonly exercises: readonly Exercised[]
  readonly memory: readonly AgentMemory[]
}

export async function runChapter(chapter: Chapter, scene: Scene): Promise<ChapterResult> {
  const begin = performance.now()
  scene.begin(chapter.letter)
  const before = await scene.traces()
  try {
    await chapter.run(scene)
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error
    scene.check('the chapter came to its end', false, error instanceof Error ? error.message : String(error))
  } finally {
    await scene.restore()
  }
  const after = await scene.traces()
  const isSame = before === after
  scene.check(
    'nothing of it is left in the hosts',
    isSame,
    isSame ? 'rules, routes, links and tables as before' : differences(before, after),
  )
  const { letter, title, kb, story } = chapter
  const { checks, captures, exercises, memory } = scene.told
  const ok = checks.every(check => check.ok)
  return {
    letter,
    title,
    kb,
    story,
    ok,
    seconds: (performance.now() - begin) / 1000,
    checks,
    captures,
    exercises,
    memory,
  }
}

function differences(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const gone = old.filter(line => !now.includes(line)).map(line => `- ${line.trim()}`)
  const come = now.filter(line => !old.includes(line)).map(line => `+ ${line.trim()}`)
  return [...gone, ...come].slice(0, 8).join('; ')
}
