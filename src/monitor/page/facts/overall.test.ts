// The one word on top of the page.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentStatus } from '../../agent-status.ts'
import { testStatus } from '../../test-status.ts'
import type { Heard } from '../../view.ts'
import { overallOf } from './overall.ts'
import { emptyState, followPage } from './page-state.ts'

const AT = 1_800_000_000

function status(after: number, changes: Partial<AgentStatus> = {}): Heard {
  return { kind: 'status', status: testStatus({ at: AT + after, ...changes }) }
}

function guardWith(traffic: NonNullable<AgentStatus['guard']>['traffic'], isThere = true): Partial<AgentStatus> {
  return { guard: { name: 'nftables', isThere, text: '', traffic } }
}

function wordAfter(...heard: readonly Heard[]): string {
  return overallOf(followPage(emptyState, heard)).word
}

const passed = (kind: 'exempt' | 'permitted', why: string, packets: number) =>
  guardWith([{ direction: 'out', kind, why, packets, bytes: packets * 100 }])

const wire = (lastAt: number): Partial<AgentStatus> => ({
  wire: {
    ...{ links: ['eth0'], since: AT - 5000, unread: 0 },
    verdicts: [{ verdict: 'leaked', direction: 'out', packets: 3, bytes: 300 }],
    flows: [
      {
        ...{ verdict: 'leaked', because: 'a rule secures it', flow: 'tcp 10.0.0.1:1 → 10.0.0.2:445', peer: '10.0.0.2' },
        ...{ direction: 'out', packets: 3, bytes: 300, firstAt: AT - 4000, lastAt },
      },
    ],
  },
})

test('without a word from the agent the page waits, and says when it is gone', () => {
  assert.equal(wordAfter(), 'Waiting')
  assert.equal(wordAfter(status(0), { kind: 'lost', why: 'The feed ended' }), 'Agent gone')
  assert.equal(wordAfter(status(0, { state: 'down' })), 'Agent down')
})

test('where nothing unsealed passes all is sealed, also while IKE speaks', () => {
  assert.equal(wordAfter(status(0), status(1)), 'Sealed')
  assert.equal(wordAfter(status(0, passed('exempt', 'IKE', 1)), status(1, passed('exempt', 'IKE', 5))), 'Sealed')
})

test('what was exempt before the page was opened is no news; what passes then is, for a minute', () => {
  const before = [status(0, passed('exempt', 'Kerberos', 5)), status(1, passed('exempt', 'Kerberos', 5))]
  assert.equal(wordAfter(...before), 'Sealed')
  const now = [...before, status(2, passed('exempt', 'Kerberos', 6))]
  assert.equal(wordAfter(...now), 'Exempt passes')
  assert.equal(wordAfter(...now, status(61, passed('exempt', 'Kerberos', 6))), 'Exempt passes')
  assert.equal(wordAfter(...now, status(62, passed('exempt', 'Kerberos', 6))), 'Sealed')
})

test('what the watch saw exempt within the minute counts from the first word on', () => {
  const flow = { because: 'Kerberos is exempt', flow: 'udp 10.0.0.1:1 → 10.0.0.2:88', peer: '10.0.0.2' }
  const seen = (lastAt: number): Partial<AgentStatus> => ({
    wire: {
      ...{ links: ['eth0'], since: AT - 5000, unread: 0, verdicts: [] },
      flows: [{ ...flow, verdict: 'exempt', direction: 'out', packets: 3, bytes: 300, firstAt: AT - 4000, lastAt }],
    },
  })
  assert.equal(wordAfter(status(0, seen(AT - 59))), 'Exempt passes')
  assert.equal(wordAfter(status(0, seen(AT - 60))), 'Sealed')
})

test('what a rule lets pass in clear weighs more than what is exempt', () => {
  assert.equal(
    wordAfter(status(0, passed('permitted', 'DNS', 1)), status(1, passed('permitted', 'DNS', 2))),
    'In clear',
  )
  const pair = { rule: 'Printers', own: '10.0.0.1', peer: '10.0.0.4', forSeconds: 4 }
  assert.equal(wordAfter(status(0, { inClear: [pair] })), 'In clear')
})

test('a missing guard weighs more than both, and a leak more than that', () => {
  const missing = {
    ...guardWith([], false),
    inClear: [{ rule: 'a', own: '10.0.0.1', peer: '10.0.0.4', forSeconds: 4 }],
  }
  assert.equal(wordAfter(status(0, missing)), 'Guard missing')
  assert.equal(wordAfter(status(0, { guard: null })), 'No guard')
  assert.equal(wordAfter(status(0, { ...missing, ...wire(AT - 5) })), 'Leaked')
})

test('a leak is said first for ten minutes', () => {
  assert.equal(wordAfter(status(0, wire(AT - 599))), 'Leaked')
  assert.equal(wordAfter(status(0, wire(AT - 600))), 'Sealed')
})

test('an agent whose data plane does not answer seals nothing', () => {
  assert.equal(wordAfter(status(0, { dataPlane: { isAnswering: false } })), 'Nothing passes')
  assert.equal(wordAfter(status(0, { state: 'going-up', dataPlane: { isAnswering: false } })), 'Going up')
})

test('another process counts from nothing: what it has counted is not taken for what just passed', () => {
  const first = status(0, passed('exempt', 'Kerberos', 5))
  assert.equal(wordAfter(first, status(1, { ...passed('exempt', 'Kerberos', 900), pid: 8 })), 'Sealed')
})
