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
  comparePoints,
  DEFAULT_BUDGET,
  explore,
  flowOrder,
  realFlows,
  type SearchEntry,
  smallestBetweenHosts,
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
  readonly notes: readonly string[]
}

/** Both values must be in the table of the policy's profile. */
export function compareValues(
  policy: CompiledPolicy,
  from: number,
  to: number,
  budget: number = DEFAULT_BUDGET,
): Comparison {
  const before = policy.profile.table.get(from)!
  const after = policy.profile.table.get(to)!
  const difference = [
    ...before.filter(exemption => !after.includes(exemption)),
    ...after.filter(exemption => !before.includes(exemption)),
  ]
  const groups = new Map<string, Group>()
  let isComplete = true
  for (const family of [4, 6] as const) {
    const decisions = {
      before: regionDecisions(policy, family, 'out', before),
      after: regionDecisions(policy, family, 'out', after),
    }
    const search = new DifferenceSearch(policy, decisions, groups, budget)
    if (!search.run(difference, exemption => (before.includes(exemption) ? 'before' : 'after'))) isComplete = false
  }
  return {
    from,
    to,
    changes: [...groups.values()].map(group => describe(group, [...before, ...after])).sort(byEffect),
    stillExempt: before.filter(exemption => after.includes(exemption)),
    isComplete,
    notes: notesOf(policy, difference),
  }
}

type Side = 'before' | 'after'

interface Group {
  readonly exemption: Exemption
  readonly before: Decision
  readonly after: Decision
  readonly regions: { readonly family: 4 | 6; readonly box: Box }[]
  smallest: Flow
}

class DifferenceSearch {
  readonly #policy: CompiledPolicy
  readonly #sides: Readonly<Record<Side, RegionDecisions>>
  readonly #groups: Map<string, Group>
  readonly #budget: number

  constructor(
    policy: CompiledPolicy,
    sides: Readonly<Record<Side, RegionDecisions>>,
    groups: Map<string, Group>,
    budget: number,
  ) {
    this.#policy = policy
    this.#sides = sides
    this.#groups = groups
    this.#budget = budget
  }

  /** Answers whether the budget was enough. */
  run(difference: readonly Exemption[], exemptAt: (exemption: Exemption) => Side): boolean {
    const { layout } = this.#sides.before
    const seen: SearchEntry[] = []
    let isComplete = true
    for (const exemption of difference) {
      for (const box of exemption.boxes(layout, this.#policy.policy.networks)) {
        // The side that exempts decides the box at once, so it is asked first: it leaves the fewest parts.
        if (!this.#explore(exemption, box, seen, exemptAt(exemption))) isComplete = false
        seen.push({ boxes: [box], label: SEEN })
      }
    }
    return isComplete
  }

  #explore(exemption: Exemption, box: Box, seen: readonly SearchEntry[], exemptSide: Side): boolean {
    const otherSide = exemptSide === 'before' ? 'after' : 'before'
    const [first, second] = [this.#sides[exemptSide], this.#sides[otherSide]]
    const parts: { readonly label: number; readonly box: Box }[] = []
    const keep = (label: number, low: ArrayLike<number>, high: ArrayLike<number>) =>
      parts.push({ label, box: { first: Array.from(low), last: Array.from(high) } }) > 0
    const end = explore(
      [box],
      [...seen, ...first.entries],
      { wants: label => label !== SEEN, found: keep },
      this.#budget,
    )
    let isComplete = end === 'complete'
    for (const part of parts) {
      const decision = first.decision(part.label)
      const found = (label: number, low: ArrayLike<number>, high: ArrayLike<number>) => {
        const inner = { first: Array.from(low), last: Array.from(high) }
        const other = second.decision(label)
        if (exemptSide === 'before') this.#add(exemption, decision, other, inner)
        else this.#add(exemption, other, decision, inner)
        return true
      }
      if (explore([part.box], second.entries, { wants: () => true, found }, this.#budget) !== 'complete')
        isComplete = false
    }
    return isComplete
  }

  #add(exemption: Exemption, before: Decision, after: Decision, box: Box): void {
    const reasons = [before.because, after.because].map(reason => JSON.stringify(reason))
    if (reasons[0] === reasons[1]) return
    const { layout } = this.#sides.before
    const order = flowOrder(layout)
    const corners = realFlows(box).map(({ first, last }) => smallestBetweenHosts(first, last))
    const corner = corners.filter(point => point !== undefined).sort((a, b) => comparePoints(order, a, b))[0]
    // A part in which no packet can be, such as ports of a protocol that has none.
    if (corner === undefined) return
    const smallest = flowAt(layout, corner)
    const key = [exemption.name, ...reasons].join(' ')
    const group = this.#groups.get(key)
    const region = { family: layout.family, box }
    if (group === undefined) this.#groups.set(key, { exemption, before, after, regions: [region], smallest })
    else {
      group.regions.push(region)
      if (compareFlows(smallest, group.smallest) < 0) group.smallest = smallest
    }
  }
}

/** The label of what an earlier box of the difference has answered for. */
const SEEN = 0x7fffffff

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

function notesOf(policy: CompiledPolicy, difference: readonly Exemption[]): readonly string[] {
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
