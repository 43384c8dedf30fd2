// From the rules and routes that are there to those that are wanted, step by step, so that at no moment a packet which was
// to enter the device, and still is, goes past it; nor one into the device that never had to. It holds because rules of one
// priority do not contradict each other: adding goes from the first priority to the last, and a rule that leads past the
// device finds those before it in place; removing goes back. The test takes every step apart.
import { formatAddress, formatPrefix } from '../../base/address.ts'
import type { NetlinkSocket } from '../../native/netlink.ts'
import type { Route, Rule } from '../../native/route-messages.ts'
import { addRoute, addRule, type Done, removeRoute, removeRule } from '../../native/routing.ts'
import { removalOrder } from './taken.ts'

export interface RoutingState {
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
}

/** Of routes into the device: one that changes stands beside the old one until that is gone. */
const METRICS = [100, 101] as const

/** Steps in their order; each in the words of what it will have done. */
export type Step = Extract<Done, { kind: 'rule-added' | 'rule-removed' | 'route-added' | 'route-removed' }>

export function stepsBetween(have: RoutingState, want: RoutingState): readonly Step[] {
  const hasRule = keys(have.rules.map(ruleKey))
  const wantsRule = keys(want.rules.map(ruleKey))
  const newRules = want.rules.filter(rule => !hasRule.has(ruleKey(rule)))
  const oldRules = have.rules.filter(rule => !wantsRule.has(ruleKey(rule)))
  const routes = routeSteps(have.routes, want.routes)
  return [
    ...routes.added.map(route => ({ kind: 'route-added' as const, route })),
    ...newRules.filter(rule => rule.isLandmark).map(rule => ({ kind: 'rule-added' as const, rule })),
    ...newRules
      .filter(rule => !rule.isLandmark)
      .toSorted((a, b) => a.priority - b.priority)
      .map(rule => ({ kind: 'rule-added' as const, rule })),
    ...removalOrder(oldRules).map(rule => ({ kind: 'rule-removed' as const, rule })),
    ...routes.removed.map(route => ({ kind: 'route-removed' as const, route })),
  ]
}

function keys(list: readonly string[]): ReadonlySet<string> {
  return new Set(list)
}

/** Into the device first, so that nothing is told "unreachable" on the way; taken away in the reverse order. */
function routeSteps(have: readonly Route[], want: readonly Route[]) {
  const kept = new Set<Route>()
  const added: Route[] = []
  const byPlace = Map.groupBy(have, place)
  for (const wanted of want) {
    const there = byPlace.get(place(wanted)) ?? []
    const same = there.find(route => routeKey(route) === routeKey(wanted))
    if (same !== undefined) kept.add(same)
    else if (wanted.kind !== 'unicast') added.push(wanted)
    else added.push({ ...wanted, metric: METRICS.find(metric => !there.some(route => route.metric === metric))! })
  }
  const isDevice = ({ kind }: Route) => Number(kind !== 'unicast')
  const removed = have.filter(route => !kept.has(route))
  return {
    added: added.toSorted((a, b) => isDevice(a) - isDevice(b)),
    removed: removed.toSorted((a, b) => isDevice(b) - isDevice(a)),
  }
}

function place({ to, table, kind }: Route): string {
  return `${formatPrefix(to)} ${to.address.family} ${table} ${kind}`
}

/** All but the metric, which tells generations apart. */
export function routeKey({ to, table, kind, link, source, mtu }: Route): string {
  const from = source === undefined ? '' : formatAddress(source)
  return `${formatPrefix(to)} ${to.address.family} ${table} ${kind} ${kind === 'unicast' ? link : ''} ${from} ${mtu ?? 0}`
}

export function ruleKey(rule: Rule): string {
  const { from, to, sourcePorts: source, destinationPorts: destination } = rule
  return [
    rule.family,
    rule.priority,
    rule.table,
    rule.goTo,
    rule.isLandmark,
    from && formatPrefix(from),
    to && formatPrefix(to),
    rule.mark,
    rule.protocol,
    source && `${source.from}-${source.to}`,
    destination && `${destination.from}-${destination.to}`,
    rule.incomingLink,
  ].join('|')
}

/** Answers what it did: nothing where things were so already. */
export function take(netlink: NetlinkSocket, step: Step): Done {
  switch (step.kind) {
    case 'route-added':
      return addRoute(netlink, step.route)
    case 'route-removed':
      return removeRoute(netlink, step.route)
    case 'rule-added':
      return addRule(netlink, step.rule)
    case 'rule-removed':
      return removeRule(netlink, step.rule)
  }
}
