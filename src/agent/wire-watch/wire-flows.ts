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

/** Of each table. */
export const MOST_FLOWS = 200
/** The same in a status. */
const MOST_SHOWN = 40

export type FlowKind = 'leaks' | 'received' | 'allowed'

/** What is told flow by flow: leaks of ours, leaks of peers, what is exempt or fell back. Undefined for all else. */
export function flowKind({ verdict, direction }: Pick<Judged, 'verdict' | 'direction'>): FlowKind | undefined {
  switch (verdict) {
    case 'leaked':
      return 'leaks'
    case 'blocked':
      return direction === 'out' ? 'leaks' : undefined
    case 'received-in-clear':
      return 'received'
    case 'exempt':
    case 'in-clear':
      return 'allowed'
    default:
      return undefined
  }
}

/** What somebody has to hear of. */
export function isConcern(judged: Pick<Judged, 'verdict' | 'direction'>): boolean {
  const kind = flowKind(judged)
  return kind === 'leaks' || kind === 'received'
}

/** Flows of one kind: what strangers can make many of pushes nothing out but its like. */
export class FlowTable {
  readonly #flows = new Map<string, CountedFlow>()
  /** Of forgotten flows that no event has told of: packets, and how many flows they are. */
  forgottenPackets = 0
  forgottenFlows = 0

  values(): readonly CountedFlow[] {
    return [...this.#flows.values()]
  }

  of(judged: Judged<CountedFlow>, peer: Address | undefined, at: number): CountedFlow {
    const { verdict, direction, because, rule, flow } = judged
    const key = keyOf(judged)
    const known = this.#flows.get(key)
    if (known !== undefined) {
      known.flow = flow
      // Behind those that were silent for longer.
      this.#flows.delete(key)
      this.#flows.set(key, known)
      return known
    }
    if (this.#flows.size >= MOST_FLOWS) this.#forgetOne()
    const made: CountedFlow = {
      ...{ verdict, direction, because, rule, flow, peer },
      ...{ packets: 0, bytes: 0, firstAt: at, lastAt: at, untold: 0, toldAt: undefined, isForgotten: false },
    }
    this.#flows.set(key, made)
    return made
  }

  #forgetOne(): void {
    const [key, gone] = this.#flows.entries().next().value!
    this.#flows.delete(key)
    gone.isForgotten = true
    if (gone.untold === 0) return
    this.forgottenPackets += gone.untold
    this.forgottenFlows++
  }

  shown(): readonly WireFlow[] {
    return this.values()
      .toReversed()
      .toSorted((a, b) => b.lastAt - a.lastAt)
      .slice(0, MOST_SHOWN)
      .map(({ verdict, because, flow, peer, direction, packets, bytes, firstAt, lastAt }) => ({
        ...{ verdict, because, flow: formatFlow(flow), peer: peer === undefined ? null : formatAddress(peer) },
        ...{ direction, packets, bytes, firstAt, lastAt },
      }))
  }
}

/** As in audit/ledger.ts: two hosts and the lower port, which names the service. */
function keyOf({ verdict, rule = '', flow }: Judged<CountedFlow>): string {
  const { source, destination, protocol, sourcePort = -1, destinationPort = -1, icmpType = -1 } = flow
  const service = Math.min(sourcePort, destinationPort)
  const hosts = [...source.words, ...destination.words].join('.')
  return `${verdict} ${protocol} ${service} ${icmpType} ${hosts} ${rule}`
}
