// What a person looks at follows from what the agent tells, and does not grow with it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentStatus } from './agent-status.ts'
import { MOST_NEGOTIATIONS, MOST_RUNGS } from './negotiations.ts'
import { testAssociation, testStatus } from './test-status.ts'
import type { ToldEvent } from './told-event.ts'
import { emptyView, follow, type Heard, LONGEST_TEXT, MOST_LOG, MOST_SAMPLES } from './view.ts'

const status = (changes: Partial<AgentStatus> = {}): Heard => ({ kind: 'status', status: testStatus(changes) })

function event(
  kind: string,
  text: string,
  fields: ToldEvent['fields'] = {},
  level: ToldEvent['level'] = 'info',
): Heard {
  return { kind: 'event', event: { at: 1_800_000_000, level, kind, text, fields } }
}

test('an association’s rates are what went by between two looks, in a second', () => {
  const later = testAssociation({ ageSeconds: 102, inbound: { packets: 30, bytes: 5000 } })
  const view = follow(emptyView, [status(), status({ at: 1_800_000_002, associations: [later] })])
  assert.deepEqual(view.associations[0]!.rates.inbound, { packets: 10, bytes: 2000 })
  assert.deepEqual(view.associations[0]!.rates.outbound, { packets: 0, bytes: 0 })
  assert.equal(view.associations[0]!.peerName, 'dc2.corp.test')
  assert.equal(view.samples.length, 1)
})

test('at the first look, and after another agent took over, nothing is known of rates', () => {
  const first = follow(emptyView, [status()])
  assert.equal(first.associations[0]!.rates.inbound.bytes, 0)
  const second = follow(first, [status({ at: 1_800_000_009, pid: 8 })])
  assert.equal(second.associations[0]!.rates.inbound.bytes, 0)
  assert.deepEqual(second.samples, [])
})

test('a clock that is set back, or two looks at one time, give no rate that is not a number', () => {
  const view = follow(emptyView, [status(), status(), status({ at: 1_799_999_999 })])
  for (const rate of Object.values(view.associations[0]!.rates.inbound)) assert.ok(Number.isFinite(rate) && rate >= 0)
  assert.deepEqual(view.samples, [])
})

test('a guard that was put in place anew counts from nothing, and its rate is not below it', () => {
  const anew = { ...testStatus().guard!, traffic: [{ ...testStatus().guard!.traffic[0]!, packets: 2, bytes: 200 }] }
  const view = follow(emptyView, [status(), status({ at: 1_800_000_001, guard: anew })])
  assert.deepEqual(view.samples[0]!.exempt, { packets: 2, bytes: 200 })
})

test('what is exempt stands beside what passed of it', () => {
  const { exempt } = follow(emptyView, [status()])
  assert.deepEqual(exempt[0], {
    title: 'Kerberos',
    outbound: { packets: 5, bytes: 500 },
    inbound: { packets: 0, bytes: 0 },
    otherwise: { value: 1, becomes: 'secured', words: 'at 1 this would be sealed by rule “all”' },
  })
  assert.equal(exempt[1]!.otherwise, null)
  const unguarded = follow(emptyView, [status({ guard: null })])
  assert.equal(unguarded.exempt[0]!.outbound, null)
})

test('IKE is counted by the watch on the wire, since the guard lets the agent’s own pass elsewhere', () => {
  const verdicts = [
    { verdict: 'keying', direction: 'out', packets: 6, bytes: 2000 },
    { verdict: 'keying', direction: 'in', packets: 5, bytes: 1900 },
    { verdict: 'exempt', direction: 'out', packets: 9, bytes: 900 },
  ] as const
  const { exempt } = follow(emptyView, [status({ wire: { links: [], since: 0, verdicts, flows: [], unread: 0 } })])
  const [kerberos, ike] = exempt
  assert.deepEqual([ike!.outbound, ike!.inbound?.packets], [{ packets: 6, bytes: 2000 }, 5])
  assert.equal(kerberos!.outbound?.packets, 5)
})

test('a negotiation is a ladder of its messages, and says why it failed', () => {
  const session = { session: 'abc', peer: '10.0.0.3' }
  const view = follow(emptyView, [
    status(),
    event('message', 'in clear: IKE_SA_INIT request', { ...session, way: 'sent' }, 'debug'),
    event('message', 'in clear: IKE_SA_INIT response', { ...session, way: 'received' }, 'debug'),
    event('session-failed', 'no IKE SA: its certificate has expired', session, 'warning'),
  ])
  const [negotiation] = view.negotiations
  assert.deepEqual(
    negotiation!.rungs.map(({ way }) => way),
    ['sent', 'received', undefined],
  )
  assert.deepEqual([negotiation!.outcome, negotiation!.reason], ['failed', 'no IKE SA: its certificate has expired'])
  const host = view.hosts.find(({ address }) => address === '10.0.0.3')
  assert.deepEqual([host!.standing, host!.reason], ['failed', 'no IKE SA: its certificate has expired'])
  assert.equal(view.log.length, 1)
})

test('two hosts that speak in clear by fall-back are clear, whatever else stands between them', () => {
  const inClear = [{ rule: 'all', own: '10.0.0.1', peer: '10.0.0.2', forSeconds: 200 }]
  assert.equal(follow(emptyView, [status()]).hosts[0]!.standing, 'sealed')
  assert.equal(follow(emptyView, [status({ inClear })]).hosts[0]!.standing, 'clear')
})

test('a host to which something leaks stands as leaking before all else, for a minute after the last packet', () => {
  const inClear = [{ rule: 'all', own: '10.0.0.1', peer: '10.0.0.2', forSeconds: 200 }]
  const because = 'rule “all” secures it, yet it stands in clear'
  const is = { because, packets: 3, bytes: 252, firstAt: 1_799_999_900, lastAt: 1_799_999_999 }
  const wire: AgentStatus['wire'] = {
    ...{ links: ['eth0'], since: 1_799_990_000, verdicts: [], unread: 0 },
    flows: [
      { ...is, verdict: 'leaked', flow: 'icmp 10.0.0.1 → 10.0.0.2', peer: '10.0.0.2', direction: 'out' },
      { ...is, verdict: 'leaked', flow: 'icmp 10.0.0.1 → 10.0.0.9', peer: '10.0.0.9', direction: 'out' },
      { ...is, verdict: 'received-in-clear', flow: 'icmp 10.0.0.8 → 10.0.0.1', peer: '10.0.0.8', direction: 'in' },
    ],
  }
  const hosts = (at: number) =>
    follow(emptyView, [status({ wire, inClear, at })]).hosts.map(({ address, standing }) => `${address} ${standing}`)
  assert.deepEqual(hosts(1_800_000_000), ['10.0.0.2 leaking', '10.0.0.9 leaking'])
  assert.deepEqual(hosts(1_800_000_060), ['10.0.0.2 clear'])
  const [first] = follow(emptyView, [status({ wire })]).hosts
  assert.equal(first!.reason, 'sent in clear: icmp 10.0.0.1 → 10.0.0.2')
})

test('an agent that is gone leaves what was last seen, marked as such', () => {
  const view = follow(emptyView, [status(), { kind: 'lost', why: 'it went down' }])
  assert.deepEqual([view.connection, view.lostBecause, view.associations.length], ['lost', 'it went down', 1])
  assert.equal(follow(view, [status({ at: 1_800_000_005 })]).connection, 'there')
})

test('whatever the agent tells, the view stays within its bounds', () => {
  let view = emptyView
  for (let second = 0; second < 700; second++) {
    const burst = Array.from({ length: 100 }, (_, index) =>
      event('message', 'x'.repeat(3000), { session: `${(second * 100 + index) % 5000}`, peer: '10.9.9.9' }),
    )
    view = follow(view, [status({ at: 1_800_000_000 + second }), ...burst])
  }
  for (let index = 0; index < 200; index++) view = follow(view, [event('message', 'again', { session: 'one' })])
  assert.equal(view.negotiations.length, MOST_NEGOTIATIONS)
  assert.equal(view.negotiations.at(-1)!.rungs.length, MOST_RUNGS)
  assert.equal(view.negotiations.at(-1)!.omitted, 200 - MOST_RUNGS)
  assert.equal(view.log.length, MOST_LOG)
  assert.equal(view.samples.length, MOST_SAMPLES)
  assert.ok(view.log.every(({ text }) => text.length <= LONGEST_TEXT + 1))
})

test('the fold leaves the view before as it was', () => {
  const before = follow(emptyView, [status(), event('message', 'one', { session: 'a' })])
  const copy = structuredClone(before)
  follow(before, [status({ at: 1_800_000_001 }), event('session-failed', 'two', { session: 'a' })])
  assert.deepEqual(before, copy)
})

test('ten thousand events in a burst are folded within a frame’s patience', () => {
  const burst = Array.from({ length: 10_000 }, (_, index) =>
    event('message', `message ${index}`, { session: `${index % 300}`, peer: '10.0.0.2' }, 'debug'),
  )
  const begun = process.cpuUsage()
  follow(emptyView, [status(), ...burst])
  const { user } = process.cpuUsage(begun)
  assert.ok(user < 1_000_000, `${user} µs`)
})
