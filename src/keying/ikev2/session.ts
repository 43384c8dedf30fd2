// An IKE SA from one host's side, as a value (RFC 7296 §2). What is known in a state stands in that state and nowhere
// else; keys are wrapped, and wiped by whoever takes a session away.
import type { IkeKeys, IkeSpis, Nonces } from '../../crypto/ike-keys.ts'
import type { IkeSuite } from '../../crypto/ike-suites.ts'
import type { KeyExchangeMethod } from '../../crypto/key-exchange.ts'
import type { BegunKeyExchange, SharedSecret } from '../../crypto/run-key-exchange.ts'
import type { Spi } from '../../ipsec/association.ts'
import type { RuleId } from '../../policy/model.ts'
import type { TrafficSelector } from '../../wire/ike/traffic-selectors.ts'
import type { CertificateData } from '../certificate-payloads.ts'
import type { ChildWish } from '../child-rule.ts'
import type { ChildChoice, ChildOffers, IkeChoice } from '../choose-proposal.ts'
import type { Credential, Identity } from '../credentials.ts'
import type { ExchangeWindow } from '../exchange-window.ts'
import type { Instant, Path, Role, SessionId } from '../machine.ts'
import type { NatFindings } from '../nat-findings.ts'
import type { RangeSelector } from '../selectors.ts'

export type { ChildWish } from '../child-rule.ts'

export interface Session<S extends State = State> {
  readonly id: SessionId
  /** Of the IKE SA: who sent its first message, or the CREATE_CHILD_SA request that made it. */
  readonly role: Role
  /** Eight octets each; the responder's are zero until it has chosen them. */
  readonly spis: IkeSpis
  readonly path: Path
  readonly window: ExchangeWindow
  /** Pieces of one message that is not whole yet (RFC 7383 §2.6). */
  readonly pieces?: Pieces
  readonly state: S
}

export interface Pieces {
  readonly messageId: number
  readonly isResponse: boolean
  readonly total: number
  /** First type inside, from the first piece. */
  readonly firstInside: number
  /** Opened content by number. */
  readonly contents: ReadonlyMap<number, Uint8Array>
  /** The head of the first piece: what IntAuth covers (RFC 9242 §3.3.2). */
  readonly head?: Uint8Array
  /** The first piece as it came: the same octets again ask for the answer again (RFC 7383 §2.6.1). */
  readonly asked?: Uint8Array
}

export type State =
  | AwaitingInit
  | InitSent
  | AwaitingAuth
  | IntermediateSent
  | AuthSent
  | Established
  | Closing
  | Replaced
  | Closed
export type StateKind = State['kind']

/** What protects messages from the end of IKE_SA_INIT on. */
export interface Secured {
  readonly suite: IkeSuite
  readonly keys: IkeKeys
  /** Messages sealed under the present keys: no IV of a counter mode comes twice. */
  readonly sealed: number
  /** Both announced RFC 7383. */
  readonly mayFragment: boolean
}

/** A responder before the first message is judged; lives for one call. */
export interface AwaitingInit {
  readonly kind: 'awaiting-init'
}

export interface InitSent {
  readonly kind: 'init-sent'
  readonly wish: ChildWish
  readonly exchange: BegunKeyExchange
  readonly nonce: Uint8Array
  /** Octets of the last IKE_SA_INIT request, which AUTH covers. */
  readonly request: Uint8Array
  readonly cookie?: Uint8Array
  /** How often the responder asked for a cookie or another group: a liar must not keep us busy. */
  readonly detours: number
  /** Somebody answered so that nothing can come of it; until then another answer still counts. */
  readonly refused?: { readonly what: string; readonly until: Instant; readonly lacksVersion?: true }
}

/** What the peer said it can do, in IKE_SA_INIT. */
export interface PeerSupport {
  readonly fragmentation: boolean
  /** Numbers of SIGNATURE_HASH_ALGORITHMS; empty without. */
  readonly hashes: readonly number[]
  readonly intermediate: boolean
  readonly ppk: boolean
  readonly childless: boolean
}

/** What IKE_SA_INIT settled and IKE_AUTH proves. */
export interface Agreed {
  readonly choice: IkeChoice
  readonly nonces: Nonces
  /** Both messages, from the IKE header on, as they travelled. */
  readonly init: { readonly request: Uint8Array; readonly response: Uint8Array }
  readonly support: PeerSupport
  readonly nat: NatFindings
  /** Additional key exchanges still to be done, in order (RFC 9370). */
  readonly remaining: readonly KeyExchangeMethod[]
  /** IntAuth chains so far (RFC 9242 §3.3). */
  readonly chains: { readonly initiator?: Uint8Array; readonly responder?: Uint8Array }
  /** Seconds since when: half-open sessions end. */
  readonly since: Instant
  /** The peer's CERTREQs of IKE_SA_INIT. */
  readonly certificateRequests: readonly CertificateData[]
}

/** Responder: IKE_SA_INIT is answered. */
export interface AwaitingAuth {
  readonly kind: 'awaiting-auth'
  readonly secured: Secured
  readonly agreed: Agreed
}

export interface IntermediateSent {
  readonly kind: 'intermediate-sent'
  readonly secured: Secured
  readonly agreed: Agreed
  readonly wish: ChildWish
  readonly exchange: BegunKeyExchange
}

export interface AuthSent {
  readonly kind: 'auth-sent'
  readonly secured: Secured
  readonly agreed: Agreed
  readonly wish: ChildWish
  readonly own: OwnProof
  /** The child in the same exchange; absent where it is asked for afterwards (RFC 6023). */
  readonly child?: ChildBegun
  /** Keys without a PPK, where the peer may lack it (RFC 8784 §3). */
  readonly keysWithoutPpk?: IkeKeys
}

export interface OwnProof {
  readonly identity: Identity
  readonly credential: Credential
}

/** A child that we asked for. */
export interface ChildBegun {
  readonly wish: ChildWish
  /** Our inbound SPI. */
  readonly spi: Spi
  readonly nonce: Uint8Array
  readonly exchange?: BegunKeyExchange
  readonly ownSelectors: readonly TrafficSelector[]
  readonly peerSelectors: readonly TrafficSelector[]
  readonly mode: 'transport' | 'tunnel'
  /** What was proposed; nothing else is accepted. */
  readonly offers: ChildOffers
  /** The peer asked for another group, or for patience. */
  readonly detours: number
}

export interface Peer {
  readonly identity: Identity
  /** As a person reads it: identity, or subject of the certificate. */
  readonly name: string
  readonly credential: Credential
  readonly support: PeerSupport
  /** Unix seconds: what proved it is good for no longer, and so is any IKE SA that follows from the proof. */
  readonly until?: number
  /** It said INITIAL_CONTACT in IKE_AUTH: it knows of no session with us but this one. */
  readonly saysFirstContact?: true
}

export interface Established {
  readonly kind: 'established'
  readonly secured: Secured
  readonly choice: IkeChoice
  readonly own: OwnProof
  readonly peer: Peer
  readonly nat: NatFindings
  readonly children: readonly Child[]
  /** What our outstanding request is about; exactly while `window.outstanding` stands. */
  readonly task?: Task
  /** What we shall ask for next, in order. */
  readonly queue: readonly Intention[]
  /** Nothing of the queue is begun before, after TEMPORARY_FAILURE. */
  readonly notBefore?: Instant
  readonly establishedAt: Instant
  /** When the first message of this IKE SA came or went: INITIAL_CONTACT ends only what stood before. */
  readonly begunAt: Instant
  readonly rekeyAt: Instant
  readonly expiresAt: Instant
  /** The peer's last authentic word, in IKE or in an association. */
  readonly heardAt: Instant
  /** A datagram last left for the peer: NAT keepalives count from here. */
  readonly saidAt: Instant
  /**
   * The peer rekeyed this IKE SA while we do: what it made, still without children, and the nonces of its exchange. Which
   * of the two stays is known when ours is answered (RFC 7296 §2.8.1); until then nobody else has this session.
   */
  readonly peerRekey?: { readonly session: Session<Established>; readonly nonces: Nonces }
  /** Additional key exchanges of a CREATE_CHILD_SA that the peer began (RFC 9370 §2.2.4). */
  readonly followUp?: FollowUp
  /** Seconds of silence until the peer is asked, 0 for never; and between NAT keepalives. */
  readonly rhythm: { readonly liveness: number; readonly keepalive: number }
  /** Children that the peer deleted before its answer, which makes them, has come: by its inbound SPIs. */
  readonly deletedEarly?: readonly Spi[]
  /** Since when there has been no child. */
  readonly childlessSince?: Instant
  /** By when the peer's rekeys of this IKE SA and those before it would all have come, had they come at a decent pace. */
  readonly rekeysDue?: Instant
  /** A NAT gave the peer another port. */
  readonly moved?: Moved
}

/** Children from before `at` send to the port that the peer had then, until `renewAt` at the latest. */
export interface Moved {
  readonly at: Instant
  readonly renewAt: Instant
  /** They are renewed, or about to be. */
  readonly isDone?: true
}

/** Delete of the IKE SA is sent; nothing else matters any more. */
export interface Closing {
  readonly kind: 'closing'
  readonly secured: Secured
  readonly why: string
  /** Absent where it has not proved who it is. */
  readonly peer?: Peer
}

/** Another IKE SA has taken the children over; this one waits to be deleted by whoever has to. */
export interface Replaced {
  readonly kind: 'replaced'
  readonly secured: Secured
  readonly by: SessionId
  readonly peer: Peer
  /** We rekeyed and so we delete; the other side's turn otherwise, until then. */
  readonly closesAt: Instant
  /** Our delete is on its way. */
  readonly isDeleting?: true
}

/** Nothing is left but the last answer, for a peer that did not get it. */
export interface Closed {
  readonly kind: 'closed'
  readonly until: Instant
}

/** What a session wants to do next by a request of its own. */
export type Intention =
  | { readonly kind: 'make-child'; readonly wish: ChildWish; readonly detours?: number; readonly method?: number }
  | { readonly kind: 'rekey-child'; readonly name: Spi; readonly detours?: number; readonly method?: number }
  | { readonly kind: 'rekey-session'; readonly detours?: number; readonly method?: number }
  /** By own inbound SPIs. */
  | { readonly kind: 'delete-children'; readonly names: readonly Spi[]; readonly why: string }
  | { readonly kind: 'delete-session'; readonly why: string }
  /** An empty INFORMATIONAL request (RFC 7296 §2.4). */
  | { readonly kind: 'ask-whether-alive' }

export type Task =
  | { readonly kind: 'make-child'; readonly begun: ChildBegun }
  | {
      readonly kind: 'rekey-child'
      readonly begun: ChildBegun
      /** The peer rekeyed the same child meanwhile: the child it made, and the nonces of its exchange. */
      readonly peerRekey?: { readonly by: Spi; readonly nonces: Nonces }
      /** The old child was deleted by the peer meanwhile. */
      readonly isGone?: true
    }
  | {
      readonly kind: 'rekey-session'
      readonly exchange: BegunKeyExchange
      readonly nonce: Uint8Array
      readonly spi: Uint8Array
      readonly detours: number
    }
  | {
      readonly kind: 'follow-up'
      readonly followUp: FollowUp
      /** For the first of what remains. */
      readonly exchange: BegunKeyExchange
      readonly detours: number
      /** As in `rekey-child`. */
      readonly peerRekey?: { readonly by: Spi; readonly nonces: Nonces }
      readonly isGone?: true
    }
  | { readonly kind: 'delete-children'; readonly names: readonly Spi[]; readonly why: string }
  | { readonly kind: 'ask-whether-alive' }

/**
 * A CREATE_CHILD_SA whose additional key exchanges are under way: what IKE_FOLLOWUP_KE needs to finish it (RFC 9370
 * §2.2.4). What is being made stands in `makes`.
 */
export interface FollowUp {
  /** Data of ADDITIONAL_KEY_EXCHANGE, which ties the exchanges together. */
  readonly link: Uint8Array
  /** The next one first. */
  readonly remaining: readonly KeyExchangeMethod[]
  readonly shared: readonly SharedSecret[]
  readonly nonces: Nonces
  readonly makes: MadeChild | MadeSession
  readonly since: Instant
}

/** A child whose keys are not complete yet. */
export interface MadeChild {
  readonly kind: 'child'
  readonly terms: ChildTerms
  readonly wish: ChildWish
}

/** An IKE SA whose keys are not complete yet. */
export interface MadeSession {
  readonly kind: 'session'
  readonly choice: IkeChoice
  readonly spis: IkeSpis
}

/** What two hosts agreed on for a child, before there are keys. */
export interface ChildTerms {
  readonly choice: ChildChoice
  readonly mode: 'transport' | 'tunnel'
  /** That our policy picks for what leaves, and for what arrives: tunnels have one of each. */
  readonly rule: RuleId
  readonly inboundRule: RuleId
  readonly spi: Spi
  readonly peerSpi: Spi
  readonly ownSelectors: readonly RangeSelector[]
  readonly peerSelectors: readonly RangeSelector[]
  readonly replaces?: Spi
}

/** A pair of associations under this IKE SA. The data plane has the keys. */
export interface Child {
  /** Own inbound SPI. */
  readonly name: Spi
  /** Of the peer's inbound association. */
  readonly peerSpi: Spi
  readonly protocol: 'esp' | 'ah'
  readonly rule: RuleId
  readonly security: string
  readonly mode: 'transport' | 'tunnel'
  readonly ownSelectors: readonly RangeSelector[]
  readonly peerSelectors: readonly RangeSelector[]
  readonly standing:
    | 'used'
    /** A newer one sends; this one still receives until it is deleted. */
    | 'replaced'
    /** Our delete is on its way. */
    | 'deleting'
    /** Deleted on both sides; it still receives until `removeAt`, for packets on their way. */
    | 'gone'
  /** Which child it took the place of. */
  readonly replaces?: Spi
  readonly since: Instant
  readonly removeAt?: Instant
}

/** What every state after IKE_SA_INIT is protected with. */
export function securedOf(state: State): Secured | undefined {
  return 'secured' in state ? state.secured : undefined
}

export function sessionId(spi: Uint8Array): SessionId {
  return spi.toHex()
}

export function ownSpi({ role, spis }: Pick<Session, 'role' | 'spis'>): Uint8Array {
  return role === 'initiator' ? spis.initiator : spis.responder
}

export function inState<S extends State>(session: Session, state: S): Session<S> {
  return { ...session, state }
}
