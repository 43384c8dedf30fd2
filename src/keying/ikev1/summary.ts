// What status and monitor show of a session of IKEv1: names, algorithms, ages, never keys.
import type { SessionSummary } from '../session-summary.ts'
import type { Child } from './children.ts'
import type { Session } from './session.ts'

export function summaryOf({ id, role, path, state }: Session, made: readonly Child[]): SessionSummary {
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
