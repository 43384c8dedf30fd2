// What the page keeps beside the view: what passed unsealed and when last, and how fast something leaked. A pure fold over the
// same lines as the view's, bounded like it.
import type { AgentStatus } from '../../agent-status.ts'
import type { Traffic } from '../../sealed-traffic.ts'
import { countedTraffic, emptyView, follow, type Heard, MOST_SAMPLES, type MonitorView } from '../../view.ts'
import { leakedTraffic } from './wire-facts.ts'

/** One counter of the guard. */
export interface Passing {
  /** When it last grew; null where that was not seen. */
  readonly lastAt: number | null
  /** Octets a second between the last two looks. */
  readonly bytesPerSecond: number
}

export interface PageState {
  readonly view: MonitorView
  /** By keyOf. */
  readonly passing: ReadonlyMap<string, Passing>
  /** Octets a second, one for each of the view's samples. */
  readonly leaked: readonly number[]
}

export const emptyState: PageState = { view: emptyView, passing: new Map(), leaked: [] }

export function keyOf(kind: string, direction: 'out' | 'in', why: string): string {
  return `${kind} ${direction} ${why}`
}

export function followPage(state: PageState, heard: readonly Heard[]): PageState {
  let { passing, leaked } = state
  let before = state.view.status
  for (const one of heard) {
    if (one.kind !== 'status') continue
    const { status } = one
    const isSame = before !== null && before.pid === status.pid && before.since === status.since
    const seconds = isSame ? status.at - before!.at : 0
    // The view takes no sample of the same moment either.
    if (isSame && seconds > 0) {
      passing = passingOf(status, before!, seconds, passing)
      leaked = [...leaked, rateOfLeaks(status, before!, seconds)].slice(-MOST_SAMPLES)
    }
    if (!isSame) {
      passing = new Map()
      leaked = []
    }
    before = status
  }
  return { view: follow(state.view, heard), passing, leaked }
}

function passingOf(
  status: AgentStatus,
  before: AgentStatus,
  seconds: number,
  last: ReadonlyMap<string, Passing>,
): ReadonlyMap<string, Passing> {
  const key = (one: { readonly kind: string; readonly direction: 'out' | 'in'; readonly why: string }) =>
    keyOf(one.kind, one.direction, one.why)
  const earlier = new Map<string, Traffic>(countedTraffic(before).map(one => [key(one), one]))
  return new Map(
    countedTraffic(status).map(one => {
      const known = earlier.get(key(one))
      // A guard that was put in place anew counts from nothing.
      const start = known === undefined || known.packets > one.packets ? { packets: 0, bytes: 0 } : known
      const isGrowing = one.packets > start.packets
      const lastAt = isGrowing ? status.at : (last.get(key(one))?.lastAt ?? null)
      return [key(one), { lastAt, bytesPerSecond: Math.max(0, one.bytes - start.bytes) / seconds }]
    }),
  )
}

function rateOfLeaks(now: AgentStatus, before: AgentStatus, seconds: number): number {
  return Math.max(0, leakedTraffic(now.wire).bytes - leakedTraffic(before.wire).bytes) / seconds
}
