// The agent sees what really passes its links: nothing to tell while all is sealed, whatever happens to policies and keys, and
// a word within a second about what this host or a peer sends in clear. A capture beside it, judged by the auditor, agrees.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { WireStatus, WireVerdict } from '../../src/monitor/wire-status.ts'
import { ip } from '../../src/native/test-namespaces.ts'
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

/** On a machine that has much else to do the first packets wait long for their keys. */
async function assertReached(host: LiveHost, to: string): Promise<void> {
  for (let tries = 0; (await host.ping(to, 10)) < 5; tries++) assert.ok(tries < 10, host.log())
}

function assertNoLeak(wire: WireStatus, host: LiveHost): void {
  const bad = (['leaked', 'received-in-clear', 'blocked', 'malformed'] as const).map(verdict => packets(wire, verdict))
  assert.deepEqual(bad, [0, 0, 0, 0], `${JSON.stringify(wire)}\n${host.log()}`)
  assert.equal(wire.unread, 0)
}

/** A command of the shell that runs in the host's namespace until the answer is called. */
function running(context: TestContext, { namespace }: LiveHost, script: string): () => Promise<void> {
  const child = spawn('ip', ['netns', 'exec', namespace, 'bash', '-c', script], { stdio: 'ignore', detached: true })
  const ended = new Promise<void>(resolve => child.on('close', () => resolve()))
  const end = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
    return ended
  }
  context.after(end)
  return end
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
  for (const to of [two.address, two.address6]) await assertReached(one, to)
  // Whole sealed packets do not get past the filter in the kernel.
  assert.equal(packets(await wireOf(one), 'protected'), 0)
  assert.ok((await one.ping(two.address, 5, '-s', '4000')) >= 2)
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
  assert.ok(totals['protected']! > 20, JSON.stringify(totals))
})

test('guard and rules removed by somebody: a clear packet is told of within a second', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  await Promise.all([one.up(), two.up()])
  await assertReached(one, two.address)
  assertNoLeak(await wireOf(one), one)
  const stop = await captureWire(one)
  await one.run(['bash', '-c', `for try in {1..10}; do ${UNDO}\n ping -c 1 -W 0.1 ${two.address}; done`])
  await one.wrote('leaked')
  const told = one
    .log()
    .split('\n')
    .find(line => line.includes('"event":"leaked"'))!
  const event = JSON.parse(told) as { time: string; level: string; message: string; peer: string; rule: string }
  const { findings } = await audit(await stop(), one.policy)
  // Neighbour discovery is a leak to the auditor, which knows no guard that lets it pass.
  const first = findings.find(({ verdict, flow }) => verdict === 'leaked' && flow?.source.includes('.') === true)!.first
  const late = (Date.parse(event.time) - Date.parse(first.time)) / 1000
  assert.ok(late < 1, `${late} s after it stood on the wire: ${told}`)
  context.diagnostic(`told ${late.toFixed(3)} s after it stood on the wire`)
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

test('keys of seconds, policies that change and agents that come and go: packets of every moment are judged right', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  const write = (noDefaultExempt: number) => {
    for (const host of [one, two]) host.writePolicy({ noDefaultExempt, more: ['lifetime: { seconds: 10 }'] })
  }
  write(1)
  const keying = { renewAt: 0.2, overlap: 1, tryAgain: 0.5 }
  await Promise.all([one.upWith(keying), two.upWith(keying)])
  await assertReached(one, two.address)
  const stop = await captureWire(one)
  const traffic = [
    running(context, one, `ping -q -i 0.005 ${two.address}`),
    running(context, two, `ping -q -i 0.005 ${one.address6}`),
    running(context, one, `while :; do echo x > /dev/udp/${two.address}/88; sleep 0.01; done`),
  ]
  for (const [times, value] of [0, 1, 0, 1].entries()) {
    write(value)
    await Promise.all([one, two].map(host => host.wrote('policy-changed', times + 1)))
    await wait(2.5)
  }
  await two.down()
  await wait(0.3)
  await two.upWith(keying)
  await wait(2)
  await Promise.all(traffic.map(end => end()))
  const wire = await wireOf(one)
  assert.equal(packets(wire, 'leaked'), 0, `${JSON.stringify(wire)}\n${one.log()}`)
  assert.equal(packets(await wireOf(two), 'leaked'), 0, two.log())
  assert.ok(packets(wire, 'exempt', 'out') > 100, JSON.stringify(wire))
  const wrote = (event: string) => one.log().split(`"event":"${event}"`).length - 1
  assert.ok(wrote('policy-changed') >= 4 && wrote('child-established') >= 4, one.log())
  // The capture knows no policies before the last one: what it holds in clear is what was exempt in between.
  const { conversations } = await audit(await stop(), one.policy)
  const clear = conversations.filter(({ verdict }) => verdict === 'leaked')
  const own = clear.filter(({ flow }) => flow?.source === one.address).reduce((sum, { packets }) => sum + packets, 0)
  assert.ok(own <= packets(wire, 'exempt', 'out'), `${own} in the capture, ${JSON.stringify(wire)}`)
})

test('Kerberos is seen as exempt at 0 and not in clear at 1, packet for packet as the auditor counts', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const [noDefaultExempt, expected] of [
    [0, 7],
    [1, 0],
  ] as const) {
    for (const host of [one, two]) host.writePolicy({ noDefaultExempt })
    await Promise.all([one.up(), two.up()])
    await assertReached(one, two.address)
    const stop = await captureWire(one)
    await one.run(['bash', '-c', `for n in 1 2 3 4 5 6 7; do echo x > /dev/udp/${two.address}/88; sleep 0.05; done`])
    const wire = await wireOf(one)
    assertNoLeak(wire, one)
    const { classes } = await audit(await stop(), one.policy)
    assert.equal(classes['kerberos'], expected)
    const flow = wire.flows.find(({ flow }) => flow.includes(':88'))
    if (expected > 0) {
      assert.deepEqual([flow!.verdict, flow!.peer, flow!.packets], ['exempt', two.address, expected])
      assert.match(flow!.because, /^it is Kerberos /)
    } else assert.equal(flow, undefined)
    await Promise.all([one.down(), two.down()])
  }
})

test('an address that comes is watched as well', { skip }, async context => {
  const [one] = await twoAgents(context)
  one.writePolicy({ noDefaultExempt: 1 })
  const text = readFileSync(one.policy, 'utf8')
  const filters = 'filters: [{ source: me, destination: 10.99.0.0/24, mirrored: true }]\n'
  writeFileSync(one.policy, text.replace(/filters:\n(?: {6}.*\n)+/, filters))
  await one.up()
  ip('-n', one.namespace, 'address', 'add', '10.99.0.88/24', 'dev', 'wire')
  await one.wrote('addresses-changed')
  await wait(3.5)
  await one.run(['bash', '-c', `for try in {1..10}; do ${UNDO}\n ping -c 1 -W 0.1 -I 10.99.0.88 10.99.0.2; done`])
  await one.wrote('leaked')
  const wire = await wireOf(one)
  assert.ok(
    wire.flows.some(({ flow }) => flow === 'icmp 10.99.0.88 → 10.99.0.2'),
    JSON.stringify(wire),
  )
})

test('a peer without an agent that sends in clear is told of, and is no leak of this host', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  await one.up()
  assert.equal(await two.ping(one.address, 4), 0)
  await one.wrote('received-in-clear')
  const wire = await wireOf(one)
  assert.equal(packets(wire, 'received-in-clear', 'in'), 4, JSON.stringify(wire))
  assert.equal(packets(wire, 'leaked'), 0)
  const flow = wire.flows.find(({ verdict }) => verdict === 'received-in-clear')!
  assert.deepEqual([flow.flow, flow.peer, flow.packets], ['icmp 10.99.0.2 → 10.99.0.1', two.address, 4])
  const { warnings, recent } = await one.status()
  assert.ok(!warnings.some(text => text.includes('LEAK')))
  assert.ok(recent.some(({ kind }) => kind === 'received-in-clear'))
})

test('where a rule falls back the watch says so, and without a watch status has none', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  one.writePolicy({ more: ['fallBackToClear: true'] })
  await one.up()
  await one.ping(two.address, 1)
  await one.wrote('in-clear')
  await assertReached(one, two.address)
  const wire = await wireOf(one)
  assert.equal(packets(wire, 'leaked'), 0, JSON.stringify(wire))
  assert.ok(packets(wire, 'in-clear', 'out') >= 5 && packets(wire, 'in-clear', 'in') >= 5, JSON.stringify(wire))
  await one.down()
  await one.up('--no-wire-watch')
  assert.equal((await one.status()).wire, null)
})
