// For tests of commands: one run as a person or a script meets it, with what it wrote.
import type { CommandInput, CommandSpec } from './command.ts'
import { Console } from './console.ts'

export interface Ran {
  readonly status: number
  /** Standard output. */
  readonly out: string
  /** Standard error. */
  readonly said: string
}

export async function runCommand(
  command: CommandSpec,
  words: readonly string[],
  options: CommandInput['options'] = {},
): Promise<Ran> {
  const [out, said]: string[][] = [[], []]
  const console = new Console({
    output: { write: text => out!.push(text) },
    errorOutput: { write: text => said!.push(text) },
    color: false,
  })
  const status = await command.run({ arguments: words, options }, console)
  return { status, out: out!.join(''), said: said!.join('') }
}
