// The terminal view as lines: who enforces what, what is wrong, one page of rows, what is said about the chosen one, the keys.
// A function of view, what the person chose, and the terminal's size.
import type { AgentStatus } from '../agent-status.ts'
import type { MonitorView } from '../view.ts'
import type { WireVerdict } from '../wire-status.ts'
import { count, rate, span } from '../words.ts'
import { cutLine, type Line, padded, piece, widthOf } from './line.ts'
import type { Column, Page, Row } from './page.ts'
import { type PageName, pageNames, pageOf } from './pages.ts'

export interface Choices {
  readonly page: PageName
  /** Of the chosen row; the first one where it is not there. */
  readonly key: string | undefined
  readonly filter: string
  /** The filter is being written. */
  readonly isTyping: boolean
}

export const firstChoices: Choices = { page: 'associations', key: undefined, filter: '', isTyping: false }

export interface Size {
  readonly columns: number
  /** Undefined for text that nobody scrolls: everything is shown. */
  readonly rows: number | undefined
}

const MOST_WARNINGS = 3
const GAP = 2

/** The rows that are left of a page by the filter. */
export function shownRows(view: MonitorView, { page, filter }: Pick<Choices, 'page' | 'filter'>): readonly Row[] {
  const words = filter.toLowerCase().split(/\s+/)
  return pageOf(page, view).rows.filter(({ cells }) => {
    const text = cells.join(' ').toLowerCase()
    return words.every(word => text.includes(word))
  })
}

export function screenOf(view: MonitorView, choices: Choices, { columns, rows: height }: Size): readonly Line[] {
  const page = pageOf(choices.page, view)
  const rows = shownRows(view, choices)
  const at = Math.max(
    0,
    rows.findIndex(({ key }) => key === choices.key),
  )
  const chosen = rows[at]
  const head = headOf(view, choices)
  const isInteractive = height !== undefined
  const details = chosen === undefined || !isInteractive ? [] : page.details(chosen.key)
  const foot = isInteractive ? [footOf(choices, rows.length, page.rows.length)] : []
  const room = isInteractive ? Math.max(1, height - head.length - foot.length - 1) : rows.length
  // The ladder of a negotiation may take half of the room, and shows its end.
  const detailRoom = Math.min(details.length, Math.max(0, Math.floor(room / 2) - 1))
  const shownDetails = details.slice(details.length - detailRoom)
  const rowRoom = Math.max(1, room - (detailRoom === 0 ? 0 : detailRoom + 1))
  const from = Math.min(Math.max(0, at - Math.floor(rowRoom / 2)), Math.max(0, rows.length - rowRoom))
  const visible = rows.slice(from, from + rowRoom)
  const table = tableOf(page, visible, columns, isInteractive ? chosen?.key : undefined)
  const body =
    rows.length === 0 ? [[piece(choices.filter === '' ? page.empty : 'Nothing fits the filter.', 'dim')]] : table.rows
  const fill = isInteractive ? Math.max(0, rowRoom - body.length) : 0
  const lines: readonly Line[] = [
    ...[...head, table.head, ...body],
    ...Array.from({ length: fill }, (): Line => []),
    ...(detailRoom === 0 ? [] : [[piece('─'.repeat(columns), 'dim')], ...shownDetails]),
    ...foot,
  ]
  return lines.slice(0, height).map(line => cutLine(line, columns))
}

function headOf(view: MonitorView, { page }: Choices): readonly Line[] {
  const { status, connection, lostBecause } = view
  const tabs: Line = pageNames.flatMap((name, index) => [
    piece(`${index + 1} `, 'dim'),
    piece(name, name === page ? 'chosen' : undefined),
    piece('  '),
  ])
  if (status === null) return [[piece('No word from the agent yet.')], [], tabs]
  const lost: readonly Line[] =
    connection === 'lost'
      ? [[piece(`! The agent is not reached: ${lostBecause ?? ''}. What follows is old.`, 'bad')]]
      : []
  const { warnings } = status
  const shown = warnings.slice(0, MOST_WARNINGS).map((text): Line => [piece(`! ${text}`, 'bad')])
  const more = warnings.length - shown.length
  return [
    ...firstLines(view, status),
    ...lost,
    ...shown,
    ...(more > 0 ? [[piece(`! and ${more} more: sealwire status`, 'bad')]] : []),
    [],
    tabs,
  ]
}

function firstLines({ samples }: MonitorView, status: AgentStatus): readonly Line[] {
  const { policy, setting, guard, state, at, since, addresses, inClear, wire } = status
  const last = samples.at(-1)
  const isOn = state === 'up' && status.dataPlane['isAnswering'] === true
  const value = setting.name === null ? '' : `  ${setting.name} ${setting.value}`
  return [
    [
      piece(isOn ? 'IP Security is enabled' : `IP Security: ${state.replace('-', ' ')}`, isOn ? 'good' : 'bad'),
      piece(`  ${policy.name}`, 'bold'),
      piece(`  ${policy.profile}${value}`),
      piece(`  ${addresses.join(', ')}  up ${span(at - since)}`, 'dim'),
    ],
    [
      piece(`out ${rate(last?.sealed.outbound.bytes ?? 0)}  in ${rate(last?.sealed.inbound.bytes ?? 0)} sealed`),
      piece(`   exempt ${rate(last?.exempt.bytes ?? 0)}`),
      piece(
        `   in clear ${inClear.length === 0 ? 'nobody' : inClear.length === 1 ? '1 pair' : `${inClear.length} pairs`}`,
        inClear.length === 0 ? undefined : 'bad',
      ),
      piece(`   guard ${guardWords(guard)}`, guard?.isThere === true ? undefined : 'bad'),
      ...wirePieces(wire),
    ],
  ]
}

function guardWords(guard: AgentStatus['guard']): string {
  if (guard === null) return 'none'
  return guard.isThere ? 'in place' : 'NOT in place'
}

/** Nothing where nothing is to be told. */
function wirePieces(wire: AgentStatus['wire']): Line {
  if (wire === null) return [piece('   wire not watched', 'dim')]
  const packets = (verdict: WireVerdict) =>
    wire.verdicts.filter(one => one.verdict === verdict).reduce((sum, one) => sum + one.packets, 0)
  const [leaked, received] = [packets('leaked'), packets('received-in-clear')]
  return [
    ...(leaked === 0 ? [] : [piece(`   LEAKED ${count(leaked)}`, 'bad')]),
    ...(received === 0 ? [] : [piece(`   received in clear ${count(received)}`, 'note')]),
  ]
}

function footOf({ filter, isTyping }: Choices, shown: number, all: number): Line {
  if (isTyping)
    return [piece('/', 'bold'), piece(filter), piece('▏'), piece('  Enter keeps it, Esc takes it away', 'dim')]
  const filtered = filter === '' ? (all === 1 ? 'one row' : `${all} rows`) : `${shown} of ${all} with “${filter}”`
  return [piece('q quit   ← → page   ↑ ↓ row   / filter', 'dim'), piece(`   ${filtered}`, 'dim')]
}

/** Columns take what their cells need; where that is too much the spare ones go, then the widest give way. */
function tableOf({ columns }: Page, rows: readonly Row[], width: number, chosen: string | undefined) {
  const needs = columns.map(({ title }, index) =>
    rows.reduce((most, { cells }) => Math.max(most, widthOf(cells[index] ?? '')), widthOf(title)),
  )
  const kept = keptColumns(columns, needs, width)
  const widths = squeezed(
    kept.map(index => needs[index]!),
    width,
  )
  const text = (cells: readonly string[]) =>
    kept.map((index, place) => padded(cells[index] ?? '', widths[place]!, columns[index]!.side)).join(' '.repeat(GAP))
  return {
    head: [piece(text(columns.map(({ title }) => title)), 'bold')] as Line,
    rows: rows.map(
      ({ key, cells, style }): Line => [
        piece(text(cells.map(cell => piece(cell).text)), key === chosen ? 'chosen' : style),
      ],
    ),
  }
}

/** A left column may be cut to this many columns before another one goes. */
const NARROW = 14

function keptColumns(columns: readonly Column[], needs: readonly number[], width: number): readonly number[] {
  let kept = columns.map((_, index) => index)
  const least = (index: number) => (columns[index]!.side === 'left' ? Math.min(needs[index]!, NARROW) : needs[index]!)
  const total = () => kept.reduce((sum, index) => sum + least(index) + GAP, -GAP)
  while (total() > width) {
    const most = Math.max(...kept.map(index => columns[index]!.spare))
    if (most === 0) break
    kept = kept.filter(index => columns[index]!.spare !== most)
  }
  return kept
}

function squeezed(needs: readonly number[], width: number): readonly number[] {
  const widths = [...needs]
  let over = widths.reduce((sum, one) => sum + one + GAP, -GAP) - width
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    if (widths[widest]! <= 4) break
    const next = Math.max(4, ...widths.filter(one => one < widths[widest]!))
    const less = Math.min(over, Math.max(1, widths[widest]! - next))
    widths[widest]! -= less
    over -= less
  }
  return widths
}
