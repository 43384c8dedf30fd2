// What two policies say of the same packet: the one of the host that sends it and the one of the host that it reaches,
// for every flow between the two at once. Both decisions are split along their borders; each pair of reasons is told once.

import { type Address, sameAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { CompiledPolicy } from './compile.ts'
import type { Decision } from './decide.ts'
import { filterBoxes } from './filter.ts'
import type { AddressSpec } from './model.ts'
import { compareFlows } from './prove.ts'
import { type Box, boxes, flowAt, intersect, layoutOf, NO_PORT } from './region.ts'
import { regionDecisions } from './region-decisions.ts'
import { DEFAULT_BUDGET, explore, realFlows, smallestBetweenHosts } from './region-search.ts'

export interface Meeting {
  /** Of the host that sends. */
  readonly out: Decision
  /** Of the host that receives. */
  readonly in: Decision
  readonly smallest: Flow
}

export interface Meetings {
  readonly found: readonly Meeting[]
  /** False where the search was given up: there may be more. */
  readonly isComplete: boolean
}

/** Both policies are compiled with the addresses of their hosts. */
export function meetings(sender: CompiledPolicy, receiver: CompiledPolicy): Meetings {
  const found = new Map<string, Meeting>()
  const budget = { left: DEFAULT_BUDGET }
  let isComplete = true
  for (const family of [4, 6] as const) {
    const layout = layoutOf(family)
    const [outgoing, incoming] = [regionDecisions(sender, family, 'out'), regionDecisions(receiver, family, 'in')]
    const meet = (out: Decision, within: Box): boolean => {
      const end = explore(
        [within],
        incoming.entries,
        {
          wants: () => true,
          found: (label, first) => {
            const point = smallestBetweenHosts(first, within.last)
            if (point === undefined) return true
            const meeting = { out, in: incoming.decision(label), smallest: flowAt(layout, point) }
            const key = JSON.stringify([out.because, meeting.in.because])
            const known = found.get(key)
            if (known === undefined || compareFlows(meeting.smallest, known.smallest) < 0) found.set(key, meeting)
            return true
          },
        },
        budget,
      )
      return end === 'complete'
    }
    for (const region of regionsBetween(sender, receiver, family).flatMap(realFlows)) {
      const end = explore(
        [region],
        outgoing.entries,
        {
          wants: () => true,
          found: (label, first, last) =>
            meet(outgoing.decision(label), { first: Array.from(first), last: Array.from(last) }),
        },
        budget,
      )
      if (end !== 'complete') isComplete = false
    }
  }
  return { found: [...found.values()], isComplete }
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

/**
 * The responder narrows what the initiator proposes to what it has itself (RFC 7296 §2.9): the traffic in both filters. In
 * transport mode the addresses are those of the hosts (§2.23.1).
 */
export function narrowed(
  sender: CompiledPolicy,
  receiver: CompiledPolicy,
  { out, in: arrived, smallest }: Meeting,
): Selectors | undefined {
  if (out.entry === undefined || arrived.entry === undefined) return undefined
  const layout = layoutOf(smallest.source.family)
  const isTransport = out.entry.rule.mode === 'transport'
  const exact = { first: smallest.source, last: smallest.source }
  const hosts = boxes(layout, exact, { first: smallest.destination, last: smallest.destination })
  const within = isTransport ? hosts : [layout.everything]
  const [mine, theirs] = [
    filterBoxes(out.entry.filter, layout, sender.me),
    filterBoxes(arrived.entry.filter, layout, receiver.me),
  ]
  const common = within.flatMap(box =>
    mine.flatMap(a => theirs.flatMap(b => [intersect(box, a)].flatMap(part => (part && intersect(part, b)) ?? []))),
  )
  const [box] = common
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
