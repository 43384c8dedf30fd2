// Where the agent's events are written: one JSON object a line where a program reads, one readable line where a person
// does, fields where systemd's journal listens. Strange characters of peers are escaped, so that nobody writes lines of somebody else's log. Own lines and no
// library: see docs/decisions/0009-own-log-lines.md.
import { unprintable } from '../base/printable.ts'
import type { Level, ToldEvent } from '../monitor/told-event.ts'
import { journalEntry, linesOf, priorities } from './journal-entry.ts'

export type LogForm =
  /** For collectors. */
  | 'json'
  /** JSON behind the priority that journald reads (sd-daemon(3)). */
  | 'journal'
  | 'words'

export interface LogOptions {
  readonly form: LogForm
  readonly write: (text: string) => void
  /** With the form `journal`: takes an entry with fields, or answers false, and a line is written. */
  readonly enter?: (entry: Uint8Array) => boolean
  /** Less than this is not written. */
  readonly least?: Level
  /** Styles for a terminal; left out, none. */
  readonly paint?: (level: Level, text: string) => string
}

const weights: Readonly<Record<Level, number>> = { debug: 0, info: 1, warning: 2, error: 3 }

export class Log {
  readonly #options: LogOptions

  constructor(options: LogOptions) {
    this.#options = options
  }

  write(event: ToldEvent): void {
    const { form, write, enter, least = 'info', paint } = this.#options
    if (weights[event.level] < weights[least]) return
    if (form === 'journal' && enter?.(journalEntry(event)) === true) return
    if (form === 'words') {
      const line = wordsOf(event)
      write(`${paint === undefined ? line : paint(event.level, line)}\n`)
      return
    }
    write(
      `${form === 'journal' ? `<${priorities[event.level]}>` : ''}${inPlainLetters(JSON.stringify(recordOf(event)))}\n`,
    )
  }
}

function recordOf({ at, level, kind, text, fields }: ToldEvent) {
  return { time: timeOf(at), level, event: kind, message: text, ...fields }
}

/** The same JSON: what a terminal would act on is written by its number. */
function inPlainLetters(json: string): string {
  return json.replaceAll(unprintable, found =>
    // Those above U+FFFF are two in JSON's escapes.
    [...Array(found.length).keys()].map(at => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

function wordsOf(event: ToldEvent): string {
  const mark = event.level === 'warning' || event.level === 'error' ? `${event.level}: ` : ''
  const [text, ...problems] = linesOf(event)
  return [`${timeOf(event.at).slice(11, 19)}  ${mark}${text}`, ...problems.map(one => `          ${one}`)].join('\n')
}

function timeOf(at: number): string {
  return new Date(at * 1000).toISOString()
}
