// Associations that quick mode made. They belong to the peer and not to the session that made them: in IKEv1 they live on
// when that is renewed or gone (RFC 2409 §5.5). The data plane has their keys; here stands what they are for.
import { type Address, sameAddress } from '../../base/address.ts'
import type { Spi } from '../../ipsec/association.ts'
import type { RuleId } from '../../policy/model.ts'
import type { ChildWish } from '../child-rule.ts'
import type { Credential, Identity } from '../credentials.ts'
import { isSameIdentity } from '../identity.ts'
import type { Instant, SessionId } from '../machine.ts'
import { isSameValue } from '../same-value.ts'
import { includes, type RangeSelector } from '../selectors.ts'

export interface Child {
  /** Own inbound SPI of the outermost header. */
  readonly name: Spi
  readonly peerSpi: Spi
  /** From the inside out. */
  readonly layers: readonly ChildLayer[]
  /** Of the outermost header. */
  readonly protocol: 'esp' | 'ah'
  readonly rule: RuleId
  readonly security: string
  readonly mode: 'transport' | 'tunnel'
  readonly ownSelectors: readonly RangeSelector[]
  readonly peerSelectors: readonly RangeSelector[]
  readonly standing: /** The peer asked for it and has not confirmed it yet: it receives. */
    | 'coming'
    | 'used'
    /** A newer one sends; it is deleted at `removeAt` by whoever made that. */
    | 'replaced'
    /** The peer deleted it; it receives until `removeAt`, for packets on their way. */
    | 'gone'
  /** This host asked for it. */
  readonly isOwn: boolean
  readonly session: SessionId
  readonly peer: PeerOfChild
  readonly since: Instant
  readonly replaces?: Spi
  readonly removeAt?: Instant
  /** The peer counts with less than the data plane was told. */
  readonly until?: Instant
}

export interface ChildLayer {
  readonly protocol: 'esp' | 'ah'
  readonly spi: Spi
  readonly peerSpi: Spi
}

export interface PeerOfChild {
  readonly address: Address
  readonly identity: Identity
  readonly credential: Credential
  /** A NAT stands before it: others may have the same address. */
  readonly isTranslated: boolean
}

/** Behind a NAT others have the address too, and who proves itself in another way may state the same identity. */
export function isSamePeer(a: PeerOfChild, b: PeerOfChild): boolean {
  const isSame = sameAddress(a.address, b.address) && isSameIdentity(a.identity, b.identity)
  return isSame && (!(a.isTranslated || b.isTranslated) || isProvedAlike(a, b))
}

export function isProvedAlike(a: PeerOfChild, b: PeerOfChild): boolean {
  return isSameValue(a.credential, b.credential)
}

/** Whether packets like the one that waits go through it. */
export function serves({ standing, rule, ownSelectors, peerSelectors }: Child, wish: ChildWish): boolean {
  const { flow } = wish
  if (standing !== 'used' || rule !== wish.rule || flow === undefined) return false
  return includes({ own: ownSelectors, peer: peerSelectors }, flow)
}

/** Both carry the same packets to the same peer. */
export function isSameUse(a: Child, b: Child): boolean {
  const isSame = a.rule === b.rule && a.mode === b.mode && isSamePeer(a.peer, b.peer)
  return isSame && textOf(a) === textOf(b)
}

function textOf({ ownSelectors, peerSelectors }: Child): string {
  return JSON.stringify([ownSelectors, peerSelectors])
}

/** Which of two that were made at the same moment stays: both ends answer the same. */
export function outranks(a: Child, b: Child): boolean {
  const rank = ({ name, peerSpi }: Child) => [Math.min(name, peerSpi), Math.max(name, peerSpi)] as const
  const [left, right] = [rank(a), rank(b)]
  return left[0] === right[0] ? left[1] > right[1] : left[0] > right[0]
}
