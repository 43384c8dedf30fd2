// What the auditor says of the packets on this host's links, by one policy and one set of host pairs in clear. It asks the
// auditor once for each conversation; what this adds is what a host knows of itself: which way a packet went, whether it is
// one of its own, who may speak in clear just now, and what the guard lets pass because sealing could not work without it.

import { Conversations } from '../../audit/conversations.ts'
import { FirstFragments } from '../../audit/first-fragments.ts'
import { Judgements } from '../../audit/judgements.ts'
import type { Judgement } from '../../audit/verdict.ts'
import { type Address, formatAddress, isMulticast, sameAddress } from '../../base/address.ts'
import type { Direction, Flow } from '../../base/flow.ts'
import { MUST_PASS, type WireVerdict } from '../../monitor/wire-status.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { isGroup } from '../../policy/decide.ts'
import type { Packet } from '../../wire/packet.ts'
import type { ClearPair } from '../agent-parts.ts'
import { isNeighbourDiscovery, isSizeOfSealed } from './must-pass.ts'

/** What is said of a conversation: one object for all its packets. */
export interface Judged<Counted = unknown> {
  readonly verdict: WireVerdict
  readonly direction: Direction
  /** In the auditor's words. */
  readonly because: string
  readonly rule: string | undefined
  readonly flow: Flow
  /** Instead of it for packets without which nothing could be sealed. */
  readonly mustPass: Judged<Counted> | undefined
  /** For whoever counts. */
  counted: Counted | undefined
}

/** Conversations that are known at a time, of each family and direction. */
const MOST_CONVERSATIONS = 4096

class Known<Counted> {
  readonly rows: Conversations
  readonly fragments = new FirstFragments()
  readonly judged: (Judged<Counted> | undefined)[] = []

  constructor(family: 4 | 6, seed: number, most: number) {
    this.rows = new Conversations(family, { seed, most })
  }

  clear(): void {
    this.rows.clear()
    this.fragments.clear()
    this.judged.length = 0
  }
}

export interface LinkJudgeOptions {
  readonly compiled: CompiledPolicy
  readonly clearPairs: readonly ClearPair[]
  /** See audit/conversations.ts. */
  readonly seed: number
  readonly mostConversations?: number
}

export class LinkJudge<Counted = unknown> {
  readonly #compiled: CompiledPolicy
  readonly #judgements: Judgements
  readonly #own: readonly Address[]
  readonly #clearPairs: ReadonlySet<string>
  readonly #rules: ReadonlyMap<string, CompiledPolicy['policy']['rules'][number]>
  readonly #known: Readonly<Record<Direction, Readonly<Record<4 | 6, Known<Counted>>>>>

  constructor({ compiled, clearPairs, seed, mostConversations: most = MOST_CONVERSATIONS }: LinkJudgeOptions) {
    const { me, policy } = compiled
    this.#compiled = compiled
    this.#judgements = new Judgements(compiled)
    this.#own = me === 'any' ? [] : me
    this.#clearPairs = new Set(clearPairs.map(({ own, peer }) => pairOf(own, peer)))
    this.#rules = new Map(policy.rules.map(rule => [rule.name, rule]))
    const both = () => ({ 4: new Known<Counted>(4, seed, most), 6: new Known<Counted>(6, seed, most) })
    this.#known = { out: both(), in: both() }
  }

  /** Undefined for what is neither from nor to this host. `seconds`: on any clock. */
  judge(packet: Packet, bytes: Uint8Array, isOutgoing: boolean, seconds: number): Judged<Counted> | undefined {
    const known = this.#known[isOutgoing ? 'out' : 'in'][packet.version === 4 ? 4 : 6]
    const first = packet.isLaterFragment ? known.fragments.find(packet, known.rows, seconds) : -1
    let row = first >= 0 ? first : known.rows.find(packet)
    if (row < 0) {
      row = -1 - row
      known.judged[row] = this.#begin(packet, isOutgoing ? 'out' : 'in')
    }
    if (packet.moreFragments && !packet.isLaterFragment) known.fragments.remember(packet, row, 0, seconds)
    const judged = known.judged[row]
    if (known.rows.isFull) known.clear()
    if (judged?.mustPass === undefined) return judged
    return isNeighbourDiscovery(packet, bytes) || isSizeOfSealed(packet, bytes, isOutgoing) ? judged.mustPass : judged
  }

  #begin(packet: Packet, direction: Direction): Judged<Counted> | undefined {
    const flow = packet.flow()
    const { source, destination } = flow
    const [own, peer] = direction === 'out' ? [source, destination] : [destination, source]
    const isOurs = this.#own.some(one => sameAddress(one, own)) || (direction === 'in' && isGroup(this.#compiled, flow))
    if (!isOurs) return undefined
    const onHost = { direction, fallsBack: this.#clearPairs.size > 0 && this.#clearPairs.has(pairOf(own, peer)) }
    const judgement = this.#judgements.at(this.#judgements.of(packet, flow, onHost))
    const verdict = this.#verdictOf(judgement, direction, packet.isLaterFragment, onHost.fallsBack)
    const { because, reason } = judgement
    const rule = reason?.kind === 'filter' ? reason.rule : undefined
    const is = { direction, flow, rule, counted: undefined, mustPass: undefined }
    const wasSecured = verdict === 'leaked' || verdict === 'received-in-clear'
    const mustPass: Judged<Counted> | undefined = wasSecured
      ? { ...is, verdict: 'permitted', because: MUST_PASS }
      : undefined
    return { ...is, verdict, because, mustPass }
  }

  #verdictOf({ verdict, reason }: Judgement, direction: Direction, isOrphan: boolean, fallsBack: boolean): WireVerdict {
    switch (verdict) {
      // Nothing else comes here: no policy is only said where there is none.
      case 'not-ip':
      case 'no-policy':
      case 'malformed':
        return 'malformed'
      case 'protected':
      case 'keying':
        return verdict
      default:
    }
    // Without ports many a filter does not match: what the first piece is, is told where it was seen.
    if (isOrphan) return 'piece'
    if (verdict === 'leaked') return direction === 'out' ? 'leaked' : 'received-in-clear'
    if (verdict !== 'permitted' || reason?.kind !== 'filter') return verdict
    const rule = this.#rules.get(reason.rule)
    return fallsBack && rule?.action === 'negotiate' && rule.fallBackToClear ? 'in-clear' : 'permitted'
  }
}

function pairOf(own: Address, peer: Address): string {
  return `${formatAddress(own)} ${formatAddress(peer)}`
}

/** The host at the other end; undefined for what goes to many. */
export function peerOf(
  { direction, flow }: Pick<Judged, 'direction' | 'flow'>,
  compiled: CompiledPolicy,
): Address | undefined {
  if (direction === 'in') return flow.source
  return isMulticast(flow.destination) || isGroup(compiled, flow) ? undefined : flow.destination
}
