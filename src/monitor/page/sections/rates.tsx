// What passes a second, for each verdict a lane with a scale of its own, over ten minutes; the same as numbers for who would
// rather read.
import { useMemo } from 'preact/hooks'
import { clockTime } from '../../words.ts'
import { amount, type Curves, curvesOf, type Lane, minutesOf, summaryOf } from '../facts/curves.ts'
import type { PageState } from '../facts/page-state.ts'
import { LanePlot } from '../parts/lane-plot.tsx'
import { Mark } from '../parts/mark.tsx'

interface RatesProps {
  readonly state: PageState
  readonly colors: string
}

export function Rates({ state, colors }: RatesProps) {
  const { view, leaked } = state
  const curves = useMemo(() => curvesOf({ view, leaked }), [view.samples, leaked, view.status?.guard === null])
  return (
    <section class="rates card" aria-labelledby="rates-title">
      <h2 id="rates-title">Rates, ten minutes</h2>
      {curves.lanes.map((lane, index) => (
        <div class="lane" key={lane.key}>
          <LaneHead lane={lane} />
          <LanePlot
            {...{ lane, colors, times: curves.times, label: laneWords(lane) }}
            isLast={index === curves.lanes.length - 1}
          />
        </div>
      ))}
      <details>
        <summary>The same as a table</summary>
        <RatesTable curves={curves} />
      </details>
    </section>
  )
}

function LaneHead({ lane }: { readonly lane: Lane }) {
  return (
    <div class="lane-head">
      <h3>
        <Mark standing={lane.standing} /> {lane.title}
      </h3>
      <p>
        {lane.absent ??
          lane.curves.map(({ title, isDashed, values }) => (
            <span class="value" key={title}>
              {title === '' ? null : (
                <svg class="sample" viewBox="0 0 24 10" aria-hidden="true" focusable="false">
                  <path class={`thin t-${lane.standing}`} d="M1 5H23" stroke-dasharray={isDashed ? '5 4' : undefined} />
                </svg>
              )}
              {`${title} ${amount(summaryOf(values).now, lane.unit)}`}
            </span>
          ))}
      </p>
    </div>
  )
}

function laneWords({ title, absent, curves, unit }: Lane): string {
  if (absent !== null) return `${title}: ${absent}`
  const words = curves.map(curve => {
    const { now, peak } = summaryOf(curve.values)
    return `${curve.title} now ${amount(now, unit)}, at most ${amount(peak, unit)}`
  })
  return `${title}: ${words.join('; ')}`
}

function RatesTable({ curves }: { readonly curves: Curves }) {
  const heads = curves.lanes.flatMap(({ title, unit, curves: own }) =>
    own.map(curve => ({ title: curve.title === '' ? title : `${title} ${curve.title}`, unit })),
  )
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section class="wide" aria-label="Mean rates by minute" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Minute (UTC)</th>
            {heads.map(({ title }) => (
              <th scope="col" class="right" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {minutesOf(curves).map(({ at, means }) => (
            <tr key={at}>
              <th scope="row">{clockTime(at).slice(0, 5)}</th>
              {means.map((mean, index) => (
                <td class="right" key={heads[index]!.title}>
                  {amount(mean, heads[index]!.unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
