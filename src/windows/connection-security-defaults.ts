// What counts where a rule or a policy names no set of its own: Windows's well-known sets, their built-in content as
// documented for netsh, and the look-up of a rule's sets.
import { createHash } from 'node:crypto'
import type {
  AuthSet,
  ConnectionSecurityPolicy,
  ConnectionSecurityRule,
  DefaultSets,
  MainModeProposal,
  MainModeSet,
  QuickModeProposal,
  QuickModeSet,
} from './connection-security-rules.ts'

/** [MS-FASP] §2.2.64 and §2.2.75. */
export const wellKnownSets: Required<DefaultSets> = {
  mainMode: '{E5A5D32A-4BCE-4e4d-B07F-4AB1BA7E5FE1}',
  quickMode: '{E5A5D32A-4BCE-4e4d-B07F-4AB1BA7E5FE2}',
  auth1: '{E5A5D32A-4BCE-4e4d-B07F-4AB1BA7E5FE3}',
  auth2: '{E5A5D32A-4BCE-4e4d-B07F-4AB1BA7E5FE4}',
}

export const QUICK_MODE_MINUTES = 60
export const QUICK_MODE_KILOBYTES = 100_000
export const MAIN_MODE_MINUTES = 480

const lifetime = { minutes: QUICK_MODE_MINUTES, kilobytes: QUICK_MODE_KILOBYTES, other: [] } as const

export const defaultQuickModeProposals: readonly QuickModeProposal[] = [
  { encapsulation: 'esp', espHash: 'sha1', ...lifetime },
  { encapsulation: 'esp', espHash: 'sha1', encryption: 'aes-128', ...lifetime },
  { encapsulation: 'esp', espHash: 'sha1', encryption: '3des', ...lifetime },
  { encapsulation: 'ah', ahHash: 'sha1', ...lifetime },
]

export const defaultMainModeProposals: readonly MainModeProposal[] = [
  { group: 'dh2', encryption: 'aes-128', hash: 'sha1', other: [] },
  { group: 'dh2', encryption: '3des', hash: 'sha1', other: [] },
]

const builtInAuth1: AuthSet = {
  id: wellKnownSets.auth1,
  proposals: [{ method: 'computer-kerberos', other: [] }],
  other: [],
}

const builtInMainMode: MainModeSet = {
  id: wellKnownSets.mainMode,
  proposals: defaultMainModeProposals,
  forceDiffieHellman: false,
  minutes: MAIN_MODE_MINUTES,
  sessions: 0,
  other: [],
}

const builtInQuickMode: QuickModeSet = {
  id: wellKnownSets.quickMode,
  proposals: defaultQuickModeProposals,
  freshKeys: 'none',
  other: [],
}

export function isSameId(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

interface Identified {
  readonly id: string
}

/** Lists of a policy never change, so each is indexed once. Of two with one id the first counts. */
const indexes = new WeakMap<readonly Identified[], ReadonlyMap<string, Identified>>()

/** The one of that id, in any case. */
export function withId<S extends Identified>(list: readonly S[], id: string): S | undefined {
  let index = indexes.get(list)
  if (index === undefined) {
    index = new Map(list.toReversed().map(one => [one.id.toLowerCase(), one]))
    indexes.set(list, index)
  }
  return index.get(id.toLowerCase()) as S | undefined
}

/** The set of that id, which may be a well-known one that another stands for or that is built in. */
function found<S extends Identified>(
  sets: readonly S[],
  id: string | undefined,
  wellKnown: string,
  standIn: string | undefined,
  builtIn: S | undefined,
): S | undefined {
  if (id === undefined) return undefined
  const own = withId(sets, id)
  if (own !== undefined || !isSameId(id, wellKnown)) return own
  return (standIn === undefined ? undefined : withId(sets, standIn)) ?? builtIn
}

export function auth1Of(policy: ConnectionSecurityPolicy, id: string | undefined): AuthSet | undefined {
  return found(policy.auth1Sets, id, wellKnownSets.auth1, policy.defaults.auth1, builtInAuth1)
}

/** Windows has no second authentication of its own. */
export function auth2Of(policy: ConnectionSecurityPolicy, id: string | undefined): AuthSet | undefined {
  return found(policy.auth2Sets, id, wellKnownSets.auth2, policy.defaults.auth2, undefined)
}

export function mainModeOf(policy: ConnectionSecurityPolicy, id: string | undefined): MainModeSet | undefined {
  return found(policy.mainModeSets, id, wellKnownSets.mainMode, policy.defaults.mainMode, builtInMainMode)
}

export function quickModeOf(policy: ConnectionSecurityPolicy, id: string | undefined): QuickModeSet | undefined {
  return found(policy.quickModeSets, id, wellKnownSets.quickMode, policy.defaults.quickMode, builtInQuickMode)
}

/** What IKE itself does where no main mode rule says otherwise. */
export function defaultMainMode(policy: ConnectionSecurityPolicy): MainModeSet {
  return mainModeOf(policy, wellKnownSets.mainMode)!
}

/** Ids that a rule names and that nothing answers to. */
export function missingSets(policy: ConnectionSecurityPolicy, rule: ConnectionSecurityRule): readonly string[] {
  const missing: string[] = []
  if (rule.auth1 !== undefined && auth1Of(policy, rule.auth1) === undefined) missing.push(rule.auth1)
  const isBuiltIn2 = rule.auth2 === undefined || isSameId(rule.auth2, wellKnownSets.auth2)
  if (!isBuiltIn2 && auth2Of(policy, rule.auth2) === undefined) missing.push(rule.auth2)
  if (rule.quickMode !== undefined && quickModeOf(policy, rule.quickMode) === undefined) missing.push(rule.quickMode)
  return missing
}

/**
 * An id of Windows's form for something that came without one: the same for the same thing at the same place, so that two
 * readings of a text agree. Nothing secret goes into it.
 */
export function madeId(kind: string, name: string, ordinal: number): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([kind, name, ordinal]))
    .digest('hex')
    .toUpperCase()
  // RFC 9562 §5.8: version 8 is for the maker's own way.
  return `{${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-A${hex.slice(17, 20)}-${hex.slice(20, 32)}}`
}
