// What time does to a session: requests are repeated and given up, half-open sessions end, and the duties of a standing one
// come round.

import { exchangeTypes } from '../../wire/ike/numbers.ts'
import { sentAgain } from '../exchange-window.ts'
import { type Instant, type KeyingOutput, report, type World } from '../machine.ts'
import { carryOut, type Driven, goOn } from './drive.ts'
import { duties, dutyAt } from './duties.ts'
import { ended } from './ending.ts'
import { resend } from './sending.ts'
import type { Session } from './session.ts'

/** When `wake` has something to do; undefined where only a message can change anything. */
export function wakeAtOf(session: Session, { settings }: Pick<World, 'settings'>): Instant | undefined {
  const { state, window } = session
  const times: (Instant | undefined)[] = [window.outstanding?.dueAt, dutyAt(session)]
  if (state.kind === 'awaiting-auth') times.push(state.agreed.since + settings.halfOpenSeconds)
  if (state.kind === 'init-sent') times.push(state.refused?.until)
  if (state.kind === 'established' && state.queue.length > 0 && window.outstanding === undefined) {
    times.push(state.notBefore)
  }
  const known = times.filter(time => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

export function wake(session: Session, world: World): Driven {
  const { state, window } = session
  const peer = session.path.remote.address
  if (state.kind === 'awaiting-auth' && world.now >= state.agreed.since + world.settings.halfOpenSeconds) {
    return ended(session, [
      report({ kind: 'session-failed', session: session.id, peer, what: 'the peer began and never proved who it is' }),
    ])
  }
  if (state.kind === 'init-sent' && state.refused !== undefined && world.now >= state.refused.until) {
    const { what, lacksVersion } = state.refused
    const over = ended(session, [report({ kind: 'session-failed', session: session.id, peer, what })])
    if (lacksVersion !== true) return over
    return { ...over, outputs: over.outputs.map(one => (one.kind === 'refuse' ? { ...one, lacksVersion } : one)) }
  }
  const { outstanding } = window
  let current = session
  const outputs: KeyingOutput[] = []
  if (outstanding !== undefined && world.now >= outstanding.dueAt) {
    const { retransmit } = world.settings
    const sends = state.kind === 'init-sent' ? retransmit.sendsToStranger : retransmit.sends
    if (outstanding.sends >= sends) return givenUp(session, outstanding.exchange, outstanding.sends)
    outputs.push(...resend(session.path, outstanding.datagrams))
    current = { ...session, window: sentAgain(window, world.now, world.settings) }
  }
  const step = duties(current, world)
  const driven = step === undefined ? goOn(current, world) : carryOut(step, undefined, world)
  return { ...driven, outputs: [...outputs, ...driven.outputs] }
}

function givenUp(session: Session, exchange: number, sends: number): Driven {
  const { state, id, path } = session
  const what = `the peer does not answer: ${exchangeTypes.nameOf(exchange)} was sent ${sends} times`
  const isNew = state.kind === 'init-sent' || state.kind === 'intermediate-sent' || state.kind === 'auth-sent'
  const about = { session: id, peer: path.remote.address }
  const { sessions, outputs } = ended(session, [
    isNew
      ? report({ ...about, kind: 'session-failed', what })
      : report({ ...about, kind: 'session-closed', why: what }),
  ])
  if (state.kind !== 'init-sent' || state.detours > 0 || state.refused !== undefined) return { sessions, outputs }
  return { sessions, outputs: outputs.map(one => (one.kind === 'refuse' ? { ...one, isSilent: true } : one)) }
}
