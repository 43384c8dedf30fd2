// The agent sees what really passes its links: nothing to tell while all is sealed, whatever happens to policies and keys, and
// a word within a second about what this host or a peer sends in clear. A capture beside it, judged by the auditor, agrees.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WireStatus, WireVerdict } from '../../src/monitor/wire-status.ts'
import { audit, captureWire, type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const wait = (seconds: number) => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

async function wireOf(host: LiveHost): Promise<WireStatus> {
  // Frames are handed over late by a twentieth of a second.
  await wait(0.2)
  const { wire } = await host.status()
  assert.ok(wire !== null, host.log())
  return wire
}

function packets({ verdicts }: WireStatus, verdict: WireVerdict, direction?: 'out' | 'in'): number {
  return verdicts
    .filter(one => one.verdict === verdict && (direction === undefined || one.direction === direction))
    .reduce((sum, one) => sum + one.packets, 0)
}

function assertNoLeak(wire: WireStatus, host: LiveHost): void {
  const bad = (['leaked', 'received-in-clear', 'blocked', 'malformed'] as const).map(verdict => packets(wire, verdict))
  assert.deepEqual(bad, [0, 0, 0, 0], `${JSON.stringify(wire)}\n${host.log()}`)
  assert.equal(wire.unread, 0)
}

/** What somebody does who knows how the agent holds its host, again and again because the agent puts it back. */
const UNDO = `
  nft delete table inet sealwire 2>/dev/null
  for family in -4 -6; do
    for priority in $(ip $family rule | sed -n 's/^\\(54[0-9][0-9]\\):.*/\\1/p'); do ip $family rule del priority $priority; done
  done`

test('while all is sealed nothing leaks, and keying is seen', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  const stop = await captureWire(one)
  await Promise.all([one.up(), two.up()])
  for (const to of [two.address, two.address6]) assert.equal(await one.ping(to, 20), 20, one.log())
  assert.ok((await one.ping(two.address, 3, '-s', '4000')) >= 2)
  for (const host of [one, two]) {
    const wire = await wireOf(host)
    assertNoLeak(wire, host)
    assert.deepEqual(wire.links, ['wire'])
    assert.ok(packets(wire, 'keying', 'out') > 0 && packets(wire, 'keying', 'in') > 0, JSON.stringify(wire))
    assert.deepEqual(
      (await host.status()).warnings.filter(text => text.includes('LEAK')),
      [],
    )
  }
  const { totals } = await audit(await stop(), one.policy)
  assert.ok(totals['protected']! > 40, JSON.stringify(totals))
})

test('guard and rules removed by somebody: a clear packet is told of within a second', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address), 3)
  assertNoLeak(await wireOf(one), one)
  const ran = await one.run([
    'bash',
    '-c',
    `for try in 1 2 3 4 5; do ${UNDO}\n ping -c 1 -W 0.1 ${two.address}; done; date +%s.%N`,
  ])
  const last = Number(ran.out.trim().split('\n').at(-1))
  await one.wrote('leaked')
  const told = one
    .log()
    .split('\n')
    .find(line => line.includes('"event":"leaked"'))!
  const event = JSON.parse(told) as { time: string; level: string; message: string; peer: string; rule: string }
  assert.ok(Date.parse(event.time) / 1000 < last + 1, `${told} after ${last}`)
  assert.equal(event.level, 'error')
  assert.match(
    event.message,
    /^LEAKED: this host sent icmp 10\.99\.0\.1 → 10\.99\.0\.2 in clear: rule “Everything between the two” secures it/,
  )
  assert.deepEqual([event.peer, event.rule], [two.address, 'Everything between the two'])
  const status = await one.status()
  assert.ok(packets(status.wire!, 'leaked', 'out') >= 1)
  assert.match(status.warnings[0]!, /^LEAKING: this host sent icmp 10\.99\.0\.1 → 10\.99\.0\.2: rule/)
  // The other end was sent what should have been sealed, and says so.
  await two.wrote('received-in-clear')
  assert.ok(packets(await wireOf(two), 'received-in-clear', 'in') >= 1)
  assert.equal(packets(await wireOf(two), 'leaked'), 0)
})
