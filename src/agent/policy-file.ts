// A policy file by its name: its text, in the forms that editors save, and the policy that it says, or every problem.
import { readFileSync, statSync } from 'node:fs'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { LARGEST_TEXT } from '../policy/located-yaml.ts'
import { type ReadPolicy, readPolicyText } from '../policy/policy-text.ts'

export function readPolicyFile(path: string): Result<ReadPolicy, Problem[]> {
  const text = readText(path)
  return text.ok ? readPolicyText(text.value, path) : failure([text.error])
}

function readText(path: string): Result<string, Problem> {
  const problem = (what: string, hint: string): Problem => ({ severity: 'error', where: path, what, hint })
  let bytes: Buffer
  try {
    const status = statSync(path)
    if (status.isCharacterDevice() || status.isBlockDevice())
      return failure(problem('this is a device', 'name a policy file'))
    const { size } = status
    // Asked before reading, so that a capture named by mistake is not read whole; a character takes at most 4 bytes.
    if (size > 4 * LARGEST_TEXT)
      return failure(problem(`a file of ${size} bytes is no policy`, 'name a policy file, YAML or JSON'))
    bytes = readFileSync(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const known = fileErrors[code]
    if (known === undefined) throw error
    return failure(problem(known[0], known[1]))
  }
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  try {
    return success(new TextDecoder(encoding, { fatal: true }).decode(bytes))
  } catch {
    return failure(problem(`the file is no text in ${encoding.toUpperCase()}`, 'save it as UTF-8'))
  }
}

/** What a person can do about each. Any other code is a fault of the machine. */
const fileErrors: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['there is no such file', 'check the name, and the folder the command runs in'],
  ENOTDIR: ['a part of the name is no folder', 'check the name'],
  EISDIR: ['this is a folder', 'name a policy file in it'],
  EACCES: ['the file may not be read', 'give the user who runs this the right to read it'],
  EPERM: ['the file may not be read', 'give the user who runs this the right to read it'],
  ELOOP: ['links lead around in a circle', 'name the file itself'],
  ENAMETOOLONG: ['the name is too long', 'check the name'],
  ERR_INVALID_ARG_VALUE: ['this is no name of a file', 'check the name'],
}
