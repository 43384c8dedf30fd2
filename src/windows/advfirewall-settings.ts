// `netsh advfirewall set global ipsec …` and `set global mainmode …`: one setting a command. Also how netsh takes shortened
// commands: as what is unique among those of its context.
import type { Problem } from '../base/result.ts'
import { readKeyLifetime, readMainModeMethods } from './advfirewall-methods.ts'
import { meaning, problem, quoted, readCount } from './connection-security-cells.ts'
import type { GlobalSettings, MainModeSet } from './connection-security-rules.ts'
import { exemptionBits } from './connection-security-words.ts'

/** The command that a word is or begins; undefined, with a problem, where there is none or more than one. */
export function readCommand(
  word: string,
  known: readonly string[],
  at: string,
  problems: Problem[],
): string | undefined {
  const lower = word.toLowerCase()
  if (known.includes(lower)) return lower
  const begun = lower === '' ? [] : known.filter(name => name.startsWith(lower))
  if (begun.length === 1) return begun[0]
  if (word === '') problems.push(problem(at, 'the command is not whole', `goes on with ${known.join(', ')}`))
  else if (begun.length === 0)
    problems.push(problem(at, `the command ${quoted(word)} is not known`, meaning(lower, known)))
  else problems.push(problem(at, `${quoted(word)} may be ${begun.join(' or ')}`, 'write more of it'))
  return undefined
}

/** `tag value` or `tag=value`; more than that is one value with blanks. */
function pair(words: readonly string[]): readonly [string, string | undefined] {
  const [first = '', ...rest] = words
  const equals = first.indexOf('=')
  if (equals >= 0 && rest.length === 0) return [first.slice(0, equals), first.slice(equals + 1)]
  return [first, rest.length === 0 ? undefined : rest.join(' ')]
}

const natWords = ['never', 'serverbehindnat', 'serverandclientbehindnat']

type Change = { readonly [K in keyof GlobalSettings]?: GlobalSettings[K] | undefined }

const ipsecTags: Readonly<Record<string, (value: string | undefined) => Change | string>> = {
  strongcrlcheck: value => {
    if (value === undefined) return { revocation: undefined }
    return /^[012]$/.test(value) ? { revocation: Number(value) as 0 | 1 | 2 } : '0, 1, 2 or notconfigured'
  },
  saidletimemin: value => {
    if (value === undefined) return { idleSeconds: undefined }
    const minutes = readCount(value, 5, 60)
    return minutes.ok ? { idleSeconds: minutes.value * 60 } : '5 to 60, or notconfigured'
  },
  defaultexemptions: value => {
    if (value === undefined) return { exemptions: undefined }
    return value.toLowerCase() === 'none' ? { exemptions: 0 } : exemptions(value)
  },
  ipsecthroughnat: value => {
    if (value === undefined) return { throughNat: undefined }
    const index = natWords.indexOf(value.toLowerCase())
    return index < 0 ? meaning(value, [...natWords, 'notconfigured']) : { throughNat: index as 0 | 1 | 2 }
  },
  authzcomputergrp: value => ({ tunnelMachines: descriptor(value) }),
  authzusergrp: value => ({ tunnelUsers: descriptor(value) }),
  authzcomputergrptransport: value => ({ transportMachines: descriptor(value) }),
  authzusergrptransport: value => ({ transportUsers: descriptor(value) }),
}

function descriptor(value: string | undefined): string | undefined {
  return value?.toLowerCase() === 'none' ? undefined : value
}

function exemptions(value: string): Change | string {
  let mask = 0
  for (const entry of value.split(',')) {
    const row = exemptionBits.find(({ netsh }) => netsh?.toLowerCase() === entry.trim().toLowerCase())
    if (row === undefined)
      return meaning(entry, [...exemptionBits.flatMap(({ netsh }) => netsh?.toLowerCase() ?? []), 'none'])
    mask |= row.bit
  }
  return { exemptions: mask }
}

/** The settings after `set global ipsec` with these words behind it. */
export function changeIpsecSetting(
  settings: GlobalSettings,
  words: readonly string[],
  at: string,
  problems: Problem[],
): GlobalSettings {
  const [name, value] = pair(words)
  const tag = readCommand(name, Object.keys(ipsecTags), at, problems)
  if (tag === undefined) return settings
  if (value === undefined) {
    problems.push(problem(at, `${tag} has no value`, `write ${tag} notconfigured, or a value`))
    return settings
  }
  const change = ipsecTags[tag]!(value.toLowerCase() === 'notconfigured' ? undefined : value)
  if (typeof change === 'string') {
    problems.push(problem(at, `${tag}: ${quoted(value)} is no value of it`, change))
    return settings
  }
  return Object.fromEntries(Object.entries({ ...settings, ...change }).filter(([, one]) => one !== undefined))
}

/** The default main mode set after `set global mainmode`; undefined inside where it is no longer configured. */
export function changeMainModeSetting(
  before: MainModeSet,
  words: readonly string[],
  at: string,
  problems: Problem[],
): { readonly set: MainModeSet | undefined } | undefined {
  const [name, value] = pair(words)
  const tag = readCommand(name, ['mmkeylifetime', 'mmsecmethods', 'mmforcedh'], at, problems)
  if (tag === undefined) return undefined
  if (value === undefined) {
    problems.push(problem(at, `${tag} has no value`, `write ${tag} and what it is to be`))
    return undefined
  }
  if (value.toLowerCase() === 'notconfigured') return { set: undefined }
  if (tag === 'mmforcedh') {
    if (/^(yes|no)$/i.test(value)) return { set: { ...before, forceDiffieHellman: value.toLowerCase() === 'yes' } }
    problems.push(problem(at, `${tag}: ${quoted(value)} is neither yes nor no`, 'write yes or no'))
    return undefined
  }
  const isLifetime = tag === 'mmkeylifetime'
  const lifetime = isLifetime ? readKeyLifetime(value) : undefined
  const methods = isLifetime ? undefined : readMainModeMethods(value)
  if (lifetime?.ok) return { set: { ...before, ...lifetime.value } }
  if (methods?.ok) return { set: { ...before, proposals: methods.value } }
  const fault = lifetime?.ok === false ? lifetime.error : methods?.ok === false ? methods.error : undefined
  problems.push(problem(at, `${tag}: ${fault?.what}`, fault?.hint))
  return undefined
}
