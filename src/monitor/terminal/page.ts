// What a page of the terminal view is: a table, and what is said about the row that is chosen.
import type { Line, Style } from './line.ts'

export interface Column {
  readonly title: string
  readonly side: 'left' | 'right'
  /** Where the width does not do for all, those with the highest number go first; 0 stays. */
  readonly spare: number
}

export interface Row {
  /** Stays the same while the view changes. */
  readonly key: string
  readonly cells: readonly string[]
  readonly style?: Style | undefined
}

export interface Page {
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
  /** Instead of rows, where there are none. */
  readonly empty: string
  readonly details: (key: string) => readonly Line[]
}
