// Curves, exemptions, ladders, rules and the log as the page shows them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Negotiation } from '../../negotiations.ts'
import { testStatus } from '../../test-status.ts'
import type { ToldEvent } from '../../told-event.ts'
import { associationFacts, associationText, faultsOf } from './association-rows.ts'
import { amount, curvesOf, gridOf, minutesOf, scaleTop, summaryOf } from './curves.ts'
import { exemptRows, settingWords } from './exempt-rows.ts'
import { refusalWords } from './fates.ts'
import { headFacts } from './head-facts.ts'
import { isFailure, ordered, outcomeStanding, outcomeWords } from './ladders.ts'
import { logRows } from './log-rows.ts'
import { momentWords } from './moment.ts'
import { emptyState, followPage } from './page-state.ts'
import { hashOf, routeOf } from './route.ts'

const AT = 1_800_000_000

function leaking(after: number, bytes: number) {
  const verdicts = [{ verdict: 'leaked', direction: 'out', packets: bytes / 100, bytes }] as const
  const wire = { links: ['eth0'], since: AT, verdicts, flows: [], unread: 0 }
  return { kind: 'status', status: testStatus({ at: AT + after, wire }) } as const
}

test('a leak of few octets fills its lane beside whatever is sealed', () => {
  const state = followPage(emptyState, [leaking(0, 100), leaking(1, 400), leaking(3, 400)])
  const curves = curvesOf(state)
  const lane = curves.lanes.find(({ key }) => key === 'leaked')!
  assert.deepEqual(lane.curves[0]!.values, [300, 0])
  assert.deepEqual(curves.times, [AT + 1, AT + 3])
  assert.ok(scaleTop(lane) < 400)
  assert.deepEqual(gridOf(lane), [0, 300])
})

test('where nobody watches the wire the page says so instead of drawing zero', () => {
  const state = followPage(emptyState, [{ kind: 'status', status: testStatus() }])
  assert.equal(curvesOf(state).lanes.find(({ key }) => key === 'leaked')?.absent, 'nobody watches the wire')
})

test('curves as a table have a row a minute, the newest first, with means', () => {
  const state = followPage(
    emptyState,
    Array.from({ length: 121 }, (_, second) => leaking(second, second < 60 ? 0 : (second - 59) * 100)),
  )
  const minutes = minutesOf(curvesOf(state))
  assert.deepEqual(
    minutes.map(({ at }) => at - AT),
    [120, 60, 0],
  )
  assert.equal(minutes[1]!.means[4], 100)
  assert.deepEqual(summaryOf([1, 5, 3]), { now: 3, mean: 3, peak: 5 })
  assert.equal(amount(0.5, 'packets'), '0.5 packets/s')
})

test('an exemption tells what it would be otherwise, and one that nothing withdraws says so', () => {
  const words = 'at 1 this would be sealed'
  const setting = {
    ...testStatus().setting,
    exempt: [
      { name: 'kerberos', title: 'Kerberos', otherwise: { value: 1, becomes: 'secured', words } },
      { name: 'ike', title: 'IKE', otherwise: null },
    ],
  } as const
  const rows = exemptRows(followPage(emptyState, [{ kind: 'status', status: testStatus({ setting }) }]))
  assert.deepEqual(
    rows.map(({ title, otherwise, last }) => [title, otherwise, last]),
    [
      ['Kerberos', words, 'before this page was opened'],
      ['IKE', 'Exempt at every value that this profile knows.', 'never'],
    ],
  )
  assert.match(settingWords(testStatus()), /^NoDefaultExempt is 0: the default of the profile\.$/)
})

function negotiation(session: string, changes: Partial<Negotiation>): Negotiation {
  return {
    ...{
      session,
      peer: '10.0.0.2',
      begunAt: AT,
      lastAt: AT,
      outcome: 'established',
      reason: null,
      rungs: [],
      omitted: 0,
    },
    ...changes,
  }
}

test('the newest failure stands on top, above what is newer and went well', () => {
  const rows = ordered([
    negotiation('old failure', { outcome: 'failed', reason: 'no', lastAt: AT + 1 }),
    negotiation('fine', { lastAt: AT + 9 }),
    negotiation('new failure', { outcome: 'failed', reason: 'no', lastAt: AT + 5 }),
    negotiation('closed', { outcome: 'closed', reason: 'asked for', lastAt: AT + 8 }),
  ])
  assert.deepEqual(
    rows.map(({ session }) => session),
    ['new failure', 'old failure', 'fine', 'closed'],
  )
  const partly = negotiation('', { reason: 'no child' })
  assert.ok(isFailure(partly))
  assert.equal(outcomeWords(partly), 'established, then failed in part')
  assert.equal(outcomeStanding(negotiation('', { outcome: 'open' })), 'negotiating')
})

test('the log is the newest first, by level and words', () => {
  const log: readonly ToldEvent[] = [
    { at: AT, level: 'info', kind: 'up', text: 'enforced' },
    { at: AT + 1, level: 'warning', kind: 'session-failed', text: 'no common offer' },
    { at: AT + 2, level: 'error', kind: 'fault', text: 'a fault' },
  ]
  const kinds = (rows: readonly ToldEvent[]) => rows.map(({ kind }) => kind)
  assert.deepEqual(kinds(logRows(log, 'info', '')), ['fault', 'session-failed', 'up'])
  assert.deepEqual(kinds(logRows(log, 'warning', 'offer')), ['session-failed'])
  assert.deepEqual(kinds(logRows(log, 'error', '')), ['fault'])
})

test('refusals of the server become words, whatever it answers', () => {
  const problems = [{ where: 'value', what: 'it is fixed by the policy', hint: 'change it there' }]
  assert.deepEqual(refusalWords(422, { problems }), ['value: it is fixed by the policy. change it there'])
  assert.deepEqual(refusalWords(500, undefined), ['The server answers 500.'])
  assert.deepEqual(refusalWords(409, { problems: [7, null, {}] }), ['The server answers 409.'])
  assert.match(refusalWords(401, undefined)[0]!, /token/)
})

test('the fragment of the address names part and choice, and a strange one leads to the overview', () => {
  assert.deepEqual(routeOf(hashOf('associations', 'fe80::1/64 ü')), { section: 'associations', chosen: 'fe80::1/64 ü' })
  assert.deepEqual(routeOf('#nothing/%'), { section: 'overview', chosen: '%' })
  assert.deepEqual(routeOf(''), { section: 'overview', chosen: undefined })
})

test('a moment of another day has its date', () => {
  assert.equal(momentWords(AT, AT + 60), '08:00:00')
  assert.equal(momentWords(AT - 86_400, AT), '2027-01-14 08:00:00')
})

test('the head tells who enforces what, and marks what is wrong', () => {
  const guard = { name: 'nftables', isThere: false, text: '', traffic: [] }
  const facts = headFacts(followPage(emptyState, [{ kind: 'status', status: testStatus({ guard }) }]))
  assert.deepEqual(
    facts.filter(({ isBad }) => isBad).map(({ label, value }) => `${label} ${value}`),
    ['Guard NOT in place'],
  )
})

test('a watch that missed packets does not pass for one that saw all', () => {
  const wire = { links: ['eth0'], since: AT, verdicts: [], flows: [], unread: 1200 }
  const facts = headFacts(followPage(emptyState, [{ kind: 'status', status: testStatus({ wire }) }]))
  assert.deepEqual(
    facts.find(({ label }) => label === 'Wire'),
    { label: 'Wire', value: 'watched, no leak, 1,200 packets not seen', isBad: true },
  )
})

test('an association is found by everything that its row and its details say', () => {
  const { view } = followPage(emptyState, [{ kind: 'status', status: testStatus() }])
  const [one] = view.associations
  assert.match(associationText(one!), /10\.0\.0\.2 dc2\.corp\.test all esp aes-gcm 256 transport/)
  assert.equal(faultsOf(one!), 0)
  assert.ok(associationFacts(one!).some(([label, value]) => label === 'Carries' && value === 'any protocol'))
})
