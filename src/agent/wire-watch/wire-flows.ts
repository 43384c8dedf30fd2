// The flows that the watch tells of: packets of the same hosts, service and verdict together, in a bounded number. Of more
// the ones that were silent longest are forgotten; their packets stay in the sums by verdict.
import { type Address, formatAddress } from '../../base/address.ts'
import { type Flow, formatFlow } from '../../base/flow.ts'
import type { WireFlow, WireVerdict } from '../../monitor/wire-status.ts'
import type { Judged } from './link-judge.ts'

export interface CountedFlow {
  readonly verdict: WireVerdict
  readonly direction: 'out' | 'in'
  readonly because: string
  readonly rule: string | undefined
  readonly peer: Address | undefined
  /** Of the newest conversation. */
  flow: Flow
  packets: number
  bytes: number
  /** Seconds since 1970. */
  readonly firstAt: number
  lastAt: number
  /** Packets that no event has told of yet. */
  untold: number
  /** On the agent's clock; undefined before the first event. */
  toldAt: number | undefined
  /** It was forgotten: whoever still holds it asks for another. */
  isForgotten: boolean
}

/** Flows that should not be, and others that pass in clear by exemption or fall-back. */
export const MOST_FLOWS = 200
/** Of each of the two in a status. */
const MOST_SHOWN = 40

/** What somebody has to hear of. */
export function isConcern({ verdict, direction }: Pick<Judged, 'verdict' | 'direction'>): boolean {
  return verdict === 'leaked' || verdict === 'received-in-clear' || (verdict === 'blocked' && direction === 'out')
}

/** What is told flow by flow. */
export function isTold(judged: Pick<Judged, 'verdict' | 'direction'>): boolean {
  return judged.verdict === 'exempt' || judged.verdict === 'in-clear' || isConcern(judged)
}

export class WireFlows {
  readonly concerns = new Map<string, CountedFlow>()
  readonly #others = new Map<string, CountedFlow>()
  /** Of forgotten flows: packets that no event has told of. */
  untoldOfForgotten = 0
  untoldForgotten = 0

  of(judged: Judged<CountedFlow>, peer: Address | undefined, at: number): CountedFlow {
    const table = isConcern(judged) ? this.concerns : this.#others
    const { verdict, direction, because, rule, flow } = judged
    const key = keyOf(judged)
    const known = table.get(key)
    if (known !== undefined) {
      known.flow = flow
      return known
    }
    if (table.size >= MOST_FLOWS) this.#forgetOne(table)
    const made: CountedFlow = {
      ...{ verdict, direction, because, rule, flow, peer },
      ...{ packets: 0, bytes: 0, firstAt: at, lastAt: at, untold: 0, toldAt: undefined, isForgotten: false },
    }
    table.set(key, made)
    return made
  }

  #forgetOne(table: Map<string, CountedFlow>): void {
    let oldest: string | undefined
    let lastAt = Number.POSITIVE_INFINITY
    for (const [key, flow] of table) {
      if (flow.lastAt >= lastAt) continue
      oldest = key
      lastAt = flow.lastAt
    }
    const gone = table.get(oldest!)!
    table.delete(oldest!)
    gone.isForgotten = true
    if (gone.untold === 0 || table !== this.concerns) return
    this.untoldOfForgotten += gone.untold
    this.untoldForgotten++
  }

  shown(): readonly WireFlow[] {
    return [this.concerns, this.#others].flatMap(table =>
      [...table.values()]
        .toReversed()
        .toSorted((a, b) => b.lastAt - a.lastAt)
        .slice(0, MOST_SHOWN)
        .map(({ verdict, because, flow, peer, direction, packets, bytes, firstAt, lastAt }) => ({
          ...{ verdict, because, flow: formatFlow(flow), peer: peer === undefined ? null : formatAddress(peer) },
          ...{ direction, packets, bytes, firstAt, lastAt },
        })),
    )
  }
}

/** As in audit/ledger.ts: two hosts and the lower port, which names the service. */
function keyOf({ verdict, direction, because, flow }: Judged<CountedFlow>): string {
  const { source, destination, protocol, sourcePort = -1, destinationPort = -1, icmpType = -1 } = flow
  const service = Math.min(sourcePort, destinationPort)
  const hosts = [...source.words, ...destination.words].join('.')
  return `${verdict} ${direction} ${protocol} ${service} ${icmpType} ${hosts} ${because}`
}
