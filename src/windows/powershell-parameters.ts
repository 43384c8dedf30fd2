// The parameters of one call of a command: names may be shortened to what is unique, a table may be splatted. Each is asked
// for by its kind; what is wrong with it, what is not known and what comes twice are problems with their lines.
import { failure, type Problem, success } from '../base/result.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { meaning, problem, quoted, readList } from './connection-security-cells.ts'
import { booleanOf, entriesOf, type PowerShellValue, type Scalar, textOfValue } from './powershell-value.ts'

/** `switch` takes no value; all others take the one behind them. */
export interface ParameterNames {
  /** By the name that is documented. */
  readonly names: readonly string[]
  readonly switches: readonly string[]
  readonly aliases?: Readonly<Record<string, string>>
}

export interface GivenParameter {
  readonly name: string
  readonly line: number
  /** Absent for a parameter without one. */
  readonly value?: PowerShellValue
}

/** Of every command; none of them changes what a rule says. */
const commonNames = [
  'ErrorAction',
  'ErrorVariable',
  'WarningAction',
  'WarningVariable',
  'InformationAction',
  'InformationVariable',
  'OutVariable',
  'OutBuffer',
  'PipelineVariable',
  'CimSession',
  'ThrottleLimit',
]
const commonSwitches = ['Verbose', 'Debug', 'Confirm', 'AsJob', 'PassThru', 'WhatIf']
const commonAliases: Readonly<Record<string, string>> = {
  ea: 'ErrorAction',
  wa: 'WarningAction',
  ov: 'OutVariable',
  vb: 'Verbose',
  cf: 'Confirm',
  wi: 'WhatIf',
  session: 'CimSession',
}

/** The parameter that a name is or begins; undefined, with what is wrong, where there is none or more than one. */
export function parameterNamed(
  name: string,
  known: ParameterNames,
): Cell<{ readonly name: string; readonly isSwitch: boolean }> {
  const lower = name.toLowerCase()
  const aliases = { ...commonAliases, ...known.aliases }
  const alias = Object.entries(aliases).find(([short]) => short.toLowerCase() === lower)?.[1]
  const own = [...known.names, ...known.switches]
  const all = [...own, ...commonNames, ...commonSwitches]
  const exact = alias ?? all.find(one => one.toLowerCase() === lower)
  const begun = exact === undefined ? own.filter(one => one.toLowerCase().startsWith(lower)) : [exact]
  if (begun.length > 1)
    return failure({ what: `-${name} may be ${begun.map(one => `-${one}`).join(' or ')}`, hint: 'write more of it' })
  const [found] = begun
  if (found === undefined)
    return failure({ what: `the parameter -${name.slice(0, 40)} is not known`, hint: meaning(name, own) })
  return success({ name: found, isSwitch: known.switches.includes(found) || commonSwitches.includes(found) })
}

export class CallParameters {
  readonly at: string
  readonly #given = new Map<string, GivenParameter>()
  readonly #where: string
  readonly #problems: Problem[]

  constructor(given: readonly GivenParameter[], where: string, line: number, problems: Problem[]) {
    this.#where = where
    this.at = `${where}:${line}`
    this.#problems = problems
    for (const parameter of given) {
      if (this.#given.has(parameter.name)) this.wrong(parameter.name, 'it comes twice', 'write it once')
      else this.#given.set(parameter.name, parameter)
    }
    if (this.isOn('WhatIf')) this.wrong('WhatIf', 'with -WhatIf the command changes nothing', 'leave it out')
  }

  wrong(name: string, what: string, hint = ''): void {
    const line = this.#given.get(name)?.line
    this.#problems.push(problem(line === undefined ? this.at : `${this.#where}:${line}`, `-${name}: ${what}`, hint))
  }

  get names(): readonly string[] {
    return [...this.#given.keys()]
  }

  has(name: string): boolean {
    return this.#given.has(name)
  }

  value(name: string): PowerShellValue | undefined {
    return this.#given.get(name)?.value
  }

  isOn(name: string): boolean {
    const given = this.#given.get(name)
    return given !== undefined && (given.value === undefined || booleanOf(given.value) === true)
  }

  text(name: string): string | undefined {
    if (!this.has(name)) return undefined
    const value = this.value(name) ?? null
    const entries = entriesOf(value)
    const text = entries.length === 1 ? textOfValue(entries[0]!) : undefined
    if (text !== undefined) return text
    this.wrong(name, entries.length === 0 ? 'it has no value' : 'it takes one text', 'write one value behind it')
    return undefined
  }

  /** Texts; `AH,ESP` in one text are two, as enumerations of flags are written. */
  texts(name: string): readonly string[] | undefined {
    if (!this.has(name)) return undefined
    const texts = entriesOf(this.value(name) ?? null).map(textOfValue)
    if (texts.length === 0 || texts.includes(undefined)) {
      this.wrong(name, texts.length === 0 ? 'it has no value' : 'it takes texts', 'write values behind it')
      return undefined
    }
    return texts.flatMap(text => text!.split(',').map(part => part.trim()))
  }

  read<T>(name: string, reader: (text: string) => Cell<T>): { readonly value: T } | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : this.#cell(name, reader(text))
  }

  readAll<T>(name: string, reader: (texts: readonly string[]) => Cell<T>): { readonly value: T } | undefined {
    const texts = this.texts(name)
    return texts === undefined ? undefined : this.#cell(name, reader(texts))
  }

  #cell<T>(name: string, cell: Cell<T>): { readonly value: T } | undefined {
    if (cell.ok) return { value: cell.value }
    this.wrong(name, cell.error.what, cell.error.hint)
    return undefined
  }

  boolean(name: string): boolean | undefined {
    if (!this.has(name)) return undefined
    const value = booleanOf(this.value(name) ?? null)
    if (value === undefined) this.wrong(name, 'it is neither True nor False', 'write $true or $false')
    return value
  }

  /** One of a list of words, in any case. */
  choice<T extends string>(name: string, words: readonly T[]): T | undefined {
    return this.read(name, text => {
      const word = words.find(one => one.toLowerCase() === text.toLowerCase())
      return word === undefined
        ? failure({ what: `${quoted(text)} is not known`, hint: meaning(text, words) })
        : success(word)
    })?.value
  }

  choices<T extends string>(name: string, words: readonly T[]): readonly T[] | undefined {
    return this.readAll(name, texts =>
      readList(texts, text => {
        const word = words.find(one => one.toLowerCase() === text.toLowerCase())
        return word === undefined
          ? failure({ what: `${quoted(text)} is not known`, hint: meaning(text, words) })
          : success(word)
      }),
    )?.value
  }

  number(name: string, least: number, most: number): number | undefined {
    return this.read(name, text => {
      const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
      return number >= least && number <= most
        ? success(number)
        : failure({ what: `${quoted(text)} is no number of ${least} to ${most}`, hint: '' })
    })?.value
  }

  objects(name: string): readonly Scalar[] {
    return entriesOf(this.value(name) ?? null)
  }
}
