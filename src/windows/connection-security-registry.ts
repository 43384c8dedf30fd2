// The keys of connection security in a registry, both ways: local ones below SharedAccess, those of a group policy below
// Software\Policies ([MS-GPFAS] §2.2.1, §2.2.4 to §2.2.7). Keys that are the firewall's alone are named and left alone.
import type { Problem } from '../base/result.ts'
import { keyAt, type RegistryKey, registryKey } from '../settings/registry.ts'
import { isSameName } from '../settings/registry-name.ts'
import { dwordValue, numberOf, type RegistryValue, stringValue, textOf } from '../settings/value.ts'
import { meaning, problem, warning } from './connection-security-cells.ts'
import { isSameId, madeId, wellKnownSets } from './connection-security-defaults.ts'
import {
  type ConnectionSecurityPolicy,
  type DefaultSets,
  emptyPolicy,
  type GlobalSettings,
  type SetHead,
  type Understood,
  type Written,
} from './connection-security-rules.ts'
import {
  authSetKey,
  mainModeSetKey,
  quickModeSetKey,
  readAuthSet,
  readMainModeSet,
  readQuickModeSet,
} from './connection-security-set-keys.ts'
import { readMainModeRuleText, readRuleText, writeMainModeRuleText, writeRuleText } from './connection-security-text.ts'

export type RuleStore = 'local' | 'group-policy'

export const storePaths: Readonly<Record<RuleStore, string>> = {
  local: 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy',
  'group-policy': 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall',
}

/** What a registry holds in one of the stores; undefined where it has no such key. */
export function readStore(root: RegistryKey, store: RuleStore): Understood<ConnectionSecurityPolicy> | undefined {
  const key = keyAt(root, storePaths[store])
  return key === undefined ? undefined : readRegistryPolicy(key, storePaths[store])
}

type Draft = { -readonly [K in keyof ConnectionSecurityPolicy]: ConnectionSecurityPolicy[K] }

/** The key of a store, which holds ConSecRules and its like. */
export function readRegistryPolicy(key: RegistryKey, where: string): Understood<ConnectionSecurityPolicy> {
  const problems: Problem[] = []
  const policy: Draft = { ...emptyPolicy }
  const defaults: { -readonly [K in keyof DefaultSets]: DefaultSets[K] } = {}
  policy.settings = readSettings(key, where, problems)
  for (const child of key.keys) {
    const at = `${where}\\${child.name}`
    const found = keyReaders.find(({ names }) => names.some(name => isSameName(name, child.name)))
    if (found === undefined) {
      if (!firewallKeys.some(name => isSameName(name, child.name))) {
        const known = keyReaders.map(({ names }) => names[0]!)
        problems.push(problem(at, 'the key is not known', meaning(child.name, [...known, ...firewallKeys])))
      }
      continue
    }
    found.read(policy, child, at, problems)
    const standIn = readStandIn(child, found.wellKnown, at, problems)
    if (found.wellKnown !== undefined && standIn !== undefined) defaults[found.wellKnown] = standIn
  }
  policy.defaults = defaults
  return { value: policy, problems }
}

/** Keys of the firewall, which connection security has no part in ([MS-GPFAS] §2.2.2, §2.2.3 and what came later). */
const firewallKeys: readonly string[] = [
  'DomainProfile',
  'PrivateProfile',
  'PublicProfile',
  'StandardProfile',
  'FirewallRules',
  'RestrictedServices',
  'RestrictedInterfaces',
  'Logging',
  'AppIso',
  'Mdm',
]

interface KeyKind {
  /** The first is written. */
  readonly names: readonly string[]
  readonly wellKnown?: keyof DefaultSets
  read(policy: Draft, key: RegistryKey, where: string, problems: Problem[]): void
}

const keyReaders: readonly KeyKind[] = [
  {
    names: ['ConSecRules'],
    read: (policy, key, where, problems) => {
      policy.rules = readRules(key, where, problems, readRuleText)
    },
  },
  {
    names: ['MainModeRules'],
    read: (policy, key, where, problems) => {
      policy.mainModeRules = readRules(key, where, problems, readMainModeRuleText)
    },
  },
  {
    names: ['Phase1AuthenticationSets', 'Phase1AuthenticationSet'],
    wellKnown: 'auth1',
    read: (policy, key, where, problems) => {
      policy.auth1Sets = key.keys.map(set => readAuthSet(set, 1, `${where}\\${set.name}`, problems))
    },
  },
  {
    names: ['Phase2AuthenticationSets', 'Phase2AuthenticationSet'],
    wellKnown: 'auth2',
    read: (policy, key, where, problems) => {
      policy.auth2Sets = key.keys.map(set => readAuthSet(set, 2, `${where}\\${set.name}`, problems))
    },
  },
  {
    names: ['Phase1CryptoSets', 'Phase1CryptoSet'],
    wellKnown: 'mainMode',
    read: (policy, key, where, problems) => {
      policy.mainModeSets = key.keys.map(set => readMainModeSet(set, `${where}\\${set.name}`, problems))
    },
  },
  {
    names: ['Phase2CryptoSets', 'Phase2CryptoSet'],
    wellKnown: 'quickMode',
    read: (policy, key, where, problems) => {
      policy.quickModeSets = key.keys.map(set => readQuickModeSet(set, `${where}\\${set.name}`, problems))
    },
  },
]

function readRules<R>(
  key: RegistryKey,
  where: string,
  problems: Problem[],
  read: (id: string, data: string, where: string) => Understood<R | undefined>,
): readonly R[] {
  const rules: R[] = []
  for (const child of key.keys) problems.push(problem(`${where}\\${child.name}`, 'a key stands among rules'))
  for (const value of key.values) {
    const at = `${where}\\${value.name}`
    const text = textOf(value)
    if (text === undefined) {
      problems.push(problem(at, 'the value is no text, and so no rule', 'rules are REG_SZ'))
      continue
    }
    const rule = read(value.name, text, at)
    problems.push(...rule.problems)
    if (rule.value !== undefined) rules.push(rule.value)
  }
  return rules
}

/** Under a group policy the well-known id is a value that names the set which stands for it. */
function readStandIn(
  key: RegistryKey,
  kind: keyof DefaultSets | undefined,
  where: string,
  problems: Problem[],
): string | undefined {
  if (kind === undefined) return undefined
  let standIn: string | undefined
  for (const value of key.values) {
    const text = textOf(value)
    if (isSameId(value.name, wellKnownSets[kind]) && text !== undefined && text !== '') standIn = text
    else problems.push(problem(`${where}\\${value.name}`, 'the value is not known', `known: ${wellKnownSets[kind]}`))
  }
  return standIn
}

type NumberSetting = 'exemptions' | 'idleSeconds' | 'revocation' | 'throughNat' | 'keyEncoding'
type TextSetting = 'tunnelMachines' | 'tunnelUsers' | 'transportMachines' | 'transportUsers'

const numberSettings: readonly { field: NumberSetting; name: string; least: number; most: number }[] = [
  { field: 'exemptions', name: 'IPsecExempt', least: 0, most: 15 },
  { field: 'idleSeconds', name: 'SAIdlTime', least: 300, most: 3600 },
  { field: 'revocation', name: 'StrongCRLCheck', least: 0, most: 2 },
  { field: 'throughNat', name: 'IPsecThroughNAT', least: 0, most: 2 },
  { field: 'keyEncoding', name: 'PresharedKeyEncoding', least: 0, most: 1 },
]

const textSettings: readonly { field: TextSetting; name: string }[] = [
  { field: 'tunnelMachines', name: 'IPsecTunnelRemoteMachineAuthorizationList' },
  { field: 'tunnelUsers', name: 'IPsecTunnelRemoteUserAuthorizationList' },
  { field: 'transportMachines', name: 'IPsecTransportRemoteMachineAuthorizationList' },
  { field: 'transportUsers', name: 'IPsecTransportRemoteUserAuthorizationList' },
]

/** Values of the firewall and of bookkeeping beside the settings. */
const firewallValues = ['PolicyVersion', 'DisableStatefulFTP', 'DisableStatefulPPTP', 'PolicyAppliedVersion']

function readSettings(key: RegistryKey, where: string, problems: Problem[]): GlobalSettings {
  const settings: Record<string, number | string> = {}
  for (const value of key.values) {
    const at = `${where}\\${value.name}`
    const number = numberSettings.find(({ name }) => isSameName(name, value.name))
    const text = textSettings.find(({ name }) => isSameName(name, value.name))
    if (number !== undefined) {
      const found = numberOf(value)
      const { least, most } = number
      if (found !== undefined && found >= least && found <= most) settings[number.field] = found
      else problems.push(problem(at, `the value is no REG_DWORD of ${least} to ${most}`, "Windows's default counts"))
    } else if (text !== undefined) {
      const found = textOf(value)
      if (found !== undefined) settings[text.field] = found
      else problems.push(problem(at, 'the value is no text', 'write it as REG_SZ'))
    } else if (!firewallValues.some(name => isSameName(name, value.name))) {
      const known = [...numberSettings, ...textSettings].map(({ name }) => name)
      problems.push(problem(at, 'the value is not known', meaning(value.name, known)))
    }
  }
  return settings as GlobalSettings
}

/** The key of a store under its own name; `changesTo` of settings/registry.ts makes changes of it. */
export function writeRegistryPolicy(policy: ConnectionSecurityPolicy, store: RuleStore): Written<RegistryKey> {
  const losses: Problem[] = []
  const written = <R extends { readonly id: string }>(rules: readonly R[], write: (rule: R) => Written<string>) =>
    rules.map(rule => {
      const { value, losses: found } = write(rule)
      losses.push(...found)
      return stringValue(rule.id, value)
    })
  const setsKey = <S extends SetHead>(
    name: string,
    kind: keyof DefaultSets,
    sets: readonly S[],
    keyOf: (set: S) => RegistryKey,
  ) => {
    const standIn = policy.defaults[kind]
    const values: RegistryValue[] = standIn === undefined ? [] : [stringValue(wellKnownSets[kind], standIn)]
    const keys = sets.map(set => {
      const key = keyOf(set)
      if (store === 'local' || !isSameId(set.id, wellKnownSets[kind])) return key
      // A key with the well-known id must not be in a group policy: it gets another, and a value says so.
      const id = standIn ?? madeId(kind, 'default', 0)
      if (standIn === undefined) values.push(stringValue(wellKnownSets[kind], id))
      losses.push(warning(set.name ?? set.id, `a group policy holds the default set under another id, ${id}`))
      return registryKey(id, key.values, key.keys)
    })
    return values.length + keys.length === 0 ? [] : [registryKey(name, values, keys)]
  }
  const { rules, mainModeRules, settings } = policy
  const keys = [
    ...(rules.length === 0 ? [] : [registryKey('ConSecRules', written(rules, writeRuleText))]),
    ...(mainModeRules.length === 0
      ? []
      : [registryKey('MainModeRules', written(mainModeRules, writeMainModeRuleText))]),
    ...setsKey('Phase1AuthenticationSets', 'auth1', policy.auth1Sets, set => authSetKey(set, losses)),
    ...setsKey('Phase2AuthenticationSets', 'auth2', policy.auth2Sets, set => authSetKey(set, losses)),
    ...setsKey('Phase1CryptoSets', 'mainMode', policy.mainModeSets, mainModeSetKey),
    ...setsKey('Phase2CryptoSets', 'quickMode', policy.quickModeSets, quickModeSetKey),
  ]
  const values = [
    ...numberSettings.flatMap(({ field, name }) => {
      const number = settings[field]
      return number === undefined ? [] : [dwordValue(name, number)]
    }),
    ...textSettings.flatMap(({ field, name }) => {
      const text = settings[field]
      return text === undefined ? [] : [stringValue(name, text)]
    }),
  ]
  const path = storePaths[store]
  return { value: registryKey(path.slice(path.lastIndexOf('\\') + 1), values, keys), losses }
}
