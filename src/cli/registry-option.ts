// `--registry` and `--state` of commands that ask a policy: the registry that counts where the policy does not set
// NoDefaultExempt or IPsecExempt. Left out, none is asked, whatever the environment says.
import { readFileSync } from 'node:fs'
import { logsBeside } from '../agent/policy-file.ts'
import { registryFolder, withRegistry } from '../agent/registry-settings.ts'
import { stateFolder } from '../agent/state-folder.ts'
import { octetsOf } from '../base/bytes.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Policy } from '../policy/model.ts'
import { settingOf } from '../policy/profiles.ts'
import type { RegistryKey } from '../settings/registry.ts'
import { readStored } from '../settings/registry-file.ts'
import { readRegistrySource } from '../settings/registry-source.ts'
import { type CommandInput, type OptionSpec, textOption } from './command.ts'
import type { Console } from './console.ts'

export const registryOptions: readonly OptionSpec[] = [
  {
    flags: '--registry <file>',
    key: 'registry',
    description:
      'a hive, a .reg file, a Registry.pol or a security template whose NoDefaultExempt or IPsecExempt counts where the policy sets none',
    values: 'file',
  },
  {
    flags: '--state <folder>',
    key: 'state',
    description: 'the same from the registry of the agent with that state folder',
    values: 'file',
  },
]

/** The policy as it counts with the registry that the command line names; undefined where problems were said instead. */
export function withNamedRegistry(policy: Policy, input: CommandInput, console: Console): Policy | undefined {
  const root = readNamed(input, console)
  if (root === undefined) return policy
  if (root.ok) {
    const found = withRegistry(policy, root.value)
    // What is wrong with the policy's own settings was said when it was read.
    const before = settingOf(policy).problems.map(({ what }) => what)
    console.problems(settingOf(found).problems.filter(({ what }) => !before.includes(what)))
    return found
  }
  console.problems(root.error)
  return undefined
}

function readNamed(input: CommandInput, console: Console): Result<RegistryKey, readonly Problem[]> | undefined {
  const [file, state] = [textOption(input, 'registry'), textOption(input, 'state')]
  const refused = (where: string, what: string, hint: string) =>
    failure([{ severity: 'error' as const, where, what, hint }])
  if (file !== undefined && state !== undefined) {
    return refused('--registry', 'stands beside --state, and each names a registry', 'leave one of them out')
  }
  if (state !== undefined) return readStored(registryFolder(stateFolder(state)))
  if (file === undefined) return undefined
  try {
    const read = readRegistrySource(octetsOf(readFileSync(file)), { where: file, logs: logsBeside(file) })
    if (!read.ok) return read
    const { root, problems } = read.value
    if (problems.some(({ severity }) => severity === 'error')) return failure(problems)
    console.problems(problems)
    return success(root)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['ENOENT', 'EISDIR', 'EACCES', 'ENOTDIR', 'ERR_FS_FILE_TOO_LARGE'].includes(code)) throw error
    return refused(file, `the file cannot be read (${code})`, 'name a hive, a .reg file, a Registry.pol or a template')
  }
}
