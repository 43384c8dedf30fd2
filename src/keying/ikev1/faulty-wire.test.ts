// Thousands of runs of two hosts of IKEv1 over a wire that loses, doubles and reorders: however it goes, both ends have the
// same keys in the end, or neither has any.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { inRun, type TestHost, TestNet } from '../test-hosts.ts'
import { twoHosts, v1Policy } from './test-hosts-v1.ts'

const badWire = { loss: 0.2, duplication: 0.1, reordering: 0.2, delay: 0.02, jitter: 0.05 }
/** Long enough for a host to notice that its peer is gone: liveness, and every repetition. */
const QUIET = 240

function assertSettled(one: TestHost, other: TestHost): 'established' | 'clean' {
  assert.equal(one.pairs.size, other.pairs.size, 'associations that only one side has')
  for (const { pair } of one.pairs.values()) assert.ok(other.counterpart(pair), 'an association with other keys')
  for (const host of [one, other]) {
    for (const { state } of host.endpoint.sessions()) assert.ok(state === 'established', state)
  }
  if (one.pairs.size === 0) return 'clean'
  assert.ok(one.reaches(other) && other.reaches(one), 'what one sends, the other cannot open')
  return 'established'
}

test('1,000 beginnings at 20 % loss, with duplicates and reordering, end with equal keys on both sides or with none', () => {
  let established = 0
  for (let seed = 1; seed <= 1000; seed++) {
    const net = new TestNet(seed, badWire)
    const [one, other] = twoHosts(net)
    inRun(seed, net, () => {
      one.needs(other)
      // In every second run both want something at nearly the same moment.
      if (seed % 2 === 0) net.clock.at(net.random.fraction() * 0.3, () => other.needs(one))
      net.advance(60)
      net.faults = {}
      net.advance(QUIET)
      if (assertSettled(one, other) === 'clean') {
        assert.ok(one.refused.length > 0, 'a packet waits forever')
        return
      }
      established++
      assert.equal(one.pairs.size, 1, 'one too many')
    })
  }
  assert.ok(established > 950, `${established} of 1,000 came about`)
})

test('hosts that begin at the same moment have one association in the end, and no packet is lost over it', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const net = new TestNet(seed, { delay: 0.02, jitter: 0.03 })
    const [one, other] = twoHosts(net)
    inRun(seed, net, () => {
      one.needs(other)
      net.clock.at(net.random.fraction() * 0.1, () => other.needs(one))
      let both = false
      for (let step = 0; step < 400; step++) {
        net.advance(0.05)
        const reach = one.reaches(other) && other.reaches(one)
        if (both) assert.ok(reach, 'what was reached is reached no more')
        both ||= reach
      }
      net.advance(QUIET)
      assert.equal(assertSettled(one, other), 'established')
      assert.equal(one.pairs.size, 1)
    })
  }
})

/** The same where renewals go on: the middle of one is not the time to look. */
function assertSettles(net: TestNet, one: TestHost, other: TestHost): 'established' | 'clean' {
  for (let patience = 0; patience < 10; patience++) {
    try {
      return assertSettled(one, other)
    } catch {
      net.advance(1.3)
    }
  }
  return assertSettled(one, other)
}

/** Both hosts talk all the time; lifetimes are short, so that something is always being renewed. */
function busyHosts(net: TestNet): readonly [TestHost, TestHost] {
  const hosts = twoHosts(net, v1Policy({ lifetime: { seconds: 40 } }, { ike: { lifetime: { seconds: 90 } } }))
  const talk = (from: 0 | 1) => {
    net.hosts[from]!.talksTo(net.hosts[1 - from]!)
    if (net.isTalking) net.clock.at(net.clock.now() + 0.5 + net.random.fraction(), () => talk(from))
  }
  talk(0)
  net.clock.at(0.4, () => talk(1))
  return hosts
}

test('renewals of both kinds on a good wire, for an hour, never interrupt what can be sent', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const net = new TestNet(seed, { delay: 0.02, jitter: 0.03 })
    const [one, other] = busyHosts(net)
    inRun(seed, net, () => {
      net.advance(5)
      for (let step = 0; step < 36_000; step++) {
        net.advance(0.1)
        assert.ok(one.reaches(other) && other.reaches(one), 'what one sends, the other cannot open')
        assert.ok(one.pairs.size < 8, `${one.pairs.size} associations`)
      }
      const mainModes = one.of('session-established').length
      assert.ok(mainModes > 30 && mainModes < 80, `${mainModes} main modes`)
      assert.equal(one.refused.length + other.refused.length, 0)
    })
  }
})

test('renewals on a bad wire, deletes at any moment and restarts end with equal keys on both sides or with none', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const net = new TestNet(seed, badWire)
    let [one, other] = busyHosts(net)
    const chance = seededRandom(seed)
    inRun(seed, net, () => {
      for (let step = 0; step < 20; step++) {
        net.advance(30 * chance.fraction())
        const host = chance.fraction() < 0.5 ? one : other
        const names = [...host.pairs.keys()]
        const name = names[Math.floor(chance.fraction() * names.length)]
        const what = chance.fraction()
        if (what < 0.25 && name !== undefined) host.input({ kind: 'ageing', name, age: 'soft' })
        else if (what < 0.5 && name !== undefined) host.input({ kind: 'ageing', name, age: 'hard' })
        else if (what < 0.6) host.input({ kind: 'close' })
        else if (what < 0.7) other = net.restart(other)
        else if (what < 0.75) one = net.restart(one)
      }
      net.isTalking = false
      net.faults = {}
      net.advance(QUIET)
      assertSettles(net, one, other)
    })
  }
})
