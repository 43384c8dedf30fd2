// The hosts that this one speaks with, each with one word about how: what a picture of the network is drawn from.
import type { AgentStatus } from './agent-status.ts'
import type { Negotiation } from './negotiations.ts'
import { type AssociationView, type Rates, sumOfRates } from './rates.ts'
import { leaksNow } from './wire-status.ts'

export interface HostView {
  readonly address: string
  readonly name: string | null
  /**
   * The worst that is so: `leaking` where this host has just sent in clear what its policy secures or blocks, `clear` where
   * anything between the two goes unsecured by fall-back.
   */
  readonly standing: 'leaking' | 'clear' | 'sealed' | 'negotiating' | 'failed' | 'idle'
  readonly associations: number
  readonly rates: Rates
  /** What leaks; else, until there are keys, why the last negotiation came to nothing. */
  readonly reason: string | null
}

export function hostsOf(
  { sessions, inClear, wire, at }: AgentStatus,
  associations: readonly AssociationView[],
  negotiations: readonly Negotiation[],
): readonly HostView[] {
  const names = new Map<string, string | null>()
  const negotiating = new Set<string>()
  for (const { peer, peerName, state } of sessions) {
    names.set(peer, peerName ?? names.get(peer) ?? null)
    if (state !== 'established') negotiating.add(peer)
  }
  const byPeer = Map.groupBy(associations, ({ peer }) => peer)
  const clear = new Set(inClear.map(({ peer }) => peer))
  // The newest comes first, and of several the first counts.
  const leaks = leaksNow(wire, at).flatMap(one => (one.peer === null ? [] : [[one.peer, one.flow] as const]))
  const leaking = new Map(leaks.toReversed())
  // In the order of the events: of several the last one counts.
  const last = new Map(negotiations.flatMap(one => (one.peer === null ? [] : [[one.peer, one] as const])))
  const failed = new Map([...last].filter(([, { reason, outcome }]) => reason !== null && outcome !== 'closed'))
  const addresses = new Set([...names.keys(), ...byPeer.keys(), ...clear, ...failed.keys(), ...leaking.keys()])
  return [...addresses].toSorted().map(address => {
    const own = byPeer.get(address) ?? []
    const isSealed = own.some(({ isSending }) => isSending)
    const leak = leaking.get(address)
    const standing =
      leak !== undefined
        ? 'leaking'
        : clear.has(address)
          ? 'clear'
          : isSealed
            ? 'sealed'
            : negotiating.has(address)
              ? 'negotiating'
              : failed.has(address)
                ? 'failed'
                : 'idle'
    const failure = isSealed ? null : (failed.get(address)?.reason ?? null)
    const reason = leak === undefined ? failure : `sent in clear: ${leak}`
    return {
      address,
      name: names.get(address) ?? null,
      standing,
      associations: own.length,
      rates: sumOfRates(own),
      reason,
    }
  })
}
