// What a chapter that fails leaves behind, and what the page says of it: by a scene that only notes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classes, verdicts } from '../../src/audit/verdict.ts'
import { type Chapter, type ChapterResult, type Check, runChapter } from './chapter.ts'
import { disagreements, type JudgedCapture } from './judge.ts'
import { usualNet } from './lab.ts'
import type { Scene } from './scene.ts'
import type { StoryVerdict } from './verdict.ts'
import { verdictPage } from './verdict-page.ts'

class NotingScene {
  readonly told = { checks: [] as Check[], captures: [] as JudgedCapture[], exercises: [], memory: [] }
  readonly #traces: string[]
  restored = 0

  /** `traces`: what is found in the hosts, before and after. */
  constructor(...traces: readonly string[]) {
    this.#traces = [...traces]
  }

  begin(): void {}
  check(what: string, ok: boolean, seen: string): void {
    this.told.checks.push({ what, ok, seen })
  }
  async traces(): Promise<string> {
    return this.#traces.shift() ?? ''
  }
  async restore(): Promise<void> {
    this.restored++
  }
}

function chapter(run: Chapter['run']): Chapter {
  return { letter: 'x', title: 'A <title>', kb: 'KB 1', story: ['One & two.'], run }
}

function play(scene: NotingScene, run: Chapter['run']): Promise<ChapterResult> {
  return runChapter(chapter(run), scene as unknown as Scene)
}

const zero = <T extends string>(names: readonly T[]) =>
  Object.fromEntries(names.map(name => [name, 0])) as Record<T, number>

function capture(kerberos: number, byTshark: number): JudgedCapture {
  return {
    name: 'one',
    file: 'x-one.pcapng',
    packets: kerberos,
    verdicts: { ...zero(verdicts), leaked: kerberos },
    classes: { ...zero(classes), kerberos },
    findings: [],
    tshark: {
      packets: byTshark,
      classes: { ...zero(classes), kerberos: byTshark },
      kerberos: byTshark,
      messages: { 'AS-REQ': byTshark },
      clearPieces: 0,
      largestFrame: 100,
    },
  }
}

function verdict(chapters: readonly ChapterResult[]): StoryVerdict {
  const ok = chapters.every(each => each.ok)
  const hosts = [{ name: 'dc1', address: '10.54.0.1' }]
  const made = '2026-11-23T12:00:00Z'
  const [domain, length] = ['corp.test', 'whole'] as const
  return { version: 1, sealwire: '0', made, ok, seconds: 61, length, net: usualNet, domain, hosts, chapters }
}

test('a chapter that breaks off is a failed check, and the hosts are put in order all the same', async () => {
  const scene = new NotingScene('same', 'same')
  const result = await play(scene, async () => {
    throw new Error('nobody answers')
  })
  assert.equal(result.ok, false)
  assert.equal(scene.restored, 1)
  const broken = result.checks.find(({ ok }) => !ok)
  assert.deepEqual(broken, { what: 'the chapter came to its end', ok: false, seen: 'nobody answers' })
})

test('a chapter that leaves something in the hosts is not as it should be, and says what', async () => {
  const result = await play(new NotingScene('rule 1\nrule 2', 'rule 1\nrule 3'), async () => {})
  assert.deepEqual([result.ok, result.checks.at(-1)?.seen], [false, '- rule 2; + rule 3'])
})

test('one failed check is enough, and those behind it are still made', async () => {
  const result = await play(new NotingScene(), async scene => {
    scene.check('first', false, '1')
    scene.check('second', true, '2')
  })
  assert.equal(result.ok, false)
  assert.deepEqual(
    result.checks.map(({ ok }) => ok),
    [false, true, true],
  )
})

test('where the auditor and tshark count a class differently it is named with both numbers', () => {
  assert.deepEqual(disagreements(capture(3, 2)), ['kerberos 3 and 2'])
  assert.deepEqual(disagreements(capture(3, 3)), [])
})

test('the page says first what failed, escapes what it is told, and asks nothing of any network', async () => {
  const result = await play(new NotingScene(), async scene => scene.check('no <b>', false, '"seen" & told'))
  const page = verdictPage(verdict([{ ...result, captures: [capture(3, 2)] }]))
  assert.match(page, /Not as it should be: 1 check of 2 failed, in x\./)
  assert.match(page, /A &lt;title&gt;/)
  assert.match(page, /no &lt;b&gt;<\/th><td>&quot;seen&quot; &amp; told/)
  assert.match(page, /default-src 'none'|default-src &#39;none&#39;/)
  assert.doesNotMatch(page, /<script|https?:\/\/(?!www\.w3\.org)|url\((?!#)/)
})

test('a story without a fault says so', async () => {
  const result = await play(new NotingScene(), async scene => scene.check('all', true, '1'))
  assert.match(verdictPage(verdict([result])), /Everything is as it should be: 2 checks in 1 chapter\./)
})
