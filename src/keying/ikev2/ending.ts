// The end of a session: what leaves with it, and what stays for a while to answer a peer that did not hear the last word.
import { wipeIkeKeys, wipeSecrets } from '../../crypto/ike-keys.ts'
import { withoutRequest } from '../exchange-window.ts'
import type { KeyingOutput, World } from '../machine.ts'
import { type Closed, type Established, type Session, type State, securedOf } from './session.ts'

/** Seconds that the last answer is kept: longer than a peer repeats its request at a usual pace. */
const LINGER = 30

/** Nothing is left: children go from the data plane, packets that wait are told, keys are wiped. */
export function ended(
  session: Session,
  reports: readonly KeyingOutput[],
): { readonly sessions: readonly Session[]; readonly outputs: readonly KeyingOutput[] } {
  const outputs = [...waitingFlows(session), ...childrenGone(session), ...reports]
  forget(session.state)
  if (session.state.kind === 'established') forgetHeir(session.state)
  return { sessions: [], outputs }
}

/** The same session with nothing but its last answer. Whoever calls wipes the keys, after the answer is sealed with them. */
export function lingering(session: Session, { now }: World): Session<Closed> {
  const { pieces: _, window, ...rest } = session
  // What we asked ourselves nobody will answer any more.
  return { ...rest, window: withoutRequest(window), state: { kind: 'closed', until: now + LINGER } }
}

export function childrenGone({ state }: Session): readonly KeyingOutput[] {
  if (state.kind !== 'established' || state.children.length === 0) return []
  return [{ kind: 'remove', names: state.children.map(child => child.name) }]
}

/** Packets that wait for what will not come. */
export function waitingFlows({ state }: Session): readonly KeyingOutput[] {
  return wishesOf(state).flatMap(({ rule, flow }) =>
    flow === undefined ? [] : [{ kind: 'refuse', rule, flow } as const],
  )
}

function wishesOf(state: State) {
  if (state.kind === 'init-sent' || state.kind === 'intermediate-sent' || state.kind === 'auth-sent')
    return [state.wish]
  if (state.kind !== 'established') return []
  const { task, queue } = state
  const asked = task !== undefined && 'begun' in task ? [task.begun.wish] : []
  return [...asked, ...queue.flatMap(one => (one.kind === 'make-child' ? [one.wish] : []))]
}

/** What the peer's rekey made, where nobody goes on with it. */
export function forgetHeir({ peerRekey }: Established): void {
  if (peerRekey !== undefined) wipeIkeKeys(peerRekey.session.state.secured.keys)
}

/** Overwrites what only this session has. */
export function forget(state: State): void {
  const secured = securedOf(state)
  if (secured !== undefined) wipeIkeKeys(secured.keys)
  if ('exchange' in state) state.exchange.close()
  if (state.kind === 'auth-sent' && state.keysWithoutPpk !== undefined) wipeIkeKeys(state.keysWithoutPpk)
  if (state.kind === 'established') wipeSecrets(state.followUp?.shared ?? [])
  if (state.kind !== 'established' || state.task === undefined) return
  const { task } = state
  if ('exchange' in task) task.exchange.close()
  if ('begun' in task) task.begun.exchange?.close()
  if ('followUp' in task) wipeSecrets(task.followUp.shared)
}
