// IKE_FOLLOWUP_KE (RFC 9370 §2.2.4): further key exchanges of a CREATE_CHILD_SA, one at a time, tied together by what the
// responder names them by. With the last one the child or the IKE SA is made.
import { wipeSecrets } from '../../crypto/ike-keys.ts'
import { notification } from '../../wire/ike/notify.ts'
import { type Refusal, refusal, type World } from '../machine.ts'
import { whyNoLonger } from '../policy-change.ts'
import { newsOf, temporary } from './child.ts'
import { errorIn } from './child-agreement.ts'
import {
  childFailed,
  childMadeByPeer,
  childMadeByUs,
  childNotWanted,
  MOST_DETOURS,
  tryAgain,
  wishAgain,
} from './child-made.ts'
import { childNamed, closeForSyntax, warning } from './established.ts'
import { answerExchange, askFollowUp, awaitFollowUp, withoutFollowUp } from './fresh-exchange.ts'
import { rekeyFailed } from './rekey.ts'
import type { Established, Session, Task } from './session.ts'
import { giveWay, sessionMadeByPeer, sessionMadeByUs, withoutTaskOf } from './session-made.ts'
import { find, findNotify, type Handler, need, type Step } from './step.ts'

export const answerFollowUp: Handler<Established> = (session, { payloads }, world) => {
  const { followUp, ...state } = session.state
  const link = findNotify(payloads, 'ADDITIONAL_KEY_EXCHANGE')?.link
  if (followUp === undefined || link?.toHex() !== followUp.link.toHex()) return notFound
  const { nonces, makes } = followUp
  const old = makes.kind === 'child' ? makes.wish.replaces : undefined
  const isOver = old !== undefined && childNamed(session.state, old)?.standing !== 'used'
  if (isOver) return given(session, temporary('the child to replace is about to be deleted'))
  const [method, ...remaining] = followUp.remaining
  const exchanged = answerExchange(method, need(payloads, 'key-exchange'), world)
  // The state is gone with the first mistake: what is begun anew begins with CREATE_CHILD_SA.
  if ('kind' in exchanged) return given(session, exchanged)
  const shared = [...followUp.shared, ...exchanged.shared]
  if (remaining.length > 0) {
    const next = awaitFollowUp({ remaining, shared, nonces, makes }, world)
    return {
      session: { ...session, state: { ...state, followUp: next.followUp } },
      reply: [...exchanged.payloads, next.payload],
      outputs: [],
    }
  }
  const reply = exchanged.payloads
  const done = { ...session, state }
  if (makes.kind === 'session') return { ...sessionMadeByPeer(done, makes, shared, nonces, world), reply }
  const why = whyNoLonger(makes.terms, state.peer.credential, world)
  if (why !== undefined) {
    wipeSecrets(exchanged.shared)
    return given(session, refusal(notification('TS_UNACCEPTABLE', {}), why))
  }
  const { state: after, outputs } = childMadeByPeer(done, makes.terms, shared, nonces, world)
  return { session: { ...session, state: after }, reply, outputs }
}

const notFound: Refusal = refusal(
  notification('STATE_NOT_FOUND', {}),
  'the peer goes on with a key exchange that is not under way',
)

function given(session: Session<Established>, { notify, what }: Refusal): Step {
  const reply = notify === 'silent' ? [] : [notify]
  return { session: { ...session, state: withoutFollowUp(session.state) }, reply, outputs: [warning(session, what)] }
}

export const followUpAnswered: Handler<Established> = (asked, { payloads }, world) => {
  const { task } = asked.state
  if (task?.kind !== 'follow-up') return { session: asked, outputs: [] }
  const session = withoutTaskOf(asked)
  const { exchange, followUp, detours } = task
  const came = find(payloads, 'key-exchange')
  if (came === undefined) return refused(session, task, payloads, world)
  const broken = (what: string) => {
    exchange.close()
    wipeSecrets(followUp.shared)
    return closeForSyntax(session, what)
  }
  if (came.method !== exchange.method.transform) return broken('another key exchange than the one that was begun')
  const secret = exchange.finish(came.publicValue)
  if (!secret.ok) return broken(secret.error.what)
  exchange.close()
  const shared = [...followUp.shared, secret.value]
  const { nonces, makes } = followUp
  const [, ...remaining] = followUp.remaining
  if (remaining.length > 0) {
    const link = findNotify(payloads, 'ADDITIONAL_KEY_EXCHANGE')?.link.slice()
    if (link === undefined) return broken('more key exchanges are agreed on and the next does not begin')
    const next = { ...followUp, link, remaining, shared }
    return askFollowUp(session, { ...newsOf(task), followUp: next, detours }, world)
  }
  if (makes.kind === 'session') return sessionMadeByUs(session, makes, shared, nonces, world)
  if (asked.state.deletedEarly?.includes(makes.terms.peerSpi) === true) {
    wipeSecrets(shared)
    return childFailed(session, makes.wish, 'the peer has deleted it already')
  }
  const why = whyNoLonger(makes.terms, session.state.peer.credential, world)
  if (why !== undefined) {
    wipeSecrets(shared)
    return childNotWanted(session, makes, why, world)
  }
  return childMadeByUs(session, makes.terms, shared, nonces, newsOf(task), world)
}

/** All of it from the beginning, where the peer has lost it or has no time. */
function refused(
  session: Session<Established>,
  { exchange, followUp, detours, peerRekey, isGone }: Extract<Task, { readonly kind: 'follow-up' }>,
  payloads: Parameters<typeof errorIn>[0],
  world: World,
): Step {
  exchange.close()
  wipeSecrets(followUp.shared)
  const { makes } = followUp
  const why = errorIn(payloads) ?? 'without a reason'
  const isLost = ['STATE_NOT_FOUND', 'TEMPORARY_FAILURE'].includes(why) && detours < MOST_DETOURS
  if (makes.kind === 'session') {
    const theirs = session.state.peerRekey
    if (theirs !== undefined) return giveWay(session, theirs.session, world)
    if (!isLost) return rekeyFailed(session, why, world)
    return tryAgain(session, { kind: 'rekey-session', detours: detours + 1 }, 'later', world)
  }
  if (peerRekey !== undefined || isGone === true) return { session, outputs: [] }
  if (isLost) return tryAgain(session, wishAgain(makes.wish, detours), 'later', world)
  return childFailed(session, makes.wish, `the peer refuses: ${why}`)
}
