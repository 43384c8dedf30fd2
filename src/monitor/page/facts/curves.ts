// The curves of the last ten minutes: a lane for each verdict with a scale of its own, because what leaks is a thousandth of
// what is sealed and has to be seen all the same.
import { count, octets, rate } from '../../words.ts'
import type { PageState } from './page-state.ts'
import type { Standing } from './peers.ts'

export interface Curve {
  readonly title: string
  /** Sealed traffic goes both ways; the second way is dashed. */
  readonly isDashed: boolean
  readonly values: readonly number[]
}

export interface Lane {
  readonly key: 'sealed' | 'exempt' | 'clear' | 'leaked' | 'dropped'
  readonly title: string
  /** Whose colour it has. */
  readonly standing: Standing
  readonly unit: 'octets' | 'packets'
  readonly curves: readonly Curve[]
  /** Why there is nothing to see. */
  readonly absent: string | null
}

export interface Curves {
  /** Seconds since 1970, for all lanes. */
  readonly times: readonly number[]
  readonly lanes: readonly Lane[]
}

export const WINDOW = 600

export function curvesOf({ view, leaked }: Pick<PageState, 'view' | 'leaked'>): Curves {
  const { samples, status } = view
  const one = (values: readonly number[]): readonly Curve[] => [{ title: '', isDashed: false, values }]
  const noGuard = status !== null && status.guard === null ? 'no guard counts it' : null
  const octetLane = { unit: 'octets', absent: noGuard } as const
  return {
    times: samples.map(({ at }) => at),
    lanes: [
      {
        ...{ key: 'sealed', title: 'Sealed', standing: 'sealed', unit: 'octets', absent: null },
        curves: [
          { title: 'out', isDashed: false, values: samples.map(({ sealed }) => sealed.outbound.bytes) },
          { title: 'in', isDashed: true, values: samples.map(({ sealed }) => sealed.inbound.bytes) },
        ],
      },
      {
        ...octetLane,
        key: 'exempt',
        title: 'Exempt',
        standing: 'exempt',
        curves: one(samples.map(({ exempt }) => exempt.bytes)),
      },
      {
        ...{ ...octetLane, key: 'clear', title: 'In clear by rule', standing: 'clear' },
        curves: one(samples.map(({ inClear, permitted }) => inClear.bytes + permitted.bytes)),
      },
      {
        ...{ key: 'leaked', title: 'Leaked', standing: 'leaked', unit: 'octets' },
        absent: status !== null && status.wire === null ? 'nobody watches the wire' : null,
        curves: one(leaked),
      },
      {
        ...{ key: 'dropped', title: 'Dropped', standing: 'failed', unit: 'packets', absent: null },
        curves: one(samples.map(({ droppedPackets }) => droppedPackets)),
      },
    ],
  }
}

export function amount(value: number, unit: Lane['unit']): string {
  if (unit === 'octets') return rate(value)
  return value === 0 ? '–' : `${value < 10 ? value.toFixed(1) : count(value)} packets/s`
}

export function axisAmount(value: number, unit: Lane['unit']): string {
  return unit === 'octets' ? octets(value) : value < 10 ? String(Number(value.toFixed(1))) : count(value)
}

export interface Summary {
  readonly now: number
  readonly mean: number
  readonly peak: number
}

export function summaryOf(values: readonly number[]): Summary {
  const peak = values.reduce((most, value) => Math.max(most, value), 0)
  const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
  return { now: values.at(-1) ?? 0, mean, peak }
}

export interface Minute {
  readonly at: number
  /** The mean of each curve, in the order of lanes and curves. */
  readonly means: readonly number[]
}

/** The newest first: the curves as a table. */
export function minutesOf({ times, lanes }: Curves): readonly Minute[] {
  const minutes = Map.groupBy(times.keys(), index => Math.floor(times[index]! / 60) * 60)
  const curves = lanes.flatMap(lane => lane.curves)
  const mean = (values: readonly number[], indexes: readonly number[]) =>
    indexes.reduce((sum, index) => sum + (values[index] ?? 0), 0) / indexes.length
  return [...minutes]
    .map(([at, indexes]) => ({ at, means: curves.map(({ values }) => mean(values, indexes)) }))
    .toReversed()
}

/** The lines of a lane: the ground, and the peak where there is one. */
export function gridOf(lane: Pick<Lane, 'curves'>): readonly number[] {
  const peak = peakOf(lane)
  return peak === 0 ? [0] : [0, peak]
}

function peakOf({ curves }: Pick<Lane, 'curves'>): number {
  return Math.max(...curves.map(({ values }) => summaryOf(values).peak))
}

/** The top of a scale: what was seen and a little more, never so small that noise fills the lane. */
export function scaleTop(lane: Pick<Lane, 'curves' | 'unit'>): number {
  return Math.max(peakOf(lane) * 1.12, lane.unit === 'octets' ? 100 : 1)
}
