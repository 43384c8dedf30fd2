// The tokens of a rule's registry string, each with what it does to the rule that is being read ([MS-GPFAS] §2.2.6.2, §2.2.7.1;
// names in the spelling of the specification). `Active` is FALSE where it is absent, `Profile` all.
import { type Address, parseAddress } from '../base/address.ts'
import type { Fault } from '../policy/policy-cells.ts'
import {
  familyOf,
  meaning,
  quoted,
  readEndpointAddress,
  readPortList,
  readVersion,
} from './connection-security-cells.ts'
import type { ConnectionSecurityRule, MainModeRule, RuleFlag, SchemaVersion } from './connection-security-rules.ts'
import { actionRows, interfaceTypes, keyModules, networkProfiles } from './connection-security-words.ts'

export type Draft<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

/** A rule that is being read, of either kind. */
export interface Reading {
  readonly rule: Draft<ConnectionSecurityRule>
  readonly mainMode: Draft<MainModeRule>
  readonly local: Address[]
  readonly remote: Address[]
  action: string | undefined
  clearOut: boolean
  remoteName: string | undefined
}

export type TokenReader = (reading: Reading, value: string) => Fault | undefined

function fault(what: string, hint: string): Fault {
  return { what, hint }
}

function boolean(value: string): boolean | undefined {
  const word = value.toUpperCase()
  return word === 'TRUE' ? true : word === 'FALSE' ? false : undefined
}

function noBoolean(value: string): Fault {
  return fault(`${quoted(value)} is neither TRUE nor FALSE`, 'write TRUE or FALSE')
}

function endpoint(side: 'endpoint1' | 'endpoint2', family: 4 | 6): TokenReader {
  return ({ rule }, value) => {
    const address = readEndpointAddress(value)
    if (!address.ok) return address.error
    const entry = address.value
    if (entry.kind === 'keyword') {
      const twin = rule[side].findIndex(
        other => other.kind === 'keyword' && other.keyword === entry.keyword && other.family === 10 - family,
      )
      // The same word for both versions of IP is one entry.
      if (twin >= 0) rule[side][twin] = { kind: 'keyword', keyword: entry.keyword }
      else rule[side].push({ ...entry, family })
      return undefined
    }
    if (familyOf(entry) !== family)
      return fault(`${quoted(value)} is not of IPv${family}`, `write it as EP_${10 - family}`)
    rule[side].push(entry)
    return undefined
  }
}

function ports(side: 'ports1' | 'ports2'): TokenReader {
  return ({ rule }, value) => {
    const list = readPortList(value.split(','))
    if (!list.ok) return list.error
    rule[side].push(...list.value)
    return undefined
  }
}

function tunnelEnd(side: 'local' | 'remote', family: 4 | 6): TokenReader {
  return (reading, value) => {
    const address = parseAddress(value.trim())
    if (address?.family !== family) return fault(`${quoted(value)} is no IPv${family} address`, 'write one address')
    reading[side].push(address)
    return undefined
  }
}

function flag(name: RuleFlag): TokenReader {
  return ({ rule }, value) => {
    const on = boolean(value)
    if (on === undefined) return noBoolean(value)
    if (on) rule.flags.push(name)
    return undefined
  }
}

type TextField =
  | 'name'
  | 'description'
  | 'group'
  | 'auth1'
  | 'auth2'
  | 'quickMode'
  | 'machineAuthorization'
  | 'userAuthorization'

function text(field: TextField): TokenReader {
  return ({ rule }, value) => {
    // What is there and empty says no more than what is not there, but for the name.
    if (value !== '' || field === 'name') rule[field] = value
    return undefined
  }
}

const commonTokens: readonly (readonly [string, TokenReader])[] = [
  [
    'Profile',
    ({ rule }, value) => {
      const found = networkProfiles.from('registry', value)
      if (found === undefined) return fault(`${quoted(value)} is no profile`, networkProfiles.hint('registry', value))
      rule.profiles.push(found)
      return undefined
    },
  ],
  ['EP1_4', endpoint('endpoint1', 4)],
  ['EP2_4', endpoint('endpoint2', 4)],
  ['EP1_6', endpoint('endpoint1', 6)],
  ['EP2_6', endpoint('endpoint2', 6)],
  ['Name', text('name')],
  ['Desc', text('description')],
  [
    'Active',
    ({ rule }, value) => {
      const on = boolean(value)
      if (on === undefined) return noBoolean(value)
      rule.active = on
      return undefined
    },
  ],
  ['Auth1Set', text('auth1')],
  ['EmbedCtxt', text('group')],
  [
    'Platform',
    ({ rule }, value) => {
      if (!/^\d{1,3}:\d{1,3}:\d{1,3}$/.test(value)) return fault(`${quoted(value)} is no platform`, 'as in 2:6:1')
      rule.platforms.push(value)
      return undefined
    },
  ],
  [
    'Platform2',
    ({ rule }, value) => {
      if (value !== 'GTEQ') return fault(`${quoted(value)} is no operator of platforms`, 'GTEQ')
      rule.platformOperator = value
      return undefined
    },
  ],
  [
    'SkipVer',
    ({ rule }, value) => {
      const version = readVersion(value)
      if (version === undefined) return fault(`${quoted(value)} is no version`, 'as in 2.0')
      rule.skipVersion = version
      return undefined
    },
  ],
]

const ruleTokens: readonly (readonly [string, TokenReader])[] = [
  [
    'Action',
    (reading, value) => {
      const found = actionRows.find(({ registry }) => registry.toLowerCase() === value.toLowerCase())
      const known = actionRows.map(({ registry }) => registry)
      if (found === undefined) return fault(`${quoted(value)} is no action`, meaning(value, new Set(known)))
      reading.action = found.registry
      return undefined
    },
  ],
  [
    'Protocol',
    ({ rule }, value) => {
      if (value === '256') return undefined
      if (!/^\d{1,3}$/.test(value) || Number(value) > 255) return fault(`${quoted(value)} is no protocol`, '0 to 255')
      rule.protocol = Number(value)
      return undefined
    },
  ],
  ['EP1Port', ports('ports1')],
  ['EP2Port', ports('ports2')],
  ['EP1Port2_10', ports('ports1')],
  ['EP2Port2_10', ports('ports2')],
  ['IF', ({ rule }, value) => void rule.interfaces.push(value)],
  [
    'IFType',
    ({ rule }, value) => {
      const found = interfaceTypes.from('registry', value)
      if (found === undefined)
        return fault(`${quoted(value)} is no type of interface`, interfaceTypes.hint('registry', value))
      rule.interfaceTypes.push(found)
      return undefined
    },
  ],
  ['Auth2Set', text('auth2')],
  ['Crypto2Set', text('quickMode')],
  [
    'SecureInClearOut',
    (reading, value) => {
      const on = boolean(value)
      if (on === undefined) return noBoolean(value)
      reading.clearOut = on
      return undefined
    },
  ],
  ['ByPassTunnel', flag('bypass-tunnel')],
  ['Authz', flag('authorize')],
  ['LTunnel4', tunnelEnd('local', 4)],
  ['LTunnel4_2', tunnelEnd('local', 4)],
  ['LTunnel6', tunnelEnd('local', 6)],
  ['LTunnel6_2', tunnelEnd('local', 6)],
  ['RTunnel4', tunnelEnd('remote', 4)],
  ['RTunnel4_2', tunnelEnd('remote', 4)],
  ['RTunnel6', tunnelEnd('remote', 6)],
  ['RTunnel6_2', tunnelEnd('remote', 6)],
  ['RTunEndpts4', tunnelEnd('remote', 4)],
  ['RTunEndpts6', tunnelEnd('remote', 6)],
  [
    'RTunnelFqdn',
    (reading, value) => {
      reading.remoteName = value === '' ? undefined : value
      return undefined
    },
  ],
  [
    'KeyMod',
    ({ rule }, value) => {
      const found = keyModules.from('registry', value)
      if (found === undefined) return fault(`${quoted(value)} is no keying module`, keyModules.hint('registry', value))
      rule.keyModules.push(found)
      return undefined
    },
  ],
  ['KeyManagerDictate', flag('key-manager-dictate')],
  ['KeyManagerNotify', flag('key-manager-notify')],
  [
    'FwdLifetime',
    ({ rule }, value) => {
      if (!/^\d{1,9}$/.test(value)) return fault(`${quoted(value)} is no lifetime`, 'a whole number')
      rule.forwardLifetime = Number(value)
      return undefined
    },
  ],
  ['TransportMachineAuthzSDDL', text('machineAuthorization')],
  ['TransportUserAuthzSDDL', text('userAuthorization')],
  ['SecurityRealmEnabled', flag('security-realm')],
]

const mainModeTokens: readonly (readonly [string, TokenReader])[] = [
  [
    'Crypto1Set',
    ({ mainMode }, value) => {
      if (value !== '') mainMode.mainMode = value
      return undefined
    },
  ],
]

export const ruleReaders = new Map([...commonTokens, ...ruleTokens])
export const mainModeReaders = new Map([...commonTokens, ...mainModeTokens])

/** Tokens that say more each time they come. */
export const repeatableTokens = new Set(
  'Profile EP1Port EP2Port EP1Port2_10 EP2Port2_10 IF IFType EP1_4 EP2_4 EP1_6 EP2_6 Platform KeyMod RTunEndpts4 RTunEndpts6'.split(
    ' ',
  ),
)

export function newReading(id: string, version: SchemaVersion): Reading {
  const lists = () => ({ profiles: [], endpoint1: [], endpoint2: [], platforms: [], unknown: [] })
  const head = { id, version, name: '', active: false }
  const own = { ports1: [], ports2: [], interfaces: [], interfaceTypes: [], keyModules: [], flags: [] }
  return {
    rule: { ...head, ...lists(), ...own, action: 'no-authentication' },
    mainMode: { ...head, ...lists() },
    local: [],
    remote: [],
    action: undefined,
    clearOut: false,
    remoteName: undefined,
  }
}
