// A policy file, YAML or JSON, to a Policy: every fault at once, each with file, line, column and its place inside.
// Checked here is what needs more than one value: options of the action, ports with their protocol, both ends of a
// filter. Each check uses what is readable, so one fault does not hide the next.
import { basename, extname } from 'node:path'
import { hasPorts } from '../base/flow.ts'
import { failure, nearest, type Problem, type Result, success } from '../base/result.ts'
import { authenticationOf } from './authentication-schema.ts'
import { ikeSettingsOf, keyLifetimeOf } from './ike-schema.ts'
import { type LocatedValue, type Path, quote, readLocatedYaml } from './located-yaml.ts'
import type { AddressSpec, Filter, Policy, PortRange, ProfileName, Rule } from './model.ts'
import { defaultKeying, notNegotiable } from './negotiable.ts'
import { areOfIkev1, expanded, securityNamesOf } from './offer-words.ts'
import { type Cell, readAddressSpec, readHost, readNetwork, readPorts, readProtocol } from './policy-cells.ts'
import { readManualKeys } from './policy-keys.ts'
import {
  actions,
  espForms,
  ipsecExemptBits,
  keyingVersions,
  maskOf,
  modes,
  policySchema,
  roles,
} from './policy-schema.ts'
import { keyOf, profileNames, profiles, type SettingName, settingOf } from './profiles.ts'
import { schemaProblems } from './schema-problems.ts'

/** Lists of addresses multiply; more filters than this are a mistake or an attack. */
const MOST_FILTERS = 200_000

/** The values that any Windows honours. */
const knownValues: ReadonlyMap<SettingName, ReadonlySet<number>> = new Map(
  (['NoDefaultExempt', 'IPsecExempt'] as const).map(name => [
    name,
    new Set([...profiles.values()].flatMap(({ setting, table }) => (setting === name ? [...table.keys()] : []))),
  ]),
)

const negotiateOnly = [
  'mode',
  'tunnelEndpoint',
  'security',
  'keying',
  'authentication',
  'acceptUnsecuredInbound',
  'fallBackToClear',
  'freshKeys',
  'keyExchange',
  'lifetime',
  'encapsulation',
]

export interface ReadPolicy {
  readonly policy: Policy
  /** What is probably not meant: among them a setting that is ignored or of which the default counts instead. */
  readonly warnings: Problem[]
  /** Those of the warnings that are about a setting whose value no Windows has: `policy check` refuses them. */
  readonly unusableSettings: readonly Problem[]
}

/** Never throws. `fileName` is what problems name, and where the policy has no name of its own, its name. */
export function readPolicyText(text: string, fileName: string): Result<ReadPolicy, Problem[]> {
  const file = readLocatedYaml(text, fileName)
  if (!file.ok) return failure([...file.error])
  if (file.value.value === null) {
    const hint = 'the smallest policy has a name and a list of rules'
    return failure([{ severity: 'error', where: fileName, what: 'the file is empty', hint }])
  }
  const builder = new PolicyBuilder(file.value, fileName)
  const checked = policySchema.safeParse(file.value.value)
  if (!checked.success) builder.found.push(...schemaProblems(checked.error.issues, file.value))
  // Without a mapping at the top there is nothing that could be looked at further.
  const root = asMapping(file.value.value)
  const policy = root === undefined ? undefined : builder.policy(root)
  const problems = builder.found.toSorted((a, b) => a.offset - b.offset).map(({ problem }) => problem)
  const errors = problems.filter(problem => problem.severity === 'error')
  if (errors.length > 0 || policy === undefined) return failure(problems)
  return success({ policy, warnings: problems, unusableSettings: builder.unusableSettings })
}

type Mapping = Readonly<Record<string, unknown>>

function asMapping(value: unknown): Mapping | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : undefined
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isOneOf<T extends string>(value: unknown, words: readonly T[]): value is T {
  return (words as readonly unknown[]).includes(value)
}

/** The value of a cell that is readable; what is wrong with another one the schema has said. */
function readable<T>(value: unknown, reader: (text: string) => Cell<T>): T | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const read = reader(String(value))
  return read.ok ? read.value : undefined
}

class PolicyBuilder {
  readonly found: { readonly offset: number; readonly problem: Problem }[] = []
  readonly unusableSettings: Problem[] = []
  readonly #file: LocatedValue
  readonly #fileName: string
  #filters = 0

  constructor(file: LocatedValue, fileName: string) {
    this.#file = file
    this.#fileName = fileName
  }

  policy(root: Mapping): Policy {
    const rules = asList(root['rules']).map((rule, index) => this.#rule(asMapping(rule) ?? {}, index))
    this.#checkNames(rules)
    this.#checkExemptNames(root['ipsecExempt'])
    const keys = readManualKeys(root, rules, (path, what, hint) => this.#error(path, what, hint))
    this.#checkNegotiable(rules, new Set(keys.map(({ rule }) => rule)))
    const profile: ProfileName = isOneOf(root['profile'], profileNames) ? root['profile'] : 'strict'
    const settings = {
      profile,
      ...('noDefaultExempt' in root ? { noDefaultExempt: root['noDefaultExempt'] } : {}),
      ...('ipsecExempt' in root ? { ipsecExempt: maskOf(root['ipsecExempt']) } : {}),
    }
    this.#checkSettings(settings)
    const ike = ikeSettingsOf(root['ike'])
    return {
      name: asText(root['name']) ?? basename(this.#fileName, extname(this.#fileName)),
      ...settings,
      defaultResponse: root['defaultResponse'] === true,
      ...(isOneOf(root['role'], roles) ? { role: root['role'] } : {}),
      networks: asList(root['networks']).flatMap(text => readable(text, readNetwork) ?? []),
      rules,
      ...(keys.length === 0 ? {} : { keys }),
      ...(ike === undefined ? {} : { ike }),
      ...(root['test'] === true ? { test: true } : {}),
    }
  }

  #report(
    severity: Problem['severity'],
    path: Path,
    what: string,
    hint: string,
    of: 'value' | 'key' = 'value',
  ): Problem {
    const problem = { severity, where: this.#file.where(path, of), what, hint }
    this.found.push({ offset: this.#file.offset(path, of), problem })
    return problem
  }

  #error(path: Path, what: string, hint: string, of?: 'value' | 'key'): void {
    this.#report('error', path, what, hint, of)
  }

  #warn(path: Path, what: string, hint: string): Problem {
    return this.#report('warning', path, what, hint)
  }

  #checkNames(rules: readonly Rule[]): void {
    const first = new Map<string, number>()
    rules.forEach(({ name }, index) => {
      const other = first.get(name)
      if (other === undefined) first.set(name, index)
      else
        this.#error(
          ['rules', index, 'name'],
          `rules[${other}] is called ${quote(name)} too`,
          'give each rule a name of its own',
        )
    })
  }

  #checkNegotiable(rules: readonly Rule[], withKeys: ReadonlySet<string>): void {
    for (const [index, rule] of rules.entries()) {
      for (const { severity, path, what, hint } of notNegotiable(rule, withKeys.has(rule.name))) {
        this.#report(severity, ['rules', index, ...path], what, hint)
      }
    }
  }

  #checkExemptNames(written: unknown): void {
    asList(written).forEach((name, index) => {
      if (isOneOf(name, ipsecExemptBits)) return
      const near = typeof name === 'string' ? nearest(name, ipsecExemptBits) : undefined
      const what = `${typeof name === 'string' ? quote(name) : 'this'} is nothing that Windows can exempt`
      this.#error(
        ['ipsecExempt', index],
        what,
        near === undefined ? `known: ${ipsecExemptBits.join(', ')}` : `did you mean ${near}?`,
      )
    })
  }

  /** A setting is kept as it is written, as a registry keeps it: what is wrong with it is a warning. */
  #checkSettings(settings: Pick<Policy, 'profile' | 'noDefaultExempt' | 'ipsecExempt'>): void {
    const { name: read, problems } = settingOf(settings)
    for (const { where: key, what, hint } of problems) {
      const warning = this.#warn([key], what, hint)
      if (read !== undefined && keyOf(read) === key) this.unusableSettings.push(warning)
    }
    for (const [name, values] of knownValues) {
      const written = settings[keyOf(name)]
      if (name === read || written === undefined || (typeof written === 'number' && values.has(written))) continue
      const hint = `a number of 0 to ${Math.max(...values)}; or leave it out`
      this.unusableSettings.push(
        this.#warn([keyOf(name)], `this is no value that ${name} can have in any Windows`, hint),
      )
    }
  }

  #rule(rule: Mapping, index: number): Rule {
    const path = ['rules', index]
    const action = isOneOf(rule['action'], actions) ? rule['action'] : undefined
    const isTunnel = rule['mode'] === 'tunnel'
    if (action === 'permit' || action === 'block') this.#checkPlain(rule, action, path)
    else if (action === 'negotiate') this.#checkNegotiate(rule, isTunnel, path)
    const description = asText(rule['description'])
    const endpoint = readable(rule['tunnelEndpoint'], readHost)
    const isNegotiate = action === 'negotiate'
    const list = (key: string, byDefault: readonly string[]) =>
      !isNegotiate ? [] : rule[key] === undefined ? byDefault : asList(rule[key])
    const offered = list('security', ['esp-aes256gcm16', 'esp-aes128gcm16']).filter(name => typeof name === 'string')
    const security = expanded(offered, securityNamesOf)
    const authentication = list('authentication', []).flatMap(item => authenticationOf(item) ?? [])
    const lifetime = isNegotiate ? keyLifetimeOf(rule['lifetime']) : undefined
    const keyExchange = isNegotiate ? asText(rule['keyExchange']) : undefined
    const encapsulation = rule['encapsulation']
    const keying = list('keying', [areOfIkev1(offered) ? 'ikev1' : defaultKeying(security, authentication)])
    return {
      name: asText(rule['name']) ?? `rule ${index + 1}`,
      ...(description === undefined ? {} : { description }),
      filters: asList(rule['filters']).flatMap((filter, at) =>
        this.#filter(asMapping(filter) ?? {}, isNegotiate && isTunnel, [...path, 'filters', at]),
      ),
      action: action ?? 'block',
      mode: isOneOf(rule['mode'], modes) ? rule['mode'] : 'transport',
      ...(endpoint === undefined ? {} : { tunnelEndpoint: endpoint }),
      security,
      keying: keying.filter(version => isOneOf(version, keyingVersions)),
      authentication,
      acceptUnsecuredInbound: rule['acceptUnsecuredInbound'] === true,
      fallBackToClear: rule['fallBackToClear'] === true,
      freshKeys: rule['freshKeys'] === true,
      ...(keyExchange === undefined ? {} : { keyExchange }),
      ...(lifetime === undefined ? {} : { lifetime }),
      ...(isNegotiate && isOneOf(encapsulation, espForms) ? { encapsulation } : {}),
      active: rule['active'] !== false,
    }
  }

  #checkPlain(rule: Mapping, action: string, path: Path): void {
    for (const key of negotiateOnly) {
      if (!(key in rule)) continue
      this.#error(
        [...path, key],
        `${key} means nothing with action ${action}`,
        'leave it out, or write action: negotiate',
        'key',
      )
    }
  }

  #checkNegotiate(rule: Mapping, isTunnel: boolean, path: Path): void {
    if (isTunnel && !('tunnelEndpoint' in rule)) {
      this.#error([...path, 'mode'], 'a tunnel needs its far end', 'write tunnelEndpoint: and its address')
    }
    if (!isTunnel && 'tunnelEndpoint' in rule) {
      this.#error(
        [...path, 'tunnelEndpoint'],
        'only a tunnel has a far end',
        'write mode: tunnel, or leave it out',
        'key',
      )
    }
    if ('keyExchange' in rule && rule['freshKeys'] !== true) {
      const hint = 'write freshKeys: true, or leave it out'
      this.#error([...path, 'keyExchange'], 'only fresh keys have a key exchange of their own', hint, 'key')
    }
    const offered = asList(rule['security']).filter(name => typeof name === 'string')
    const security = expanded(offered, securityNamesOf)
    if (rule['encapsulation'] === 'udp' && security.some(name => name.includes('ah-'))) {
      const hint = 'write esp- methods alone, or leave it out'
      this.#error([...path, 'encapsulation'], 'AH cannot stand in UDP', hint)
    }
    if (!('authentication' in rule)) {
      const hint = 'enough to audit and to prove; to run it, write certificate, preSharedKey or kerberos'
      this.#warn(path, 'the rule does not say how the hosts authenticate each other', hint)
    }
  }

  #filter(filter: Mapping, isTunnel: boolean, path: Path): readonly Filter[] {
    const mirrored = filter['mirrored'] !== false
    if (isTunnel && mirrored) {
      const hint = 'write mirrored: false; the way back is a rule of its own with the other tunnelEndpoint'
      this.#error('mirrored' in filter ? [...path, 'mirrored'] : path, 'a filter of a tunnel goes one way', hint)
    }
    const protocol = readable(filter['protocol'], readProtocol)
    if (protocol === 0) {
      this.#warn(
        [...path, 'protocol'],
        '0 is read as protocol number 0',
        'where Windows shows 0 it means any: write any',
      )
    }
    const ports = {
      ...this.#ports(filter, 'sourcePort', protocol, path),
      ...this.#ports(filter, 'destinationPort', protocol, path),
    }
    const rest = { ...(protocol === undefined ? {} : { protocol }), ...ports, mirrored }
    return this.#pairs(filter, path).map(pair => ({ ...pair, ...rest }))
  }

  #ports(
    filter: Mapping,
    key: 'sourcePort' | 'destinationPort',
    protocol: number | undefined,
    path: Path,
  ): Partial<Record<typeof key, PortRange>> {
    const range = readable(filter[key], readPorts)
    if (range === undefined) return {}
    const written = filter['protocol']
    // An unreadable protocol is a problem of its own: nothing is known about its ports.
    const isText = typeof written === 'string' || typeof written === 'number'
    const isKnown = written === undefined || (isText && readProtocol(written).ok)
    if (isKnown && (protocol === undefined || !hasPorts(protocol))) {
      this.#error(
        [...path, key],
        'only TCP and UDP have ports',
        'write protocol: tcp or protocol: udp, a filter for each',
        'key',
      )
    }
    if (range.last === 0)
      this.#warn([...path, key], '0 is read as port number 0', 'where Windows shows 0 it means any: write any')
    return { [key]: range }
  }

  /** Each source with each destination. Packets are of one IP version, so pairs of two versions match nothing. */
  #pairs(filter: Mapping, path: Path): readonly { source: AddressSpec; destination: AddressSpec }[] {
    const sources = specsOf(filter['source'])
    const destinations = specsOf(filter['destination'])
    this.#checkVersions(sources, destinations, [...path, 'source'], 'destination')
    this.#checkVersions(destinations, sources, [...path, 'destination'], 'source')
    const before = this.#filters
    this.#filters += sources.length * destinations.length
    if (this.#filters > MOST_FILTERS) {
      if (before <= MOST_FILTERS)
        this.#error(path, `with this one the policy has more than ${MOST_FILTERS} filters`, 'write prefixes or ranges')
      return []
    }
    return sources.flatMap(source =>
      destinations
        .filter(destination => versionOf(source) * versionOf(destination) !== 24)
        .map(destination => ({ source, destination })),
    )
  }

  #checkVersions(specs: readonly AddressSpec[], others: readonly AddressSpec[], path: Path, other: string): void {
    const versions = new Set(others.map(versionOf))
    if (versions.size === 0 || versions.has(1)) return
    const isList = Array.isArray(this.#valueAt(path))
    specs.forEach((spec, index) => {
      const version = versionOf(spec)
      if (version === 1 || versions.has(version)) return
      const what = `this is IPv${version}, and ${other} is IPv${version === 4 ? 6 : 4}: no packet is both`
      // One sentence for both ends is enough where each is a single address.
      if (isList || other === 'destination')
        this.#error(isList ? [...path, index] : path, what, 'write a filter for each IP version')
    })
  }

  #valueAt(path: Path): unknown {
    return path.reduce<unknown>((value, step) => (value as Mapping | undefined)?.[step], this.#file.value)
  }
}

function specsOf(value: unknown): readonly AddressSpec[] {
  const texts = Array.isArray(value) ? (value as readonly unknown[]) : [value]
  return texts.flatMap(text => (typeof text === 'string' ? (readable(text, readAddressSpec) ?? []) : []))
}

/** 4 or 6; 1 for what stands for addresses of both. */
function versionOf(spec: AddressSpec): 1 | 4 | 6 {
  return spec.kind === 'range' ? spec.first.family : 1
}
