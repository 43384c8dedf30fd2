// A rule's hits are what it sealed and what the guard counted for it, each packet in one place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GuardTraffic } from './agent-status.ts'
import { packetsOf, ruleHits } from './rule-hits.ts'
import { neitherWay } from './sealed-traffic.ts'
import { testStatus } from './test-status.ts'

test('what a rule sealed, permitted and stopped stands together, the most used rule first, and exemptions are no rules', () => {
  const counted = (kind: GuardTraffic['kind'], why: string, packets: number, direction: 'in' | 'out' = 'out') => ({
    ...{ kind, why, packets, bytes: 100 * packets, direction },
  })
  const status = testStatus()
  const guard = {
    ...status.guard!,
    traffic: [
      counted('exempt', 'Kerberos', 1000),
      counted('stopped', 'all', 2),
      counted('stopped', 'all', 3, 'in'),
      counted('permitted', 'web', 70),
      counted('permitted', 'web', 1),
      counted('blocked', 'never', 0),
    ],
  }
  const hits = ruleHits({ rules: status.rules, guard })
  assert.deepEqual(
    hits.map(one => [one.rule, packetsOf(one)]),
    [
      ['web', 71],
      ['all', 35],
    ],
  )
  assert.deepEqual(hits[1]!.stopped, { outbound: { packets: 2, bytes: 200 }, inbound: { packets: 3, bytes: 300 } })
  assert.deepEqual(hits[1]!.sealed.outbound, { packets: 20, bytes: 4000 })
  assert.deepEqual(hits[0]!.sealed, neitherWay)
  assert.deepEqual(ruleHits({ rules: [], guard: null }), [])
})
