// An IKE SA after its rekey (RFC 7296 §2.8, §2.25.2): it makes nothing any more, answers, and waits for its deletion by
// whoever rekeyed it.
import { exchangeTypes, protocolIds } from '../../wire/ike/numbers.ts'
import { lingering } from './ending.ts'
import { busy } from './informational.ts'
import type { Replaced } from './session.ts'
import { findAll, type Handler } from './step.ts'

export const answerReplaced: Handler<Replaced> = (session, { header, payloads }, world) => {
  if (header.exchange === exchangeTypes.of.CREATE_CHILD_SA) return busy(session, 'TEMPORARY_FAILURE')
  if (header.exchange === exchangeTypes.of.IKE_FOLLOWUP_KE) return busy(session, 'STATE_NOT_FOUND')
  // Its children stand under another IKE SA: what is said of them here comes too late.
  const isEnd = findAll(payloads, 'delete').some(({ protocol }) => protocol === protocolIds.of.IKE)
  return { session: isEnd ? lingering(session, world) : session, reply: [], outputs: [] }
}

/** Of our delete, or of what was on its way when the peer rekeyed. */
export const replacedAnswered: Handler<Replaced> = session => ({
  session: session.state.isDeleting === true ? undefined : session,
  outputs: [],
})
