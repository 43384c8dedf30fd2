// When somebody hears of a flow that should not be: at once when it begins, then at most every ten seconds with the count, and
// only so many events in ten seconds however many flows there are, the rest of them in one.
import { formatAddress } from '../../base/address.ts'
import { formatFlow } from '../../base/flow.ts'
import type { AgentEvent } from '../../monitor/told-event.ts'
import type { CountedFlow, WireFlows } from './wire-flows.ts'

/** Seconds between two events of one flow. */
export const AGAIN_AFTER = 10
/** In that time, of all flows. */
export const MOST_EVENTS = 20

export class WireNews {
  readonly #flows: WireFlows
  readonly #tell: (event: AgentEvent) => void
  #since = Number.NEGATIVE_INFINITY
  #told = 0

  constructor(flows: WireFlows, tell: (event: AgentEvent) => void) {
    this.#flows = flows
    this.#tell = tell
  }

  /** Tells what is due. Answers when it wants to be asked again; undefined where nothing waits. `now` on the agent's clock. */
  tellDue(now: number): number | undefined {
    const isNew = now - this.#since >= AGAIN_AFTER
    if (isNew) {
      this.#since = now
      this.#told = 0
    }
    const waiting = [...this.#flows.concerns.values()].filter(({ untold }) => untold > 0)
    const due = waiting.filter(({ toldAt }) => toldAt === undefined || now - toldAt >= AGAIN_AFTER)
    // What found no room in the ten seconds before is told together first, or a flood would never be counted.
    const late = isNew ? due.slice(MOST_EVENTS - 1) : []
    for (const flow of isNew ? due.slice(0, MOST_EVENTS - 1) : due) {
      if (this.#told >= MOST_EVENTS) break
      this.#told++
      this.#tell(eventOf(flow))
      flow.untold = 0
      flow.toldAt = now
    }
    if (isNew) this.#tellTogether(late, now)
    const isWaiting = waiting.some(({ untold }) => untold > 0) || this.#flows.untoldForgotten > 0
    return isWaiting ? Math.max(this.#since, now - AGAIN_AFTER) + AGAIN_AFTER : undefined
  }

  #tellTogether(late: readonly CountedFlow[], now: number): void {
    const flows = late.length + this.#flows.untoldForgotten
    if (flows === 0) return
    const sum = (of: readonly CountedFlow[]) => of.reduce((packets, { untold }) => packets + untold, 0)
    const packets = sum(late) + this.#flows.untoldOfForgotten
    const isLeak = late.some(({ direction }) => direction === 'out')
    for (const flow of late) {
      flow.untold = 0
      flow.toldAt = now
    }
    this.#flows.untoldForgotten = 0
    this.#flows.untoldOfForgotten = 0
    this.#told++
    const text = `${packets} more packets of ${flows} other flows stood on the wire in clear, against the policy`
    this.#tell({
      ...{ level: isLeak ? 'error' : 'warning', kind: isLeak ? 'leaked' : 'received-in-clear', text },
      fields: { packets, flows },
    })
  }
}

function eventOf({
  verdict,
  direction,
  because,
  rule,
  flow,
  peer,
  packets,
  bytes,
  untold,
  toldAt,
}: CountedFlow): AgentEvent {
  const isLeak = direction === 'out'
  const text = formatFlow(flow)
  const who = isLeak ? `LEAKED: this host sent ${text} in clear` : `${formatAddress(flow.source)} sent ${text} in clear`
  const again = toldAt === undefined ? '' : `; ${untold === 1 ? 'one more packet' : `${untold} more packets`} of it`
  return {
    level: isLeak ? 'error' : 'warning',
    kind: isLeak ? 'leaked' : 'received-in-clear',
    text: `${who}: ${because}${again}`,
    fields: {
      ...{ verdict, direction, flow: text, packets, bytes },
      ...(rule === undefined ? {} : { rule }),
      ...(peer === undefined ? {} : { peer: formatAddress(peer) }),
    },
  }
}
