// CREATE_CHILD_SA for the IKE SA itself (RFC 7296 §1.3.2, §2.18), from both sides. The old one stays until its deletion is
// answered; what follows from the new keys is session-made.ts.
import type { Nonces } from '../../crypto/ike-keys.ts'
import { findKeyExchange } from '../../crypto/key-exchange.ts'
import { beginKeyExchange } from '../../crypto/run-key-exchange.ts'
import { type IkeOffer, ikeOffersOf } from '../../policy/ike-offers.ts'
import { notification } from '../../wire/ike/notify.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'
import { acceptedIke, chooseIke, ikeProposals } from '../choose-proposal.ts'
import { type Instant, refusal, type World } from '../machine.ts'
import { temporary } from './child.ts'
import { errorIn, mismatchNotify } from './child-agreement.ts'
import { MOST_DETOURS, tryAgain } from './child-made.ts'
import { closeForSyntax, warning } from './established.ts'
import {
  answerExchange,
  askFollowUp,
  awaitFollowUp,
  freshNonce,
  keyExchangePayload,
  withoutFollowUp,
} from './fresh-exchange.ts'
import { refusedNonce, whyShort } from './nonces.ts'
import type { Established, Intention, MadeSession, Session, Task } from './session.ts'
import { giveWay, sessionMadeByPeer, sessionMadeByUs, withoutTaskOf } from './session-made.ts'
import { find, findNotify, type Handler, need, type Step } from './step.ts'

const SPI_BYTES = 8
/** Seconds until a rekey that was refused is begun anew; the session lives on to its limit. */
const ANOTHER_TIME = 60

/** What the policy wants of IKE; first what has the key exchange of that number. */
function offersOf({ policy }: World, method: number | undefined): readonly IkeOffer[] {
  const offers = ikeOffersOf(policy.policy)
  const has = ({ group }: IkeOffer) => findKeyExchange(group).transform === method
  return [...offers.filter(has), ...offers.filter(offer => !has(offer))]
}

function freshSpi({ random }: World): Uint8Array {
  const spi = new Uint8Array(SPI_BYTES)
  // Zero stands for "not chosen yet".
  while (spi.every(octet => octet === 0)) random.fill(spi)
  return spi
}

/** Our request. The key exchange is that of the session so far, where the policy still has it. */
export function beginRekey(
  session: Session<Established>,
  { detours = 0, method }: Extract<Intention, { readonly kind: 'rekey-session' }>,
  world: World,
): Step {
  const { state } = session
  // In the order of the policy, unless the peer asked for another group: then those that have it come first.
  const offers = offersOf(world, method)
  const groups = offers.map(({ group }) => findKeyExchange(group))
  const [first] = method === undefined ? groups.filter(one => one === state.choice.method) : []
  const exchange = beginKeyExchange(first ?? groups[0]!, world.random)
  const spi = freshSpi(world)
  const nonce = freshNonce(world)
  const task: Task = { kind: 'rekey-session', exchange, nonce, spi, detours }
  const payloads = [
    payload('security-association', { proposals: ikeProposals(offers, spi) }),
    payload('nonce', { nonce }),
    keyExchangePayload(exchange.method, exchange.public),
  ]
  return {
    session: { ...session, state: { ...state, task } },
    request: { exchange: 'CREATE_CHILD_SA', payloads },
    outputs: [],
  }
}

/** RFC 7296 §2.25.2: not while one of us is busy with a child, whose place would be unclear. */
function isBusyWithChild({ task, followUp, children }: Established): boolean {
  if (followUp?.makes.kind === 'child') return true
  if (children.some(({ standing }) => standing === 'deleting')) return true
  if (task === undefined || task.kind === 'rekey-session' || task.kind === 'ask-whether-alive') return false
  return !(task.kind === 'follow-up' && task.followUp.makes.kind === 'session')
}

/** Seconds between rekeys that a peer begins, in the long run; some may come at once, as when hosts meet or people try. */
const BETWEEN_REKEYS = 5
const MOST_AT_ONCE = 5

/** Undefined for a peer that rekeys without pause: each time costs a key exchange, and leaves a session behind for a while. */
function paced({ rekeysDue = 0 }: Established, now: Instant): Instant | undefined {
  const due = Math.max(rekeysDue, now) + BETWEEN_REKEYS
  return due > now + MOST_AT_ONCE * BETWEEN_REKEYS ? undefined : due
}

export const answerRekey: Handler<Established> = (before, { payloads }, world) => {
  const rekeysDue = paced(before.state, world.now)
  if (rekeysDue === undefined) return temporary('the peer rekeys the IKE SA again and again')
  const session = { ...before, state: { ...before.state, rekeysDue } }
  const { state } = session
  if (isBusyWithChild(state)) return temporary('the peer rekeys the IKE SA while a child is made or deleted')
  if (state.peerRekey !== undefined) return temporary('the peer rekeys the IKE SA twice')
  const came = need(payloads, 'key-exchange')
  const { proposals } = need(payloads, 'security-association')
  const chosen = chooseIke(offersOf(world, undefined), proposals, came.method)
  if (!chosen.ok) return refusal(mismatchNotify(chosen.error), chosen.error.what)
  const { choice, answer, peerSpi } = chosen.value
  if (peerSpi.length !== SPI_BYTES) {
    return refusal(notification('INVALID_SYNTAX', {}), 'the peer rekeys the IKE SA without a new SPI')
  }
  const short = refusedNonce(need(payloads, 'nonce').nonce, choice.suite.prf)
  if (short !== undefined) return short
  const exchanged = answerExchange(choice.method, came, world)
  if ('kind' in exchanged) return exchanged
  const spi = freshSpi(world)
  const nonces: Nonces = { initiator: need(payloads, 'nonce').nonce.slice(), responder: freshNonce(world) }
  const makes: MadeSession = { kind: 'session', choice, spis: { initiator: peerSpi.slice(), responder: spi } }
  const { shared } = exchanged
  const reply = [
    payload('security-association', { proposals: [{ ...answer, spi }] }),
    payload('nonce', { nonce: nonces.responder }),
    ...exchanged.payloads,
  ]
  if (choice.additional.length === 0) return { ...sessionMadeByPeer(session, makes, shared, nonces, world), reply }
  const parts = { remaining: choice.additional, shared, nonces, makes }
  const { followUp, payload: link } = awaitFollowUp(parts, world)
  return {
    session: { ...session, state: { ...withoutFollowUp(state), followUp } },
    reply: [...reply, link],
    outputs: [],
  }
}

export const rekeyAnswered: Handler<Established> = (asked, { payloads }, world) => {
  const { task } = asked.state
  if (task?.kind !== 'rekey-session') return { session: asked, outputs: [] }
  const session = withoutTaskOf(asked)
  const { exchange, nonce, spi } = task
  const [association, came, theirs] = [
    find(payloads, 'security-association'),
    find(payloads, 'key-exchange'),
    find(payloads, 'nonce'),
  ]
  if (association === undefined) return refused(session, task, payloads, world)
  const broken = (what: string) => {
    exchange.close()
    return closeForSyntax(session, what)
  }
  if (came === undefined || theirs === undefined) return broken('no nonce, or no key exchange, of an IKE SA')
  const accepted = acceptedIke(offersOf(world, undefined), association.proposals)
  if (!accepted.ok) return broken(accepted.error.what)
  const { choice, peerSpi } = accepted.value
  if (peerSpi.length !== SPI_BYTES) return broken('an IKE SA without a new SPI')
  if (choice.method !== exchange.method || came.method !== exchange.method.transform) {
    return broken('another key exchange than the one that was begun')
  }
  const short = whyShort(theirs.nonce, choice.suite.prf)
  if (short !== undefined) return broken(short)
  const secret = exchange.finish(came.publicValue)
  if (!secret.ok) return broken(secret.error.what)
  exchange.close()
  const shared = [secret.value]
  const nonces: Nonces = { initiator: nonce, responder: theirs.nonce.slice() }
  const makes: MadeSession = { kind: 'session', choice, spis: { initiator: spi, responder: peerSpi.slice() } }
  if (choice.additional.length === 0) return sessionMadeByUs(session, makes, shared, nonces, world)
  const link = findNotify(payloads, 'ADDITIONAL_KEY_EXCHANGE')?.link.slice()
  if (link === undefined) return closeForSyntax(session, 'more key exchanges are agreed on and none begins')
  const followUp = { link, remaining: choice.additional, shared, nonces, makes, since: world.now }
  return askFollowUp(session, { followUp, detours: task.detours }, world)
}

function refused(
  session: Session<Established>,
  { exchange, detours }: Extract<Task, { readonly kind: 'rekey-session' }>,
  payloads: Parameters<typeof errorIn>[0],
  world: World,
): Step {
  exchange.close()
  const { peerRekey } = session.state
  if (peerRekey !== undefined) return giveWay(session, peerRekey.session, world)
  const again = { kind: 'rekey-session', detours: detours + 1 } as const
  const mayTry = detours < MOST_DETOURS
  const isBusy = findNotify(payloads, 'TEMPORARY_FAILURE') !== undefined
  // The peer's own rekey is on its way to take this one's place.
  if (isBusy && session.state.followUp?.makes.kind === 'session') return { session, outputs: [] }
  if (isBusy && mayTry) return tryAgain(session, again, 'later', world)
  const method = findNotify(payloads, 'INVALID_KE_PAYLOAD')?.method
  const isKnown = offersOf(world, undefined).some(({ group }) => findKeyExchange(group).transform === method)
  if (method !== undefined && mayTry && isKnown) return tryAgain(session, { ...again, method }, 'now', world)
  return rekeyFailed(session, errorIn(payloads) ?? 'without a reason', world)
}

/** The session lives on; another time it may go better. */
export function rekeyFailed(session: Session<Established>, why: string, { now }: World): Step {
  const { state } = session
  const what = `the IKE SA is not rekeyed: the peer refuses: ${why}`
  const rekeyAt = now + ANOTHER_TIME
  return { session: { ...session, state: { ...state, rekeyAt } }, outputs: [warning(session, what)] }
}
