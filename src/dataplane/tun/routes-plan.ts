// From wishes to what the kernel is told: rules that pick packets by addresses, protocol and ports, and routes into the
// device. Rules of one priority never contradict each other: a wish that lies before another one with the opposite target,
// and that some packet could fit both, has a lower number. That takes few priorities, and makes changes safe in small steps
// (routes-change.ts). docs/decisions/0008-routing-into-the-device.md has the reasons.
import type { Address, Prefix } from '../../base/address.ts'
import { addressNumber, prefixesOf, type Span, spanOf } from '../../base/address-span.ts'
import type { Route, Rule } from '../../native/route-messages.ts'
import { type CompiledPolicy, type FilterEntry, orderedFilters } from '../../policy/compile.ts'
import type { AddressSpec, PortRange } from '../../policy/model.ts'
import { sealedMtu } from './device-setup.ts'
import { type RoutingFacts, type Way, wholeFamily } from './routes-facts.ts'
import { ranked, relevant } from './routes-order.ts'
import { everyAddress, hostSpan, isWithin, joined, prefixSpan, touches } from './routes-spans.ts'
import { type ClearPair, coarseWishes, sealedProtocols, type Wish, wishesOf } from './routes-wishes.ts'

/** Priorities, of `ip rule`; each list of wishes lies from FIRST to LAST. */
export const priorities = {
  mark: 5400,
  sealed: 5401,
  /** Where the kernel is strict about sources: packets of known protocols go on, ARP's look-ups do not. */
  known: 5402,
  unknown: 5403,
  begin: 5404,
  first: 5410,
  last: 5498,
  end: 5499,
} as const

/** Each look-up reads them one by one, at some ten nanoseconds each. */
const MOST_RULES = 1024
const MOST_WISHES = 2000
/** More destinations than these get a table of their own, in which finding one takes no longer than finding one of two. */
const MOST_DESTINATIONS = 8
const MOST_PORT = 65534
/** Behind everything: what counts when the device is gone. */
const LAST_METRIC = 0x7fff_ffff

/** Further tables have numbers of their own above the first one's millions. */
const TABLES = 999_000

export function firstTable(table: number): number {
  return table * 1_000_000
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0
  return hash
}

export interface PlanOptions {
  /** Number of the device's link. */
  readonly link: number
  readonly mark: number
  /** Of the routes; further ones are numbered from a million times this number on. */
  readonly table: number
  /** Host pairs that fell back to clear. */
  readonly inClear?: readonly ClearPair[]
}

export interface RoutePlan {
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
  /** For the device: the largest that any route into it takes. */
  readonly mtu: number
  /**
   * Families in which permitted packets go into the device too, because the policy is too large to tell them apart by rules;
   * the agent sends them on in clear.
   */
  readonly coarse: readonly (4 | 6)[]
}

/** Everything that may be routed into the device, and the tunnels' far ends. */
export function destinationsOf(compiled: CompiledPolicy): readonly Prefix[] {
  const negotiating = orderedFilters(compiled.policy).filter(({ rule }) => rule.action === 'negotiate')
  const families = [4, 6] as const
  return families.flatMap(family => {
    const spans = negotiating.flatMap(({ filter, rule }) => {
      const { tunnelEndpoint: end } = rule
      const far = end?.family === family ? [hostSpan(end)] : []
      return isOfFamily(filter.source, family) ? [...spansOf(filter.destination, family), ...far] : far
    })
    const unique = new Map(spans.map(span => [`${span.first}-${span.last}`, span]))
    const prefixes = [...unique.values()].flatMap(span => prefixesOf(span, family))
    return [...new Map(prefixes.map(prefix => [keyOf(prefix), prefix])).values()]
  })
}

function isOfFamily(spec: AddressSpec, family: 4 | 6): boolean {
  return spec.kind !== 'range' || spec.first.family === family
}

function spansOf(spec: AddressSpec, family: 4 | 6): readonly Span[] {
  if (spec.kind === 'me' || !isOfFamily(spec, family)) return []
  return spec.kind === 'any' ? [everyAddress(family)] : [spanOf(spec.first, spec.last)]
}

export function planRoutes(compiled: CompiledPolicy, facts: RoutingFacts, options: PlanOptions): RoutePlan {
  const families = ([4, 6] as const).map(family => planFamily(compiled, family, facts, options))
  const routes = families.flatMap(plan => plan.routes)
  const mtu = Math.max(1280, ...routes.map(route => route.mtu ?? 0))
  return {
    rules: families.flatMap(plan => plan.rules),
    routes: routes.map(route => withoutMtu(route, mtu)),
    mtu,
    coarse: families.flatMap(plan => (plan.isCoarse ? [plan.family] : [])),
  }
}

function withoutMtu(route: Route, most: number): Route {
  const { mtu, ...rest } = route
  return mtu === undefined || mtu >= most ? rest : route
}

function planFamily(compiled: CompiledPolicy, family: 4 | 6, facts: RoutingFacts, options: PlanOptions) {
  const wishes = wishesOf(compiled, family, facts, options.inClear)
  const exact = wishes.length > MOST_WISHES ? undefined : emitted(wishes, compiled, family, facts, options)
  if (exact !== undefined) return { ...exact, family, isCoarse: false }
  const coarse = emitted(coarseWishes(compiled, family, facts), compiled, family, facts, options)
  if (coarse === undefined) throw new RangeError('the exemptions alone do not fit the rules of the kernel')
  return { ...coarse, family, isCoarse: true }
}

/** Undefined where it takes more rules or priorities than is sensible. */
function emitted(
  wishes: readonly Wish[],
  compiled: CompiledPolicy,
  family: 4 | 6,
  facts: RoutingFacts,
  options: PlanOptions,
): { readonly rules: readonly Rule[]; readonly routes: readonly Route[] } | undefined {
  const kept = relevant(wishes)
  if (kept.length === 0) return { rules: [], routes: [] }
  const places = ranked(kept)
  if (Math.max(...places) > priorities.last - priorities.first) return undefined
  const tables = new Map<string, { readonly number: number; readonly to: readonly Prefix[] }>()
  // Named for what it holds: the table of another policy is another one, so that changing over never mixes two.
  const tableFor = (to: readonly Prefix[]) => {
    const key = to.map(keyOf).join()
    const there = tables.get(key)
    if (there !== undefined) return there.number
    let number = firstTable(options.table) + (hashOf(key) % TABLES)
    while ([...tables.values()].some(table => table.number === number)) number++
    tables.set(key, { number, to })
    return number
  }
  const shared: Prefix[] = []
  const rules: Rule[] = []
  for (const [index, wish] of kept.entries()) {
    const made = rulesOf(wish, priorities.first + places[index]!, family, options.table, tableFor, shared)
    rules.push(...made)
    if (rules.length > MOST_RULES) return undefined
  }
  const all = [{ number: options.table, to: shared }, ...tables.values()]
  const needsProtocol = family === 4 && facts.isStrict && kept.some(isOfAnyProtocol)
  return {
    rules: [...frame(family, options, needsProtocol), ...distinct(rules)],
    routes: all.flatMap(table => routesOf(table.number, table.to, compiled, family, facts.ways, options)),
  }
}

function isOfAnyProtocol({ target, protocol }: Wish): boolean {
  return target === 'device' && protocol === undefined
}

/** What stands around the wishes. */
function frame(family: 4 | 6, { mark }: PlanOptions, needsProtocol: boolean): readonly Rule[] {
  const { end } = priorities
  const past = (priority: number, part: Partial<Rule>): Rule => ({ family, priority, table: 0, goTo: end, ...part })
  const landmark = (priority: number): Rule => ({ family, priority, table: 0, isLandmark: true })
  const known = Array.from({ length: 255 }, (_, index) => index + 1).filter(number => !sealedProtocols.includes(number))
  return [
    past(priorities.mark, { mark, markMask: 0xffff_ffff }),
    // Without the name of a link: so the kernel looks at protocols and ports of what arrives as well.
    ...sealedProtocols.map(protocol => past(priorities.sealed, { protocol })),
    ...(needsProtocol
      ? [
          ...usualFirst(known).map(protocol => past(priorities.known, { protocol, goTo: priorities.begin })),
          past(priorities.unknown, {}),
          landmark(priorities.begin),
        ]
      : []),
    landmark(end),
  ]
}

function usualFirst(protocols: readonly number[]): readonly number[] {
  const usual = [6, 17, 1]
  return [...usual, ...protocols.filter(protocol => !usual.includes(protocol))]
}

function rulesOf(
  wish: Wish,
  priority: number,
  family: 4 | 6,
  table: number,
  tableFor: (to: readonly Prefix[]) => number,
  shared: Prefix[],
): readonly Rule[] {
  const isDevice = wish.target === 'device'
  // No look-up of the kernel names protocol 0, and no rule can.
  if (wish.protocol === 0) return []
  const sourcePorts = kernelPorts(wish.sourcePorts, isDevice)
  const destinationPorts = kernelPorts(wish.destinationPorts, isDevice)
  if (sourcePorts === 'none' || destinationPorts === 'none') return []
  const whole = wholeFamily(family)
  const to = wish.to === undefined ? [whole] : wish.to.flatMap(span => prefixesOf(span, family))
  const from = wish.from === undefined ? [undefined] : wish.from.flatMap(span => prefixesOf(span, family))
  const hasOwnTable = isDevice && to.length > MOST_DESTINATIONS
  if (isDevice && !hasOwnTable) shared.push(...to)
  const targets: readonly Partial<Rule>[] = hasOwnTable
    ? [{ table: tableFor(to) }]
    : to.map(prefix => ({
        ...(isDevice ? { table } : { table: 0, goTo: priorities.end }),
        ...(prefix.length === 0 ? {} : { to: prefix }),
      }))
  return from.flatMap(source =>
    targets.map(target => ({
      family,
      priority,
      table: 0,
      ...target,
      ...(source === undefined || source.length === 0 ? {} : { from: source }),
      ...(wish.protocol === undefined ? {} : { protocol: wish.protocol }),
      ...(sourcePorts === undefined ? {} : { sourcePorts }),
      ...(destinationPorts === undefined ? {} : { destinationPorts }),
      ...(wish.isLocal ? { incomingLink: 'lo' } : {}),
    })),
  )
}

/**
 * Rules cannot name the ports 0 and 65535 (fib_rule_port_range_valid): what the policy secures only there does not enter the
 * device, and the guard stops it. All ports into the device are no question at all.
 */
function kernelPorts(ports: PortRange | undefined, isDevice: boolean): Rule['sourcePorts'] | 'none' {
  if (ports === undefined || (isDevice && ports.first <= 1 && ports.last >= MOST_PORT)) return undefined
  const [from, to] = [Math.max(1, ports.first), Math.min(MOST_PORT, ports.last)]
  return from <= to ? { from, to } : 'none'
}

const asked = ['from', 'to', 'protocol', 'sourcePorts', 'destinationPorts', 'incomingLink'] as const

/**
 * Of one priority none that another one, which asks for less, holds as well: beside being of no use, the kernel would remove
 * it in the other's place.
 */
function distinct(rules: readonly Rule[]): readonly Rule[] {
  const texts = rules.map(rule => asked.map(part => (rule[part] === undefined ? '' : JSON.stringify(rule[part]))))
  const heads = rules.map(rule => `${rule.priority} ${rule.table} ${rule.goTo}`)
  const seen = new Map<string, number>()
  rules.forEach((_, index) => {
    const key = `${heads[index]} ${texts[index]!.join('|')}`
    if (!seen.has(key)) seen.set(key, index)
  })
  const unique = [...seen.values()]
  const byHead = Map.groupBy(unique, index => heads[index]!)
  return unique
    .filter(index => {
      const own = texts[index]!
      return !byHead
        .get(heads[index]!)!
        .some(other => other !== index && texts[other]!.every((text, part) => text === '' || text === own[part]))
    })
    .map(index => rules[index]!)
}

/** Each destination leads into the device, and nowhere when the device is gone: never past it. */
function routesOf(
  table: number,
  to: readonly Prefix[],
  compiled: CompiledPolicy,
  family: 4 | 6,
  ways: readonly Way[],
  { link }: PlanOptions,
): readonly Route[] {
  const mine = ways.filter(way => way.to.address.family === family).map(placed)
  const exact = new Map(mine.map(one => [keyOf(one.way.to), one.way]))
  const destinations = [...new Map(to.map(prefix => [keyOf(prefix), prefix])).values()]
  const negotiating = orderedFilters(compiled.policy).filter(({ rule }) => rule.action === 'negotiate')
  const mtuOf = mtuReader(negotiating, family, ways)
  const bits = family === 4 ? 32 : 128
  const found = destinations.flatMap(destination => {
    const span = prefixSpan(destination)
    const around = exact.get(keyOf(destination)) ?? longestAround(mine, destination)
    const inner =
      destination.length === bits
        ? []
        : mine
            .filter(one => one.way.to.length > destination.length && isWithin(one.span, span))
            .map(({ way }) => way)
            .filter(way => isOtherWay(way, longestAround(mine, way.to, true)))
    return [{ ...around, to: destination }, ...inner].map(way => ({ way, mtu: mtuOf(way) }))
  })
  const unique = new Map(found.map(one => [keyOf(one.way.to), one]))
  return [...unique.values()].flatMap(({ way, mtu }): readonly Route[] => [
    {
      to: way.to,
      kind: 'unicast',
      table,
      link,
      ...(way.source === undefined ? {} : { source: way.source }),
      ...(mtu === undefined ? {} : { mtu }),
    },
    { to: way.to, kind: 'unreachable', table, metric: LAST_METRIC },
  ])
}

function isOtherWay(way: Way, around: Way | undefined): boolean {
  const number = (address: Address | undefined) => (address === undefined ? undefined : addressNumber(address))
  return number(way.source) !== number(around?.source) || way.mtu !== around?.mtu
}

interface Placed {
  readonly way: Way
  readonly span: Span
}

function placed(way: Way): Placed {
  return { way, span: prefixSpan(way.to) }
}

/** The way that counts for a prefix as a whole; `isStrictly`: not that of the prefix itself. */
function longestAround(ways: readonly Placed[], prefix: Prefix, isStrictly = false): Way | undefined {
  const span = prefixSpan(prefix)
  const most = prefix.length - (isStrictly ? 1 : 0)
  let best: Way | undefined
  for (const { way, span: around } of ways) {
    if (way.to.length > most || !isWithin(span, around)) continue
    if (best === undefined || way.to.length > best.to.length) best = way
  }
  return best
}

/** What the link of a way takes, less what the rules that may seal packets on that way add. */
function mtuReader(entries: readonly FilterEntry[], family: 4 | 6, ways: readonly Way[]) {
  const sealing = [...Map.groupBy(entries, ({ rule }) => rule)].map(([rule, some]) => {
    const { tunnelEndpoint: end } = rule
    const ofEnd = end === undefined ? [] : ways.filter(({ to }) => to.address.family === end.family).map(placed)
    const far = end && longestAround(ofEnd, hostPrefix(end))
    return { rule, to: joined(some.flatMap(({ filter }) => spansOf(filter.destination, family))), far }
  })
  const known = new Map<string, number>()
  return (way: Way): number | undefined => {
    const span = prefixSpan(way.to)
    const sizes = sealing.flatMap(({ rule, to, far }) => {
      if (!touches(to, span)) return []
      const linkMtu = rule.mode === 'tunnel' ? far?.mtu : way.mtu
      if (linkMtu === undefined) return []
      const key = `${rule.name} ${linkMtu}`
      const size = known.get(key) ?? sealedMtu(rule, linkMtu, family)
      known.set(key, size)
      return [size]
    })
    return sizes.length === 0 ? undefined : Math.min(...sizes)
  }
}

function hostPrefix(address: Address): Prefix {
  return { address, length: address.family === 4 ? 32 : 128 }
}

function keyOf({ address, length }: Prefix): string {
  return `${address.words.join('.')}/${length}`
}
