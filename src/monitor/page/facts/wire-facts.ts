// What the watch on the wire saw, as the page needs it: what left this host against its policy, and when last.
import type { Traffic } from '../../sealed-traffic.ts'
import type { WireFlow, WireStatus } from '../../wire-status.ts'

export interface Leak {
  readonly packets: number
  /** Null where the flow is no longer kept. */
  readonly newest: WireFlow | null
}

/** In clear although it is secured, or out although it is blocked. */
export function isLeak({
  verdict,
  direction,
}: {
  readonly verdict: string
  readonly direction: 'out' | 'in'
}): boolean {
  return direction === 'out' && (verdict === 'leaked' || verdict === 'blocked')
}

export function leakedTraffic(wire: WireStatus | null): Traffic {
  const counted = wire?.verdicts.filter(isLeak) ?? []
  return {
    packets: counted.reduce((sum, { packets }) => sum + packets, 0),
    bytes: counted.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** Null where nothing leaked since the watch began. */
export function leakOf(wire: WireStatus | null): Leak | null {
  const { packets } = leakedTraffic(wire)
  if (wire === null || packets === 0) return null
  const flows = wire.flows.filter(isLeak).toSorted((a, b) => b.lastAt - a.lastAt)
  return { packets, newest: flows[0] ?? null }
}
