// Does any packet between two sets of hosts leave in clear? Exact for every flow there is, both ways and for both
// families, as the policy stands on the host that each packet leaves. IKE is not counted, because it has to pass, nor
// are ESP and AH, which are what sealing makes.
import { compareAddresses } from '../base/address.ts'
import { AH, ESP, type Flow, hasPorts } from '../base/flow.ts'
import type { CompiledPolicy } from './compile.ts'
import type { Decision } from './decide.ts'
import { isLaterFragment } from './explain.ts'
import { sameSpec } from './filter.ts'
import type { AddressSpec, RuleId } from './model.ts'
import { type Box, flowAt, NO_PORT, narrow, overlaps } from './region.ts'
import { boxesBetween, type Region, type RegionDecisions, regionDecisions, subtract } from './region-decisions.ts'
import { realFlows, smallestOfAll, smallestOfEach } from './region-search.ts'

export type Way = 'a-to-b' | 'b-to-a'

/** Why some flows are clear, and the smallest of them. */
export interface ClearReason {
  readonly decision: Decision
  readonly smallest: Flow
  /** The ways in which flows are clear for this reason. */
  readonly ways: readonly Way[]
}

export interface Proof {
  readonly outcome: 'proved' | 'refuted' | 'unknown'
  /** The smallest flow that is clear, and why; present where it is refuted. */
  readonly counterExample?: ClearReason
  /** False where the budget ran out before every flow was looked at: then there may be a smaller one. */
  readonly isSmallest: boolean
  /** Every reason for which flows are clear, the one with the smallest flow first; empty where it is proved. */
  readonly reasons: readonly ClearReason[]
  /** False where the budget ran out before every reason was found, or the smallest flow of each. */
  readonly isExhaustive: boolean
  /** The families of addresses that both sets of hosts have; none means that no packet can pass between them. */
  readonly families: readonly (4 | 6)[]
  /** What is not counted, and what a person should know beside the answer. */
  readonly notes: readonly string[]
}

export interface ProofOptions {
  /** Boxes that each of the searches may look at. */
  readonly budget?: number
}

/** May a packet of which this is decided be on the wire in clear? A rule that may fall back may. */
export function isClear({ action, because, entry }: Decision): boolean {
  if (because.kind === 'exemption') return because.exemption !== 'ike'
  return action === 'permit' || (action === 'negotiate' && entry?.rule.fallBackToClear === true)
}

/** The smallest flow that may leave in clear; undefined is the proof that none does. Never gives up: see `prove`. */
export function findClearFlow(policy: CompiledPolicy, between: Region): Flow | undefined {
  return findSmallest(searches(policy, between), Number.POSITIVE_INFINITY).found?.smallest
}

export function prove(policy: CompiledPolicy, between: Region, options: ProofOptions = {}): Proof {
  const asked = searches(policy, between)
  const { found, isComplete } = findSmallest(asked, options.budget)
  const all = found === undefined ? { reasons: [], isComplete } : findReasons(asked, found, options.budget)
  return {
    outcome: found !== undefined ? 'refuted' : isComplete ? 'proved' : 'unknown',
    ...(found === undefined ? {} : { counterExample: all.reasons[0]! }),
    isSmallest: isComplete,
    reasons: all.reasons,
    isExhaustive: all.isComplete,
    families: [...new Set(asked.map(({ decisions }) => decisions.layout.family))],
    notes: notesOf(policy, between, asked),
  }
}

interface Found {
  readonly decision: Decision
  readonly smallest: Flow
  readonly way: Way
}

function findSmallest(asked: readonly Search[], budget: number | undefined) {
  let found: Found | undefined
  let isComplete = true
  for (const { way, decisions, flows } of asked) {
    const { layout, entries, decision } = decisions
    const { end, smallest } = smallestOfAll(flows, entries, label => isClear(decision(label)), budget)
    if (end === 'out-of-budget') isComplete = false
    if (smallest === undefined) continue
    const next = { decision: decision(smallest.label), smallest: flowAt(layout, smallest.point), way }
    if (found === undefined || compareFlows(next.smallest, found.smallest) < 0) found = next
  }
  return { found, isComplete }
}

function findReasons(asked: readonly Search[], first: Found, budget: number | undefined) {
  const reasons = new Map<string, ClearReason>()
  // Where a filter secures some ports, that it leaves out later fragments is a reason of its own.
  const isApart = asked.some(securesPorts)
  let isComplete = true
  addReason(reasons, first, isApart)
  for (const { way, decisions, flows } of asked) {
    const { layout, entries, decision } = decisions
    const isFragments = (box: Box) => isApart && lacksItsPorts(flowAt(layout, box.first))
    for (const part of [flows.filter(box => !isFragments(box)), flows.filter(isFragments)]) {
      const { points, end } = smallestOfEach(part, entries, label => isClear(decision(label)), budget)
      if (end === 'out-of-budget') isComplete = false
      for (const [label, point] of points) {
        addReason(reasons, { decision: decision(label), smallest: flowAt(layout, point), way }, isApart)
      }
    }
  }
  return { reasons: [...reasons.values()].sort((x, y) => compareFlows(x.smallest, y.smallest)), isComplete }
}

function addReason(reasons: Map<string, ClearReason>, { decision, smallest, way }: Found, isApart: boolean): void {
  const { because } = decision
  const isUncovered = because.kind === 'no-filter-matched' || because.kind === 'default-response'
  // That a rule or an exemption passes both is one reason; that no filter covers later fragments is one of its own.
  const key = JSON.stringify([because, isUncovered && isApart && lacksItsPorts(smallest)])
  const known = reasons.get(key)
  const isSmaller = known === undefined || compareFlows(smallest, known.smallest) < 0
  reasons.set(key, {
    decision,
    smallest: isSmaller ? smallest : known.smallest,
    ways: [...new Set([...(known?.ways ?? []), way])],
  })
}

interface Search {
  readonly way: Way
  readonly decisions: RegionDecisions
  /** All flows of this way and family that exist, what sealing makes left out. */
  readonly flows: readonly Box[]
}

/** Both ways in both families, as far as there are such flows. */
function searches(policy: CompiledPolicy, { a, b }: Region): readonly Search[] {
  const ways: readonly (readonly [Way, AddressSpec, AddressSpec])[] = [
    ['a-to-b', a, b],
    // Between a set of hosts and itself both ways are the same.
    ...(sameSpec(a, b) ? [] : ([['b-to-a', b, a]] as const)),
  ]
  return ([4, 6] as const).flatMap(family => {
    const decisions = regionDecisions(policy, family, 'out')
    const { layout } = decisions
    const sealed = narrow(layout.everything, layout.protocol, ESP, AH)
    return ways
      .map(([way, from, to]) => ({ way, boxes: boxesBetween(from, to, policy, layout) }))
      .filter(({ boxes }) => boxes.length > 0)
      .map(({ way, boxes }) => ({
        way,
        decisions,
        flows: boxes.flatMap(box => subtract(box, sealed)).flatMap(realFlows),
      }))
  })
}

function lacksItsPorts(flow: Flow): boolean {
  return hasPorts(flow.protocol) && isLaterFragment(flow)
}

function securesPorts({ decisions, flows }: Search): boolean {
  const { layout, entries, decision } = decisions
  const { everything, sourcePort, destinationPort } = layout
  const isAny = (box: Box, d: number) => box.last[d] === everything.last[d]
  return entries.some(({ boxes, label }) => {
    if (decision(label).entry?.rule.action !== 'negotiate') return false
    return boxes.some(
      box => !(isAny(box, sourcePort) && isAny(box, destinationPort)) && flows.some(part => overlaps(box, part)),
    )
  })
}

/** Negative where `x` is the smaller: protocol, source port, destination port or ICMP type, source, destination. */
export function compareFlows(x: Flow, y: Flow): number {
  const behind = (flow: Flow) => flow.destinationPort ?? flow.icmpType ?? NO_PORT
  return (
    x.protocol - y.protocol ||
    (x.sourcePort ?? NO_PORT) - (y.sourcePort ?? NO_PORT) ||
    behind(x) - behind(y) ||
    compareAddresses(x.source, y.source) ||
    compareAddresses(x.destination, y.destination)
  )
}

function acceptingRules(asked: readonly Search[]): ReadonlySet<RuleId> {
  const rules = new Set<RuleId>()
  for (const { decisions, flows } of asked) {
    for (const { label, boxes } of decisions.entries) {
      const rule = decisions.decision(label).entry?.rule
      if (rule?.action !== 'negotiate' || !rule.acceptUnsecuredInbound || rules.has(rule.name)) continue
      if (boxes.some(box => flows.some(part => overlaps(box, part)))) rules.add(rule.name)
    }
  }
  return rules
}

function notesOf(policy: CompiledPolicy, { a, b }: Region, asked: readonly Search[]): readonly string[] {
  const { exemptions } = policy.setting
  const ike = exemptions.find(({ name }) => name === 'ike')
  const notes = [...acceptingRules(asked)].map(
    rule => `rule “${rule}” accepts packets that arrive in clear; nothing leaves in clear by that`,
  )
  if (ike !== undefined) {
    const others = policy.profile.name === 'strict' ? '' : ', and with it whatever else is sent on its ports'
    notes.unshift(
      `IKE (${ike.definition}) is not counted: it has to pass${others}; nor are ESP and AH, which are sealed`,
    )
  }
  const areManyHosts = [a, b].some(spec => spec.kind !== 'range' || compareAddresses(spec.first, spec.last) < 0)
  const areBroadcastsExempt = exemptions.some(({ name }) => name === 'broadcast')
  if (
    areBroadcastsExempt &&
    areManyHosts &&
    asked.some(({ decisions }) => decisions.layout.family === 4) &&
    policy.policy.networks.length === 0
  ) {
    notes.push('broadcasts are exempt, and those of a single network are known only if the policy names its networks')
  }
  return notes
}
