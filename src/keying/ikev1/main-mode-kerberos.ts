// Main mode by Kerberos goes on when the system has answered (draft-ietf-ipsec-isakmp-gss-auth): tokens in messages 3 and 4
// make a context between the two, and the proofs of messages 5 and 6 are wrapped by it. What was asked is kerberos-asks.ts's.
import { formatAddress } from '../../base/address.ts'
import { wipeSecrets } from '../../crypto/ike-keys.ts'
import { isSameMac } from '../../crypto/whole-mac.ts'
import { identificationTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { credentialsFor, rulesForPeer } from '../candidates.ts'
import { type KerberosAnswer, report, type World } from '../machine.ts'
import { establish } from './established.ts'
import { identityPayload } from './identities.ts'
import { nameForms } from './kerberos.ts'
import { awaiting, ownWrapped } from './kerberos-asks.ts'
import { sendAnswerKeys, sendKeys } from './main-mode.ts'
import { sendLast, sendProof } from './main-mode-proof.ts'
import type { Driven } from './opened.ts'
import { judged } from './proof.ts'
import { clearNotify } from './sending.ts'
import {
  type AwaitingKerberos,
  about,
  inState,
  type KerberosSoFar,
  type KerberosStep,
  type KeyAnswered,
  type Peer,
  type Session,
} from './session.ts'

const KEY_ID = identificationTypesV1.of['key-id']

type Waiting = Session<AwaitingKerberos>
type StepOf<K extends KerberosStep['kind']> = Extract<KerberosStep, { readonly kind: K }>
type Context = Extract<KerberosAnswer, { readonly kind: 'context' }>
type Failure = Extract<KerberosAnswer, { readonly kind: 'failed' }>

export function kerberosAnswered(session: Waiting, answer: KerberosAnswer, world: World): Driven {
  const driven = goneOn(session, answer, world)
  return driven.session === undefined && session.role === 'responder'
    ? { ...driven, session: placeOf(session) }
    : driven
}

/**
 * Of a stranger whose tokens or proof were none: its place among the half-open stays taken until its time is over, or it would
 * cost a key exchange and a look of the system's as often as it likes.
 */
function placeOf(session: Waiting): Session<KeyAnswered> | undefined {
  const { main, step, flight } = session.state
  if (step.kind === 'first-token') return undefined
  if (step.kind === 'answer-token') wipeSecrets([step.shared])
  const { exchanged } = step
  return inState(session, { kind: 'key-answered', main, exchanged, candidates: [], flight, hasFailed: true })
}

function goneOn(session: Waiting, answer: KerberosAnswer, world: World): Driven {
  const { step } = session.state
  if (answer.kind === 'failed') return refusedBySystem(session, answer, world)
  switch (step.kind) {
    case 'first-token':
    case 'answer-token':
    case 'last-token':
      return answer.kind === 'context'
        ? withContext(session, step, answer, world)
        : failed(session, 'no context came of it')
    case 'wrap':
      return answer.kind === 'content'
        ? wrapped(session, step, answer.content, world)
        : failed(session, 'nothing was wrapped')
    case 'unwrap':
      return answer.kind === 'content'
        ? unwrapped(session, step, answer.content, world)
        : failed(session, 'nothing was unwrapped')
  }
}

/** The peer hears of it too: where it waits for a token by an error of Kerberos, which its own system puts into words. */
function refusedBySystem(session: Waiting, { what, token }: Failure, world: World): Driven {
  const { step, main, kerberos } = session.state
  const lost = failed(session, what)
  if (step.kind !== 'answer-token' || token === undefined) {
    return { ...lost, outputs: [...clearNotify(session, 'AUTHENTICATION-FAILED', world), ...lost.outputs] }
  }
  const parts = { main, exchanged: step.exchanged, shared: step.shared, kerberos: { ...kerberos, ownTokens: [token] } }
  const { session: answered, outputs } = sendAnswerKeys(session, parts, step.answers, world)
  // It stays to answer what is sent again, and goes by itself.
  const rest =
    answered?.state.kind === 'key-answered' ? inState(answered, { ...answered.state, hasFailed: true }) : undefined
  return { session: rest, outputs: [...outputs, ...lost.outputs] }
}

/** Nothing comes of it: packets that wait are told. */
export function failed(session: Waiting, what: string): Driven {
  const refused = session.state.wishes.flatMap(({ rule, flow }) =>
    flow === undefined ? [] : [{ kind: 'refuse', rule, flow } as const],
  )
  const told = report({ kind: 'session-failed', ...about(session), what: `Kerberos: ${what}` })
  return { session: undefined, outputs: [...refused, told] }
}

function withContext(
  session: Waiting,
  step: StepOf<'first-token' | 'answer-token' | 'last-token'>,
  { token, isComplete, peer }: Context,
  world: World,
): Driven {
  const { main, wishes, kerberos: before } = session.state
  const kerberos: KerberosSoFar = {
    ...before,
    ownTokens: token === undefined ? before.ownTokens : [...before.ownTokens, token],
    ...(peer === undefined ? {} : { principal: peer }),
  }
  switch (step.kind) {
    case 'first-token':
      if (token === undefined) return failed(session, 'the system has no token for the peer')
      return sendKeys(session, { main, wishes, kerberos }, step.answers, world)
    case 'answer-token': {
      // One round trip is enough for mutual proof; more would need messages that nobody is known to send.
      if (token === undefined || !isComplete)
        return failed(session, 'the context needs more tokens than main mode has room for')
      const { exchanged, shared } = step
      return sendAnswerKeys(session, { main, exchanged, shared, kerberos }, step.answers, world)
    }
    case 'last-token': {
      if (!isComplete) return failed(session, 'the context needs more tokens than main mode has room for')
      const { exchanged, secured, answers } = step
      const { hash } = ownWrapped(
        session,
        'initiator',
        { cookies: session.cookies, main, exchanged, secured },
        kerberos,
      )
      const next = { main, wishes, kerberos, flight: session.state.flight }
      return awaiting(
        session,
        next,
        { kind: 'wrap', answers, exchanged, secured },
        { kind: 'wrap', content: hash },
        world,
      )
    }
  }
}

function wrapped(session: Waiting, step: StepOf<'wrap'>, hash: Uint8Array, world: World): Driven {
  const { main, wishes, kerberos } = session.state
  const { exchanged, secured, answers, peer } = step
  const by = peer === undefined ? 'initiator' : 'responder'
  const { own } = ownWrapped(session, by, { cookies: session.cookies, main, exchanged, secured }, kerberos)
  const proof = [identityPayload(own.identity), payloadV1('hash', { hash })]
  if (peer === undefined)
    return sendProof(session, { main, exchanged, secured, own, wishes, kerberos }, proof, answers, world)
  return sendLast(session, { main, exchanged, secured, own }, peer, proof, answers, world)
}

function unwrapped(session: Waiting, step: StepOf<'unwrap'>, content: Uint8Array, world: World): Driven {
  const { main, wishes, kerberos, flight } = session.state
  const { exchanged, secured, wanted, isFirst, own, answers } = step
  const form = nameForms[wanted.findIndex(hash => isSameMac(hash, content))]
  if (form === undefined) return failed(session, 'the hash of the peer does not fit what was said')
  const peer = peerOf(session, step, world)
  if (typeof peer === 'string') return failed(session, peer)
  if (!isFirst && own !== undefined) {
    return establish(session, { main, exchanged, secured, own, peer, last: flight, wishes }, world)
  }
  const next: KerberosSoFar = { ...kerberos, dialect: { ...kerberos.dialect, form } }
  const parts = { cookies: session.cookies, main, exchanged, secured }
  const { hash } = ownWrapped(session, 'responder', parts, next)
  const waiting = { main, wishes, kerberos: next, flight }
  return awaiting(
    session,
    waiting,
    { kind: 'wrap', answers, exchanged, secured, peer },
    { kind: 'wrap', content: hash },
    world,
  )
}

function peerOf({ path, state, role, rule }: Waiting, step: StepOf<'unwrap'>, world: World): Peer | string {
  const { principal, credential } = state.kerberos
  if (principal === undefined) return `the system does not say who ${formatAddress(path.remote.address)} is`
  const all =
    role === 'initiator'
      ? world.credentials.of(rule)
      : credentialsFor(rulesForPeer(world.policy, path, 'ikev1'), world.credentials)
  const claim = {
    identity: step.identity,
    address: path.remote.address,
    isTranslated: step.exchanged.nat.beforePeer,
    proof: 'kerberos',
    principal,
    certificates: [],
    ocsp: [],
    crls: [],
  } as const
  const found = judged([credential], all, claim, world)
  if (!found.ok) return found.error
  // Nothing binds the identity that it states to its principal: behind one NAT it would be any of its neighbours.
  const identity = { type: KEY_ID, data: new TextEncoder().encode(principal.toLowerCase()) }
  const peer = { ...found.value, identity }
  return step.saysFirstContact === true ? { ...peer, saysFirstContact: true } : peer
}
