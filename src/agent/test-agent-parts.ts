// For tests of the agent without a machine: parts that write down what is asked of them and when, and that fail or hang when
// they are told to.
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { VirtualClock } from '../base/time.ts'
import type { DataPlane, DataPlaneListener } from '../dataplane/data-plane.ts'
import { type AssociationPair, type Counters, pairName, type Spi } from '../ipsec/association.ts'
import { noCredentials } from '../keying/credentials.ts'
import { defaultKeyingSettings } from '../keying/keying-settings.ts'
import type { ToldEvent } from '../monitor/told-event.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Policy } from '../policy/model.ts'
import { policy as policyOf, rule } from '../policy/test-policies.ts'
import { Agent } from './agent.ts'
import type { AgentParts } from './agent-parts.ts'
import type { LoadedPolicy } from './policy-source.ts'

export const [one, other] = [parseAddress('10.0.0.1')!, parseAddress('10.0.0.2')!]

export function policyNamed(name: string, changes: Parameters<typeof rule>[2] = {}): Policy {
  return { ...policyOf([rule('negotiate', ['any 10.0.0.1 <-> 10.0.0.2'], { name: 'all', ...changes })]), name }
}

export class TestAgent {
  readonly clock = new VirtualClock()
  /** What was asked of the parts, in order. */
  readonly done: string[] = []
  readonly told: ToldEvent[] = []
  readonly parts: AgentParts
  readonly agent: Agent
  /** What these words begin with throws. */
  failing: (what: string) => boolean = () => false
  /** The same never ends. */
  hanging: (what: string) => boolean = () => false
  next: Result<LoadedPolicy, readonly Problem[]> = success(loaded(policyNamed('first')))
  addresses = [one]
  hasGuard = false
  listener: DataPlaneListener | undefined
  readonly associations = new Map<Spi, AssociationPair>()
  policyChanged: () => void = () => {}
  addressesChanged: () => void = () => {}
  lives = 0

  constructor(changes: Partial<AgentParts> = {}) {
    const { clock } = this
    this.parts = {
      clock,
      ...{ date: () => 1_800_000_000 + clock.now(), random: seededRandom(1), settings: defaultKeyingSettings },
      source: {
        name: 'a test',
        load: () => this.next,
        watch: changed => {
          this.policyChanged = changed
          return { stop: () => this.done.push('unwatch policy') }
        },
      },
      guard: {
        name: 'a guard',
        isThere: async () => this.hasGuard,
        apply: policy => this.do(`guard ${policy.policy.name}`, () => (this.hasGuard = true)),
        letClear: () => this.do('guard lets clear'),
        endClear: () => this.do('guard ends clear'),
        health: async () => ({ isThere: this.hasGuard, text: 'fine' }),
        remove: () => this.do('remove guard', () => (this.hasGuard = false)),
      },
      plane: {
        plane: this.#plane(),
        facts: () => ({ kind: 'test' }),
        sendKeying: () => this.done.push('send at 4500'),
        isAnswering: () => this.do('').then(() => !this.hanging('answer')),
        giveUp: error => this.agent.input({ kind: 'plane-failed', error }),
      },
      routing: {
        enforce: ({ policy }, inClear) => this.do(`routes ${policy.name}${inClear.length === 0 ? '' : ' in clear'}`),
        remove: () => this.do('remove routes'),
      },
      sockets: {
        open: () => {
          if (this.failing('sockets')) throw new Error('the port is taken')
          this.done.push('open sockets')
        },
        send: () => this.done.push('send'),
        close: () => this.done.push('close sockets'),
      },
      addresses: {
        list: () => this.addresses,
        watch: changed => {
          this.addressesChanged = changed
          return { stop: () => this.done.push('unwatch addresses') }
        },
        ownFor: () => one,
        close: () => {},
      },
      tell: event => this.told.push(event),
      alive: () => this.lives++,
      farewell: 1,
      ...changes,
    }
    this.agent = new Agent(this.parts)
  }

  #plane(): DataPlane {
    const counters = (): Counters => ({
      ...{ inbound: { packets: 0, bytes: 0 }, outbound: { packets: 0, bytes: 0 }, replayed: 0 },
      ...{ notAuthentic: 0, badPadding: 0, outsideSelectors: 0 },
    })
    return {
      start: listener => this.do('start plane', () => (this.listener = listener)),
      enforce: (policy: CompiledPolicy) => this.do(`plane ${policy.policy.name}`),
      install: pair => this.do('install', () => this.associations.set(pairName(pair), pair)),
      beginSending: () => this.do('begin sending'),
      remove: names => this.do('remove', () => names.map(name => this.associations.delete(name))),
      refuse: () => this.do('refuse'),
      counters: () => this.do('').then(() => new Map([...this.associations.keys()].map(name => [name, counters()]))),
      stop: () => this.do('stop plane'),
    }
  }

  async do(what: string, work: () => unknown = () => {}): Promise<void> {
    if (what !== '') this.done.push(what)
    if (this.hanging(what)) await new Promise(() => {})
    if (this.failing(what)) throw new Error(`${what} does not work`)
    work()
  }

  /** Lets time pass, and what follows of it happen. */
  async pass(seconds: number): Promise<void> {
    await this.clock.playTo(this.clock.now() + seconds, () => new Promise(resolve => setImmediate(resolve)))
  }

  /** Waits for it while time passes. */
  async in<T>(promise: Promise<T>, seconds = 200): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    promise.then(done, done)
    for (let passed = 0; !isDone && passed < seconds; passed += 0.5) await this.pass(0.5)
    if (!isDone) throw new Error(`nothing came of it within ${seconds} s`)
    return promise
  }

  takeDone(): readonly string[] {
    return this.done.splice(0)
  }

  kinds(): readonly string[] {
    return this.told.map(({ kind }) => kind)
  }
}

export function loaded(policy: Policy): LoadedPolicy {
  return { policy, credentials: noCredentials, warnings: [] }
}

export function wrong(what: string): Result<never, readonly Problem[]> {
  return failure([{ severity: 'error', where: 'policy.yaml:1:1', what, hint: '' }])
}
