// What a command is: one row of the table that the argument parser, the help, the shell completion and the manual pages
// are made from. Exit status everywhere: 0 fine, 1 the answer is "no", 2 the input is wrong, 3 the machine cannot do it.
import type { Console } from './console.ts'

export const FINE = 0
export const ANSWER_IS_NO = 1
export const WRONG_INPUT = 2
export const MACHINE_CANNOT = 3

/** What the shell completes a value with: fixed words, or the names of files. */
export type Values = readonly string[] | 'file'

export interface OptionSpec {
  /** As commander writes them: `--policy <file>`, `--json`, `--no-default-exempt <value...>`. */
  readonly flags: string
  /** The property that the value arrives under in `options`. */
  readonly key: string
  readonly description: string
  readonly values?: Values
  readonly required?: boolean
  /** The variable of the environment that counts where the option is left out. */
  readonly environment?: string
}

export interface ArgumentSpec {
  /** `<capture...>`, `[file]`. */
  readonly name: string
  readonly description: string
  readonly values?: Values
}

export interface CommandInput {
  /** Positional arguments; those of a variadic argument stand one by one. */
  readonly arguments: readonly string[]
  /** By the keys of the specs; a string, a list of strings for `<value...>`, or true. */
  readonly options: Readonly<Record<string, string | readonly string[] | true | undefined>>
}

export interface CommandSpec {
  /** The words behind `sealwire`: `audit`, `policy check`. */
  readonly name: string
  readonly summary: string
  /** More than the summary, for `--help` and the manual page: full sentences. */
  readonly description?: string
  readonly arguments?: readonly ArgumentSpec[]
  readonly options: readonly OptionSpec[]
  /** Its arguments are another program's words: what looks like an option and is none of these is one of them. */
  readonly isRaw?: true
  /** Whole command lines that work as they stand. */
  readonly examples?: readonly string[]
  /** Answers the exit status. A fault of the input is said through the console and answered with 2, never thrown. */
  run(input: CommandInput, console: Console): Promise<number> | number
}

export const jsonOption: OptionSpec = {
  flags: '--json',
  key: 'json',
  description: 'print one JSON value on standard output; words for people go to standard error',
}

export function textOption(input: CommandInput, key: string): string | undefined {
  const value = input.options[key]
  return typeof value === 'string' ? value : undefined
}
