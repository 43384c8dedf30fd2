// Which exemptions each Windows has at each value of its setting, as data. `strict` is ours: only IKE passes.
// Sources: KB 253169, KB 254728, KB 811832, TechNet "Specifying Default Exemptions to IPSec Filtering", [MS-GPFAS]
// §2.2.1.5. Where a Windows's behaviour is not established, the note of its profile says so.
import type { Problem } from '../base/result.ts'
import type { Exemption } from './exemptions.ts'
import * as exemptions from './exemptions.ts'
import type { Policy, ProfileName, SettingName } from './model.ts'

export type { SettingName } from './model.ts'

export interface Profile {
  readonly name: ProfileName
  readonly title: string
  /** The registry value that this Windows reads, or undefined where it reads none. */
  readonly setting?: SettingName
  /** What counts where the setting is missing or unusable. */
  readonly defaultValue: number
  /** The values that this Windows honours, each with what is exempt at it. */
  readonly table: ReadonlyMap<number, readonly Exemption[]>
  /** Directions in which multicast and broadcast only meet permit and block filters: they are never negotiated. */
  readonly neverNegotiatesGroups: 'none' | 'in' | 'both'
  /** Whether the default response rule does anything. */
  readonly defaultResponse: boolean
  readonly note: string
}

const {
  broadcast,
  dhcp,
  icmp,
  ike500,
  ikeVista,
  ikeWithNat,
  kerberos,
  multicast,
  neighbourDiscovery,
  routerDiscovery,
  rsvp,
} = exemptions

/** Bit 0 withdraws Kerberos and RSVP, bit 1 multicast and broadcast; nothing withdraws IKE. */
function windowsTable(ike: Exemption, values: readonly number[]): ReadonlyMap<number, readonly Exemption[]> {
  return new Map(
    values.map(value => [
      value,
      [ike, ...((value & 1) === 0 ? [kerberos, rsvp] : []), ...((value & 2) === 0 ? [multicast, broadcast] : [])],
    ]),
  )
}

/** Any sum of 1 neighbour discovery, 2 ICMP, 4 router discovery, 8 DHCP. */
function vistaTable(): ReadonlyMap<number, readonly Exemption[]> {
  const bits = [neighbourDiscovery, icmp, routerDiscovery, dhcp]
  return new Map(
    Array.from({ length: 16 }, (_, mask) => [mask, [ikeVista, ...bits.filter((_, bit) => (mask & (1 << bit)) !== 0)]]),
  )
}

const list: readonly Profile[] = [
  {
    name: 'windows-2000',
    title: 'Windows 2000 RTM',
    defaultValue: 0,
    table: windowsTable(ike500, [0]),
    neverNegotiatesGroups: 'none',
    defaultResponse: true,
    note: 'NoDefaultExempt came with Service Pack 1: here it is ignored and everything stays exempt.',
  },
  {
    name: 'windows-2000-sp1',
    title: 'Windows 2000 SP1',
    setting: 'NoDefaultExempt',
    defaultValue: 0,
    table: windowsTable(ikeWithNat, [0, 1]),
    neverNegotiatesGroups: 'none',
    defaultResponse: true,
    note: 'Port 4500 joins IKE with the NAT traversal update of Service Pack 4.',
  },
  {
    name: 'windows-xp',
    title: 'Windows XP',
    setting: 'NoDefaultExempt',
    defaultValue: 0,
    table: windowsTable(ikeWithNat, [0, 1, 2, 3]),
    neverNegotiatesGroups: 'none',
    defaultResponse: true,
    note: 'Microsoft documents 0 and 1 for XP, and advises 2 in its guide to domain isolation.',
  },
  {
    name: 'windows-server-2003',
    title: 'Windows Server 2003',
    setting: 'NoDefaultExempt',
    defaultValue: 3,
    table: windowsTable(ikeWithNat, [0, 1, 2, 3]),
    neverNegotiatesGroups: 'in',
    defaultResponse: true,
    note: 'At 2 and 3 inbound multicast and broadcast still only meet permit and block filters.',
  },
  {
    name: 'windows-vista',
    title: 'Windows Vista and later',
    setting: 'IPsecExempt',
    // The specification gives 1; live systems show neighbour discovery and DHCP, which is 9.
    defaultValue: 9,
    table: vistaTable(),
    neverNegotiatesGroups: 'both',
    defaultResponse: false,
    note: 'Kerberos has no exemption any more; the setting is the mask IPsecExempt, and NoDefaultExempt is not read.',
  },
  {
    name: 'strict',
    title: 'strict',
    defaultValue: 3,
    table: new Map([[3, [ikeWithNat]]]),
    neverNegotiatesGroups: 'none',
    defaultResponse: true,
    note: 'Only IKE is exempt, whatever any registry says.',
  },
]

export const profiles: ReadonlyMap<ProfileName, Profile> = new Map(list.map(profile => [profile.name, profile]))

export const profileNames: readonly ProfileName[] = list.map(profile => profile.name)

export interface Setting {
  readonly name: SettingName | undefined
  readonly value: number
  readonly from: 'policy' | 'registry' | 'default'
  /** The place in the registry, where it is from there. */
  readonly where?: string
  readonly exemptions: readonly Exemption[]
  /** A value that is ignored, of a wrong type or out of range; the default counts then. */
  readonly problems: readonly Problem[]
  /** Of a value that counts and still deserves a look. */
  readonly remarks: readonly Problem[]
}

type Settings = Pick<Policy, 'profile' | 'noDefaultExempt' | 'ipsecExempt' | 'registry'>

/**
 * What counts of the setting: the policy's own value where it has one, else the registry's, else the default of this Windows.
 * A value that this Windows does not honour is a problem, and the default counts in its place.
 */
export function settingOf(policy: Settings): Setting {
  const profile = profiles.get(policy.profile)!
  const written = { NoDefaultExempt: policy.noDefaultExempt, IPsecExempt: policy.ipsecExempt }
  const problems: Problem[] = []
  for (const name of ['NoDefaultExempt', 'IPsecExempt'] as const) {
    if (written[name] !== undefined && profile.setting !== name) problems.push(ignored(profile, name))
  }
  const own = profile.setting && written[profile.setting]
  const registered = own === undefined ? profile.setting && policy.registry?.[profile.setting] : undefined
  const raw = own ?? registered?.value
  const counts = typeof raw === 'number' && profile.table.has(raw)
  if (own !== undefined && !counts) problems.push(unusable(profile, own, keyOf(profile.setting!)))
  if (registered !== undefined && !counts) problems.push(unusable(profile, registered.value, registered.where))
  const value = counts ? raw : profile.defaultValue
  const common = { name: profile.setting, value, exemptions: profile.table.get(value)!, problems }
  if (registered === undefined || !counts) return { ...common, from: counts ? 'policy' : 'default', remarks: [] }
  const { where, remark } = registered
  return { ...common, from: 'registry', where, remarks: remark === undefined ? [] : [remark] }
}

function ignored(profile: Profile, name: SettingName): Problem {
  return {
    severity: 'warning',
    where: keyOf(name),
    what: `${profile.title} does not read ${name}`,
    hint: profile.note,
  }
}

/** `raw`: a number that this Windows does not honour, or what is none; in a registry, what stands there instead. */
function unusable(profile: Profile, raw: unknown, where: string): Problem {
  const values = [...profile.table.keys()]
  const known = values.length > 8 ? `0 to ${values.at(-1)}` : values.join(', ')
  const what =
    typeof raw === 'number'
      ? `${raw} is out of range for ${profile.setting}`
      : `${profile.setting} is a REG_DWORD, a whole number, not ${kindOf(raw)}`
  return {
    severity: 'warning',
    where,
    what: `${what}: the default of ${profile.title}, ${profile.defaultValue}, counts`,
    hint: `write one of ${known}`,
  }
}

function kindOf(raw: unknown): string {
  if (typeof raw === 'object' && raw !== null && 'instead' in raw) return String(raw.instead)
  return raw === null ? 'empty' : `a ${typeof raw}`
}

/** The key of a policy file that carries a setting. */
export function keyOf(name: SettingName): 'noDefaultExempt' | 'ipsecExempt' {
  return name === 'NoDefaultExempt' ? 'noDefaultExempt' : 'ipsecExempt'
}
