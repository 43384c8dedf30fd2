// What status and monitor show of sessions: names, algorithms, ages, never keys.

import type { Child as ChildV1 } from './ikev1/children.ts'
import type { StateKind as StateKindV1 } from './ikev1/session.ts'
import type { Child, Session, StateKind } from './ikev2/session.ts'
import type { Instant, Path, Role, SessionId } from './machine.ts'

export interface ChildSummary
  extends Pick<Child, 'name' | 'peerSpi' | 'protocol' | 'rule' | 'security' | 'mode' | 'since'> {
  readonly standing: Child['standing'] | ChildV1['standing']
}

export interface SessionSummary {
  readonly id: SessionId
  /** Of IKE. */
  readonly version: 1 | 2
  readonly role: Role
  readonly state: StateKind | StateKindV1
  readonly path: Path
  /** From here on where the peer has proved itself. */
  readonly peerName?: string
  /** As the policy's list names it. */
  readonly offer?: string
  readonly establishedAt?: Instant
  readonly rekeyAt?: Instant
  readonly expiresAt?: Instant
  readonly heardAt?: Instant
  readonly children: readonly ChildSummary[]
}

export function summaryOf({ id, role, path, state }: Session): SessionSummary {
  const summary = { id, version: 2, role, state: state.kind, path, children: [] } as const
  if (state.kind !== 'established') return 'peer' in state ? { ...summary, peerName: state.peer.name } : summary
  const { peer, choice, establishedAt, rekeyAt, expiresAt, heardAt } = state
  const children = state.children.map(({ name, peerSpi, protocol, rule, security, mode, standing, since }) => ({
    ...{ name, peerSpi, protocol, rule },
    ...{ security, mode, standing, since },
  }))
  return {
    ...{ ...summary, peerName: peer.name, offer: choice.offer },
    ...{ establishedAt, rekeyAt, expiresAt, heardAt, children },
  }
}
