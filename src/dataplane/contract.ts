// What every back end keeps: one suite of tests over two hosts that have it. A back end says how an application's datagram
// is sent and what arrived, what stood on the wire, and how to wait until all that is under way has arrived; in virtual
// time or in real time.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pairName } from '../ipsec/association.ts'
import { compile } from '../policy/compile.ts'
import { changes, ends } from './contract-changes.ts'
import { assertSame, type Datagram, type Fact, type PlanesUnderTest, RULE, Scene } from './contract-scene.ts'

const RENEWALS = 50
/** A host may hold some packets until keys come; nobody holds as many as these. */
const FLOOD = 3000

export function dataPlaneContract(name: string, makePlanes: () => Promise<PlanesUnderTest>): void {
  describe(`data plane: ${name}`, () => {
    const facts: readonly Fact[] = [...basics, ...keys, ...changes, ...ends]
    for (const [fact, run] of facts) {
      test(fact, async context => {
        const scene = new Scene(await makePlanes())
        try {
          if (fact.includes('the clock') && scene.planes.pass === undefined)
            context.skip('this back end is tested in real time')
          else {
            await scene.start()
            await run(scene)
          }
        } finally {
          await scene.planes.close()
        }
      })
    }
  })
}

const basics: readonly Fact[] = [
  [
    'without a policy nothing passes: a host that has none yet fails closed',
    async scene => {
      const { one, other, planes } = scene
      scene.say(one, 3)
      await planes.settle()
      assert.equal(planes.wire().length, 0)
      await other.plane.enforce(compile(scene.policy('permit'), { me: [other.address] }))
      scene.say(other, 3)
      await planes.settle()
      assertSame(one.received(), [])
    },
  ],
  [
    'what is permitted passes in clear, what is blocked does not, in both directions',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('permit')
      const there = scene.say(one, 3)
      const back = scene.say(other, 3)
      await planes.settle()
      assertSame(other.received(), there)
      assertSame(one.received(), back)
      assert.equal(scene.shown(), 6)
      await scene.enforce('block')
      scene.say(one, 3)
      await planes.settle()
      assert.equal(scene.shown(), 6)
      assert.equal(scene.toldOne.drops.get('blocked'), 3)
      await one.plane.enforce(compile(scene.policy('permit'), { me: [one.address] }))
      scene.say(one, 3)
      await planes.settle()
      assertSame(other.received(), there)
      assert.equal(scene.toldOther.drops.get('blocked'), 3)
    },
  ],
  [
    'what came in clear though the policy wants it sealed is dropped and told',
    async scene => {
      const { one, other, planes } = scene
      await one.plane.enforce(compile(scene.policy('permit'), { me: [one.address] }))
      await other.plane.enforce(compile(scene.policy('negotiate'), { me: [other.address] }))
      scene.say(one, 3)
      await planes.settle()
      assertSame(other.received(), [])
      assert.equal(scene.toldOther.drops.get('should-be-protected'), 3)
    },
  ],
]

const keys: readonly Fact[] = [
  [
    'packets wait until keys come, are asked for once, and go out sealed and in order',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      const waited = scene.say(one, 20)
      await planes.settle()
      assert.deepEqual(
        scene.toldOne.needs.map(({ rule }) => rule),
        [RULE],
      )
      assert.deepEqual(scene.toldOne.needs[0]!.flow.destination, other.address)
      assert.equal(planes.wire().length, 0)
      await scene.connect()
      const later = scene.say(one, 5)
      await planes.settle()
      const numbers = other.received().map(({ payload }) => new DataView(payload.slice().buffer).getUint32(0))
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      )
      assertSame(other.received(), [...waited, ...later])
      assert.equal(scene.shown(), 0)
      assert.equal(scene.toldOne.needs.length, 1)
    },
  ],
  [
    'an association that is only installed receives, and does not send yet',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      const [here, there] = scene.agree()
      await other.plane.install(there)
      await one.plane.install(here)
      await one.plane.beginSending(pairName(here))
      const sent = scene.say(one, 5)
      const held = scene.say(other, 5)
      await planes.settle()
      assertSame(other.received(), sent)
      assertSame(one.received(), [])
      assert.equal(scene.toldOther.needs.length, 1)
      await other.plane.beginSending(pairName(there))
      await planes.settle()
      assertSame(one.received(), held)
    },
  ],
  [
    'few packets wait: a flood without keys is dropped and counted, not kept',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      const sent = scene.say(one, FLOOD)
      await planes.settle()
      await scene.connect()
      await planes.settle()
      const dropped = scene.toldOne.drops.get('waiting-full') ?? 0
      assert.ok(other.received().length < FLOOD / 2, `${other.received().length} were kept`)
      assert.equal(other.received().length + dropped, FLOOD)
      assertSame(other.received(), sent.slice(0, other.received().length))
      assert.equal(scene.toldOne.needs.length, 1)
    },
  ],
  [
    `${RENEWALS} renewals under traffic lose nothing, double nothing and show nothing in clear`,
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      let old = await scene.connect()
      const there: Datagram[] = []
      const back: Datagram[] = []
      const speak = () => {
        there.push(...scene.say(one, 3))
        back.push(...scene.say(other, 3))
      }
      for (let renewal = 0; renewal < RENEWALS; renewal++) {
        speak()
        const [here, far] = scene.agree()
        await other.plane.install(far)
        speak()
        await one.plane.install(here)
        await one.plane.beginSending(pairName(here))
        speak()
        await other.plane.beginSending(pairName(far))
        speak()
        // What is under way with the old keys has to arrive first.
        await planes.settle()
        await one.plane.remove([old[0]])
        speak()
        await other.plane.remove([old[1]])
        old = [pairName(here), pairName(far)]
      }
      await planes.settle()
      assertSame(other.received(), there)
      assertSame(one.received(), back)
      assert.equal(scene.shown(), 0)
      assert.deepEqual([...scene.toldOne.drops], [])
      assert.deepEqual([...scene.toldOther.drops], [])
      assert.deepEqual([...(await one.plane.counters()).keys()], [old[0]])
    },
  ],
  [
    'a datagram of 20,000 octets crosses whole, sealed (KB 309304)',
    async scene => {
      const { one, other, planes } = scene
      await scene.enforce('negotiate')
      await scene.connect()
      const sent = [...scene.say(one, 3, 20_000), ...scene.say(one, 1, 60_000)]
      await planes.settle()
      assertSame(other.received(), sent)
      assert.equal(scene.shown(), 0)
    },
  ],
  [
    'an SPI that is taken is refused, and one that nobody knows cannot send',
    async scene => {
      const { one } = scene
      await scene.enforce('negotiate')
      const [here] = scene.agree()
      await one.plane.install(here)
      await assert.rejects(one.plane.install(here), RangeError)
      await assert.rejects(one.plane.beginSending(0x7777), RangeError)
      await one.plane.remove([0x7777])
    },
  ],
]
