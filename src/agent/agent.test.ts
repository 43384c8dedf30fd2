// The agent without a machine: in which order it takes hold of a host and lets go, and what becomes of it when a part fails,
// hangs or is gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UDP } from '../base/flow.ts'
import { success } from '../base/result.ts'
import { agreement } from '../dataplane/test-associations.ts'
import { pairName } from '../ipsec/association.ts'
import type { WireFlow } from '../monitor/wire-status.ts'
import { Unready, type WirePart, type WireRules } from './agent-parts.ts'
import { loaded, one, other, policyNamed, TestAgent, wrong } from './test-agent-parts.ts'

const flow = { source: one, destination: other, protocol: UDP, sourcePort: 1, destinationPort: 2 }
const upwards = ['guard first', 'start plane', 'plane first', 'open sockets', 'routes first']
const downwards = [
  'unwatch addresses',
  'unwatch policy',
  'remove routes',
  'close sockets',
  'stop plane',
  'remove guard',
]

async function up(changes: ConstructorParameters<typeof TestAgent>[0] = {}): Promise<TestAgent> {
  const host = new TestAgent(changes)
  await host.in(host.agent.up())
  host.takeDone()
  return host
}

test('the guard stands before anything else and goes after everything else', async () => {
  const host = new TestAgent()
  await host.in(host.agent.up())
  assert.deepEqual(host.takeDone(), upwards)
  await host.in(host.agent.down())
  assert.deepEqual(host.takeDone(), downwards)
  assert.deepEqual(await host.agent.finished, { kind: 'asked' })
  assert.equal(host.kinds().at(-1), 'down')
})

for (const [at, what] of upwards.entries()) {
  test(`where “${what}” fails on the way up, what stands is taken back`, async () => {
    const host = new TestAgent()
    host.failing = asked => asked === what || (what === 'open sockets' && asked === 'sockets')
    await assert.rejects(host.in(host.agent.up()), /does not work|taken/)
    const expected = ['remove routes', 'close sockets', 'stop plane', 'remove guard']
    const steps = [0, 1, 1, 2, 3][at]!
    const begun = upwards.slice(0, what === 'open sockets' ? at : at + 1)
    assert.deepEqual(host.takeDone(), [...begun, ...expected.slice(3 - steps)])
    assert.equal(host.hasGuard, false)
  })
}

test('a step that hangs is given up, and the rest is taken back', async () => {
  const host = new TestAgent()
  host.hanging = asked => asked === 'plane first' || asked === 'stop plane'
  await assert.rejects(host.in(host.agent.up()), /longer than 30 s/)
  assert.equal(host.takeDone().at(-1), 'remove guard')
})

test('a guard that was there before an agent that does not come up stays', async () => {
  const host = new TestAgent()
  host.hasGuard = true
  host.failing = asked => asked === 'routes first'
  await assert.rejects(host.in(host.agent.up()))
  assert.ok(!host.takeDone().includes('remove guard'))
  assert.equal(host.hasGuard, true)
})

test('a policy with problems is refused before anything is touched', async () => {
  const host = new TestAgent()
  host.next = wrong('no such profile')
  await assert.rejects(host.agent.up(), (error: unknown) => error instanceof Unready && error.whose === 'input')
  assert.deepEqual(host.done, [])
})

test('the guard stays where that is asked for, at the start or at the end', async () => {
  const first = await up({ keepGuard: true })
  await first.in(first.agent.down())
  const second = await up()
  await second.in(second.agent.down(true))
  for (const host of [first, second]) assert.equal(host.hasGuard, true)
})

test('another policy takes the place of the one in force: guard, data plane, routes', async () => {
  const host = await up()
  host.next = success(loaded(policyNamed('second')))
  host.policyChanged()
  await host.pass(1)
  assert.deepEqual(host.takeDone(), ['guard second', 'plane second', 'routes second'])
  assert.equal((await host.in(host.agent.status())).policy.name, 'second')
})

test('a new policy with problems changes nothing, and is told in log and status', async () => {
  const host = await up()
  host.next = wrong('no such profile')
  assert.equal((await host.in(host.agent.reload())).ok, false)
  assert.deepEqual(host.takeDone(), [])
  const status = await host.in(host.agent.status())
  assert.equal(status.policy.name, 'first')
  assert.match(status.policy.refused!.problems.join(), /no such profile/)
  assert.match(status.warnings.join(), /refused/)
  assert.ok(host.kinds().includes('policy-refused'))
})

for (const part of ['guard', 'plane', 'routes']) {
  test(`where the ${part} cannot take a new policy, the one before is put back`, async () => {
    const host = await up()
    host.next = success(loaded(policyNamed('second')))
    host.failing = asked => asked === `${part} second`
    assert.equal((await host.in(host.agent.reload())).ok, false)
    assert.deepEqual(host.takeDone().slice(-3), ['guard first', 'plane first', 'routes first'])
    const status = await host.in(host.agent.status())
    assert.deepEqual([status.state, status.policy.name], ['up', 'first'])
  })
}

test('where neither policy can be put in place, the agent ends, and the guard stays', async () => {
  const host = await up()
  host.next = success(loaded(policyNamed('second')))
  host.failing = asked => asked.startsWith('plane ')
  void host.agent.reload()
  assert.equal((await host.in(host.agent.finished)).kind, 'failed')
  assert.equal(host.hasGuard, true)
})

test('where the data plane is gone, the agent ends, and the guard stays', async () => {
  const host = await up()
  host.agent.input({ kind: 'plane-failed', error: new Error('the thread ended') })
  assert.equal((await host.in(host.agent.finished)).kind, 'failed')
  assert.equal(host.hasGuard, true)
  assert.match(host.told.map(({ text }) => text).join(), /the thread ended/)
})

test('while the data plane is silent, no watchdog hears that all is well, and status says why', async () => {
  const host = await up()
  const before = host.lives
  await host.pass(11)
  assert.ok(host.lives >= before + 2)
  host.hanging = () => true
  await host.pass(8.5)
  const lives = host.lives
  const status = await host.in(host.agent.status())
  assert.equal(status.dataPlane['isAnswering'], false)
  assert.match(status.warnings.join(), /does not answer/)
  assert.equal(host.kinds().filter(kind => kind === 'data-plane-silent').length, 1)
  assert.equal(host.lives, lives)
  host.hanging = () => false
  await host.pass(20)
  assert.ok(host.lives > lives)
  assert.equal(host.kinds().filter(kind => kind === 'data-plane-answers').length, 1)
})

test('where the data plane stays silent the agent ends, and the guard stays', async () => {
  const host = await up()
  await host.pass(60)
  host.hanging = asked => asked === 'answer'
  const lives = host.lives
  assert.equal((await host.in(host.agent.finished, 60)).kind, 'failed')
  assert.ok(host.lives <= lives + 1)
  assert.equal(host.hasGuard, true)
  assert.match(host.told.map(({ text }) => text).join(), /no word from it/)
})

test('going down ends although everything hangs', async () => {
  const host = await up()
  host.hanging = () => true
  await host.in(host.agent.down(), 300)
  assert.ok(host.kinds().filter(kind => kind === 'fault').length >= 2)
})

test('a guard that somebody took away is put back, with who speaks in clear, and that is said aloud', async () => {
  const host = new TestAgent()
  host.next = success(loaded(policyNamed('first', { fallBackToClear: true })))
  await host.in(host.agent.up())
  await host.agent.plane.refuse(flow, 'all', 'no-answer')
  await host.pass(1)
  host.takeDone()
  host.hasGuard = false
  await host.pass(20)
  assert.deepEqual(host.takeDone(), ['guard first', 'guard lets clear'])
  assert.equal(host.told.find(({ kind }) => kind === 'guard-mended')?.level, 'error')
  assert.equal(host.hasGuard, true)
})

test('addresses that come and go are what “me” means from then on; what is the same is no news', async () => {
  const host = await up()
  host.addressesChanged()
  await host.pass(1)
  assert.deepEqual(host.takeDone(), [])
  host.addresses = [one, other]
  for (let times = 0; times < 10; times++) host.addressesChanged()
  await host.pass(1)
  assert.deepEqual(host.takeDone(), ['guard first', 'plane first', 'routes first'])
  assert.deepEqual((await host.in(host.agent.status())).addresses, ['10.0.0.1', '10.0.0.2'])
})

test('two hosts speak in clear only by a rule’s word: the guard hears of it first, and everybody who looks', async () => {
  const host = new TestAgent()
  host.next = success(loaded(policyNamed('first', { fallBackToClear: true })))
  await host.in(host.agent.up())
  host.takeDone()
  await host.agent.plane.refuse(flow, 'all', 'no-answer')
  await host.pass(0.1)
  assert.deepEqual(host.takeDone(), ['guard lets clear', 'refuse', 'routes first in clear'])
  const status = await host.in(host.agent.status())
  assert.deepEqual(
    status.inClear.map(({ peer, rule }) => [peer, rule]),
    [['10.0.0.2', 'all']],
  )
  assert.match(status.warnings.join(), /NOT SECURED/)
  assert.equal(host.told.find(({ kind }) => kind === 'in-clear')?.level, 'warning')

  const [pair] = agreement({ rule: 'all', one, other, spi: 0x1000 })
  await host.agent.plane.install(pair)
  await host.agent.plane.beginSending(pairName(pair))
  await host.pass(0.1)
  assert.deepEqual(host.takeDone().toSorted(), ['begin sending', 'guard ends clear', 'install', 'routes first'])
  assert.deepEqual((await host.in(host.agent.status())).inClear, [])
})

test('time in clear ends by itself, and packets are led to the data plane again', async () => {
  const host = new TestAgent()
  host.next = success(loaded(policyNamed('first', { fallBackToClear: true })))
  await host.in(host.agent.up())
  await host.agent.plane.refuse(flow, 'all', 'no-answer')
  await host.pass(200)
  assert.equal(host.done.at(-1), 'routes first in clear')
  await host.pass(100)
  assert.equal(host.done.at(-1), 'routes first')
})

test('without such a word nothing is let out', async () => {
  const host = await up()
  await host.agent.plane.refuse(flow, 'all', 'no-answer')
  await host.pass(1)
  assert.deepEqual(host.takeDone(), ['refuse'])
})

test('a thousand dropped packets are one line, and all are counted', async () => {
  const host = await up()
  for (let packets = 0; packets < 1000; packets++) host.listener!.dropped('replayed', flow)
  await host.pass(10)
  const told = host.told.filter(({ kind }) => kind === 'packets-dropped')
  assert.deepEqual(
    told.map(({ fields }) => fields?.['packets']),
    [1000],
  )
  const { drops } = await host.in(host.agent.status())
  assert.deepEqual(
    drops.map(({ reason, packets }) => [reason, packets]),
    [['replayed', 1000]],
  )
})

test('the wire is watched from when everything stands to when the first of it goes, by what is in force then', async () => {
  let rules: (() => WireRules) | undefined
  const wire: WirePart = {
    start(given) {
      rules = given
      host.done.push('watch wire')
    },
    status: () => ({ links: ['eth0'], since: 0, verdicts: [], flows: [leak(1_800_000_000)], unread: 0 }),
    stop: () => host.done.push('unwatch wire'),
  }
  const host = new TestAgent({ wire })
  await host.in(host.agent.up())
  assert.equal(rules!().compiled.policy.name, 'first')
  assert.equal(rules!().isChanging, false)
  host.next = success(loaded(policyNamed('second')))
  let during: boolean | undefined
  host.failing = what => {
    if (what === 'routes second') during = rules!().isChanging
    return false
  }
  await host.in(host.agent.reload())
  assert.deepEqual([rules!().compiled.policy.name, during, rules!().isChanging], ['second', true, false])
  const { wire: seen, warnings } = await host.in(host.agent.status())
  assert.deepEqual(seen!.links, ['eth0'])
  assert.match(warnings[0]!, /^LEAKING: this host sent icmp 10\.0\.0\.1 → 10\.0\.0\.2: rule “all” secures it/)
  await host.pass(120)
  assert.ok(!(await host.in(host.agent.status())).warnings.some(text => text.startsWith('LEAKING')))
  await host.in(host.agent.down())
  const [upAt, downAt] = [host.done.indexOf('watch wire'), host.done.indexOf('unwatch wire')]
  assert.ok(upAt > host.done.indexOf('routes first') && downAt < host.done.indexOf('remove routes'))
})

test('an agent whose watch cannot be opened goes up all the same, and says so', async () => {
  const host = new TestAgent({
    wire: {
      start() {
        throw new Error('no room for a ring')
      },
      status: () => null,
      stop() {},
    },
  })
  await host.in(host.agent.up())
  const told = host.told.find(({ kind }) => kind === 'wire-unwatched')
  assert.deepEqual([told!.level, told!.text], ['warning', 'Nobody watches the wire: no room for a ring'])
  const status = await host.in(host.agent.status())
  assert.deepEqual([status.state, status.wire], ['up', null])
  await host.in(host.agent.down())
})

function leak(lastAt: number): WireFlow {
  const because = 'rule “all” secures it: any 10.0.0.1 <-> 10.0.0.2, yet it stands in clear'
  const flow = { flow: 'icmp 10.0.0.1 → 10.0.0.2', peer: '10.0.0.2', direction: 'out' } as const
  return { verdict: 'leaked', because, ...flow, packets: 1, bytes: 84, firstAt: lastAt, lastAt }
}

test('a fault in one message is written down, and the agent lives on', async () => {
  const host = await up()
  host.agent.keeper.datagram = () => {
    throw new TypeError('a fault of ours')
  }
  const path = { local: { address: one, port: 500 }, remote: { address: other, port: 500 } }
  host.agent.input({ kind: 'datagram', path, bytes: new Uint8Array(1) })
  assert.match(host.told.at(-1)!.text, /a fault of ours/)
  assert.equal((await host.in(host.agent.status())).state, 'up')
})

test('packets that wait make a negotiation begin, from the right port', async () => {
  const host = await up()
  host.listener!.needsKeys('all', flow)
  await host.pass(1)
  // There is nothing to prove oneself with in this test: what waits is refused.
  assert.deepEqual(host.takeDone(), ['refuse'])
  assert.ok(host.kinds().includes('child-failed'))
})
