// A policy as a script of PowerShell that makes it again: sets with their proposals, then rules, ids as their names. What the
// NetSecurity module has no word for is named as a loss. Preshared keys stand in the text: it is as secret as they are.

import { formatAddress } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { formatPorts } from '../policy/filter.ts'
import { familyOf, formatEndpointAddress, formatProtocol, problem, warning } from './connection-security-cells.ts'
import { isSameId, wellKnownSets } from './connection-security-defaults.ts'
import type {
  AuthProposal,
  ConnectionSecurityPolicy,
  ConnectionSecurityRule,
  DefaultSets,
  EndpointAddress,
  MainModeProposal,
  MainModeRule,
  QuickModeProposal,
  RuleHead,
  SetHead,
  Written,
} from './connection-security-rules.ts'
import {
  actionRow,
  encapsulations,
  encryptions,
  exemptionBits,
  freshKeyWords,
  groups,
  hashes,
  interfaceTypes,
  keyModules,
  networkProfiles,
  signings,
} from './connection-security-words.ts'
import { encodingWords, natWords, revocationWords } from './powershell-settings.ts'

/** `true`: a switch; a list is written with commas. */
type Value = string | readonly string[] | true | number | Verbatim | undefined

/** What is written as it stands. */
interface Verbatim {
  readonly verbatim: string
}
type Parameter = readonly [string, Value]

const plain = /^[A-Za-z0-9][\w.:/-]*$/

function word(value: string): string {
  // Everything in single quotes stands for itself, but for those quotes.
  return plain.test(value) ? value : `'${value.replace(/['\u2018-\u201b]/g, quote => quote + quote)}'`
}

function call(command: string, parameters: readonly Parameter[]): string {
  const parts = parameters.flatMap(([name, value]): string[] => {
    if (value === undefined) return []
    if (value === true) return [`-${name}`]
    if (typeof value === 'number') return [`-${name} ${value}`]
    if (typeof value === 'string') return [`-${name} ${word(value)}`]
    if ('verbatim' in value) return [`-${name} ${value.verbatim}`]
    return value.length === 0 ? [] : [`-${name} ${value.map(word).join(', ')}`]
  })
  return [command, ...parts].join(' ')
}

export function writePowerShell(policy: ConnectionSecurityPolicy): Written<string> {
  const losses: Problem[] = []
  const lines = [
    ...settingLines(policy),
    ...setLines(policy, losses),
    ...policy.mainModeRules.map(rule => mainModeRuleLine(rule, losses)),
    ...policy.rules.map(rule => ruleLine(rule, losses)),
  ]
  for (const [kind, id] of Object.entries(policy.defaults)) {
    losses.push(
      problem(kind, `the module cannot say that ${id} stands for Windows's own set`, 'write the set with -Default'),
    )
  }
  return { value: lines.map(line => `${line}\r\n`).join(''), losses }
}

function settingLines({ settings }: ConnectionSecurityPolicy): readonly string[] {
  const { exemptions } = settings
  const words = exemptionBits.flatMap(({ bit, powershell }) => (((exemptions ?? 0) & bit) !== 0 ? [powershell] : []))
  const parameters: readonly Parameter[] = [
    ['Exemptions', exemptions === undefined ? undefined : exemptions === 0 ? ['None'] : words],
    ['CertValidationLevel', settings.revocation === undefined ? undefined : revocationWords[settings.revocation]],
    ['AllowIPsecThroughNAT', settings.throughNat === undefined ? undefined : natWords[settings.throughNat]],
    ['KeyEncoding', settings.keyEncoding === undefined ? undefined : encodingWords[settings.keyEncoding]],
    ['MaxSAIdleTimeSeconds', settings.idleSeconds],
    ['RemoteMachineTunnelAuthorizationList', settings.tunnelMachines],
    ['RemoteUserTunnelAuthorizationList', settings.tunnelUsers],
    ['RemoteMachineTransportAuthorizationList', settings.transportMachines],
    ['RemoteUserTransportAuthorizationList', settings.transportUsers],
  ]
  return parameters.every(([, value]) => value === undefined) ? [] : [call('Set-NetFirewallSetting', parameters)]
}

function setLines(policy: ConnectionSecurityPolicy, losses: Problem[]): readonly string[] {
  let count = 0
  const lines: string[] = []
  const write = <S extends SetHead & { readonly proposals: readonly P[] }, P>(
    noun: string,
    wellKnown: keyof DefaultSets,
    sets: readonly S[],
    proposalOf: (proposal: P, where: string, losses: Problem[]) => string,
    own: (set: S) => readonly Parameter[],
  ) => {
    for (const set of sets) {
      const where = set.name ?? set.id
      const variables = set.proposals.map(proposal => {
        count++
        lines.push(`$proposal${count} = ${proposalOf(proposal, where, losses)}`)
        return `$proposal${count}`
      })
      const isDefault = isSameId(set.id, wellKnownSets[wellKnown])
      if (set.name === undefined)
        losses.push(warning(where, 'the set has no name for people: its id is written for it'))
      if (set.version !== undefined) losses.push(warning(where, 'the module writes a schema version of its own'))
      if (set.other.length > 0) losses.push(problem(where, 'the module has no word for further values of a set'))
      if (variables.length === 0) losses.push(problem(where, 'the module takes no set without proposals'))
      const head: readonly Parameter[] = [
        ['DisplayName', set.name ?? set.id],
        [isDefault ? 'Default' : 'Name', isDefault ? true : set.id],
        ['Description', set.description],
        ['Group', set.group],
        ...own(set),
      ]
      lines.push(
        `${call(`New-${noun}`, head)} -Proposal ${variables.length === 0 ? '@()' : variables.join(', ')} | Out-Null`,
      )
    }
  }
  write('NetIPsecPhase1AuthSet', 'auth1', policy.auth1Sets, authCall, () => [])
  write('NetIPsecPhase2AuthSet', 'auth2', policy.auth2Sets, authCall, () => [])
  write('NetIPsecMainModeCryptoSet', 'mainMode', policy.mainModeSets, mainModeCall, set => [
    ['MaxMinutes', set.minutes],
    ['MaxSessions', set.sessions],
    ['ForceDiffieHellman', set.forceDiffieHellman ? { verbatim: '$true' } : undefined],
  ])
  write('NetIPsecQuickModeCryptoSet', 'quickMode', policy.quickModeSets, quickModeCall, set => [
    ['PerfectForwardSecrecyGroup', freshKeyWords.in('powershell', set.freshKeys)],
  ])
  return lines
}

function lostValues(proposal: Pick<AuthProposal, 'other' | 'skipVersion'>, where: string, losses: Problem[]): void {
  if (proposal.other.length > 0) losses.push(problem(where, 'the module has no word for further values of a proposal'))
  if (proposal.skipVersion !== undefined)
    losses.push(warning(where, 'the module writes the versions that skip a proposal itself'))
}

function authCall(proposal: AuthProposal, where: string, losses: Problem[]): string {
  lostValues(proposal, where, losses)
  const { method, criteria, signing } = proposal
  const [who, kind] =
    method === 'anonymous'
      ? ['', 'Anonymous']
      : [method.slice(0, method.indexOf('-')), method.slice(method.indexOf('-') + 1)]
  const isCertificate = kind === 'certificate'
  if (isCertificate && proposal.authority === undefined)
    losses.push(problem(where, 'the module asks for the authority of a certificate'))
  const stray = !isCertificate && (proposal.authority !== undefined || signing !== undefined || criteria !== undefined)
  if (stray) losses.push(problem(where, `a proposal of ${method} has no certificate: what it says of one is left out`))
  const parameters: readonly Parameter[] = [
    ['Anonymous', kind === 'Anonymous' ? true : undefined],
    ['Machine', who === 'computer' ? true : undefined],
    ['User', who === 'user' ? true : undefined],
    ['Kerberos', kind === 'kerberos' ? true : undefined],
    ['Proxy', kind === 'kerberos' ? proposal.proxy : undefined],
    ['Ntlm', kind === 'ntlm' ? true : undefined],
    ['PreSharedKey', kind === 'preshared-key' ? (proposal.key?.reveal() ?? '') : undefined],
    ['Cert', isCertificate ? true : undefined],
  ]
  if (!isCertificate) return call('New-NetIPsecAuthProposal', parameters)
  return call('New-NetIPsecAuthProposal', [
    ...parameters,
    ['Authority', proposal.authority],
    ['AuthorityType', proposal.isIntermediate === true ? 'Intermediate' : undefined],
    ['Signing', signing === undefined ? undefined : signings.in('powershell', signing)],
    ['AccountMapping', proposal.mapsAccount],
    ['ExcludeCAName', proposal.excludesAuthorityName],
    ['Health', proposal.isHealth],
    ['SelectionCriteria', criteria !== undefined && criteria.purpose !== 'validation' ? true : undefined],
    ['ValidationCriteria', criteria !== undefined && criteria.purpose !== 'selection' ? true : undefined],
    ['Thumbprint', criteria?.thumbprint],
    ['FollowRenewal', criteria?.followRenewal],
    ['ExtendedKeyUsage', criteria?.usages],
    ['SubjectName', criteria?.subject],
    ['SubjectNameType', criteria?.subjectType],
  ])
}

function mainModeCall(proposal: MainModeProposal, where: string, losses: Problem[]): string {
  lostValues(proposal, where, losses)
  const { group, encryption, hash } = proposal
  if (encryption.startsWith('aes-gcm') || hash.startsWith('aes-gmac')) {
    losses.push(problem(where, 'main mode has no GCM and no GMAC: the module refuses the proposal'))
  }
  return call('New-NetIPsecMainModeCryptoProposal', [
    ['Encryption', encryptions.in('powershell', encryption)],
    ['Hash', hashes.in('powershell', hash)],
    ['KeyExchange', groups.in('powershell', group)],
  ])
}

function quickModeCall(proposal: QuickModeProposal, where: string, losses: Problem[]): string {
  lostValues(proposal, where, losses)
  const { encapsulation, ahHash, espHash, encryption } = proposal
  if (ahHash === 'sha384' || espHash === 'sha384')
    losses.push(problem(where, 'quick mode has no SHA384: the module refuses it'))
  return call('New-NetIPsecQuickModeCryptoProposal', [
    ['Encapsulation', encapsulations.in('powershell', encapsulation)!.split(',')],
    ['AHHash', ahHash === undefined ? undefined : hashes.in('powershell', ahHash)],
    ['ESPHash', espHash === undefined ? undefined : hashes.in('powershell', espHash)],
    ['Encryption', encryption === undefined ? 'None' : encryptions.in('powershell', encryption)],
    ['MaxMinutes', proposal.minutes],
    ['MaxKiloBytes', proposal.kilobytes],
  ])
}

function endpoint(addresses: readonly EndpointAddress[], where: string, losses: Problem[]): readonly string[] {
  for (const address of addresses) {
    if (address.kind === 'keyword' && familyOf(address) !== undefined) {
      losses.push(problem(where, `the module says ${address.keyword} for both versions of IP`))
    }
  }
  return addresses.map(formatEndpointAddress)
}

function headParameters(rule: RuleHead, losses: Problem[]): readonly Parameter[] {
  const where = rule.name
  const later = rule.platformOperator === 'GTEQ' ? '+' : ''
  const platforms = rule.platforms.map(platform => {
    const [kind, major, minor] = platform.split(':')
    if (kind !== '2') losses.push(problem(where, `the module has no word for the platform ${platform}`))
    return `${major}.${minor}${later}`
  })
  if (rule.platforms.length === 0 && rule.platformOperator !== undefined)
    losses.push(problem(where, 'an operator of platforms without platforms'))
  if (rule.version !== undefined) losses.push(warning(where, 'the module writes a schema version of its own'))
  if (rule.skipVersion !== undefined)
    losses.push(problem(where, 'the module has no word for the version that skips a rule'))
  if (rule.unknown.length > 0) losses.push(problem(where, 'the module has no word for unknown tokens'))
  return [
    ['DisplayName', rule.name],
    ['Name', rule.id],
    ['Description', rule.description],
    ['Group', rule.group],
    ['Enabled', rule.active ? undefined : 'False'],
    ['Profile', rule.profiles.map(profile => networkProfiles.in('powershell', profile)!)],
    ['Platform', platforms],
    ['LocalAddress', endpoint(rule.endpoint1, where, losses)],
    ['RemoteAddress', endpoint(rule.endpoint2, where, losses)],
    ['Phase1AuthSet', rule.auth1],
  ]
}

function ruleLine(rule: ConnectionSecurityRule, losses: Problem[]): string {
  const { tunnel, flags, keyModules: modules } = rule
  const row = actionRow(rule.action)
  if (rule.isStatic === true) losses.push(warning(rule.name, "netsh's type=static has no word in the module"))
  if (flags.includes('security-realm')) losses.push(problem(rule.name, 'the module has no word for security realms'))
  if (rule.interfaces.some(name => name.startsWith('{'))) {
    losses.push(warning(rule.name, 'the module names interfaces by their aliases, the registry by their ids'))
  }
  if (modules.length === 1 && modules[0] === 'default')
    losses.push(warning(rule.name, 'the default keying module is left unsaid'))
  if (rule.action !== 'no-authentication') {
    if (rule.auth1 === undefined)
      losses.push(warning(rule.name, "without a first authentication the module takes Windows's own"))
    if (rule.quickMode === undefined)
      losses.push(warning(rule.name, "without a quick mode set the module takes Windows's own"))
  }
  const parameters: readonly Parameter[] = [
    ...headParameters(rule, losses),
    ['InboundSecurity', row.inbound],
    ['OutboundSecurity', row.outbound],
    ['Phase2AuthSet', rule.auth2],
    ['QuickModeCryptoSet', rule.quickMode],
    ['Protocol', rule.protocol === undefined ? undefined : formatProtocol(rule.protocol)],
    ['LocalPort', rule.ports1.map(formatPorts)],
    ['RemotePort', rule.ports2.map(formatPorts)],
    ['InterfaceType', rule.interfaceTypes.map(type => interfaceTypes.in('powershell', type)!)],
    ['InterfaceAlias', rule.interfaces],
    ['KeyModule', modules.map(module => keyModules.in('powershell', module)!)],
    ['Mode', tunnel === undefined ? undefined : 'Tunnel'],
    ['LocalTunnelEndpoint', tunnel === undefined ? undefined : tunnelEnd(tunnel.local.map(formatAddress))],
    ['RemoteTunnelEndpoint', tunnel === undefined ? undefined : tunnelEnd(tunnel.remote.map(formatAddress))],
    ['RemoteTunnelHostname', tunnel?.remoteName],
    ['ForwardPathLifetime', rule.forwardLifetime],
    ['Machine', rule.machineAuthorization],
    ['User', rule.userAuthorization],
  ]
  const switches = (['EncryptedTunnelBypass', 'RequireAuthorization', 'AllowSetKey', 'AllowWatchKey'] as const).filter(
    (_, index) =>
      flags.includes((['bypass-tunnel', 'authorize', 'key-manager-dictate', 'key-manager-notify'] as const)[index]!),
  )
  return [call('New-NetIPsecRule', parameters), ...switches.map(name => `-${name} $true`), '| Out-Null'].join(' ')
}

function tunnelEnd(addresses: readonly string[]): readonly string[] {
  return addresses.length === 0 ? ['Any'] : addresses
}

function mainModeRuleLine(rule: MainModeRule, losses: Problem[]): string {
  if (rule.auth1 === undefined || rule.mainMode === undefined) {
    losses.push(warning(rule.name, "for a set that is not named the module takes Windows's own"))
  }
  const parameters: readonly Parameter[] = [...headParameters(rule, losses), ['MainModeCryptoSet', rule.mainMode]]
  return `${call('New-NetIPsecMainModeRule', parameters)} | Out-Null`
}
