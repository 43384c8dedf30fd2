// From a policy to something that answers at once: exemptions and filters of both directions in the order in which
// Windows asks them, and a lookup over each family. Immutable; a new policy is a new compiled one, swapped whole.

import type { Address } from '../base/address.ts'
import { broadcastAddresses, type Exemption } from './exemptions.ts'
import {
  compareSpecificity,
  type DirectedFilter,
  directions,
  filterBoxes,
  formatFilter,
  type Me,
  specificity,
} from './filter.ts'
import { BoxLookup } from './lookup.ts'
import type { Policy, Rule } from './model.ts'
import { type Profile, profiles, type Setting, settingOf } from './profiles.ts'
import { type Box, type Layout, layoutOf } from './region.ts'

/** One directed filter of one rule, at its place in the order. */
export interface FilterEntry {
  readonly kind: 'filter'
  readonly rule: Rule
  readonly filter: DirectedFilter
  /** The filter as a person reads it. */
  readonly text: string
}

export interface ExemptionEntry {
  readonly kind: 'exemption'
  readonly exemption: Exemption
}

export type Entry = FilterEntry | ExemptionEntry

/** What one family's packets are asked, in order; exemptions come before every filter. */
export interface FamilyTable {
  readonly layout: Layout
  readonly exemptions: readonly { readonly entry: ExemptionEntry; readonly boxes: readonly Box[] }[]
  readonly filters: readonly { readonly entry: FilterEntry; readonly boxes: readonly Box[] }[]
  readonly lookup: BoxLookup
  /** The same without negotiating filters, for groups where a profile never negotiates them. */
  readonly groupLookup: BoxLookup | undefined
}

export interface CompiledPolicy {
  readonly policy: Policy
  readonly profile: Profile
  readonly setting: Setting
  readonly me: Me
  /** By which the policy's networks speak to all of their hosts. */
  readonly subnetBroadcasts: readonly Address[]
  readonly ipv4: FamilyTable
  readonly ipv6: FamilyTable
}

export interface CompileOptions {
  /** The addresses of the host that holds the policy; left out, "me" stands for any host. */
  readonly me?: Me
}

export function compile(policy: Policy, options: CompileOptions = {}): CompiledPolicy {
  const profile = profiles.get(policy.profile)!
  const setting = settingOf(policy)
  const me = options.me ?? 'any'
  const ordered = orderedFilters(policy)
  const table = (family: 4 | 6): FamilyTable => {
    const layout = layoutOf(family)
    const filters = ordered
      .map(entry => ({ entry, boxes: filterBoxes(entry.filter, layout, me) }))
      .filter(({ boxes }) => boxes.length > 0)
    const withoutNegotiating = profile.neverNegotiatesGroups !== 'none'
    return {
      layout,
      exemptions: exemptionsOf(policy, setting, layout),
      filters,
      lookup: new BoxLookup(
        layout.dimensions,
        filters.map(({ boxes }) => boxes),
      ),
      groupLookup: withoutNegotiating
        ? new BoxLookup(
            layout.dimensions,
            filters.map(({ entry, boxes }) => (entry.rule.action === 'negotiate' ? [] : boxes)),
          )
        : undefined,
    }
  }
  const subnetBroadcasts = broadcastAddresses(policy.networks)
  return { policy, profile, setting, me, subnetBroadcasts, ipv4: table(4), ipv6: table(6) }
}

function exemptionsOf(policy: Policy, setting: Setting, layout: Layout): FamilyTable['exemptions'] {
  return setting.exemptions.map(exemption => ({
    entry: { kind: 'exemption', exemption },
    boxes: exemption.boxes(layout, policy.networks),
  }))
}

/**
 * The policy with what another one exempts exempt as well: what stands between the two while one takes the other's place.
 * Undefined where the other exempts nothing more.
 */
export function withExemptionsOf(other: CompiledPolicy, compiled: CompiledPolicy): CompiledPolicy | undefined {
  const own = compiled.setting.exemptions
  const more = other.setting.exemptions.filter(exemption => !own.includes(exemption))
  if (more.length === 0) return undefined
  const setting: Setting = { ...compiled.setting, exemptions: [...own, ...more] }
  const table = (family: FamilyTable) => ({
    ...family,
    exemptions: exemptionsOf(compiled.policy, setting, family.layout),
  })
  return { ...compiled, setting, ipv4: table(compiled.ipv4), ipv6: table(compiled.ipv6) }
}

/** The same policy at another value of its setting, one that its profile's table has. The filters are shared. */
export function atSetting(compiled: CompiledPolicy, value: number): CompiledPolicy {
  const { policy, profile } = compiled
  const exemptions = profile.table.get(value)!
  const { where: _, ...asked } = compiled.setting
  const setting: Setting = { ...asked, value, from: 'policy', exemptions, problems: [], remarks: [] }
  const table = (family: FamilyTable) => ({ ...family, exemptions: exemptionsOf(policy, setting, family.layout) })
  return { ...compiled, setting, ipv4: table(compiled.ipv4), ipv6: table(compiled.ipv6) }
}

/** Every active filter in both its directions, the most specific first; of equals the one written first. */
export function orderedFilters(policy: Policy): readonly FilterEntry[] {
  const entries = policy.rules
    .filter(rule => rule.active)
    .flatMap(rule =>
      rule.filters.flatMap(filter =>
        directions(filter).map(directed => ({
          entry: { kind: 'filter' as const, rule, filter: directed, text: formatFilter(filter) },
          rank: specificity(directed, rule.action, rule.mode === 'tunnel'),
        })),
      ),
    )
  return entries.sort((a, b) => compareSpecificity(a.rank, b.rank)).map(({ entry }) => entry)
}
