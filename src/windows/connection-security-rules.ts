// Connection security rules of Windows Vista and later as Windows has them ([MS-FASP] §2.2.36 to §2.2.85): rules, main mode
// rules, sets of authentication and of algorithms, global settings. Plain values that lose nothing: what a registry held and
// nobody knows stands in `unknown` and `other`. Every text form is read to these and written from them.
import type { Address, Prefix } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import type { Secret } from '../base/secret.ts'
import type { PortRange } from '../policy/model.ts'
import type { RegistryValue } from '../settings/value.ts'

/** What a reader made of a text. Where an error is among the problems, something of the text is not in the value. */
export interface Understood<T> {
  readonly value: T
  readonly problems: readonly Problem[]
}

/** What a writer made of a value, and what of it the form cannot hold. */
export interface Written<T> {
  readonly value: T
  readonly losses: readonly Problem[]
}

/** Of the policy schema; 2.0 is Windows Vista. */
export interface SchemaVersion {
  readonly major: number
  readonly minor: number
}

/** The kind of network the computer is on. */
export type NetworkProfile = 'domain' | 'private' | 'public'

/** The words of netsh, which say both directions. `request-in-clear-out` is known to PowerShell alone. */
export type RuleAction =
  | 'require-in-request-out'
  | 'request-in-request-out'
  | 'require-in-require-out'
  | 'require-in-clear-out'
  | 'request-in-clear-out'
  | 'no-authentication'

/** Addresses that Windows looks up when the rule is applied. */
export type AddressKeyword = 'LocalSubnet' | 'DNS' | 'DHCP' | 'WINS' | 'DefaultGateway'

export type EndpointAddress =
  /** Without a family: of both. */
  | { readonly kind: 'keyword'; readonly keyword: AddressKeyword; readonly family?: 4 | 6 }
  | { readonly kind: 'range'; readonly first: Address; readonly last: Address }
  /** A host is a prefix of full length. */
  | { readonly kind: 'prefix'; readonly prefix: Prefix }

export type InterfaceType = 'lan' | 'wireless' | 'remote-access'

export type KeyModule = 'default' | 'ikev1' | 'authip' | 'ikev2'

export type RuleFlag =
  /** What is already sealed is not put into the tunnel. */
  | 'bypass-tunnel'
  /** The lists of allowed computers and users are asked. */
  | 'authorize'
  | 'key-manager-dictate'
  | 'key-manager-notify'
  | 'security-realm'

export const ruleFlags: readonly RuleFlag[] = [
  'bypass-tunnel',
  'authorize',
  'key-manager-dictate',
  'key-manager-notify',
  'security-realm',
]

/** An end without addresses is any. */
export interface Tunnel {
  readonly local: readonly Address[]
  readonly remote: readonly Address[]
  readonly remoteName?: string
}

/** `Name=Value` of a registry string. */
export interface Token {
  readonly name: string
  readonly value: string
}

/** What rules of both kinds have. */
export interface RuleHead {
  /** Unique in its store; the name of the registry value. */
  readonly id: string
  readonly version?: SchemaVersion
  readonly name: string
  readonly description?: string
  /** Embedded context: the group that tools show. */
  readonly group?: string
  readonly active: boolean
  /** Empty for all. */
  readonly profiles: readonly NetworkProfile[]
  /** Empty for any, as is `endpoint2`. */
  readonly endpoint1: readonly EndpointAddress[]
  readonly endpoint2: readonly EndpointAddress[]
  /** The id of a phase 1 authentication set. */
  readonly auth1?: string
  /** `platform:major:minor` as the registry has it; empty for every Windows. */
  readonly platforms: readonly string[]
  /** `GTEQ`: the platforms and what came later. */
  readonly platformOperator?: string
  readonly skipVersion?: SchemaVersion
  /** Tokens of a registry string that nobody here knows. */
  readonly unknown: readonly Token[]
  /** The registry string it was read from, which is written again where it still says the same. */
  readonly written?: string
}

export interface ConnectionSecurityRule extends RuleHead {
  readonly action: RuleAction
  /** 0 to 255; absent for any. */
  readonly protocol?: number
  /** Empty for any. */
  readonly ports1: readonly PortRange[]
  readonly ports2: readonly PortRange[]
  /** Identifiers of interfaces; empty for all. */
  readonly interfaces: readonly string[]
  readonly interfaceTypes: readonly InterfaceType[]
  /** Absent for transport mode. */
  readonly tunnel?: Tunnel
  readonly auth2?: string
  /** The id of a quick mode set. */
  readonly quickMode?: string
  /** Empty for Windows's default. */
  readonly keyModules: readonly KeyModule[]
  /** In the order of `ruleFlags`. */
  readonly flags: readonly RuleFlag[]
  readonly forwardLifetime?: number
  /** Security descriptors (SDDL) of who may connect in transport mode. */
  readonly machineAuthorization?: string
  readonly userAuthorization?: string
  /** netsh's `type=static`; the registry has no word for it. */
  readonly isStatic?: true
}

export interface MainModeRule extends RuleHead {
  /** The id of a main mode set. */
  readonly mainMode?: string
}

export type AuthMethod =
  | 'anonymous'
  | 'computer-kerberos'
  | 'computer-certificate'
  | 'computer-preshared-key'
  | 'computer-ntlm'
  | 'user-kerberos'
  | 'user-certificate'
  | 'user-ntlm'

export type CertificateSigning = 'rsa' | 'ecdsa-256' | 'ecdsa-384'

/** Which certificates are meant besides their authority (Windows 8 and later). */
export interface CertificateCriteria {
  readonly purpose: 'selection' | 'validation' | 'both'
  /** Hexadecimal. */
  readonly thumbprint?: string
  readonly followRenewal?: true
  readonly usages: readonly string[]
  readonly subject?: string
  readonly subjectType?: string
}

export interface AuthProposal {
  readonly method: AuthMethod
  /** The distinguished name of the authority. */
  readonly authority?: string
  readonly isIntermediate?: true
  readonly signing?: Exclude<CertificateSigning, 'rsa'>
  readonly mapsAccount?: true
  readonly excludesAuthorityName?: true
  readonly isHealth?: true
  readonly key?: Secret<string>
  /** The Kerberos proxy's name. */
  readonly proxy?: string
  readonly criteria?: CertificateCriteria
  readonly skipVersion?: SchemaVersion
  readonly other: readonly RegistryValue[]
}

export interface SetHead {
  readonly id: string
  readonly version?: SchemaVersion
  readonly name?: string
  readonly description?: string
  readonly group?: string
  readonly other: readonly RegistryValue[]
}

export interface AuthSet extends SetHead {
  readonly proposals: readonly AuthProposal[]
}

export type Group = 'dh1' | 'dh2' | 'dh14' | 'dh24' | 'ecdh-256' | 'ecdh-384'
export type Encryption =
  | 'des'
  | '3des'
  | 'aes-128'
  | 'aes-192'
  | 'aes-256'
  | 'aes-gcm-128'
  | 'aes-gcm-192'
  | 'aes-gcm-256'
export type Hash = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'aes-gmac-128' | 'aes-gmac-192' | 'aes-gmac-256'

export interface MainModeProposal {
  readonly group: Group
  readonly encryption: Encryption
  readonly hash: Hash
  readonly skipVersion?: SchemaVersion
  readonly other: readonly RegistryValue[]
}

export interface MainModeSet extends SetHead {
  readonly proposals: readonly MainModeProposal[]
  /** AuthIP exchanges keys by Diffie-Hellman even where Kerberos could give them. */
  readonly forceDiffieHellman: boolean
  readonly minutes?: number
  /** Quick modes under one main mode; 0 for no limit. */
  readonly sessions?: number
}

export type Encapsulation = 'ah' | 'esp' | 'ah+esp' | 'none'

export interface QuickModeProposal {
  /** `none`: the first packets are authenticated, the rest go as they are. */
  readonly encapsulation: Encapsulation
  readonly ahHash?: Hash
  readonly espHash?: Hash
  /** Absent: nothing is enciphered. */
  readonly encryption?: Encryption
  readonly minutes?: number
  readonly kilobytes?: number
  readonly skipVersion?: SchemaVersion
  readonly other: readonly RegistryValue[]
}

export interface QuickModeSet extends SetHead {
  readonly proposals: readonly QuickModeProposal[]
  /** `main-mode`: fresh keys by the group of the main mode. */
  readonly freshKeys: 'none' | 'main-mode' | Group
}

/** Absent: not configured. */
export interface GlobalSettings {
  /** The mask IPsecExempt. */
  readonly exemptions?: number
  readonly idleSeconds?: number
  readonly revocation?: 0 | 1 | 2
  readonly throughNat?: 0 | 1 | 2
  /** 1 is UTF-8. */
  readonly keyEncoding?: number
  readonly tunnelMachines?: string
  readonly tunnelUsers?: string
  readonly transportMachines?: string
  readonly transportUsers?: string
}

/** Ids of the sets that stand for Windows's well-known ones, where a group policy renamed them ([MS-GPFAS] §2.2.4). */
export interface DefaultSets {
  readonly mainMode?: string
  readonly quickMode?: string
  readonly auth1?: string
  readonly auth2?: string
}

export interface ConnectionSecurityPolicy {
  readonly rules: readonly ConnectionSecurityRule[]
  readonly mainModeRules: readonly MainModeRule[]
  readonly auth1Sets: readonly AuthSet[]
  readonly auth2Sets: readonly AuthSet[]
  readonly mainModeSets: readonly MainModeSet[]
  readonly quickModeSets: readonly QuickModeSet[]
  readonly defaults: DefaultSets
  readonly settings: GlobalSettings
}

export const emptyPolicy: ConnectionSecurityPolicy = {
  rules: [],
  mainModeRules: [],
  auth1Sets: [],
  auth2Sets: [],
  mainModeSets: [],
  quickModeSets: [],
  defaults: {},
  settings: {},
}

const plainHead = { active: true, profiles: [], endpoint1: [], endpoint2: [], platforms: [], unknown: [] } as const

/** A rule for all traffic in transport mode, but for what `changes` say. */
export function connectionSecurityRule(
  changes: Partial<ConnectionSecurityRule> & Pick<ConnectionSecurityRule, 'id' | 'name' | 'action'>,
): ConnectionSecurityRule {
  const lists = { ports1: [], ports2: [], interfaces: [], interfaceTypes: [], keyModules: [], flags: [] } as const
  return { ...plainHead, ...lists, ...changes }
}

export function mainModeRule(changes: Partial<MainModeRule> & Pick<MainModeRule, 'id' | 'name'>): MainModeRule {
  return { ...plainHead, ...changes }
}
