// A rule as one registry string, `v2.10|Action=Secure|Name=…|`, both ways ([MS-GPFAS] §2.2.6.2 and §2.2.7.1). A token that
// nobody knows is a problem and is kept; a string whose rule has not changed is written again letter by letter.

import { formatAddress } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { formatPorts } from '../policy/filter.ts'
import {
  familyOf,
  formatEndpointAddress,
  formatVersion,
  MOST_ENTRIES,
  meaning,
  problem,
  quoted,
  readVersion,
  warning,
} from './connection-security-cells.ts'
import {
  type ConnectionSecurityRule,
  type EndpointAddress,
  type MainModeRule,
  ruleFlags,
  type SchemaVersion,
  type Token,
  type Understood,
  type Written,
} from './connection-security-rules.ts'
import {
  mainModeReaders,
  newReading,
  type Reading,
  repeatableTokens,
  ruleReaders,
  type TokenReader,
} from './connection-security-tokens.ts'
import { actionRow, actionRows, interfaceTypes, keyModules, networkProfiles } from './connection-security-words.ts'

/** Windows keeps far less; a longer string is no rule. */
const LONGEST = 1 << 20

/** The rule whose registry value has the name `id`; undefined where the string is none at all. */
export function readRuleText(id: string, data: string, where: string): Understood<ConnectionSecurityRule | undefined> {
  const { reading, problems } = readTokens(id, data, where, ruleReaders)
  if (reading === undefined) return { value: undefined, problems }
  const { rule, local, remote, remoteName } = reading
  const { action, clearOut } = reading
  const found = actionRows.find(row => row.registry === action && row.clearOut === clearOut)
  if (action === undefined) {
    const hint = `write Action=${[...new Set(actionRows.map(({ registry }) => registry))].join('|')}`
    return { value: undefined, problems: [...problems, problem(where, 'the rule has no Action', hint)] }
  }
  if (found === undefined) {
    problems.push(problem(where, `SecureInClearOut has no meaning with Action=${action}`, 'it goes with Action=Secure'))
  }
  const isTunnel = local.length + remote.length > 0 || remoteName !== undefined
  const tunnel = { local, remote, ...(remoteName === undefined ? {} : { remoteName }) }
  const value: ConnectionSecurityRule = {
    ...rule,
    action: (found ?? actionRows.find(row => row.registry === action)!).action,
    flags: ruleFlags.filter(name => rule.flags.includes(name)),
    ...(isTunnel ? { tunnel } : {}),
  }
  return { value: { ...value, written: data }, problems }
}

export function readMainModeRuleText(id: string, data: string, where: string): Understood<MainModeRule | undefined> {
  const { reading, problems } = readTokens(id, data, where, mainModeReaders)
  if (reading === undefined) return { value: undefined, problems }
  const { rule, mainMode } = reading
  const { ports1, ports2, interfaces, interfaceTypes, keyModules, flags, action, ...head } = rule
  const value: MainModeRule = { ...head, ...(mainMode.mainMode === undefined ? {} : { mainMode: mainMode.mainMode }) }
  return { value: { ...value, written: data }, problems }
}

function readTokens(
  id: string,
  data: string,
  where: string,
  readers: ReadonlyMap<string, TokenReader>,
): { readonly reading: Reading | undefined; readonly problems: Problem[] } {
  const problems: Problem[] = []
  const parts = data.length > LONGEST ? [] : data.split('|')
  const version = /^v\d/.test(parts[0] ?? '') ? readVersion(parts[0]!.slice(1)) : undefined
  if (version === undefined) {
    problems.push(problem(where, 'this is no rule', 'it begins with its version, as in v2.10|'))
    return { reading: undefined, problems }
  }
  if (version.major !== 2) {
    problems.push(problem(where, `schema version ${formatVersion(version)} is not known`, 'versions 2.0 and later are'))
  }
  if (parts.length > MOST_ENTRIES) {
    problems.push(problem(where, `the rule has ${parts.length} tokens`, `at most ${MOST_ENTRIES}`))
    return { reading: undefined, problems }
  }
  const reading = newReading(id, version)
  const { rule } = reading
  const seen = new Set<string>()
  for (const part of parts.slice(1)) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const [name, value] = equals < 0 ? [part, undefined] : [part.slice(0, equals), part.slice(equals + 1)]
    const reader = readers.get(name)
    if (value === undefined || reader === undefined) {
      rule.unknown.push({ name, value: value ?? '' })
      const what =
        value === undefined ? `${quoted(part)} is no token: it has no =` : `the token ${quoted(name)} is not known`
      problems.push(problem(where, what, meaning(name, readers.keys())))
      continue
    }
    if (seen.has(name) && !repeatableTokens.has(name)) {
      problems.push(problem(where, `the token ${name} comes twice`, 'the later one counts'))
    }
    seen.add(name)
    const wrong = reader(reading, value)
    if (wrong !== undefined) problems.push(problem(where, `${name}: ${wrong.what}`, wrong.hint))
  }
  if (!seen.has('Name')) problems.push(warning(where, 'the rule has no Name', 'its id is shown for it'))
  return { reading, problems }
}

/** Written where the rule has no version of its own: Windows 10. */
export const WRITTEN_VERSION: SchemaVersion = { major: 2, minor: 26 }

export function writeRuleText(rule: ConnectionSecurityRule): Written<string> {
  const { written } = rule
  const fresh = freshRuleText(rule)
  if (written === undefined) return fresh
  const again = readRuleText(rule.id, written, '').value
  return again !== undefined && freshRuleText(again).value === fresh.value ? { ...fresh, value: written } : fresh
}

export function writeMainModeRuleText(rule: MainModeRule): Written<string> {
  const fresh = freshMainModeText(rule)
  if (rule.written === undefined) return fresh
  const again = readMainModeRuleText(rule.id, rule.written, '').value
  return again !== undefined && freshMainModeText(again).value === fresh.value
    ? { ...fresh, value: rule.written }
    : fresh
}

class TokenWriter {
  readonly #tokens: string[] = []
  readonly losses: Problem[] = []
  readonly #where: string

  constructor(version: SchemaVersion | undefined, where: string) {
    this.#tokens.push(`v${formatVersion(version ?? WRITTEN_VERSION)}`)
    this.#where = where
  }

  add(name: string, value: string | undefined): void {
    if (value === undefined) return
    // A bar would end the token, a line the value.
    const clean = value.replace(/[|\0\r\n]/g, '_')
    if (clean !== value)
      this.losses.push(problem(this.#where, `${name} has a bar or a line end, which a rule's string cannot hold`))
    this.#tokens.push(`${name}=${clean}`)
  }

  all(name: string, values: readonly (string | undefined)[]): void {
    for (const value of values) this.add(name, value)
  }

  endpoint(side: 1 | 2, addresses: readonly EndpointAddress[]): void {
    for (const address of addresses) {
      const families = familyOf(address) === undefined ? [4, 6] : [familyOf(address)!]
      for (const family of families) this.add(`EP${side}_${family}`, formatEndpointAddress(address))
    }
  }

  finished(): Written<string> {
    return { value: `${this.#tokens.join('|')}|`, losses: this.losses }
  }
}

function freshRuleText(rule: ConnectionSecurityRule): Written<string> {
  const to = new TokenWriter(rule.version, rule.name)
  const row = actionRow(rule.action)
  to.add('Action', row.registry)
  to.all(
    'Profile',
    rule.profiles.map(profile => networkProfiles.in('registry', profile)),
  )
  to.add('Protocol', rule.protocol === undefined ? undefined : String(rule.protocol))
  for (const [side, list] of [
    ['EP1Port', rule.ports1],
    ['EP2Port', rule.ports2],
  ] as const) {
    for (const range of list) to.add(range.first === range.last ? side : `${side}2_10`, formatPorts(range))
  }
  to.all('IF', rule.interfaces)
  to.all(
    'IFType',
    rule.interfaceTypes.map(type => interfaceTypes.in('registry', type)),
  )
  to.add('Name', rule.name)
  to.add('Desc', rule.description)
  to.add('Active', rule.active ? 'TRUE' : 'FALSE')
  to.add('Auth1Set', rule.auth1)
  to.add('Auth2Set', rule.auth2)
  to.add('Crypto2Set', rule.quickMode)
  to.endpoint(1, rule.endpoint1)
  to.endpoint(2, rule.endpoint2)
  to.add('EmbedCtxt', rule.group)
  tail(to, rule)
  to.add('SecureInClearOut', row.clearOut ? 'TRUE' : undefined)
  const flagTokens = ['ByPassTunnel', 'Authz', 'KeyManagerDictate', 'KeyManagerNotify', 'SecurityRealmEnabled']
  for (const [index, name] of ruleFlags.entries()) {
    to.add(flagTokens[index]!, rule.flags.includes(name) ? 'TRUE' : undefined)
  }
  writeTunnel(to, rule)
  to.all(
    'KeyMod',
    rule.keyModules.map(module => keyModules.in('registry', module)),
  )
  to.add('FwdLifetime', rule.forwardLifetime === undefined ? undefined : String(rule.forwardLifetime))
  to.add('TransportMachineAuthzSDDL', rule.machineAuthorization)
  to.add('TransportUserAuthzSDDL', rule.userAuthorization)
  if (rule.isStatic === true) to.losses.push(warning(rule.name, "netsh's type=static has no word in the registry"))
  return unknownTail(to, rule.unknown)
}

function writeTunnel(to: TokenWriter, { name, tunnel }: ConnectionSecurityRule): void {
  if (tunnel === undefined) return
  const isAnyToAny = tunnel.local.length + tunnel.remote.length === 0 && tunnel.remoteName === undefined
  if (isAnyToAny) {
    to.losses.push(
      problem(name, 'a tunnel whose ends are both any has no word in the registry', 'name one of its ends'),
    )
  }
  for (const family of [4, 6] as const) {
    if (tunnel.local.filter(address => address.family === family).length > 1) {
      to.losses.push(problem(name, `of the tunnel's local IPv${family} ends only the first can be written`))
    }
  }
  for (const [index, address] of tunnel.local.entries()) {
    const isFirst = tunnel.local.findIndex(({ family }) => family === address.family) === index
    if (isFirst) to.add(`LTunnel${address.family}`, formatAddress(address))
  }
  for (const address of tunnel.remote) {
    const isOnly = tunnel.remote.filter(({ family }) => family === address.family).length === 1
    to.add(`${isOnly ? 'RTunnel' : 'RTunEndpts'}${address.family}`, formatAddress(address))
  }
  to.add('RTunnelFqdn', tunnel.remoteName)
}

function freshMainModeText(rule: MainModeRule): Written<string> {
  const to = new TokenWriter(rule.version, rule.name)
  to.all(
    'Profile',
    rule.profiles.map(profile => networkProfiles.in('registry', profile)),
  )
  to.add('Auth1Set', rule.auth1)
  to.add('Crypto1Set', rule.mainMode)
  to.endpoint(1, rule.endpoint1)
  to.endpoint(2, rule.endpoint2)
  to.add('Name', rule.name)
  to.add('Desc', rule.description)
  to.add('EmbedCtxt', rule.group)
  to.add('Active', rule.active ? 'TRUE' : 'FALSE')
  tail(to, rule)
  return unknownTail(to, rule.unknown)
}

function tail(to: TokenWriter, rule: Pick<MainModeRule, 'platforms' | 'platformOperator' | 'skipVersion'>): void {
  to.all('Platform', rule.platforms)
  to.add('Platform2', rule.platformOperator)
  to.add('SkipVer', rule.skipVersion === undefined ? undefined : formatVersion(rule.skipVersion))
}

function unknownTail(to: TokenWriter, unknown: readonly Token[]): Written<string> {
  for (const { name, value } of unknown) to.add(name, value)
  return to.finished()
}
