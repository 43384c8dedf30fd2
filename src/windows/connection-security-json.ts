// `Get-NetIPsecRule | ConvertTo-Json` both ways: one object a rule, in the properties and numbers of MSFT_NetConSecRule. That
// class has no addresses, ports and protocol (they are in filters of their own): where a script put them beside the rest
// under the names of New-NetIPsecRule they are read, else the rule is said to be for all traffic.

import { failure, type Problem, success } from '../base/result.ts'
import type { Cell } from '../policy/policy-cells.ts'
import {
  MOST_ENTRIES,
  meaning,
  problem,
  readEndpoint,
  readHostAddress,
  readList,
  readPortList,
  readProtocolWord,
  warning,
} from './connection-security-cells.ts'
import { madeId } from './connection-security-defaults.ts'
import {
  type ConnectionSecurityRule,
  connectionSecurityRule,
  type RuleFlag,
  ruleFlags,
  type Understood,
} from './connection-security-rules.ts'
import { actionRows, interfaceTypes, keyModules, networkProfiles, type WordTable } from './connection-security-words.ts'
import { readPlatform } from './powershell-rule-fields.ts'

type Draft = { -readonly [K in keyof ConnectionSecurityRule]: ConnectionSecurityRule[K] }
type PropertyReader = (rule: Draft, value: unknown) => string | undefined

/** What says only where the rule came from and how it fares. */
const bystanders = new Set(
  `Caption CommonName CreationClassName DisplayGroup ElementName EnforcementStatus ExecutionStrategy InstanceID IPsecRuleName
  PolicyDecisionStrategy PolicyKeywords PolicyRoles PolicyRuleName PolicyStoreSource PolicyStoreSourceType PrimaryStatus
  PSComputerName RuleUsage SequencedActions Status StatusCode SystemCreationClassName SystemName CimClass
  CimInstanceProperties CimSystemProperties ConditionListType Priority ValidityPeriods LimitNegotiation Mandatory
  MaxReturnPathLifetime`.split(/\s+/),
)

export const securityWords = ['None', 'Request', 'Require'] as const
const modeWords = ['None', 'Tunnel', 'Transport'] as const

function textsOf(value: unknown): readonly string[] | undefined {
  const list = Array.isArray(value) ? value : [value]
  if (list.length > MOST_ENTRIES) return undefined
  return list.every(one => typeof one === 'string' || typeof one === 'number') ? list.map(String) : undefined
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

function withTexts<T>(
  value: unknown,
  reader: (texts: readonly string[]) => Cell<T>,
  take: (found: T) => void,
): string | undefined {
  if (isNothing(value)) return undefined
  const texts = textsOf(value)
  if (texts === undefined) return 'it holds no texts'
  const found = reader(texts.flatMap(text => text.split(',').map(part => part.trim())))
  if (!found.ok) return found.error.what
  take(found.value)
  return undefined
}

function text(
  field: 'description' | 'group' | 'auth1' | 'auth2' | 'quickMode' | 'machineAuthorization' | 'userAuthorization',
): PropertyReader {
  return (rule, value) => {
    if (isNothing(value)) return undefined
    if (typeof value !== 'string') return 'it is no text'
    rule[field] = value
    return undefined
  }
}

function flag(name: RuleFlag): PropertyReader {
  return (rule, value) => {
    if (isNothing(value)) return undefined
    const on = value === true || value === 1 || value === 'True'
    if (!on && value !== false && value !== 0 && value !== 2 && value !== 'False') return 'it is neither true nor false'
    rule.flags = ruleFlags.filter(one => (one === name ? on : rule.flags.includes(one)))
    return undefined
  }
}

/** A sum of numbers, or words. */
function bits<T extends string>(table: WordTable<T>, value: unknown): readonly T[] | string {
  if (isNothing(value) || value === 0 || value === 'Any' || value === 'Default') return []
  if (typeof value === 'number') {
    const found = table.rows.filter(row => row.number !== undefined && row.number > 0 && (value & row.number) !== 0)
    const sum = found.reduce((total, row) => total + (row.number ?? 0), 0)
    return sum === value ? found.map(row => row.word) : `${value} is no sum of what is known`
  }
  const words = textsOf(value)?.flatMap(one => one.split(',').map(part => table.from('powershell', part.trim())))
  if (words === undefined || words.includes(undefined)) return 'it is not known'
  return words as readonly T[]
}

function numbered<T extends string>(value: unknown, words: readonly T[]): T | undefined {
  if (typeof value === 'number') return words[value]
  return typeof value === 'string' ? words.find(one => one.toLowerCase() === value.toLowerCase()) : undefined
}

function tunnelEnd(side: 'local' | 'remote'): PropertyReader {
  return (rule, value) =>
    withTexts(
      value,
      texts => readList(texts, readHostAddress),
      found => {
        // Whether it is a tunnel at all, Mode says.
        rule.tunnel = { local: [], remote: [], ...rule.tunnel, [side]: found }
      },
    )
}

const readers: ReadonlyMap<string, PropertyReader> = new Map<string, PropertyReader>([
  ['Name', () => undefined],
  [
    'DisplayName',
    (rule, value) => {
      if (typeof value !== 'string') return 'it is no text'
      rule.name = value
      return undefined
    },
  ],
  ['Description', text('description')],
  ['RuleGroup', text('group')],
  ['Group', text('group')],
  [
    'Enabled',
    (rule, value) => {
      const on = value === 1 || value === true || value === 'True'
      if (!on && value !== 2 && value !== false && value !== 'False') return 'it is neither True (1) nor False (2)'
      rule.active = on
      return undefined
    },
  ],
  [
    'Profiles',
    (rule, value) => {
      const found = bits(networkProfiles, value)
      if (typeof found === 'string') return found
      rule.profiles = found
      return undefined
    },
  ],
  [
    'Platforms',
    (rule, value) =>
      withTexts(
        value,
        texts => readList(texts, readPlatform),
        found => {
          rule.platforms = found.map(({ platform }) => platform)
          if (found.some(({ isLater }) => isLater)) rule.platformOperator = 'GTEQ'
        },
      ),
  ],
  ['Phase1AuthSet', text('auth1')],
  ['Phase2AuthSet', text('auth2')],
  ['QuickModeCryptoSet', text('quickMode')],
  [
    'KeyModule',
    (rule, value) => {
      const found = bits(keyModules, value)
      if (typeof found === 'string') return found
      rule.keyModules = found
      return undefined
    },
  ],
  ['AllowSetKey', flag('key-manager-dictate')],
  ['AllowWatchKey', flag('key-manager-notify')],
  ['EncryptedTunnelBypass', flag('bypass-tunnel')],
  ['RequireAuthorization', flag('authorize')],
  ['LocalTunnelEndpoint', tunnelEnd('local')],
  ['RemoteTunnelEndpoint', tunnelEnd('remote')],
  [
    'RemoteTunnelHostname',
    (rule, value) => {
      if (isNothing(value)) return undefined
      if (typeof value !== 'string') return 'it is no text'
      rule.tunnel = { local: [], remote: [], ...rule.tunnel, remoteName: value }
      return undefined
    },
  ],
  [
    'ForwardPathLifetime',
    (rule, value) => {
      if (isNothing(value) || value === 0) return undefined
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return 'it is no whole number'
      rule.forwardLifetime = value
      return undefined
    },
  ],
  ['Machine', text('machineAuthorization')],
  ['User', text('userAuthorization')],
  [
    'LocalAddress',
    (rule, value) => withTexts(value, readEndpoint, found => void Object.assign(rule, { endpoint1: found })),
  ],
  [
    'RemoteAddress',
    (rule, value) => withTexts(value, readEndpoint, found => void Object.assign(rule, { endpoint2: found })),
  ],
  [
    'Protocol',
    (rule, value) =>
      withTexts(
        value,
        texts => readProtocolWord(texts.join(',')),
        found => {
          if (found !== undefined) rule.protocol = found
        },
      ),
  ],
  ['LocalPort', (rule, value) => withTexts(value, readPortList, found => void Object.assign(rule, { ports1: found }))],
  ['RemotePort', (rule, value) => withTexts(value, readPortList, found => void Object.assign(rule, { ports2: found }))],
  [
    'InterfaceType',
    (rule, value) => {
      const found = bits(interfaceTypes, value)
      if (typeof found === 'string') return found
      rule.interfaceTypes = found
      return undefined
    },
  ],
  [
    'InterfaceAlias',
    (rule, value) =>
      withTexts(
        value,
        texts => readList(texts, one => success(one)),
        found => void Object.assign(rule, { interfaces: found }),
      ),
  ],
  // Read together, below.
  ['InboundSecurity', () => undefined],
  ['OutboundSecurity', () => undefined],
  ['Mode', () => undefined],
])

/** ConvertTo-Json writes the whole class beside every rule. */
const LONGEST_JSON = 1 << 25

const filterNames = ['LocalAddress', 'RemoteAddress', 'Protocol', 'LocalPort', 'RemotePort']

/** Never throws. One rule may stand without the brackets of a list, as PowerShell writes a single one. */
export function readRulesJson(json: string, where: string): Understood<readonly ConnectionSecurityRule[]> {
  const problems: Problem[] = []
  const parsed = parse(json)
  if (!parsed.ok)
    return {
      value: [],
      problems: [problem(where, parsed.error, 'write what Get-NetIPsecRule | ConvertTo-Json prints')],
    }
  const list = Array.isArray(parsed.value) ? parsed.value : [parsed.value]
  if (list.length > MOST_ENTRIES)
    problems.push(problem(where, `there are more than ${MOST_ENTRIES} rules`, 'take the text apart'))
  const rules: ConnectionSecurityRule[] = []
  const ids = new Set<string>()
  for (const [index, entry] of list.slice(0, MOST_ENTRIES).entries()) {
    const at = `${where} [${index}]`
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
      problems.push(problem(at, 'this is no rule'))
    else rules.push(readRule(entry as Record<string, unknown>, ids, at, problems))
  }
  return { value: rules, problems }
}

function parse(json: string): { ok: true; value: unknown } | { ok: false; error: string } {
  if (json.length > LONGEST_JSON) return failure('the text is longer than 32 MiB')
  try {
    return success(JSON.parse(json.replace(/^\uFEFF/, '')) as unknown)
  } catch (error) {
    // JSON.parse repeats what it stumbled on, and says where: in a line of its own it is of use.
    const place = /position (\d+)/.exec(String(error))?.[1]
    const line = place === undefined ? undefined : json.slice(0, Number(place)).split('\n').length
    return failure(`this is no JSON${line === undefined ? '' : ` at line ${line}`}`)
  }
}

/** A rule without its own name gets one; of two with the same name the later would replace the earlier in Windows. */
function unnamedId(name: string, ids: ReadonlySet<string>): string {
  for (let ordinal = ids.size; ; ordinal++) {
    const id = madeId('json', name, ordinal)
    if (!ids.has(id.toLowerCase())) return id
  }
}

function readRule(
  entry: Record<string, unknown>,
  ids: Set<string>,
  at: string,
  problems: Problem[],
): ConnectionSecurityRule {
  const name = typeof entry['DisplayName'] === 'string' ? entry['DisplayName'] : ''
  const named = [entry['Name'], entry['InstanceID'], entry['IPsecRuleName']].find(
    one => typeof one === 'string' && one !== '',
  )
  const id = typeof named === 'string' ? named : unnamedId(name, ids)
  if (ids.has(id.toLowerCase()))
    problems.push(problem(`${at}.Name`, 'a rule before has the same Name', 'names are unique in a store'))
  ids.add(id.toLowerCase())
  const rule: Draft = { ...connectionSecurityRule({ id, name, action: 'no-authentication' }) }
  for (const [property, value] of Object.entries(entry)) {
    const reader = readers.get(property)
    if (reader === undefined) {
      if (!bystanders.has(property))
        problems.push(
          problem(`${at}.${property.slice(0, 60)}`, 'the property is not known', meaning(property, readers.keys())),
        )
      continue
    }
    const wrong = reader(rule, value)
    if (wrong !== undefined) problems.push(problem(`${at}.${property}`, wrong))
  }
  if (name === '') problems.push(warning(at, 'the rule has no DisplayName'))
  const missing = filterNames.filter(one => !(one in entry))
  if (missing.length === filterNames.length) {
    const hint = 'join the filters: Get-NetFirewallAddressFilter, Get-NetFirewallPortFilter -AssociatedNetIPsecRule'
    problems.push(
      warning(at, 'the rule comes without addresses, ports and protocol: it is read as one for all traffic', hint),
    )
  }
  const inbound = numbered(entry['InboundSecurity'] ?? 0, securityWords)
  const outbound = numbered(entry['OutboundSecurity'] ?? 0, securityWords)
  const row = actionRows.find(one => one.inbound === inbound && one.outbound === outbound)
  if (row === undefined)
    problems.push(
      problem(at, 'InboundSecurity and OutboundSecurity do not go together', 'as in Require (2) and Request (1)'),
    )
  else rule.action = row.action
  const mode = entry['Mode'] === undefined ? undefined : numbered(entry['Mode'], modeWords)
  if (entry['Mode'] !== undefined && mode === undefined)
    problems.push(problem(`${at}.Mode`, 'it is neither Tunnel (1) nor Transport (2)'))
  const { tunnel, ...transport } = rule
  return mode === 'Tunnel' || (mode === undefined && tunnel !== undefined)
    ? { ...rule, tunnel: tunnel ?? { local: [], remote: [] } }
    : (transport as ConnectionSecurityRule)
}
