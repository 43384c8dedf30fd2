// What the linter says of filters beside each other: those that never decide, pairs whose order Windows leaves open,
// secured filters without a way back. Exact for every flow, in both directions and both families.
import { ICMP, ICMPV6 } from '../base/flow.ts'
import type { Entry, FilterEntry } from './compile.ts'
import type { Deciding, Placed } from './deciding.ts'
import { type DirectedFilter, directions, formatFilter, sameDirection, specificity } from './filter.ts'
import type { Remark } from './lint-kinds.ts'
import type { AddressSpec, Filter, Policy, Rule } from './model.ts'
import { type Box, intersect } from './region.ts'

/** Pairs of filters compared for one policy: some seconds of work, reached only by policies made to reach it. */
const MOST_PAIRS = 20_000_000
/** Pairs told of: nobody reads more. */
const MOST_TOLD = 100

export function* lintFilters(policy: Policy, ways: readonly Deciding[]): Generator<Remark> {
  for (const rule of policy.rules.filter(({ active }) => active)) yield* eachFilter(rule)
  yield* neverDeciding(policy, ways)
  yield* undefinedOrder(ways)
  if (ways.some(way => way.isExhausted)) {
    const sentence =
      'So many filters meet each other that not all of them were judged: some that never decide may not be told of.'
    yield { kind: 'not-all-judged', sentence, hint: 'sealwire prove answers for any two hosts exactly' }
  }
}

function* eachFilter(rule: Rule): Generator<Remark> {
  const isNegotiate = rule.action === 'negotiate'
  const directed = rule.filters.flatMap(directions)
  for (const filter of rule.filters) {
    const text = formatFilter(filter)
    if (
      isNegotiate &&
      rule.mode === 'transport' &&
      !filter.mirrored &&
      !directed.some(other => isTwin(filter, other))
    ) {
      yield {
        kind: 'one-way-filter',
        sentence: `The filter ${text} goes one way: the answers are not secured, and IPsec in transport mode needs both ways.`,
        hint: 'write mirrored: true',
        rule: rule.name,
      }
    }
    if (isNegotiate && rule.mode === 'tunnel' && filter.source.kind === 'any' && filter.destination.kind === 'any') {
      yield {
        kind: 'tunnel-for-everything',
        sentence: `The filter ${text} puts every packet into the tunnel, what is for the local network and for the far end itself as well.`,
        hint: 'name the networks behind each end',
        rule: rule.name,
      }
    }
    if (rule.action === 'permit' && directions(filter).some(opensEverything)) {
      yield {
        kind: 'permits-by-source-port',
        sentence: `The filter ${text} keeps no state: any host that sends from this port reaches every port here in clear.`,
        hint: 'name the hosts that are meant, or the ports of this end',
        rule: rule.name,
      }
    }
    const other = filter.protocol === ICMP ? 6 : filter.protocol === ICMPV6 ? 4 : undefined
    if (other !== undefined && [filter.source, filter.destination].some(spec => familyOf(spec) === other)) {
      yield {
        kind: 'icmp-of-the-other-version',
        sentence: `The filter ${text} has addresses of IPv${other}, which has an ICMP of its own.`,
        hint: `write protocol: ${other === 6 ? 'icmpv6' : 'icmp'}`,
        rule: rule.name,
      }
    }
  }
}

/** What arrives from anywhere is let in for the port that its sender chose. */
function opensEverything({ source, destination, sourcePort, destinationPort }: DirectedFilter): boolean {
  const isBroad = source.kind === 'any' && destination.kind !== 'any'
  return isBroad && sourcePort !== undefined && destinationPort === undefined
}

function familyOf(spec: AddressSpec): 4 | 6 | undefined {
  return spec.kind === 'range' ? spec.first.family : undefined
}

function isTwin(filter: Filter, other: DirectedFilter): boolean {
  const { source, destination, protocol, sourcePort, destinationPort } = filter
  const twin: DirectedFilter = {
    source: destination,
    destination: source,
    protocol,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
    isMirror: false,
  }
  return protocol === other.protocol && sameDirection(twin, other)
}

interface Judged {
  readonly entry: FilterEntry
  isDeciding: boolean
  /** What decides in its place. */
  readonly instead: Set<Entry>
}

function* neverDeciding(policy: Policy, ways: readonly Deciding[]): Generator<Remark> {
  const judged = new Map<string, Judged>()
  const keyOf = ({ rule, text }: FilterEntry) => JSON.stringify([rule.name, text])
  for (const rule of policy.rules.filter(({ active }) => active)) {
    for (const filter of rule.filters) {
      const entry: FilterEntry = { kind: 'filter', rule, filter: directions(filter)[0]!, text: formatFilter(filter) }
      if (judged.has(keyOf(entry))) yield { ...twice(entry.text), rule: rule.name }
      else judged.set(keyOf(entry), { entry, isDeciding: false, instead: new Set() })
    }
  }
  for (const way of ways) {
    for (const entry of way.entries) {
      const found = entry.owner.kind === 'filter' ? judged.get(keyOf(entry.owner)) : undefined
      if (found === undefined || found.isDeciding) continue
      if (way.decides(entry)) found.isDeciding = true
      else for (const other of way.insteadOf(entry)) found.instead.add(other)
    }
  }
  for (const found of judged.values()) {
    if (!found.isDeciding) yield deaf(found)
  }
}

function twice(text: string): Remark {
  return {
    kind: 'filter-redundant',
    sentence: `The filter ${text} stands in the rule twice.`,
    hint: 'remove one of them',
  }
}

function deaf({ entry, instead }: Judged): Remark {
  const { rule, text } = entry
  const filters = [...instead].filter(({ kind }) => kind === 'filter')
  // Where filters cover it, that exemptions take their share of it as well says nothing about this filter.
  const others = filters.length > 0 ? filters : [...instead]
  const by = [...new Set(others.map(said))]
  const shown = by.length > 3 ? [...by.slice(0, 3), `${by.length - 3} more`] : by
  if (by.length === 0) {
    const sentence = `The filter ${text} never decides: no packet that a host sends or receives fits it.`
    return { kind: 'filter-never-matches', sentence, hint: 'correct its addresses, or remove it', rule: rule.name }
  }
  const sentence = `The filter ${text} never decides: ${shown.join(', ')} ${by.length === 1 ? 'comes' : 'come'} first for every packet it matches.`
  if (others.every(other => hasSameOutcome(other, rule))) {
    return {
      kind: 'filter-redundant',
      sentence: `${sentence} The outcome is the same.`,
      hint: 'remove it',
      rule: rule.name,
    }
  }
  const hint = others.some(({ kind }) => kind === 'exemption')
    ? 'exemptions outrank every filter: change the value of the setting, or remove the filter'
    : 'the more specific filter counts, whatever the order of rules: make this one more specific, or remove it'
  return { kind: 'filter-never-matches', sentence, hint, rule: rule.name }
}

function hasSameOutcome(other: Entry, rule: Rule): boolean {
  if (other.kind === 'exemption') return rule.action === 'permit'
  return other.rule === rule || (other.rule.action === rule.action && rule.action !== 'negotiate')
}

function said(entry: Entry): string {
  if (entry.kind === 'exemption') return `the exemption of ${entry.exemption.title}`
  return `rule “${entry.rule.name}” (${entry.rule.action})`
}

interface Ranked {
  readonly placed: Placed
  readonly owner: FilterEntry
  readonly box: Box
}

/** Filters of one rank but with different actions, in a region that nothing decides before them. */
function* undefinedOrder(ways: readonly Deciding[]): Generator<Remark> {
  const asked = new Set<string>()
  let told = 0
  for (const way of ways) {
    for (const [a, b] of meetingPairs(way)) {
      if (way.isExhausted) break
      const both = intersect(a.box, b.box)
      if (both === undefined) continue
      const [winner, loser] = a.placed.label < b.placed.label ? [a, b] : [b, a]
      const key = JSON.stringify([winner.owner.rule.name, loser.owner.rule.name])
      if (asked.has(key) || way.isDecidedBefore(winner.placed, both) || way.isExhausted) continue
      asked.add(key)
      if (++told > MOST_TOLD) {
        yield {
          ...disagreement(winner.owner, loser.owner),
          sentence: `More than ${MOST_TOLD} pairs of filters are equally specific, meet and disagree.`,
        }
        return
      }
      yield disagreement(winner.owner, loser.owner)
    }
  }
}

/** Pairs of one rank and different actions whose destinations meet. */
function* meetingPairs(way: Deciding): Generator<readonly [Ranked, Ranked]> {
  const at = way.layout.destination
  let pairs = 0
  for (const group of sameRank(way)) {
    if (new Set(group.map(({ owner }) => owner.rule.action)).size < 2) continue
    for (const [index, a] of group.entries()) {
      for (let next = index + 1; next < group.length; next++) {
        const b = group[next]!
        if (b.box.first[at]! > a.box.last[at]!) break
        if (++pairs > MOST_PAIRS) return
        if (a.owner.rule.action !== b.owner.rule.action) yield [a, b]
      }
    }
  }
}

/** Groups of filters that only their action puts in order; each group by where its destinations begin. */
function sameRank({ layout, entries }: Deciding): readonly (readonly Ranked[])[] {
  const groups = new Map<string, Ranked[]>()
  for (const placed of entries) {
    const { owner } = placed
    if (owner.kind !== 'filter') continue
    const { rule, filter } = owner
    const rank = specificity(filter, rule.action, rule.mode === 'tunnel')
      .slice(0, -1)
      .join(' ')
    const group = groups.get(rank) ?? []
    groups.set(rank, group)
    for (const box of placed.boxes) group.push({ placed, owner, box })
  }
  const at = layout.destination
  for (const group of groups.values()) group.sort((a, b) => a.box.first[at]! - b.box.first[at]!)
  return [...groups.values()]
}

function disagreement(winner: FilterEntry, loser: FilterEntry): Remark {
  const [first, second] = [winner, loser].map(({ rule, text }) => `${text} of rule “${rule.name}” (${rule.action})`)
  return {
    kind: 'order-undefined',
    sentence: `The filters ${first} and ${second} are equally specific and meet: which one counts Windows leaves open; here the more restrictive does, ${winner.rule.action}.`,
    hint: 'make one of them more specific, in its addresses, its protocol or its ports',
    rule: loser.rule.name,
  }
}
