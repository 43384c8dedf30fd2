// INFORMATIONAL of a session that stands or closes (RFC 7296 §1.4, §1.4.1, §2.4): deletes, news, and the question whether
// the other end is there, which any answer answers. Deletes that cross are answered without repeating them.

import { notification } from '../../wire/ike/notify.ts'
import { isErrorNotify, notifyName } from '../../wire/ike/notify-numbers.ts'
import { exchangeTypes, protocolIds } from '../../wire/ike/numbers.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { readSpi } from '../association-pair.ts'
import { type KeyingOutput, report, type World } from '../machine.ts'
import { isMakingChild, rekeyedBy } from './child-made.ts'
import { childrenGone, lingering, waitingFlows } from './ending.ts'
import { about, childEnded, deletionsOf, isThere, warning, withoutTask } from './established.ts'
import type { Child, Closing, Established, Session } from './session.ts'
import { peersSessionStays } from './session-made.ts'
import { findAll, findNotify, type Handler, type Step } from './step.ts'

const { IKE, ESP, AH } = protocolIds.of

export const answerInformational: Handler<Established> = (session, { payloads }, world) => {
  const deletions = findAll(payloads, 'delete')
  const isEnd = deletions.some(({ protocol }) => protocol === IKE)
  if (isEnd) return endedByPeer(session, endReason(payloads), world)
  // Only the initiator of a session that the peer could not verify hears so here (RFC 7296 §2.21.2).
  if (findNotify(payloads, 'AUTHENTICATION_FAILED') !== undefined) {
    return endedByPeer(session, 'the peer does not accept who we are: AUTHENTICATION_FAILED', world)
  }
  const named = deletions.flatMap(({ protocol, spis }) => spis.map(spi => childOf(session.state, protocol, spi)))
  const children = [...new Set(named.filter(child => child !== undefined))]
  let current = withDeletedEarly(session, payloads)
  const outputs: KeyingOutput[] = [...newsIn(session, payloads)]
  for (const child of children) {
    const ended = childEnded(current, child.name, 'the peer deletes it', world)
    current = { ...current, state: withNews(ended.state, child) }
    outputs.push(...ended.outputs)
  }
  // What both delete at once is not repeated (RFC 7296 §1.4.1).
  const reply = deletionsOf(children.filter(({ standing }) => standing !== 'deleting'))
  return { session: current, reply, outputs }
}

/** Names by the SPI that the peer receives under. */
function childOf({ children }: Established, protocol: number, spi: Uint8Array): Child | undefined {
  if (spi.length !== 4) return undefined
  const number = readSpi(spi)
  return children.find(
    child => isThere(child) && child.peerSpi === number && protocol === (child.protocol === 'esp' ? ESP : AH),
  )
}

const MOST_EARLY = 16

/** While a child of ours is on its way, a delete of what is not there yet may be about it. */
function withDeletedEarly(session: Session<Established>, payloads: readonly Payload[]): Session<Established> {
  const { state } = session
  const { deletedEarly = [] } = state
  if (!isMakingChild(state)) return session
  const unknown = findAll(payloads, 'delete').flatMap(({ protocol, spis }) =>
    spis.filter(spi => spi.length === 4 && childOf(state, protocol, spi) === undefined).map(readSpi),
  )
  if (unknown.length === 0) return session
  return { ...session, state: { ...state, deletedEarly: [...deletedEarly, ...unknown].slice(-MOST_EARLY) } }
}

/** Our rekey of it goes on and finds nothing to delete any more. */
function withNews(state: Established, { name }: Child): Established {
  const { task } = state
  if (task === undefined || rekeyedBy(state) !== name) return state
  return { ...state, task: { ...task, isGone: true } as typeof task }
}

function endReason(payloads: readonly Payload[]): string {
  const error = findAll(payloads, 'notify').find(({ type }) => isErrorNotify(type))
  return error === undefined ? 'the peer closes it' : `the peer closes it: ${notifyName(error.type)}`
}

/**
 * A rekey of ours that is under way is forgotten; where the peer has rekeyed as well, its session has the children (RFC
 * 7296 §2.25.2).
 */
function endedByPeer(session: Session<Established>, why: string, world: World): Step {
  const heirs = peersSessionStays(session, world)
  const gone = lingering(session, world)
  if (heirs.siblings !== undefined) return { session: gone, reply: [], ...heirs }
  const closed = report({ ...about(session), kind: 'session-closed', why })
  return { session: gone, reply: [], outputs: [...waitingFlows(session), ...childrenGone(session), closed] }
}

/** Errors are told to people; statuses that are not known say nothing to us (RFC 7296 §3.10.1). */
function newsIn(session: Session, payloads: readonly Payload[]): readonly KeyingOutput[] {
  return findAll(payloads, 'notify')
    .filter(({ type }) => isErrorNotify(type))
    .map(({ type }) => warning(session, `the peer tells ${notifyName(type)}`))
}

export const informationalAnswered: Handler<Established> = (session, { payloads }, world) => {
  const { task } = session.state
  const outputs: KeyingOutput[] = [...newsIn(session, payloads)]
  let current: Session<Established> = { ...session, state: withoutTask(session.state) }
  if (task?.kind !== 'delete-children') return { session: current, outputs }
  // Whatever stands in the answer: the peer has deleted them, or did not have them.
  for (const name of task.names) {
    const ended = childEnded(current, name, task.why, world)
    current = { ...current, state: ended.state }
    outputs.push(...ended.outputs)
  }
  return { session: current, outputs }
}

/** RFC 7296 §2.25: nothing is made any more; a farewell that crosses ours is answered, and all is said. */
export const answerWhileClosing: Handler<Closing> = (session, { header, payloads }, world) => {
  if (header.exchange === exchangeTypes.of.CREATE_CHILD_SA) return busy(session, 'TEMPORARY_FAILURE')
  if (header.exchange === exchangeTypes.of.IKE_FOLLOWUP_KE) return busy(session, 'STATE_NOT_FOUND')
  const isEnd = findAll(payloads, 'delete').some(({ protocol }) => protocol === IKE)
  return { session: isEnd ? lingering(session, world) : session, reply: [], outputs: [] }
}

export function busy(session: Session, kind: 'TEMPORARY_FAILURE' | 'STATE_NOT_FOUND'): Step {
  return { session, reply: [notification(kind, {})], outputs: [] }
}

export const closingAnswered: Handler<Closing> = () => ({ session: undefined, outputs: [] })
