// New objects of Windows's IPsec policies, with everything in their blobs that Windows itself writes there: for translating
// policies and for commands that make them.
import { Secret } from '../base/secret.ts'
import {
  type AuthenticationMethod,
  certificateMethod,
  kerberosMethod,
  preSharedKeyMethod,
} from './policy-blob-parts.ts'
import type { Algorithm, IsakmpContent, MainModeMethod, QuickModeOffer, RuleContent } from './policy-blobs.ts'
import type { FilterListContent, FilterVersion1 } from './policy-filter-blob.ts'
import { actionGuids, type Guid, typeGuids } from './policy-guids.ts'
import {
  DATA_TYPE,
  type FilterListObject,
  type IsakmpObject,
  type NegotiationObject,
  type PolicyObject,
  type RuleObject,
} from './policy-objects.ts'

/** Blobs of which Windows: since Vista they hold more. Every Windows reads those of 2000. */
export type BlobForm = 'windows-2000' | 'windows-vista'

export const DEFAULT_POLLING_SECONDS = 10_800
export const DEFAULT_IKE_SECONDS = 28_800

interface Head {
  readonly id: Guid
  readonly name?: string | undefined
  readonly description?: string | undefined
  /** Seconds since 1970. */
  readonly whenChanged?: number | undefined
}

function headOf({ id, name, description, whenChanged }: Head) {
  return {
    id,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(whenChanged === undefined ? {} : { whenChanged }),
    dataType: DATA_TYPE,
    owners: [],
  }
}

const zero = () => new Uint8Array(1)

export function newPolicy(
  head: Head,
  {
    isakmp,
    rules,
    pollingSeconds = DEFAULT_POLLING_SECONDS,
  }: Pick<PolicyObject, 'isakmp' | 'rules'> & { readonly pollingSeconds?: number },
): PolicyObject {
  return {
    kind: 'policy',
    ...headOf(head),
    ...(isakmp === undefined ? {} : { isakmp }),
    rules,
    content: { pollingSeconds, trailing: zero() },
  }
}

/** The numbers that IKE's first phase has in blobs. */
export const mainModeCiphers = { des: 1, '3des': 3 } as const
export const mainModeHashes = { md5: 1, sha1: 2 } as const
/** Of RFC 2409, 768 and 1024 bits; of RFC 3526, 2048 bits. */
export const mainModeGroups = { 1: 1, 2: 2, 14: 0x1000_0001 } as const

/** 64 bits of key and 8 rounds stand in every method of Windows, whatever its cipher. */
const KEY_LENGTH = 0x40
const ROUNDS = 8

export function mainModeMethod(
  cipher: keyof typeof mainModeCiphers,
  hash: keyof typeof mainModeHashes,
  group: keyof typeof mainModeGroups,
  seconds = DEFAULT_IKE_SECONDS,
): MainModeMethod {
  return {
    version: new Uint8Array(4),
    cipher: mainModeCiphers[cipher],
    cipherKeyLength: KEY_LENGTH,
    cipherRounds: ROUNDS,
    hash: mainModeHashes[hash],
    hashKeyLength: KEY_LENGTH,
    reserved: new Uint8Array(12),
    fixedMethod: 0,
    reservedBehind: new Uint8Array(7),
    group: mainModeGroups[group],
    quickModeLimit: 0,
    kilobytes: 0,
    seconds,
    identityProtection: 0,
  }
}

/** What Windows 2000 to 2003 offer where nobody chose. */
export function defaultMainModeMethods(seconds = DEFAULT_IKE_SECONDS): readonly MainModeMethod[] {
  return [
    mainModeMethod('3des', 'sha1', 2, seconds),
    mainModeMethod('3des', 'md5', 2, seconds),
    mainModeMethod('des', 'sha1', 1, seconds),
    mainModeMethod('des', 'md5', 1, seconds),
  ]
}

export function newIsakmp(
  head: Head,
  content: Partial<Pick<IsakmpContent, 'instance' | 'masterPfs' | 'options' | 'quickModeLimit' | 'seconds'>> &
    Pick<IsakmpContent, 'methods'>,
): IsakmpObject {
  return {
    kind: 'isakmp',
    ...headOf(head),
    content: {
      instance: '{00000000-0000-0000-0000-000000000000}',
      reserved: 0,
      masterPfs: 0,
      options: 0,
      fixedMethods: new Uint8Array(4),
      quickModeLimit: 0,
      seconds: 0,
      reservedBehind: new Uint8Array(20),
      trailing: zero(),
      ...content,
    },
  }
}

const unused: Algorithm = { algorithm: 0, integrity: 0, type: 0, keyLength: 0, rounds: 0 }

export function espAlgorithm(cipher: 'none' | 'des' | '3des', integrity: 'none' | 'md5' | 'sha1'): Algorithm {
  const ciphers = { none: 0, des: 1, '3des': 3 }
  const integrities = { none: 0, md5: 1, sha1: 2 }
  return {
    algorithm: ciphers[cipher],
    integrity: integrities[integrity],
    type: 2,
    keyLength: KEY_LENGTH,
    rounds: ROUNDS,
  }
}

export function ahAlgorithm(integrity: 'md5' | 'sha1'): Algorithm {
  return { algorithm: { md5: 1, sha1: 2 }[integrity], integrity: 0, type: 1, keyLength: KEY_LENGTH, rounds: ROUNDS }
}

/** At most three algorithms count. */
export function quickModeOffer(
  algorithms: readonly Algorithm[],
  { seconds = 0, kilobytes = 0, freshKeys = false } = {},
): QuickModeOffer {
  const [first = unused, second = unused, third = unused] = algorithms
  return {
    seconds,
    kilobytes,
    flags: 0,
    pfs: freshKeys ? 1 : 0,
    algorithmCount: Math.min(3, algorithms.length),
    algorithms: [first, second, third],
  }
}

/** The offer behind all others that allows to fall back to clear. */
export function fallBackOffer(): QuickModeOffer {
  return quickModeOffer([])
}

/** With which Windows 2000's default response answers, with its own lifetimes. */
export function defaultResponseOffers(): readonly QuickModeOffer[] {
  const esp = [
    espAlgorithm('3des', 'sha1'),
    espAlgorithm('3des', 'md5'),
    espAlgorithm('des', 'sha1'),
    espAlgorithm('des', 'md5'),
  ]
  return [...esp, ahAlgorithm('sha1'), ahAlgorithm('md5')].map(algorithm => quickModeOffer([algorithm]))
}

export function newNegotiation(
  head: Head,
  action: Guid,
  offers: readonly QuickModeOffer[],
  type: Guid = typeGuids.standard,
): NegotiationObject {
  // Permit and block hold no offers.
  const plain = action === actionGuids.permit || action === actionGuids.block
  return {
    kind: 'negotiation',
    ...headOf(head),
    action,
    type,
    content: { offers: plain ? [] : offers, trailing: zero() },
  }
}

export const interfaceTypes = { all: 0xffff_fffd, lan: 0xffff_fffe, dialUp: 0xffff_ffff } as const

/** One way to authenticate of a new rule. */
export type NewCredential =
  | { readonly kind: 'kerberos' }
  | { readonly kind: 'pre-shared-key'; readonly secret: Secret<string> }
  | {
      readonly kind: 'certificate'
      readonly authority: string
      readonly mapsToAccount?: boolean
      readonly hidesAuthority?: boolean
    }

const MAPS_TO_ACCOUNT = 1
const HIDES_AUTHORITY = 2

function flagsOf(credential: NewCredential): number {
  if (credential.kind !== 'certificate') return 0
  return (
    (credential.mapsToAccount === true ? MAPS_TO_ACCOUNT : 0) |
    (credential.hidesAuthority === true ? HIDES_AUTHORITY : 0)
  )
}

function methodOf(credential: NewCredential): AuthenticationMethod {
  if (credential.kind === 'kerberos') return kerberosMethod()
  return credential.kind === 'certificate'
    ? certificateMethod(credential.authority)
    : preSharedKeyMethod(credential.secret)
}

export interface NewRuleContent {
  readonly credentials: readonly NewCredential[]
  readonly interfaceType?: number
  readonly isActive?: boolean
  /** Of the far end: IPv4 as one number, or 16 octets of IPv6. 0: a tunnel whose far end is not known. */
  readonly tunnel?: number | Uint8Array | undefined
}

export function newRule(
  head: Head,
  { negotiation, filterLists }: Pick<RuleObject, 'negotiation' | 'filterLists'>,
  content: NewRuleContent,
  form: BlobForm = 'windows-2000',
): RuleObject {
  return {
    kind: 'rule',
    ...headOf(head),
    ...(negotiation === undefined ? {} : { negotiation }),
    filterLists,
    content: ruleContentOf(content, form),
  }
}

export function ruleContentOf(
  { credentials, interfaceType = interfaceTypes.all, isActive = true, tunnel }: NewRuleContent,
  form: BlobForm,
): RuleContent {
  const flags = credentials.map(flagsOf)
  const isVista = form === 'windows-vista'
  const isIpv6 = tunnel instanceof Uint8Array
  return {
    authentication: credentials.map(methodOf),
    interfaceType,
    interfaceName: '',
    tunnelAddress: typeof tunnel === 'number' ? tunnel : 0,
    isTunnel: tunnel === undefined ? 0 : 1,
    isActive: isActive ? 1 : 0,
    tunnelName: '',
    ...(isVista
      ? { extension: { methods: credentials.map(extensionMethod), flags: { head: flags.length, values: flags } } }
      : {}),
    ...(isVista && isIpv6 ? { tunnelAddress6: tunnel } : {}),
    trailing: zero(),
  }
}

/** Kerberos has no octets there. */
function extensionMethod(credential: NewCredential): AuthenticationMethod {
  const method = methodOf(credential)
  return credential.kind === 'kerberos' ? { ...method, data: new Secret(new Uint8Array(0)) } : method
}

export function newFilterList(head: Head, content: FilterListContent): FilterListObject {
  return { kind: 'filter-list', ...headOf(head), content }
}

/** Filters that every Windows since 2000 reads. */
export function filterListOf(filters: readonly FilterVersion1[], form: BlobForm = 'windows-2000'): FilterListContent {
  return { filters, trailing: form === 'windows-2000' ? zero() : new Uint8Array(0) }
}

/** From any address to any, every protocol, mirrored, unless `changes` say otherwise. */
export function filterVersion1(id: Guid, changes: Partial<Omit<FilterVersion1, 'id'>> = {}): FilterVersion1 {
  return {
    sourceName: '',
    destinationName: '',
    description: '',
    id,
    mirrored: 1,
    sourceAddress: 0,
    sourceMask: 0,
    destinationAddress: 0,
    destinationMask: 0,
    tunnelAddress: 0,
    protocol: 0,
    sourcePort: 0,
    destinationPort: 0,
    isTunnel: 0,
    special: 0,
    flags: 0,
    ...changes,
  }
}

/** Address and mask that stand for the host's own addresses. */
export const ME = { address: 0, mask: 0xffff_ffff } as const
