// A rekeyed IKE SA has its keys: who inherits the children, who deletes the old one, and which of two stays where both
// hosts rekeyed at once (RFC 7296 §2.8, §2.8.1, §2.18, §2.25.2).
import { type IkeKeys, ikeKeysOf, type Nonces, rekeySeed, wipeSecrets } from '../../crypto/ike-keys.ts'
import type { SharedSecret } from '../../crypto/run-key-exchange.ts'
import { newWindow } from '../exchange-window.ts'
import { type KeyingOutput, type Role, report, type World } from '../machine.ts'
import { about, establish, sessionDeletion, withChildren, withoutTask } from './established.ts'
import { isRedundant, withoutFollowUp } from './fresh-exchange.ts'
import {
  type Established,
  type Intention,
  inState,
  type MadeSession,
  type Replaced,
  type Session,
  sessionId,
} from './session.ts'
import type { Step } from './step.ts'
import { keysTold } from './tell-keys.ts'

/** Seconds that the peer has to delete what it replaced; then we do. */
const PEER_DELETES = 30

/** Without children and wishes: who inherits is told by the callers. The secrets are used up. */
function made(
  old: Session<Established>,
  { choice, spis }: MadeSession,
  shared: readonly SharedSecret[],
  nonces: Nonces,
  role: Role,
  world: World,
): { readonly session: Session<Established>; readonly outputs: readonly KeyingOutput[] } {
  const { secured, own, peer, nat } = old.state
  const [first, ...more] = shared
  const seed = rekeySeed(secured.suite.prf, secured.keys.derivation, [first!, ...more], nonces)
  const keys: IkeKeys = ikeKeysOf(choice.suite, seed, nonces, spis)
  wipeSecrets([seed, ...shared])
  const { mayFragment } = secured
  const parts = { secured: { suite: choice.suite, keys, sealed: 0, mayFragment }, choice, own, peer, nat }
  const state = establish({ ...parts, children: [], begunAt: world.now }, world)
  const id = sessionId(role === 'initiator' ? spis.initiator : spis.responder)
  const session: Session<Established> = { id, role, spis, path: old.path, window: newWindow, state }
  return { session, outputs: keysTold(session, state.secured, world) }
}

/** Children and wishes go on under the new one; only a rekey of the old one is nobody's wish any more. */
function inheriting(heir: Session<Established>, old: Session<Established>, world: World): Session<Established> {
  const { children, queue, childlessSince, moved, rekeysDue } = old.state
  const { childlessSince: _, ...fresh } = heir.state
  // A session for nobody is not kept by renewing it.
  const bare = childlessSince === undefined ? fresh : { ...fresh, childlessSince }
  const state = withChildren(bare, children, world.now)
  const kept = queue.filter(({ kind }) => kind !== 'rekey-session')
  const kin = { ...(moved === undefined ? {} : { moved }), ...(rekeysDue === undefined ? {} : { rekeysDue }) }
  return { ...heir, path: old.path, state: { ...state, ...kin, queue: [...state.queue, ...kept] } }
}

function replacedBy(
  old: Session<Established>,
  { id }: Pick<Session, 'id'>,
  more: Pick<Replaced, 'closesAt' | 'isDeleting'>,
): Session<Replaced> {
  const { secured, peer } = withoutFollowUp(old.state)
  return inState<Replaced>(old, { kind: 'replaced', secured, by: id, peer, ...more })
}

function told(old: Session, by: Session<Established>): KeyingOutput {
  return report({ ...about(old), kind: 'session-rekeyed', by: by.id, offer: by.state.choice.offer })
}

/** As the responder. While we rekey too, nobody inherits before our own exchange is over. */
export function sessionMadeByPeer(
  old: Session<Established>,
  making: MadeSession,
  shared: readonly SharedSecret[],
  nonces: Nonces,
  world: World,
): Step {
  const { session, outputs } = made(old, making, shared, nonces, 'responder', world)
  const { task } = old.state
  const isOurs =
    task?.kind === 'rekey-session' || (task?.kind === 'follow-up' && task.followUp.makes.kind === 'session')
  if (isOurs) {
    return { session: { ...old, state: { ...old.state, peerRekey: { session, nonces } } }, outputs }
  }
  return { ...inherited(old, session, world), outputs: [...outputs, told(old, session)] }
}

function inherited(old: Session<Established>, heir: Session<Established>, world: World) {
  const closesAt = world.now + PEER_DELETES
  return { session: replacedBy(old, heir, { closesAt }), siblings: [inheriting(heir, old, world)] }
}

/** The peer's one stays, and ours never came to be: it refused, or it deletes the old one already. */
export function peersSessionStays(old: Session<Established>, world: World): Pick<Step, 'siblings' | 'outputs'> {
  const { peerRekey } = old.state
  if (peerRekey === undefined) return { outputs: [] }
  const { siblings } = inherited(old, peerRekey.session, world)
  return { siblings, outputs: [told(old, peerRekey.session)] }
}

/** The same where the old one is still to be deleted. */
export function giveWay(old: Session<Established>, by: Session<Established>, world: World): Step {
  return { ...inherited(old, by, world), outputs: [told(old, by)] }
}

/** As the initiator. `old` has no task any more. */
export function sessionMadeByUs(
  old: Session<Established>,
  making: MadeSession,
  shared: readonly SharedSecret[],
  nonces: Nonces,
  world: World,
): Step {
  const { session: ours, outputs } = made(old, making, shared, nonces, 'initiator', world)
  const { peerRekey, followUp } = old.state
  const underWay = followUp?.makes.kind === 'session' ? followUp.nonces : undefined
  const theirs = peerRekey?.nonces ?? underWay
  if (theirs !== undefined && isRedundant(nonces, theirs)) {
    // Ours has the lowest nonce, so that we delete it (RFC 7296 §2.8.1).
    const queue: readonly Intention[] = [{ kind: 'delete-session', why: 'both hosts rekeyed at once' }]
    const redundant: Session<Established> = { ...ours, state: { ...ours.state, queue } }
    if (peerRekey === undefined) return { session: old, siblings: [redundant], outputs }
    const way = giveWay(old, peerRekey.session, world)
    return { ...way, siblings: [...(way.siblings ?? []), redundant], outputs: [...outputs, ...way.outputs] }
  }
  const siblings = [inheriting(ours, old, world), ...(peerRekey === undefined ? [] : [peerRekey.session])]
  const replaced = replacedBy(old, ours, { closesAt: world.now, isDeleting: true })
  const request = { exchange: 'INFORMATIONAL', payloads: [sessionDeletion()] } as const
  return { session: replaced, siblings, request, outputs: [...outputs, told(old, ours)] }
}

export function withoutTaskOf(session: Session<Established>): Session<Established> {
  return { ...session, state: withoutTask(session.state) }
}
