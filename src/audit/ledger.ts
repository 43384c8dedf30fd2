// The sums of an audit: packets and bytes for each judgement between each two hosts, protocol and service. A bounded
// number of entries; beyond it, conversations that are judged alike share one entry without a flow.
import { compareAddresses, formatAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import { type Judgement, judgementKey } from './verdict.ts'

/** Entries before further ones are told together. */
const MOST_ENTRIES = 20_000

export interface FirstSeen {
  readonly frame: number
  readonly seconds: number
  readonly nanoseconds: number
}

export interface LedgerEntry {
  readonly judgement: Judgement
  /** The first packet's flow; undefined where the entry stands for what is not IP, or for many hosts. */
  readonly flow: Flow | undefined
  first: FirstSeen
  packets: number
  bytes: number
  /** The direction of capture-point.ts in which all of these pair with sealed packets before them; -1 where none does. */
  readonly direction: number
}

export class Ledger {
  readonly entries: LedgerEntry[] = []
  readonly #numbers = new Map<string, number>()

  /** The entry's number, made where it is new. */
  add(judgement: Judgement, flow: Flow | undefined, first: FirstSeen, direction: number): number {
    let kept = flow
    let key = keyOf(judgement, flow, direction)
    let number = this.#numbers.get(key)
    if (number === undefined && this.entries.length >= MOST_ENTRIES && flow !== undefined) {
      kept = undefined
      key = keyOf(judgement, undefined, direction)
      number = this.#numbers.get(key)
    }
    if (number === undefined) {
      number = this.entries.push({ judgement, flow: kept, first, packets: 0, bytes: 0, direction }) - 1
      this.#numbers.set(key, number)
    }
    const entry = this.entries[number]!
    if (first.frame < entry.first.frame) entry.first = first
    return number
  }

  count(number: number, packets: number, bytes: number): void {
    const entry = this.entries[number]!
    entry.packets += packets
    entry.bytes += bytes
  }

  judgementOf(number: number): Judgement {
    return this.entries[number]!.judgement
  }
}

/** Entries that a person takes for one: of two hosts and a service, judged alike. */
export function mergeAlike(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const merged = new Map<string, LedgerEntry>()
  for (const entry of entries) {
    const key = keyOf(entry.judgement, entry.flow, 0)
    const before = merged.get(key)
    if (before === undefined) {
      merged.set(key, { ...entry })
      continue
    }
    const earlier = before.first.frame <= entry.first.frame ? before : entry
    const { flow, first } = earlier
    merged.set(key, {
      ...before,
      flow,
      first,
      packets: before.packets + entry.packets,
      bytes: before.bytes + entry.bytes,
    })
  }
  return [...merged.values()]
}

/** All clients of a service share a key, and both directions where `direction` is the same. */
function keyOf(judgement: Judgement, flow: Flow | undefined, direction: number): string {
  const judged = `${judgementKey(judgement)} ${direction}`
  if (flow === undefined) return judged
  const swap = compareAddresses(flow.source, flow.destination) > 0
  const one = formatAddress(swap ? flow.destination : flow.source)
  const other = formatAddress(swap ? flow.source : flow.destination)
  const { sourcePort, destinationPort } = flow
  const service = sourcePort === undefined ? '' : Math.min(sourcePort, destinationPort ?? sourcePort)
  return `${judged} ${one} ${other} ${flow.protocol} ${service}`
}
