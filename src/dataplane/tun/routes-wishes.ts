// A policy's filters and exemptions as an ordered list of wishes: which packets go into the device, which stay with the
// kernel; the first that fits counts, as among filters. One list for each source that packets may have, since the kernel asks
// for a way before it knows which of its addresses a packet will have.

import type { Address } from '../../base/address.ts'
import { addressNumber, type Span, spanOf } from '../../base/address-span.ts'
import { AH, ESP, ICMPV6 } from '../../base/flow.ts'
import { type CompiledPolicy, type FamilyTable, type FilterEntry, orderedFilters } from '../../policy/compile.ts'
import { tableOf } from '../../policy/decide.ts'
import type { AddressSpec, PortRange, RuleId } from '../../policy/model.ts'
import { type Box, type Layout, NO_PORT } from '../../policy/region.ts'
import type { RoutingFacts, Way } from './routes-facts.ts'
import { commonSpans, everyAddress, holds, hostSpan, joined, overlap, prefixSpan, without } from './routes-spans.ts'

export interface Wish {
  readonly target: 'device' | 'kernel'
  /** Absent: any source, also one that is not chosen yet. */
  readonly from?: readonly Span[]
  /** Absent: any. In order and without overlaps. */
  readonly to?: readonly Span[]
  readonly protocol?: number
  readonly sourcePorts?: PortRange
  readonly destinationPorts?: PortRange
  /** Only what this host itself says. */
  readonly isLocal: boolean
}

/** A host pair that speaks in clear for a while because its rule falls back. */
export interface ClearPair {
  readonly rule: RuleId
  readonly own: Address
  readonly peer: Address
}

/** Packets of one source, or of any. */
interface Section {
  readonly kind: 'own' | 'foreign' | 'rest'
  /** Of `own` and `foreign`. */
  readonly sources: readonly Span[]
}

interface Scene {
  readonly family: 4 | 6
  readonly entries: readonly FilterEntry[]
  readonly own: readonly Span[]
  readonly ways: readonly Way[]
  /** The addresses that the kernel gives to what asks for none, each once; where it is not known, any of ours. */
  readonly chosen: readonly Span[]
  readonly inClear: readonly ClearPair[]
}

export function wishesOf(
  compiled: CompiledPolicy,
  family: 4 | 6,
  facts: RoutingFacts,
  inClear: readonly ClearPair[] = [],
): readonly Wish[] {
  const table = tableOf(compiled, family)
  const ways = facts.ways.filter(({ to }) => to.address.family === family)
  const own = facts.own.filter(address => address.family === family && !staysNear(address)).map(hostSpan)
  const entries = orderedFilters(compiled.policy).filter(({ filter }) => concerns(filter, family))
  const scene: Scene = { family, entries, own: joined(own), ways, chosen: chosenSources(ways, own), inClear }
  return merged([
    ...exemptWishes(table),
    ...groupWishes(compiled, family),
    ...sectionsOf(scene).flatMap(section => [
      ...sectionWishes(scene, section),
      ...(section.kind === 'rest' ? [] : [{ target: 'kernel', from: section.sources, isLocal: false } as const]),
    ]),
  ])
}

function concerns({ source, destination }: FilterEntry['filter'], family: 4 | 6): boolean {
  return [source, destination].every(spec => spec.kind !== 'range' || spec.first.family === family)
}

/** Of one link, or of this host's own talk with itself: nothing is said from there to peers that policies name. */
function staysNear({ family, words }: Address): boolean {
  if (family === 4) return words[0]! >>> 24 === 127
  return words[0]! >>> 22 === 0xfe80 >>> 6 || (words[3] === 1 && words.slice(0, 3).every(word => word === 0))
}

/**
 * Addresses of ours for which other filters count than for those that are chosen where nobody chooses, each by itself; then
 * what tunnels carry for others; then all else.
 */
function sectionsOf(scene: Scene): readonly Section[] {
  const { entries, own } = scene
  const ranges = entries.flatMap(({ filter }) => rangeSpans(filter.source))
  const classOf = ({ first }: Span) =>
    ranges.map(range => (range.first <= first && first <= range.last ? 1 : 0)).join('')
  const chosen = new Set(scene.chosen.map(classOf))
  const behind = tunnelled(scene)
  const hosts = own.flatMap(({ first, last }) =>
    Array.from({ length: Number(last - first) + 1 }, (_, index) => ({
      first: first + BigInt(index),
      last: first + BigInt(index),
    })),
  )
  const special = hosts.filter(host => chosen.size !== 1 || !chosen.has(classOf(host)) || overlap(behind, [host]))
  return [
    ...special.map(host => ({ kind: 'own' as const, sources: [host] })),
    ...(behind.length === 0 ? [] : [{ kind: 'foreign' as const, sources: behind }]),
    { kind: 'rest', sources: [] },
  ]
}

function chosenSources(ways: readonly Way[], own: readonly Span[]): readonly Span[] {
  const sources = new Set(ways.flatMap(({ source }) => (source === undefined ? [] : [addressNumber(source)])))
  return sources.size > 0 ? [...sources].map(number => ({ first: number, last: number })) : own
}

/** Sources of what tunnels carry for other hosts. */
function tunnelled({ entries, family, own }: Scene): readonly Span[] {
  const found = entries
    .filter(({ rule }) => rule.mode === 'tunnel' && rule.action === 'negotiate')
    .flatMap(({ filter }) => (isAny(filter.source, family) ? [] : rangeSpans(filter.source)))
  return joined(found).filter(span => !holds(own, [span]))
}

function isAny(spec: AddressSpec, family: 4 | 6): boolean {
  if (spec.kind !== 'range') return spec.kind === 'any'
  const { first, last } = everyAddress(family)
  return addressNumber(spec.first) === first && addressNumber(spec.last) === last
}

function rangeSpans(spec: AddressSpec): readonly Span[] {
  return spec.kind === 'range' ? [spanOf(spec.first, spec.last)] : []
}

/** What is exempt stays with the kernel, whatever its source. */
function exemptWishes({ exemptions, layout }: FamilyTable): readonly Wish[] {
  return exemptions.flatMap(({ boxes }) => boxes.map(box => boxWish(layout, box)))
}

function boxWish({ destination, words, protocol, sourcePort, destinationPort }: Layout, { first, last }: Box): Wish {
  const number = (point: readonly number[]) =>
    point.slice(destination, destination + words).reduce((sum, word) => (sum << 32n) | BigInt(word), 0n)
  const to = { first: number(first), last: number(last) }
  const isWhole = to.first === 0n && to.last === (1n << BigInt(32 * words)) - 1n
  const only = first[protocol] === last[protocol] ? first[protocol]! : undefined
  const ports = (at: number) => (last[at]! >= NO_PORT ? undefined : { first: first[at]!, last: last[at]! })
  const behind = ports(destinationPort)
  const wish: Wish = {
    target: 'kernel',
    ...(isWhole ? {} : { to: [to] }),
    ...(only === undefined ? {} : { protocol: only }),
    isLocal: false,
  }
  return withPorts(wish, ports(sourcePort), only === ICMPV6 && behind !== undefined ? typesAsPorts(behind) : behind)
}

/** The kernel keeps an ICMP type, and the code behind it, where other protocols have their destination port. */
function typesAsPorts({ first, last }: PortRange): PortRange {
  return { first: first << 8, last: (last << 8) | 255 }
}

function withPorts(wish: Wish, sourcePorts: PortRange | undefined, destinationPorts: PortRange | undefined): Wish {
  return {
    ...wish,
    ...(sourcePorts === undefined ? {} : { sourcePorts }),
    ...(destinationPorts === undefined ? {} : { destinationPorts }),
  }
}

/** Groups that a profile never negotiates meet permit and block only: neither goes into the device. */
function groupWishes({ profile, subnetBroadcasts }: CompiledPolicy, family: 4 | 6): readonly Wish[] {
  if (profile.neverNegotiatesGroups !== 'both') return []
  const groups: readonly Span[] =
    family === 4
      ? [
          { first: 0xe000_0000n, last: 0xefff_ffffn },
          { first: 0xffff_ffffn, last: 0xffff_ffffn },
          ...subnetBroadcasts.map(hostSpan),
        ]
      : [{ first: 0xffn << 120n, last: everyAddress(6).last }]
  return [{ target: 'kernel', to: joined(groups), isLocal: false }]
}

function sectionWishes(scene: Scene, section: Section): readonly Wish[] {
  return scene.entries.flatMap(entry => {
    const place = placeOf(scene, section, entry)
    if (place === undefined) return []
    const { rule, filter } = entry
    const isSealed = rule.action === 'negotiate' && (section.kind !== 'foreign' || rule.mode === 'tunnel')
    const isForOthers = section.kind === 'foreign' || (rule.mode === 'tunnel' && isAny(filter.source, scene.family))
    const wish = withPorts(
      {
        target: isSealed ? 'device' : 'kernel',
        ...place,
        ...(filter.protocol === undefined ? {} : { protocol: filter.protocol }),
        isLocal: isSealed && !isForOthers,
      },
      filter.sourcePort,
      filter.destinationPort,
    )
    const clear = isSealed && rule.fallBackToClear ? clearWishes(scene, section, rule.name, wish) : []
    return [...clear, wish]
  })
}

/** Where a filter's packets come from and go to, as far as the section has them; undefined where none are. */
function placeOf(scene: Scene, section: Section, { filter }: FilterEntry): Pick<Wish, 'from' | 'to'> | undefined {
  const { own, family } = scene
  if (filter.destination.kind === 'me') return undefined
  const to = isAny(filter.destination, family) ? undefined : notOwn(rangeSpans(filter.destination), own)
  if (to?.length === 0) return undefined
  const toPart = to === undefined ? {} : { to }
  const { source } = filter
  const isEvery = isAny(source, family)
  if (section.kind !== 'rest') {
    if (source.kind === 'me') return section.kind === 'own' ? { from: section.sources, ...toPart } : undefined
    const from = isEvery ? section.sources : commonSpans(section.sources, rangeSpans(source))
    return from.length === 0 ? undefined : { from, ...toPart }
  }
  if (isEvery || source.kind === 'me') return toPart
  const range = rangeSpans(source)
  const { chosen } = scene
  if (chosen.every(host => holds(range, [host]))) return chosen.length === 0 ? undefined : toPart
  if (!chosen.some(host => holds(range, [host]))) return undefined
  const reached = commonSpans(to ?? [everyAddress(family)], reachedFrom(scene, range))
  return reached.length === 0 ? undefined : { to: reached }
}

/** What goes to this host itself is found before any of these rules, so a range that holds its addresses is asked for whole. */
function notOwn(spans: readonly Span[], own: readonly Span[]): readonly Span[] {
  return spans.filter(span => !holds(own, [span]))
}

/** The destinations for which the kernel chooses a source in that range. */
function reachedFrom({ ways }: Scene, range: readonly Span[]): readonly Span[] {
  const shortFirst = ways.toSorted((a, b) => a.to.length - b.to.length)
  let reached: readonly Span[] = []
  for (const { to, source } of shortFirst) {
    const span = [prefixSpan(to)]
    const isRight = source !== undefined && holds(range, [hostSpan(source)])
    reached = isRight ? joined([...reached, ...span]) : without(reached, span)
  }
  return reached
}

function clearWishes(scene: Scene, section: Section, rule: RuleId, wish: Wish): readonly Wish[] {
  const { family, inClear, ways } = scene
  return inClear
    .filter(pair => pair.rule === rule && pair.own.family === family && pair.peer.family === family)
    .flatMap((pair): readonly Wish[] => {
      const [own, peer] = [[hostSpan(pair.own)], [hostSpan(pair.peer)]]
      if (wish.to !== undefined && !holds(wish.to, peer)) return []
      if (section.kind === 'rest') {
        const isChosen = ways.length === 0 || holds(reachedFrom(scene, own), peer)
        return isChosen ? [{ ...wish, target: 'kernel', to: peer, isLocal: false }] : []
      }
      return wish.from !== undefined && holds(wish.from, own)
        ? [{ ...wish, target: 'kernel', to: peer, isLocal: false }]
        : []
    })
}

/** Neighbours that differ by their destinations alone are one. */
function merged(wishes: readonly Wish[]): readonly Wish[] {
  const runs: (Wish & { readonly key: string; readonly spans: Span[] | undefined })[] = []
  for (const wish of wishes) {
    const { to, ...rest } = wish
    const key = JSON.stringify(rest, (_, value) => (typeof value === 'bigint' ? String(value) : value))
    const before = runs.at(-1)
    if (before?.key === key && before.spans !== undefined && to !== undefined) before.spans.push(...to)
    else runs.push({ ...wish, key, spans: to === undefined ? undefined : [...to] })
  }
  return runs.map(({ key: _, spans, ...wish }) => (spans === undefined ? wish : { ...wish, to: joined(spans) }))
}

/**
 * For a policy that is too large to tell everything apart: whatever any filter negotiates with a destination, all that goes
 * there enters the device, but for what is exempt.
 */
export function coarseWishes(compiled: CompiledPolicy, family: 4 | 6, facts: RoutingFacts): readonly Wish[] {
  const table = tableOf(compiled, family)
  const own = joined(facts.own.filter(address => address.family === family).map(hostSpan))
  const entries = orderedFilters(compiled.policy).filter(
    ({ rule, filter }) => rule.action === 'negotiate' && concerns(filter, family),
  )
  const toOf = (some: readonly FilterEntry[]) => {
    const spans = some
      .filter(({ filter }) => filter.destination.kind !== 'me')
      .flatMap(({ filter }) =>
        filter.destination.kind === 'any' ? [everyAddress(family)] : rangeSpans(filter.destination),
      )
    return notOwn(joined(spans), own)
  }
  const behind = tunnelled({ family, entries, own, ways: [], chosen: [], inClear: [] })
  const ofTunnels = toOf(entries.filter(({ rule }) => rule.mode === 'tunnel'))
  return [
    ...exemptWishes(table),
    ...groupWishes(compiled, family),
    ...(behind.length === 0 ? [] : [{ target: 'device', from: behind, to: ofTunnels, isLocal: false } as const]),
    { target: 'device', to: toOf(entries), isLocal: true },
  ]
}

/** Sealed packets, of us and of others on this host, are not sealed again: the guard lets them pass. */
export const sealedProtocols: readonly number[] = [ESP, AH]
