// What another value of the setting changes: the exact regions of flows that are decided for another reason, grouped by
// the reason before and after, judged on the host that a packet leaves. Only the exemptions in which two values differ
// are explored; everything else stays as it is.
import type { Flow } from '../base/flow.ts'
import type { CompiledPolicy } from './compile.ts'
import type { Decision } from './decide.ts'
import type { Exemption } from './exemptions.ts'
import { formatFilter, formatSpec } from './filter.ts'
import { compareFlows, isClear } from './prove.ts'
import { type Box, flowAt } from './region.ts'
import { type RegionDecisions, regionDecisions } from './region-decisions.ts'
import {
  type Budget,
  DEFAULT_BUDGET,
  explore,
  realFlows,
  type SearchEntry,
  smallestBetweenHosts,
  smallestOfEach,
} from './region-search.ts'

/** What a host may see of a packet on the wire. A rule that may fall back leaves it clear. */
export type Appearance = 'secured' | 'blocked' | 'clear'

export interface ChangedTraffic {
  /** The kind of traffic that is exempt at one of the values. */
  readonly exemption: Exemption
  readonly before: Decision
  readonly after: Decision
  readonly appearsBefore: Appearance
  readonly appearsAfter: Appearance
  /** Disjoint; all flows of this kind that are decided so before and after. */
  readonly regions: readonly { readonly family: 4 | 6; readonly box: Box }[]
  readonly smallest: Flow
  readonly sentence: string
}

export interface Comparison {
  readonly from: number
  readonly to: number
  /** First what becomes clear, then what becomes secured, what becomes blocked, and what stays as it was. */
  readonly changes: readonly ChangedTraffic[]
  /** Exempt at both values. */
  readonly stillExempt: readonly Exemption[]
  /** False where the budget ran out: then there may be more changes. */
  readonly isComplete: boolean
  /** False where there are more regions than are kept; the changes and their smallest flows are exact all the same. */
  readonly areRegionsWhole: boolean
  readonly notes: readonly string[]
}

/** Regions kept of one comparison, all changes together. */
const MOST_REGIONS = 20_000

/** Both values must be in the table of the policy's profile. */
export function compareValues(
  policy: CompiledPolicy,
  from: number,
  to: number,
  budget: number = DEFAULT_BUDGET,
): Comparison {
  const before = policy.profile.table.get(from)!
  const after = policy.profile.table.get(to)!
  const dropped = before.filter(exemption => !after.includes(exemption))
  const added = after.filter(exemption => !before.includes(exemption))
  const groups = new Map<string, Group>()
  let isComplete = true
  let room = MOST_REGIONS
  const forGroups = { left: budget }
  const forRegions = { left: budget }
  for (const family of [4, 6] as const) {
    const atBefore = regionDecisions(policy, family, 'out', before)
    const atAfter = regionDecisions(policy, family, 'out', after)
    // The side that exempts decides most of a box at once, so it is asked first: it leaves the fewest parts.
    const parts = [
      ...partsOf(policy, dropped, [], atBefore, atAfter),
      ...partsOf(policy, added, dropped, atAfter, atBefore),
    ]
    for (const part of parts) {
      const isDropped = dropped.includes(part.exemption)
      if (!findGroups(groups, part, isDropped, forGroups)) isComplete = false
      room = addRegions(groups, part, isDropped, forRegions, room)
    }
  }
  return {
    from,
    to,
    changes: [...groups.values()].map(group => describe(group, [...before, ...after])).sort(byEffect),
    stillExempt: before.filter(exemption => after.includes(exemption)),
    isComplete,
    areRegionsWhole: isComplete && room > 0,
    notes: differenceNotes(policy, [...dropped, ...added]),
  }
}

/** A part of an exemption that only one of the values has, with what is decided there at that value. */
interface Part {
  readonly exemption: Exemption
  readonly box: Box
  readonly decision: Decision
  /** What decides at the other value. */
  readonly other: RegionDecisions
}

interface Group {
  readonly exemption: Exemption
  readonly before: Decision
  readonly after: Decision
  readonly regions: { readonly family: 4 | 6; readonly box: Box }[]
  smallest: Flow
}

/** The label of what an earlier box of the difference has answered for. */
const SEEN = 0x7fffffff

/** Disjoint; `earlier` are exemptions whose parts are told elsewhere. */
function partsOf(
  policy: CompiledPolicy,
  exemptions: readonly Exemption[],
  earlier: readonly Exemption[],
  exempting: RegionDecisions,
  other: RegionDecisions,
): readonly Part[] {
  const boxesOf = (exemption: Exemption) => exemption.boxes(exempting.layout, policy.policy.networks)
  const seen: SearchEntry[] = earlier.map(exemption => ({ boxes: boxesOf(exemption), label: SEEN }))
  const parts: Part[] = []
  for (const exemption of exemptions) {
    for (const whole of boxesOf(exemption)) {
      const found = (label: number, low: ArrayLike<number>, high: ArrayLike<number>) =>
        parts.push({ exemption, box: boxOf(low, high), decision: exempting.decision(label), other }) > 0
      // Few boxes are asked here, those of exemptions: no budget is needed.
      explore(
        [whole],
        [...seen, ...exempting.entries],
        { wants: label => label !== SEEN, found },
        Number.POSITIVE_INFINITY,
      )
      seen.push({ boxes: [whole], label: SEEN })
    }
  }
  return parts
}

function boxOf(low: ArrayLike<number>, high: ArrayLike<number>): Box {
  return { first: Array.from(low), last: Array.from(high) }
}

/** What the part is decided for at both values; undefined where both have the same reason. */
function pairOf({ exemption, decision, other }: Part, label: number, isDropped: boolean) {
  const found = other.decision(label)
  const [before, after] = isDropped ? [decision, found] : [found, decision]
  const reasons = [before.because, after.because].map(reason => JSON.stringify(reason))
  if (reasons[0] === reasons[1]) return undefined
  return { key: [exemption.name, ...reasons].join(' '), before, after }
}

/** Answers whether the budget was enough. */
function findGroups(groups: Map<string, Group>, part: Part, isDropped: boolean, budget: Budget): boolean {
  const { exemption, box, other } = part
  const pairs = new Map<number, ReturnType<typeof pairOf>>()
  const pair = (label: number) => {
    if (!pairs.has(label)) pairs.set(label, pairOf(part, label, isDropped))
    return pairs.get(label)
  }
  const { points, end } = smallestOfEach(realFlows(box), other.entries, label => pair(label) !== undefined, budget)
  for (const [label, point] of points) {
    const { key, before, after } = pair(label)!
    const smallest = flowAt(other.layout, point)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { exemption, before, after, regions: [], smallest })
    else if (compareFlows(smallest, group.smallest) < 0) group.smallest = smallest
  }
  return end === 'complete'
}

/** Answers how many more regions may be kept; none where some were left out. */
function addRegions(groups: Map<string, Group>, part: Part, isDropped: boolean, budget: Budget, room: number): number {
  const { box, other } = part
  let left = room
  const found = (label: number, low: ArrayLike<number>, high: ArrayLike<number>) => {
    const key = pairOf(part, label, isDropped)?.key
    const group = key === undefined ? undefined : groups.get(key)
    const region = boxOf(low, high)
    // Of no use is a region that no packet can be in, such as ports of a protocol that has none.
    const isUsed = group !== undefined && realFlows(region).some(real => smallestBetweenHosts(real.first, real.last))
    if (isUsed && left > 0) group.regions.push({ family: other.layout.family, box: region })
    if (isUsed) left--
    return left >= 0
  }
  if (room <= 0) return 0
  const end = explore([box], other.entries, { wants: () => true, found }, budget)
  return end === 'complete' ? left : 0
}

export function appearance(decision: Decision): Appearance {
  if (decision.action === 'block') return 'blocked'
  return decision.action === 'negotiate' && !isClear(decision) ? 'secured' : 'clear'
}

function describe(group: Group, exemptions: readonly Exemption[]): ChangedTraffic {
  const { exemption, before, after } = group
  const [appearsBefore, appearsAfter] = [appearance(before), appearance(after)]
  const isSame = appearsBefore === appearsAfter
  const now = `${isSame ? 'stays' : 'becomes'} ${state(group, after, exemptions)}`
  const kind = `${exemption.title} (${exemption.definition})${where(before, after)}`
  return { ...group, appearsBefore, appearsAfter, sentence: `${kind}: was ${state(group, before, exemptions)}, ${now}` }
}

/** `exempt`, `sealed by rule “…”`. */
function state({ exemption }: Group, { action, because, entry }: Decision, exemptions: readonly Exemption[]): string {
  if (because.kind === 'exemption') {
    if (because.exemption === exemption.name) return 'exempt'
    return `exempt as ${exemptions.find(({ name }) => name === because.exemption)!.title}`
  }
  if (because.kind !== 'filter') return 'in clear'
  const deeds = { permit: 'permitted', block: 'blocked', negotiate: 'sealed' }
  const falls = action === 'negotiate' && entry?.rule.fallBackToClear === true ? ', which may fall back to clear' : ''
  return `${deeds[action]} by rule “${because.rule}”${falls}`
}

function isUncovered({ because }: Decision): boolean {
  return because.kind === 'no-filter-matched' || because.kind === 'default-response'
}

function where(before: Decision, after: Decision): string {
  const entry = after.entry ?? before.entry
  if (entry === undefined) return [before, after].some(isUncovered) ? ' that no filter matches' : ''
  const { filter, text } = entry
  if (filter.protocol !== undefined) return ` that is ${text}`
  const [source, destination] = filter.isMirror
    ? [formatSpec(filter.destination), formatSpec(filter.source)]
    : [formatSpec(filter.source), formatSpec(filter.destination)]
  return text === formatFilter(filter) ? ` from ${source} to ${destination}` : ` between ${source} and ${destination}`
}

/** What a person must look at first. */
function byEffect(a: ChangedTraffic, b: ChangedTraffic): number {
  const rank = ({ appearsBefore, appearsAfter }: ChangedTraffic) =>
    appearsBefore === appearsAfter ? 3 : ['clear', 'secured', 'blocked'].indexOf(appearsAfter)
  return rank(a) - rank(b) || compareFlows(a.smallest, b.smallest)
}

/** What is to be known of a change in these exemptions, whatever the filters say. */
export function differenceNotes(policy: CompiledPolicy, difference: readonly Exemption[]): readonly string[] {
  const { profile } = policy
  const notes: string[] = []
  const names = new Set(difference.map(({ name }) => name))
  if (profile.neverNegotiatesGroups === 'in' && (names.has('multicast') || names.has('broadcast'))) {
    notes.push(`as they arrive, multicasts and broadcasts only meet permit and block filters under ${profile.title}`)
  }
  if (names.has('broadcast') && policy.policy.networks.length === 0) {
    notes.push('broadcasts of a single network are known only if the policy names its networks')
  }
  return notes
}
