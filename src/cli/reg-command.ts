// What the commands of `sealwire reg` have in common: words in reg.exe's form after the command, --state and --json, and
// that every fault of the words is said before anything is done.
import type { Problem } from '../base/result.ts'
import { pathFault } from '../settings/registry-name.ts'
import { stateOption } from './agent-options.ts'
import { type CommandSpec, jsonOption, type OptionSpec } from './command.ts'
import { machineCannot, RegRun } from './reg-change.ts'
import { type RegSyntax, type RegWords, readRegWords } from './reg-words.ts'

export interface RegCommand {
  readonly name: string
  readonly summary: string
  /** As reg.exe writes it. */
  readonly usage: string
  readonly description: string
  readonly syntax: RegSyntax
  readonly options?: readonly OptionSpec[]
  readonly examples: readonly string[]
  run(run: RegRun, words: RegWords): Promise<number> | number
}

export function regCommand({
  name,
  summary,
  usage,
  description,
  syntax,
  options = [],
  examples,
  run,
}: RegCommand): CommandSpec {
  return {
    name: `reg ${name}`,
    summary,
    description: `${usage}. ${description}`,
    arguments: [{ name: '[words...]', description: usage }],
    options: [...options, stateOption, jsonOption],
    examples: examples.map(line => `sealwire reg ${name}${line === '' ? '' : ` ${line}`}`),
    async run(input, console) {
      try {
        const reg = new RegRun(input, console)
        const words = readRegWords(input.arguments, syntax)
        const keys = words.names.filter((_, index) => syntax.names[index]?.startsWith('KEY') === true)
        const problems = [...words.problems, ...keys.flatMap(keyProblems)]
        return problems.length > 0 ? reg.wrong(problems) : await run(reg, words)
      } catch (error) {
        return machineCannot(error, console)
      }
    },
  }
}

function keyProblems(path: string): readonly Problem[] {
  const fault = path.startsWith('\\\\') ? 'another machine’s registry cannot be reached from here' : pathFault(path)
  return fault === undefined ? [] : [{ severity: 'error', where: path, what: `Invalid key name: ${fault}`, hint: '' }]
}

/** The name of a value that the words mean: of /v, or the default value by /ve. */
export function valueName({ switches }: RegWords): string | undefined {
  const { v, ve } = switches
  return ve === true ? '' : typeof v === 'string' ? v : undefined
}

export function textOfSwitch({ switches }: RegWords, name: string): string | undefined {
  const text = switches[name]
  return typeof text === 'string' ? text : undefined
}
