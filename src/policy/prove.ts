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
import { type Box, flowAt, type Layout, layoutOf, NO_PORT, narrow, overlaps } from './region.ts'
import { boxesBetween, type Region, type RegionDecisions, regionDecisions, subtract } from './region-decisions.ts'
import { realFlows, smallestOfEach } from './region-search.ts'

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
  /** Every reason for which flows are clear, the one with the smallest flow first; empty where it is proved. */
  readonly reasons: readonly ClearReason[]
  /** False where the budget ran out: then there may be more reasons, and smaller flows. */
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
  return prove(policy, between, { budget: Number.POSITIVE_INFINITY }).reasons[0]?.smallest
}

export function prove(policy: CompiledPolicy, between: Region, options: ProofOptions = {}): Proof {
  const reasons = new Map<string, ClearReason>()
  const families = new Set<4 | 6>()
  const accepting = new Set<RuleId>()
  let isExhaustive = true
  for (const { family, way, boxes } of searches(policy, between)) {
    families.add(family)
    const decisions = regionDecisions(policy, family, 'out')
    const { layout, entries, decision } = decisions
    addAccepting(accepting, decisions, boxes)
    const flows = boxes.flatMap(withoutSealed(layout)).flatMap(realFlows)
    // Where a filter secures some ports, that it leaves out later fragments is a reason of its own.
    const isApart = securesPorts(decisions, boxes)
    const isFragments = (box: Box) => isApart && lacksItsPorts(flowAt(layout, box.first))
    for (const part of [flows.filter(box => !isFragments(box)), flows.filter(isFragments)]) {
      const { points, end } = smallestOfEach(part, entries, label => isClear(decision(label)), options.budget)
      if (end === 'out-of-budget') isExhaustive = false
      for (const [label, point] of points) {
        const found = { decision: decision(label), smallest: flowAt(layout, point), ways: [way] }
        addReason(reasons, found, isApart)
      }
    }
  }
  const sorted = [...reasons.values()].sort((x, y) => compareFlows(x.smallest, y.smallest))
  return {
    outcome: sorted.length > 0 ? 'refuted' : isExhaustive ? 'proved' : 'unknown',
    reasons: sorted,
    isExhaustive,
    families: [...families],
    notes: notesOf(policy, between, families, accepting),
  }
}

function addReason(reasons: Map<string, ClearReason>, found: ClearReason, isApart: boolean): void {
  const { because } = found.decision
  const isUncovered = because.kind === 'no-filter-matched' || because.kind === 'default-response'
  // That a rule or an exemption passes both is one reason; that no filter covers later fragments is one of its own.
  const key = JSON.stringify([because, isUncovered && isApart && lacksItsPorts(found.smallest)])
  const known = reasons.get(key)
  if (known === undefined) reasons.set(key, found)
  else {
    const isSmaller = compareFlows(found.smallest, known.smallest) < 0
    reasons.set(key, {
      decision: known.decision,
      smallest: isSmaller ? found.smallest : known.smallest,
      ways: [...new Set([...known.ways, ...found.ways])],
    })
  }
}

interface Search {
  readonly family: 4 | 6
  readonly way: Way
  readonly boxes: readonly Box[]
}

/** Both ways in both families, as far as there are such flows. */
function searches(policy: CompiledPolicy, { a, b }: Region): readonly Search[] {
  const ways: readonly (readonly [Way, AddressSpec, AddressSpec])[] = [
    ['a-to-b', a, b],
    // Between a set of hosts and itself both ways are the same.
    ...(sameSpec(a, b) ? [] : ([['b-to-a', b, a]] as const)),
  ]
  return ([4, 6] as const)
    .flatMap(family =>
      ways.map(([way, from, to]) => ({ family, way, boxes: boxesBetween(from, to, policy, layoutOf(family)) })),
    )
    .filter(({ boxes }) => boxes.length > 0)
}

function withoutSealed(layout: Layout): (box: Box) => readonly Box[] {
  return box => subtract(box, narrow(layout.everything, layout.protocol, ESP, AH))
}

function lacksItsPorts(flow: Flow): boolean {
  return hasPorts(flow.protocol) && isLaterFragment(flow)
}

function securesPorts({ layout, entries, decision }: RegionDecisions, boxes: readonly Box[]): boolean {
  const { everything, sourcePort, destinationPort } = layout
  const isAny = (box: Box, d: number) => box.last[d] === everything.last[d]
  return entries.some(({ boxes: own, label }) => {
    const { entry } = decision(label)
    if (entry?.rule.action !== 'negotiate') return false
    return own.some(
      box => !(isAny(box, sourcePort) && isAny(box, destinationPort)) && boxes.some(part => overlaps(box, part)),
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

function addAccepting(rules: Set<RuleId>, { entries, decision }: RegionDecisions, boxes: readonly Box[]): void {
  for (const entry of entries) {
    const rule = decision(entry.label).entry?.rule
    if (rule?.action !== 'negotiate' || !rule.acceptUnsecuredInbound || rules.has(rule.name)) continue
    if (entry.boxes.some(box => boxes.some(part => overlaps(box, part)))) rules.add(rule.name)
  }
}

function notesOf(
  policy: CompiledPolicy,
  { a, b }: Region,
  families: ReadonlySet<4 | 6>,
  accepting: ReadonlySet<RuleId>,
): readonly string[] {
  const { exemptions } = policy.setting
  const ike = exemptions.find(({ name }) => name === 'ike')
  const notes = [...accepting].map(
    rule => `rule “${rule}” accepts packets that arrive in clear; nothing leaves in clear by that`,
  )
  if (ike !== undefined) {
    notes.unshift(`IKE (${ike.definition}) is not counted: it agrees on the keys and has to pass; so are ESP and AH`)
  }
  const areManyHosts = [a, b].some(spec => spec.kind !== 'range' || compareAddresses(spec.first, spec.last) < 0)
  const areBroadcastsExempt = exemptions.some(({ name }) => name === 'broadcast')
  if (areBroadcastsExempt && areManyHosts && families.has(4) && policy.policy.networks.length === 0) {
    notes.push('broadcasts are exempt, and those of a single network are known only if the policy names its networks')
  }
  return notes
}
