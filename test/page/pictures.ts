// The pictures of the monitor's page for docs/monitor.md, with the made-up agent: `npm run screens` takes them.
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { startHarness } from './harness.ts'
import { openPage } from './look.ts'
import type { Scene } from './made-up-agent.ts'

interface Picture {
  readonly scene: Scene
  readonly theme: 'light' | 'dark'
  readonly height: number
  readonly prepare: (page: Page) => Promise<void>
}

const pictures: Readonly<Record<string, Picture>> = {
  'monitor-page': { scene: 'leak', theme: 'light', height: 1180, prepare: async () => {} },
  'monitor-many': { scene: 'many', theme: 'dark', height: 1180, prepare: async page => page.waitForTimeout(3000) },
  'monitor-switch': {
    ...{ scene: 'exempt', theme: 'light', height: 760 },
    async prepare(page) {
      await page.evaluate("location.hash = 'exemptions'")
      await page.getByRole('radio').nth(1).check()
      await page.getByRole('button', { name: /^Change NoDefaultExempt/ }).click()
      await page.waitForTimeout(500)
    },
  },
}

/** None wanted by name means all. */
export async function picturesOfMonitor(folder: string, wanted: readonly string[]): Promise<void> {
  const due = Object.entries(pictures).filter(([name]) => wanted.length === 0 || wanted.includes(name))
  if (due.length === 0) return
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  try {
    for (const [name, { scene, theme, height, prepare }] of due) {
      const harness = await startHarness(scene)
      try {
        const page = await openPage(browser, harness.url, 1280, theme)
        await page.setViewportSize({ width: 1280, height })
        await page.waitForTimeout(1500)
        await prepare(page)
        await page.screenshot({ path: join(folder, `${name}.png`) })
        await page.close()
      } finally {
        await harness.close()
      }
      console.log(`docs/images/${name}.png`)
    }
  } finally {
    await browser.close()
  }
}
