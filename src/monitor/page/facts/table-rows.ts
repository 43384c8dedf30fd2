// Tables as the page shows them: which columns fit, in which order the rows stand, which the filter leaves, and which of them
// are in sight. All of it without a browser.

export interface Column<T> {
  readonly key: string
  readonly title: string
  readonly side: 'left' | 'right'
  /** Pixels that it needs. */
  readonly width: number
  /** Its share of what is over; left out, its width where it is a left one, else nothing. */
  readonly grows?: number
  /** Where the width does not do for all, those with the highest number go first; 0 stays. */
  readonly spare: number
  readonly text: (row: T) => string
  /** Left out: its text. Null stands last in either direction. */
  readonly sorts?: (row: T) => number | string | null
}

export interface Order {
  readonly key: string
  readonly way: 'ascending' | 'descending'
}

export function columnsFor<T>(columns: readonly Column<T>[], width: number): readonly Column<T>[] {
  let kept = columns
  while (kept.reduce((sum, one) => sum + one.width, 0) > width) {
    const most = Math.max(...kept.map(({ spare }) => spare))
    if (most <= 0) break
    kept = kept.filter(({ spare }) => spare !== most)
  }
  return kept
}

export function widthsOf<T>(columns: readonly Column<T>[], width: number): readonly number[] {
  const needed = columns.reduce((sum, one) => sum + one.width, 0)
  const share = ({ grows, side, width: own }: Column<T>) => grows ?? (side === 'left' ? own : 0)
  const shares = columns.reduce((sum, one) => sum + share(one), 0)
  const over = Math.max(0, width - needed)
  return columns.map(one => Math.floor(one.width + (shares === 0 ? 0 : (over * share(one)) / shares)))
}

export function sortRows<T>(rows: readonly T[], columns: readonly Column<T>[], order: Order | undefined): readonly T[] {
  const column = columns.find(({ key }) => key === order?.key)
  if (column === undefined || order === undefined) return rows
  const value = column.sorts ?? column.text
  const sign = order.way === 'ascending' ? 1 : -1
  // Asked once a row, not once a comparison.
  const keyed = rows.map(row => ({ row, value: value(row) }))
  return keyed.sort((a, b) => compare(a.value, b.value, sign)).map(({ row }) => row)
}

const texts = new Intl.Collator('en', { numeric: true })

function compare(a: number | string | null, b: number | string | null, sign: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return sign * (typeof a === 'number' && typeof b === 'number' ? a - b : texts.compare(String(a), String(b)))
}

/** Text comes first from A on, numbers from the largest on; a second press turns it round. */
export function pressed<T>({ key, side }: Column<T>, order: Order | undefined): Order {
  if (order?.key === key) return { key, way: order.way === 'ascending' ? 'descending' : 'ascending' }
  return { key, way: side === 'left' ? 'ascending' : 'descending' }
}

/** Every word has to be somewhere in a row. */
export function filterRows<T>(rows: readonly T[], text: (row: T) => string, filter: string): readonly T[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== '')
  if (words.length === 0) return rows
  return rows.filter(row => {
    const whole = text(row).toLowerCase()
    return words.every(word => whole.includes(word))
  })
}

export interface Sight {
  readonly from: number
  readonly to: number
}

/** Rows in sight, with some more on both sides so that scrolling shows no gap. */
export function sightOf(scrolled: number, height: number, rowHeight: number, rows: number): Sight {
  const more = 8
  const from = Math.max(0, Math.floor(scrolled / rowHeight) - more)
  const to = Math.min(rows, Math.ceil((scrolled + height) / rowHeight) + more)
  return { from: Math.min(from, Math.max(0, to - 1)), to }
}
