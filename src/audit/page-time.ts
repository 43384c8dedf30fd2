// Verdicts over time as a picture: all packets as stacked bars, below them a lane for each verdict with its own measure, in
// which a single packet is seen. The same in numbers stands in a table.
import { html, type Markup } from './page-markup.ts'
import { count, duration, group, moment, timeOfDay } from './page-numbers.ts'
import { named, numbers, tableOf, worstFirst } from './page-verdicts.ts'
import type { TimelineReport } from './timeline.ts'
import type { Verdict } from './verdict.ts'

/** Pixels. */
const CHART = 150
const LANE = 30
/** Less is not seen. */
const LEAST = 2
const ROWS = 12

export function timeSection(timeline: TimelineReport | undefined, id: string): Markup {
  if (timeline === undefined) return html``
  const { start, bucketSeconds, packets, copiesNotPlaced } = timeline
  const present = worstFirst.filter(verdict => packets[verdict] !== undefined)
  const buckets = packets[present[0]!]!.length
  const sums = Array.from({ length: buckets }, (_, at) => present.reduce((sum, v) => sum + packets[v]![at]!, 0))
  const most = Math.max(...sums)
  const end = start + buckets * bucketSeconds
  const each = duration(bucketSeconds)
  const what = `Packets over time by verdict, from ${moment(start, bucketSeconds)} to ${moment(end, bucketSeconds)} UTC, ${each} a bar, at most ${group(most)} packets in one. The table below has the numbers.`
  return html`<section><h3 id="${id}">Over time</h3>
<figure><svg class="chart" width="100%" height="${CHART}" role="img" aria-label="${what}"><title>${what}</title>
<line class="grid" x1="0" x2="100%" y1=".5" y2=".5"/><line class="grid" x1="0" x2="100%" y1="${CHART / 2}" y2="${CHART / 2}"/>
${stacks(timeline, present, sums, most)}<line class="axis" x1="0" x2="100%" y1="${CHART - 0.5}" y2="${CHART - 0.5}"/><text x="0" y="13">${group(most)}</text></svg>
${ticks(timeline, buckets)}
<div class="lanes" aria-hidden="true">${present.map(verdict => lane(verdict, packets[verdict]!))}</div>
<figcaption>All times are UTC. Each bar is ${each}; the highest has ${count(most, 'packet')}. Each lane has a measure of its own, named beside it.${
    copiesNotPlaced === 0
      ? ''
      : ` ${count(copiesNotPlaced, 'opened copy', 'opened copies')} between further hosts stand under leaked here, and under protected in the sums.`
  }</figcaption></figure>
${inNumbers(timeline, present, buckets)}</section>`
}

function stacks(
  { packets, start, bucketSeconds }: TimelineReport,
  present: readonly Verdict[],
  sums: readonly number[],
  most: number,
): readonly Markup[] {
  const width = 100 / sums.length
  return sums.flatMap((sum, at) => {
    if (sum === 0) return []
    let y = CHART
    const bars = present.toReversed().flatMap(verdict => {
      const here = packets[verdict]![at]!
      if (here === 0) return []
      const height = Math.max(LEAST, (here / most) * (CHART - 4))
      y -= height
      return [bar(verdict, at * width, Math.max(0, y), width, height)]
    })
    const parts = present.filter(v => packets[v]![at]! > 0).map(v => `${v} ${group(packets[v]![at]!)}`)
    const when = timeOfDay(start + at * bucketSeconds, bucketSeconds)
    return [html`<g><title>${when}: ${parts.join(', ')}</title>${bars}</g>`]
  })
}

function bar(verdict: Verdict, x: number, y: number, width: number, height: number): Markup {
  return html`<rect class="v-${verdict}" x="${x.toFixed(3)}%" y="${y.toFixed(1)}" width="${width.toFixed(3)}%" height="${height.toFixed(1)}"/>`
}

function lane(verdict: Verdict, packets: readonly number[]): Markup {
  const most = Math.max(...packets)
  const width = 100 / packets.length
  const bars = packets.flatMap((here, at) => {
    if (here === 0) return []
    const height = Math.max(4, (here / most) * LANE)
    return [bar(verdict, at * width, LANE - height, width, height)]
  })
  return html`<div class="lane"><p>${named(verdict)} <small>at most ${group(most)}</small></p><svg width="100%" height="${LANE}" focusable="false"><line class="axis" x1="0" x2="100%" y1="${LANE - 0.5}" y2="${LANE - 0.5}"/>${bars}</svg></div>`
}

function ticks({ start, bucketSeconds }: TimelineReport, buckets: number): Markup {
  const at = [0, 0.25, 0.5, 0.75, 1]
  const step = (buckets * bucketSeconds) / 20
  const words = at.map(share => timeOfDay(start + share * buckets * bucketSeconds, step))
  return html`<div class="ticks" aria-hidden="true">${words.map(word => html`<span>${word}</span>`)}</div>`
}

/** A dozen periods at most: as much as a person reads. */
function inNumbers({ start, bucketSeconds, packets }: TimelineReport, present: readonly Verdict[], buckets: number) {
  const each = Math.ceil(buckets / ROWS)
  const rows = Array.from({ length: Math.ceil(buckets / each) }, (_, row) => {
    const from = row * each
    const sums = present.map(verdict => packets[verdict]!.slice(from, from + each).reduce((sum, n) => sum + n, 0))
    const when = moment(start + from * bucketSeconds, (each * bucketSeconds) / 10)
    return html`<tr><th scope="row">${when}</th><td class="number">${duration(Math.min(each, buckets - from) * bucketSeconds)}</td>${sums.map(
      sum => html`<td class="number">${group(sum)}</td>`,
    )}</tr>`
  })
  const caption = 'Packets by verdict in equal periods'
  return tableOf(caption, ['From (UTC)', numbers('For'), ...present.map(numbers)], rows, caption)
}
