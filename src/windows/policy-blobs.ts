// What Windows keeps in `ipsecData` of its policies, rules and filter actions, both ways and octet for octet ([MS-GPIPSEC]
// §2.2.1, corrected by what Windows 2000 to 10 wrote). Filter lists are in policy-filter-blob.ts. Numbers are as they stand
// in the blob, those without a meaning too; policy-objects.ts makes new ones.
import type { Reader } from '../base/bytes.ts'
import { type Codec, counted, encode, octets, rest, struct, u8, u32, u32LittleEndian } from '../base/codec.ts'
import {
  type AuthenticationMethod,
  authenticationMethod,
  type Content,
  type Framed,
  framed,
  passesGuid,
  wideText,
  withTexts,
} from './policy-blob-parts.ts'
import {
  ALTERNATIVE_FLAGS,
  ALTERNATIVE_METHODS,
  blobGuids,
  type Guid,
  guid,
  TUNNEL_ENDPOINT_6,
  VERSION_INFORMATION,
} from './policy-guids.ts'

export interface PolicyContent extends Framed {
  /** How often the directory is asked whether the policy has changed; 0 means 10,800. */
  readonly pollingSeconds: number
}

/** A way to protect IKE itself: main mode. 64 octets. */
export interface MainModeMethod {
  readonly version: Uint8Array
  /** 1 DES, 3 3DES. */
  readonly cipher: number
  readonly cipherKeyLength: number
  readonly cipherRounds: number
  /** 1 MD5, 2 SHA-1. */
  readonly hash: number
  readonly hashKeyLength: number
  readonly reserved: Uint8Array
  /** 1 to 4: one of the four fixed methods with group 14, which counts instead of what stands here. */
  readonly fixedMethod: number
  readonly reservedBehind: Uint8Array
  /** 1 and 2 of RFC 2409; 0x10000001: group 14 of RFC 3526. */
  readonly group: number
  readonly quickModeLimit: number
  readonly kilobytes: number
  readonly seconds: number
  readonly identityProtection: number
}

export interface IsakmpContent extends Framed {
  readonly instance: Guid
  readonly reserved: number
  /** Not 0: an IKE session makes the keys of one association only. */
  readonly masterPfs: number
  /** Bit 0: certificates stand for accounts; bit 1: no authority is named in requests for certificates. */
  readonly options: number
  /** Fixed methods with group 14 that come before the list: 1 DES and MD5, 2 DES and SHA-1, 3 3DES and MD5, 4 3DES and SHA-1. */
  readonly fixedMethods: Uint8Array
  /** Associations that one session may make; 0: any number. */
  readonly quickModeLimit: number
  /** 0: that of the methods. */
  readonly seconds: number
  readonly reservedBehind: Uint8Array
  readonly methods: readonly MainModeMethod[]
}

/** One header around a packet. 20 octets. */
export interface Algorithm {
  /** Of AH: 1 MD5, 2 SHA-1. Of ESP: 0 none, 1 DES, 3 3DES. */
  readonly algorithm: number
  /** Of ESP: 0 none, 1 MD5, 2 SHA-1. */
  readonly integrity: number
  /** 1 AH, 2 ESP. */
  readonly type: number
  readonly keyLength: number
  readonly rounds: number
}

/** A way to protect packets: quick mode. 80 octets. One without algorithms stands for none: fall back to clear. */
export interface QuickModeOffer {
  /** 0: Windows's own, 3600. */
  readonly seconds: number
  /** 0: Windows's own, 100,000. */
  readonly kilobytes: number
  readonly flags: number
  /** Not 0: fresh keys for every association. (The table of the specification says the opposite.) */
  readonly pfs: number
  /** How many of the three count. The others hold what was in Windows's memory. */
  readonly algorithmCount: number
  readonly algorithms: readonly [Algorithm, Algorithm, Algorithm]
}

export interface NegotiationContent extends Framed {
  readonly offers: readonly QuickModeOffer[]
}

/** What Windows Vista and later write behind a rule. */
export interface RuleExtension {
  readonly methods: readonly AuthenticationMethod[]
  /** Of each method: bit 0 certificates stand for accounts, bit 1 the authority is not named in requests. */
  readonly flags?: { readonly head: number; readonly values: readonly number[] }
}

/** In front of the blob of one rule that no policy names: who made the objects of a directory, and with what. */
export interface VersionInformation {
  readonly statedLength?: number
  readonly number: number
  /** Since 1970. */
  readonly seconds: number
  readonly system?: string
  readonly author?: string
  readonly comment?: string
}

export interface RuleContent extends Framed {
  readonly version?: VersionInformation
  /** The preferred first. */
  readonly authentication: readonly AuthenticationMethod[]
  /** 0xFFFFFFFD all, 0xFFFFFFFE LAN, 0xFFFFFFFF dial-up. */
  readonly interfaceType: number
  readonly interfaceName?: string
  /** IPv4, as one number. */
  readonly tunnelAddress: number
  readonly isTunnel: number
  readonly isActive: number
  readonly tunnelName?: string
  readonly extension?: RuleExtension
  /** 16 octets; counts before `tunnelAddress`. */
  readonly tunnelAddress6?: Uint8Array
}

const le = u32LittleEndian

const trailing = struct({ trailing: rest })

export const policyContent = framed<PolicyContent>(blobGuids.policy, struct({ pollingSeconds: le }), trailing)

const mainModeMethod: Codec<MainModeMethod> = struct({
  version: octets(4),
  cipher: le,
  cipherKeyLength: le,
  cipherRounds: le,
  hash: le,
  hashKeyLength: le,
  reserved: octets(12),
  fixedMethod: u8,
  reservedBehind: octets(7),
  group: le,
  quickModeLimit: le,
  kilobytes: le,
  seconds: le,
  identityProtection: le,
})

export const isakmpContent = framed<IsakmpContent>(
  blobGuids.isakmp,
  struct({
    instance: guid,
    reserved: le,
    masterPfs: le,
    options: le,
    fixedMethods: octets(4),
    quickModeLimit: le,
    seconds: le,
    reservedBehind: octets(20),
    methods: counted(le, mainModeMethod),
  }),
  trailing,
)

const algorithm: Codec<Algorithm> = struct({ algorithm: le, integrity: le, type: le, keyLength: le, rounds: le })

const threeAlgorithms: Codec<QuickModeOffer['algorithms']> = {
  read: from => [algorithm.read(from), algorithm.read(from), algorithm.read(from)],
  write: (to, values) => values.forEach(value => void algorithm.write(to, value)),
}

const quickModeOffer: Codec<QuickModeOffer> = struct({
  seconds: le,
  kilobytes: le,
  flags: le,
  pfs: le,
  algorithmCount: le,
  algorithms: threeAlgorithms,
})

export const negotiationContent = framed<NegotiationContent>(
  blobGuids.negotiation,
  struct({ offers: counted(le, quickModeOffer) }),
  trailing,
)

const methods = counted(le, authenticationMethod)

const ruleStart = withTexts<Content<Omit<RuleContent, 'version'>>>(
  struct({
    authentication: methods,
    interfaceType: le,
    interfaceName: wideText,
    tunnelAddress: u32,
    isTunnel: le,
    isActive: le,
    tunnelName: wideText,
  }),
  ['interfaceName', 'tunnelName'],
)

/** Parts that each begin with a GUID of their own and may be missing. */
const ruleEnd: Codec<Content<Omit<RuleContent, 'version'>>> = {
  read(from) {
    const extension = readExtension(from)
    const hasEndpoint = passesGuid(from, TUNNEL_ENDPOINT_6)
    return {
      ...(extension === undefined ? {} : { extension }),
      ...(hasEndpoint ? { tunnelAddress6: from.bytes(16) } : {}),
      trailing: rest.read(from),
    } as Content<Omit<RuleContent, 'version'>>
  },
  write(to, { extension, tunnelAddress6, trailing }) {
    if (extension !== undefined) {
      guid.write(to, ALTERNATIVE_METHODS)
      methods.write(to, extension.methods)
      if (extension.flags !== undefined) {
        guid.write(to, ALTERNATIVE_FLAGS)
        le.write(to, extension.flags.head)
        for (const value of extension.flags.values) le.write(to, value)
      }
    }
    if (tunnelAddress6 !== undefined) {
      guid.write(to, TUNNEL_ENDPOINT_6)
      to.bytes(tunnelAddress6)
    }
    to.bytes(trailing)
  },
}

function readExtension(from: Reader): RuleExtension | undefined {
  if (!passesGuid(from, ALTERNATIVE_METHODS)) return undefined
  const read = methods.read(from)
  if (!passesGuid(from, ALTERNATIVE_FLAGS)) return { methods: read }
  // As many flags as there are methods; what stands before them repeats their number.
  const head = le.read(from)
  return { methods: read, flags: { head, values: read.map(() => le.read(from)) } }
}

const versionStart = withTexts<Omit<VersionInformation, 'statedLength'>>(
  struct({ number: le, seconds: le, system: wideText, author: wideText, comment: wideText }),
  ['system', 'author', 'comment'],
)

const versionInformation: Codec<VersionInformation> = {
  read(from) {
    const stated = le.read(from)
    const before = from.at
    const start = versionStart.read(from)
    const own = from.at - before
    return { ...(stated === own ? {} : { statedLength: stated }), ...start }
  },
  write(to, { statedLength, ...start }) {
    const bytes = encode(versionStart, start)
    to.u32LittleEndian(statedLength ?? bytes.length)
    to.bytes(bytes)
  },
}

/** The stated length does not count what Vista and later write behind. */
const bareRule = framed<Omit<RuleContent, 'version'>>(blobGuids.rule, ruleStart, ruleEnd)

export const ruleContent: Codec<RuleContent> = {
  read(from) {
    const version = passesGuid(from, VERSION_INFORMATION) ? { version: versionInformation.read(from) } : {}
    return { ...version, ...bareRule.read(from) }
  },
  write(to, { version, ...rule }) {
    if (version !== undefined) {
      guid.write(to, VERSION_INFORMATION)
      versionInformation.write(to, version)
    }
    bareRule.write(to, rule)
  },
}
