// The made-up agent behind the monitor's real server: for what needs no agent, and for what no lab here can do, a thousand
// associations and ten thousand events a second.
import type { TestContext } from 'node:test'
import { success } from '../../src/base/result.ts'
import { systemClock } from '../../src/base/time.ts'
import { digestOf } from '../../src/monitor/access.ts'
import type { MonitorSource } from '../../src/monitor/monitor-source.ts'
import { MonitorServer } from '../../src/monitor/server.ts'
import type { SettingChange } from '../../src/monitor/setting-change.ts'
import { BEGAN, floodOf, madeUpPolicy, previewOf, type Scene, statusOf } from '../page/made-up-agent.ts'
import { builtPage } from './browser.ts'

export const TOKEN = 'a-token-of-a-test-that-serves-a-made-up-agent'
/** Milliseconds between two bursts of events. */
const BURST_EVERY = 10

export interface MadeUp {
  readonly origin: string
  /** What somebody had changed. */
  readonly changed: readonly SettingChange[]
}

export async function serveMadeUp(context: TestContext, scene: Scene, eventsPerSecond = 0): Promise<MadeUp> {
  const changed: SettingChange[] = []
  const server = new MonitorServer({
    ...{ place: { kind: 'port', host: '127.0.0.1', port: 0 }, tokenDigest: digestOf(TOKEN) },
    ...{ source: sourceOf(scene, eventsPerSecond, changed), page: builtPage, clock: systemClock },
  })
  await server.start()
  context.after(() => server.close())
  return { origin: `http://127.0.0.1:${server.port}`, changed }
}

function sourceOf(scene: Scene, eventsPerSecond: number, changed: SettingChange[]): MonitorSource {
  const begun = performance.now()
  const now = () => BEGAN + (performance.now() - begun) / 1000
  return {
    status: async () => statusOf(scene, now(), 0),
    listen(least, hear) {
      let told = 0
      const from = performance.now()
      const timer = setInterval(() => {
        // As many as are due: a timer that comes late makes the burst larger.
        const due = Math.floor(((performance.now() - from) * eventsPerSecond) / 1000)
        for (const event of floodOf(now(), due - told)) if (event.level !== 'debug' || least === 'debug') hear(event)
        told = due
      }, BURST_EVERY)
      return () => clearInterval(timer)
    },
    policy: async () => success(madeUpPolicy),
    preview: async value => success(previewOf(0, value ?? 0)),
    change: async change => {
      changed.push(change)
      return success(undefined)
    },
  }
}
