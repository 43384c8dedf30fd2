// `sealwire policy export`: a policy in the words of another program, and what those words cannot say.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nearest } from '../../base/result.ts'
import type { Exported } from '../../export/exported.ts'
import { utf16File } from '../../settings/reg-encoding.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, textOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'
import { meFlags, readMe } from '../me-option.ts'
import { type PolicyFormat, policyFormats } from '../policy-formats.ts'
import { readPolicy } from '../read-policy.ts'

export const policyExport: CommandSpec = {
  name: 'policy export',
  summary: 'write a policy in the words of another program, and list what those cannot say',
  description:
    `Forms: ${policyFormats.map(({ name, title }) => `${name} (${title})`).join(', ')}. ` +
    'Each thing that the form cannot say is listed as a warning, never left out in silence. Exit status 0: written; 2: the policy or an option cannot be used.',
  arguments: [{ name: '<file>', description: 'the policy', values: 'file' }],
  options: [
    {
      flags: '--to <form>',
      key: 'to',
      description: 'the form to write',
      values: policyFormats.map(({ name }) => name),
      required: true,
    },
    {
      ...meFlags,
      description:
        'addresses of the host that it is written for, separated by commas; left out, the sources of filters',
    },
    {
      flags: '--secrets',
      key: 'secrets',
      description: 'write pre-shared keys and passphrases too; left out, a word stands in their place',
    },
    {
      flags: '--out <folder>',
      key: 'out',
      description:
        'write into files of this folder (mode 0600) instead of standard output; .reg files are UTF-16 there, as regedit writes them',
    },
    jsonOption,
  ],
  examples: [
    'sealwire policy export examples/policies/domain-controllers.yaml --to swanctl --me 10.54.0.1',
    'sealwire policy export policy.yaml --to xfrm --me 10.54.0.1 | ip -batch -',
  ],
  run: runExport,
}

function runExport(input: CommandInput, console: Console): number {
  const format = formatOf(textOption(input, 'to') ?? '', console)
  const { me, problems } = readMe(input)
  console.problems(problems)
  if (format === undefined || problems.length > 0) return WRONG_INPUT
  const policy = readPolicy(input.arguments[0]!, console)
  if (policy === undefined) return WRONG_INPUT
  const secrets = input.options['secrets'] === true ? 'write' : 'leave-out'
  const exported = format.write(policy, { me, secrets, folder: dirname(input.arguments[0]!) })
  const folder = textOption(input, 'out')
  const files = folder === undefined ? [] : written(folder, format, exported)
  if (typeof files === 'string') {
    console.problems([{ severity: 'error', where: '--out', what: files, hint: 'name a folder that can be written' }])
    return WRONG_INPUT
  }
  if (input.options['json'] === true) {
    console.json({ format: format.name, ...exported, files })
    return FINE
  }
  console.problems(exported.losses)
  for (const file of files) console.print(file)
  if (folder !== undefined) return FINE
  console.write(exported.text)
  if (exported.secrets !== undefined)
    console.write(`\n# ipsec.secrets\n${exported.secrets.replaceAll(/^/gm, '# ').trimEnd()}\n`)
  return FINE
}

function formatOf(name: string, console: Console): PolicyFormat | undefined {
  const format = policyFormats.find(one => one.name === name)
  if (format !== undefined) return format
  const names = policyFormats.map(one => one.name)
  const near = nearest(name, names)
  const hint = near === undefined ? `one of ${names.join(', ')}` : `did you mean ${near}?`
  console.problems([{ severity: 'error', where: '--to', what: `“${name}” is no form of a policy`, hint }])
  return undefined
}

/** The names of the files, or why they could not be written. Keys may stand in them. */
function written(folder: string, { file: name }: PolicyFormat, exported: Exported): readonly string[] | string {
  const { secrets } = exported
  const files = [
    [join(folder, name), contentOf(exported)] as const,
    ...(secrets === undefined ? [] : [[join(folder, 'ipsec.secrets'), secrets] as const]),
  ]
  try {
    mkdirSync(folder, { recursive: true })
    for (const [file, content] of files) writeFileSync(file, content, { mode: 0o600 })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return files.map(([file]) => file)
}

function contentOf({ text, encoding }: Exported): string | Uint8Array {
  return encoding === undefined ? text : utf16File(text)
}
