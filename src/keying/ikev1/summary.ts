// What status and monitor show of a session of IKEv1: names, algorithms, ages, never keys.
import type { SessionSummary } from '../session-summary.ts'
import { type Child, isSamePeer } from './children.ts'
import { peerOf } from './quick-agreement.ts'
import { type Established, isEstablished, type Session } from './session.ts'

/** Of sessions that are gone, `heirOf` has the children: the newest with the peer. */
export function summariesOf(
  sessions: readonly Session[],
  children: readonly Child[],
  heirOf: (peer: Child['peer']) => Session<Established> | undefined,
): readonly SessionSummary[] {
  const held = new Set(sessions.map(({ id }) => id))
  const orphans = children.filter(({ session }) => !held.has(session))
  return sessions.map(session => {
    const isHeir = isEstablished(session) && heirOf(peerOf(session))?.id === session.id
    const inherited = isHeir ? orphans.filter(({ peer }) => isSamePeer(peer, peerOf(session))) : []
    return summaryOf(session, [...children.filter(one => one.session === session.id), ...inherited])
  })
}

function summaryOf({ id, role, path, state }: Session, made: readonly Child[]): SessionSummary {
  const children = made.map(({ name, peerSpi, protocol, rule, security, mode, standing, since }) => ({
    ...{ name, peerSpi, protocol, rule },
    ...{ security, mode, standing, since },
  }))
  const summary = { id, version: 1, role, state: state.kind, path, children } as const
  if (state.kind !== 'established')
    return state.kind === 'closing' ? { ...summary, peerName: state.peer.name } : summary
  const { peer, choice, establishedAt, rekeyAt, expiresAt, heardAt } = state
  return { ...summary, peerName: peer.name, offer: choice.offer, establishedAt, rekeyAt, expiresAt, heardAt }
}
