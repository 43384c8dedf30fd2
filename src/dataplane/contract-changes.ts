// The contract's facts about what ends: associations that are removed, refused, aged or of a policy that is gone.
import assert from 'node:assert/strict'
import { compile } from '../policy/compile.ts'
import { assertSame, type Fact } from './contract-scene.ts'

export const changes: readonly Fact[] = [
  [
    'what is removed neither sends nor receives; traffic asks for keys again',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      const [here] = await scene.connect()
      await one.plane.remove([here])
      const shownBefore = planes.wire().length
      scene.say(one, 2)
      await planes.settle()
      assert.equal(planes.wire().length, shownBefore)
      assert.equal(scene.toldOne.needs.length, 1)
      scene.say(other, 2)
      await planes.settle()
      assertSame(one.received(), [])
      assert.equal(scene.toldOne.drops.get('no-association'), 2)
    },
  ],
  [
    'where no association can be agreed on, what waits is dropped, and the next packet asks again',
    async scene => {
      const { one, planes } = scene
      await scene.enforce('negotiate')
      scene.say(one, 4)
      await planes.settle()
      const { flow, rule } = scene.toldOne.needs[0]!
      await one.plane.refuse(flow, rule, 'no-answer')
      assert.equal(scene.toldOne.drops.get('refused'), 4)
      assert.equal(planes.wire().length, 0)
      scene.say(one, 1)
      await planes.settle()
      assert.equal(scene.toldOne.needs.length, 2)
      assert.equal(planes.wire().length, 0)
    },
  ],
  [
    'hosts that speak IKE and do not agree never talk in clear, whatever the rule allows',
    async scene => {
      const { one, other, planes } = scene
      await other.plane.enforce(compile(scene.policy('permit'), { me: [other.address] }))
      const soft = compile(scene.policy('negotiate', { fallBackToClear: true }), { me: [one.address] })
      await one.plane.enforce(soft)
      scene.say(one, 4)
      await planes.settle()
      const { flow, rule } = scene.toldOne.needs[0]!
      await one.plane.refuse(flow, rule, 'disagreement')
      scene.say(one, 2)
      scene.say(other, 2)
      await planes.settle()
      assert.equal(scene.toldOne.drops.get('refused'), 4)
      assertSame(one.received(), [])
      assertSame(other.received(), [])
    },
  ],
  [
    'a rule that falls back goes in clear then, in both directions, until an association comes',
    async scene => {
      const { one, other, planes } = scene
      await other.plane.enforce(compile(scene.policy('permit'), { me: [other.address] }))
      const soft = compile(scene.policy('negotiate', { fallBackToClear: true }), { me: [one.address] })
      await one.plane.enforce(soft)
      scene.say(other, 2)
      await planes.settle()
      assertSame(one.received(), [])
      const waited = scene.say(one, 4)
      await planes.settle()
      const { flow, rule } = scene.toldOne.needs[0]!
      await one.plane.refuse(flow, rule, 'no-answer')
      const there = scene.say(one, 2)
      const back = scene.say(other, 2)
      await planes.settle()
      assertSame(other.received(), [...waited, ...there])
      assertSame(one.received(), back)
      const [here] = await scene.connect()
      await one.plane.remove([here])
      const stood = planes.wire().length
      scene.say(one, 2)
      await planes.settle()
      assert.equal(planes.wire().length, stood)
      assert.equal(scene.toldOne.needs.length, 2)
    },
  ],
  [
    'a policy is swapped whole: associations of a rule that is gone go with it, and what waits is judged anew',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      const waited = scene.say(one, 3)
      await planes.settle()
      await scene.enforce('negotiate', { name: 'renamed', action: 'permit', security: [] })
      const more = scene.say(one, 1)
      await planes.settle()
      assertSame(other.received(), [...waited, ...more])
      await scene.enforce('negotiate')
      await scene.connect()
      await scene.enforce('negotiate', { fallBackToClear: true })
      assert.equal((await one.plane.counters()).size, 1, 'the rule asks for the same security')
      await scene.enforce('negotiate', { security: ['ah-sha256'] })
      assert.equal((await one.plane.counters()).size, 0, 'it asks for another')
      assert.equal((await other.plane.counters()).size, 0)
      const stood = planes.wire().length
      scene.say(one, 1)
      await planes.settle()
      assert.equal(planes.wire().length, stood)
    },
  ],
]

export const ends: readonly Fact[] = [
  [
    'counters tell what passed through each association, and what was dropped there',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      const [here, there] = await scene.connect()
      scene.say(one, 7)
      scene.say(other, 3)
      await planes.settle()
      const [mine, theirs] = [(await one.plane.counters()).get(here)!, (await other.plane.counters()).get(there)!]
      assert.deepEqual([mine.outbound.packets, mine.inbound.packets], [7, 3])
      assert.deepEqual([theirs.outbound.packets, theirs.inbound.packets], [3, 7])
      assert.deepEqual(theirs.inbound, mine.outbound)
      const header = one.address.family === 4 ? 28 : 48
      assert.equal(mine.outbound.bytes, 7 * (100 + header))
      const { replayed, notAuthentic, badPadding, outsideSelectors } = theirs
      assert.deepEqual([replayed, notAuthentic, badPadding, outsideSelectors], [0, 0, 0, 0])
    },
  ],
  [
    'limits in packets are told softly, then hard, and nothing leaves after that',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      const [here] = await scene.connect({ lifetime: { soft: { packets: 3 }, hard: { packets: 5 } } })
      const sent = scene.say(one, 8)
      await planes.settle()
      assertSame(other.received(), sent.slice(0, 5))
      assert.deepEqual(scene.toldOne.ages, [`${here} soft`, `${here} hard`])
      assert.equal(scene.toldOne.drops.get('expired'), 3)
      assert.equal(scene.shown(), 0)
    },
  ],
  [
    'limits in seconds are told by the clock alone, and once',
    async scene => {
      const { one, planes } = scene
      await scene.enforce('negotiate')
      const [here] = await scene.connect({ lifetime: { soft: { seconds: 80 }, hard: { seconds: 100 } } })
      await planes.pass!(79)
      assert.deepEqual(scene.toldOne.ages, [])
      await planes.pass!(2)
      assert.deepEqual(scene.toldOne.ages, [`${here} soft`])
      await planes.pass!(40)
      assert.deepEqual(scene.toldOne.ages, [`${here} soft`, `${here} hard`])
      scene.say(one, 1)
      await planes.settle()
      assert.equal(scene.toldOne.drops.get('expired'), 1)
    },
  ],
  [
    'a host that stops passes nothing any more, in neither direction',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('permit')
      await other.plane.stop()
      scene.say(one, 2)
      await planes.settle()
      const stood = planes.wire().length
      scene.say(other, 2)
      await planes.settle()
      assert.equal(planes.wire().length, stood)
      assertSame(other.received(), [])
      assertSame(one.received(), [])
    },
  ],
]
