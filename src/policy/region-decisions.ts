// What a policy says of whole regions: its exemptions and filters, in the order in which they are asked, as entries of
// region-search.ts with one label for each different reason. Judged on the host that a packet leaves or reaches: "me"
// is that host, whichever it is, so that a policy assigned to many hosts is answered for all of them at once.
import { type Address, parseAddress } from '../base/address.ts'
import type { Direction } from '../base/flow.ts'
import { type CompiledPolicy, type FilterEntry, orderedFilters } from './compile.ts'
import type { Decision } from './decide.ts'
import type { Exemption } from './exemptions.ts'
import { filterBoxes } from './filter.ts'
import type { AddressSpec } from './model.ts'
import { type Box, boxes, intersect, type Layout, layoutOf, narrow } from './region.ts'
import { NO_ENTRY, type SearchEntry } from './region-search.ts'

/** The decisions of one family of addresses in one direction. */
export interface RegionDecisions {
  readonly layout: Layout
  readonly entries: readonly SearchEntry[]
  /** What a label of the search means; `NO_ENTRY` is a label too. */
  decision(label: number): Decision
}

/** `exemptions` are those of the policy's setting unless others are to be tried. */
export function regionDecisions(
  policy: CompiledPolicy,
  family: 4 | 6,
  direction: Direction,
  exemptions: readonly Exemption[] = policy.setting.exemptions,
): RegionDecisions {
  const layout = layoutOf(family)
  const decisions: Decision[] = []
  const labels = new Map<string, number>()
  const labelled = (key: string, parts: readonly Box[], decision: () => Decision): SearchEntry => {
    let label = labels.get(key)
    if (label === undefined) {
      label = decisions.push(decision()) - 1
      labels.set(key, label)
    }
    return { boxes: parts, label }
  }
  const exempt = exemptions.map(exemption =>
    labelled(`exempt ${exemption.name}`, exemption.boxes(layout, policy.policy.networks), () => ({
      action: 'permit',
      because: { kind: 'exemption', exemption: exemption.name },
    })),
  )
  const filters = orderedFilters(policy.policy).map(entry =>
    labelled(JSON.stringify([entry.rule.name, entry.text]), entryBoxes(policy, entry, layout, direction), () => ({
      action: entry.rule.action,
      because: { kind: 'filter', rule: entry.rule.name, filter: entry.text },
      entry,
    })),
  )
  const otherwise: Decision = {
    action: 'permit',
    because: {
      kind: policy.policy.defaultResponse && policy.profile.defaultResponse ? 'default-response' : 'no-filter-matched',
    },
  }
  return {
    layout,
    entries: [...exempt, ...filters].filter(entry => entry.boxes.length > 0),
    decision: label => (label === NO_ENTRY ? otherwise : decisions[label]!),
  }
}

/** What of a compiled policy says which flows an entry is for. */
export type Standpoint = Pick<CompiledPolicy, 'profile' | 'me' | 'subnetBroadcasts'>

export function entryBoxes(
  policy: Standpoint,
  entry: FilterEntry,
  layout: Layout,
  direction: Direction,
): readonly Box[] {
  const found = boxesOnHost(policy, entry, layout, direction)
  const { neverNegotiatesGroups: never } = policy.profile
  const isSkipped = never === 'both' || never === direction
  if (entry.rule.action !== 'negotiate' || !isSkipped) return found
  const subnets = layout.family === 4 ? policy.subnetBroadcasts.map(own => towards(own, own)) : []
  const skipped: readonly Box[] = [...groups[layout.family], ...subnets]
  return skipped.reduce((left, group) => left.flatMap(box => subtract(box, group)), found)
}

/** Where no own addresses are known, the near end is me and the far end is not. */
function boxesOnHost(
  policy: Standpoint,
  { filter }: FilterEntry,
  layout: Layout,
  direction: Direction,
): readonly Box[] {
  if (policy.me !== 'any') return filterBoxes(filter, layout, policy.me)
  const far = direction === 'out' ? filter.destination : filter.source
  return far.kind === 'me' ? [] : filterBoxes(filter, layout, 'any')
}

const groups = {
  4: [towardsText('224.0.0.0', '239.255.255.255'), towardsText('255.255.255.255', '255.255.255.255')],
  6: [towardsText('ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')],
} as const

function towardsText(first: string, last: string): Box {
  return towards(parseAddress(first)!, parseAddress(last)!)
}

/** All flows to the addresses of a range that is one box. */
function towards(first: Address, last: Address): Box {
  return boxes(layoutOf(first.family), undefined, { first, last })[0]!
}

/** The parts of a box outside of another, disjoint: at most two for each dimension. */
export function subtract(box: Box, hole: Box): readonly Box[] {
  if (intersect(box, hole) === undefined) return [box]
  const parts: Box[] = []
  let rest = box
  for (let d = 0; d < box.first.length; d++) {
    const [first, last] = [rest.first[d]!, rest.last[d]!]
    const [low, high] = [hole.first[d]!, hole.last[d]!]
    if (first < low) parts.push(narrow(rest, d, first, low - 1))
    if (last > high) parts.push(narrow(rest, d, high + 1, last))
    rest = narrow(rest, d, Math.max(first, low), Math.min(last, high))
  }
  return parts
}

/** Two sets of hosts: the flows from either to the other. */
export interface Region {
  readonly a: AddressSpec
  readonly b: AddressSpec
}

/** The boxes of all flows from one set of hosts to the other, disjoint; none where they share no family. */
export function boxesBetween(
  from: AddressSpec,
  to: AddressSpec,
  policy: CompiledPolicy,
  layout: Layout,
): readonly Box[] {
  const ends = { source: from, destination: to, isMirror: false }
  return filterBoxes(ends, layout, policy.me)
}
