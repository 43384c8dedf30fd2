// Whom this host speaks with, each with the worst that is so: the hosts of the view and what the watch on the wire saw of
// others. Every standing has a word, and its own colour, dash and shape on the page.
import type { HostView } from '../../hosts.ts'
import type { MonitorView } from '../../view.ts'
import { MUST_PASS, type WireFlow, type WireStatus } from '../../wire-status.ts'
import { rate } from '../../words.ts'
import { RECENT } from './overall.ts'
import { isLeak } from './wire-facts.ts'

/** The worst first: what a person looks for. */
export const standings = ['leaked', 'clear', 'failed', 'negotiating', 'exempt', 'sealed', 'permitted', 'idle'] as const
export type Standing = (typeof standings)[number]

export const standingWords: Readonly<Record<Standing, string>> = {
  leaked: 'leaked',
  clear: 'fell back to clear',
  failed: 'refused or failed',
  negotiating: 'negotiating',
  exempt: 'exempt traffic',
  sealed: 'sealed',
  permitted: 'in clear, permitted',
  idle: 'idle',
}

export interface Peer {
  readonly address: string
  readonly name: string | null
  readonly standing: Standing
  /** All that goes between the two, the worst first; each is a line of its own. */
  readonly strands: readonly Standing[]
  readonly associations: number
  readonly inbound: number
  readonly outbound: number
  readonly reason: string | null
}

/** 10.0.0.9 stands before 10.0.0.10. A collator could do that too, and takes ten times as long for a thousand. */
function orderOf({ address }: Peer): string {
  return address.replaceAll(/\d+/g, digits => digits.padStart(5, '0'))
}

/** Long enough for a person to see it; leaks stay as long as the watch keeps them. */
const SEEN_FOR = RECENT

export function peersOf({ hosts, status }: Pick<MonitorView, 'hosts' | 'status'>): readonly Peer[] {
  const seen = seenOf(status?.wire ?? null, status?.at ?? 0)
  const known = hosts.map(host => peerOf(host, seen.get(host.address) ?? []))
  const addresses = new Set(hosts.map(({ address }) => address))
  // What is only keyed or cannot be read makes nobody a peer.
  const strangers = [...seen].filter(([address, flows]) => !addresses.has(address) && flows.some(standingOf))
  const others = strangers.map(([address, flows]) => peerOf(unknownHost(address), flows))
  const keyed = [...known, ...others].map(peer => ({ peer, key: orderOf(peer) }))
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ peer }) => peer)
}

function peerOf({ address, name, standing, associations, rates, ...host }: HostView, seen: readonly WireFlow[]): Peer {
  const own = standing === 'leaking' ? 'leaked' : standing
  // The host's one word is the worst; what is sealed beside it is a line of its own.
  const isSealedToo = associations > 0 && (own === 'leaked' || own === 'clear')
  const all = new Set<Standing | undefined>([own, isSealedToo ? 'sealed' : own, ...seen.map(standingOf)])
  const present = standings.filter(one => all.has(one))
  const strands = present.length > 1 ? present.filter(one => one !== 'idle') : present
  const refused = seen.some(({ verdict }) => verdict === 'received-in-clear')
  const reason = host.reason ?? (refused ? 'It sends in clear what the policy secures.' : null)
  return {
    ...{ address, name, standing: strands[0]!, strands, associations, reason },
    ...{ inbound: rates.inbound.bytes, outbound: rates.outbound.bytes },
  }
}

function unknownHost(address: string): HostView {
  const nothing = { packets: 0, bytes: 0 }
  const rates = { inbound: nothing, outbound: nothing }
  return { address, name: null, standing: 'idle', associations: 0, rates, reason: null }
}

function standingOf(flow: WireFlow): Standing | undefined {
  if (isLeak(flow)) return 'leaked'
  switch (flow.verdict) {
    case 'exempt':
      return 'exempt'
    case 'permitted':
      return flow.because === MUST_PASS ? undefined : 'permitted'
    case 'in-clear':
      return 'clear'
    // The other end does not seal: here it is refused.
    case 'received-in-clear':
      return 'failed'
    default:
      return undefined
  }
}

function seenOf(wire: WireStatus | null, at: number): ReadonlyMap<string, readonly WireFlow[]> {
  const recent = wire?.flows.filter(flow => flow.peer !== null && (isLeak(flow) || at - flow.lastAt <= SEEN_FOR)) ?? []
  return Map.groupBy(recent, ({ peer }) => peer!)
}

export function peerWords({ address, name, strands, associations, inbound, outbound, reason }: Peer): string {
  const pairs = associations === 0 ? '' : associations === 1 ? ', one association' : `, ${associations} associations`
  const rates = inbound + outbound === 0 ? '' : `, out ${rate(outbound)}, in ${rate(inbound)}`
  const who = name === null ? address : `${name} (${address})`
  return `${who}: ${strands.map(one => standingWords[one]).join(' and ')}${pairs}${rates}${reason === null ? '' : `. ${reason}`}`
}

/** Also of one that is not there, or no longer. */
export function peerAt(view: Pick<MonitorView, 'hosts' | 'status'>, address: string): Peer {
  return peersOf(view).find(one => one.address === address) ?? peerOf(unknownHost(address), [])
}

export function groupsOf(
  peers: readonly Peer[],
): readonly { readonly standing: Standing; readonly peers: readonly Peer[] }[] {
  const by = Map.groupBy(peers, ({ standing }) => standing)
  return standings.flatMap(standing => {
    const own = by.get(standing)
    return own === undefined ? [] : [{ standing, peers: own }]
  })
}
