// The verdict for one flow in words: which rule or exemption decided, what else would have matched and why it lost, and
// what another value of the setting would change. The auditor and the proof say their reasons with the same sentences.
import { AH, type Direction, ESP, type Flow, formatFlow, hasPorts, ICMP, ICMPV6, UDP } from '../base/flow.ts'
import { atSetting, type CompiledPolicy, type FilterEntry } from './compile.ts'
import { type Decision, decide, isUnnegotiable, tableOf } from './decide.ts'
import { filterMatches, specificity } from './filter.ts'
import type { Setting } from './profiles.ts'

/** What becomes of a packet that the policy is asked about; the words are those of the audit. */
export type PolicyVerdict = 'protected' | 'permitted' | 'blocked' | 'exempt' | 'keying'

/** IKE is exempt like other traffic, but it must be: it is told apart as `keying`. */
export function verdictOf(decision: Decision): PolicyVerdict {
  const { because } = decision
  if (because.kind === 'exemption') return because.exemption === 'ike' ? 'keying' : 'exempt'
  if (decision.action === 'negotiate') return 'protected'
  return decision.action === 'block' ? 'blocked' : 'permitted'
}

/** Why, as one sentence about "it", without a full stop so that more can follow. */
export function because(decision: Decision, policy: CompiledPolicy): string {
  const reason = decision.because
  switch (reason.kind) {
    case 'exemption': {
      const exemption = policy.setting.exemptions.find(({ name }) => name === reason.exemption)!
      return `it is ${exemption.title} (${exemption.definition}), which ${whoExempts(policy, exemption.name === 'ike')}`
    }
    case 'filter': {
      const falls = decision.entry?.rule.fallBackToClear === true && decision.action === 'negotiate'
      const deeds = { permit: 'permits it', block: 'blocks it', negotiate: 'secures it' }
      const deed = falls ? 'secures it but falls back to clear where the peer gives no answer' : deeds[decision.action]
      return `rule “${reason.rule}” ${deed}: ${reason.filter}`
    }
    case 'default-response':
      return 'no filter matches it; the default response rule only answers a peer that asks for IPsec'
    case 'no-filter-matched':
      return 'no filter matches it, and what no filter matches passes in clear'
  }
}

function whoExempts({ profile, setting }: CompiledPolicy, isAlways: boolean): string {
  if (setting.name === undefined) return `${profile.title} always exempts`
  return `${profile.title} exempts at ${isAlways ? `every ${setting.name}` : settingText(setting)}`
}

/** `NoDefaultExempt 1`, `its default, NoDefaultExempt 0`. */
export function settingText(setting: Setting): string {
  const from = { policy: '', registry: 'the registry’s ', default: 'its default, ' }[setting.from]
  return `${from}${setting.name} ${setting.value}`
}

/** A filter that matched the flow and did not decide. */
export interface Loser {
  readonly entry: FilterEntry
  readonly why: string
}

/** What would become of the flow at other values of the setting. */
export interface AtOtherValues {
  readonly values: readonly number[]
  readonly verdict: PolicyVerdict
  readonly because: string
}

export interface Explanation {
  readonly decision: Decision
  readonly verdict: PolicyVerdict
  readonly because: string
  /** In the order in which filters are asked. */
  readonly losers: readonly Loser[]
  /** Empty where this Windows reads no setting. */
  readonly otherValues: readonly AtOtherValues[]
  /** Full sentences without a full stop. */
  readonly notes: readonly string[]
}

export function explain(policy: CompiledPolicy, flow: Flow, direction: Direction): Explanation {
  const decision = decide(policy, flow, direction)
  return {
    decision,
    verdict: verdictOf(decision),
    because: because(decision, policy),
    losers: losersOf(policy, flow, direction, decision),
    otherValues: otherValuesOf(policy, flow, direction),
    notes: notesOf(policy, flow, direction, decision),
  }
}

function losersOf(policy: CompiledPolicy, flow: Flow, direction: Direction, decision: Decision): readonly Loser[] {
  const isSkipping = isUnnegotiable(policy, flow, direction)
  const isExempt = decision.because.kind === 'exemption'
  return tableOf(policy, flow.source.family)
    .filters.map(({ entry }) => entry)
    .filter(entry => entry !== decision.entry && filterMatches(entry.filter, flow, policy.me))
    .map(entry => {
      if (isExempt) return { entry, why: 'exemptions are asked before every filter' }
      if (isSkipping && entry.rule.action === 'negotiate') return { entry, why: neverNegotiated(policy, direction) }
      return { entry, why: whyLater(decision.entry!, entry) }
    })
}

function neverNegotiated({ profile }: CompiledPolicy, direction: Direction): string {
  const which = profile.neverNegotiatesGroups === 'both' ? '' : direction === 'in' ? ' that arrive' : ' that leave'
  return `${profile.title} never negotiates multicasts and broadcasts${which}`
}

/** The words of each place in `specificity`. */
const lessSpecific = [
  'tunnel rules are asked before transport rules',
  'its addresses are less specific',
  'its destination is a larger range',
  'its source is a larger range',
  'it names no protocol',
  'its ports are less specific',
  'it is as specific, and of equals the more restrictive action counts',
]

function whyLater(winner: FilterEntry, loser: FilterEntry): string {
  const [first, second] = [winner, loser].map(({ filter, rule }) =>
    specificity(filter, rule.action, rule.mode === 'tunnel'),
  )
  const at = first!.findIndex((number, index) => number !== second![index])
  return lessSpecific[at] ?? 'it is as specific, and stands later in the policy'
}

function otherValuesOf(policy: CompiledPolicy, flow: Flow, direction: Direction): readonly AtOtherValues[] {
  const { setting, profile } = policy
  if (setting.name === undefined) return []
  const groups = new Map<string, { values: number[]; verdict: PolicyVerdict; because: string }>()
  for (const value of profile.table.keys()) {
    if (value === setting.value) continue
    const other = atSetting(policy, value)
    const decision = decide(other, flow, direction)
    const key = JSON.stringify(decision.because)
    const group = groups.get(key)
    if (group !== undefined) group.values.push(value)
    else groups.set(key, { values: [value], verdict: verdictOf(decision), because: because(decision, other) })
  }
  return [...groups.values()]
}

/** A packet of a protocol with ports or types that carries none: a fragment behind the first. */
export function isLaterFragment(flow: Flow): boolean {
  if (flow.protocol === ICMP || flow.protocol === ICMPV6) return flow.icmpType === undefined
  return hasPorts(flow.protocol) && flow.sourcePort === undefined && flow.destinationPort === undefined
}

function notesOf(policy: CompiledPolicy, flow: Flow, direction: Direction, decision: Decision): readonly string[] {
  const notes: string[] = []
  const rule = decision.entry?.rule
  if (hasPorts(flow.protocol)) {
    const missing = [
      flow.sourcePort === undefined ? 'source' : '',
      flow.destinationPort === undefined ? 'destination' : '',
    ]
    const ports = missing.filter(word => word !== '')
    if (ports.length === 2)
      notes.push('without ports it is a later fragment: only filters that ask for no port match it')
    else if (ports.length === 1) notes.push(`its ${ports[0]} port is not given: filters that ask for one do not match`)
  }
  if (isUnnegotiable(policy, flow, direction)) notes.push(neverNegotiated(policy, direction))
  if (rule?.action === 'negotiate' && rule.fallBackToClear) {
    notes.push(`rule “${rule.name}” may fall back: with a peer that does not answer IKE it passes in clear`)
  }
  if (rule?.action === 'negotiate' && rule.acceptUnsecuredInbound) {
    const when = direction === 'in' ? 'it is accepted in clear as well' : 'what comes back is accepted in clear as well'
    notes.push(`rule “${rule.name}” accepts unsecured packets: ${when}`)
  }
  if (flow.protocol === ESP || flow.protocol === AH) {
    notes.push('it is what sealing makes: an auditor counts it as protected, whatever a filter says')
  }
  if (decision.because.kind === 'exemption' && decision.because.exemption === 'ike' && flow.protocol === UDP) {
    const others =
      policy.profile.name === 'strict'
        ? 'strict means IKE itself: whatever else is sent on its ports meets the filters'
        : 'IKE is known by its ports: whatever else is sent on them passes as well'
    notes.push(others)
  }
  return notes
}

/** A flow as a person reads it: a number is said to be a protocol, and a later fragment to be one. */
export function sayFlow(flow: Flow): string {
  const text = formatFlow(flow)
  const named = /^\d/.test(text) ? `protocol ${text}` : text
  if (flow.icmpType !== undefined) return `${named} (type ${flow.icmpType})`
  return isLaterFragment(flow) ? `${named} (a later fragment)` : named
}
