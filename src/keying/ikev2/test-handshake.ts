// Two hosts that go from nothing to a session, for the tests of this folder: handlers, envelopes and IntAuth as they are,
// without windows, timers and retransmission. Each side can be made to say what no honest host says, and the wire to change
// what was said.

import { systemRandom } from '../../base/random.ts'
import { Secret } from '../../base/secret.ts'
import { compile } from '../../policy/compile.ts'
import type { Policy } from '../../policy/model.ts'
import { address, flow, policy, rule } from '../../policy/test-policies.ts'
import { isResponse } from '../../wire/ike/header.ts'
import { readMessage } from '../../wire/ike/message.ts'
import { type NotifyKind, notifyTypeOf } from '../../wire/ike/notify.ts'
import { notifyName } from '../../wire/ike/notify-numbers.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { type Credential, credentialsOf, type SharedKeyCredential } from '../credentials.ts'
import { newWindow, withoutRequest } from '../exchange-window.ts'
import { defaultKeyingSettings, type KeyingSettings } from '../keying-settings.ts'
import type { KeyingEvent, KeyingOutput, Path, Role, World } from '../machine.ts'
import { answerAuth, authAnswered } from './auth.ts'
import { openMessage } from './envelope.ts'
import { answerInit, beginInit, initAnswered } from './init.ts'
import { answerIntermediate, intermediateAnswered } from './intermediate.ts'
import { sendForgotten, sendRequest, sendResponse, withChain } from './sending.ts'
import { type Established, inState, type Session, type State, securedOf, sessionId } from './session.ts'
import type { ExchangeName, Handler, Step } from './step.ts'

export const DATE = 1_800_000_000
export const RULE = 'between the two'
export const [ONE, TWO] = ['10.54.0.1', '10.54.0.2'] as const
const WAITING = flow('tcp 10.54.0.1:49152 10.54.0.2:88')

export type Says = (payloads: readonly Payload[], exchange: ExchangeName) => readonly Payload[]
export type Changes = (datagram: Uint8Array, exchange: ExchangeName) => Uint8Array

export interface HostPlan {
  readonly credentials?: readonly Credential[]
  readonly policy?: Policy
  readonly settings?: Partial<KeyingSettings>
  readonly world?: Partial<World>
  /** In place of what an honest host would send; AUTH is made before. */
  readonly says?: Says
}

export interface Plan {
  readonly initiator?: HostPlan
  readonly responder?: HostPlan
  /** Of both. */
  readonly both?: HostPlan
  readonly wire?: Partial<Readonly<Record<Role, Changes>>>
  /** The address that a NAT gives the initiator. */
  readonly nat?: string
}

export interface Host {
  readonly session: Session | undefined
  readonly outputs: readonly KeyingOutput[]
  /** Why it went no further. */
  readonly refused: string | undefined
}

export interface Handshake {
  readonly initiator: Host
  readonly responder: Host
  /** `→ IKE_SA_INIT: SA KE …` as it happened. */
  readonly story: readonly string[]
}

export function sharedKey(secret = 'a long and random secret', changes: Partial<SharedKeyCredential> = {}): Credential {
  return { kind: 'preSharedKey', secret: new Secret(new TextEncoder().encode(secret)), ...changes }
}

/** Both hosts have it. */
export function testPolicy(changes: Partial<Policy> = {}, security: readonly string[] = ['esp-aes256gcm16']): Policy {
  return policy([rule('negotiate', [`any ${ONE} <-> ${TWO}`], { name: RULE, security })], changes)
}

class Party {
  readonly world: World
  readonly says: Says
  session: Session | undefined
  outputs: KeyingOutput[] = []
  refused: string | undefined

  constructor(own: string, plan: HostPlan) {
    const credentials = credentialsOf(new Map([[RULE, plan.credentials ?? [sharedKey()]]]))
    this.says = plan.says ?? (payloads => payloads)
    this.world = {
      now: 100,
      date: DATE,
      random: systemRandom,
      policy: compile(plan.policy ?? testPolicy(), { me: [address(own)] }),
      credentials,
      // Fragments are the envelope's own matter, with its own tests.
      settings: { ...defaultKeyingSettings, fragmentBytes: { ipv4: 60_000, ipv6: 60_000 }, ...plan.settings },
      isSpiTaken: () => false,
      ...plan.world,
    }
  }
}

const pathOf = (own: string, peer: string, port = 500): Path => ({
  local: { address: address(own), port },
  remote: { address: address(peer), port },
})

const MOST_MESSAGES = 40

export function handshake({ initiator, responder, both, wire = {}, nat }: Plan = {}): Handshake {
  const one = new Party(ONE, { ...both, ...initiator })
  const two = new Party(TWO, { ...both, ...responder })
  const story: string[] = []
  const parties = { initiator: one, responder: two }
  take(one, beginInit({ rule: RULE, flow: WAITING }, pathOf(ONE, TWO), one.world), undefined)
  let flying = sentBy(one)
  for (let count = 0; flying !== undefined; count++) {
    if (count > MOST_MESSAGES) throw new Error('they go on for ever')
    const { role, datagram, exchange } = flying
    const changed = wire[role]?.(datagram, exchange) ?? datagram
    const to = role === 'initiator' ? 'responder' : 'initiator'
    receive(parties[to], to, changed, nat, story)
    flying = sentBy(parties[to])
  }
  return { initiator: one, responder: two, story }
}

interface Flying {
  readonly role: Role
  readonly datagram: Uint8Array
  readonly exchange: ExchangeName
}

/** What a party sent last, once. */
function sentBy(party: Party): Flying | undefined {
  const at = party.outputs.findIndex(({ kind }) => kind === 'send')
  if (at < 0) return undefined
  const [sent] = party.outputs.splice(at, 1)
  if (sent?.kind !== 'send') return undefined
  const isMarked = sent.path.local.port === 4500
  const datagram = isMarked ? sent.bytes.subarray(4) : sent.bytes
  const exchange = exchangeTypes.nameOf(datagram[18]!) as ExchangeName
  const isInitiator = (datagram[19]! & 0x08) !== 0
  return { role: isInitiator ? 'initiator' : 'responder', datagram, exchange }
}

function handlerOf(state: State, exchange: ExchangeName, isAnswer: boolean): Handler | undefined {
  const handlers: Readonly<Record<string, unknown>> = {
    'awaiting-init IKE_SA_INIT': answerInit,
    'init-sent IKE_SA_INIT': initAnswered,
    'awaiting-auth IKE_INTERMEDIATE': answerIntermediate,
    'intermediate-sent IKE_INTERMEDIATE': intermediateAnswered,
    'awaiting-auth IKE_AUTH': answerAuth,
    'auth-sent IKE_AUTH': authAnswered,
  }
  const isWaiting = state.kind.endsWith('-sent')
  return isWaiting === isAnswer ? (handlers[`${state.kind} ${exchange}`] as Handler | undefined) : undefined
}

function receive(party: Party, role: Role, datagram: Uint8Array, nat: string | undefined, story: string[]): void {
  const read = readMessage(datagram)
  if (!read.ok) return
  const { header } = read.value
  const exchange = exchangeTypes.nameOf(header.exchange) as ExchangeName
  const path = role === 'initiator' ? (party.session?.path ?? pathOf(ONE, TWO)) : pathOf(TWO, nat ?? ONE)
  const session = party.session ?? awaiting(read.value.header.initiatorSpi, path)
  const arrow = role === 'responder' ? '→' : '←'
  let { payloads } = read.value
  let { state } = session
  if (exchange !== 'IKE_SA_INIT') {
    const secured = securedOf(state)
    if (secured === undefined) return
    const sender = role === 'initiator' ? 'responder' : 'initiator'
    const opened = openMessage(secured, sender, read.value, datagram, undefined, party.world.settings)
    if (opened.kind !== 'whole') return
    payloads = opened.payloads
    if (exchange === 'IKE_INTERMEDIATE') state = withChain(state, sender, secured, opened)
  }
  story.push(`${arrow} ${exchange}: ${payloads.map(wordOf).join(' ')}`)
  const handler = handlerOf(state, exchange, isResponse(header))
  if (handler === undefined) return
  const octets = exchange === 'IKE_SA_INIT' ? datagram.slice() : new Uint8Array(0)
  const before = { ...inState(session, state), window: withoutRequest(session.window) }
  const step = handler(before, { header, payloads, octets, path }, party.world)
  if (!('kind' in step)) return take(party, step, { before, header })
  party.refused = step.what
  if (isResponse(header)) {
    party.session = undefined
    return
  }
  const reply = step.notify === 'silent' ? {} : { reply: [step.notify] }
  take(party, { session: exchange === 'IKE_SA_INIT' ? undefined : before, ...reply, outputs: [] }, { before, header })
}

interface Asked {
  readonly before: Session
  readonly header: Parameters<typeof sendResponse>[2]
}

function take(party: Party, step: Step, asked: Asked | undefined): void {
  const { world, says } = party
  party.outputs.push(...step.outputs)
  let { session } = step
  if (step.reply !== undefined && asked !== undefined) {
    const { before, header } = asked
    const payloads = says(step.reply, exchangeTypes.nameOf(header.exchange) as ExchangeName)
    if (session === undefined) party.outputs.push(...sendForgotten(before, header, payloads, world))
    else {
      const sent = sendResponse(session, securedOf(before.state), header, new Uint8Array(0), payloads, world)
      session = sent.session
      party.outputs.push(...sent.outputs)
    }
  }
  if (session !== undefined && step.request !== undefined) {
    const { exchange, payloads } = step.request
    const sent = sendRequest(session, exchange, says(payloads, exchange), world)
    session = sent.session
    party.outputs.push(...sent.outputs)
  }
  party.session = session
}

function awaiting(initiatorSpi: bigint, path: Path): Session {
  const initiator = new Uint8Array(8)
  new DataView(initiator.buffer).setBigUint64(0, initiatorSpi)
  const responder = new Uint8Array(8)
  systemRandom.fill(responder)
  const spis = { initiator, responder }
  return {
    id: sessionId(responder),
    role: 'responder',
    spis,
    path,
    window: newWindow,
    state: { kind: 'awaiting-init' },
  }
}

function wordOf(one: Payload): string {
  return one.kind === 'notify' ? notifyName(one.type) : one.kind
}

export function established({ session }: Host): Session<Established> | undefined {
  return session?.state.kind === 'established' ? (session as Session<Established>) : undefined
}

export function eventsOf({ outputs }: Host): readonly KeyingEvent[] {
  return outputs.flatMap(one => (one.kind === 'report' ? [one.event] : []))
}

export function eventOf<K extends KeyingEvent['kind']>(host: Host, kind: K) {
  return eventsOf(host).find(event => event.kind === kind) as Extract<KeyingEvent, { readonly kind: K }> | undefined
}

/** Both sides came to the end with the same keys. */
export function areAtOne({ initiator, responder }: Handshake): boolean {
  const [a, b] = [established(initiator), established(responder)]
  if (a === undefined || b === undefined) return false
  const octets = ({ state }: Session<Established>) => state.secured.keys.derivation.reveal()
  return Buffer.compare(octets(a), octets(b)) === 0
}

/** For the message of an assertion. */
export function whyOf({ initiator, responder, story }: Handshake): string {
  return responder.refused ?? initiator.refused ?? story.join('\n')
}

/** Quick, and without IKE_INTERMEDIATE. */
export const plain = testPolicy({ ike: { security: ['aes256gcm16-prfsha384-curve25519'] } })

export function holding(credentials: readonly Credential[], more: HostPlan = {}): HostPlan {
  return { policy: plain, credentials, ...more }
}

/** What a host says goes into the list, honestly. */
export function listening(): { readonly says: Says; readonly heard: Map<ExchangeName, readonly Payload[]> } {
  const heard = new Map<ExchangeName, readonly Payload[]>()
  const says: Says = (payloads, exchange) => {
    heard.set(exchange, payloads)
    return payloads
  }
  return { heard, says }
}

/** Honest up to IKE_AUTH. */
export function atAuth(change: (payloads: readonly Payload[]) => readonly Payload[]): Says {
  return (payloads, exchange) => (exchange === 'IKE_AUTH' ? change(payloads) : payloads)
}

export function without(payloads: readonly Payload[], kind: NotifyKind): readonly Payload[] {
  return payloads.filter(one => one.kind !== 'notify' || notifyTypeOf(kind) !== one.type)
}
