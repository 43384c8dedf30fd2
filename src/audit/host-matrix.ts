// Who spoke with whom, and how: packets by verdict between each two hosts, both directions together. The busiest hosts
// are told apart; a scan has more than anybody looks at.
import { type Address, compareAddresses, formatAddress } from '../base/address.ts'
import type { LedgerEntry } from './ledger.ts'
import type { Verdict } from './verdict.ts'

const MOST_HOSTS = 24
const MOST_GROUPS = 12

export interface HostPair {
  /** Of `hosts`; `to` may be of `groups`. */
  readonly from: string
  readonly to: string
  readonly packets: Readonly<Partial<Record<Verdict, number>>>
}

export interface HostMatrix {
  /** In the order of their addresses. */
  readonly hosts: readonly string[]
  /** Multicast and broadcast addresses that packets went to. */
  readonly groups: readonly string[]
  readonly pairs: readonly HostPair[]
  /** Further addresses, and packets that are in no pair: theirs, and those without addresses. */
  readonly addressesLeftOut: number
  readonly packetsLeftOut: number
}

export function hostMatrix(entries: readonly LedgerEntry[]): HostMatrix {
  const sums = new Map<string, { readonly address: Address; isGroup: boolean; packets: number }>()
  for (const { flow, judgement, packets } of entries) {
    if (flow === undefined) continue
    const toGroup = judgement.class === 'broadcast' || isMulticast(flow.destination)
    for (const [address, isGroup] of [
      [flow.source, false],
      [flow.destination, toGroup],
    ] as const) {
      const name = formatAddress(address)
      const known = sums.get(name)
      if (known === undefined) sums.set(name, { address, isGroup, packets })
      else {
        known.packets += packets
        // What sends is a host, even if something to it once went to every station.
        known.isGroup &&= isGroup
      }
    }
  }
  const all = [...sums].sort(([, a], [, b]) => b.packets - a.packets)
  const told = (wantsGroup: boolean, most: number) =>
    all
      .filter(([, { isGroup }]) => isGroup === wantsGroup)
      .slice(0, most)
      .sort(([, a], [, b]) => compareAddresses(a.address, b.address))
      .map(([name]) => name)
  const [hosts, groups] = [told(false, MOST_HOSTS), told(true, MOST_GROUPS)]
  return { hosts, groups, ...pairsOf(entries, new Set([...hosts, ...groups]), all.length) }
}

function pairsOf(entries: readonly LedgerEntry[], shown: ReadonlySet<string>, addresses: number) {
  const pairs = new Map<string, { from: string; to: string; packets: Partial<Record<Verdict, number>> }>()
  let packetsLeftOut = 0
  for (const { flow, judgement, packets } of entries) {
    const from = flow === undefined ? '' : formatAddress(flow.source)
    const to = flow === undefined ? '' : formatAddress(flow.destination)
    if (!shown.has(from) || !shown.has(to)) {
      packetsLeftOut += packets
      continue
    }
    const back = pairs.get(`${to} ${from}`)
    const pair = back ?? pairs.get(`${from} ${to}`) ?? { from, to, packets: {} }
    if (back === undefined) pairs.set(`${from} ${to}`, pair)
    pair.packets[judgement.verdict] = (pair.packets[judgement.verdict] ?? 0) + packets
  }
  return { pairs: [...pairs.values()], addressesLeftOut: addresses - shown.size, packetsLeftOut }
}

function isMulticast({ family, words }: Address): boolean {
  const first = words[0]!
  return family === 4 ? first >>> 28 === 0xe : first >>> 24 === 0xff
}
