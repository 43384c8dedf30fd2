// What the parameters of New-NetIPsecRule, Set-NetIPsecRule and their main mode counterparts do to a rule. LocalAddress is the
// first endpoint, RemoteAddress the second.
import { failure, success } from '../base/result.ts'
import type { Cell } from '../policy/policy-cells.ts'
import {
  quoted,
  readEndpoint,
  readHostAddress,
  readList,
  readPortList,
  readProtocolWord,
} from './connection-security-cells.ts'
import { wellKnownSets } from './connection-security-defaults.ts'
import {
  type ConnectionSecurityRule,
  type MainModeRule,
  type RuleFlag,
  type RuleHead,
  ruleFlags,
} from './connection-security-rules.ts'
import {
  actionRow,
  actionRows,
  interfaceTypes,
  keyModules,
  networkProfiles,
  type WordTable,
} from './connection-security-words.ts'
import type { CallParameters } from './powershell-parameters.ts'

const headNames = [
  'Description',
  'Enabled',
  'Group',
  'LocalAddress',
  'Phase1AuthSet',
  'Platform',
  'Profile',
  'RemoteAddress',
  'PolicyStore',
  'GPOSession',
]
export const ruleNames = [
  ...headNames,
  'AllowSetKey',
  'AllowWatchKey',
  'EncryptedTunnelBypass',
  'ForwardPathLifetime',
  'InboundSecurity',
  'InterfaceAlias',
  'InterfaceType',
  'KeyModule',
  'LocalPort',
  'LocalTunnelEndpoint',
  'Machine',
  'Mode',
  'OutboundSecurity',
  'Phase2AuthSet',
  'Protocol',
  'QuickModeCryptoSet',
  'RemotePort',
  'RemoteTunnelEndpoint',
  'RemoteTunnelHostname',
  'RequireAuthorization',
  'User',
]
export const mainModeNames = [...headNames, 'MainModeCryptoSet']
const securityWords = ['None', 'Request', 'Require'] as const

type Changing<T> = { -readonly [K in keyof T]: T[K] }

/** Any of a table's words; `Any` and `Default` alone are none. */
function tableWords<T extends string>(
  parameters: CallParameters,
  name: string,
  table: WordTable<T>,
  none: string,
): readonly T[] | undefined {
  const words = table.rows.flatMap(row => row.powershell ?? [])
  const chosen = parameters.choices(name, [...words, none])
  if (chosen === undefined) return undefined
  if (chosen.includes(none) && chosen.length > 1) parameters.wrong(name, `${none} stands alone`)
  return chosen.flatMap(word => (word === none ? [] : (table.from('powershell', word) ?? [])))
}

/** `6.1+`, as PowerShell has it. */
export function readPlatform(text: string): Cell<{ readonly platform: string; readonly isLater: boolean }> {
  const parts = /^(\d{1,3})\.(\d{1,3})(\+?)$/.exec(text)
  if (parts === null) return failure({ what: `${quoted(text)} is no version of Windows`, hint: 'as in 6.1 or 6.1+' })
  return success({ platform: `2:${Number(parts[1])}:${Number(parts[2])}`, isLater: parts[3] === '+' })
}

function changeHead(rule: Changing<RuleHead>, parameters: CallParameters): void {
  const description = parameters.text('Description')
  if (description !== undefined && description !== '') rule.description = description
  const group = parameters.text('Group')
  if (group !== undefined) rule.group = group
  const enabled = parameters.boolean('Enabled')
  if (enabled !== undefined) rule.active = enabled
  const profiles = tableWords(parameters, 'Profile', networkProfiles, 'Any')
  if (profiles !== undefined) rule.profiles = profiles
  const endpoint1 = parameters.readAll('LocalAddress', readEndpoint)
  if (endpoint1 !== undefined) rule.endpoint1 = endpoint1.value
  const endpoint2 = parameters.readAll('RemoteAddress', readEndpoint)
  if (endpoint2 !== undefined) rule.endpoint2 = endpoint2.value
  const auth1 = parameters.text('Phase1AuthSet')
  if (auth1 !== undefined) rule.auth1 = setId(auth1, wellKnownSets.auth1)
  const platforms = parameters.readAll('Platform', texts => readList(texts, readPlatform))
  if (platforms === undefined) return
  rule.platforms = platforms.value.map(({ platform }) => platform)
  delete rule.platformOperator
  const later = platforms.value.filter(({ isLater }) => isLater).length
  if (later > 0) rule.platformOperator = 'GTEQ'
  if (later > 0 && later < platforms.value.length)
    parameters.wrong('Platform', 'versions with + and without are mixed', 'write + behind all, or none')
}

/** `Default` is Windows's own set. */
function setId(text: string, wellKnown: string): string {
  return text.toLowerCase() === 'default' ? wellKnown : text
}

export function changeRule(before: ConnectionSecurityRule, parameters: CallParameters): ConnectionSecurityRule {
  const rule: Changing<ConnectionSecurityRule> = { ...before }
  changeHead(rule, parameters)
  changeAction(rule, parameters)
  const protocol = parameters.read('Protocol', readProtocolWord)
  if (protocol !== undefined) {
    delete rule.protocol
    if (protocol.value !== undefined) rule.protocol = protocol.value
  }
  const ports1 = parameters.readAll('LocalPort', readPortList)
  if (ports1 !== undefined) rule.ports1 = ports1.value
  const ports2 = parameters.readAll('RemotePort', readPortList)
  if (ports2 !== undefined) rule.ports2 = ports2.value
  rule.interfaceTypes = tableWords(parameters, 'InterfaceType', interfaceTypes, 'Any') ?? rule.interfaceTypes
  const aliases = parameters.readAll('InterfaceAlias', texts => readList(texts, text => success(text)))
  if (aliases !== undefined) rule.interfaces = aliases.value
  const modules = tableWords(parameters, 'KeyModule', keyModules, '')
  if (modules !== undefined) rule.keyModules = modules.length === 1 && modules[0] === 'default' ? [] : modules
  const auth2 = parameters.text('Phase2AuthSet')
  if (auth2 !== undefined) rule.auth2 = setId(auth2, wellKnownSets.auth2)
  const quickMode = parameters.text('QuickModeCryptoSet')
  if (quickMode !== undefined) rule.quickMode = setId(quickMode, wellKnownSets.quickMode)
  const flags: readonly (readonly [string, RuleFlag])[] = [
    ['EncryptedTunnelBypass', 'bypass-tunnel'],
    ['RequireAuthorization', 'authorize'],
    ['AllowSetKey', 'key-manager-dictate'],
    ['AllowWatchKey', 'key-manager-notify'],
  ]
  for (const [name, flag] of flags) {
    const on = parameters.boolean(name)
    if (on !== undefined) rule.flags = ruleFlags.filter(one => (one === flag ? on : rule.flags.includes(one)))
  }
  const lifetime = parameters.number('ForwardPathLifetime', 0, 172799)
  if (lifetime !== undefined) rule.forwardLifetime = lifetime
  const machine = parameters.text('Machine')
  if (machine !== undefined) rule.machineAuthorization = machine
  const user = parameters.text('User')
  if (user !== undefined) rule.userAuthorization = user
  changeTunnel(rule, parameters)
  return rule
}

function changeAction(rule: Changing<ConnectionSecurityRule>, parameters: CallParameters): void {
  if (!parameters.has('InboundSecurity') && !parameters.has('OutboundSecurity')) return
  const before = actionRow(rule.action)
  const inbound = parameters.choice('InboundSecurity', securityWords) ?? before.inbound
  const outbound = parameters.choice('OutboundSecurity', securityWords) ?? before.outbound
  const row = actionRows.find(one => one.inbound === inbound && one.outbound === outbound)
  const valid = actionRows.map(one => `${one.inbound}/${one.outbound}`).join(', ')
  if (row === undefined)
    parameters.wrong('OutboundSecurity', `inbound ${inbound} and outbound ${outbound} do not go together`, valid)
  else rule.action = row.action
}

function changeTunnel(rule: Changing<ConnectionSecurityRule>, parameters: CallParameters): void {
  const mode = parameters.choice('Mode', ['None', 'Transport', 'Tunnel'])
  if (mode === 'Transport' || mode === 'None') delete rule.tunnel
  const [local, remote] = ['LocalTunnelEndpoint', 'RemoteTunnelEndpoint'].map(name =>
    parameters.readAll(name, texts => readList(texts, text => readHostAddress(text))),
  )
  const remoteName = parameters.text('RemoteTunnelHostname')
  const isTunnel = mode === 'Tunnel' || rule.tunnel !== undefined
  if (!isTunnel) {
    const said = ['LocalTunnelEndpoint', 'RemoteTunnelEndpoint', 'RemoteTunnelHostname'].find(name =>
      parameters.has(name),
    )
    if (said !== undefined) parameters.wrong(said, 'ends of a tunnel without a tunnel', 'write -Mode Tunnel')
    return
  }
  const name = remoteName ?? rule.tunnel?.remoteName
  rule.tunnel = {
    local: local?.value ?? rule.tunnel?.local ?? [],
    remote: remote?.value ?? rule.tunnel?.remote ?? [],
    ...(name === undefined ? {} : { remoteName: name }),
  }
}

export function changeMainMode(before: MainModeRule, parameters: CallParameters): MainModeRule {
  const rule: Changing<MainModeRule> = { ...before }
  changeHead(rule, parameters)
  const set = parameters.text('MainModeCryptoSet')
  if (set !== undefined) rule.mainMode = setId(set, wellKnownSets.mainMode)
  return rule
}
