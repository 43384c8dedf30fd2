// The page of a live agent, as its user opens it: `sealwire monitor --web` in the agent's namespace, and a browser beside it
// there.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { BrowserContextOptions } from 'playwright-core'
import type { ToldEvent } from '../../src/monitor/told-event.ts'
import { type LiveHost, whyNoAgents } from '../live/two-agents.ts'
import { openPage, root, startBrowser, type WatchedPage, whyNoBrowser } from './browser.ts'

/** For a test's `skip`: a reason, or false where it can run. */
export function whyNoLivePage(): string | false {
  return whyNoAgents() || whyNoBrowser()
}

export interface PageAddress {
  readonly origin: string
  readonly token: string
}

export interface Served extends PageAddress {
  /** What the program wrote so far. */
  readonly said: () => string
}

export async function serveMonitor(context: TestContext, host: LiveHost): Promise<Served> {
  const words = [join(root, 'sealwire'), 'monitor', '--web', '--state', host.state]
  const child = spawn('ip', ['netns', 'exec', host.namespace, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, error] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
  context.after(async () => {
    if (child.exitCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGINT')
    await closed
  })
  const address = /^(http:\/\/127\.0\.0\.1:\d+)\/#token=(\S+)$/m
  for (let found = address.exec(out); ; found = address.exec(out)) {
    if (found !== null) return { origin: found[1]!, token: found[2]!, said: () => out + error }
    assert.equal(child.exitCode, null, out + error)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

export interface LivePage extends WatchedPage {
  readonly served: Served
  /** Another window of the same browser; `from` is who serves, where it is not the same. */
  readonly open: (options?: BrowserContextOptions, section?: string, from?: PageAddress) => Promise<WatchedPage>
}

export async function openLivePage(context: TestContext, host: LiveHost): Promise<LivePage> {
  const served = await serveMonitor(context, host)
  const browser = await startBrowser(context, { namespace: host.namespace })
  const open = async (
    options: BrowserContextOptions = {},
    section = 'overview',
    { origin, token }: PageAddress = served,
  ) => {
    const watched = await openPage(browser, origin, options)
    await watched.page.goto(`${origin}/#token=${token}`)
    await watched.page.getByText('Two hosts').first().waitFor()
    await watched.page.evaluate(`location.hash = '#${section}'`)
    return watched
  }
  return { ...(await open()), served, open }
}

interface Written extends Record<string, unknown> {
  readonly event: string
  readonly time: string
}

/** Events that the agent wrote to its log, with the time of each in milliseconds since 1970. */
export function writtenEvents(host: LiveHost, kind: ToldEvent['kind']): readonly (Written & { readonly ms: number })[] {
  return host
    .log()
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Written)
    .filter(({ event }) => event === kind)
    .map(written => ({ ...written, ms: Date.parse(written.time) }))
}
