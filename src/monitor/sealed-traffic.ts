// What was sealed and opened since an agent started. Associations come and go, each with counters of its own; the sums here
// never fall, whatever becomes of the associations that they are of.

export interface Traffic {
  readonly packets: number
  readonly bytes: number
}

export interface BothWays {
  readonly inbound: Traffic
  readonly outbound: Traffic
}

export const faultKinds = ['replayed', 'notAuthentic', 'badPadding', 'outsideSelectors'] as const
export type FaultKind = (typeof faultKinds)[number]
export type Faults = Readonly<Record<FaultKind, number>>

export interface SealedTraffic {
  /** Encrypted. */
  readonly confidential: BothWays
  /** Protected against change only: AH, or ESP that does not encrypt. */
  readonly authenticated: BothWays
  /** The part of both that was in tunnel mode. */
  readonly tunnel: BothWays
  readonly faults: Faults
}

export interface AssociationTraffic extends BothWays {
  readonly isConfidential: boolean
  readonly mode: 'transport' | 'tunnel'
  readonly faults: Faults
}

const nothing: Traffic = { packets: 0, bytes: 0 }
export const neitherWay: BothWays = { inbound: nothing, outbound: nothing }
export const noFaults: Faults = { replayed: 0, notAuthentic: 0, badPadding: 0, outsideSelectors: 0 }
export const nothingSealed: SealedTraffic = {
  ...{ confidential: neitherWay, authenticated: neitherWay, tunnel: neitherWay },
  faults: noFaults,
}

/** With what an association did between two looks at its counters; `before` is left out at the first one. */
export function withTraffic(sums: SealedTraffic, now: AssociationTraffic, before?: AssociationTraffic): SealedTraffic {
  const more = moreTraffic(now, before)
  const kind = now.isConfidential ? 'confidential' : 'authenticated'
  return {
    ...sums,
    [kind]: sum(sums[kind], more),
    tunnel: now.mode === 'tunnel' ? sum(sums.tunnel, more) : sums.tunnel,
    faults: faultsOf(fault => sums.faults[fault] + since(now.faults[fault], before?.faults[fault])),
  }
}

/** What went by between two looks. */
export function moreTraffic(now: BothWays, before?: BothWays): BothWays {
  return bothWays((way, unit) => since(now[way][unit], before?.[way][unit]))
}

/** Counters that fell are those of another association that has the same name by now. */
function since(now: number, before = 0): number {
  return now >= before ? now - before : now
}

export function sum(a: BothWays, b: BothWays): BothWays {
  return bothWays((way, unit) => a[way][unit] + b[way][unit])
}

function bothWays(of: (way: 'inbound' | 'outbound', unit: 'packets' | 'bytes') => number): BothWays {
  const traffic = (way: 'inbound' | 'outbound') => ({ packets: of(way, 'packets'), bytes: of(way, 'bytes') })
  return { inbound: traffic('inbound'), outbound: traffic('outbound') }
}

function faultsOf(of: (fault: FaultKind) => number): Faults {
  return {
    ...{ replayed: of('replayed'), notAuthentic: of('notAuthentic') },
    ...{ badPadding: of('badPadding'), outsideSelectors: of('outsideSelectors') },
  }
}
