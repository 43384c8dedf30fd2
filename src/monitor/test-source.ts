// For tests of the monitor: a source whose answers are made up, which says what was asked of it, and events by call.
import { success } from '../base/result.ts'
import type { MonitorSource } from './monitor-source.ts'
import type { PolicyView } from './policy-view.ts'
import type { SettingPreview } from './setting-change.ts'
import { testStatus } from './test-status.ts'
import type { Level, ToldEvent } from './told-event.ts'

export const testPolicy: PolicyView = {
  ...{ name: 'Domain controllers', profile: 'windows-2000-sp1', source: 'policy.yaml', moreRules: 0 },
  rules: [
    {
      ...{
        name: 'all',
        action: 'negotiate',
        filters: ['any 10.0.0.1 <-> 10.0.0.2'],
        moreFilters: 0,
        mode: 'transport',
      },
      ...{
        security: ['esp-aes256gcm16'],
        keying: ['ikev2'],
        authentication: ['pre-shared key'],
        encapsulation: 'in UDP',
      },
      ...{ fallBackToClear: false, acceptUnsecuredInbound: false },
    },
  ],
}

export function testPreview(asked = 0): SettingPreview {
  const then = 'secured'
  return {
    ...{ name: 'NoDefaultExempt', value: 0, from: 'default', where: null, asked, isChangeable: true, whyNot: null },
    values: [
      { value: 0, meaning: 'IKE, Kerberos, RSVP, Multicast and Broadcast are exempt' },
      { value: 1, meaning: 'IKE, Multicast and Broadcast are exempt' },
    ],
    changes:
      asked === 0 ? [] : [{ title: 'Kerberos', now: 'exempt', then, words: 'exempt now; at 1 sealed by rule “all”' }],
    warnings: [],
  }
}

/** The level that each listener has. */
export type TestListeners = ReadonlyMap<(event: ToldEvent) => void, Level>

export interface TestSource extends MonitorSource {
  readonly asked: string[]
  readonly listeners: TestListeners
  tell(event?: Partial<ToldEvent>): void
}

export function testSource(changes: Partial<MonitorSource> = {}): TestSource {
  const asked: string[] = []
  const listeners = new Map<(event: ToldEvent) => void, Level>()
  const source: MonitorSource = {
    status: async () => testStatus(),
    listen(least, hear) {
      listeners.set(hear, least)
      return () => listeners.delete(hear)
    },
    policy: async () => success(testPolicy),
    preview: async value => success(testPreview(value)),
    change: async () => success(undefined),
    ...changes,
  }
  const noted = <F extends (...given: never[]) => unknown>(name: string, work: F) =>
    ((...given) => {
      asked.push(name)
      return work(...given)
    }) as F
  return {
    ...{ asked, listeners, listen: source.listen },
    status: noted('status', source.status),
    policy: noted('policy', source.policy),
    preview: noted('preview', source.preview),
    change: noted('change', source.change),
    tell(event = {}) {
      const told: ToldEvent = { at: 1_800_000_000, level: 'info', kind: 'test', text: 'something happened', ...event }
      for (const [hear, least] of listeners) if (least === 'debug' || told.level !== 'debug') hear(told)
    },
  }
}
