// The sums of an audit: packets and bytes for each judgement between each two hosts, protocol and service. A bounded
// number of entries; beyond it, conversations that are judged alike share one entry without a flow.
import { compareAddresses, formatAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { Judgement } from './verdict.ts'

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
  /** Of these, the packets that pair with a sealed packet just before them. */
  copies: number
  copyBytes: number
  /** Numbers of the hosts' directions in capture-point.ts, or -1. */
  readonly direction: number
  readonly back: number
}

export class Ledger {
  readonly entries: LedgerEntry[] = []
  readonly #numbers = new Map<string, number>()

  /** The entry's number, made where it is new. */
  add(judgement: Judgement, flow: Flow | undefined, first: FirstSeen, direction: number, back: number): number {
    let kept = flow
    let key = keyOf(judgement, flow, direction)
    let number = this.#numbers.get(key)
    if (number === undefined && this.entries.length >= MOST_ENTRIES && flow !== undefined) {
      kept = undefined
      key = keyOf(judgement, undefined, direction)
      number = this.#numbers.get(key)
    }
    if (number === undefined) {
      const empty = { packets: 0, bytes: 0, copies: 0, copyBytes: 0 }
      number = this.entries.push({ judgement, flow: kept, first, ...empty, direction, back }) - 1
      this.#numbers.set(key, number)
    }
    const entry = this.entries[number]!
    if (first.frame < entry.first.frame) entry.first = first
    return number
  }

  count(number: number, packets: number, bytes: number, copies: number, copyBytes: number): void {
    const entry = this.entries[number]!
    entry.packets += packets
    entry.bytes += bytes
    entry.copies += copies
    entry.copyBytes += copyBytes
  }

  judgementOf(number: number): Judgement {
    return this.entries[number]!.judgement
  }
}

/** Entries that a person takes for one: both directions of a conversation, judged alike. */
export function mergeDirections(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
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
  const judged = `${judgement.class} ${judgement.verdict} ${judgement.because}`
  if (flow === undefined) return judged
  const swap = compareAddresses(flow.source, flow.destination) > 0
  const one = formatAddress(swap ? flow.destination : flow.source)
  const other = formatAddress(swap ? flow.source : flow.destination)
  const { sourcePort, destinationPort } = flow
  const service = sourcePort === undefined ? '' : Math.min(sourcePort, destinationPort ?? sourcePort)
  return `${judged} ${one} ${other} ${flow.protocol} ${service} ${direction}`
}
