// Everything that can happen to an IKE SA by a message, as a table: in which state, which exchange, what then. Table order
// is search order. docs/ikev2-states.md is printed from it. What may stand in each message is wire/ike/exchange-rules.ts.
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { answerAuth, authAnswered } from './auth.ts'
import { answerChild, childAnswered } from './child.ts'
import { answerFollowUp, followUpAnswered } from './follow-up.ts'
import { answerInformational, answerWhileClosing, closingAnswered, informationalAnswered } from './informational.ts'
import { answerInit, initAnswered } from './init.ts'
import { answerIntermediate, intermediateAnswered } from './intermediate.ts'
import { answerRekey, rekeyAnswered } from './rekey.ts'
import { answerReplaced, replacedAnswered } from './replaced.ts'
import type { Session, State, StateKind } from './session.ts'
import { type ExchangeName, find, type Handler } from './step.ts'

export interface Transition {
  /** What happens, in a sentence. */
  readonly story: string
  readonly from: StateKind
  readonly exchange: ExchangeName
  readonly direction: 'request' | 'response'
  /** What tells this row from the next one of the same state and exchange. */
  readonly when?: (session: Session, payloads: readonly Payload[]) => boolean
  /** What the session can be afterwards. */
  readonly to: readonly (StateKind | 'gone')[]
  readonly run: Handler
}

function row<K extends StateKind>(
  from: K,
  exchange: ExchangeName,
  direction: Transition['direction'],
  to: Transition['to'],
  story: string,
  run: Handler<Extract<State, { readonly kind: K }>>,
  when?: Transition['when'],
): Transition {
  const only = when === undefined ? {} : { when }
  return { story, from, exchange, direction, to, run: run as unknown as Handler, ...only }
}

/** A rekey of the IKE SA has no traffic selectors, and a child always has (RFC 7296 §1.3). */
const isForSession = (_: Session, payloads: readonly Payload[]) => find(payloads, 'initiator-selectors') === undefined
const asksForSession = ({ state }: Session) => state.kind === 'established' && state.task?.kind === 'rekey-session'

export const transitions: readonly Transition[] = [
  row('awaiting-init', 'IKE_SA_INIT', 'request', ['awaiting-auth', 'gone'], 'A host asks to begin', answerInit),
  row(
    'init-sent',
    'IKE_SA_INIT',
    'response',
    ['init-sent', 'intermediate-sent', 'auth-sent', 'gone'],
    'The peer agrees, or asks for a cookie or another group, or refuses',
    initAnswered,
  ),
  row(
    'awaiting-auth',
    'IKE_INTERMEDIATE',
    'request',
    ['awaiting-auth', 'gone'],
    'One key exchange more, before anybody proves anything',
    answerIntermediate,
  ),
  row(
    'intermediate-sent',
    'IKE_INTERMEDIATE',
    'response',
    ['intermediate-sent', 'auth-sent', 'gone'],
    'The key exchange is done; the next one, or the proof',
    intermediateAnswered,
  ),
  row(
    'awaiting-auth',
    'IKE_AUTH',
    'request',
    ['established', 'closed', 'gone'],
    'The peer proves who it is; we do, and agree on the first child',
    answerAuth,
  ),
  row(
    'auth-sent',
    'IKE_AUTH',
    'response',
    ['established', 'closing', 'gone'],
    'The peer proves who it is, too',
    authAnswered,
  ),
  row(
    'established',
    'CREATE_CHILD_SA',
    'request',
    ['established', 'replaced'],
    'The peer rekeys the IKE SA',
    answerRekey,
    isForSession,
  ),
  row('established', 'CREATE_CHILD_SA', 'request', ['established'], 'The peer makes or rekeys a child', answerChild),
  row(
    'established',
    'CREATE_CHILD_SA',
    'response',
    ['established', 'replaced', 'closing'],
    'Our rekey of the IKE SA is answered',
    rekeyAnswered,
    asksForSession,
  ),
  row(
    'established',
    'CREATE_CHILD_SA',
    'response',
    ['established', 'closing'],
    'Our wish for a child is answered',
    childAnswered,
  ),
  row(
    'established',
    'IKE_FOLLOWUP_KE',
    'request',
    ['established', 'replaced'],
    'One key exchange more for what the peer is making',
    answerFollowUp,
  ),
  row(
    'established',
    'IKE_FOLLOWUP_KE',
    'response',
    ['established', 'replaced', 'closing'],
    'One key exchange more for what we are making',
    followUpAnswered,
  ),
  row(
    'established',
    'INFORMATIONAL',
    'request',
    ['established', 'closed'],
    'The peer deletes, tells, or asks whether we are there',
    answerInformational,
  ),
  row(
    'established',
    'INFORMATIONAL',
    'response',
    ['established'],
    'Our delete or our question is answered',
    informationalAnswered,
  ),
  row('closing', 'INFORMATIONAL', 'response', ['gone'], 'Our farewell is answered', closingAnswered),
  row('closing', 'INFORMATIONAL', 'request', ['closing', 'closed'], 'Both say farewell at once', answerWhileClosing),
  row(
    'closing',
    'CREATE_CHILD_SA',
    'request',
    ['closing'],
    'The peer asks for what is about to end',
    answerWhileClosing,
  ),
  row(
    'closing',
    'IKE_FOLLOWUP_KE',
    'request',
    ['closing'],
    'The peer goes on with what is about to end',
    answerWhileClosing,
  ),
  row(
    'replaced',
    'INFORMATIONAL',
    'request',
    ['replaced', 'closed'],
    'The peer deletes what it has replaced',
    answerReplaced,
  ),
  row(
    'replaced',
    'CREATE_CHILD_SA',
    'request',
    ['replaced'],
    'The peer asks where nothing is made any more',
    answerReplaced,
  ),
  row(
    'replaced',
    'IKE_FOLLOWUP_KE',
    'request',
    ['replaced'],
    'The peer asks where nothing is made any more',
    answerReplaced,
  ),
  row(
    'replaced',
    'INFORMATIONAL',
    'response',
    ['replaced', 'gone'],
    'Our delete of what we replaced is answered',
    replacedAnswered,
  ),
  row('replaced', 'CREATE_CHILD_SA', 'response', ['replaced'], 'The answer to what we asked before', replacedAnswered),
]

export function transitionFor(
  session: Session,
  exchange: ExchangeName,
  direction: Transition['direction'],
  payloads: readonly Payload[],
): Transition | undefined {
  return transitions.find(
    one =>
      one.from === session.state.kind &&
      one.exchange === exchange &&
      one.direction === direction &&
      (one.when === undefined || one.when(session, payloads)),
  )
}
