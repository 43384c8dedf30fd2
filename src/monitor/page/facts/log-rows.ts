// The log as rows: the newest first, by level and words.
import type { Level, ToldEvent } from '../../told-event.ts'
import { clockTime } from '../../words.ts'
import { type Column, filterRows } from './table-rows.ts'

export const levels = ['info', 'warning', 'error'] as const satisfies readonly Level[]
export type ShownLevel = (typeof levels)[number]

export const levelWords: Readonly<Record<ShownLevel, string>> = {
  info: 'everything',
  warning: 'warnings and errors',
  error: 'errors',
}

export const logColumns: readonly Column<ToldEvent>[] = [
  { key: 'time', title: 'Time (UTC)', side: 'left', width: 92, spare: 0, grows: 0, text: ({ at }) => clockTime(at) },
  { key: 'level', title: 'Level', side: 'left', width: 80, spare: 1, grows: 0, text: ({ level }) => level },
  { key: 'kind', title: 'Kind', side: 'left', width: 170, spare: 2, grows: 0, text: ({ kind }) => kind },
  { key: 'text', title: 'What', side: 'left', width: 200, spare: 0, text: ({ text }) => text },
]

const rank: Readonly<Record<Level, number>> = { debug: 0, info: 1, warning: 2, error: 3 }

export function logRows(log: readonly ToldEvent[], least: ShownLevel, filter: string): readonly ToldEvent[] {
  const ofLevel = least === 'info' ? log : log.filter(({ level }) => rank[level] >= rank[least])
  return filterRows(
    ofLevel,
    ({ at, level, kind, text }) => `${clockTime(at)} ${level} ${kind} ${text}`,
    filter,
  ).toReversed()
}
