// What `netsh advfirewall consec show rule name=all verbose`, `mainmode show rule` and `show global` print of a policy. The
// order of the fields is that of a published print-out (KB 2855053); advfirewall-shown.ts reads it again.

import { formatAddress } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { formatPorts } from '../policy/filter.ts'
import { subjectTypes, writeAuthentication } from './advfirewall-authentication.ts'
import { writeMainModeMethod, writeQuickModeMethod } from './advfirewall-methods.ts'
import { familyOf, formatEndpointAddress, formatProtocol, problem, warning } from './connection-security-cells.ts'
import {
  auth1Of,
  auth2Of,
  defaultMainMode,
  MAIN_MODE_MINUTES,
  mainModeOf,
  missingSets,
  quickModeOf,
} from './connection-security-defaults.ts'
import type {
  AuthProposal,
  ConnectionSecurityPolicy,
  ConnectionSecurityRule,
  EndpointAddress,
  MainModeRule,
  MainModeSet,
  RuleHead,
  Written,
} from './connection-security-rules.ts'
import {
  actionRow,
  authMethods,
  exemptionBits,
  freshKeyWords,
  interfaceTypes,
  networkProfiles,
  signings,
} from './connection-security-words.ts'

const COLUMN = 38
const LINE = '-'.repeat(70)

export type Field = readonly [string, string]

function lines(fields: readonly Field[]): string {
  const [[first, name] = ['', ''], ...rest] = fields
  const row = ([label, value]: Field) => `${`${label}:`.padEnd(COLUMN)}${value}`.trimEnd()
  return ['', row([first, name]), LINE, ...rest.map(row)].join('\r\n')
}

function yes(on: boolean | undefined): string {
  return on === true ? 'Yes' : 'No'
}

function listed(values: readonly string[]): string {
  return values.length === 0 ? 'Any' : values.join(',')
}

/** Every line end in a text would begin a field. */
function oneLine(text: string, where: string, losses: Problem[]): string {
  const clean = text.replace(/[\r\n]+/g, ' ').trim()
  if (clean !== text) losses.push(problem(where, 'a text with line ends or blanks around it is shown without them'))
  return clean
}

export function showRules(policy: ConnectionSecurityPolicy, isVerbose = true): Written<string> {
  const losses: Problem[] = []
  const blocks = policy.rules.map(rule => lines(ruleFields(policy, rule, isVerbose, losses)))
  return { value: finished(blocks), losses }
}

function finished(blocks: readonly string[]): string {
  if (blocks.length === 0) return '\r\nNo rules match the specified criteria.\r\n'
  return `${blocks.map(block => `${block}\r\n`).join('')}Ok.\r\n\r\n`
}

function ruleFields(
  policy: ConnectionSecurityPolicy,
  rule: ConnectionSecurityRule,
  isVerbose: boolean,
  losses: Problem[],
): readonly Field[] {
  const where = rule.name
  const { tunnel } = rule
  const fields: Field[] = headFields(rule, isVerbose, losses)
  if (isVerbose) fields.push(['Type', rule.isStatic === true ? 'Static' : 'Dynamic'])
  fields.push(['Mode', tunnel === undefined ? 'Transport' : 'Tunnel'])
  if (isVerbose)
    fields.push(['InterfaceTypes', listed(rule.interfaceTypes.map(type => interfaceTypes.in('netsh', type)!))])
  if (tunnel !== undefined) {
    fields.push(['LocalTunnelEndpoint', listed(tunnel.local.map(formatAddress))])
    fields.push(['RemoteTunnelEndpoint', listed(tunnel.remote.map(formatAddress))])
    if (tunnel.remoteName !== undefined)
      losses.push(problem(where, "netsh has no word for the name of a tunnel's far end"))
  }
  fields.push(...endpointFields(rule, losses))
  if (rule.protocol === 6 || rule.protocol === 17 || rule.ports1.length + rule.ports2.length > 0) {
    fields.push(['Port1', listed(rule.ports1.map(formatPorts))], ['Port2', listed(rule.ports2.map(formatPorts))])
  }
  fields.push(['Protocol', formatProtocol(rule.protocol)])
  const row = actionRow(rule.action)
  if (row.netsh === undefined)
    losses.push(problem(where, 'netsh has no word for asking inbound and going out in clear'))
  fields.push(['Action', row.netsh ?? 'RequestInRequestOut'])
  for (const id of missingSets(policy, rule))
    losses.push(problem(where, `the set ${id} is not there and cannot be shown`))
  const auth1 = auth1Of(policy, rule.auth1)
  const auth2 = auth2Of(policy, rule.auth2)
  fields.push(...authFields('Auth1', auth1?.proposals ?? [], isVerbose, where, losses))
  fields.push(...authFields('Auth2', auth2?.proposals ?? [], isVerbose, where, losses))
  const mainMode = defaultMainMode(policy)
  const quickMode = quickModeOf(policy, rule.quickMode)
  if (rule.action !== 'no-authentication') {
    if (isVerbose) fields.push(...mainModeFields(mainMode, where, losses))
    const methods = quickMode?.proposals.map(one => writeQuickModeMethod(one, where, losses)) ?? []
    if (quickMode !== undefined) {
      fields.push(['QuickModeSecMethods', methods.join(',')])
      fields.push(['QuickModePFS', freshKeyWords.in('netsh', quickMode.freshKeys)!])
    }
  }
  if (isVerbose) {
    fields.push(['Rule source', 'Local Setting'])
    if (tunnel !== undefined)
      fields.push(['ExemptIPsecProtectedConnections', yes(rule.flags.includes('bypass-tunnel'))])
    fields.push(['ApplyAuthorization', yes(rule.flags.includes('authorize'))])
    if (tunnel === undefined && rule.flags.includes('bypass-tunnel')) {
      losses.push(warning(where, 'that sealed packets bypass a tunnel is shown of tunnels alone'))
    }
  }
  losses.push(...notInNetsh(rule))
  return fields
}

/** What of a rule no form of netsh has a word for. */
export function notInNetsh(rule: ConnectionSecurityRule): readonly Problem[] {
  const what: string[] = []
  const { flags, interfaces, keyModules, unknown } = rule
  if (interfaces.length > 0) what.push('single interfaces')
  if (keyModules.length > 0) what.push('keying modules')
  if (flags.some(flag => flag !== 'bypass-tunnel' && flag !== 'authorize'))
    what.push('key managers and security realms')
  if (rule.forwardLifetime !== undefined) what.push('the lifetime of a path')
  if (rule.machineAuthorization !== undefined || rule.userAuthorization !== undefined)
    what.push('who may connect by this rule')
  if (unknown.length > 0) what.push('unknown tokens')
  if ((rule.tunnel?.local.length ?? 0) > 1 || (rule.tunnel?.remote.length ?? 0) > 1)
    what.push('several ends of a tunnel')
  return [...headNotInNetsh(rule, what)]
}

export function headNotInNetsh(rule: RuleHead, more: readonly string[] = []): readonly Problem[] {
  const what = [...more]
  if (rule.group !== undefined) what.push('the group')
  if (rule.platforms.length > 0 || rule.platformOperator !== undefined) what.push('platforms')
  if (rule.skipVersion !== undefined) what.push('the version that skips it')
  const losses: Problem[] = what.length === 0 ? [] : [problem(rule.name, `netsh has no word for ${what.join(', ')}`)]
  if (rule.version !== undefined) losses.push(warning(rule.name, 'netsh writes a schema version of its own'))
  return losses
}

function headFields(rule: RuleHead, isVerbose: boolean, losses: Problem[]): Field[] {
  const fields: Field[] = [['Rule Name', oneLine(rule.name, rule.name, losses)]]
  if (isVerbose && rule.description !== undefined) {
    fields.push(['Description', oneLine(rule.description, rule.name, losses)])
  }
  const profiles = rule.profiles.length === 0 ? (['domain', 'private', 'public'] as const) : rule.profiles
  fields.push(['Enabled', yes(rule.active)])
  fields.push(['Profiles', profiles.map(profile => networkProfiles.in('netsh', profile)).join(',')])
  return fields
}

function endpointFields(rule: RuleHead, losses: Problem[]): Field[] {
  const shown = (address: EndpointAddress) => {
    if (address.kind === 'keyword' && familyOf(address) !== undefined) {
      losses.push(problem(rule.name, `netsh says ${address.keyword} for both versions of IP`))
    }
    const text = formatEndpointAddress(address)
    return address.kind === 'prefix' && !text.includes('/') ? `${text}/${address.prefix.length}` : text
  }
  return [
    ['Endpoint1', listed(rule.endpoint1.map(shown))],
    ['Endpoint2', listed(rule.endpoint2.map(shown))],
  ]
}

function authFields(
  label: 'Auth1' | 'Auth2',
  proposals: readonly AuthProposal[],
  isVerbose: boolean,
  where: string,
  losses: Problem[],
): Field[] {
  if (proposals.length === 0) return []
  const word = (proposal: AuthProposal) =>
    `${authMethods.in('netsh', proposal.method)}${signings.in('netsh', proposal.signing ?? 'rsa')}`
  const fields: Field[] = [[label, proposals.map(word).join(',')]]
  if (!isVerbose) return fields
  // The print-out is read as the command would be, and loses what that loses.
  writeAuthentication(label === 'Auth1' ? 'auth1' : 'auth2', proposals, where, losses)
  for (const proposal of proposals) {
    const { method, authority, key, criteria } = proposal
    if (key !== undefined) fields.push([`${label}PSK`, oneLine(key.reveal(), where, losses)])
    if (proposal.proxy !== undefined) fields.push([`${label}KerbProxyFQDN`, proposal.proxy])
    if (method !== 'computer-certificate' && method !== 'user-certificate') continue
    fields.push(
      [`${label}CAName`, oneLine(authority ?? '', where, losses)],
      [`${label}CertMapping`, yes(proposal.mapsAccount)],
      [`${label}ExcludeCAName`, yes(proposal.excludesAuthorityName)],
      [`${label}CertType`, proposal.isIntermediate === true ? 'Intermediate' : 'Root'],
      [`${label}HealthCert`, yes(proposal.isHealth)],
    )
    if (criteria === undefined) continue
    const subjectType = subjectTypes.find(([, ours]) => ours === criteria.subjectType)?.[0]
    if (criteria.subjectType !== undefined && subjectType === undefined) {
      losses.push(problem(where, `netsh has no word for names of the kind ${criteria.subjectType}`))
    }
    fields.push([`${label}CertCriteriaType`, criteria.purpose])
    if (criteria.thumbprint !== undefined) fields.push([`${label}CertHash`, criteria.thumbprint])
    if (criteria.followRenewal === true) fields.push([`${label}FollowRenewal`, 'Yes'])
    if (criteria.usages.length > 0) fields.push([`${label}CertEKU`, criteria.usages.join(', ')])
    if (criteria.subject !== undefined) fields.push([`${label}CertName`, oneLine(criteria.subject, where, losses)])
    if (subjectType !== undefined) fields.push([`${label}CertNameType`, subjectType])
  }
  return fields
}

function mainModeFields(set: MainModeSet | undefined, where: string, losses: Problem[]): Field[] {
  if (set === undefined) return []
  return [
    ['MainModeSecMethods', set.proposals.map(one => writeMainModeMethod(one, '-', where, losses)).join(',')],
    ['MainModeKeyLifetime', `${set.minutes ?? MAIN_MODE_MINUTES}min,${set.sessions ?? 0}sess`],
  ]
}

export function showMainModeRules(policy: ConnectionSecurityPolicy): Written<string> {
  const losses: Problem[] = []
  const blocks = policy.mainModeRules.map(rule => lines(mainModeRuleFields(policy, rule, losses)))
  return { value: finished(blocks), losses }
}

function mainModeRuleFields(policy: ConnectionSecurityPolicy, rule: MainModeRule, losses: Problem[]): readonly Field[] {
  const set = mainModeOf(policy, rule.mainMode)
  const auth = auth1Of(policy, rule.auth1)
  if (rule.mainMode !== undefined && set === undefined)
    losses.push(problem(rule.name, `the set ${rule.mainMode} is not there`))
  if (rule.auth1 !== undefined && auth === undefined)
    losses.push(problem(rule.name, `the set ${rule.auth1} is not there`))
  losses.push(...headNotInNetsh(rule, rule.unknown.length > 0 ? ['unknown tokens'] : []))
  return [
    ...headFields(rule, true, losses),
    ...endpointFields(rule, losses),
    ...authFields('Auth1', auth?.proposals ?? [], true, rule.name, losses),
    ...(set === undefined
      ? []
      : [
          ['SecMethods', set.proposals.map(one => writeMainModeMethod(one, '-', rule.name, losses)).join(',')] as const,
          ['ForceDH', yes(set.forceDiffieHellman)] as const,
          ['KeyLifetime', `${set.minutes ?? MAIN_MODE_MINUTES}min,${set.sessions ?? 0}sess`] as const,
        ]),
  ]
}

/** `netsh advfirewall show global`, without the firewall's own categories. */
export function showGlobal(policy: ConnectionSecurityPolicy): Written<string> {
  const { settings } = policy
  const crl = ['0:Disabled', '1:Enabled', '2:Require'][settings.revocation ?? 0]!
  const nat = ['Never', 'ServerBehindNAT', 'ServerAndClientBehindNAT'][settings.throughNat ?? 0]!
  const set = defaultMainMode(policy)
  const row = (label: string, value: string) => `${label.padEnd(COLUMN)}${value}`
  const losses: Problem[] = []
  const mask = settings.exemptions ?? 0
  if ((mask & 4) !== 0) losses.push(problem('DefaultExemptions', 'netsh has no word for router discovery (4)'))
  if (settings.keyEncoding !== undefined) losses.push(problem('PresharedKeyEncoding', 'netsh has no word for it'))
  if ((settings.idleSeconds ?? 0) % 60 !== 0)
    losses.push(problem('SAIdleTimeMin', 'netsh says the idle time in minutes'))
  const shown = [
    '',
    'Global Settings:',
    LINE,
    'IPsec:',
    row('StrongCRLCheck', settings.revocation === undefined ? 'NotConfigured' : crl),
    row(
      'SAIdleTimeMin',
      settings.idleSeconds === undefined ? 'NotConfigured' : `${Math.ceil(settings.idleSeconds / 60)}min`,
    ),
    row('DefaultExemptions', exemptionText(settings.exemptions)),
    row('IPsecThroughNAT', settings.throughNat === undefined ? 'NotConfigured' : nat),
    row('AuthzUserGrp', settings.tunnelUsers ?? 'None'),
    row('AuthzComputerGrp', settings.tunnelMachines ?? 'None'),
    row('AuthzUserGrpTransport', settings.transportUsers ?? 'None'),
    row('AuthzComputerGrpTransport', settings.transportMachines ?? 'None'),
    '',
    'Main Mode:',
    row('KeyLifetime', `${set.minutes ?? MAIN_MODE_MINUTES}min,${set.sessions ?? 0}sess`),
    row('SecMethods', set.proposals.map(one => writeMainModeMethod(one, '-', '', losses)).join(',')),
    row('ForceDH', yes(set.forceDiffieHellman)),
    'Ok.',
    '',
  ]
  return { value: shown.join('\r\n'), losses }
}

/** netsh's own print has no word for router discovery; the number says it where the bit is set. */
function exemptionText(mask: number | undefined): string {
  if (mask === undefined) return 'NotConfigured'
  if (mask === 0) return 'None'
  return exemptionBits
    .filter(({ bit }) => (mask & bit) !== 0)
    .map(({ netsh, powershell }) => netsh ?? powershell)
    .join(',')
}
