// What two policies say of the same packet: the one of the host that sends it and the one of the host that it reaches,
// for every flow between the two at once. Both decisions are split along their borders; each pair of reasons is told once.

import { type Address, sameAddress } from '../base/address.ts'
import { type Flow, ICMP, ICMPV6 } from '../base/flow.ts'
import type { CompiledPolicy, FilterEntry } from './compile.ts'
import type { Decision } from './decide.ts'
import { filterBoxes } from './filter.ts'
import type { AddressSpec } from './model.ts'
import { compareFlows } from './prove.ts'
import { type Box, boxes, contains, flowAt, flowPoint, intersect, type Layout, layoutOf, NO_PORT } from './region.ts'
import { type RegionDecisions, regionDecisions } from './region-decisions.ts'
import { explore, realFlows, smallestBetweenHosts } from './region-search.ts'

export interface Meeting {
  /** Of the host that sends. */
  readonly out: Decision
  /** Of the host that receives. */
  readonly in: Decision
  /**
   * Where the sender negotiates: what the filters of the host that receives say of the way back. A rule that secures it is
   * what that host answers IKE by, exempt or not, for an association is always for both ways.
   */
  readonly answer?: Decision
  readonly smallest: Flow
}

export interface Meetings {
  readonly found: readonly Meeting[]
  /** False where the search was given up: there may be more. */
  readonly isComplete: boolean
}

/** Boxes looked at for one direction, some seconds of work; and meetings, of which nobody reads more. */
const BUDGET = 10_000_000
const MOST = 2000

/** Both policies are compiled with the addresses of their hosts. */
export function meetings(sender: CompiledPolicy, receiver: CompiledPolicy): Meetings {
  const found = new Map<string, Meeting>()
  const budget = { left: BUDGET }
  let isComplete = true
  for (const family of [4, 6] as const) {
    const layout = layoutOf(family)
    const outgoing = regionDecisions(sender, family, 'out')
    const incoming = regionDecisions(receiver, family, 'in')
    const answering = regionDecisions(receiver, family, 'out', [])
    /** False where there are too many. */
    const add = (decisions: Omit<Meeting, 'smallest'>, { first, last }: Box): boolean => {
      const point = smallestBetweenHosts(first, last)
      if (point === undefined) return true
      const smallest = flowAt(layout, point)
      const key = JSON.stringify([decisions.out, decisions.in, decisions.answer].map(decision => decision?.because))
      const known = found.get(key)
      if (known === undefined || compareFlows(smallest, known.smallest) < 0) found.set(key, { ...decisions, smallest })
      return found.size < MOST
    }
    /** Splits a box where decisions change; false where the budget is used up. */
    const split = (within: Box, by: RegionDecisions, then: (decision: Decision, part: Box) => boolean): boolean => {
      const visit = (label: number, first: ArrayLike<number>, last: ArrayLike<number>) =>
        then(by.decision(label), { first: Array.from(first), last: Array.from(last) })
      return explore([within], by.entries, { wants: () => true, found: visit }, budget) === 'complete'
    }
    const meet = (out: Decision, within: Box): boolean =>
      split(within, incoming, (arrived, part) => {
        if (out.action !== 'negotiate') return add({ out, in: arrived }, part)
        return split(turned(part, layout), answering, (answer, back) =>
          add({ out, in: arrived, answer }, turned(back, layout)),
        )
      })
    for (const region of regionsBetween(sender, receiver, family).flatMap(realFlows)) {
      if (!split(region, outgoing, meet)) isComplete = false
    }
  }
  return { found: [...found.values()], isComplete }
}

/** The way back: ends and their ports exchanged; the type of an ICMP message stays where it is. */
function turned(box: Box, { words, protocol, sourcePort, destinationPort }: Layout): Box {
  const isIcmp = [ICMP, ICMPV6].some(number => box.first[protocol] === number && box.last[protocol] === number)
  const ports = isIcmp ? [sourcePort, destinationPort] : [destinationPort, sourcePort]
  const turn = (corner: readonly number[]) => [
    ...corner.slice(words, 2 * words),
    ...corner.slice(0, words),
    corner[protocol]!,
    ...ports.map(d => corner[d]!),
  ]
  return { first: turn(box.first), last: turn(box.last) }
}

/** From the one host to the other, and what tunnels between the two are for. */
function regionsBetween(sender: CompiledPolicy, receiver: CompiledPolicy, family: 4 | 6): readonly Box[] {
  const layout = layoutOf(family)
  const own = (policy: CompiledPolicy) =>
    policy.me === 'any' ? [] : policy.me.filter(address => address.family === family)
  const direct = own(sender).flatMap(from =>
    own(receiver).flatMap(to => boxes(layout, { first: from, last: from }, { first: to, last: to })),
  )
  const tunnels = [sender, receiver].flatMap(policy =>
    (family === 4 ? policy.ipv4 : policy.ipv6).filters
      .filter(({ entry: { rule } }) => rule.mode === 'tunnel' && isOf(rule.tunnelEndpoint, receiver))
      .flatMap(({ entry }) => filterBoxes(entry.filter, layout, policy.me)),
  )
  return [...direct, ...tunnels]
}

export function isOf(address: Address | undefined, host: CompiledPolicy): boolean {
  return address !== undefined && host.me !== 'any' && host.me.some(own => sameAddress(own, address))
}

/** What both filters of a meeting are for, as traffic selectors would say it. */
export interface Selectors {
  readonly source: AddressSpec
  readonly destination: AddressSpec
  /** Absent: any. */
  readonly protocol?: number
  readonly sourcePort?: { readonly first: number; readonly last: number }
  readonly destinationPort?: { readonly first: number; readonly last: number }
}

/** A mirrored filter has one text for both its directions, and one decision stands for both. */
function entryBoxes(policy: CompiledPolicy, { rule, text }: FilterEntry, { family }: Layout): readonly Box[] {
  return (family === 4 ? policy.ipv4 : policy.ipv6).filters
    .filter(({ entry }) => entry.rule.name === rule.name && entry.text === text)
    .flatMap(({ boxes: own }) => own)
}

/**
 * The responder narrows what the initiator proposes to what it has itself (RFC 7296 §2.9): the traffic in both filters. In
 * transport mode the addresses are those of the hosts (§2.23.1).
 */
export function narrowed(
  sender: CompiledPolicy,
  receiver: CompiledPolicy,
  { out, answer, smallest }: Meeting,
): Selectors | undefined {
  if (out.entry === undefined || answer?.entry === undefined) return undefined
  const layout = layoutOf(smallest.source.family)
  const isTransport = out.entry.rule.mode === 'transport'
  const exact = { first: smallest.source, last: smallest.source }
  const hosts = boxes(layout, exact, { first: smallest.destination, last: smallest.destination })
  const within = isTransport ? hosts : [layout.everything]
  const mine = entryBoxes(sender, out.entry, layout)
  const theirs = entryBoxes(receiver, answer.entry, layout).map(box => turned(box, layout))
  const common = within.flatMap(box =>
    mine.flatMap(a => theirs.flatMap(b => [intersect(box, a)].flatMap(part => (part && intersect(part, b)) ?? []))),
  )
  const point = new Uint32Array(layout.dimensions)
  flowPoint(smallest, point)
  const box = common.find(each => contains(each, point))
  if (box === undefined) return undefined
  const address = (corner: readonly number[], from: number) => ({
    family: layout.family,
    words: corner.slice(from, from + layout.words),
  })
  const side = (from: number): AddressSpec => ({
    kind: 'range',
    first: address(box.first, from),
    last: address(box.last, from),
  })
  const [first, last] = [box.first[layout.protocol]!, box.last[layout.protocol]!]
  const ports = (d: number) => (box.last[d] === NO_PORT ? undefined : { first: box.first[d]!, last: box.last[d]! })
  const [sourcePort, destinationPort] = [ports(layout.sourcePort), ports(layout.destinationPort)]
  return {
    source: side(layout.source),
    destination: side(layout.destination),
    ...(first === last ? { protocol: first } : {}),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  }
}
