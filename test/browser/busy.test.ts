// A thousand associations and ten thousand events a second: the page stays usable, and takes no more memory than it has a use
// for. Frame times are printed, and only judged where nobody could use the page any more: machines differ.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { openPage, seconds, sighting, startBrowser, whyNoBrowser } from './browser.ts'
import { serveMadeUp, TOKEN } from './made-up-server.ts'

const skip = whyNoBrowser()

const recordFrames = `
  globalThis.frames = []
  let last = performance.now()
  const next = now => { frames.push(now - last); last = now; requestAnimationFrame(next) }
  requestAnimationFrame(next)
`

/** Types into the filter as a person does; milliseconds until the table shows what it leaves. */
const answer = (typed: string, shown: RegExp, hidden: RegExp) => `new Promise((resolve, reject) => {
  const field = document.querySelector('main input[type=search]')
  field.focus()
  field.select()
  const begun = performance.now()
  document.execCommand('insertText', false, ${JSON.stringify(typed)})
  const look = () => {
    const text = field.closest('section').innerText
    if (${shown}.test(text) && !${hidden}.test(text)) resolve(performance.now() - begun)
    else if (performance.now() - begun > 5000) reject(new Error(text.slice(0, 2000)))
    else requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
})`

/** Octets that are left when all is collected that nobody needs. */
function heapOf(page: Page): Promise<number> {
  return page.evaluate<number>('gc(), performance.memory.usedJSHeapSize')
}

function inWords(frames: readonly number[]): string {
  const [p50, p95, longest] = [0.5, 0.95, 1].map(part => quantile(frames, part).toFixed(0))
  return `${frames.length} frames, p50 ${p50} ms, p95 ${p95} ms, longest ${longest} ms`
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
}

test('with 1,000 associations and 10,000 events a second the page stays usable and its memory bounded', {
  skip,
}, async context => {
  const { origin } = await serveMadeUp(context, 'flood', 10_000)
  const browser = await startBrowser(context, { flags: ['--js-flags=--expose-gc', '--enable-precise-memory-info'] })
  const { page, faults } = await openPage(browser, origin)
  await page.goto(`${origin}/#token=${TOKEN}`)
  await sighting(page, /10\.54\.0\.1/)
  await page.evaluate(recordFrames)
  await seconds(6)
  const before = await heapOf(page)
  const onOverview = await page.evaluate<number[]>('frames.splice(0)')

  await page.evaluate("location.hash = '#associations'")
  await page.getByRole('main').getByRole('searchbox').waitFor()
  const answers: number[] = []
  for (const [typed, shown, hidden] of [
    ['host77.corp.test', /host77\.corp\.test/, /host88\.corp\.test/],
    ['host88.corp.test', /host88\.corp\.test/, /host77\.corp\.test/],
    ['nothing has this', /no association/i, /host\d+\.corp\.test/],
  ] as const) {
    answers.push(await page.evaluate<number>(answer(typed, shown, hidden)))
    await seconds(1)
  }
  await page.getByRole('main').getByRole('searchbox').fill('')
  await seconds(10)
  const onAssociations = await page.evaluate<number[]>('frames.splice(0)')
  const after = await heapOf(page)
  const megabytes = (octets: number) => `${(octets / 1e6).toFixed(0)} MB`
  context.diagnostic(`overview: ${inWords(onOverview)}; associations: ${inWords(onAssociations)}`)
  context.diagnostic(`filter answers in ${answers.map(one => one.toFixed(0)).join(', ')} ms`)
  context.diagnostic(`heap ${megabytes(before)}, then ${megabytes(after)}`)
  for (const frames of [onOverview, onAssociations]) assert.ok(quantile(frames, 0.5) < 100, inWords(frames))
  assert.ok(quantile(answers, 0.5) < 1000, `the filter answers in ${answers.join(', ')} ms`)
  // What the view keeps is full after seconds: what comes then takes the place of what was.
  assert.ok(after < before * 1.5 + 20e6, `heap ${before}, then ${after}`)
  assert.deepEqual(await faults(), [])
})
