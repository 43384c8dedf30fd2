// What went by in a second, from two looks at counters.
import type { AssociationStatus } from './agent-status.ts'
import type { Traffic } from './sealed-traffic.ts'

/** A second. */
export interface Rate {
  readonly packets: number
  readonly bytes: number
}

export interface Rates {
  readonly inbound: Rate
  readonly outbound: Rate
}

export interface AssociationView extends AssociationStatus {
  readonly rates: Rates
  readonly peerName: string | null
}

export function ratesOf(now: AssociationStatus, before: AssociationStatus | undefined, seconds: number): Rates {
  // A new association did all of it since the last look; at the very first look nobody knows since when.
  const start = before !== undefined && before.ageSeconds <= now.ageSeconds ? before : undefined
  return {
    inbound: rateOf(now.inbound, start?.inbound, seconds),
    outbound: rateOf(now.outbound, start?.outbound, seconds),
  }
}

export function rateOf(now: Traffic, before: Traffic | undefined, seconds: number): Rate {
  const per = (unit: 'packets' | 'bytes') =>
    seconds <= 0 ? 0 : Math.max(0, now[unit] - (before?.[unit] ?? 0)) / seconds
  return { packets: per('packets'), bytes: per('bytes') }
}

export function sumOfRates(associations: readonly AssociationView[]): Rates {
  const sum = (way: 'inbound' | 'outbound', unit: 'packets' | 'bytes') =>
    associations.reduce((total, { rates }) => total + rates[way][unit], 0)
  return {
    inbound: { packets: sum('inbound', 'packets'), bytes: sum('inbound', 'bytes') },
    outbound: { packets: sum('outbound', 'packets'), bytes: sum('outbound', 'bytes') },
  }
}
