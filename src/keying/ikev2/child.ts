// CREATE_CHILD_SA for children, new ones and those that replace another (RFC 7296 §1.3.1, §1.3.3), from both sides. What
// two hosts agree on is child-agreement.ts, what follows from it child-made.ts.
import { type Nonces, wipeSecrets } from '../../crypto/ike-keys.ts'
import { notification, notifyTypeOf } from '../../wire/ike/notify.ts'
import { protocolIds } from '../../wire/ike/numbers.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { readSpi } from '../association-pair.ts'
import { type Refusal, refusal, type World } from '../machine.ts'
import { agreeOnTerms, concludeTerms, errorIn } from './child-agreement.ts'
import {
  childFailed,
  childMadeByPeer,
  childMadeByUs,
  childUnusable,
  isMakingChild,
  MOST_DETOURS,
  type RekeyNews,
  rekeyedBy,
  tryAgain,
  wishAgain,
} from './child-made.ts'
import { childEnded, closeForSyntax, contextOf, isThere, successorOf, withoutTask } from './established.ts'
import {
  answerExchange,
  askFollowUp,
  awaitFollowUp,
  exchangesToAccept,
  freshNonce,
  withoutFollowUp,
} from './fresh-exchange.ts'
import { refusedNonce, whyShort } from './nonces.ts'
import type { Child, ChildBegun, Established, Session } from './session.ts'
import { find, findAll, findNotify, type Handler, need, type Step } from './step.ts'

/** Of one session: far more than rules need, and an end to what a peer can make us keep. */
const MOST_CHILDREN = 256

export const answerChild: Handler<Established> = (session, { payloads }, world) => {
  const { state } = session
  if (isRekeyingSession(state)) return temporary('the peer asks for a child while the IKE SA is rekeyed')
  // With those that only linger: who renews without end has no more of them.
  if (state.children.length >= MOST_CHILDREN) {
    return refusal(notification('NO_ADDITIONAL_SAS', {}), `the peer has ${MOST_CHILDREN} children and asks for more`)
  }
  const old = childToReplace(state, payloads)
  if (old?.kind === 'refusal') return old
  const came = find(payloads, 'key-exchange')
  const exchanges = (rule: Parameters<typeof exchangesToAccept>[0]) =>
    exchangesToAccept(rule, state.choice, world, came?.method)
  const more = { prefers: came?.method ?? 0, ...(old === undefined ? {} : { old: old.child }) }
  const agreed = agreeOnTerms(payloads, contextOf(session), exchanges, world, more)
  if ('kind' in agreed) return agreed
  const { terms } = agreed
  const short = refusedNonce(need(payloads, 'nonce').nonce, state.secured.suite.prf)
  if (short !== undefined) return short
  const exchanged = answerExchange(terms.choice.method, came, world)
  if ('kind' in exchanged) return exchanged
  const nonces: Nonces = { initiator: need(payloads, 'nonce').nonce.slice(), responder: freshNonce(world) }
  const [proposal, ...rest] = agreed.payloads
  const reply = [proposal!, payload('nonce', { nonce: nonces.responder }), ...exchanged.payloads, ...rest]
  const { additional } = terms.choice
  if (additional.length > 0) {
    const wish = { rule: terms.rule, ...(old === undefined ? {} : { replaces: old.child.name }) }
    const makes = { kind: 'child', terms, wish } as const
    const { shared } = exchanged
    const { followUp, payload: link } = awaitFollowUp({ remaining: additional, shared, nonces, makes }, world)
    return {
      session: { ...session, state: { ...withoutFollowUp(state), followUp } },
      reply: [...reply, link],
      outputs: [],
    }
  }
  const { state: next, outputs } = childMadeByPeer(session, terms, exchanged.shared, nonces, world)
  return { session: { ...session, state: next }, reply, outputs }
}

export function isRekeyingSession({ task, followUp }: Established): boolean {
  if (task?.kind === 'rekey-session' || followUp?.makes.kind === 'session') return true
  return task?.kind === 'follow-up' && task.followUp.makes.kind === 'session'
}

/** RFC 7296 §2.25: not now, and the peer asks again. */
export function temporary(what: string): Refusal {
  return refusal(notification('TEMPORARY_FAILURE', {}), what)
}

/** REKEY_SA names a child by the SPI that its sender receives under (RFC 7296 §1.3.3): ours to send to. */
function childToReplace(
  state: Established,
  payloads: readonly Payload[],
): { readonly kind: 'child'; readonly child: Child } | Refusal | undefined {
  const type = notifyTypeOf('REKEY_SA')
  const named = findAll(payloads, 'notify').find(one => one.type === type)
  if (named === undefined) return undefined
  const { spi, protocol } = named
  const child = state.children.find(
    one =>
      isThere(one) &&
      spi.length === 4 &&
      one.peerSpi === readSpi(spi) &&
      protocolIds.of[one.protocol === 'esp' ? 'ESP' : 'AH'] === protocol,
  )
  if (child === undefined && isMakingChild(state))
    return temporary('the peer rekeys a child that is not known here yet')
  if (child === undefined) {
    const notify = notification('CHILD_SA_NOT_FOUND', {}, { protocol, spi: spi.slice() })
    return refusal(notify, `the peer rekeys a child that is not there: 0x${spi.toHex()}`)
  }
  if (child.standing !== 'used') return temporary('the peer rekeys a child that is about to be deleted')
  return { kind: 'child', child }
}

export const childAnswered: Handler<Established> = (asked, { payloads }, world) => {
  const { task } = asked.state
  if (task?.kind !== 'make-child' && task?.kind !== 'rekey-child') return { session: asked, outputs: [] }
  const session = { ...asked, state: withoutTask(asked.state) }
  const { begun } = task
  const news: RekeyNews = task.kind === 'rekey-child' ? task : {}
  if (find(payloads, 'security-association') === undefined) return refused(session, begun, news, payloads, world)
  const theirs = find(payloads, 'nonce')
  if (theirs === undefined || find(payloads, 'initiator-selectors') === undefined) {
    begun.exchange?.close()
    return closeForSyntax(session, 'no nonce, or no traffic selectors, of a child')
  }
  const short = whyShort(theirs.nonce, session.state.secured.suite.prf)
  if (short !== undefined) {
    begun.exchange?.close()
    return closeForSyntax(session, short)
  }
  const unusable = (what: string) => {
    begun.exchange?.close()
    return childUnusable(session, begun, payloads, what, world)
  }
  const terms = concludeTerms(begun, payloads, contextOf(session), world)
  if ('kind' in terms) return unusable(terms.what)
  const { method, additional } = terms.choice
  const came = find(payloads, 'key-exchange')
  const isOurs = method === undefined || (begun.exchange?.method === method && came?.method === method.transform)
  if (!isOurs) return unusable('the peer answers with another key exchange than the one that was begun')
  const secret = method === undefined ? undefined : begun.exchange!.finish(came!.publicValue)
  if (secret?.ok === false) return unusable(`key exchange of the peer: ${secret.error.what}`)
  begun.exchange?.close()
  const shared = secret === undefined ? [] : [secret.value]
  if (asked.state.deletedEarly?.includes(terms.peerSpi) === true) {
    wipeSecrets(shared)
    return childFailed(session, begun.wish, 'the peer has deleted it already')
  }
  const nonces: Nonces = { initiator: begun.nonce, responder: theirs.nonce.slice() }
  if (additional.length === 0) return childMadeByUs(session, terms, shared, nonces, news, world)
  const link = findNotify(payloads, 'ADDITIONAL_KEY_EXCHANGE')?.link.slice()
  if (link === undefined) return unusable('the peer agrees to more key exchanges and does not begin them')
  const makes = { kind: 'child', terms, wish: begun.wish } as const
  const followUp = { link, remaining: additional, shared, nonces, makes, since: world.now }
  return askFollowUp(session, { ...newsOf(news), followUp, detours: begun.detours }, world)
}

export function newsOf({ peerRekey, isGone }: RekeyNews): RekeyNews {
  return { ...(peerRekey === undefined ? {} : { peerRekey }), ...(isGone === undefined ? {} : { isGone }) }
}

/** The peer makes no child. */
function refused(
  session: Session<Established>,
  { wish, detours, exchange, offers }: ChildBegun,
  { peerRekey, isGone }: RekeyNews,
  payloads: readonly Payload[],
  world: World,
): Step {
  exchange?.close()
  const says = (kind: Parameters<typeof findNotify>[1]) => findNotify(payloads, kind) !== undefined
  const what = `the peer refuses: ${errorIn(payloads) ?? 'without a reason'}`
  if (says('CHILD_SA_NOT_FOUND') && wish.replaces !== undefined) {
    const { state, outputs } = childEnded(session, wish.replaces, 'the peer does not have it any more', world)
    return { session: { ...session, state }, outputs }
  }
  // Somebody has done it already.
  const isDone = peerRekey !== undefined || isGone === true
  if (isDone) return { session, outputs: [] }
  const mayTry = detours < MOST_DETOURS
  if (says('TEMPORARY_FAILURE') && mayTry) return tryAgain(session, wishAgain(wish, detours), 'later', world)
  const method = findNotify(payloads, 'INVALID_KE_PAYLOAD')?.method
  if (method !== undefined && mayTry && offers.methods.some(one => one?.transform === method)) {
    return tryAgain(session, wishAgain(wish, detours, method), 'now', world)
  }
  // Who wants fresh keys for every child refuses one without them; a rule of ours that merely does not ask can have them.
  if (says('NO_PROPOSAL_CHOSEN') && exchange === undefined && mayTry) {
    const { transform } = session.state.choice.method
    return tryAgain(session, wishAgain(wish, detours, transform), 'now', world)
  }
  const failed = childFailed(session, wish, what)
  if (!says('NO_ADDITIONAL_SAS') || session.state.children.some(isThere)) return failed
  // A session that can have no child is of no use; the next one begins with its child.
  const why = 'the peer allows no child any more'
  return { ...tryAgain(session, { kind: 'delete-session', why }, 'now', world), outputs: failed.outputs }
}

/** Whether a rekey of that child would be the second one. */
export function isBeingReplaced(state: Established, child: Child): boolean {
  return child.standing !== 'used' || successorOf(state, child.name) !== undefined || rekeyedBy(state) === child.name
}
