// How the page of a live agent is for everybody who looks at it, or cannot: axe-core finds nothing, nothing is cut off from 380
// pixels to a wall, in light and dark; the keyboard alone reaches and works everything; who wants no motion gets none.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { type Section, sections } from '../../src/monitor/page/facts/route.ts'
import { twoAgents } from '../live/two-agents.ts'
import { axeFindings, picture, seconds, wantsPictures } from './browser.ts'
import { type LivePage, openLivePage, whyNoLivePage } from './live-page.ts'

const skip = whyNoLivePage()

/** Two hosts with keys, some traffic, something exempt. */
async function busyHosts(context: TestContext): Promise<LivePage> {
  const [one, two] = await twoAgents(context)
  await Promise.all([one.up(), two.up()])
  const live = await openLivePage(context, one)
  assert.ok((await one.ping(two.address, 3)) > 0)
  await one.ping(two.address6, 3)
  await one.run(['bash', '-c', `for i in 1 2 3; do echo ask >/dev/udp/${two.address}/88; done`])
  return live
}

async function show(page: Page, section: Section): Promise<void> {
  await page.evaluate(`location.hash = '#${section}'`)
  await page.locator(`nav a[href="#${section}"][aria-current="page"]`).waitFor()
  // What is asked for when a section opens has come, and is drawn.
  await seconds(0.3)
}

/** What is wider than the window, but for what scrolls by itself. */
const tooWide = `[...document.querySelectorAll('body *')].filter(one =>
  one.getBoundingClientRect().right > innerWidth + 1 && one.getBoundingClientRect().width > 0 &&
  !one.closest('.scroll, .unseen, pre, [data-scrolls]') && getComputedStyle(one).position !== 'fixed'
).map(one => one.tagName + '.' + one.className + ' ' + one.textContent.slice(0, 60))`

/** What has the focus, in words, and whether a person can see that it has. */
const focused = `(() => {
  const one = document.activeElement
  if (one === null || one === document.body) return null
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one)
  const { width, height } = one.getBoundingClientRect()
  return {
    name: one.tagName + ' ' + (one.getAttribute('aria-label') ?? one.textContent ?? '').trim().slice(0, 60) + ' ' + (one.getAttribute('href') ?? one.type ?? ''),
    isSeen: width > 1 && height > 1 && ((outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none'),
  }
})()`

interface Focused {
  readonly name: string
  readonly isSeen: boolean
}

/** For what shows its focus by something else than an outline: whether the picture of it changes when the focus goes. */
async function isDrawnOtherwise(page: Page): Promise<boolean> {
  const where = await page.evaluate<{ x: number; y: number; width: number; height: number }>(
    '(({ x, y, width, height }) => ({ x, y, width, height }))(document.activeElement.getBoundingClientRect())',
  )
  if (where.width < 1 || where.height < 1) return false
  const clip = { x: Math.max(0, where.x), y: Math.max(0, where.y), width: where.width, height: where.height }
  const withFocus = await page.screenshot({ clip, animations: 'disabled' })
  await page.evaluate('globalThis.hadFocus = document.activeElement, hadFocus.blur()')
  const without = await page.screenshot({ clip, animations: 'disabled' })
  await page.evaluate('hadFocus.focus()')
  return !withFocus.equals(without)
}

/** Everything that Tab comes by, until it is round. */
async function tabbed(page: Page): Promise<readonly Focused[]> {
  const reached: Focused[] = []
  // From the top: a link that was pressed would be where Tab goes on from.
  await page.evaluate("document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex')")
  for (let presses = 0; presses < 200; presses++) {
    await page.keyboard.press('Tab')
    const now = await page.evaluate<Focused | null>(focused)
    if (now === null || reached.some(({ name }, at) => at === 0 && name === now.name && reached.length > 3)) break
    reached.push(now.isSeen ? now : { ...now, isSeen: await isDrawnOtherwise(page) })
  }
  return reached
}

/** What a mouse can press, that is shown, enabled and not reached by arrows. */
const pressable = `[...document.querySelectorAll('a[href], button, input, select, summary, [role=button]')]
  .filter(one => one.checkVisibility() && !one.disabled && one.tabIndex >= 0)
  .filter(one => one.type !== 'radio' || one.checked)
  .length`

async function tabTo(page: Page, name: RegExp): Promise<void> {
  const seen: string[] = []
  for (let presses = 0; presses < 200; presses++) {
    await page.keyboard.press('Tab')
    const now = (await page.evaluate<Focused | null>(focused))?.name ?? ''
    if (name.test(now)) return
    seen.push(now)
  }
  assert.fail(`${name} is not reached: ${seen.join('; ')}`)
}

test('how the page looks and is used', { skip }, async whole => {
  const live = await busyHosts(whole)

  await whole.test(
    'from 380 to 2,560 pixels, light and dark, axe-core finds no violation in any part, and nothing is cut off',
    async () => {
      const { open } = live
      const findings: string[] = []
      for (const width of [380, 1280, 2560]) {
        const { page, faults } = await open({ viewport: { width, height: width === 380 ? 780 : 1000 } })
        for (const section of sections) {
          await show(page, section)
          // Colours are the same at each width; what is laid out otherwise is so at the narrowest.
          const schemes = wantsPictures || width === 1280 ? (['light', 'dark'] as const) : (['light'] as const)
          for (const colorScheme of schemes) {
            await page.emulateMedia({ colorScheme })
            await page.evaluate('Promise.all(document.getAnimations().map(one => one.finished))')
            await seconds(0.1)
            const where = `${section}, ${width}, ${colorScheme}`
            if (width < 2560) findings.push(...(await axeFindings(page)).map(found => `${where}: ${found}`))
            await picture(page, `${section}-${width}-${colorScheme}`)
          }
          const isScrolled = await page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth')
          if (isScrolled) findings.push(`${section}, ${width}: wider than the window: ${await page.evaluate(tooWide)}`)
        }
        findings.push(...(await faults()))
        await page.context().close()
      }
      assert.deepEqual(findings, [])
    },
  )

  await whole.test(
    'the keyboard alone reaches everything, shows where it is, and works the switch, the tables and the filter',
    async () => {
      const { page, faults } = live
      for (const section of sections) {
        await show(page, section)
        const reached = await tabbed(page)
        const count = await page.evaluate<number>(pressable)
        assert.ok(reached.length >= count, `${section}: ${count} can be pressed, reached: ${JSON.stringify(reached)}`)
        const unseen = reached.filter(({ isSeen }) => !isSeen)
        assert.deepEqual(unseen, [], `${section}: focus that cannot be seen`)
      }

      // To a part by Enter, to a row and its details by arrows and Enter.
      await tabTo(page, /^A associations/)
      await page.keyboard.press('Enter')
      const table = page.getByRole('table', { name: 'Associations' })
      await table.waitFor()
      await tabTo(page, /^BUTTON 10\.99\.0\.2/)
      await page.keyboard.press('End')
      await page.keyboard.press('Enter')
      const details = page.getByRole('region', { name: 'The chosen association' })
      await details.waitFor()
      await tabTo(page, /^BUTTON Close/)
      await page.keyboard.press('Enter')
      await details.waitFor({ state: 'detached' })

      await tabTo(page, /^A exemptions/)
      await page.keyboard.press('Enter')
      await tabTo(page, /radio$/)
      await page.keyboard.press('ArrowDown')
      await tabTo(page, /^BUTTON Change NoDefaultExempt to 1/)
      await page.keyboard.press('Enter')
      const dialog = page.getByRole('dialog')
      await dialog.waitFor()
      // The focus stays inside.
      for (let presses = 0; presses < 6; presses++) {
        await page.keyboard.press('Tab')
        assert.ok(
          await page.evaluate(
            "document.activeElement === document.body || document.activeElement.closest('dialog') !== null",
          ),
        )
      }
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })
      await seconds(0.5)
      assert.match(
        (await page.evaluate<Focused | null>(focused))?.name ?? 'nothing',
        /^BUTTON Change NoDefaultExempt to 1/,
      )
      assert.deepEqual(await faults(), [])
    },
  )

  await whole.test('who wants no motion gets none, and forced colours keep every part', async () => {
    const { open } = live
    const { page, faults } = await open({
      reducedMotion: 'reduce',
      forcedColors: 'active',
      viewport: { width: 640, height: 800 },
    })
    for (const section of sections) {
      await show(page, section)
      const moving = await page.evaluate<string[]>(`document.getAnimations()
      .filter(one => one.playState === 'running' && Number(one.effect?.getComputedTiming().duration) > 10)
      .map(one => one.animationName ?? one.transitionProperty)`)
      assert.deepEqual(moving, [], section)
      assert.ok(((await page.getByRole('main').textContent()) ?? '').length > 20)
    }
    assert.deepEqual(await faults(), [])
  })
})
