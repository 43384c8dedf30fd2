// What goes into keying and what comes out of it, as values. A session is a value too: handlers take (session, message,
// world) and give what follows, touch no socket and no clock, and so can be played through in virtual time.
import type { Address } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { Random } from '../base/random.ts'
import type { Secret } from '../base/secret.ts'
import type { IkeKeys } from '../crypto/ike-keys.ts'
import type { IkeSuite } from '../crypto/ike-suites.ts'
import type { AssociationPair, Spi } from '../ipsec/association.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { RuleId } from '../policy/model.ts'
import type { MessageHeader } from '../wire/ike/message.ts'
import type { TrafficSelector } from '../wire/ike/traffic-selectors.ts'
import type { PayloadV1 } from '../wire/ike/v1-payloads.ts'
import type { Payload } from '../wire/ike/v2-payloads.ts'
import type { Credentials, Identity, KerberosCredential } from './credentials.ts'
import type { KeyingSettings } from './keying-settings.ts'

/** Seconds of a clock that never jumps back. */
export type Instant = number

export interface UdpEndpoint {
  readonly address: Address
  readonly port: number
}

/** The two ends of a session's datagrams. On port 4500 a non-ESP marker stands in front of IKE (RFC 3948 §2.2). */
export interface Path {
  readonly local: UdpEndpoint
  readonly remote: UdpEndpoint
}

/** All that a handler may know beside session and message. */
export interface World {
  readonly now: Instant
  /** Seconds since 1970, for certificates. */
  readonly date: number
  readonly random: Random
  readonly policy: CompiledPolicy
  readonly credentials: Credentials
  readonly settings: KeyingSettings
  /** Whether an inbound association of this host has the SPI already. */
  readonly isSpiTaken: (spi: Spi) => boolean
  /** Whether no other session with that address stands: then IKE_AUTH says INITIAL_CONTACT. Left out, it does not. */
  readonly isFirstContact?: (peer: Address) => boolean
  /** Whether another peer behind the same NAT has an association in transport mode for some of that traffic. */
  readonly isAnothers?: (claim: NatClaim) => boolean
}

/** The world as whoever runs an endpoint has it: the endpoint knows what its own sessions and children take. */
export type OutsideWorld = Omit<World, 'isSpiTaken' | 'isFirstContact' | 'isAnothers'> &
  Partial<Pick<World, 'isSpiTaken'>>

/** What a peer behind a NAT asks for: seen from here, its address is that of all its neighbours. */
export interface NatClaim {
  readonly session: SessionId
  readonly identity: Identity
  readonly address: Address
  readonly selectors: { readonly own: readonly AddressSelector[]; readonly peer: readonly AddressSelector[] }
}

type AddressSelector = Extract<TrafficSelector, { readonly kind: 'addresses' }>

export type KeyingInput =
  /** What a UDP socket brought; on port 4500 with what stands there in front: marker and IKE, or a lone keepalive. */
  | { readonly kind: 'datagram'; readonly path: Path; readonly bytes: Uint8Array }
  /** A packet of this host waits for keys. `via` names the own address to negotiate from; left out, the flow's source. */
  | { readonly kind: 'needs-keys'; readonly rule: RuleId; readonly flow: Flow; readonly via?: Address }
  /** From the data plane: an association reached a limit. */
  | { readonly kind: 'ageing'; readonly name: Spi; readonly age: 'soft' | 'hard' }
  /** Packets came through these associations since the last time: their peer is there. */
  | { readonly kind: 'heard'; readonly names: readonly Spi[] }
  /** The world has another policy or other credentials: what they no longer allow is closed. */
  | { readonly kind: 'policy-changed' }
  /** Sessions with that address are closed, as the peer is told; left out, all. */
  | { readonly kind: 'close'; readonly peer?: Address }
  /** What the system's Kerberos said to what a session asked. */
  | { readonly kind: 'kerberos'; readonly session: SessionId; readonly answer: KerberosAnswer }
  /** `wakeAt` has come. */
  | { readonly kind: 'wake' }

export type KeyingOutput =
  /** `bytes` are all of the datagram's content, the non-ESP marker included where the path has port 4500. */
  | { readonly kind: 'send'; readonly path: Path; readonly bytes: Uint8Array }
  | { readonly kind: 'install'; readonly pair: AssociationPair }
  | { readonly kind: 'begin-sending'; readonly name: Spi }
  | { readonly kind: 'remove'; readonly names: readonly Spi[] }
  /**
   * No association will come for the flow. `isSilent`: nobody said a word of IKE at that address. Only then may traffic go
   * in clear where a rule allows that; a peer that speaks IKE and refuses, or whose proof is wrong, is no host without IPsec.
   */
  | {
      readonly kind: 'refuse'
      readonly rule: RuleId
      readonly flow: Flow
      readonly isSilent?: true
      /** The peer says that it does not speak this version of IKE; seen inside keying only. */
      readonly lacksVersion?: true
    }
  /** For the system's Kerberos, which may have to ask a key centre first; it keeps one context for each session. */
  | { readonly kind: 'kerberos'; readonly session: SessionId; readonly ask: KerberosAsk }
  | { readonly kind: 'report'; readonly event: KeyingEvent }

/** Steps of a GSS context (RFC 2743) with the Kerberos mechanism: mutual, with sequence, confidentiality and integrity. */
export type KerberosAsk =
  /** Initiator: a context towards `target`, as the peer told its name or the policy has it; a token answers. */
  | { readonly kind: 'begin'; readonly credential: KerberosCredential; readonly target: string }
  /** Responder: the peer's first token. */
  | { readonly kind: 'accept'; readonly credential: KerberosCredential; readonly token: Uint8Array }
  /** A further token of the peer's. */
  | { readonly kind: 'continue'; readonly token: Uint8Array }
  /** Sealed for the peer, encrypted too. */
  | { readonly kind: 'wrap'; readonly content: Uint8Array }
  | { readonly kind: 'unwrap'; readonly content: Uint8Array }
  /** The context is of no use any more; no answer comes. */
  | { readonly kind: 'forget' }

export type KerberosAnswer =
  /** `token`: for the peer; `peer`: its principal once the context stands. */
  | { readonly kind: 'context'; readonly token?: Uint8Array; readonly isComplete: boolean; readonly peer?: string }
  | { readonly kind: 'content'; readonly content: Uint8Array }
  /** In words for people: what the system says, and what to do. `token`: an error that tells the peer's system why. */
  | { readonly kind: 'failed'; readonly what: string; readonly token?: Uint8Array }

/** Own SPI of an IKE SA, 16 hexadecimal digits: names a session on this host. */
export type SessionId = string

/** What people and logs hear of keying. No event holds a secret but `keys`, which wraps them. */
export type KeyingEvent = { readonly session?: SessionId; readonly peer?: Address } & (
  | {
      /** One message, whole and in clear words, as it was sent or after it was opened. */
      readonly kind: 'message'
      readonly way: 'sent' | 'received'
      readonly path: Path
      readonly header: MessageHeader
      /** In clear first, then what was inside the encrypted payload. */
      readonly payloads: readonly Payload[]
      readonly isSealed: boolean
      /** How often it was sent before. */
      readonly again: number
    }
  | {
      /** The same of IKEv1. */
      readonly kind: 'message-v1'
      readonly way: 'sent' | 'received'
      readonly path: Path
      readonly header: MessageHeader
      readonly payloads: readonly PayloadV1[]
      readonly isSealed: boolean
      readonly again: number
    }
  | {
      readonly kind: 'session-established'
      readonly role: Role
      readonly offer: string
      readonly ownName: string
      readonly peerName: string
      readonly warnings: readonly string[]
    }
  | { readonly kind: 'session-rekeyed'; readonly by: SessionId; readonly offer: string }
  | { readonly kind: 'session-closed'; readonly why: string }
  /** Nothing came of it. `what` names both sides' wishes where two hosts do not match. */
  | { readonly kind: 'session-failed'; readonly what: string }
  | {
      readonly kind: 'child-established'
      readonly name: Spi
      readonly peerSpi: Spi
      readonly rule: RuleId
      readonly security: string
      readonly mode: 'transport' | 'tunnel'
      /** The child that it replaces. */
      readonly replaces?: Spi
    }
  | { readonly kind: 'child-closed'; readonly name: Spi; readonly why: string }
  /** `rule` is absent where a peer asks for what no rule of ours fits. */
  | { readonly kind: 'child-failed'; readonly rule?: RuleId; readonly what: string }
  /** A datagram that leads nowhere: malformed, not authentic, of no session. */
  | { readonly kind: 'ignored'; readonly path: Path; readonly what: string }
  | { readonly kind: 'warning'; readonly what: string }
  /** Only with `settings.tellKeys`: for Wireshark's tables. */
  | {
      readonly kind: 'keys'
      readonly initiatorSpi: Uint8Array
      readonly responderSpi: Uint8Array
      readonly suite: IkeSuite
      readonly keys: Secret<IkeKeys>
    }
  /** The same of IKEv1, whose messages have one key for both directions. */
  | { readonly kind: 'keys-v1'; readonly initiatorCookie: Uint8Array; readonly cipherKey: Secret<Uint8Array> }
)

/** Who began an IKE SA; its requests and responses carry the flag by this, whoever sends them (RFC 7296 §2.2). */
export type Role = 'initiator' | 'responder'

/** Two honest hosts that do not match: told to the peer as a notify and to people in words, both in one place. */
export interface Refusal {
  readonly kind: 'refusal'
  /** What the peer gets; `silent` for nothing at all. */
  readonly notify: Payload | 'silent'
  /** For people; may name what the peer must not learn. */
  readonly what: string
}

export function refusal(notify: Refusal['notify'], what: string): Refusal {
  return { kind: 'refusal', notify, what }
}

export function report(event: KeyingEvent): KeyingOutput {
  return { kind: 'report', event }
}

/** A datagram of no session that leads nowhere. */
export function ignored(path: Path, what: string): KeyingOutput {
  return report({ kind: 'ignored', path, what, peer: path.remote.address })
}
