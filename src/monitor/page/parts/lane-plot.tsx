// One lane of curves, drawn by uPlot on a canvas. What it shows is said in words beside it.
import { useLayoutEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { axisAmount, gridOf, type Lane, scaleTop, WINDOW } from '../facts/curves.ts'
import { useScreen, useSize } from './use-size.ts'

interface LanePlotProps {
  readonly lane: Lane
  readonly times: readonly number[]
  readonly label: string
  /** The time stands under the last one. */
  readonly isLast: boolean
  /** Changes where colours do. */
  readonly colors: string
}

/** Of the window's height, so that a wall is used; a telephone scrolls. */
const SHARE = 0.075
const LEAST_HEIGHT = 60
const MOST_HEIGHT = 150
const AXIS = 22

export function LanePlot({ lane, times, label, isLast, colors }: LanePlotProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const lastLane = useRef(lane)
  lastLane.current = lane
  const { width } = useSize(box)
  const screen = useScreen()
  const height = Math.round(Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, screen.height * SHARE))) + (isLast ? AXIS : 0)

  // Values go in below, without a new plot.
  useLayoutEffect(() => {
    if (box.current === null || width === 0) return
    const made = new uPlot(
      optionsOf(() => lastLane.current, box.current, width, height, isLast),
      dataOf(times, lane),
      box.current,
    )
    plot.current = made
    return () => {
      made.destroy()
      plot.current = null
    }
  }, [width, height, isLast, colors])
  useLayoutEffect(() => {
    plot.current?.setData(dataOf(times, lane))
  }, [times, lane])

  return <div class="plot" ref={box} role="img" aria-label={label} style={{ height: `${height}px` }} />
}

function dataOf(times: readonly number[], { curves }: Lane): uPlot.AlignedData {
  // The watch on the wire may have begun later than the samples did.
  return [
    [...times],
    ...curves.map(({ values }) => times.map((_, index) => values[index - times.length + values.length] ?? null)),
  ]
}

function optionsOf(lane: () => Lane, within: Element, width: number, height: number, isLast: boolean): uPlot.Options {
  const { unit, standing, curves } = lane()
  const soft = colorOf(within, '--soft')
  const stroke = colorOf(within, `--line-${standing}`)
  const line = colorOf(within, '--hair')
  const font = `11px ${getComputedStyle(within).fontFamily}`
  const fill = colorOf(within, `--wash-${standing}`)
  return {
    ...{ width, height, tzDate: seconds => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') },
    cursor: { show: false },
    legend: { show: false },
    padding: [6, 20, isLast ? 0 : 4, 0],
    scales: {
      x: { range: (_, __, to) => [to - WINDOW, to] },
      y: { range: () => [0, scaleTop(lane())] },
    },
    axes: [
      {
        ...{ show: isLast, stroke: soft, font, size: AXIS, space: 70 },
        ...{ grid: { show: false }, ticks: { stroke: line, size: 4 } },
        values: (_, splits) => splits.map(at => new Date(at * 1000).toISOString().slice(11, 16)),
      },
      {
        ...{ stroke: soft, font, size: 62, gap: 4, ticks: { show: false }, grid: { stroke: line, width: 1 } },
        splits: () => [...gridOf(lane())],
        values: (_, splits) => splits.map(value => axisAmount(value, unit)),
      },
    ],
    series: [
      {},
      ...curves.map(
        ({ isDashed }): uPlot.Series => ({
          ...{ stroke, width: isDashed ? 1.5 : 1.75, points: { show: false } },
          ...(isDashed ? { dash: [5, 4] } : { fill }),
        }),
      ),
    ],
  }
}

/** Canvases need colours that are resolved; a probe asks the style sheet. */
function colorOf(within: Element, name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  within.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
