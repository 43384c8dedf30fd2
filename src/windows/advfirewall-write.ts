// A policy as netsh commands that make it again: `netsh advfirewall consec add rule …`, one line a rule, with its sets in it.
// What netsh has no word for is named as a loss. Preshared keys stand in the text: it is as secret as they are.

import { formatAddress } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { formatPorts } from '../policy/filter.ts'
import { writeAuthentication } from './advfirewall-authentication.ts'
import { writeMainModeMethod, writeQuickModeMethod } from './advfirewall-methods.ts'
import { quotedForBatch } from './advfirewall-script.ts'
import { headNotInNetsh, notInNetsh } from './advfirewall-show.ts'
import { familyOf, formatEndpointAddress, formatProtocol, problem, warning } from './connection-security-cells.ts'
import {
  auth1Of,
  auth2Of,
  isSameId,
  mainModeOf,
  missingSets,
  quickModeOf,
  wellKnownSets,
  withId,
} from './connection-security-defaults.ts'
import type {
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
  exemptionBits,
  freshKeyWords,
  interfaceTypes,
  networkProfiles,
} from './connection-security-words.ts'

type Tag = readonly [string, string | undefined]

export function writeAdvfirewall(policy: ConnectionSecurityPolicy): Written<string> {
  const losses: Problem[] = [...setLosses(policy)]
  const commands = [
    ...settingCommands(policy, losses),
    ...policy.mainModeRules.map(rule => mainModeCommand(policy, rule, losses)),
    ...policy.rules.map(rule => ruleCommand(policy, rule, losses)),
  ]
  return { value: commands.map(command => `netsh advfirewall ${command}\r\n`).join(''), losses }
}

function command(name: string, tags: readonly Tag[], where: string, losses: Problem[]): string {
  const words = tags.flatMap(([tag, value]) => {
    if (value === undefined) return []
    // A line end would end the command, a percent sign begin a variable.
    const clean = value.replace(/[\r\n\0]+/g, ' ')
    if (clean !== value) losses.push(problem(where, `${tag} has a line end, which no command holds`))
    const isPlain = /^[\w.:,/-]+$/.test(clean)
    return [isPlain ? `${tag}=${clean}` : `${tag}=${quotedForBatch(clean)}`]
  })
  return [name, ...words].join(' ')
}

function ruleCommand(policy: ConnectionSecurityPolicy, rule: ConnectionSecurityRule, losses: Problem[]): string {
  const where = rule.name
  const row = actionRow(rule.action)
  if (row.netsh === undefined)
    losses.push(problem(where, 'netsh has no word for asking inbound and going out in clear'))
  losses.push(...notInNetsh(rule))
  for (const id of missingSets(policy, rule))
    losses.push(problem(where, `the set ${id} is not there and cannot be written`))
  const { tunnel, flags } = rule
  const end = (addresses: readonly { readonly family: 4 | 6; readonly words: readonly number[] }[] | undefined) =>
    addresses === undefined ? undefined : addresses.length === 0 ? 'any' : formatAddress(addresses[0]!)
  if (tunnel?.remoteName !== undefined)
    losses.push(problem(where, "netsh has no word for the name of a tunnel's far end"))
  const tags: Tag[] = [
    ...headTags(rule, losses),
    ['action', (row.netsh ?? 'RequestInRequestOut').toLowerCase()],
    ['mode', tunnel === undefined ? undefined : 'tunnel'],
    ['localtunnelendpoint', end(tunnel?.local)],
    ['remotetunnelendpoint', end(tunnel?.remote)],
    ['type', rule.isStatic === true ? 'static' : undefined],
    ['port1', rule.ports1.length === 0 ? undefined : rule.ports1.map(formatPorts).join(',')],
    ['port2', rule.ports2.length === 0 ? undefined : rule.ports2.map(formatPorts).join(',')],
    ['protocol', rule.protocol === undefined ? undefined : formatProtocol(rule.protocol).toLowerCase()],
    [
      'interfacetype',
      rule.interfaceTypes.map(type => interfaceTypes.in('netsh', type)!.toLowerCase()).join(',') || undefined,
    ],
    ['exemptipsecprotectedconnections', flags.includes('bypass-tunnel') ? 'yes' : undefined],
    ['applyauthz', flags.includes('authorize') ? 'yes' : undefined],
  ]
  return command('consec add rule', [...tags, ...setTags(policy, rule, losses)], where, losses)
}

function headTags(rule: RuleHead, losses: Problem[]): readonly Tag[] {
  const { name, description } = rule
  if (name.toLowerCase() === 'all' || name === '') losses.push(problem(name, 'netsh takes no rule of this name'))
  return [
    ['name', name],
    ['description', description],
    ['enable', rule.active ? undefined : 'no'],
    [
      'profile',
      rule.profiles.map(profile => networkProfiles.in('netsh', profile)!.toLowerCase()).join(',') || undefined,
    ],
    ['endpoint1', endpointText(rule.endpoint1, name, losses)],
    ['endpoint2', endpointText(rule.endpoint2, name, losses)],
  ]
}

function endpointText(addresses: readonly EndpointAddress[], where: string, losses: Problem[]): string {
  for (const address of addresses) {
    if (address.kind === 'keyword' && familyOf(address) !== undefined) {
      losses.push(problem(where, `netsh says ${address.keyword} for both versions of IP`))
    }
  }
  return addresses.length === 0 ? 'any' : addresses.map(formatEndpointAddress).join(',')
}

function isWellKnown(id: string | undefined, known: string): boolean {
  return id !== undefined && isSameId(id, known)
}

/** Windows's own sets are meant where netsh is silent, as long as the policy has not put others in their place. */
function setTags(policy: ConnectionSecurityPolicy, rule: ConnectionSecurityRule, losses: Problem[]): readonly Tag[] {
  const where = rule.name
  const isExempt = rule.action === 'no-authentication'
  const { auth1, auth2, quickMode } = rule
  const hasOwn1 = withId(policy.auth1Sets, wellKnownSets.auth1) !== undefined || policy.defaults.auth1 !== undefined
  const isSilent =
    !hasOwn1 &&
    auth2Of(policy, auth2) === undefined &&
    isWellKnown(auth1, wellKnownSets.auth1) &&
    isWellKnown(auth2, wellKnownSets.auth2)
  const tags: Tag[] = []
  const first = auth1Of(policy, auth1)
  const second = auth2Of(policy, auth2)
  if (!isSilent && first !== undefined) tags.push(...authTags('auth1', first.proposals, where, losses))
  if (!isSilent && second !== undefined) tags.push(...authTags('auth2', second.proposals, where, losses))
  if (!isExempt && first === undefined)
    losses.push(warning(where, "without a first authentication netsh takes Windows's own"))
  if (!isSilent && isWellKnown(auth2, wellKnownSets.auth2) && second === undefined && first !== undefined) {
    losses.push(warning(where, "that Windows's own second authentication counts cannot be said beside another first"))
  }
  const set = quickModeOf(policy, quickMode)
  const hasOwnQuick =
    withId(policy.quickModeSets, wellKnownSets.quickMode) !== undefined || policy.defaults.quickMode !== undefined
  if (set !== undefined && (hasOwnQuick || !isWellKnown(quickMode, wellKnownSets.quickMode))) {
    tags.push([
      'qmsecmethods',
      set.proposals.map(one => writeQuickModeMethod(one, where, losses).toLowerCase()).join(','),
    ])
    tags.push(['qmpfs', freshKeyWords.in('netsh', set.freshKeys)!.toLowerCase()])
    if (set.proposals.length === 0) losses.push(problem(where, 'netsh takes no quick mode set without proposals'))
  } else if (!isExempt && quickMode === undefined) {
    losses.push(warning(where, "without quick mode methods netsh takes Windows's own"))
  }
  return tags
}

function authTags(
  phase: 'auth1' | 'auth2',
  proposals: Parameters<typeof writeAuthentication>[1],
  where: string,
  losses: Problem[],
): readonly Tag[] {
  if (proposals.length === 0) losses.push(problem(where, 'netsh takes no authentication set without proposals'))
  const { list, tags } = writeAuthentication(phase, proposals, where, losses)
  return [[phase, list], ...tags]
}

function mainModeCommand(policy: ConnectionSecurityPolicy, rule: MainModeRule, losses: Problem[]): string {
  const where = rule.name
  const set = mainModeOf(policy, rule.mainMode)
  const auth = auth1Of(policy, rule.auth1)
  losses.push(...headNotInNetsh(rule, rule.unknown.length > 0 ? ['unknown tokens'] : []))
  if (set === undefined) losses.push(problem(where, 'netsh asks for the main mode methods, and the rule has none here'))
  if (auth === undefined) losses.push(problem(where, "without a first authentication netsh takes Windows's own"))
  const tags: Tag[] = [
    ...headTags(rule, losses),
    ...(set === undefined ? [['mmsecmethods', 'default'] as const] : mainModeTags(set, where, losses)),
  ]
  if (auth !== undefined) tags.push(...authTags('auth1', auth.proposals, where, losses))
  return command('mainmode add rule', tags, where, losses)
}

function mainModeTags(set: MainModeSet, where: string, losses: Problem[]): readonly Tag[] {
  if (set.minutes === undefined || set.sessions === undefined)
    losses.push(warning(where, "netsh writes Windows's own key lifetime out"))
  return [
    ['mmsecmethods', methodsText(set, where, losses)],
    ['mmkeylifetime', lifetimeText(set)],
    ['mmforcedh', set.forceDiffieHellman ? 'yes' : undefined],
  ]
}

function methodsText(set: MainModeSet, where: string, losses: Problem[]): string {
  if (set.proposals.length === 0) losses.push(problem(where, 'netsh takes no main mode set without proposals'))
  return set.proposals.map(one => writeMainModeMethod(one, ':', where, losses).toLowerCase()).join(',')
}

function lifetimeText(set: MainModeSet): string {
  return `${set.minutes ?? 480}min,${set.sessions ?? 0}sess`
}

function settingCommands(policy: ConnectionSecurityPolicy, losses: Problem[]): readonly string[] {
  const { settings } = policy
  const nat = ['never', 'serverbehindnat', 'serverandclientbehindnat']
  const tags: readonly Tag[] = [
    ['strongcrlcheck', settings.revocation === undefined ? undefined : String(settings.revocation)],
    ['saidletimemin', settings.idleSeconds === undefined ? undefined : String(Math.ceil(settings.idleSeconds / 60))],
    ['defaultexemptions', exemptionWords(settings.exemptions, losses)],
    ['ipsecthroughnat', settings.throughNat === undefined ? undefined : nat[settings.throughNat]],
    ['authzcomputergrp', settings.tunnelMachines],
    ['authzusergrp', settings.tunnelUsers],
    ['authzcomputergrptransport', settings.transportMachines],
    ['authzusergrptransport', settings.transportUsers],
  ]
  if ((settings.idleSeconds ?? 0) % 60 !== 0)
    losses.push(problem('saidletimemin', 'netsh says the idle time in minutes'))
  if (settings.keyEncoding !== undefined) losses.push(problem('PresharedKeyEncoding', 'netsh has no word for it'))
  const commands = tags.flatMap(([tag, value]) =>
    value === undefined
      ? []
      : [`set global ipsec ${tag} ${/^[\w,]+$/.test(value) ? value : `"${value.replaceAll('%', '%%')}"`}`],
  )
  const id = policy.defaults.mainMode ?? wellKnownSets.mainMode
  const set = withId(policy.mainModeSets, id)
  if (set === undefined) return commands
  return [
    ...commands,
    `set global mainmode mmsecmethods ${methodsText(set, 'set global mainmode', losses)}`,
    `set global mainmode mmkeylifetime ${lifetimeText(set)}`,
    `set global mainmode mmforcedh ${set.forceDiffieHellman ? 'yes' : 'no'}`,
  ]
}

function exemptionWords(mask: number | undefined, losses: Problem[]): string | undefined {
  if (mask === undefined) return undefined
  if ((mask & 4) !== 0)
    losses.push(problem('defaultexemptions', 'netsh has no word for router discovery (4): it is left out'))
  const words = exemptionBits.flatMap(({ bit, netsh }) =>
    (mask & bit) !== 0 && netsh !== undefined ? [netsh.toLowerCase()] : [],
  )
  return words.length === 0 ? 'none' : words.join(',')
}

/** netsh knows sets only inside rules: their own names and ids, and those that no rule uses, are lost. */
function setLosses(policy: ConnectionSecurityPolicy): readonly Problem[] {
  const { rules, mainModeRules, defaults } = policy
  const used = new Set(
    [
      ...rules.flatMap(({ auth1, auth2, quickMode }) => [auth1, auth2, quickMode]),
      ...mainModeRules.flatMap(({ auth1, mainMode }) => [auth1, mainMode]),
      ...Object.values(defaults),
      ...Object.values(wellKnownSets),
    ].flatMap(id => id?.toLowerCase() ?? []),
  )
  const { auth1Sets, auth2Sets, quickModeSets, mainModeSets } = policy
  return [auth1Sets, auth2Sets, quickModeSets, mainModeSets]
    .flat()
    .filter(({ id }) => !used.has(id.toLowerCase()))
    .map(({ id, name }) => problem(name ?? id, 'no rule uses this set, and netsh has sets only in rules'))
}
