// Metrics are what the status says, in a form that machines read, with names and labels that nobody from outside chooses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentStatus } from './agent-status.ts'
import { MOST_NAMES, metrics, writeMetrics } from './metrics.ts'
import { testAssociation, testStatus } from './test-status.ts'

function seriesOf(status: AgentStatus, series: string): number | undefined {
  const line = writeMetrics(status, 'prometheus')
    .split('\n')
    .find(text => text.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

test('each number stands where the status has it', () => {
  const inClear = [{ rule: 'all', own: '10.0.0.1', peer: '10.0.0.3', forSeconds: 10 }]
  const status = testStatus({ inClear, guard: null })
  assert.equal(seriesOf(status, 'sealwire_enforcing'), 1)
  assert.equal(seriesOf(status, 'sealwire_guard_present'), 0)
  assert.equal(seriesOf(status, 'sealwire_clear_pairs'), 1)
  assert.equal(seriesOf(status, 'sealwire_dropped_packets_total{reason="replayed"}'), 3)
  assert.equal(seriesOf(status, 'sealwire_events_total{event="sessions_established"}'), 1)
  assert.equal(seriesOf(status, 'sealwire_sessions{version="2",state="established"}'), 1)
  assert.equal(seriesOf(testStatus(), 'sealwire_guard_packets_total{direction="out",kind="stopped"}'), 2)
  const why = 'sealwire_guard_rule_packets_total{direction="out",kind="exempt",why="Kerberos"}'
  assert.equal(seriesOf(testStatus(), why), 5)
})

test('an association whose time for new keys has come is overdue while it sends', () => {
  const late = testAssociation({ rekeyInSeconds: 0 })
  const old = testAssociation({ rekeyInSeconds: 0, isSending: false })
  const manual = testAssociation({ rekeyInSeconds: null })
  assert.equal(seriesOf(testStatus({ associations: [late, old, manual] }), 'sealwire_associations_overdue'), 1)
})

test('what an alert watches is there before anything has happened, so that its first rise is seen', () => {
  const quiet = testStatus({ drops: [], guard: { ...testStatus().guard!, traffic: [] } })
  assert.equal(seriesOf(quiet, 'sealwire_dropped_packets_total{reason="should-be-protected"}'), 0)
  assert.equal(seriesOf(quiet, 'sealwire_guard_packets_total{direction="out",kind="in-clear"}'), 0)
})

test('what passes the wire is counted by verdict, and a leak’s series is there before the first leak', () => {
  const series = 'sealwire_wire_packets_total{verdict="leaked",direction="out"}'
  const seen = { verdict: 'leaked', direction: 'out', packets: 3, bytes: 252 } as const
  const wire = { links: ['eth0'], since: 1_799_990_000, verdicts: [seen], flows: [], unread: 7 }
  assert.equal(seriesOf(testStatus(), series), 0)
  assert.equal(seriesOf(testStatus(), 'sealwire_wire_watched'), 0)
  assert.equal(seriesOf(testStatus({ wire }), series), 3)
  assert.equal(seriesOf(testStatus({ wire }), 'sealwire_wire_watched'), 1)
  assert.equal(seriesOf(testStatus({ wire }), 'sealwire_wire_unread_packets_total'), 7)
  assert.equal(seriesOf(testStatus({ wire }), 'sealwire_wire_bytes_total{verdict="leaked",direction="out"}'), 252)
})

test('a thousand rules, peers and associations make no more series than a few hundred', () => {
  const traffic = Array.from({ length: 1000 }, (_, index) => ({
    ...{ direction: 'out', kind: 'permitted', why: `rule ${index}`, packets: 1, bytes: 1 },
  })) as NonNullable<AgentStatus['guard']>['traffic']
  const status = testStatus({
    guard: { ...testStatus().guard!, traffic },
    associations: Array.from({ length: 1000 }, (_, index) =>
      testAssociation({ peer: `10.1.0.${index}`, spi: `0x${index}` }),
    ),
  })
  const text = writeMetrics(status, 'openmetrics')
  assert.ok(text.split('\n').length < 300)
  assert.ok(!text.includes('10.1.0.'))
  const other = 'sealwire_guard_rule_packets_total{direction="out",kind="permitted",why="other"}'
  assert.equal(seriesOf(status, other), 1000 - MOST_NAMES)
})

test('a policy whose name is written to break lines or quotes breaks neither', () => {
  const policy = { ...testStatus().policy, name: `a"} 1\nsealwire_enforcing 0 \\ \u{d800}${'x'.repeat(500)}` }
  const lines = writeMetrics(testStatus({ policy }), 'openmetrics').split('\n')
  assert.equal(lines.filter(line => line.startsWith('sealwire_enforcing')).length, 1)
  const info = lines.find(line => line.startsWith('sealwire_policy_info'))!
  assert.match(
    info,
    /^sealwire_policy_info\{policy="a\\"\} 1\\nsealwire_enforcing 0 \\\\ \ufffdx+…",profile="windows-2000-sp1"\} 1$/,
  )
  assert.ok(info.length < 250)
})

test('names follow the rules of Prometheus, and OpenMetrics tells its end', () => {
  for (const { name, type } of metrics) {
    assert.match(name, /^[a-z][a-z_]*$/)
    assert.ok(!name.endsWith('_total') && !name.endsWith('_count'), `${name}: ${type}`)
  }
  assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length)
  assert.ok(writeMetrics(testStatus(), 'openmetrics').endsWith('\n# EOF\n'))
  assert.ok(!writeMetrics(testStatus(), 'prometheus').includes('# EOF'))
})
