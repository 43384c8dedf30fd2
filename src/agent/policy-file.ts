// A policy file by its name: its text, in the forms that editors save, and the policy that it says, or every problem. What
// Windows's users have in its place (a hive, an export, a script) is known by its content and read as well.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { octetsOf } from '../base/bytes.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { LARGEST_TEXT } from '../policy/located-yaml.ts'
import { type ReadPolicy, readPolicyText } from '../policy/policy-text.ts'
import { settingOf } from '../policy/profiles.ts'
import { readWindowsPolicy, windowsFormOf } from '../windows/read-windows-policy.ts'
import { withRegistry } from './registry-settings.ts'

/** `seen` gets the octets as they were read, for whoever states their digest. */
export function readPolicyFile(
  path: string,
  seen: (octets: Uint8Array) => void = () => {},
): Result<ReadPolicy, Problem[]> {
  const bytes = readBytes(path)
  if (!bytes.ok) return failure([bytes.error])
  seen(bytes.value)
  if (windowsFormOf(bytes.value) !== undefined) return fromWindows(bytes.value, path)
  const text = textOf(bytes.value, path)
  return text.ok ? readPolicyText(text.value, path) : failure([text.error])
}

/** What the form cannot say is a warning where more is secured for it, and an error where less is. */
function fromWindows(bytes: Uint8Array, path: string): Result<ReadPolicy, Problem[]> {
  const read = readWindowsPolicy(bytes, { where: path, logs: logsBeside(path) })
  if (!read.ok) return failure([...read.error])
  const { policy, losses, registry } = read.value
  if (losses.some(({ severity }) => severity === 'error')) return failure([...losses])
  const counted = registry === undefined ? policy : withRegistry(policy, registry)
  const unusableSettings = settingOf(counted).problems
  return success({ policy: counted, warnings: [...losses, ...unusableSettings], unusableSettings })
}

/** The transaction logs of a hive stand beside it. */
export function logsBeside(path: string): readonly Uint8Array[] {
  const names = ['.LOG', '.LOG1', '.LOG2', '.log', '.log1', '.log2'].map(end => path + end)
  return names.filter(name => existsSync(name)).map(name => octetsOf(readFileSync(name)))
}

/** A character takes at most four octets. */
const LARGEST_POLICY = 4 * LARGEST_TEXT
/** Hives and exports of whole registries are larger than any policy. */
const LARGEST_REGISTRY = 512 * 1024 * 1024
const HEAD = 65_536

function readBytes(path: string): Result<Uint8Array, Problem> {
  const problem = (what: string, hint: string): Problem => ({ severity: 'error', where: path, what, hint })
  try {
    const status = statSync(path)
    if (status.isCharacterDevice() || status.isBlockDevice())
      return failure(problem('this is a device', 'name a policy file'))
    const { size } = status
    // Asked before reading, so that a capture named by mistake is not read whole.
    const most = size > LARGEST_POLICY && windowsFormOf(headOf(path)) !== undefined ? LARGEST_REGISTRY : LARGEST_POLICY
    if (size > most) return failure(problem(`a file of ${size} bytes is no policy`, 'name a policy file, YAML or JSON'))
    return success(octetsOf(readFileSync(path)))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const known = fileErrors[code]
    if (known === undefined) throw error
    return failure(problem(known[0], known[1]))
  }
}

function headOf(path: string): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const head = new Uint8Array(HEAD)
    return head.subarray(0, readSync(file, head, 0, HEAD, 0))
  } finally {
    closeSync(file)
  }
}

function textOf(bytes: Uint8Array, path: string): Result<string, Problem> {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  try {
    return success(new TextDecoder(encoding, { fatal: true }).decode(bytes))
  } catch {
    const what = `the file is no text in ${encoding.toUpperCase()}`
    return failure({ severity: 'error', where: path, what, hint: 'save it as UTF-8' })
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
