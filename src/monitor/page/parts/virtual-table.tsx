// A table of which only the rows in sight are drawn, however many there are. Columns give way where it is narrow; heads sort;
// one row is reached by Tab, the others by arrows, Home, End and Page keys; Enter opens what is said about a row.
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type Column, columnsFor, type Order, pressed, sightOf, widthsOf } from '../facts/table-rows.ts'
import { useSize } from './use-size.ts'

interface VirtualTableProps<T> {
  readonly label: string
  readonly columns: readonly Column<T>[]
  /** Sorted and filtered. */
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly classOf?: (row: T) => string
  /** Left out where the order is fixed. */
  readonly order?: Order | undefined
  readonly onOrder?: (order: Order) => void
  readonly opened: string | undefined
  readonly onOpen: (key: string | undefined) => void
  readonly empty: string
}

/** Before details close that have the focus: it goes back to the row they are of, or to another one in sight. */
export function focusOpened(): void {
  const row = document.querySelector<HTMLElement>('.virtual tr.opened button')
  const other = document.querySelector<HTMLElement>('.virtual tbody button[tabindex="0"]')
  ;(row ?? other)?.focus()
}

const FIRST_GUESS = 32

export function VirtualTable<T>(props: VirtualTableProps<T>) {
  const { label, rows, keyOf, order, onOrder, opened, empty } = props
  const box = useRef<HTMLDivElement>(null)
  const body = useRef<HTMLTableSectionElement>(null)
  const { width, height } = useSize(box)
  const [scrolled, setScrolled] = useState(0)
  const [rowHeight, setRowHeight] = useState(FIRST_GUESS)
  const [active, setActive] = useState<string>()
  const [wantsFocus, setWantsFocus] = useState(false)
  const columns = columnsFor(props.columns, width)
  const widths = widthsOf(columns, width)
  const sight = sightOf(scrolled, height, rowHeight, rows.length)
  const activeAt = Math.max(
    0,
    rows.findIndex(row => keyOf(row) === active),
  )
  // Where what is active has scrolled out of sight, Tab still has to reach a row.
  const reached = activeAt >= sight.from && activeAt < sight.to ? activeAt : sight.from

  useLayoutEffect(() => {
    const measured = body.current?.querySelector('tr[data-row]')?.getBoundingClientRect().height ?? 0
    if (measured > 0 && measured !== rowHeight) setRowHeight(measured)
    if (!wantsFocus) return
    setWantsFocus(false)
    const button = body.current?.querySelector<HTMLElement>(`tr[data-row="${activeAt}"] button`)
    button?.focus({ preventScroll: true })
    button?.closest('tr')?.scrollIntoView({ block: 'nearest' })
  })

  const move = (to: number) => {
    const at = Math.min(rows.length - 1, Math.max(0, to))
    const row = rows[at]
    const { current } = box
    if (row === undefined || current === null) return
    setActive(keyOf(row))
    const head = body.current?.offsetTop ?? 0
    const top = at * rowHeight
    const room = current.clientHeight - head
    if (top < current.scrollTop) current.scrollTop = top
    else if (top + rowHeight > current.scrollTop + room) current.scrollTop = top + rowHeight - room
    setScrolled(current.scrollTop)
    setWantsFocus(true)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height / rowHeight) - 2)
    const steps: Readonly<Record<string, number>> = {
      ...{ ArrowDown: reached + 1, ArrowUp: reached - 1, PageDown: reached + page, PageUp: reached - page },
      ...{ Home: 0, End: rows.length - 1 },
    }
    const to = steps[event.key]
    if (to === undefined) return
    event.preventDefault()
    move(to)
  }

  const spacer = (of: number) => (of <= 0 ? null : <tr class="spacer" style={{ height: `${of * rowHeight}px` }} />)
  return (
    <div class="scroll" ref={box} onScroll={event => setScrolled(event.currentTarget.scrollTop)}>
      <table class="virtual" aria-label={label} aria-rowcount={rows.length + 1}>
        <colgroup>
          {columns.map(({ key }, index) => (
            <col key={key} style={{ width: `${widths[index]}px` }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(column => (
              <Head key={column.key} column={column} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {spacer(sight.from)}
          {rows.slice(sight.from, sight.to).map((row, index) => (
            <Row
              key={keyOf(row)}
              {...{ row, columns, at: sight.from + index, isReached: sight.from + index === reached }}
              isOpened={keyOf(row) === opened}
              className={props.classOf?.(row) ?? ''}
              onKeyDown={onKeyDown}
              onPress={() => {
                setActive(keyOf(row))
                props.onOpen(keyOf(row) === opened ? undefined : keyOf(row))
              }}
            />
          ))}
          {spacer(rows.length - sight.to)}
        </tbody>
      </table>
      {rows.length === 0 ? <p class="empty">{empty}</p> : null}
    </div>
  )
}

interface HeadProps<T> {
  readonly column: Column<T>
  readonly order: Order | undefined
  readonly onOrder: ((order: Order) => void) | undefined
}

function Head<T>({ column, order, onOrder }: HeadProps<T>) {
  const { key, title, side } = column
  const way = order?.key === key ? order.way : undefined
  if (onOrder === undefined)
    return (
      <th scope="col" class={side}>
        {title}
      </th>
    )
  return (
    <th scope="col" class={side} aria-sort={way ?? 'none'}>
      <button type="button" class="sort" onClick={() => onOrder(pressed(column, order))}>
        {title}
        <span class="way" aria-hidden="true">
          {way === undefined ? '' : way === 'ascending' ? '▲' : '▼'}
        </span>
      </button>
    </th>
  )
}

interface RowProps<T> {
  readonly row: T
  readonly at: number
  readonly columns: readonly Column<T>[]
  readonly isReached: boolean
  readonly isOpened: boolean
  readonly className: string
  readonly onPress: () => void
  readonly onKeyDown: (event: KeyboardEvent) => void
}

function Row<T>({ row, at, columns, isReached, isOpened, className, onPress, onKeyDown }: RowProps<T>) {
  return (
    // The button in it does the same for keyboards and screen readers.
    <tr aria-rowindex={at + 2} data-row={at} class={`${className}${isOpened ? ' opened' : ''}`} onClick={onPress}>
      {columns.map(({ key, side, text }, index) => (
        <td key={key} class={side} title={text(row)}>
          {index === 0 ? (
            <button
              type="button"
              class="open"
              tabIndex={isReached ? 0 : -1}
              aria-expanded={isOpened}
              onKeyDown={onKeyDown}
              onClick={event => {
                event.stopPropagation()
                onPress()
              }}
            >
              {text(row)}
            </button>
          ) : (
            text(row)
          )}
        </td>
      ))}
    </tr>
  )
}
