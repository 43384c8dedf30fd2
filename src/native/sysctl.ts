// Settings of the kernel, through /proc/sys. Those under `net` are of the network namespace of the thread that opens the
// file, so only calls that read and write in this very thread are used: Node's asynchronous ones run in others.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

const ROOT = '/proc/sys'

/** Path below /proc/sys: `net/ipv4/conf/all/rp_filter`. With slashes, since names of links may have dots. */
export type SysctlPath = string

/** Undefined where this kernel does not have it. */
export function readSysctl(path: SysctlPath): string | undefined {
  const file = fileOf(path)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`reading the setting ${path}`, { cause: error })
  }
}

/** What was changed, so that `restoreSysctl` can take it back. */
export interface SysctlChange {
  readonly path: SysctlPath
  readonly before: string
  readonly after: string
}

/** Undefined where it had that value already. Throws where the kernel does not have it or does not let us. */
export function writeSysctl(path: SysctlPath, value: string): SysctlChange | undefined {
  const before = readSysctl(path)
  if (before === undefined) throw new Error(`this kernel has no setting ${path}`)
  if (before === value) return undefined
  try {
    writeFileSync(fileOf(path), value)
  } catch (error) {
    throw new Error(`setting ${path} to ${value}`, { cause: error })
  }
  return { path, before, after: value }
}

/** Leaves it alone where somebody else has changed it since. Answers whether it was put back. */
export function restoreSysctl(change: SysctlChange): boolean {
  if (readSysctl(change.path) !== change.after) return false
  return writeSysctl(change.path, change.before) !== undefined
}

function fileOf(path: SysctlPath): string {
  const file = normalize(join(ROOT, path))
  if (!file.startsWith(`${ROOT}/`)) throw new RangeError(`${path} is not below ${ROOT}`)
  return file
}
