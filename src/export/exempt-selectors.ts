// What a Windows exempts, as selectors that other programs can pass by: one for each box of each exemption.
import { type Address, parseAddress } from '../base/address.ts'
import { ICMP, ICMPV6 } from '../base/flow.ts'
import type { ExemptionName } from '../policy/exemptions.ts'
import type { AddressSpec, Policy, PortRange } from '../policy/model.ts'
import { type Box, type Layout, layoutOf, NO_PORT } from '../policy/region.ts'
import { exemptBoxes } from './exported.ts'

export interface ExemptSelector {
  readonly exemption: ExemptionName
  readonly family: 4 | 6
  readonly own: AddressSpec
  readonly peer: AddressSpec
  readonly protocol?: number
  readonly ownPort?: PortRange
  readonly peerPort?: PortRange
}

/**
 * For programs that say both directions of a connection at once: `own` is the source of what leaves and the destination of
 * what arrives. An exemption is about packets, whichever way they go, so each stands with its ends exchanged too.
 */
export function exemptSelectors(policy: Policy): readonly ExemptSelector[] {
  const found = new Map<string, ExemptSelector>()
  for (const one of exemptPackets(policy).flatMap(straight => [straight, exchanged(straight)])) {
    const { own, peer, protocol, ownPort, peerPort } = one
    const key = JSON.stringify([own, peer, protocol, ownPort, peerPort])
    if (!found.has(key)) found.set(key, one)
  }
  return [...found.values()]
}

/** For programs that say each direction by itself: `own` is the source of the packet, wherever it goes. */
export function exemptPackets(policy: Policy): readonly ExemptSelector[] {
  return ([4, 6] as const).flatMap(family => {
    const layout = layoutOf(family)
    return exemptBoxes(policy, family).map(({ exemption, box }) => ({
      ...{ exemption: exemption.name, family },
      own: side(box, layout, layout.source),
      peer: side(box, layout, layout.destination),
      ...protocolOf(box, layout),
      ...portOf('ownPort', box, layout.sourcePort),
      ...portOf('peerPort', box, layout.destinationPort),
    }))
  })
}

/** A type of ICMP stands where the destination's port does, and stays there. */
function exchanged(one: ExemptSelector): ExemptSelector {
  const { own, peer, ownPort, peerPort, ...rest } = one
  const ends = { ...rest, own: peer, peer: own }
  const isIcmp = one.protocol === ICMP || one.protocol === ICMPV6
  if (isIcmp) return { ...ends, ...(peerPort === undefined ? {} : { peerPort }) }
  return {
    ...ends,
    ...(peerPort === undefined ? {} : { ownPort: peerPort }),
    ...(ownPort === undefined ? {} : { peerPort: ownPort }),
  }
}

function side(box: Box, { family, words, everything }: Layout, at: number): AddressSpec {
  const part = (values: readonly number[]): Address => ({ family, words: values.slice(at, at + words) })
  const isAll = box.first
    .slice(at, at + words)
    .every((first, index) => first === 0 && box.last[at + index] === everything.last[at + index])
  if (isAll) return family === 4 ? EVERY_IPV4 : EVERY_IPV6
  return { kind: 'range', first: part(box.first), last: part(box.last) }
}

const every = (first: string, last: string): AddressSpec => ({
  kind: 'range',
  first: parseAddress(first)!,
  last: parseAddress(last)!,
})
const EVERY_IPV4 = every('0.0.0.0', '255.255.255.255')
const EVERY_IPV6 = every('::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')

function protocolOf({ first, last }: Box, { protocol }: Layout): { readonly protocol?: number } {
  return first[protocol] === last[protocol] ? { protocol: first[protocol]! } : {}
}

function portOf<K extends 'ownPort' | 'peerPort'>(
  key: K,
  { first, last }: Box,
  at: number,
): { readonly [P in K]?: PortRange } {
  if (last[at] === NO_PORT) return {}
  return { [key]: { first: first[at]!, last: last[at]! } } as { readonly [P in K]?: PortRange }
}
