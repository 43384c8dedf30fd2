// The keeper by itself: a data plane that takes its time, or fails, and an endpoint that says what it is told to say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { VirtualClock } from '../base/time.ts'
import type { DataPlane, DataPlaneListener } from '../dataplane/data-plane.ts'
import { agreement } from '../dataplane/test-associations.ts'
import { pairName } from '../ipsec/association.ts'
import { noCredentials } from '../keying/credentials.ts'
import { defaultKeyingSettings } from '../keying/keying-settings.ts'
import type { KerberosAnswer, KeyingInput, KeyingOutput, Path } from '../keying/machine.ts'
import { compile } from '../policy/compile.ts'
import { policy as policyOf } from '../policy/test-policies.ts'
import type { KerberosPart } from './agent-parts.ts'
import { Keeper } from './perform.ts'

const [one, other] = [parseAddress('10.0.0.1')!, parseAddress('10.0.0.2')!]
const [pair] = agreement({ rule: 'all', one, other, spi: 0x1000 })
const name = pairName(pair)
const path: Path = { local: { address: one, port: 500 }, remote: { address: other, port: 500 } }
const policy = compile(policyOf([]))
const send = (octet: number): KeyingOutput => ({ kind: 'send', path, bytes: Uint8Array.of(octet) })

class Scene {
  readonly clock = new VirtualClock()
  readonly done: string[] = []
  readonly inputs: KeyingInput[] = []
  readonly failed: unknown[] = []
  readonly keeper: Keeper
  says: (input: KeyingInput) => readonly KeyingOutput[] = () => []
  wakeAt: number | undefined
  packets = 0
  /** Seconds that the data plane takes for each thing. */
  pace = 0
  listener: DataPlaneListener | undefined
  refusesToInstall = false
  refusesToCount = false

  /** `kerberos`: the system's, where there is one. */
  constructor(kerberos?: Pick<KerberosPart, 'ask'>) {
    const scene = this
    const { clock } = this
    const slowly = async (what: string) => {
      if (this.pace > 0) await new Promise<void>(resolve => clock.at(clock.now() + this.pace, resolve))
      this.done.push(what)
    }
    const counters = () => ({
      ...{ inbound: { packets: this.packets, bytes: 0 }, outbound: { packets: 0, bytes: 0 }, replayed: 0 },
      ...{ notAuthentic: 0, badPadding: 0, outsideSelectors: 0 },
    })
    const dataPlane: DataPlane = {
      start: async listener => {
        this.listener = listener
      },
      enforce: () => slowly('enforce'),
      install: async () => {
        if (this.refusesToInstall) throw new RangeError('no room')
        await slowly('install')
      },
      beginSending: () => slowly('begin'),
      remove: () => slowly('remove'),
      refuse: () => slowly('refuse'),
      counters: async () => {
        if (this.refusesToCount) throw new Error('it is gone')
        return new Map([[name, counters()]])
      },
      stop: () => slowly('stop'),
    }
    this.keeper = new Keeper({
      endpoint: {
        handle: input => {
          this.inputs.push(input)
          return this.says(input)
        },
        get wakeAt() {
          return scene.wakeAt
        },
        sessions: () => [],
      },
      ...{ dataPlane, clock },
      world: () => ({
        ...{ date: 0, random: seededRandom(1), policy, credentials: noCredentials },
        settings: defaultKeyingSettings,
      }),
      send: (_, bytes) => this.done.push(`send ${bytes[0]}`),
      report: ({ kind }) => this.done.push(kind),
      failed: (_, cause) => this.failed.push(cause),
      kerberos,
    })
  }

  async advance(seconds: number): Promise<void> {
    // Promises that wait for the clock are kept by it: there is nothing to wait for but what follows them.
    await this.clock.playTo(this.clock.now() + seconds, () => new Promise(resolve => setImmediate(resolve)))
  }
}

test('an association is installed before the answer goes that makes the peer use it, however long that takes', async () => {
  const scene = new Scene()
  scene.pace = 0.5
  scene.says = ({ kind }) =>
    kind === 'datagram'
      ? [{ kind: 'install', pair }, send(1), { kind: 'begin-sending', name }, send(2)]
      : [send(3), { kind: 'remove', names: [name] }]
  scene.keeper.datagram(path, new Uint8Array(1))
  scene.keeper.close()
  await scene.advance(5)
  assert.deepEqual(scene.done, ['install', 'send 1', 'begin', 'send 2', 'send 3', 'remove'])
})

test('a datagram that waits for nothing goes at once', () => {
  const scene = new Scene()
  scene.says = () => [send(1)]
  scene.keeper.datagram(path, new Uint8Array(1))
  assert.deepEqual(scene.done, ['send 1'])
})

test('an association that cannot be installed does not send, and keying hears that it is over', async () => {
  const scene = new Scene()
  scene.refusesToInstall = true
  scene.says = ({ kind }) =>
    kind === 'datagram'
      ? [
          { kind: 'install', pair },
          { kind: 'begin-sending', name },
        ]
      : []
  scene.keeper.datagram(path, new Uint8Array(1))
  await scene.keeper.idle()
  assert.deepEqual(scene.done, [])
  assert.equal(scene.failed.length, 1)
  assert.deepEqual(scene.inputs.at(-1), { kind: 'ageing', name, age: 'hard' })
})

test('what the data plane tells becomes what keying hears', async () => {
  const scene = new Scene()
  await scene.keeper.start(policy)
  const flow = { source: one, destination: other, protocol: 6 }
  scene.listener!.needsKeys('all', flow)
  scene.listener!.ageing(name, 'soft')
  assert.deepEqual(scene.inputs, [
    { kind: 'needs-keys', rule: 'all', flow },
    { kind: 'ageing', name, age: 'soft' },
  ])
})

test('associations through which packets came are heard of, and others are not', async () => {
  const scene = new Scene()
  scene.says = ({ kind }) => (kind === 'datagram' ? [{ kind: 'install', pair }] : [])
  scene.keeper.datagram(path, new Uint8Array(1))
  const heard = () => scene.inputs.filter(({ kind }) => kind === 'heard').length
  await scene.advance(11)
  assert.equal(heard(), 0)
  scene.packets = 3
  await scene.advance(11)
  assert.equal(heard(), 1)
  scene.packets = 4
  await scene.advance(6)
  assert.equal(heard(), 2)
})

test('keying is woken when it wants to be, and no more after the end', async () => {
  const scene = new Scene()
  scene.wakeAt = 7
  scene.says = ({ kind }) => {
    if (kind === 'wake') scene.wakeAt = undefined
    return []
  }
  scene.keeper.datagram(path, new Uint8Array(1))
  await scene.advance(6.9)
  assert.equal(scene.inputs.length, 1)
  await scene.advance(10)
  assert.deepEqual(scene.inputs.at(-1), { kind: 'wake' })
  assert.equal(scene.inputs.length, 2)
  await scene.keeper.stop()
  scene.keeper.datagram(path, new Uint8Array(1))
  assert.deepEqual(scene.inputs.at(-1), { kind: 'close' })
  assert.deepEqual(scene.done, ['stop'])
})

test('a data plane that cannot be asked any more holds nothing up', async () => {
  const scene = new Scene()
  scene.says = ({ kind }) =>
    kind === 'datagram' ? [{ kind: 'install', pair }] : kind === 'close' ? [{ kind: 'remove', names: [name] }] : []
  scene.keeper.datagram(path, new Uint8Array(1))
  await scene.advance(1)
  scene.refusesToCount = true
  await scene.advance(60)
  let isStopped = false
  void scene.keeper.stop(1).then(() => {
    isStopped = true
  })
  await scene.advance(2)
  assert.ok(isStopped)
  assert.deepEqual(scene.done, ['install', 'remove', 'stop'])
})

const ask = { kind: 'wrap', content: Uint8Array.of(1) } as const
const asks = ({ kind }: KeyingInput): readonly KeyingOutput[] =>
  kind === 'wake' ? [{ kind: 'kerberos', session: 's', ask }, send(1)] : []

test('what a session asks of Kerberos is answered as an input, and nothing waits for it meanwhile', async () => {
  const { promise, resolve } = Promise.withResolvers<KerberosAnswer | undefined>()
  const scene = new Scene({ ask: (session, asked) => (session === 's' && asked === ask ? promise : Promise.reject()) })
  scene.says = asks
  scene.keeper.input({ kind: 'wake' })
  assert.deepEqual(scene.done, ['send 1'])
  const answer = { kind: 'content', content: Uint8Array.of(2) } as const
  resolve(answer)
  await scene.advance(1)
  assert.deepEqual(scene.inputs.at(-1), { kind: 'kerberos', session: 's', answer })
})

test('what Kerberos does not answer is no input', async () => {
  const scene = new Scene({ ask: async () => undefined })
  scene.says = asks
  scene.keeper.input({ kind: 'wake' })
  await scene.advance(1)
  assert.deepEqual(
    scene.inputs.map(({ kind }) => kind),
    ['wake'],
  )
})

test('without a Kerberos the session that asks for it is told so', async () => {
  const scene = new Scene()
  scene.says = asks
  scene.keeper.input({ kind: 'wake' })
  await scene.advance(1)
  const last = scene.inputs.at(-1)
  assert.ok(last?.kind === 'kerberos' && last.answer.kind === 'failed')
  assert.match(last.answer.what, /not available here/)
})
