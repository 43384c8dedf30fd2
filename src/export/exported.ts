// A policy in the words of other programs: the text, and what those words cannot say. Nothing is left out in silence: who
// runs the text knows what it lacks. Parts that all targets share are here: whose side is ours, and the order of filters.

import { isDeepStrictEqual } from 'node:util'
import { type Address, compareAddresses, formatAddress } from '../base/address.ts'
import { prefixesOf, spanOf } from '../base/address-span.ts'
import { protocolName } from '../base/flow.ts'
import type { Problem } from '../base/result.ts'
import { compile, orderedFilters } from '../policy/compile.ts'
import type { Exemption } from '../policy/exemptions.ts'
import { type DirectedFilter, directions, specMatches } from '../policy/filter.ts'
import type { AddressSpec, Filter, Policy, PortRange, Rule } from '../policy/model.ts'
import { profiles } from '../policy/profiles.ts'
import type { Box } from '../policy/region.ts'

export interface Exported {
  readonly text: string
  /** Absent: UTF-8. Windows's editors of the registry want the other, with a mark in front. */
  readonly encoding?: 'utf-16le'
  /** A second file, of secrets, for programs that keep them apart. */
  readonly secrets?: string
  /** What the target cannot say, each with the rule it is about. Warnings: the text stands without it. */
  readonly losses: readonly Problem[]
}

export interface ExportOptions {
  /** Addresses of the host that the text is for; empty: what is said holds for whoever is `me`. */
  readonly me: readonly Address[]
  readonly secrets: 'write' | 'leave-out'
  /** What names of files in the policy are relative to; absent: the folder that the program runs in. */
  readonly folder?: string
}

/** One filter from the side of the host that the text is for. */
export interface OwnFilter {
  readonly rule: Rule
  readonly own: AddressSpec
  readonly peer: AddressSpec
  readonly protocol?: number
  readonly ownPort?: PortRange
  readonly peerPort?: PortRange
  readonly mirrored: boolean
  /** Only with a filter that is not mirrored. */
  readonly direction: 'in' | 'out'
  /** 1 for the most specific: lower ones are asked first. Of leaving and of arriving packets. */
  readonly place: { readonly out: number; readonly in: number }
}

export function loss(rule: Pick<Rule, 'name'> | undefined, what: string, hint = ''): Problem {
  const where = rule === undefined ? 'policy' : `rule “${rule.name}”`
  return { severity: 'warning', where, what, hint }
}

/** Active filters, the most specific first; those of other hosts are losses. */
export function ownFilters(
  policy: Policy,
  me: readonly Address[],
): { readonly filters: readonly OwnFilter[]; readonly losses: readonly Problem[] } {
  const losses: Problem[] = [...groupLosses(policy)]
  const filters: OwnFilter[] = []
  const places = placesOf(policy)
  for (const rule of policy.rules) {
    if (!rule.active) {
      losses.push(loss(rule, 'it is inactive and is left out'))
      continue
    }
    for (const filter of rule.filters) {
      const side = ownSide(filter, me)
      if (side === undefined) losses.push(loss(rule, 'a filter is about other hosts than this one, and is left out'))
      else filters.push(turned(rule, filter, side, places))
    }
  }
  return { filters: filters.toSorted((a, b) => a.place.out - b.place.out), losses }
}

export function groupLosses({ profile }: Policy): readonly Problem[] {
  if (profiles.get(profile)!.neverNegotiatesGroups === 'none') return []
  return [
    loss(undefined, 'multicast and broadcast that a rule secures stay in clear in this Windows; here they do not'),
  ]
}

type Places = ReadonlyMap<Filter, { readonly straight: number; readonly mirror: number }>

/** Where each filter stands when the most specific is asked first: its two directions may stand apart. */
function placesOf(policy: Policy): Places {
  const places = new Map<Filter, { straight: number; mirror: number }>()
  const filters = new Map<Rule, readonly (readonly [Filter, DirectedFilter])[]>(
    policy.rules.map(rule => [rule, rule.filters.flatMap(one => directions(one).map(way => [one, way] as const))]),
  )
  for (const [index, { rule, filter }] of orderedFilters(policy).entries()) {
    const [written] = filters.get(rule)!.find(([, way]) => isDeepStrictEqual(way, filter))!
    const place = places.get(written) ?? { straight: 0, mirror: 0 }
    const side = filter.isMirror ? 'mirror' : 'straight'
    // A filter that stands twice in a rule is asked at its first place.
    if (place[side] === 0) place[side] = index + 1
    places.set(written, place)
  }
  return places
}

/** What is said where the target has one place for a filter and its two directions are asked in different orders. */
export function orderLosses(filters: readonly OwnFilter[]): readonly Problem[] {
  const mirrored = filters.filter(filter => filter.mirrored)
  const arriving = mirrored.toSorted((a, b) => a.place.in - b.place.in)
  const isSame = arriving.every((filter, index) => filter === mirrored[index])
  if (isSame) return []
  return [loss(undefined, 'what arrives is asked in the order of what leaves, where Windows has an order of its own')]
}

function ownSide({ source, destination }: Filter, me: readonly Address[]): 'source' | 'destination' | undefined {
  if (source.kind === 'me') return 'source'
  if (destination.kind === 'me') return 'destination'
  const holds = (spec: AddressSpec) => mayBeOwn(spec, me)
  if (me.length === 0) return 'source'
  // An end that is one of ours exactly counts before one that holds it among others.
  const isHost = (spec: AddressSpec) => spec.kind === 'range' && compareAddresses(spec.first, spec.last) === 0
  if (isHost(destination) && holds(destination) && !isHost(source)) return 'destination'
  if (holds(source)) return 'source'
  return holds(destination) ? 'destination' : undefined
}

/** Whether the host can be at this end. */
export function mayBeOwn(spec: AddressSpec, me: readonly Address[]): boolean {
  return me.length === 0 || spec.kind !== 'range' || me.some(own => specMatches(spec, own, me))
}

function turned(rule: Rule, filter: Filter, side: 'source' | 'destination', places: Places): OwnFilter {
  const { source, destination, sourcePort, destinationPort, protocol, mirrored } = filter
  const isOut = side === 'source'
  const { straight, mirror } = places.get(filter) ?? { straight: 1, mirror: 1 }
  // A filter between two like ends has no twin.
  const twin = mirror === 0 ? straight : mirror
  const place = isOut ? { out: straight, in: twin } : { out: twin, in: straight }
  const [own, peer] = isOut ? [source, destination] : [destination, source]
  const [ownPort, peerPort] = isOut ? [sourcePort, destinationPort] : [destinationPort, sourcePort]
  return {
    ...{ rule, own, peer, mirrored, place, direction: isOut ? 'out' : 'in' },
    ...(protocol === undefined ? {} : { protocol }),
    ...(ownPort === undefined ? {} : { ownPort }),
    ...(peerPort === undefined ? {} : { peerPort }),
  }
}

/** The exemptions of the policy's Windows at its value, as boxes of one family, but IKE, which every peer lets through itself. */
export function exemptBoxes(
  policy: Policy,
  family: 4 | 6,
): readonly { readonly exemption: Exemption; readonly box: Box }[] {
  const compiled = compile(policy)
  const { exemptions } = family === 4 ? compiled.ipv4 : compiled.ipv6
  return exemptions.flatMap(({ entry: { exemption }, boxes }) =>
    exemption.name === 'ike' ? [] : boxes.map(box => ({ exemption, box })),
  )
}

/** A range as the fewest prefixes, `address/length` each. */
export function prefixTexts(spec: AddressSpec, family: 4 | 6): readonly string[] {
  if (spec.kind !== 'range') return [family === 4 ? '0.0.0.0/0' : '::/0']
  if (spec.first.family !== family) return []
  const prefixes = prefixesOf(spanOf(spec.first, spec.last), family)
  // With its length also where it is one address: so all three want it.
  return prefixes.map(({ address, length }) => `${formatAddress(address)}/${length}`)
}

export function familiesOf({ own, peer }: Pick<OwnFilter, 'own' | 'peer'>): readonly (4 | 6)[] {
  return ([4, 6] as const).filter(family =>
    [own, peer].every(spec => spec.kind !== 'range' || spec.first.family === family),
  )
}

/** The names that both programs of IKE know for sure; numbers mean the same everywhere. */
export function protocolText(protocol: number): string {
  const name = protocolName(protocol)
  return ['tcp', 'udp', 'icmp'].includes(name) ? name : String(protocol)
}

/** A name of letters, digits and dashes, unique under `taken`. */
export function plainName(text: string, taken: Set<string>): string {
  const base =
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'rule'
  let name = base
  for (let number = 2; taken.has(name); number++) name = `${base}-${number}`
  taken.add(name)
  return name
}
