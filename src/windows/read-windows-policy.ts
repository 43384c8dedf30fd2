// A policy in any of the forms in which Windows's users have one, told by its content: a registry or a part of it, the
// directory's LDIF, connection security rules as scripts, as shown, as JSON. What a form cannot say is a problem, never silence.
import { seededRandom } from '../base/random.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Policy, ProfileName } from '../policy/model.ts'
import { decodeRegFile } from '../settings/reg-encoding.ts'
import { type RegistryKey, valueAt } from '../settings/registry.ts'
import { readRegistrySource, registryFormOf, type SourceForm } from '../settings/registry-source.ts'
import { textOf } from '../settings/value.ts'
import { runAdvfirewall } from './advfirewall-session.ts'
import { readShownRules } from './advfirewall-shown.ts'
import { readRulesJson } from './connection-security-json.ts'
import { readStore } from './connection-security-registry.ts'
import { type ConnectionSecurityPolicy, emptyPolicy, type Understood } from './connection-security-rules.ts'
import { toPolicy as fromRules } from './connection-security-to-policy.ts'
import { type DirectoryEntry, readLdif } from './directory-ldif.ts'
import { policiesFromEntries } from './directory-policies.ts'
import { emptyNetshState, runNetshScript } from './netsh-script.ts'
import { policyInForce } from './policy-in-force.ts'
import type { PolicyObject, PolicyStore } from './policy-objects.ts'
import { runPowerShell } from './powershell-run.ts'
import { domainAssignment, policiesInForce, readRegistryPolicies, registryPlaces } from './registry-policies.ts'
import { type ToPolicy, type ToPolicyOptions, toPolicy } from './to-policy.ts'

export type WindowsForm =
  | SourceForm
  | 'ldif'
  | 'powershell'
  | 'rules-json'
  | 'advfirewall-script'
  | 'ipsec-script'
  | 'shown-rules'

/** What each form is, for people. */
export const windowsForms: Readonly<Record<WindowsForm, string>> = {
  hive: 'a registry hive',
  reg: 'a .reg export',
  'registry-pol': 'a Registry.pol of a group policy',
  'security-template': 'a security template',
  ldif: 'an LDIF of a directory',
  powershell: 'a PowerShell script of IPsec rules',
  'rules-json': 'JSON of Get-NetIPsecRule',
  'advfirewall-script': 'a script of netsh advfirewall',
  'ipsec-script': 'a script of netsh ipsec, ipsecpol or ipseccmd',
  'shown-rules': 'what netsh advfirewall consec show prints',
}

export interface WindowsPolicy {
  readonly form: WindowsForm
  readonly policy: Policy
  /** Errors: traffic may pass that the source would have blocked or secured, or a line was not understood. */
  readonly losses: readonly Problem[]
  /** Where the form is a registry: it may set NoDefaultExempt too. */
  readonly registry?: RegistryKey
}

export interface ReadOptions {
  readonly where: string
  /** Transaction logs of a hive. */
  readonly logs?: readonly Uint8Array[]
  /** The policy that is meant, by its name; left out, the one in force. */
  readonly name?: string
}

/** Undefined for what is none of these, as a policy file of sealwire. Only the beginning of a text is looked at. */
export function windowsFormOf(bytes: Uint8Array): WindowsForm | undefined {
  const registry = registryFormOf(bytes)
  if (registry !== undefined) return registry
  const { text } = decodeRegFile(bytes.subarray(0, 65_536))
  return forms.find(([pattern]) => pattern.test(text))?.[1]
}

const forms: readonly (readonly [RegExp, WindowsForm])[] = [
  [/^\ufeff?(\s|#[^\n]*\n)*(version: 1\s*\n|dn::? )/i, 'ldif'],
  [/^\s*[[{].*"(InboundSecurity|OutboundSecurity|QuickModeCryptoSet|Phase1AuthSet)"/s, 'rules-json'],
  [/\b(New|Set|Enable|Remove|Copy)-NetIPsec[A-Za-z0-9]+\b|\bSet-NetFirewallSetting\b/i, 'powershell'],
  [/^[ \t@]{0,9}"?((netsh(\.exe)?"?|pushd)[ \t]{1,9})?ipsec[ \t]{1,9}(s|dyn)[a-z]*\s/im, 'ipsec-script'],
  [/^[ \t@]{0,9}(ipsecpol|ipseccmd)(\.exe)?[ \t]/im, 'ipsec-script'],
  [/^\s*(netsh(\.exe)?\s+)?(advfirewall|consec)\s/im, 'advfirewall-script'],
  [/^Rule Name:\s/m, 'shown-rules'],
]

/** Fails where nothing can be made of it; never throws. */
export function readWindowsPolicy(bytes: Uint8Array, options: ReadOptions): Result<WindowsPolicy, readonly Problem[]> {
  const form = windowsFormOf(bytes)
  const { where } = options
  switch (form) {
    case 'hive':
    case 'reg':
    case 'registry-pol':
    case 'security-template':
      return fromRegistry(bytes, form, options)
    case 'ldif':
      return fromLdif(bytes, options)
    case 'ipsec-script':
      return fromIpsecScript(decodeRegFile(bytes).text, options)
    case undefined:
      return failed(
        where,
        'this is no form of a Windows policy that is known',
        `known: ${Object.values(windowsForms).join(', ')}`,
      )
    default: {
      const { value, problems } = rulesOf(form, decodeRegFile(bytes).text, where)
      return fromConnectionSecurity(form, value, problems, options)
    }
  }
}

function rulesOf(
  form: Exclude<WindowsForm, SourceForm | 'ldif' | 'ipsec-script'>,
  text: string,
  where: string,
): Understood<ConnectionSecurityPolicy> {
  switch (form) {
    case 'powershell':
      return runPowerShell(text, where)
    case 'rules-json': {
      const { value: rules, problems } = readRulesJson(text, where)
      return { value: { ...emptyPolicy, rules }, problems }
    }
    case 'advfirewall-script': {
      const { policy: value, problems } = runAdvfirewall(text, where)
      return { value, problems }
    }
    case 'shown-rules':
      return readShownRules(text, where)
  }
}

/** The policy that the script assigns, or the only one that it makes. GUIDs mean nothing for what comes of it. */
function fromIpsecScript(text: string, options: ReadOptions): Result<WindowsPolicy, readonly Problem[]> {
  const world = { random: seededRandom(0), now: 0, host: '' }
  const run = runNetshScript(text, options.where, { state: emptyNetshState, rules: emptyPolicy }, world)
  const store = run.state.stores.local
  const policies = policiesOf(store)
  const named = options.name === undefined ? undefined : namedIn([store], options.name)?.object.id
  const only = policies.length === 1 ? policies[0]?.id : undefined
  const id = options.name === undefined ? (store.assigned ?? only) : named
  if (id === undefined) return failure([...run.problems, ...nothingIn([store], options)])
  const made = toPolicy(store, { policy: id })
  if (!made.ok) return made
  const { policy, losses } = made.value
  return success({ form: 'ipsec-script', policy, losses: [...run.problems, ...losses] })
}

function fromConnectionSecurity(
  form: WindowsForm,
  rules: ConnectionSecurityPolicy,
  problems: readonly Problem[],
  { where, name }: ReadOptions,
): Result<WindowsPolicy, readonly Problem[]> {
  if (rules.rules.length === 0) {
    return failure([
      ...problems,
      ...problemOf(where, 'no connection security rule stands in it', 'a rule is what says which traffic is secured'),
    ])
  }
  const { value: policy, losses } = fromRules(rules, name === undefined ? {} : { name })
  return success({ form, policy, losses: [...problems, ...losses] })
}

function fromRegistry(
  bytes: Uint8Array,
  form: SourceForm,
  options: ReadOptions,
): Result<WindowsPolicy, readonly Problem[]> {
  const source = readRegistrySource(bytes, options)
  if (!source.ok) return source
  const { root, problems } = source.value
  const made = policyOfRegistry(root, options)
  if (!made.ok) return failure([...problems.filter(({ severity }) => severity === 'error'), ...made.error])
  const { policy, losses } = made.value
  return success({ form, policy, losses: [...problems, ...losses], registry: root })
}

/** What a registry says is in force, or the policy of a name: of Windows 2000's kind, or else connection security rules. */
export function policyOfRegistry(
  root: RegistryKey,
  options: Pick<ReadOptions, 'where' | 'name'> & Pick<ToPolicyOptions, 'certificateOf' | 'servers'>,
): Result<ToPolicy, readonly Problem[]> {
  const { main, persistent } = policiesInForce(root)
  const dynamic = policiesOf(readRegistryPolicies(root, 'dynamic').store)
  const named = options.name === undefined ? undefined : namedIn(storesOf(root), options.name)
  const profile = windowsOf(root)
  const { certificateOf, servers } = options
  const settings = {
    ...(profile === undefined ? {} : { profile }),
    ...(certificateOf === undefined ? {} : { certificateOf }),
    ...(servers === undefined ? {} : { servers }),
  }
  const isOlder = [named, main, persistent, dynamic[0], domainAssignment(root)].some(one => one !== undefined)
  if (isOlder) {
    return named === undefined
      ? policyInForce(root, settings)
      : toPolicy(named.store, { ...settings, policy: named.object.id })
  }
  const stores = (['group-policy', 'local'] as const).flatMap(store => readStore(root, store) ?? [])
  const rules = stores.reduce((whole, { value }) => together(whole, value), emptyPolicy)
  if (rules.rules.length === 0) return failure(nothingIn(storesOf(root), options))
  const found = stores.flatMap(store => store.problems)
  const { value: policy, losses } = fromRules(rules, options.name === undefined ? {} : { name: options.name })
  return success({ policy, losses: [...found, ...losses] })
}

/** Whether anything says what is secured: an assigned policy, also one that cannot be read, a rule, a dynamic one. */
export function hasPolicyInForce(root: RegistryKey): boolean {
  const { main, persistent } = policiesInForce(root)
  const dynamic = readRegistryPolicies(root, 'dynamic')
  const isAssigned = [main, persistent, domainAssignment(root)].some(one => one !== undefined)
  if (isAssigned || policiesOf(dynamic.store).length + dynamic.problems.length > 0) return true
  return (['group-policy', 'local'] as const).some(store => (readStore(root, store)?.value.rules.length ?? 0) > 0)
}

/** That of a group policy first. */
function together(first: ConnectionSecurityPolicy, second: ConnectionSecurityPolicy): ConnectionSecurityPolicy {
  return {
    rules: [...first.rules, ...second.rules],
    mainModeRules: [...first.mainModeRules, ...second.mainModeRules],
    auth1Sets: [...first.auth1Sets, ...second.auth1Sets],
    auth2Sets: [...first.auth2Sets, ...second.auth2Sets],
    mainModeSets: [...first.mainModeSets, ...second.mainModeSets],
    quickModeSets: [...first.quickModeSets, ...second.quickModeSets],
    defaults: { ...second.defaults, ...first.defaults },
    settings: { ...second.settings, ...first.settings },
  }
}

function storesOf(root: RegistryKey): readonly PolicyStore[] {
  return registryPlaces.map(place => readRegistryPolicies(root, place).store)
}

function fromLdif(bytes: Uint8Array, options: ReadOptions): Result<WindowsPolicy, readonly Problem[]> {
  const read = readLdif(bytes, options.where)
  if (!read.ok) return read
  const { entries, problems } = read.value
  const made = policyFromDirectory(entries, options)
  return made.ok ? success({ ...made.value, losses: [...problems, ...made.value.losses] }) : made
}

/** Of objects as a directory holds them: the policy that is named, else the one that is assigned. */
export function policyFromDirectory(
  entries: readonly DirectoryEntry[],
  options: ReadOptions,
): Result<WindowsPolicy, readonly Problem[]> {
  const { store, assignments, problems } = policiesFromEntries(entries)
  const assigned = [...new Set(assignments.map(({ policy }) => policy))]
  const named = options.name === undefined ? undefined : namedIn([store], options.name)
  const id = named?.object.id ?? (assigned.length === 1 ? assigned[0] : undefined)
  if (id === undefined) return failure(nothingIn([store], options))
  const made = toPolicy(store, { policy: id })
  return made.ok
    ? success({ form: 'ldif', policy: made.value.policy, losses: [...problems, ...made.value.losses] })
    : made
}

function policiesOf(store: PolicyStore): readonly PolicyObject[] {
  return store.objects.filter(object => object.kind === 'policy')
}

function namedIn(
  stores: readonly PolicyStore[],
  name: string,
): { readonly store: PolicyStore; readonly object: PolicyObject } | undefined {
  const wanted = name.toLowerCase()
  for (const store of stores) {
    const object = policiesOf(store).find(one => one.name?.toLowerCase() === wanted || one.id.toLowerCase() === wanted)
    if (object !== undefined) return { store, object }
  }
  return undefined
}

function nothingIn(
  stores: readonly PolicyStore[],
  { where, name }: Pick<ReadOptions, 'where' | 'name'>,
): readonly Problem[] {
  const names = stores.flatMap(store => policiesOf(store).map(object => object.name ?? object.id))
  const shown = names
    .slice(0, 20)
    .map(one => JSON.stringify(one))
    .join(', ')
  const what =
    name !== undefined && names.length > 0
      ? `no policy ${JSON.stringify(name)} stands in it`
      : names.length === 0
        ? 'no IPsec policy and no connection security rule stands in it'
        : 'it has policies, and none of them is assigned'
  const hint =
    names.length === 0
      ? 'settings alone are named with --registry, beside a policy'
      : `name one: sealwire policy import … --name; there are ${shown}`
  return problemOf(where, what, hint)
}

const versions: readonly (readonly [RegExp, ProfileName])[] = [
  [/^5\.0/, 'windows-2000-sp1'],
  [/^5\.1/, 'windows-xp'],
  [/^5\.2/, 'windows-server-2003'],
  [/^(6|10)\./, 'windows-vista'],
]

/** The Windows whose registry it is, where a SOFTWARE hive says so. */
function windowsOf(root: RegistryKey): ProfileName | undefined {
  const at = 'HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion'
  const [version, pack] = ['CurrentVersion', 'CSDVersion'].map(name => {
    const value = valueAt(root, at, name)
    return value === undefined ? undefined : textOf(value)
  })
  const profile = version === undefined ? undefined : versions.find(([form]) => form.test(version))?.[1]
  // Service Pack 1 brought the setting.
  return profile === 'windows-2000-sp1' && pack === undefined ? 'windows-2000' : profile
}

function problemOf(where: string, what: string, hint: string): readonly Problem[] {
  return [{ severity: 'error', where, what, hint }]
}

function failed(where: string, what: string, hint: string): Result<never, readonly Problem[]> {
  return failure(problemOf(where, what, hint))
}
