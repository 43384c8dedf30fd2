// A script of PowerShell run on a policy as far as it makes, changes and removes IPsec rules and their sets. Variables hold
// what commands give; every other command is a problem with its line. Nothing outside the text is read and nothing is run.
import type { Problem } from '../base/result.ts'
import { MOST_PROBLEMS, meaning, problem, quoted, warning } from './connection-security-cells.ts'
import { type ConnectionSecurityPolicy, emptyPolicy, type Understood } from './connection-security-rules.ts'
import { commandNamed, commandNames, harmlessCommands, showingCommands } from './powershell-commands.ts'
import { CallParameters, type GivenParameter, parameterNamed } from './powershell-parameters.ts'
import { IPsecSession } from './powershell-session.ts'
import { readPowerShell } from './powershell-syntax.ts'
import type { Argument, Element, Expression, Pipeline } from './powershell-tree.ts'
import {
  entriesOf,
  flatList,
  LONGEST_TEXT,
  type PowerShellObject,
  type PowerShellValue,
  textOfValue,
} from './powershell-value.ts'

/** Never throws. `where` is the file's name. */
export function runPowerShell(
  text: string,
  where: string,
  policy: ConnectionSecurityPolicy = emptyPolicy,
): Understood<ConnectionSecurityPolicy> {
  const problems: Problem[] = []
  const runner = new Runner(policy, where, problems)
  for (const { variable, pipeline, line } of readPowerShell(text, where, problems)) {
    const value = runner.pipeline(pipeline)
    if (variable !== undefined) runner.assign(variable, value, line)
    if (problems.length > 2 * MOST_PROBLEMS) break
  }
  return { value: runner.session.policy, problems }
}

const MOST_GROWN = 1 << 26

const constants: ReadonlyMap<string, PowerShellValue> = new Map<string, PowerShellValue>([
  ['true', true],
  ['false', false],
  ['null', null],
])

class Runner {
  readonly session: IPsecSession
  readonly #where: string
  readonly #problems: Problem[]
  readonly #variables = new Map<string, PowerShellValue>()
  /** What texts and lists made of others hold in all: a script of doublings would fill the memory. */
  #grown = 0

  constructor(policy: ConnectionSecurityPolicy, where: string, problems: Problem[]) {
    this.session = new IPsecSession(policy, problems)
    this.#where = where
    this.#problems = problems
  }

  assign(name: string, value: PowerShellValue, line: number): void {
    if (constants.has(name)) this.#wrong(line, `$${name} is a constant`)
    else this.#variables.set(name, value)
  }

  #wrong(line: number, what: string, hint = ''): void {
    this.#problems.push(problem(`${this.#where}:${line}`, what, hint))
  }

  #mayGrow(size: number, line: number): boolean {
    if (this.#grown > MOST_GROWN) return false
    this.#grown += size
    if (this.#grown <= MOST_GROWN) return true
    this.#wrong(line, 'the values of the script grow too large: from here on they are left out', 'take it apart')
    return false
  }

  pipeline(pipeline: Pipeline): PowerShellValue {
    let input: PowerShellValue | undefined
    for (const element of pipeline) input = this.#element(element, input)
    return input ?? null
  }

  #element(element: Element, input: PowerShellValue | undefined): PowerShellValue {
    if (element.kind === 'command') return this.#command(element, input)
    if (input !== undefined) this.#wrong(element.line, 'a value stands behind a |', 'only commands do')
    return this.#value(element.value, element.line)
  }

  #command(element: Element & { kind: 'command' }, input: PowerShellValue | undefined): PowerShellValue {
    const { name, line } = element
    const lower = name.toLowerCase().replace(/^netsecurity\\/, '')
    if (harmlessCommands.has(lower)) return null
    if (showingCommands.has(lower)) {
      this.#problems.push(warning(`${this.#where}:${line}`, `${name} only shows, which changes nothing of the policy`))
      return input ?? null
    }
    const command = commandNamed(lower)
    if (command === undefined) {
      const hint = meaning(name, commandNames)
      this.#wrong(line, `the command ${quoted(name)} is not known here`, hint)
      return null
    }
    const given: GivenParameter[] = []
    let open: { readonly name: string; readonly line: number } | undefined
    const close = () => {
      if (open !== undefined) this.#wrong(open.line, `-${open.name} has no value`, 'write it behind')
      open = undefined
    }
    const begin = (argument: Argument & { kind: 'parameter' }) => {
      close()
      const parameter = parameterNamed(argument.name, command.parameters)
      if (!parameter.ok) {
        this.#wrong(argument.line, parameter.error.what, parameter.error.hint)
        // The value behind it is not one too many.
        open = undefined
        return 'unknown' as const
      }
      const { name: found, isSwitch } = parameter.value
      if (argument.value !== undefined)
        given.push({ name: found, line: argument.line, value: this.#value(argument.value, argument.line) })
      else if (isSwitch) given.push({ name: found, line: argument.line })
      else open = { name: found, line: argument.line }
      return 'known' as const
    }
    let isSkipping = false
    for (const argument of element.arguments) {
      if (argument.kind === 'parameter') isSkipping = begin(argument) === 'unknown'
      else if (argument.kind === 'splat') {
        close()
        given.push(...this.#splat(argument.name, argument.line, command.parameters))
      } else if (open !== undefined) {
        given.push({ name: open.name, line: argument.line, value: this.#value(argument.value, argument.line) })
        open = undefined
      } else if (!isSkipping) {
        this.#wrong(
          argument.line,
          `${name} is given a value without a parameter`,
          'write the name of the parameter before it',
        )
      }
    }
    close()
    const parameters = new CallParameters(given, this.#where, line, this.#problems)
    return command.run(this.session, parameters, input)
  }

  #splat(name: string, line: number, known: Parameters<typeof parameterNamed>[1]): readonly GivenParameter[] {
    const table = this.#variables.get(name)
    if (
      table === undefined ||
      table === null ||
      typeof table !== 'object' ||
      !('kind' in table) ||
      table.kind !== 'hashtable'
    ) {
      this.#wrong(line, `@${name} is no table that was set above`, `write $${name} = @{ … }`)
      return []
    }
    const given: GivenParameter[] = []
    for (const { key, value } of table.entries.values()) {
      const parameter = parameterNamed(key, known)
      if (parameter.ok) given.push({ name: parameter.value.name, line, value })
      else this.#wrong(line, `@${name}: ${parameter.error.what}`, parameter.error.hint)
    }
    return given
  }

  #value(expression: Expression, line: number): PowerShellValue {
    switch (expression.kind) {
      case 'text':
        return expression.text
      case 'number':
        return expression.number
      case 'joined':
        return this.#joined(expression.parts, line)
      case 'variable':
        return this.#variable(expression.name, line)
      case 'member':
        return this.#member(this.#value(expression.of, line), expression.name, line)
      case 'array': {
        const list = flatList(expression.entries.map(entry => this.#value(entry, line)))
        if (list === undefined) this.#wrong(line, 'the list is too long', 'take it apart')
        return list !== undefined && this.#mayGrow(8 * entriesOf(list).length, line) ? list : null
      }
      case 'hashtable': {
        const entries = new Map<string, { key: string; value: PowerShellValue }>()
        for (const { key, value, line: at } of expression.entries) {
          if (entries.has(key.toLowerCase()))
            this.#wrong(at, `${quoted(key)} comes twice in the table`, 'write it once')
          entries.set(key.toLowerCase(), { key, value: this.#value(value, at) })
        }
        return { kind: 'hashtable', entries }
      }
      case 'pipeline':
        return this.pipeline(expression.pipeline)
    }
  }

  #variable(name: string, line: number): PowerShellValue {
    const value = constants.get(name) ?? this.#variables.get(name)
    if (value === undefined && !constants.has(name)) {
      this.#wrong(line, `$${name.slice(0, 40)} has no value in this script`, 'set it above')
    }
    return value ?? null
  }

  #joined(parts: readonly Expression[], line: number): string {
    let text = ''
    for (const part of parts) {
      const piece = textOfValue(this.#value(part, line))
      if (piece === undefined) this.#wrong(line, 'an object stands in a text', 'write its .Name')
      text += piece ?? ''
      if (text.length <= LONGEST_TEXT) continue
      this.#wrong(line, `a text is longer than ${LONGEST_TEXT} characters`)
      return ''
    }
    return this.#mayGrow(text.length, line) ? text : ''
  }

  #member(value: PowerShellValue, name: string, line: number): PowerShellValue {
    const found = entriesOf(value).map(entry => memberOf(entry as PowerShellObject, name.toLowerCase()))
    if (found.length === 0 || found.includes(undefined)) {
      this.#wrong(line, `.${name} is not known of what stands before it`, 'sets and rules have .Name and .DisplayName')
      return null
    }
    return (found.length === 1 ? found[0] : flatList(found.map(one => one ?? null))) ?? null
  }
}

function memberOf(object: PowerShellValue, name: string): PowerShellValue | undefined {
  if (object === null || typeof object !== 'object' || Array.isArray(object)) return undefined
  const own = object as PowerShellObject
  if (own.kind === 'hashtable') return own.entries.get(name)?.value
  if (!('id' in own)) return undefined
  if (name === 'name' || name === 'id' || name === 'instanceid') return own.id
  return name === 'displayname' || name === 'elementname' ? own.name : undefined
}
