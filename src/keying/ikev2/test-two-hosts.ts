// Two hosts with a session between them, on the driver as it is, for the tests of this folder: datagrams lie on the wire
// until a test delivers or loses them, so that messages cross as the test says. After every step it is checked that nobody
// sends through an association that the other end does not have.
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { seededRandom } from '../../base/random.ts'
import { Secret } from '../../base/secret.ts'
import { ikeKeysOf } from '../../crypto/ike-keys.ts'
import type { AssociationPair, Spi } from '../../ipsec/association.ts'
import { pairName } from '../../ipsec/association.ts'
import { compile } from '../../policy/compile.ts'
import { ikeOffersOf } from '../../policy/ike-offers.ts'
import type { Policy, Rule } from '../../policy/model.ts'
import { address, flow, policy, rule } from '../../policy/test-policies.ts'
import { isResponse } from '../../wire/ike/header.ts'
import { notifyName } from '../../wire/ike/notify-numbers.ts'
import { exchangeTypes, protocolIds } from '../../wire/ike/numbers.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { chooseIke, ikeProposals } from '../choose-proposal.ts'
import { type Credential, credentialsOf } from '../credentials.ts'
import { newWindow } from '../exchange-window.ts'
import { defaultKeyingSettings, type KeyingSettings } from '../keying-settings.ts'
import type { KeyingEvent, KeyingOutput, Path, World } from '../machine.ts'
import type { NatFindings } from '../nat-findings.ts'
import { type Driven, intend, receive } from './drive.ts'
import { establish, isThere } from './established.ts'
import type { Child, Established, Intention, Session } from './session.ts'
import { sessionId } from './session.ts'
import { wake, wakeAtOf } from './wake.ts'

export const RULE = 'between the two'
export const [ONE, TWO] = ['10.54.0.1', '10.54.0.2'] as const
export const WAITING = flow('tcp 10.54.0.1:49152 10.54.0.2:88')
const whole = { fragmentBytes: { ipv4: 60_000, ipv6: 60_000 } }
const SECURITY = ['aes128gcm16-prfsha256-curve25519']

export interface TwoPlan {
  readonly seed?: number
  readonly rules?: readonly Rule[]
  readonly changes?: Partial<Rule>
  readonly policy?: Partial<Policy>
  readonly otherPolicy?: Policy
  readonly settings?: Partial<KeyingSettings>
  /** Rules that have another credential than the one that both proved themselves by. */
  readonly ofOthers?: readonly string[]
  readonly nat?: {
    readonly one: NatFindings
    readonly two: NatFindings
    readonly seenOne?: string
    readonly seenTwo?: string
  }
}

/** A policy of both hosts; each is a host of it. */
function policyOf({ rules, changes, policy: more }: TwoPlan): Policy {
  const all = rules ?? [rule('negotiate', [`any ${ONE} <-> ${TWO}`], { name: RULE, ...changes })]
  return policy(all, { ike: { security: SECURITY }, ...more })
}

export class Host {
  readonly name: string
  sessions: Session[] = []
  /** Sent and not delivered. */
  readonly wire: Uint8Array[] = []
  readonly installed = new Map<Spi, AssociationPair>()
  /** Ever. */
  readonly known = new Set<Spi>()
  /** The newest last. */
  readonly sending: Spi[] = []
  readonly events: KeyingEvent[] = []
  readonly outputs: KeyingOutput[] = []
  readonly #world: Omit<World, 'now'>
  readonly #clock: { now: number }

  constructor(name: string, world: Omit<World, 'now'>, clock: { now: number }) {
    this.name = name
    this.#world = world
    this.#clock = clock
  }

  get world(): World {
    return { ...this.#world, now: this.#clock.now }
  }

  take({ sessions, outputs }: Driven, before: Session | undefined): void {
    this.sessions = [...this.sessions.filter(one => one.id !== before?.id), ...sessions]
    for (const output of outputs) {
      this.outputs.push(output)
      if (output.kind === 'send') this.wire.push(output.bytes)
      if (output.kind === 'install') {
        this.installed.set(pairName(output.pair), output.pair)
        this.known.add(pairName(output.pair))
      }
      if (output.kind === 'begin-sending' && !this.sending.includes(output.name)) this.sending.push(output.name)
      if (output.kind === 'report') this.events.push(output.event)
      if (output.kind !== 'remove') continue
      for (const name of output.names) {
        this.installed.delete(name)
        const at = this.sending.indexOf(name)
        if (at >= 0) this.sending.splice(at, 1)
      }
    }
  }

  /** The one that stands, the newest of several. */
  get session(): Session<Established> {
    const found = this.standing.at(-1)
    assert.ok(found, `${this.name} has no session`)
    return found
  }

  get standing(): readonly Session<Established>[] {
    return this.sessions.filter((one): one is Session<Established> => one.state.kind === 'established')
  }

  get children(): readonly Child[] {
    return this.standing.flatMap(({ state }) => state.children.filter(isThere))
  }

  wants(intention: Intention, session: Session<Established> = this.session): void {
    this.take(intend(session, intention, this.world), session)
  }

  receive(datagram: Uint8Array): void {
    const octets = this.sessions[0]?.path.local.port === 4500 ? datagram.subarray(4) : datagram
    const spis = [octets.subarray(0, 8).toHex(), octets.subarray(8, 16).toHex()]
    const session = this.sessions.find(({ id }) => spis.includes(id))
    if (session !== undefined) this.take(receive(session, octets.slice(), session.path, this.world), session)
  }

  wake(): void {
    for (const session of this.sessions) {
      const at = wakeAtOf(session, this.world)
      if (at !== undefined && at <= this.#clock.now) this.take(wake(session, this.world), session)
    }
  }

  get wakeAt(): number | undefined {
    const times = this.sessions.flatMap(session => wakeAtOf(session, this.world) ?? [])
    return times.length === 0 ? undefined : Math.min(...times)
  }

  eventsOf<K extends KeyingEvent['kind']>(kind: K) {
    return this.events.flatMap(event =>
      event.kind === kind ? [event as Extract<KeyingEvent, { readonly kind: K }>] : [],
    )
  }

  /** What was heard last: `→ CREATE_CHILD_SA: …` is a request. */
  get heard(): string {
    const message = this.eventsOf('message').findLast(({ way }) => way === 'received')
    return message === undefined ? '' : wordsOf(message)
  }
}

function wordsOf({ header, payloads }: Extract<KeyingEvent, { readonly kind: 'message' }>): string {
  const arrow = isResponse(header) ? 'answer' : 'request'
  return `${exchangeTypes.nameOf(header.exchange)} ${arrow}: ${payloads.map(wordOf).join(' ')}`.trimEnd()
}

function wordOf(one: Payload): string {
  if (one.kind === 'notify') return notifyName(one.type)
  if (one.kind !== 'delete') return one.kind
  return `delete ${one.protocol === protocolIds.of.IKE ? 'IKE SA' : one.spis.length}`
}

export class TwoHosts {
  readonly one: Host
  readonly two: Host
  readonly clock = { now: 1000 }
  /** Whether make before break is looked at: not where hosts delete what they use. */
  isStrict = true

  constructor(plan: TwoPlan = {}) {
    const { seed = 1, nat, settings } = plan
    const key = { kind: 'preSharedKey', secret: new Secret(new Uint8Array(16)) } as const satisfies Credential
    const random = seededRandom(seed)
    const compiled = policyOf(plan)
    const others = new Set(plan.ofOthers)
    const other: Credential = { kind: 'preSharedKey', secret: new Secret(new Uint8Array(16).fill(1)) }
    const credentials = (of: Policy) =>
      credentialsOf(new Map(of.rules.map(({ name }) => [name, others.has(name) ? [other] : [key]])))
    const host = (name: string, own: string, its: Policy) =>
      new Host(
        name,
        {
          date: 1_800_000_000,
          random,
          policy: compile(its, { me: [address(own)] }),
          credentials: credentials(its),
          // Fragments are the envelope's own matter, with its own tests.
          settings: { ...defaultKeyingSettings, ...whole, tellMessages: true, ...settings },
          isSpiTaken: () => false,
        },
        this.clock,
      )
    this.one = host('one', ONE, compiled)
    this.two = host('two', TWO, plan.otherPolicy ?? compiled)
    this.#begin(key, nat, compiled)
  }

  #begin(key: Credential, nat: TwoPlan['nat'], { ike }: Policy): void {
    const spis = { initiator: new Uint8Array(8).fill(1), responder: new Uint8Array(8).fill(2) }
    const offers = ikeOffersOf(policy([], ike === undefined ? {} : { ike }))
    const chosen = chooseIke(offers, ikeProposals(offers, new Uint8Array(0)))
    assert.ok(chosen.ok)
    const { choice } = chosen.value
    const nonces = { initiator: new Uint8Array(32).fill(3), responder: new Uint8Array(32).fill(4) }
    const identity = { type: 11, data: new Uint8Array(4) }
    const support = { fragmentation: true, hashes: [], intermediate: true, ppk: false, childless: true }
    const path = (own: string, peer: string): Path => {
      const port = nat === undefined ? 500 : 4500
      return { local: { address: address(own), port }, remote: { address: address(peer), port } }
    }
    const none = { beforeUs: false, beforePeer: false }
    const sides = [
      [this.one, 'initiator', path(ONE, nat?.seenTwo ?? TWO), nat?.one ?? none],
      [this.two, 'responder', path(TWO, nat?.seenOne ?? ONE), nat?.two ?? none],
    ] as const
    for (const [host, role, way, findings] of sides) {
      const keys = ikeKeysOf(choice.suite, new Secret(new Uint8Array(32).fill(5)), nonces, spis)
      const secured = { suite: choice.suite, keys, sealed: 0, mayFragment: true }
      const own = { identity, credential: key }
      const peer = { identity, name: 'the other', credential: key, support }
      const parts = { secured, choice, own, peer, nat: findings, children: [], begunAt: this.clock.now }
      const state = establish(parts, host.world)
      host.sessions = [{ id: sessionId(spis[role]), role, spis, path: way, window: newWindow, state }]
    }
  }

  /** The oldest datagram of that host arrives. */
  deliver(from: Host): string {
    const to = this.#other(from)
    const datagram = from.wire.shift()
    assert.ok(datagram, `${from.name} has sent nothing`)
    to.receive(datagram)
    this.check()
    return to.heard
  }

  #other(host: Host): Host {
    return host === this.one ? this.two : this.one
  }

  lose(from: Host): void {
    assert.ok(from.wire.shift(), `${from.name} has sent nothing`)
  }

  /** Everything arrives, in turns, until all is said. */
  settle(): void {
    for (let count = 0; this.one.wire.length + this.two.wire.length > 0; count++) {
      assert.ok(count < 200, 'they go on for ever')
      for (const host of [this.one, this.two]) if (host.wire.length > 0) this.deliver(host)
    }
  }

  /** Time passes, and everything that becomes due is done and delivered. */
  pass(seconds: number): void {
    const end = this.clock.now + seconds
    for (let count = 0; ; count++) {
      assert.ok(count < 10_000, 'they are never done')
      const next = Math.min(this.one.wakeAt ?? Number.POSITIVE_INFINITY, this.two.wakeAt ?? Number.POSITIVE_INFINITY)
      if (next > end) break
      this.clock.now = Math.max(this.clock.now, next)
      this.one.wake()
      this.two.wake()
      this.settle()
    }
    this.clock.now = end
  }

  /** Make before break: what either sends through, the other receives by. */
  check(): void {
    if (!this.isStrict) return
    for (const [from, to] of [
      [this.one, this.two],
      [this.two, this.one],
    ] as const) {
      const newest = from.sending.at(-1)
      // Who closes all ends at once; the other hears of it.
      if (newest === undefined || to.standing.length === 0) continue
      const { outbound } = from.installed.get(newest)!
      const { spi } = outbound.layers[0]!
      // The responder of a first child is ready before its answer arrives: nothing is broken by that.
      const isFirst = from.children.every(({ name, replaces }) => name !== newest || replaces === undefined)
      if (!to.known.has(spi) && isFirst) continue
      const inbound = to.installed.get(spi)?.inbound
      assert.ok(inbound, `${from.name} sends through what ${to.name} does not have`)
      const keys = (spec: typeof outbound) => spec.layers.map(layer => layer.keys.cipher.reveal())
      assert.ok(isDeepStrictEqual(keys(outbound), keys(inbound)), 'both ends have other keys')
    }
  }

  /** The first child, as the first host asks for it. */
  withChild(): this {
    this.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
    this.settle()
    assert.equal(this.one.children.length, 1)
    return this
  }

  /** Both hosts have the same one child, in the data plane alone and sent through; and one session. */
  assertOneChild(): void {
    for (const host of [this.one, this.two]) {
      assert.equal(host.standing.length, 1, `sessions of ${host.name}`)
      assert.equal(host.children.length, 1, `children of ${host.name}`)
      const [child] = host.children
      assert.deepEqual([...host.installed.keys()], [child!.name], `data plane of ${host.name}`)
      assert.deepEqual(host.sending, [child!.name], `${host.name} sends`)
    }
    assert.equal(this.one.children[0]!.peerSpi, this.two.children[0]!.name)
    assert.equal(this.two.children[0]!.peerSpi, this.one.children[0]!.name)
    this.check()
  }
}
