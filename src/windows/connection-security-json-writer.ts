// Rules as `Get-NetIPsecRule | ConvertTo-Json` would print them; connection-security-json.ts reads them again.

import { formatAddress } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { formatPorts } from '../policy/filter.ts'
import { formatEndpointAddress, formatProtocol, problem, warning } from './connection-security-cells.ts'
import { securityWords } from './connection-security-json.ts'
import type { ConnectionSecurityRule, Written } from './connection-security-rules.ts'
import { actionRow, interfaceTypes, keyModules, networkProfiles, type WordTable } from './connection-security-words.ts'

/** As PowerShell 5.1 writes it, with the properties of the filters beside the rest. */
export function writeRulesJson(rules: readonly ConnectionSecurityRule[]): Written<string> {
  const losses: Problem[] = []
  const objects = rules.map(rule => ruleObject(rule, losses))
  return { value: `${JSON.stringify(objects, undefined, 4).replaceAll('\n', '\r\n')}\r\n`, losses }
}

function sumOf<T extends string>(table: WordTable<T>, words: readonly T[]): number {
  return [...new Set(words)].reduce((sum, word) => sum + (table.numberOf(word) ?? 0), 0)
}

function ruleObject(rule: ConnectionSecurityRule, losses: Problem[]): object {
  const { tunnel, flags } = rule
  const row = actionRow(rule.action)
  if (flags.includes('security-realm')) losses.push(problem(rule.name, 'the class has no property for security realms'))
  if (rule.skipVersion !== undefined || rule.unknown.length > 0)
    losses.push(problem(rule.name, 'the class has no property for unknown tokens and versions that skip a rule'))
  if (rule.version !== undefined) losses.push(warning(rule.name, 'the class has no property for the schema version'))
  if (rule.isStatic === true) losses.push(warning(rule.name, "netsh's type=static has no property"))
  if (rule.keyModules.length === 1 && rule.keyModules[0] === 'default')
    losses.push(warning(rule.name, 'the default keying module is 0, as where none is named'))
  for (const address of [...rule.endpoint1, ...rule.endpoint2]) {
    if (address.kind === 'keyword' && address.family !== undefined) {
      losses.push(problem(rule.name, `the class says ${address.keyword} for both versions of IP`))
    }
  }
  if (
    rule.platforms.some(platform => !platform.startsWith('2:')) ||
    (rule.platforms.length === 0 && rule.platformOperator !== undefined)
  ) {
    losses.push(problem(rule.name, 'the class has no word for one of the platforms'))
  }
  const or = (list: readonly string[], none: readonly string[] | null) => (list.length === 0 ? none : list)
  const later = rule.platformOperator === undefined ? '' : '+'
  return {
    Name: rule.id,
    DisplayName: rule.name,
    Description: rule.description ?? null,
    RuleGroup: rule.group ?? null,
    Enabled: rule.active ? 1 : 2,
    Profiles: sumOf(networkProfiles, rule.profiles),
    Platforms: rule.platforms.map(platform => `${platform.split(':').slice(1).join('.')}${later}`),
    Mode: tunnel === undefined ? 2 : 1,
    InboundSecurity: securityWords.indexOf(row.inbound),
    OutboundSecurity: securityWords.indexOf(row.outbound),
    QuickModeCryptoSet: rule.quickMode ?? null,
    Phase1AuthSet: rule.auth1 ?? null,
    Phase2AuthSet: rule.auth2 ?? null,
    KeyModule: sumOf(keyModules, rule.keyModules),
    AllowWatchKey: flags.includes('key-manager-notify'),
    AllowSetKey: flags.includes('key-manager-dictate'),
    LocalTunnelEndpoint: or(tunnel?.local.map(formatAddress) ?? [], null),
    RemoteTunnelEndpoint: or(tunnel?.remote.map(formatAddress) ?? [], null),
    RemoteTunnelHostname: tunnel?.remoteName ?? null,
    ForwardPathLifetime: rule.forwardLifetime ?? 0,
    EncryptedTunnelBypass: flags.includes('bypass-tunnel'),
    RequireAuthorization: flags.includes('authorize'),
    User: rule.userAuthorization ?? null,
    Machine: rule.machineAuthorization ?? null,
    LocalAddress: or(rule.endpoint1.map(formatEndpointAddress), ['Any']),
    RemoteAddress: or(rule.endpoint2.map(formatEndpointAddress), ['Any']),
    Protocol: formatProtocol(rule.protocol),
    LocalPort: or(rule.ports1.map(formatPorts), ['Any']),
    RemotePort: or(rule.ports2.map(formatPorts), ['Any']),
    InterfaceType: sumOf(interfaceTypes, rule.interfaceTypes),
    InterfaceAlias: rule.interfaces,
  }
}
