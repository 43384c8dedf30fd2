// Set-NetFirewallSetting: what counts for all rules, exemptions above all. Get- gives what Set- takes through a pipe;
// Set-NetFirewallProfile is the firewall's own and is named as such.

import { warning } from './connection-security-cells.ts'
import type { GlobalSettings } from './connection-security-rules.ts'
import { exemptionBits } from './connection-security-words.ts'
import type { CallParameters } from './powershell-parameters.ts'
import type { Command } from './powershell-session.ts'

/** In the order of their numbers in the registry. */
export const revocationWords = ['None', 'AttemptCrlCheck', 'RequireCrlCheck'] as const
export const natWords = ['None', 'Server', 'Both'] as const
export const encodingWords = ['UTF16', 'UTF8'] as const
const UNSET = 'NotConfigured'

const descriptors = {
  RemoteMachineTunnelAuthorizationList: 'tunnelMachines',
  RemoteUserTunnelAuthorizationList: 'tunnelUsers',
  RemoteMachineTransportAuthorizationList: 'transportMachines',
  RemoteUserTransportAuthorizationList: 'transportUsers',
} as const

const firewallNames = [
  'EnableStatefulFtp',
  'EnableStatefulPptp',
  'ActiveProfile',
  'EnablePacketQueuing',
  'RequireFullAuthSupport',
]

type Change = { -readonly [K in keyof GlobalSettings]?: GlobalSettings[K] | undefined }

function changes(parameters: CallParameters): Change {
  const change: Change = {}
  const words = exemptionBits.map(({ powershell }) => powershell)
  const exemptions = parameters.choices('Exemptions', [...words, 'None', UNSET])
  if (exemptions?.includes(UNSET)) change.exemptions = undefined
  else if (exemptions !== undefined) {
    if (exemptions.includes('None') && exemptions.length > 1) parameters.wrong('Exemptions', 'None stands alone')
    change.exemptions = exemptionBits.reduce(
      (mask, { bit, powershell }) => (exemptions.includes(powershell) ? mask | bit : mask),
      0,
    )
  }
  const numbered = (name: string, list: readonly string[]): { readonly value: number | undefined } | undefined => {
    const word = parameters.choice(name, [...list, UNSET])
    return word === undefined ? undefined : { value: word === UNSET ? undefined : list.indexOf(word) }
  }
  const revocation = numbered('CertValidationLevel', revocationWords)
  if (revocation !== undefined) change.revocation = revocation.value as 0 | 1 | 2 | undefined
  const nat = numbered('AllowIPsecThroughNAT', natWords)
  if (nat !== undefined) change.throughNat = nat.value as 0 | 1 | 2 | undefined
  const encoding = numbered('KeyEncoding', encodingWords)
  if (encoding !== undefined) change.keyEncoding = encoding.value
  if (parameters.has('MaxSAIdleTimeSeconds')) {
    const isUnset = parameters.text('MaxSAIdleTimeSeconds')?.toLowerCase() === UNSET.toLowerCase()
    const seconds = isUnset ? undefined : parameters.number('MaxSAIdleTimeSeconds', 300, 3600)
    if (isUnset || seconds !== undefined) change.idleSeconds = seconds
  }
  for (const [name, field] of Object.entries(descriptors)) {
    const text = parameters.text(name)
    if (text !== undefined) change[field] = /^(none|notconfigured)$/i.test(text) ? undefined : text
  }
  return change
}

/** Of Set-NetFirewallProfile; only the merging of local rules touches connection security, and it is a group policy's to say. */
const profileNames = `AllowInboundRules AllowLocalFirewallRules AllowLocalIPsecRules AllowUnicastResponseToMulticast AllowUserApps
  AllowUserPorts DefaultInboundAction DefaultOutboundAction DisabledInterfaceAliases Enabled EnableStealthModeForIPsec
  GPOSession InputObject LogAllowed LogBlocked LogFileName LogIgnored LogMaxSizeKilobytes Name NotifyOnListen PolicyStore`

export const settingCommands: readonly Command[] = [
  {
    name: 'Get-NetFirewallSetting',
    parameters: { names: ['PolicyStore', 'GPOSession'], switches: ['All'] },
    run: () => ({ kind: 'setting', id: 'setting', name: 'setting' }),
  },
  {
    name: 'Set-NetFirewallProfile',
    parameters: { names: profileNames.split(/\s+/), switches: ['All'], aliases: { Profile: 'Name' } },
    run: (session, parameters) => {
      const keepsRules = !parameters.has('AllowLocalIPsecRules') || parameters.boolean('AllowLocalIPsecRules') !== false
      if (!keepsRules)
        parameters.wrong(
          'AllowLocalIPsecRules',
          'that local rules do not count cannot be kept',
          'leave the local rules out',
        )
      session.problems.push(warning(parameters.at, "a profile is the firewall's and no part of connection security"))
      return null
    },
  },
  {
    name: 'Set-NetFirewallSetting',
    parameters: {
      names: [
        'Exemptions',
        'CertValidationLevel',
        'AllowIPsecThroughNAT',
        'KeyEncoding',
        'MaxSAIdleTimeSeconds',
        'InputObject',
        'PolicyStore',
        'GPOSession',
        'Name',
        ...Object.keys(descriptors),
        ...firewallNames,
      ],
      switches: [],
    },
    run: (session, parameters) => {
      for (const name of firewallNames.filter(one => parameters.has(one))) {
        session.problems.push(warning(parameters.at, `-${name} is no part of connection security and is left out`))
      }
      const settings = { ...session.policy.settings, ...changes(parameters) }
      session.policy = {
        ...session.policy,
        settings: Object.fromEntries(Object.entries(settings).filter(([, one]) => one !== undefined)),
      }
      return null
    },
  },
]
