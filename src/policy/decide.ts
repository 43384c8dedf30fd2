// The heart: what becomes of one packet, and why. Enforcing, auditing, explaining, comparing and proving all ask this
// table; exemptions are asked before every filter, and the first filter in the order of specificity counts.
import { isInside, isLimitedBroadcast, isMulticast, sameAddress } from '../base/address.ts'
import type { Direction, Flow } from '../base/flow.ts'
import type { CompiledPolicy, FamilyTable, FilterEntry } from './compile.ts'
import type { ExemptionName } from './exemptions.ts'
import type { FilterAction, RuleId } from './model.ts'
import { contains, flowPoint } from './region.ts'

export type Because =
  | { readonly kind: 'exemption'; readonly exemption: ExemptionName }
  | { readonly kind: 'filter'; readonly rule: RuleId; readonly filter: string }
  | { readonly kind: 'default-response' }
  | { readonly kind: 'no-filter-matched' }

export interface Decision {
  readonly action: FilterAction
  readonly because: Because
  /** The filter that decided, where one did. */
  readonly entry?: FilterEntry
}

// One scratch key serves every call: nothing here is asynchronous, and a worker thread has its own.
const key = new Uint32Array(11)
const decisions = new WeakMap<FilterEntry, Decision>()
const exemptDecisions = new Map<ExemptionName, Decision>()
const noFilter: Decision = { action: 'permit', because: { kind: 'no-filter-matched' } }
const defaultResponse: Decision = { action: 'permit', because: { kind: 'default-response' } }

export function tableOf(policy: CompiledPolicy, family: 4 | 6): FamilyTable {
  return family === 4 ? policy.ipv4 : policy.ipv6
}

/**
 * What the policy says of a packet that leaves (`out`) or arrives (`in`). A flow without ports, such as a later
 * fragment, meets only filters that ask for none.
 */
export function decide(policy: CompiledPolicy, flow: Flow, direction: Direction): Decision {
  const table = flow.source.family === 4 ? policy.ipv4 : policy.ipv6
  flowPoint(flow, key)
  for (const { entry, boxes } of table.exemptions) {
    if (entry.exemption.matchesLinkBroadcast && isSubnetBroadcast(policy, flow)) return exempt(entry.exemption.name)
    for (const box of boxes) {
      if (contains(box, key)) return exempt(entry.exemption.name)
    }
  }
  return firstFilter(policy, table, flow, direction)
}

/**
 * The same where the content is known. A Windows passes whatever stands on IKE's ports; `strict` means IKE itself, so under
 * `strict` other content on these ports meets the filters.
 */
export function decideKnowing(policy: CompiledPolicy, flow: Flow, direction: Direction, isKeying: boolean): Decision {
  const decision = decide(policy, flow, direction)
  const { because } = decision
  if (isKeying || policy.profile.name !== 'strict') return decision
  const isIkePort = because.kind === 'exemption' && because.exemption === 'ike'
  return isIkePort ? decideByFilters(policy, flow, direction) : decision
}

/** The same as if nothing were exempt: what would become of the packet without the exemptions. */
export function decideByFilters(policy: CompiledPolicy, flow: Flow, direction: Direction): Decision {
  flowPoint(flow, key)
  return firstFilter(policy, tableOf(policy, flow.source.family), flow, direction)
}

/** Expects the flow's point in `key`. */
function firstFilter(policy: CompiledPolicy, table: FamilyTable, flow: Flow, direction: Direction): Decision {
  const lookup = isUnnegotiable(policy, flow, direction) ? table.groupLookup! : table.lookup
  const found = lookup.find(key)
  if (found >= 0) return byFilter(table.filters[found]!.entry)
  return policy.policy.defaultResponse && policy.profile.defaultResponse ? defaultResponse : noFilter
}

/** Multicast and broadcast where this Windows lets them meet only permit and block filters. */
export function isUnnegotiable(policy: CompiledPolicy, flow: Flow, direction: Direction): boolean {
  const { neverNegotiatesGroups } = policy.profile
  if (neverNegotiatesGroups === 'none') return false
  if (neverNegotiatesGroups === 'in' && direction !== 'in') return false
  return isGroup(policy, flow)
}

/** To many hosts at once: multicast, or broadcast as the link or the address tells. */
export function isGroup(policy: CompiledPolicy, flow: Flow): boolean {
  return isMulticast(flow.destination) || isLimitedBroadcast(flow.destination) || isSubnetBroadcast(policy, flow)
}

/**
 * A broadcast address of a network that the policy names; or, where it names none with that address, one that the link
 * sent to every station and that can be a broadcast address: its last two bits are ones whatever the mask. The link alone
 * is not believed, else a unicast packet in a broadcast frame would pass every filter.
 */
function isSubnetBroadcast(policy: CompiledPolicy, { destination, linkBroadcast }: Flow): boolean {
  if (destination.family !== 4) return false
  if (policy.subnetBroadcasts.some(own => sameAddress(own, destination))) return true
  if (linkBroadcast !== true || (destination.words[0]! & 3) !== 3) return false
  return !policy.policy.networks.some(network => isInside(destination, network))
}

function exempt(exemption: ExemptionName): Decision {
  let decision = exemptDecisions.get(exemption)
  if (decision === undefined) {
    decision = { action: 'permit', because: { kind: 'exemption', exemption } }
    exemptDecisions.set(exemption, decision)
  }
  return decision
}

function byFilter(entry: FilterEntry): Decision {
  let decision = decisions.get(entry)
  if (decision === undefined) {
    decision = {
      action: entry.rule.action,
      because: { kind: 'filter', rule: entry.rule.name, filter: entry.text },
      entry,
    }
    decisions.set(entry, decision)
  }
  return decision
}
