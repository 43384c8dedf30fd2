// Commands that make proposals: New-NetIPsecAuthProposal, New-NetIPsecMainModeCryptoProposal and
// New-NetIPsecQuickModeCryptoProposal. Defaults are those of the reference.
import { Secret } from '../base/secret.ts'
import type {
  AuthProposal,
  CertificateCriteria,
  Encapsulation,
  Hash,
  QuickModeProposal,
} from './connection-security-rules.ts'
import { encryptions, groups, hashes, signings, type WordTable } from './connection-security-words.ts'
import type { CallParameters } from './powershell-parameters.ts'
import type { Command } from './powershell-session.ts'

export const subjectNameTypes = [
  'None',
  'DomainName',
  'UserPrincipalName',
  'EmailAddress',
  'CN',
  'OU',
  'O',
  'DC',
] as const

/** A word of a table; `None` is undefined, and so is what is wrong. */
export function tableWord<T extends string>(
  parameters: CallParameters,
  name: string,
  table: WordTable<T>,
): T | undefined {
  const words = table.rows.flatMap(row => row.powershell ?? [])
  const word = parameters.choice(name, [...words, 'None'])
  return word === undefined ? undefined : table.from('powershell', word)
}

const newAuthProposal: Command = {
  name: 'New-NetIPsecAuthProposal',
  parameters: {
    names: [
      'Authority',
      'AuthorityType',
      'ExtendedKeyUsage',
      'PreSharedKey',
      'Proxy',
      'Signing',
      'SubjectName',
      'SubjectNameType',
      'Thumbprint',
    ],
    switches: [
      'AccountMapping',
      'Anonymous',
      'Cert',
      'ExcludeCAName',
      'FollowRenewal',
      'Health',
      'Kerberos',
      'Machine',
      'Ntlm',
      'SelectionCriteria',
      'User',
      'ValidationCriteria',
    ],
    aliases: { PSK: 'PreSharedKey', EKUs: 'ExtendedKeyUsage' },
  },
  run: (_, parameters) => {
    const kinds = ['Anonymous', 'Cert', 'Kerberos', 'Ntlm', 'PreSharedKey'].filter(kind =>
      kind === 'PreSharedKey' ? parameters.has(kind) : parameters.isOn(kind),
    )
    const [kind] = kinds
    const [isUser, isMachine] = [parameters.isOn('User'), parameters.isOn('Machine')]
    if (kind === undefined || kinds.length > 1) {
      parameters.wrong(kinds[1] ?? 'Kerberos', 'a proposal is one of Anonymous, Cert, Kerberos, Ntlm and PreSharedKey')
      return null
    }
    if (kind !== 'Anonymous' && isUser === isMachine) {
      parameters.wrong(isUser ? 'User' : 'Machine', 'who is authenticated is said once', 'write -Machine or -User')
      return null
    }
    return { kind: 'auth-proposal', proposal: authProposal(parameters, kind, isUser) }
  },
}

function authProposal(parameters: CallParameters, kind: string, isUser: boolean): AuthProposal {
  const who = isUser ? 'user' : 'computer'
  const proxy = parameters.text('Proxy')
  if (kind === 'Anonymous') return { method: 'anonymous', other: [] }
  if (kind === 'Kerberos') return { method: `${who}-kerberos`, ...(proxy === undefined ? {} : { proxy }), other: [] }
  if (kind === 'Ntlm') return { method: `${who}-ntlm`, other: [] }
  if (kind === 'PreSharedKey') {
    if (isUser) parameters.wrong('User', 'a preshared key is a computer’s', 'write -Machine')
    return { method: 'computer-preshared-key', key: new Secret(parameters.text('PreSharedKey') ?? ''), other: [] }
  }
  const authority = parameters.text('Authority')
  if (authority === undefined) parameters.wrong('Authority', 'a certificate comes without its authority')
  const signing = tableWord(parameters, 'Signing', signings)
  const isIntermediate = parameters.choice('AuthorityType', ['Root', 'Intermediate']) === 'Intermediate'
  const criteria = certificateCriteria(parameters)
  return {
    method: `${who}-certificate`,
    ...(authority === undefined ? {} : { authority }),
    ...(isIntermediate ? { isIntermediate } : {}),
    ...(signing === undefined || signing === 'rsa' ? {} : { signing }),
    ...(parameters.isOn('AccountMapping') ? { mapsAccount: true as const } : {}),
    ...(parameters.isOn('ExcludeCAName') ? { excludesAuthorityName: true as const } : {}),
    ...(parameters.isOn('Health') ? { isHealth: true as const } : {}),
    ...(criteria === undefined ? {} : { criteria }),
    other: [],
  }
}

function certificateCriteria(parameters: CallParameters): CertificateCriteria | undefined {
  const said = [
    'ExtendedKeyUsage',
    'FollowRenewal',
    'SelectionCriteria',
    'SubjectName',
    'SubjectNameType',
    'Thumbprint',
    'ValidationCriteria',
  ]
  if (!said.some(name => parameters.has(name))) return undefined
  const [selects, validates] = [parameters.isOn('SelectionCriteria'), parameters.isOn('ValidationCriteria')]
  const thumbprint = parameters.text('Thumbprint')
  const subject = parameters.text('SubjectName')
  const subjectType = parameters.choice('SubjectNameType', subjectNameTypes)
  return {
    purpose: selects === validates ? 'both' : selects ? 'selection' : 'validation',
    ...(thumbprint === undefined ? {} : { thumbprint }),
    ...(parameters.isOn('FollowRenewal') ? { followRenewal: true as const } : {}),
    usages: parameters.texts('ExtendedKeyUsage') ?? [],
    ...(subject === undefined ? {} : { subject }),
    ...(subjectType === undefined || subjectType === 'None' ? {} : { subjectType }),
  }
}

const newMainModeProposal: Command = {
  name: 'New-NetIPsecMainModeCryptoProposal',
  parameters: { names: ['Encryption', 'Hash', 'KeyExchange'], switches: [] },
  run: (_, parameters) => {
    const group = tableWord(parameters, 'KeyExchange', groups)
    if (group === undefined) {
      parameters.wrong('KeyExchange', 'a main mode proposal needs a group', 'write -KeyExchange DH14')
      return null
    }
    const encryption = parameters.has('Encryption') ? tableWord(parameters, 'Encryption', encryptions) : 'aes-256'
    const hash = parameters.has('Hash') ? tableWord(parameters, 'Hash', hashes) : 'sha384'
    if (encryption === undefined || encryption.startsWith('aes-gcm')) {
      parameters.wrong('Encryption', 'main mode has no such encryption', 'write -Encryption AES256')
      return null
    }
    if (hash === undefined || hash.startsWith('aes-gmac')) {
      parameters.wrong('Hash', 'main mode has no such hash', 'write -Hash SHA384')
      return null
    }
    return { kind: 'main-mode-proposal', proposal: { group, encryption, hash, other: [] } }
  },
}

const newQuickModeProposal: Command = {
  name: 'New-NetIPsecQuickModeCryptoProposal',
  parameters: {
    names: ['AHHash', 'Encapsulation', 'Encryption', 'ESPHash', 'MaxKiloBytes', 'MaxMinutes'],
    switches: [],
  },
  run: (_, parameters) => {
    const words = parameters.choices('Encapsulation', ['None', 'AH', 'ESP']) ?? []
    const kinds = new Set(words)
    const encapsulation: Encapsulation =
      kinds.has('AH') && kinds.has('ESP') ? 'ah+esp' : kinds.has('AH') ? 'ah' : kinds.has('ESP') ? 'esp' : 'none'
    if (kinds.has('None') && kinds.size > 1) parameters.wrong('Encapsulation', 'None stands alone')
    const hash = (name: string): Hash | undefined => {
      const found = tableWord(parameters, name, hashes)
      if (found === 'sha384') parameters.wrong(name, 'quick mode has no SHA384', 'write SHA256')
      return found
    }
    const [ahHash, espHash] = [hash('AHHash'), hash('ESPHash')]
    const encryption = tableWord(parameters, 'Encryption', encryptions)
    const minutes = parameters.number('MaxMinutes', 5, 2880)
    const kilobytes = parameters.number('MaxKiloBytes', 20480, 2147483647)
    const proposal: QuickModeProposal = {
      encapsulation,
      ...(ahHash === undefined ? {} : { ahHash }),
      ...(espHash === undefined ? {} : { espHash }),
      ...(encryption === undefined ? {} : { encryption }),
      ...(minutes === undefined ? {} : { minutes }),
      ...(kilobytes === undefined ? {} : { kilobytes }),
      other: [],
    }
    return { kind: 'quick-mode-proposal', proposal }
  },
}

export const proposalCommands: readonly Command[] = [newAuthProposal, newMainModeProposal, newQuickModeProposal]
