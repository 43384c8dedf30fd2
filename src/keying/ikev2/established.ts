// A session that stands: how it begins, from IKE_AUTH or from another session, and how its children come and go. When to
// renew is drawn at random within a share of the lifetime, so that the two ends seldom renew at the same moment.
import type { Spi } from '../../ipsec/association.ts'
import { notification } from '../../wire/ike/notify.ts'
import { protocolIds } from '../../wire/ike/numbers.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { softShare } from '../child-lifetime.ts'
import type { ChildContext } from '../child-rule.ts'
import type { IkeChoice } from '../choose-proposal.ts'
import { type Instant, type KeyingOutput, report, type World } from '../machine.ts'
import type { NatFindings } from '../nat-findings.ts'
import { forgetHeir, waitingFlows } from './ending.ts'
import { withoutFollowUp } from './fresh-exchange.ts'
import {
  type Child,
  type Closing,
  type Established,
  type Intention,
  inState,
  type Moved,
  type OwnProof,
  type Peer,
  type Secured,
  type Session,
} from './session.ts'
import type { Step } from './step.ts'

/** RFC 7296 §2.8 leaves it to each end; eight hours are what Windows has, too. */
const IKE_LIFETIME = 28_800
const LIVENESS = 30

export interface EstablishedParts {
  readonly secured: Secured
  readonly choice: IkeChoice
  readonly own: OwnProof
  readonly peer: Peer
  readonly nat: NatFindings
  readonly children: readonly Child[]
  readonly begunAt: Instant
  readonly queue?: readonly Intention[]
}

/** From now on; the lifetime begins. */
export function establish(parts: EstablishedParts, world: World): Established {
  const { now, policy, settings } = world
  const { lifetime, liveness = LIVENESS } = policy.policy.ike ?? {}
  const { seconds } = lifetime ?? { seconds: IKE_LIFETIME }
  // A rekey asks for no new proof: without this one certificate would be good for ever.
  const left = parts.peer.until === undefined ? seconds : parts.peer.until - world.date
  const state: Established = {
    kind: 'established',
    queue: [],
    ...parts,
    establishedAt: now,
    rekeyAt: now + seconds * softShare(world),
    expiresAt: now + Math.max(0, Math.min(seconds, left)),
    heardAt: now,
    saidAt: now,
    rhythm: { liveness, keepalive: settings.keepalive },
  }
  return withChildren(state, parts.children, now)
}

/** The state with other children. How long there have been none is counted. */
export function withChildren(state: Established, children: readonly Child[], now: Instant): Established {
  const { childlessSince, ...rest } = state
  if (children.some(isThere)) return { ...rest, children }
  return { ...rest, children, childlessSince: childlessSince ?? now }
}

/** Whether both hosts still have it. */
export function isThere({ standing }: Child): boolean {
  return standing !== 'gone'
}

export function childNamed({ children }: Established, name: Spi): Child | undefined {
  return children.find(child => child.name === name && isThere(child))
}

export function withChild(state: Established, changed: Child): readonly Child[] {
  return state.children.map(child => (child.name === changed.name ? changed : child))
}

export function withoutTask({ task: _, deletedEarly: __, ...state }: Established): Established {
  return state
}

export function contextOf({ id, path, state }: Session<Established>): ChildContext {
  const { credential, identity } = state.peer
  return { keying: 'ikev2', path, nat: state.nat, session: { id, peerCredential: credential, peerIdentity: identity } }
}

/** Seconds between two renewals for the sake of a port: who changes it with every message keeps nobody busy. */
const BETWEEN_MOVES = 10

/** What a further change of the peer's port is. */
export function movedAgain(before: Moved | undefined, now: Instant): Moved {
  if (before === undefined) return { at: now, renewAt: now }
  const renewAt = before.isDone === true ? Math.max(now, before.renewAt + BETWEEN_MOVES) : before.renewAt
  return { at: now, renewAt }
}

/** What events tell of a session. */
export function about({ id, path }: Pick<Session, 'id' | 'path'>) {
  return { session: id, peer: path.remote.address } as const
}

export function warning(session: Session, what: string): KeyingOutput {
  return report({ ...about(session), kind: 'warning', what })
}

/** What took, or is about to take, the place of a child. */
export function successorOf({ children }: Established, name: Spi): Child | undefined {
  return children.find(other => other.replaces === name && other.standing === 'used')
}

export interface ChildrenChange {
  readonly state: Established
  readonly outputs: readonly KeyingOutput[]
}

/**
 * A child that the other end does not have any more. What took its place begins to send, where it did not; a replaced one
 * receives for a while yet, another ends at once (RFC 7296 §2.8).
 */
export function childEnded(session: Session<Established>, name: Spi, why: string, world: World): ChildrenChange {
  const { state } = session
  const child = childNamed(state, name)
  if (child === undefined) return { state, outputs: [] }
  const successor = successorOf(state, name)
  const closed = report({ ...about(session), kind: 'child-closed', name, why })
  if (successor === undefined && child.removeAt === undefined) {
    const left = state.children.filter(other => other !== child)
    // Where the delete was ours, it is out of the data plane already.
    const remove: readonly KeyingOutput[] = child.standing === 'deleting' ? [] : [{ kind: 'remove', names: [name] }]
    return { state: withChildren(state, left, world.now), outputs: [...remove, closed] }
  }
  const gone: Child = { ...child, standing: 'gone', removeAt: world.now + world.settings.overlap }
  // Where we made the successor ourselves, it sends already.
  const begins: readonly KeyingOutput[] =
    successor === undefined || child.standing !== 'used' ? [] : [{ kind: 'begin-sending', name: successor.name }]
  return { state: withChildren(state, withChild(state, gone), world.now), outputs: [...begins, closed] }
}

/** The other protocols of IKE have no SPI to name by here (RFC 7296 §3.10). */
export function aboutChild(protocol: Child['protocol'], spi: Spi) {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, spi)
  return { protocol: protocolIds.of[protocol === 'esp' ? 'ESP' : 'AH'], spi: bytes }
}

/** Delete of children, by our own inbound SPIs (RFC 7296 §1.4.1): a payload for each protocol. */
export function deletionsOf(children: readonly Child[]): readonly Payload[] {
  return (['esp', 'ah'] as const).flatMap(protocol => {
    const named = children.filter(child => child.protocol === protocol).map(({ name }) => aboutChild(protocol, name))
    const [first] = named
    if (first === undefined) return []
    return [payload('delete', { protocol: first.protocol, spiSize: 4, spis: named.map(({ spi }) => spi) })]
  })
}

export function sessionDeletion(): Payload {
  return payload('delete', { protocol: protocolIds.of.IKE, spiSize: 0, spis: [] })
}

/** Our farewell: the children end at once, and the peer is told. Only where no request is outstanding. */
export function closeSession(session: Session<Established>, why: string, first: readonly Payload[] = []): Step {
  const { secured, peer, children } = withoutFollowUp(session.state)
  forgetHeir(session.state)
  const closing: Closing = { kind: 'closing', secured, why, peer }
  const removed: readonly KeyingOutput[] =
    children.length === 0 ? [] : [{ kind: 'remove', names: children.map(({ name }) => name) }]
  const outputs = [...waitingFlows(session), ...removed, report({ ...about(session), kind: 'session-closed', why })]
  const request = { exchange: 'INFORMATIONAL', payloads: [...first, sessionDeletion()] } as const
  return { session: inState(session, closing), request, outputs }
}

/** The peer answered with what cannot be its answer: nothing of it can be relied on any more (RFC 7296 §2.21.3). */
export function closeForSyntax(session: Session<Established>, what: string): Step {
  return closeSession(session, `the peer's answer is not in order: ${what}`, [notification('INVALID_SYNTAX', {})])
}
