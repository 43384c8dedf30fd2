// Two hosts that begin at the same moment get two of what one needs; RFC 7296 §2.8.1 has a rule for rekeying and none for
// this. Ours (docs/decisions/0006): both ends see by SPIs which of the two loses; the maker of the other one, which alone
// is sure that both ends have it, closes the loser. And what a peer that starts anew has forgotten.
import { sameAddress } from '../../base/address.ts'
import { isSameIdentity } from '../identity.ts'
import type { NatClaim } from '../machine.ts'
import { isSameValue } from '../same-value.ts'
import { overlap } from '../selectors.ts'
import type { Child, Established, Session } from './session.ts'

/** Sessions with one peer: it takes one for each way in which rules want it to prove itself. */
const MOST_SESSIONS = 64
/** Where a NAT puts many hosts behind one address. */
const MOST_OF_ADDRESS = 1024

export type Standing = Session<Established>

export interface ChildOfSession {
  readonly session: Standing
  readonly child: Child
}

export function isEstablished(session: Session | undefined): session is Standing {
  return session?.state.kind === 'established'
}

/** Whether it still takes wishes. */
export function isUsable(session: Session | undefined): session is Standing {
  return isEstablished(session) && !session.state.queue.some(({ kind }) => kind === 'delete-session')
}

export function isSamePeer(a: Standing, b: Standing): boolean {
  const isSameEnd = sameAddress(a.path.remote.address, b.path.remote.address)
  return isSameEnd && isSameIdentity(a.state.peer.identity, b.state.peer.identity)
}

/**
 * Neither stood when the other began, as far as can be told from one end: a first message may have been on its way for
 * `window` seconds. One that began later was meant: its maker knew of the first, or has lost it.
 */
function areSimultaneous(a: Established, b: Established, window: number): boolean {
  return a.establishedAt + window >= b.begunAt && b.establishedAt + window >= a.begunAt
}

/** Both carry the same packets, and were made because each host asked before it knew of the other's. */
export function areRivals(a: ChildOfSession, b: ChildOfSession, window: number): boolean {
  if (a.child.name === b.child.name || !isSameUse(a.child, b.child)) return false
  if (a.session.id === b.session.id) return Math.abs(a.child.since - b.child.since) <= window
  return isSamePeer(a.session, b.session) && areSimultaneous(a.session.state, b.session.state, window)
}

/** What replaces another, or is overtaken by what does, is RFC 7296 §2.8.1's to settle. */
function isSettledElsewhere({ standing, replaces, removeAt }: Child): boolean {
  return standing !== 'used' || replaces !== undefined || removeAt !== undefined
}

function isSameUse(a: Child, b: Child): boolean {
  if (isSettledElsewhere(a) || isSettledElsewhere(b)) return false
  const isSame = a.rule === b.rule && a.mode === b.mode && a.protocol === b.protocol && a.security === b.security
  return isSame && textOf(a) === textOf(b)
}

function textOf({ ownSelectors, peerSelectors }: Child): string {
  return JSON.stringify([ownSelectors, peerSelectors])
}

/** Whether `a` is the one to stay. Both ends answer the same. */
export function wins(a: ChildOfSession, b: ChildOfSession): boolean {
  return rankOf(a, b) > rankOf(b, a)
}

function rankOf({ session, child }: ChildOfSession, other: ChildOfSession): string {
  if (session.id !== other.session.id) return session.spis.initiator.toHex()
  return Math.min(child.name, child.peerSpi).toString(16).padStart(8, '0')
}

/** Whether one of the sessions is another host's behind the same NAT, with an association for some of that traffic. */
export function isAnothers(ofAddress: readonly Session[], { session, identity, selectors }: NatClaim): boolean {
  return ofAddress.some(({ id, state }) => {
    if (state.kind !== 'established' || id === session || !state.nat.beforePeer) return false
    if (isSameIdentity(state.peer.identity, identity)) return false
    return state.children.some(
      ({ mode, standing, ownSelectors: own, peerSelectors: peer }) =>
        mode === 'transport' && standing !== 'gone' && overlap({ own, peer }, selectors),
    )
  })
}

/** Sessions that a peer which knows of none but `session` has forgotten: those that stood before it began. */
export function isForgotten(other: Session, session: Standing): other is Standing {
  if (!isEstablished(other) || other.id === session.id || !isSamePeer(other, session)) return false
  // What one knows who has a pre-shared key ends nothing that a certificate has proved.
  if (!isSameValue(other.state.peer.credential, session.state.peer.credential)) return false
  return other.state.establishedAt < session.state.begunAt
}

/**
 * One peer, however honest it seems, has only so much of this host's memory. Without a NAT the address says who it is, for
 * it may have many names; behind one its own oldest session goes, and where all together have too many the newest, so that
 * nobody is cut off by its neighbours.
 */
export function oneTooMany(session: Standing, ofAddress: readonly Session[]): Standing | undefined {
  const all = ofAddress.filter(isUsable)
  const own = session.state.nat.beforePeer ? all.filter(other => isSamePeer(other, session)) : all
  if (own.length > MOST_SESSIONS) {
    return own.reduce((one, other) => (other.state.establishedAt < one.state.establishedAt ? other : one))
  }
  return all.length > MOST_OF_ADDRESS ? session : undefined
}
