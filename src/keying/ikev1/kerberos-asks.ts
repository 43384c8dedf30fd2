// What a main mode asks the system's Kerberos, and the state in which it waits for the answer. What follows from the answers
// is main-mode-kerberos.ts's.

import type { SharedSecret } from '../../crypto/run-key-exchange.ts'
import { bodyOfV1 } from '../../wire/ike/v1-payloads.ts'
import { credentialsFor, rulesForPeer } from '../candidates.ts'
import type { ChildWish } from '../child-rule.ts'
import type { KerberosCredential } from '../credentials.ts'
import { type KerberosAsk, type KeyingOutput, report, type World } from '../machine.ts'
import type { Flight } from './flight.ts'
import { identityPayload } from './identities.ts'
import {
  dialectFor,
  type KerberosDialect,
  nameForms,
  ownGssName,
  proofBehind,
  readGssName,
  ticketTarget,
} from './kerberos.ts'
import { type Driven, find, findNotify, type Opened } from './opened.ts'
import { ownIdentityOf, type ProofParts, proofHash, statedIdentity } from './proof.ts'
import { ignoredIn } from './sending.ts'
import {
  type AwaitingKerberos,
  about,
  type Exchanged,
  inState,
  type KerberosSoFar,
  type KerberosStep,
  type KeySent,
  type MainMode,
  type OwnProof,
  type SaAnswered,
  type Secured,
  type Session,
} from './session.ts'

/** Seconds that the system may take; it asks a key centre, which may be far or gone. */
const PATIENCE = 30

interface Waiting {
  readonly main: MainMode
  readonly wishes: readonly ChildWish[]
  readonly kerberos: KerberosSoFar
  readonly flight: Flight
}

export function awaiting(
  session: Session,
  waiting: Waiting,
  step: KerberosStep,
  ask: KerberosAsk,
  world: Pick<World, 'now'>,
): Driven {
  const { main, wishes, kerberos, flight } = waiting
  const state: AwaitingKerberos = {
    kind: 'awaiting-kerberos',
    ...{ main, wishes, kerberos, step, flight },
    until: world.now + PATIENCE,
  }
  return { session: inState(session, state), outputs: [{ kind: 'kerberos', session: session.id, ask }] }
}

/** A session that came to its end, or is gone: the context is of no use any more. */
export function forgetting(before: Session | undefined, after: Session | undefined): readonly KeyingOutput[] {
  return before !== undefined && hasContext(before) && (after === undefined || !hasContext(after))
    ? [{ kind: 'kerberos', session: before.id, ask: { kind: 'forget' } }]
    : []
}

function hasContext({ state }: Session): boolean {
  return 'kerberos' in state && state.kerberos !== undefined
}

function begun(credential: KerberosCredential, { choice }: MainMode, dialect: KerberosDialect): KerberosSoFar {
  const own = ownGssName(credential)
  const peer = choice.peerGssName
  return {
    credential,
    ...(own === undefined ? {} : { ownName: own }),
    ...(peer === undefined ? {} : { peerName: peer.slice() }),
    ownTokens: [],
    peerTokens: [],
    dialect,
  }
}

function isKerberos(credential: { readonly kind: string }): credential is KerberosCredential {
  return credential.kind === 'kerberos'
}

/** Initiator: Kerberos was agreed on, and message 3 takes a token for the peer. */
export function askForFirstToken(
  session: Session,
  { main, wishes }: Pick<KeySent, 'main' | 'wishes'>,
  answers: Uint8Array,
  world: World,
): Driven {
  const credential = world.credentials.of(session.rule).find(isKerberos)
  const { state } = session
  if (credential === undefined || !('flight' in state)) {
    return ignoredIn(session, session.path, 'the policy has no Kerberos any more')
  }
  const told = main.choice.peerGssName && readGssName(main.choice.peerGssName)
  const target = ticketTarget(credential, told, session.path.remote.address)
  if (!target.ok) {
    const outputs = wishes.flatMap(({ rule, flow }) =>
      flow === undefined ? [] : [{ kind: 'refuse', rule, flow } as const],
    )
    return {
      session: undefined,
      outputs: [...outputs, report({ kind: 'session-failed', ...about(session), what: target.error })],
    }
  }
  const waiting = {
    main,
    wishes,
    kerberos: begun(credential, main, dialectFor(session.support.isWindows)),
    flight: state.flight,
  }
  const ask = { kind: 'begin', credential, target: target.value } as const
  return awaiting(session, waiting, { kind: 'first-token', answers }, ask, world)
}

/** Responder: message 3 has the peer's token. */
export function askForAnswerToken(
  session: Session<SaAnswered>,
  { payloads, path, mark }: Opened,
  exchanged: Exchanged,
  shared: SharedSecret,
  world: World,
): Driven {
  const { main, flight } = session.state
  const { vendor, token: shown } = find(payloads, 'gss-token') ?? {}
  const token = shown?.slice()
  const possible = credentialsFor(rulesForPeer(world.policy, path, 'ikev1'), world.credentials)
  const credential = possible.find(isKerberos)
  if (token === undefined || credential === undefined) return ignoredIn(session, path, 'it has no token of Kerberos')
  const { form } = dialectFor(session.support.isWindows)
  const dialect = { form, ...(vendor === undefined ? {} : { vendor }) }
  const kerberos = { ...begun(credential, main, dialect), peerTokens: [token] }
  const step = { kind: 'answer-token', answers: mark, exchanged, shared } as const
  return awaiting(session, { main, wishes: [], kerberos, flight }, step, { kind: 'accept', credential, token }, world)
}

/** Initiator: message 4 has the peer's token. */
export function askForLastToken(
  session: Session<KeySent>,
  { payloads, path, mark }: Opened,
  exchanged: Exchanged,
  secured: Secured,
  world: World,
): Driven {
  const { main, wishes, kerberos, flight } = session.state
  const token = find(payloads, 'gss-token')?.token.slice()
  if (token === undefined || kerberos === undefined) return ignoredIn(session, path, 'it has no token of Kerberos')
  const waiting = { main, wishes, flight, kerberos: { ...kerberos, peerTokens: [...kerberos.peerTokens, token] } }
  return awaiting(
    session,
    waiting,
    { kind: 'last-token', answers: mark, exchanged, secured },
    { kind: 'continue', token },
    world,
  )
}

/** Our hash, to be wrapped for the peer. */
export function ownWrapped(
  session: Session,
  by: 'initiator' | 'responder',
  parts: Omit<ProofParts, 'more'>,
  { credential, ownName, peerName, ownTokens, dialect }: KerberosSoFar,
): { readonly own: OwnProof; readonly hash: Uint8Array } {
  const own = { credential, identity: ownIdentityOf(credential, session.path.local.address) }
  // Names count only where both told one.
  const name = peerName === undefined ? undefined : ownName
  const more = proofBehind({ name, tokens: ownTokens }, dialect.form)
  return { own, hash: proofHash(by, { ...parts, more }, bodyOfV1(identityPayload(own.identity))) }
}

interface ToUnwrap {
  readonly main: MainMode
  readonly exchanged: Exchanged
  readonly secured: Secured
  readonly kerberos: KerberosSoFar
  readonly wishes?: readonly ChildWish[]
  readonly own?: OwnProof
  readonly isFirst: boolean
}

/** The peer's hash, to be compared once it is unwrapped; names may stand in it in several forms. */
export function askToUnwrap(
  session: Session & { readonly state: { readonly flight: Flight } },
  { main, exchanged, secured, kerberos, wishes = [], own, isFirst }: ToUnwrap,
  message: Opened,
  world: Pick<World, 'now'>,
): Driven {
  const content = find(message.payloads, 'hash')?.hash.slice()
  const stated = statedIdentity(message)
  if (content === undefined || !stated.ok) return ignoredIn(session, message.path, 'it has no proof of Kerberos')
  const { peerName, ownName, peerTokens } = kerberos
  const name = ownName === undefined ? undefined : peerName
  const wanted = nameForms.map(form => {
    const more = proofBehind({ name, tokens: peerTokens }, form)
    const parts = { cookies: session.cookies, main, exchanged, secured, more }
    return proofHash(isFirst ? 'initiator' : 'responder', parts, stated.value.body)
  })
  const step: KerberosStep = {
    kind: 'unwrap',
    answers: message.mark,
    ...{ exchanged, secured, wanted, isFirst },
    identity: stated.value.identity,
    ...(own === undefined ? {} : { own }),
    ...(findNotify(message.payloads, 'INITIAL-CONTACT') === undefined ? {} : { saysFirstContact: true }),
  }
  const waiting = { main, wishes, kerberos, flight: session.state.flight }
  return awaiting(session, waiting, step, { kind: 'unwrap', content }, world)
}
