// Where a command speaks: results to standard output, words for people to standard error when the result is JSON.
// Colour carries meaning and is left out where NO_COLOR is set or nobody looks (no terminal). Exact columns by East
// Asian width and escape sequences are Node's own `stripVTControlCharacters` and a plain length: texts here are Latin.
import { stripVTControlCharacters, styleText } from 'node:util'
import { formatProblem, type Problem } from '../base/result.ts'

export type Style = Parameters<typeof styleText>[0]

/** One meaning, one colour, chosen to be told apart by colour-blind people too (blue, orange, yellow, sky, vermilion). */
export const meaning = {
  protected: 'blueBright',
  keying: 'cyan',
  exempt: 'yellow',
  permitted: 'white',
  leaked: 'redBright',
  blocked: 'magenta',
  'not-ip': 'gray',
  malformed: 'gray',
  'no-policy': 'gray',
} as const satisfies Record<string, Style>

interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface ConsoleOptions {
  readonly output: Output
  readonly errorOutput: Output
  /** The environment's NO_COLOR and FORCE_COLOR have been asked already. */
  readonly color: boolean
  /** The environment's COLUMNS, for output that is no terminal. */
  readonly columns?: number
}

export class Console {
  readonly #output: Output
  readonly #errors: Output
  readonly color: boolean
  readonly #columns: number | undefined

  constructor(options: ConsoleOptions) {
    this.#output = options.output
    this.#errors = options.errorOutput
    this.color = options.color
    this.#columns = options.columns
  }

  /** Of the terminal, or as somebody asked for; undefined where lines may be as long as they are. */
  get columns(): number | undefined {
    return this.#output.columns ?? this.#columns
  }

  /** Columns of the terminal, 40 to 200; 100 where there is none. */
  get width(): number {
    return Math.min(200, Math.max(40, this.columns ?? 100))
  }

  /** Lines of the terminal that the result goes to; undefined where it goes elsewhere. */
  get rows(): number | undefined {
    return this.#output.isTTY === true ? (this.#output.rows ?? 24) : undefined
  }

  /** Whether somebody watches progress. */
  get isWatched(): boolean {
    return this.#errors.isTTY === true
  }

  /** A line of the result. */
  print(line = ''): void {
    this.#output.write(`${line}\n`)
  }

  /** Raw text of the result, for streams of JSON lines. */
  write(text: string): void {
    this.#output.write(text)
  }

  /** What the work prints, as text of this console's width and colour. */
  captured(work: (console: Console) => void): string {
    let text = ''
    const output: Output = {
      write: piece => {
        text += piece
      },
    }
    const { columns, color } = this
    work(new Console({ output, errorOutput: this.#errors, color, ...(columns === undefined ? {} : { columns }) }))
    return text
  }

  json(value: unknown): void {
    this.#output.write(`${JSON.stringify(value, undefined, 2)}\n`)
  }

  /** A line for people that is not part of the result. */
  say(line: string): void {
    this.#errors.write(`${line}\n`)
  }

  problems(problems: readonly Problem[]): void {
    for (const problem of problems) {
      const style: Style = problem.severity === 'error' ? 'redBright' : 'yellow'
      this.say(`${this.style(style, problem.severity)}: ${formatProblem(problem)}`)
    }
  }

  /** Replaces the progress line on a terminal; elsewhere progress is not shown. An empty text clears it. */
  progress(text: string): void {
    if (this.isWatched) this.#errors.write(`\r\x1b[K${text}`)
  }

  style(style: Style, text: string): string {
    return this.color ? styleText(style, text, { validateStream: false }) : text
  }

  /** Rows in aligned columns; a column of `right` is aligned at its right edge. */
  table(rows: readonly (readonly string[])[], right: readonly number[] = []): void {
    const widths: number[] = []
    for (const row of rows) {
      row.forEach((cell, index) => {
        widths[index] = Math.max(widths[index] ?? 0, visibleLength(cell))
      })
    }
    for (const row of rows) {
      const cells = row.map((cell, index) => {
        const gap = ' '.repeat(widths[index]! - visibleLength(cell))
        return right.includes(index) ? gap + cell : cell + gap
      })
      this.print(cells.join('  ').trimEnd())
    }
  }
}

export function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length
}
