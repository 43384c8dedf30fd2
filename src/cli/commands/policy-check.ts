// `sealwire policy check`: whether policy files can be read and mean something, every problem at once. Stricter than the
// other commands in one thing: a setting whose value no Windows has is an error here, where they warn and go on.
import { readPolicyFile } from '../../agent/policy-file.ts'
import type { Problem } from '../../base/result.ts'
import { kerberosWarnings } from '../../policy/lint-kerberos.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'

export const policyCheck: CommandSpec = {
  name: 'policy check',
  summary: 'check policy files: every problem with its line, column and what to do',
  description:
    'Reads policy files and lists every problem of each, with file, line, column and the place inside. Nothing is changed. ' +
    'Exit status 0: they can be used, with warnings perhaps; 2: one of them has an error.',
  arguments: [{ name: '<file...>', description: 'policy files, YAML or JSON', values: 'file' }],
  options: [jsonOption],
  examples: ['sealwire policy check policy.yaml', 'sealwire policy check --json *.yaml'],
  run: runCheck,
}

function runCheck(input: CommandInput, console: Console): number {
  const checked = input.arguments.map(file => ({ file, problems: problemsOf(file) }))
  const problems = checked.flatMap(({ problems }) => problems)
  const isFine = !problems.some(isError)
  if (input.options['json'] === true) {
    console.json({ ok: isFine, problems })
    return isFine ? FINE : WRONG_INPUT
  }
  console.problems(problems)
  for (const { file, problems: own } of checked) {
    const errors = own.filter(isError).length
    const warnings = own.length - errors
    const answer = errors > 0 ? console.style('redBright', count(errors, 'error')) : console.style('green', 'fine')
    console.print(`${file}: ${answer}${warnings > 0 ? `, ${count(warnings, 'warning')}` : ''}`)
  }
  return isFine ? FINE : WRONG_INPUT
}

function problemsOf(file: string): readonly Problem[] {
  const read = readPolicyFile(file)
  if (!read.ok) return read.error
  const { policy, warnings, unusableSettings } = read.value
  return [
    ...warnings.map(problem =>
      unusableSettings.includes(problem) ? { ...problem, severity: 'error' as const } : problem,
    ),
    ...kerberosWarnings(policy, file),
  ]
}

function isError(problem: Problem): boolean {
  return problem.severity === 'error'
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
