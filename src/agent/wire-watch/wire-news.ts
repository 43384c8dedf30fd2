// When somebody hears of flows of one table, which should not be: at once when it begins, then at most every ten seconds with the count, and
// only so many events in ten seconds however many flows there are, the rest of them in one.
import { formatAddress } from '../../base/address.ts'
import { formatFlow } from '../../base/flow.ts'
import type { AgentEvent } from '../../monitor/told-event.ts'
import type { CountedFlow, FlowTable } from './wire-flows.ts'

/** Seconds between two events of one flow. */
export const AGAIN_AFTER = 10
/** In that time, of all flows. */
export const MOST_EVENTS = 20

const wordOf = {
  leaks: { level: 'error', kind: 'leaked' },
  received: { level: 'warning', kind: 'received-in-clear' },
} as const

export class WireNews {
  readonly #kind: keyof typeof wordOf
  readonly #flows: FlowTable
  readonly #tell: (event: AgentEvent) => void
  #since = Number.NEGATIVE_INFINITY
  #told = 0

  constructor(kind: keyof typeof wordOf, flows: FlowTable, tell: (event: AgentEvent) => void) {
    this.#kind = kind
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
    const waiting = this.#flows.values().filter(({ untold }) => untold > 0)
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
    const isWaiting = waiting.some(({ untold }) => untold > 0) || this.#flows.forgottenFlows > 0
    return isWaiting ? this.#since + AGAIN_AFTER : undefined
  }

  #tellTogether(late: readonly CountedFlow[], now: number): void {
    const flows = late.length + this.#flows.forgottenFlows
    if (flows === 0) return
    const sum = (of: readonly CountedFlow[]) => of.reduce((packets, { untold }) => packets + untold, 0)
    const packets = sum(late) + this.#flows.forgottenPackets
    for (const flow of late) {
      flow.untold = 0
      flow.toldAt = now
    }
    this.#flows.forgottenFlows = 0
    this.#flows.forgottenPackets = 0
    this.#told++
    const all = `${packets} more packets of ${flows} other flows`
    const text = this.#kind === 'leaks' ? `LEAKED: this host sent ${all} in clear` : `${all} came in clear`
    this.#tell({ ...wordOf[this.#kind], text, fields: { packets, flows } })
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
    ...wordOf[isLeak ? 'leaks' : 'received'],
    text: `${who}: ${because}${again}`,
    fields: {
      ...{ verdict, direction, flow: text, packets, bytes },
      ...(rule === undefined ? {} : { rule }),
      ...(peer === undefined ? {} : { peer: formatAddress(peer) }),
    },
  }
}
