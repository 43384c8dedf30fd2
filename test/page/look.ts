// Takes pictures of the monitor's page with the made-up agent and has axe-core look for what hinders people: `node
// test/page/look.ts FOLDER [PARTS|all] [SIZES|all] [SCENE…]`. Needs Debian's `chromium`.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { startHarness } from './harness.ts'
import { type Scene, scenes } from './made-up-agent.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export interface Finding {
  readonly rule: string
  readonly where: readonly string[]
}

/** By the rules of WCAG 2.2 AA and axe's own good practice. Run apart from the page's own script, which its policy allows alone. */
export async function violationsOf(page: Page): Promise<readonly Finding[]> {
  const session = await page.context().newCDPSession(page)
  const { frameTree } = await session.send('Page.getFrameTree')
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id })
  const run = async (expression: string) => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      ...{ expression, contextId: executionContextId, awaitPromise: true, returnByValue: true },
    })
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value as unknown
  }
  await run(`${axe};undefined`)
  const found =
    await run(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(({ violations }) => violations.map(({ id, nodes }) => ({
      rule: id, where: nodes.map(node => node.target.join(' ') + ': ' + (node.failureSummary ?? '')) })))`)
  await session.detach()
  return found as readonly Finding[]
}

export async function openPage(browser: Browser, url: string, width: number, theme: 'light' | 'dark'): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width, height: width < 600 ? 800 : Math.round(width * 0.6) },
    colorScheme: theme,
  })
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') console.error(`console: ${message.text()}`)
  })
  page.on('pageerror', error => console.error(`page: ${error.stack ?? error.message}`))
  await page.goto(url)
  await page.getByRole('status').first().waitFor()
  await page.waitForTimeout(1500)
  return page
}

const sizes = [
  [1280, 'light'],
  [1280, 'dark'],
  [380, 'light'],
  [380, 'dark'],
  [2560, 'dark'],
  [2560, 'light'],
] as const

if (import.meta.main) {
  const [folder = '.', only = 'all', wantedSizes = 'all', ...wanted] = process.argv.slice(2)
  mkdirSync(folder, { recursive: true })
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  const parts =
    only === 'all'
      ? ['overview', 'associations', 'negotiations', 'exemptions', 'policy', 'statistics', 'log']
      : only.split(',')
  let faults = 0
  for (const scene of scenes) {
    if (wanted.length > 0 && !wanted.includes(scene)) continue
    const harness = await startHarness(scene as Scene)
    for (const [width, theme] of sizes) {
      if (wantedSizes !== 'all' && !wantedSizes.split(',').includes(`${width}-${theme}`)) continue
      const page = await openPage(browser, harness.url, width, theme)
      for (const part of parts) {
        await page.evaluate(`location.hash = '#${part}'`)
        await page.waitForTimeout(400)
        const found = await violationsOf(page)
        faults += found.length
        for (const { rule, where } of found)
          console.log(`${scene} ${part} ${width} ${theme}: ${rule}\n  ${where.slice(0, 3).join('\n  ')}`)
        const wide = await page.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        )
        if (wide > 0) console.log(`${scene} ${part} ${width}: ${wide} px too wide`)
        await page.screenshot({ path: join(folder, `${scene}-${part}-${width}-${theme}.png`), fullPage: true })
      }
      await page.close()
    }
    await harness.close()
  }
  await browser.close()
  console.log(`${faults} violations`)
}
