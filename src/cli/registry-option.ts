// `--registry` and `--state` of commands that ask a policy: the registry that counts where the policy does not set
// NoDefaultExempt or IPsecExempt. Left out, none is asked, whatever the environment says.
import { readFileSync } from 'node:fs'
import { registryFolder, withRegistry } from '../agent/registry-settings.ts'
import { stateFolder } from '../agent/state-folder.ts'
import { octetsOf } from '../base/bytes.ts'
import { failure, type Problem, type Result } from '../base/result.ts'
import type { Policy } from '../policy/model.ts'
import type { RegistryKey } from '../settings/registry.ts'
import { readStored, registryOf } from '../settings/registry-file.ts'
import { type CommandInput, type OptionSpec, textOption } from './command.ts'
import type { Console } from './console.ts'

export const registryOptions: readonly OptionSpec[] = [
  {
    flags: '--registry <file>',
    key: 'registry',
    description: 'a .reg file whose NoDefaultExempt or IPsecExempt counts where the policy sets none',
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
  const root = readNamed(input)
  if (root === undefined) return policy
  if (root.ok) return withRegistry(policy, root.value)
  console.problems(root.error)
  return undefined
}

function readNamed(input: CommandInput): Result<RegistryKey, readonly Problem[]> | undefined {
  const [file, state] = [textOption(input, 'registry'), textOption(input, 'state')]
  const refused = (where: string, what: string, hint: string) =>
    failure([{ severity: 'error' as const, where, what, hint }])
  if (file !== undefined && state !== undefined) {
    return refused('--registry', 'stands beside --state, and each names a registry', 'leave one of them out')
  }
  if (state !== undefined) return readStored(registryFolder(stateFolder(state)))
  if (file === undefined) return undefined
  try {
    return registryOf(octetsOf(readFileSync(file)), file)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['ENOENT', 'EISDIR', 'EACCES', 'ENOTDIR', 'ERR_FS_FILE_TOO_LARGE'].includes(code)) throw error
    return refused(file, `the file cannot be read (${code})`, 'name a .reg file')
  }
}
