// `sealwire policy lint`: what is wrong, risky or unusual in a policy that reads well.

import { lint } from '../../policy/lint.ts'
import { type Finding, type LintSeverity, lintKinds } from '../../policy/lint-kinds.ts'
import { ANSWER_IS_NO, type CommandInput, type CommandSpec, FINE, jsonOption, WRONG_INPUT } from '../command.ts'
import type { Console, Style } from '../console.ts'
import { readPolicy } from '../read-policy.ts'
import { registryOptions, withNamedRegistry } from '../registry-option.ts'

export const policyLint: CommandSpec = {
  name: 'policy lint',
  summary: 'find what in a policy is dangerous, cannot work or is probably not meant',
  description:
    'Judges the policy for every flow there is: what the exemptions let past its rules, what can never start, filters that ' +
    'never decide, old security methods, weak secrets. Exit status 0: nothing dangerous; 1: something is; 2: the file ' +
    'cannot be read.',
  arguments: [{ name: '<file>', description: 'a policy file, YAML or JSON', values: 'file' }],
  options: [...registryOptions, jsonOption],
  examples: ['sealwire policy lint policy.yaml'],
  run: runLint,
}

const styles: Readonly<Record<LintSeverity, Style>> = { danger: 'redBright', warning: 'yellow', note: 'cyan' }
const SHOWN_RULES = 8

function runLint(input: CommandInput, console: Console): number {
  const read = readPolicy(input.arguments[0]!, console)
  const policy = read && withNamedRegistry(read, input, console)
  if (policy === undefined) return WRONG_INPUT
  const findings = lint(policy)
  const isDangerous = findings.some(({ severity }) => severity === 'danger')
  if (input.options['json'] === true) console.json({ ok: !isDangerous, policy: policy.name, findings })
  else printFindings(findings, console)
  return isDangerous ? ANSWER_IS_NO : FINE
}

function printFindings(findings: readonly Finding[], console: Console): void {
  for (const { kind, severity, title, sentence, rules, hint, source } of findings) {
    console.print(`${console.style(styles[severity], severity)}  ${console.style('bold', title)}  ${kind}`)
    for (const line of wrap(sentence, console.width - 2)) console.print(`  ${line}`)
    const more = rules.length > SHOWN_RULES ? [`and ${rules.length - SHOWN_RULES} more`] : []
    const names = [...rules.slice(0, SHOWN_RULES).map(name => `“${name}”`), ...more].join(', ')
    if (rules.length > 0)
      for (const line of wrap(`${rules.length === 1 ? 'Rule' : 'Rules'} ${names}.`, console.width - 2))
        console.print(`  ${line}`)
    for (const line of wrap(`→ ${hint}`, console.width - 2)) console.print(`  ${line}`)
    console.print(`  ${console.style('dim', source)}`)
    console.print()
  }
  const counts = (Object.keys(styles) as LintSeverity[]).map(severity => {
    const number = findings.filter(finding => finding.severity === severity).length
    return number === 0 ? '' : console.style(styles[severity], `${number} ${words[severity][number === 1 ? 0 : 1]}`)
  })
  const told = counts.filter(text => text !== '').join(', ')
  console.print(told === '' ? `Nothing found of ${Object.keys(lintKinds).length} kinds.` : told)
}

const words = { danger: ['danger', 'dangers'], warning: ['warning', 'warnings'], note: ['note', 'notes'] } as const

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
