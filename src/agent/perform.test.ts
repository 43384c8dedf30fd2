// The whole journey in virtual time: an application's packet waits, IKE runs in packets of its own over the same wire, and
// the packet goes out sealed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, buildPacket } from '../../test/build-packets.ts'
import { UDP } from '../base/flow.ts'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { VirtualClock } from '../base/time.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { SimulatedWire, type WireFaults } from '../dataplane/simulated/wire.ts'
import { credentialsOf } from '../keying/credentials.ts'
import { defaultKeyingSettings } from '../keying/keying-settings.ts'
import type { KeyingEvent } from '../keying/machine.ts'
import type { Policy, Rule } from '../policy/model.ts'
import { policy as policyOf, rule } from '../policy/test-policies.ts'
import { decodeIp } from '../wire/decode.ts'
import { Packet } from '../wire/packet.ts'
import { SimulatedPeer } from './simulated-peer.ts'

const crypto = choosePacketCrypto('openssl')
const secret = 'of both'
const PORT = 7001

interface Side {
  readonly peer: SimulatedPeer
  readonly events: KeyingEvent[]
  readonly got: number[]
  readonly faults: unknown[]
  say(to: string, number: number, size?: number): void
}

class Stage {
  readonly clock = new VirtualClock()
  readonly sides: Side[] = []
  /** Packets of applications that stood on the wire in clear. */
  shown = 0
  readonly #wire: SimulatedWire
  readonly #seed: number

  constructor(seed: number, faults: WireFaults = {}) {
    this.#seed = seed
    const packet = new Packet()
    const capture = (bytes: Uint8Array) => {
      decodeIp(packet, bytes, 0, bytes.length)
      if (packet.protocol === UDP && packet.destinationPort === PORT) this.shown++
    }
    const { clock } = this
    this.#wire = new SimulatedWire({ clock, random: seededRandom(seed), delay: 0.01, ...faults, capture })
  }

  side(address: string): Side {
    const got: number[] = []
    const events: KeyingEvent[] = []
    const faults: unknown[] = []
    const header = address.includes(':') ? 40 : 20
    const peer = new SimulatedPeer({
      ...{ name: address, addresses: [addressOf(address)], wire: this.#wire, clock: this.clock, crypto },
      ...{ random: seededRandom(this.#seed * 100 + this.sides.length), startDate: 1_800_000_000 },
      settings: defaultKeyingSettings,
      deliver: packet => got.push(new DataView(packet.slice(header + 8).buffer).getUint32(0)),
      report: event => events.push(event),
      failed: cause => faults.push(cause),
    })
    const say = (to: string, number: number, size = 100) => {
      const payload = new Uint8Array(size)
      new DataView(payload.buffer).setUint32(0, number)
      const ports = { sourcePort: PORT, destinationPort: PORT, identification: number & 0xffff }
      peer.host.transmit(buildPacket({ source: address, destination: to, ...ports, payload }))
    }
    const side = { peer, events, got, faults, say }
    this.sides.push(side)
    return side
  }

  async advance(seconds: number): Promise<void> {
    await this.clock.playTo(this.clock.now() + seconds, async () => {
      for (const { peer } of this.sides) await peer.keeper.idle()
    })
  }
}

function sharedKey(changes: Partial<Rule> = {}, more: Partial<Policy> = {}) {
  const authentication = [{ kind: 'preSharedKey', secret: new Secret(secret) }] as const
  const policy = policyOf([rule('negotiate', ['any me <-> any'], { name: 'all', authentication, ...changes })], more)
  const credential = { kind: 'preSharedKey', secret: new Secret(new TextEncoder().encode(secret)) } as const
  return [policy, credentialsOf(new Map([['all', [credential]]]))] as const
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

for (const [one, other] of [
  ['10.54.0.1', '10.54.0.2'],
  ['fd54::1', 'fd54::2'],
] as const) {
  test(`packets wait, two hosts agree on keys, and all arrive sealed: ${one}`, async () => {
    const stage = new Stage(1)
    const [here, there] = [stage.side(one), stage.side(other)]
    for (const { peer } of stage.sides) await peer.enforce(...sharedKey())
    for (const number of numbers(10)) here.say(other, number)
    await stage.advance(2)
    for (const number of numbers(10)) there.say(one, number)
    await stage.advance(1)
    assert.deepEqual(there.got, numbers(10))
    assert.deepEqual(here.got, numbers(10))
    assert.equal(stage.shown, 0)
    assert.deepEqual([here.faults, there.faults], [[], []])
    assert.equal(here.peer.endpoint.sessions()[0]!.children.length, 1)
  })
}

test('an hour of renewals of both kinds, with traffic in both directions, loses no packet', async () => {
  const stage = new Stage(2, { jitter: 0.01 })
  const [here, there] = [stage.side('10.54.0.1'), stage.side('10.54.0.2')]
  const words = sharedKey({ lifetime: { seconds: 60 } }, { ike: { lifetime: { seconds: 250 } } })
  for (const { peer } of stage.sides) await peer.enforce(...words)
  let said = 0
  here.say('10.54.0.2', said++)
  await stage.advance(2)
  there.say('10.54.0.1', 0)
  while (stage.clock.now() < 3600) {
    await stage.advance(0.5)
    here.say('10.54.0.2', said)
    there.say('10.54.0.1', said++)
  }
  await stage.advance(1)
  assert.deepEqual(
    there.got.toSorted((a, b) => a - b),
    numbers(said),
  )
  assert.deepEqual(
    here.got.toSorted((a, b) => a - b),
    numbers(said),
  )
  assert.equal(stage.shown, 0)
  assert.deepEqual([...here.peer.host.drops, ...there.peer.host.drops], [])
  const count = (kind: KeyingEvent['kind']) => here.events.filter(event => event.kind === kind).length
  assert.ok(count('child-established') > 50, `${count('child-established')} children`)
  assert.ok(count('session-rekeyed') > 10, `${count('session-rekeyed')} sessions`)
  assert.deepEqual([here.faults, there.faults], [[], []])
})

test('both hosts send at the same moment: nothing is lost and one association is left', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    // No packet overtakes another: else the first sealed one may come before the answer that its keys are in.
    const stage = new Stage(seed, { delay: 0.005 + seed * 0.003 })
    const [here, there] = [stage.side('10.54.0.1'), stage.side('10.54.0.2')]
    for (const { peer } of stage.sides) await peer.enforce(...sharedKey())
    for (const number of numbers(200)) {
      here.say('10.54.0.2', number)
      there.say('10.54.0.1', number)
      await stage.advance(0.1)
    }
    await stage.advance(20)
    assert.deepEqual(
      there.got.toSorted((a, b) => a - b),
      numbers(200),
      `seed ${seed}`,
    )
    assert.deepEqual(
      here.got.toSorted((a, b) => a - b),
      numbers(200),
      `seed ${seed}`,
    )
    assert.equal(stage.shown, 0)
    for (const { peer } of stage.sides) {
      assert.equal((await peer.host.counters()).size, 1, `seed ${seed}`)
      assert.equal(peer.endpoint.sessions().length, 1, `seed ${seed}`)
    }
  }
})

test('on a wire that loses, doubles and reorders, nothing goes in clear and nothing arrives twice', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const stage = new Stage(seed, { loss: 0.2, duplication: 0.1, reordering: 0.2, jitter: 0.02 })
    const [here, there] = [stage.side('10.54.0.1'), stage.side('10.54.0.2')]
    const words = sharedKey({ lifetime: { seconds: 40 } }, { ike: { lifetime: { seconds: 100 } } })
    for (const { peer } of stage.sides) await peer.enforce(...words)
    for (const number of numbers(600)) {
      here.say('10.54.0.2', number)
      there.say('10.54.0.1', number)
      await stage.advance(0.5)
    }
    assert.equal(stage.shown, 0)
    for (const { got, faults } of stage.sides) {
      assert.equal(new Set(got).size, got.length, `seed ${seed}: something arrived twice`)
      assert.ok(got.length > 400, `seed ${seed}: ${got.length} of 600 arrived`)
      assert.deepEqual(faults, [])
    }
  }
})

test('a host that stops says farewell: its peer has nothing left of it', async () => {
  const stage = new Stage(3)
  const [here, there] = [stage.side('10.54.0.1'), stage.side('10.54.0.2')]
  for (const { peer } of stage.sides) await peer.enforce(...sharedKey())
  here.say('10.54.0.2', 0)
  await stage.advance(2)
  const stopped = here.peer.keeper.stop()
  await stage.advance(2)
  await stopped
  assert.equal((await there.peer.host.counters()).size, 0)
  await stage.advance(60)
  assert.deepEqual(there.peer.endpoint.sessions(), [])
})

test('a host that goes begins nothing any more: who asks it again at once is left without an answer, and packets without keys', async () => {
  const stage = new Stage(45)
  const [here, there] = [stage.side('10.54.0.1'), stage.side('10.54.0.2')]
  for (const { peer } of stage.sides) await peer.enforce(...sharedKey())
  here.say('10.54.0.2', 0)
  await stage.advance(2)
  const stopped = here.peer.keeper.stop()
  const established = here.events.filter(({ kind }) => kind === 'session-established').length
  for (let turn = 0; turn < 20; turn++) {
    await stage.advance(0.05)
    there.say('10.54.0.1', 100 + turn)
    here.say('10.54.0.2', 200 + turn)
  }
  await stage.advance(2)
  await stopped
  assert.equal(here.events.filter(({ kind }) => kind === 'session-established').length, established)
  assert.deepEqual(here.peer.endpoint.sessions(), [])
  assert.deepEqual(
    there.peer.endpoint.sessions().filter(({ state }) => state === 'established'),
    [],
  )
  assert.equal(stage.shown, 0)
})

test('a peer that starts again is believed, and what it has forgotten is gone', async () => {
  const stage = new Stage(4)
  const [here, there] = [stage.side('10.54.0.1'), stage.side('10.54.0.2')]
  for (const { peer } of stage.sides) await peer.enforce(...sharedKey())
  here.say('10.54.0.2', 0)
  await stage.advance(2)
  await there.peer.host.stop()
  const again = stage.side('10.54.0.2')
  await again.peer.enforce(...sharedKey())
  again.say('10.54.0.1', 1)
  await stage.advance(2)
  here.say('10.54.0.2', 2)
  await stage.advance(2)
  assert.deepEqual([here.got, again.got], [[1], [2]])
  assert.equal((await here.peer.host.counters()).size, 1)
})

test('a policy that is read again and says the same ends nothing; another secret ends the session', async () => {
  const stage = new Stage(5)
  const [here] = [stage.side('10.54.0.1'), stage.side('10.54.0.2')] as const
  for (const { peer } of stage.sides) await peer.enforce(...sharedKey())
  here.say('10.54.0.2', 0)
  await stage.advance(2)
  const { id } = here.peer.endpoint.sessions()[0]!
  await here.peer.enforce(...sharedKey())
  await stage.advance(2)
  assert.equal(here.peer.endpoint.sessions()[0]!.id, id)
  const [policy] = sharedKey()
  const other = { kind: 'preSharedKey', secret: new Secret(new TextEncoder().encode('another')) } as const
  await here.peer.enforce(policy, credentialsOf(new Map([['all', [other]]])))
  await stage.advance(40)
  for (const { peer } of stage.sides) {
    assert.deepEqual(peer.endpoint.sessions(), [])
    assert.equal((await peer.host.counters()).size, 0)
  }
})
