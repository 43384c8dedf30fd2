// The watch on the wire without the wire: decoded packets of this host's links go in; sums by verdict, flows and events come
// out. It follows the policy in force. Whoever changes a policy changes guard, data plane and routes one after the other, so a
// packet of that time is only wrong if it is wrong by the policy before as well.

import { formatAddress } from '../../base/address.ts'
import type { Clock } from '../../base/time.ts'
import type { AgentEvent } from '../../monitor/told-event.ts'
import { type WireStatus, type WireVerdict, wireVerdicts } from '../../monitor/wire-status.ts'
import { IS_IP, type Packet } from '../../wire/packet.ts'
import type { WireRules } from '../agent-parts.ts'
import { type Judged, LinkJudge, peerOf } from './link-judge.ts'
import { type CountedFlow, FlowTable, flowKind, isConcern } from './wire-flows.ts'
import { WireNews } from './wire-news.ts'

/** Seconds for which the policy before still excuses what is seen: what was on its way, and what the ring hands over late. */
const GRACE = 2
/** Judges of earlier policies that are asked at a time. */
const MOST_PAST = 4

export interface WireWatchOptions {
  readonly rules: () => WireRules
  readonly tell: (event: AgentEvent) => void
  readonly clock: Clock
  /** Seconds since 1970. */
  readonly date: () => number
  /** A number that nobody outside knows. */
  readonly seed: number
  readonly mostConversations?: number
}

interface Past {
  readonly judge: LinkJudge<CountedFlow>
  until: number
}

interface Current {
  readonly rules: WireRules
  readonly pairs: string
  readonly judge: LinkJudge<CountedFlow>
}

interface Sum {
  packets: number
  bytes: number
}

const directions = ['out', 'in'] as const

export class WireWatch {
  readonly #options: WireWatchOptions
  readonly #flows = { leaks: new FlowTable(), received: new FlowTable(), allowed: new FlowTable() } as const
  readonly #news: readonly WireNews[]
  readonly #sums: Readonly<Record<'out' | 'in', Readonly<Record<WireVerdict, Sum>>>>
  readonly #since: number
  #current: Current
  #past: Past[] = []
  /** Of the burst. */
  #now = 0
  #date = 0
  #hasNews = false
  #cancelNews: (() => void) | undefined

  constructor(options: WireWatchOptions) {
    this.#options = options
    this.#news = (['leaks', 'received'] as const).map(kind => new WireNews(kind, this.#flows[kind], options.tell))
    const none = () =>
      Object.fromEntries(wireVerdicts.map(verdict => [verdict, { packets: 0, bytes: 0 }])) as Record<WireVerdict, Sum>
    this.#sums = { out: none(), in: none() }
    this.#since = options.date()
    this.#current = this.#judgeBy(options.rules())
  }

  #judgeBy(rules: WireRules): Current {
    const { seed, mostConversations: most } = this.#options
    const { compiled, clearPairs } = rules
    const judge = new LinkJudge<CountedFlow>({
      ...{ compiled, clearPairs, seed },
      ...(most === undefined ? {} : { mostConversations: most }),
    })
    return { rules, pairs: pairsOf(rules), judge }
  }

  /** To be called before packets that came together. */
  begin(): void {
    const { clock, date, rules } = this.#options
    this.#now = clock.now()
    this.#date = date()
    const next = rules()
    const { compiled } = this.#current.rules
    if (next.compiled !== compiled || pairsOf(next) !== this.#current.pairs) {
      this.#past.push({ judge: this.#current.judge, until: this.#now + GRACE })
      if (this.#past.length > MOST_PAST) this.#past.shift()
      this.#current = this.#judgeBy(next)
    }
    if (this.#past.length === 0) return
    if (next.isChanging) for (const past of this.#past) past.until = this.#now + GRACE
    this.#past = this.#past.filter(({ until }) => until > this.#now)
  }

  /** `packet` as decoded from `bytes`. */
  see(packet: Packet, bytes: Uint8Array, isOutgoing: boolean): void {
    if (packet.kind !== IS_IP) {
      this.#sums[isOutgoing ? 'out' : 'in'].malformed.packets++
      return
    }
    const judged = this.#judge(packet, bytes, isOutgoing)
    if (judged === undefined) return
    const { ipLength } = packet
    const sum = this.#sums[judged.direction][judged.verdict]
    sum.packets++
    sum.bytes += ipLength
    const kind = flowKind(judged)
    if (kind === undefined) return
    if (judged.counted === undefined || judged.counted.isForgotten) {
      const peer = peerOf(judged, this.#current.rules.compiled)
      judged.counted = this.#flows[kind].of(judged, peer, this.#date)
    }
    const { counted } = judged
    counted.packets++
    counted.bytes += ipLength
    counted.lastAt = this.#date
    counted.untold++
    this.#hasNews ||= kind !== 'allowed'
  }

  #judge(packet: Packet, bytes: Uint8Array, isOutgoing: boolean): Judged<CountedFlow> | undefined {
    const judged = this.#current.judge.judge(packet, bytes, isOutgoing, this.#now)
    if (judged === undefined || !isConcern(judged)) return judged
    for (const { judge } of this.#past) {
      const before = judge.judge(packet, bytes, isOutgoing, this.#now)
      if (before === undefined || !isConcern(before)) return before
    }
    return judged
  }

  /** To be called behind packets that came together. */
  end(): void {
    if (!this.#hasNews) return
    this.#cancelNews?.()
    this.#tellNews()
  }

  #tellNews(): void {
    const { clock } = this.#options
    this.#cancelNews = undefined
    this.#hasNews = false
    const next = Math.min(...this.#news.map(news => news.tellDue(clock.now()) ?? Number.POSITIVE_INFINITY))
    if (Number.isFinite(next)) this.#cancelNews = clock.at(next, () => this.#tellNews())
  }

  status(links: readonly string[], unread: number): WireStatus {
    return {
      ...{ links, since: this.#since, unread },
      flows: Object.values(this.#flows).flatMap(table => table.shown()),
      verdicts: directions.flatMap(direction =>
        wireVerdicts.flatMap(verdict => {
          const { packets, bytes } = this.#sums[direction][verdict]
          return packets === 0 ? [] : [{ verdict, direction, packets, bytes }]
        }),
      ),
    }
  }

  stop(): void {
    this.#cancelNews?.()
    this.#cancelNews = undefined
  }
}

function pairsOf({ clearPairs }: WireRules): string {
  return clearPairs
    .map(({ own, peer }) => `${formatAddress(own)} ${formatAddress(peer)}`)
    .toSorted()
    .join(',')
}
