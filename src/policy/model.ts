// A policy in Windows's own words: rules with IP filters, a filter action and its options. Plain values, no behaviour;
// policy-text.ts makes them from YAML or JSON, compile.ts makes them quick to ask.
import type { Address, Prefix } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import type { Secret } from '../base/secret.ts'

export type FilterAction = 'permit' | 'block' | 'negotiate'

/** A rule's name, unique in its policy. */
export type RuleId = string

export type AddressSpec =
  | { readonly kind: 'any' }
  /** The addresses of the host whose policy this is. */
  | { readonly kind: 'me' }
  /** A host, a prefix or a range: every address from `first` to `last`, both included, of one family. */
  | { readonly kind: 'range'; readonly first: Address; readonly last: Address }

/** 0 to 65535, both ends included. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

export interface Filter {
  readonly source: AddressSpec
  readonly destination: AddressSpec
  /** IP protocol number, 0 to 255; absent for any. */
  readonly protocol?: number
  /** Only with protocol TCP or UDP; absent for any. */
  readonly sourcePort?: PortRange
  readonly destinationPort?: PortRange
  /** Also matches packets with source and destination exchanged. */
  readonly mirrored: boolean
}

export type KeyingVersion = 'ikev2' | 'ikev1'

/** Whether revocation lists and OCSP are asked: `if-known` refuses a certificate that is known to be revoked. */
export type RevocationCheck = 'off' | 'if-known' | 'required'

/** A peer's certificate with all that is named here stands for the account. */
export interface AccountMapping {
  /** Distinguished names. */
  readonly subject?: string
  readonly issuer?: string
  /** The user principal name in the certificate. */
  readonly upn?: string
  readonly account: string
}

/**
 * `identity`: what this host calls itself in IKE: an address, a name, name@name or a distinguished name. `peer`: the
 * identities that are accepted of the far end. Files are names here; who runs the policy reads them.
 */
export type Authentication =
  | {
      readonly kind: 'certificate'
      readonly ca?: string
      readonly own?: string
      readonly key?: string
      readonly passphrase?: Secret<string>
      /** Files with revocation lists, PEM or DER. */
      readonly crls?: readonly string[]
      /** Absent: `if-known`. */
      readonly revocation?: RevocationCheck
      /** File with an OCSP response for our own certificate, which is sent with it (RFC 4806). */
      readonly ocsp?: string
      /** Absent: from the certificate. */
      readonly identity?: string
      /** Absent: any that its certificate binds. */
      readonly peer?: readonly string[]
      /** Of the peer's certificate: a name of authentication-cells.ts, or an OID. */
      readonly extendedKeyUsage?: string
      /** Windows's certificate-to-account mapping; where there is one, only mapped peers are accepted. */
      readonly accounts?: readonly AccountMapping[]
    }
  | {
      readonly kind: 'preSharedKey'
      readonly secret: Secret<string>
      /** Absent: the address. */
      readonly identity?: string
      readonly peer?: readonly string[]
    }
  /** Public keys without certificates (RFC 7670): `peerKeys` are files of those that are accepted. */
  | {
      readonly kind: 'publicKey'
      readonly key: string
      readonly passphrase?: Secret<string>
      readonly identity?: string
      readonly peerKeys: readonly string[]
      readonly peer?: readonly string[]
    }
  /** Only IKEv1 has it. Names are principals, `host/dc1.corp.test@CORP.TEST`. */
  | {
      readonly kind: 'kerberos'
      /** Addresses of the key distribution centres that this host asks for tickets; empty: those of the system. */
      readonly kdc: readonly Address[]
      /** File; absent: the system's. */
      readonly keytab?: string
      /** Absent: the machine's of the key table. */
      readonly principal?: string
      /** Absent: `host`. */
      readonly service?: string
      /** Absent: every machine. */
      readonly peer?: readonly string[]
      /** Absent: the principal's. */
      readonly realm?: string
    }

/** When the keys of a rule's packets are renewed, whichever comes first. */
export interface KeyLifetime {
  /** Absent: 3600. */
  readonly seconds?: number
  /** Units of 1024 octets; absent: no limit of our own. */
  readonly kilobytes?: number
}

/** What ESP stands in on the wire: `udp` port 4500 always, `raw` and `auto` only where IKE finds a NAT on the way. */
export type EspForm = 'auto' | 'udp' | 'raw'

export interface Rule {
  readonly name: RuleId
  /** For people; changes nothing. */
  readonly description?: string
  readonly filters: readonly Filter[]
  readonly action: FilterAction
  readonly mode: 'transport' | 'tunnel'
  /** The far end of the tunnel; only with mode `tunnel`. */
  readonly tunnelEndpoint?: Address
  /** Names of offers.ts, the preferred first; empty where the action is not `negotiate`. */
  readonly security: readonly string[]
  readonly keying: readonly KeyingVersion[]
  readonly authentication: readonly Authentication[]
  /** Windows: "accept unsecured communication, but always respond using IPsec". */
  readonly acceptUnsecuredInbound: boolean
  /** Windows: "allow unsecured communication with a computer that is not IPsec-aware". */
  readonly fallBackToClear: boolean
  /** Windows: "session key perfect forward secrecy": a fresh key exchange for every association. */
  readonly freshKeys: boolean
  /** With fresh keys: the key exchange, as ike-offers.ts names it; absent: that of the IKE session. */
  readonly keyExchange?: string
  readonly lifetime?: KeyLifetime
  /** Absent: `auto`. */
  readonly encapsulation?: EspForm
  /** An inactive rule is kept but does nothing. */
  readonly active: boolean
}

/** The keys of one header around a packet; each with its salt behind it, empty where there is none. */
export interface ManualLayer {
  readonly spi: number
  readonly cipherKey: Secret<Uint8Array>
  readonly integrityKey: Secret<Uint8Array>
}

/** Keys for one direction that stand in the policy file instead of being agreed on. */
export interface ManualKey {
  readonly rule: RuleId
  /** Of the packets on the wire. */
  readonly source: Address
  readonly destination: Address
  /** A name of offers.ts. */
  readonly security: string
  /** One for each header of the security method, from the inside out. */
  readonly layers: readonly ManualLayer[]
}

export type ProfileName =
  | 'windows-2000'
  | 'windows-2000-sp1'
  | 'windows-xp'
  | 'windows-server-2003'
  | 'windows-vista'
  | 'strict'

export type Role = 'domain-controller' | 'member-server' | 'workstation'

/** A key agreed on beforehand that is mixed into those of IKE (RFC 8784): safe while quantum computers break the exchange. */
export interface PostQuantumKey {
  readonly identity: string
  readonly secret: Secret<string>
  /** Whether a peer without it is refused. */
  readonly required: boolean
}

/** How IKE itself runs, for every rule. */
export interface IkeSettings {
  /** Names of ike-offers.ts, the preferred first; absent: its defaults. */
  readonly security?: readonly string[]
  /** Absent: 28,800 seconds. */
  readonly lifetime?: { readonly seconds: number }
  /** Seconds without a word from the peer until it is asked; 0: never; absent: 30. */
  readonly liveness?: number
  /** The IKE session is made first, without an association (RFC 6023). */
  readonly childless?: boolean
  readonly ppk?: PostQuantumKey
  /** IKEv1, Windows: "master key perfect forward secrecy": a main mode of its own for every quick mode. */
  readonly masterPfs?: boolean
  /** IKEv1: seconds of silence until a rule that may do so falls back to clear; absent: 3. */
  readonly silence?: number
}

export type SettingName = 'NoDefaultExempt' | 'IPsecExempt'

/** What a registry has of a setting. */
export interface RegistrySetting {
  /** Key and name, as the registry spells them. */
  readonly where: string
  /** `instead`: what stands there in the place of a number, such as `a REG_SZ`. */
  readonly value: number | { readonly instead: string }
  /** Of a value that counts: what should be looked at all the same. */
  readonly remark?: Problem
}

export interface Policy {
  readonly name: string
  readonly profile: ProfileName
  /** As written, of whatever type: profiles.ts says what counts. Absent where the file does not set it. */
  readonly noDefaultExempt?: unknown
  /** Vista's own mask `IPsecExempt`, as written. */
  readonly ipsecExempt?: unknown
  /** Of the host that holds the policy: what counts where the file does not set it. In no file. */
  readonly registry?: Readonly<Partial<Record<SettingName, RegistrySetting>>>
  /** The default response rule: answers a peer that asks for IPsec where no filter matches. */
  readonly defaultResponse: boolean
  /** What the machine is in its domain, where the file says so; the linter asks. */
  readonly role?: Role
  /** Networks the host is on, by which subnet broadcast addresses are known. */
  readonly networks: readonly Prefix[]
  readonly rules: readonly Rule[]
  readonly keys?: readonly ManualKey[]
  readonly ike?: IkeSettings
  /** Nothing that this policy seals has to stay secret: keys of the file may be for methods that count packets. */
  readonly test?: true
}
