// A main mode SA of IKEv1 from one host's side, as a value (RFC 2409 §5), with the exchanges under it that are not over.
// What is known in a state stands in that state and nowhere else. Children are not part of it: in IKEv1 they outlive the
// session that made them (children.ts).
import type { SecretOctets } from '../../crypto/ike-keys.ts'
import type { Cookies, Ike1Keys, PublicValues } from '../../crypto/ike1-keys.ts'
import type { Ike1Suite } from '../../crypto/ike1-suites.ts'
import type { BegunKeyExchange } from '../../crypto/run-key-exchange.ts'
import type { Spi } from '../../ipsec/association.ts'
import type { RuleId } from '../../policy/model.ts'
import type { ChildWish } from '../child-rule.ts'
import type { Child1Choice, Child1Offers } from '../choose-child-v1.ts'
import type { Ike1Choice } from '../choose-proposal-v1.ts'
import type { Credential, Identity } from '../credentials.ts'
import type { Instant, Path, Role, SessionId } from '../machine.ts'
import type { NatFindings } from '../nat-findings.ts'
import type { RangeSelector } from '../selectors.ts'
import type { Flight } from './flight.ts'
import type { Gathered } from './fragments.ts'
import type { KerberosDialect } from './kerberos.ts'
import type { UsedIds } from './message-ids.ts'

export interface Session<S extends State = State> {
  readonly id: SessionId
  /** Who sent the first message of main mode. */
  readonly role: Role
  /** The responder's is zero until it has chosen it. */
  readonly cookies: Cookies
  readonly path: Path
  /** The rule by which it was begun, or that its peer was taken by. */
  readonly rule: RuleId
  readonly support: PeerSupport
  /** Of one message that is not whole yet ([MS-IKEE] §2.2.3.1). */
  readonly gathered?: Gathered
  readonly begunAt: Instant
  readonly state: S
}

export type State = SaSent | SaAnswered | KeySent | KeyAnswered | ProofSent | AwaitingKerberos | Established | Closing
export type StateKind = State['kind']

/** What the peer's vendor IDs say. */
export interface PeerSupport {
  /** The form of NAT traversal; both are told, RFC 3947's is preferred. */
  readonly nat: 'rfc' | 'draft' | 'none'
  readonly deadPeerDetection: boolean
  readonly fragmentation: boolean
  /** It has sent fragments itself: large messages go in pieces at once. */
  readonly hasFragmented: boolean
  readonly isWindows: boolean
  /** It answers a delete that has a nonce, as a Windows does ([MS-IKEE] §3.1), and another host of this kind. */
  readonly answersDelete: boolean
  /** 65001 is Kerberos with those, and something else with others. */
  readonly kerberos: boolean
}

/** Keys, and the IV of the next message of main mode. */
export interface Secured {
  readonly suite: Ike1Suite
  readonly keys: Ike1Keys
  readonly iv: Uint8Array
}

/** Both KE payloads and nonces went. */
export interface Exchanged {
  readonly values: PublicValues
  readonly nonces: { readonly initiator: Uint8Array; readonly responder: Uint8Array }
  readonly nat: NatFindings
  /** Names in DER of the authorities that the peer asks for a certificate of; empty names stand for any. */
  readonly requests: readonly Uint8Array[]
}

/** What main mode is about from its second message on. */
export interface MainMode {
  readonly choice: Ike1Choice
  /** SAi_b: what the proofs cover of the first message. */
  readonly association: Uint8Array
}

export interface SaSent {
  readonly kind: 'sa-sent'
  /** How often a Windows asked for a cookie ([MS-IKEE] §3.9). */
  readonly cookies?: number
  readonly wishes: readonly ChildWish[]
  readonly association: Uint8Array
  readonly flight: Flight
  readonly refused?: Refused
}

/** An error in clear, which anybody can write: what was sent stays on its way for a while. */
export interface Refused {
  readonly what: string
  readonly until: Instant
}

export interface SaAnswered {
  readonly kind: 'sa-answered'
  readonly main: MainMode
  readonly flight: Flight
}

export interface KeySent {
  readonly kind: 'key-sent'
  readonly wishes: readonly ChildWish[]
  readonly main: MainMode
  readonly exchange: BegunKeyExchange
  readonly nonce: Uint8Array
  readonly kerberos?: KerberosSoFar
  readonly flight: Flight
  readonly refused?: Refused
}

/** Responder: with pre-shared keys the identity comes too late to choose one, so that there are keys for each. */
export interface KeyAnswered {
  readonly kind: 'key-answered'
  readonly main: MainMode
  readonly exchanged: Exchanged
  readonly candidates: readonly Candidate[]
  readonly kerberos?: KerberosSoFar
  readonly flight: Flight
  /** A proof that was none was told of already. */
  readonly hasFailed?: true
  /** How many proofs were looked at that were none. */
  readonly proofs?: number
}

export interface Candidate {
  readonly secured: Secured
  /** Only of a pre-shared key. */
  readonly credential?: Credential
}

export interface ProofSent {
  readonly kind: 'proof-sent'
  readonly wishes: readonly ChildWish[]
  readonly main: MainMode
  readonly exchanged: Exchanged
  readonly secured: Secured
  readonly own: OwnProof
  readonly kerberos?: KerberosSoFar
  readonly flight: Flight
  readonly refused?: Refused
}

export interface OwnProof {
  readonly identity: Identity
  readonly credential: Credential
}

/** Names and tokens of a GSS context so far, as the proofs cover them. */
export interface KerberosSoFar {
  readonly credential: Credential & { readonly kind: 'kerberos' }
  readonly ownName?: Uint8Array
  readonly peerName?: Uint8Array
  readonly ownTokens: readonly Uint8Array[]
  readonly peerTokens: readonly Uint8Array[]
  /** The peer's principal, once the context stands. */
  readonly principal?: string
  /** How the hashes have the names, and tokens their front; an answer is as the peer's. */
  readonly dialect: KerberosDialect
}

/** The system's Kerberos was asked; `step` is what its answer is for. */
export interface AwaitingKerberos {
  readonly kind: 'awaiting-kerberos'
  readonly wishes: readonly ChildWish[]
  readonly main: MainMode
  readonly kerberos: KerberosSoFar
  readonly step: KerberosStep
  /** What was sent before, for a peer that asks again. */
  readonly flight: Flight
  readonly until: Instant
}

export type KerberosStep =
  /** Initiator: a token for message 3. */
  | { readonly kind: 'first-token'; readonly answers: Uint8Array }
  /** Responder: message 3 has come, and a token for message 4 is wanted. */
  | {
      readonly kind: 'answer-token'
      readonly answers: Uint8Array
      readonly exchanged: Exchanged
      readonly shared: SecretOctets
    }
  /** Initiator: message 4 has come; is its token right? */
  | {
      readonly kind: 'last-token'
      readonly answers: Uint8Array
      readonly exchanged: Exchanged
      readonly secured: Secured
    }
  /** Our hash is wrapped: for message 5, or, with the peer proved, for message 6. */
  | {
      readonly kind: 'wrap'
      readonly answers: Uint8Array
      readonly exchanged: Exchanged
      readonly secured: Secured
      readonly peer?: Peer
    }
  /** The peer's hash is unwrapped, to be compared with one of these. */
  | {
      readonly kind: 'unwrap'
      readonly answers: Uint8Array
      readonly exchanged: Exchanged
      readonly secured: Secured
      readonly identity: Identity
      readonly wanted: readonly Uint8Array[]
      readonly own?: OwnProof
      readonly isFirst: boolean
      readonly saysFirstContact?: true
    }

export interface Peer {
  readonly identity: Identity
  /** As a person reads it. */
  readonly name: string
  readonly credential: Credential
  /** Unix seconds: what proved it is good for no longer. */
  readonly until?: number
  /** It knows of no session with us but this one. */
  readonly saysFirstContact?: true
  readonly warnings: readonly string[]
}

export interface Established {
  readonly kind: 'established'
  readonly secured: Secured
  readonly choice: Ike1Choice
  readonly own: OwnProof
  readonly peer: Peer
  readonly nat: NatFindings
  /** The last message of main mode, for a peer that did not get it. */
  readonly last: Flight
  /** Exchanges under way, or over so lately that the peer may ask again, by their message IDs. */
  readonly exchanges: ReadonlyMap<number, Exchange>
  /** Message IDs that were used; it only grows, and all values of the session share it. */
  readonly used: UsedIds
  readonly queue: readonly ChildWish[]
  /** How many quick modes were made under it. */
  readonly quickModes: number
  /** And how many the peer made. */
  readonly peerQuickModes: number
  readonly establishedAt: Instant
  readonly rekeyAt: Instant
  readonly expiresAt: Instant
  readonly heardAt: Instant
  /** A datagram last left for the peer: NAT keepalives count from here. */
  readonly saidAt: Instant
  /** A question whether the peer is there (RFC 3706). */
  readonly asking?: Asking
  readonly sequence: number
  readonly rhythm: { readonly liveness: number; readonly keepalive: number }
  /** Another session with the peer took its place; it ends then. */
  readonly replacedAt?: Instant
}

/** Each repetition has the next number: a peer refuses what it has seen. */
export interface Asking {
  readonly first: number
  readonly last: number
  readonly dueAt: Instant
  readonly wait: number
}

/** Our farewell to a Windows, which answers it. */
export interface Closing {
  readonly kind: 'closing'
  readonly secured: Secured
  readonly peer: Peer
  readonly messageId: number
  readonly nonce: Uint8Array
  readonly iv: Uint8Array
  readonly flight: Flight
}

export type Exchange = QuickSent | QuickAnswered | QuickConnecting | Told | Over
export type ExchangeKind = Exchange['kind']

/** Our quick mode: message 1 is on its way. */
export interface QuickSent {
  readonly kind: 'quick-sent'
  readonly iv: Uint8Array
  readonly begun: ChildBegun
  readonly flight: Flight
}

/** The peer's quick mode: it is answered, we receive, and send when message 3 has come. */
export interface QuickAnswered {
  readonly kind: 'quick-answered'
  readonly iv: Uint8Array
  readonly nonces: Exchanged['nonces']
  readonly child: Spi
  /** The peer wants to hear CONNECTED (RFC 2408 §3.1). */
  readonly isCommitted: boolean
  readonly flight: Flight
}

/** Our quick mode: message 3 is sent, and the peer says when it is connected. */
export interface QuickConnecting {
  readonly kind: 'quick-connecting'
  readonly iv: Uint8Array
  readonly nonces: Exchanged['nonces']
  readonly child: Spi
  readonly until: Instant
  readonly flight: Flight
}

/** A delete that the peer, a Windows, answers ([MS-IKEE] §3.1). */
export interface Told {
  readonly kind: 'told'
  readonly iv: Uint8Array
  readonly nonce: Uint8Array
  readonly flight: Flight
}

/** Only what it was answered with is kept. */
export interface Over {
  readonly kind: 'over'
  readonly until: Instant
  readonly flight?: Flight
}

/** A child that we asked for. */
export interface ChildBegun {
  readonly wish: ChildWish
  /** Own inbound SPIs. */
  readonly spis: ChildSpis
  readonly nonce: Uint8Array
  readonly exchange?: BegunKeyExchange
  readonly own: RangeSelector
  readonly peer: RangeSelector
  readonly mode: 'transport' | 'tunnel'
  /** What was proposed; nothing else is accepted. */
  readonly offers: Child1Offers
}

export interface ChildSpis {
  readonly esp: Spi
  readonly ah: Spi
}

/** What two hosts agreed on for a child, before there are keys. */
export interface ChildTerms {
  readonly choice: Child1Choice
  readonly mode: 'transport' | 'tunnel'
  readonly rule: RuleId
  readonly inboundRule: RuleId
  readonly own: RangeSelector
  readonly peer: RangeSelector
  readonly spis: ChildSpis
  readonly replaces?: Spi
}

export function inState<S extends State>(session: Session, state: S): Session<S> {
  return { ...session, state }
}

export function ownCookie({ role, cookies }: Pick<Session, 'role' | 'cookies'>): Uint8Array {
  return role === 'initiator' ? cookies.initiator : cookies.responder
}

export function isEstablished(session: Session | undefined): session is Session<Established> {
  return session?.state.kind === 'established'
}

/** Wishes that wait for the session itself. */
export function wishesOf({ state }: Session): readonly ChildWish[] {
  if ('wishes' in state) return state.wishes
  if (state.kind !== 'established') return []
  const begun = [...state.exchanges.values()].flatMap(one => (one.kind === 'quick-sent' ? [one.begun.wish] : []))
  return [...begun, ...state.queue]
}

/** What anybody hears of a session. */
export function about({ id, path }: Pick<Session, 'id' | 'path'>) {
  return { session: id, peer: path.remote.address } as const
}
