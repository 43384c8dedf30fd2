// The sums of an audit: packets and bytes for each judgement between each two hosts, protocol and service. A bounded
// number of entries; beyond it, conversations that are judged alike share one entry without a flow.
import { compareAddresses, formatAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { Conversations } from './conversations.ts'
import type { Judgements } from './judgements.ts'
import { type Judgement, judgementKey } from './verdict.ts'
import { WordTable } from './word-table.ts'

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

/** Behind the addresses of a key: judgement, protocol, service, direction. */
const MORE_WORDS = 4

export class Ledger {
  readonly entries: LedgerEntry[] = []
  readonly #judgements: Judgements
  readonly #most: number
  readonly #tables: Readonly<Record<4 | 6, { table: WordTable; key: Int32Array; numbers: number[] }>>
  readonly #together = new Map<string, number>()

  constructor(judgements: Judgements, seed: number, most = MOST_ENTRIES) {
    this.#judgements = judgements
    this.#most = most
    const tableOf = (words: number) => ({ table: new WordTable(words, seed), key: new Int32Array(words), numbers: [] })
    this.#tables = { 4: tableOf(2 + MORE_WORDS), 6: tableOf(8 + MORE_WORDS) }
  }

  /** Adds a conversation: the packets that pair with sealed ones apart from the others. */
  addConversation(conversations: Conversations, row: number): void {
    const copies = conversations.copies[row]!
    const copyBytes = conversations.copyBytes[row]!
    const others = conversations.packets[row]! - copies
    if (others > 0) this.#addTo(conversations, row, -1, others, conversations.bytes[row]! - copyBytes)
    if (copies > 0) this.#addTo(conversations, row, conversations.direction[row]!, copies, copyBytes)
  }

  /** Begins an entry for packets that are not IP and so have no flow; answers its number for `count`. */
  addFrames(judgement: number, first: FirstSeen): number {
    return this.#numberTogether(judgement, -1, first)
  }

  count(number: number, packets: number, bytes: number): void {
    const entry = this.entries[number]!
    entry.packets += packets
    entry.bytes += bytes
  }

  #addTo(from: Conversations, row: number, direction: number, packets: number, bytes: number): void {
    const { table, key, numbers } = this.#tables[from.family]
    const judgement = from.judgement[row]!
    fillAddresses(key, from, row)
    key.set([judgement, from.protocol(row), from.service(row), direction], key.length - MORE_WORDS)
    const known = table.find(key)
    let number = known < 0 ? -1 : numbers[known]!
    if (number < 0 && this.entries.length < this.#most) {
      number = this.#begin(judgement, from.flowOf(row), firstSeen(from, row), direction)
      numbers[table.add(key)] = number
    } else if (number < 0) number = this.#numberTogether(judgement, direction, firstSeen(from, row))
    const entry = this.entries[number]!
    if (from.firstFrame[row]! < entry.first.frame) entry.first = firstSeen(from, row)
    this.count(number, packets, bytes)
  }

  #numberTogether(judgement: number, direction: number, first: FirstSeen): number {
    const key = `${judgement} ${direction}`
    let number = this.#together.get(key)
    if (number === undefined) {
      number = this.#begin(judgement, undefined, first, direction)
      this.#together.set(key, number)
    }
    return number
  }

  #begin(judgement: number, flow: Flow | undefined, first: FirstSeen, direction: number): number {
    const said = this.#judgements.at(judgement)
    return this.entries.push({ judgement: said, flow, first, packets: 0, bytes: 0, direction }) - 1
  }
}

function firstSeen(from: Conversations, row: number): FirstSeen {
  const nanoseconds = from.firstNanoseconds[row]!
  return { frame: from.firstFrame[row]!, seconds: from.firstSeconds[row]!, nanoseconds }
}

/** The lower address first, so that both directions of a conversation share a key. */
function fillAddresses(key: Int32Array, from: Conversations, row: number): void {
  const words = (key.length - MORE_WORDS) / 2
  let order = 0
  for (let index = 0; index < words && order === 0; index++) {
    order = (from.addressWord(row, index) >>> 0) - (from.addressWord(row, words + index) >>> 0)
  }
  for (let index = 0; index < words; index++) {
    key[index] = from.addressWord(row, order > 0 ? words + index : index)
    key[words + index] = from.addressWord(row, order > 0 ? index : words + index)
  }
}

/** Entries that a person takes for one: of two hosts and a service, judged alike. */
export function mergeAlike(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const merged = new Map<string, LedgerEntry>()
  for (const entry of entries) {
    const key = keyOf(entry.judgement, entry.flow)
    const before = merged.get(key)
    if (before === undefined) {
      merged.set(key, { ...entry })
      continue
    }
    const { flow, first } = before.first.frame <= entry.first.frame ? before : entry
    const packets = before.packets + entry.packets
    merged.set(key, { ...before, flow, first, packets, bytes: before.bytes + entry.bytes })
  }
  return [...merged.values()]
}

function keyOf(judgement: Judgement, flow: Flow | undefined): string {
  if (flow === undefined) return judgementKey(judgement)
  const swap = compareAddresses(flow.source, flow.destination) > 0
  const one = formatAddress(swap ? flow.destination : flow.source)
  const other = formatAddress(swap ? flow.source : flow.destination)
  const { sourcePort, destinationPort } = flow
  const service = sourcePort === undefined ? '' : Math.min(sourcePort, destinationPort ?? sourcePort)
  return `${judgementKey(judgement)} ${one} ${other} ${flow.protocol} ${service}`
}
