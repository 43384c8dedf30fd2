// How often each rule was used: what it sealed, since the agent started, and what the guard let pass or stopped for it, since
// the guard was put in place. Rules without a hit are not here: the policy's own list has them.
import type { AgentStatus, GuardTraffic } from './agent-status.ts'
import { type BothWays, neitherWay, sum, type Traffic } from './sealed-traffic.ts'

export interface RuleHits {
  readonly rule: string
  readonly sealed: BothWays
  readonly permitted: BothWays
  /** By fall-back. */
  readonly inClear: BothWays
  /** In clear against the rule. */
  readonly stopped: BothWays
  readonly blocked: BothWays
}

const kinds = { permitted: 'permitted', 'in-clear': 'inClear', stopped: 'stopped', blocked: 'blocked' } as const

/** The most used first. */
export function ruleHits({ rules, guard }: Pick<AgentStatus, 'rules' | 'guard'>): readonly RuleHits[] {
  const hits = new Map<string, RuleHits>(rules.map(({ rule, sealed }) => [rule, { ...noHits(rule), sealed }]))
  for (const { kind, why, direction, packets, bytes } of guard?.traffic ?? []) {
    if (kind === 'exempt' || packets === 0) continue
    const before = hits.get(why) ?? noHits(why)
    const name = kinds[kind]
    hits.set(why, { ...before, [name]: sum(before[name], oneWay(direction, { packets, bytes })) })
  }
  return [...hits.values()].toSorted((a, b) => packetsOf(b) - packetsOf(a) || (a.rule < b.rule ? -1 : 1))
}

/** All packets that the rule decided. */
export function packetsOf({ sealed, permitted, inClear, stopped, blocked }: RuleHits): number {
  return [sealed, permitted, inClear, stopped, blocked].reduce(
    (all, { inbound, outbound }) => all + inbound.packets + outbound.packets,
    0,
  )
}

function noHits(rule: string): RuleHits {
  return {
    ...{ rule, sealed: neitherWay, permitted: neitherWay, inClear: neitherWay, stopped: neitherWay },
    blocked: neitherWay,
  }
}

function oneWay(direction: GuardTraffic['direction'], traffic: Traffic): BothWays {
  return direction === 'out' ? { ...neitherWay, outbound: traffic } : { ...neitherWay, inbound: traffic }
}
