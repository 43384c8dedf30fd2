// For tests of the monitor's page: Debian's Chromium, in a network namespace where that is asked for, with a profile that is
// gone afterwards. What a page may not do is written down while it runs: errors, breaches of its content security policy,
// requests to anybody but the server that it came from.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

export const root = join(import.meta.dirname, '..', '..')
/** The page as it is built. */
export const builtPage = join(root, 'dist', 'page')

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(file =>
  existsSync(file),
)

/** Nothing of it asks the network for anything. */
const flags = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync', '--disable-domain-reliability', '--disable-dev-shm-usage'],
]

/** For a test's `skip`: a reason, or false where it can run. */
export function whyNoBrowser(): string | false {
  if (program === undefined) return 'skipped, because Chromium is not installed (Debian’s package chromium)'
  // What a person runs builds the page where it is older than its sources.
  spawnSync('bash', [join(root, '.ci', 'build-page'), root])
  return existsSync(join(builtPage, 'page.js')) ? false : 'skipped, because the page is not built'
}

export interface BrowserOptions {
  readonly namespace?: string
  readonly flags?: readonly string[]
}

export async function startBrowser(context: TestContext, options: BrowserOptions = {}): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-browser-'))
  const launcher = join(folder, 'chromium')
  const inside = options.namespace === undefined ? '' : `ip netns exec ${options.namespace} `
  writeFileSync(launcher, `#!/bin/sh\nexec ${inside}${program} "$@"\n`, { mode: 0o755 })
  const browser = await chromium.launch({
    executablePath: launcher,
    args: [...flags, ...(options.flags ?? [])],
    // Crash reports and caches go where nothing of them stays.
    env: { ...definedOf(process.env), HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
  })
  context.after(async () => {
    await browser.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  return browser
}

function definedOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  const known = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(known)
}

export interface WatchedPage {
  readonly page: Page
  /** What went wrong so far, in words. */
  readonly faults: () => Promise<readonly string[]>
}

const watchers = `
  globalThis.breaches = []
  document.addEventListener('securitypolicyviolation', event =>
    globalThis.breaches.push(event.violatedDirective + ' by ' + event.blockedURI + ' ' + event.sample))
  globalThis.sighted = (words, within) => new Promise(resolve => {
    const begun = Date.now()
    const look = () => {
      if (words.test(document.body?.innerText ?? '')) resolve(Date.now())
      else if (Date.now() - begun > within) resolve(null)
      else requestAnimationFrame(look)
    }
    look()
  })
`

/** A page in a window of its own; `origin` is all that it may speak with. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const window = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await window.newPage()
  const said: string[] = []
  page.on('console', message => {
    if (['error', 'warning', 'assert'].includes(message.type())) said.push(`console: ${message.text()}`)
  })
  page.on('pageerror', error => said.push(`error: ${error.message}`))
  page.on('request', request => {
    if (!request.url().startsWith(`${origin}/`)) said.push(`request: ${request.url()}`)
  })
  await page.addInitScript({ content: watchers })
  await page.addInitScript({ content: axe.source })
  return { page, faults: async () => [...said, ...(await page.evaluate<string[]>('globalThis.breaches ?? []'))] }
}

/** What axe-core finds, each with where. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  const found = await page.evaluate<axe.Result[]>(
    'axe.run(document, { resultTypes: ["violations"] }).then(r => r.violations)',
  )
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} (${help}) at ${target.join(' ')}: ${failureSummary ?? ''}`),
  )
}

/** Milliseconds since 1970 at which the words stood on the page, looked for in each frame that is drawn. */
export async function sighting(page: Page, words: RegExp, within = 10_000): Promise<number> {
  const at = await page.evaluate<number | null>(
    `sighted(new RegExp(${JSON.stringify(words.source)}, ${JSON.stringify(words.flags)}), ${within})`,
  )
  if (at === null) assert.fail(`${words} is not shown:\n${await page.evaluate<string>('document.body.innerText')}`)
  return at
}

const pictures = process.env['SEALWIRE_PICTURES'] ?? ''
export const wantsPictures = pictures !== ''

/** With SEALWIRE_PICTURES=FOLDER the page is written there, for eyes. */
export async function picture(page: Page, name: string): Promise<void> {
  if (wantsPictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
}

/** Waits; for what has no sign that it is done. */
export function seconds(count: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, count * 1000))
}
