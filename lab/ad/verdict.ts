// The verdict on the whole story: one value, which is verdict.json, and the page beside it. The README of the lab documents it.

import { writeFileSync } from 'node:fs'
import { VERSION } from '../../src/cli/version.ts'
import type { ChapterResult } from './chapter.ts'
import type { Forest } from './forest.ts'
import type { Net } from './lab.ts'
import { verdictPage } from './verdict-page.ts'

export interface StoryVerdict {
  /** Of this form. */
  readonly version: 1
  readonly sealwire: string
  /** RFC 3339, in UTC. */
  readonly made: string
  readonly ok: boolean
  readonly seconds: number
  readonly length: 'whole' | 'short'
  readonly domain: string
  readonly net: Net
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
  readonly chapters: readonly ChapterResult[]
}

export interface ToldStory {
  readonly forest: Forest
  readonly net: Net
  readonly seconds: number
  readonly length: 'whole' | 'short'
  readonly chapters: readonly ChapterResult[]
}

export function verdictOf({ forest, net, seconds, length, chapters }: ToldStory): StoryVerdict {
  return {
    version: 1,
    sealwire: VERSION,
    made: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    // A story of nothing proves nothing.
    ok: chapters.length > 0 && chapters.every(({ ok }) => ok),
    seconds,
    length,
    domain: forest.domain,
    net,
    hosts: forest.controllers.map(({ name, address }) => ({ name, address })),
    chapters,
  }
}

/** `verdict.json` and `verdict.html` in the folder. */
export function writeVerdict(folder: string, verdict: StoryVerdict): void {
  writeFileSync(`${folder}/verdict.json`, `${JSON.stringify(verdict, undefined, 2)}\n`)
  writeFileSync(`${folder}/verdict.html`, verdictPage(verdict))
}
