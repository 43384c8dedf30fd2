// A policy file by its name, for every command that takes one: its problems are said here, and a command that gets
// nothing answers 2. Files that Windows's editors save as UTF-16 are read as well as UTF-8.
import { readPolicyFile } from '../agent/policy-file.ts'
import type { Policy } from '../policy/model.ts'
import type { Console } from './console.ts'

/** The policy, its warnings said; undefined when its problems were said instead: answer 2 then. `seen` gets the octets. */
export function readPolicy(path: string, console: Console, seen?: (octets: Uint8Array) => void): Policy | undefined {
  const read = readPolicyFile(path, seen)
  console.problems(read.ok ? read.value.warnings : read.error)
  return read.ok ? read.value.policy : undefined
}
