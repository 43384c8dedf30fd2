// The folder in which an agent keeps what others find it by and what it has to undo: a lock, the control socket, notes about
// what it took of the host. One agent a folder; who may not enter the folder cannot speak to the agent.
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { type FileLock, lockFile } from '../native/file-lock.ts'

export const DEFAULT_STATE = '/run/sealwire'

/** sizeof sun_path, with the zero behind it. */
const LONGEST_SOCKET_NAME = 107

export interface StateFolder {
  readonly path: string
  readonly socket: string
  /** Where `up --detach` writes its log. */
  readonly log: string
}

/** What the next agent, or `sealwire down`, must know of one that died. */
export interface AgentNote {
  readonly pid: number
  /** Network namespace: what was taken was taken there. */
  readonly namespace: string
  /** The guard is up and is this agent's to take away; false under --no-guard. */
  readonly hasGuard: boolean
  /** It is to stay when the agent goes. */
  readonly keepsGuard: boolean
  readonly policyFile: string
}

export function stateFolder(path: string): StateFolder {
  const whole = resolve(path)
  return { path: whole, socket: join(whole, 'control.sock'), log: join(whole, 'agent.log') }
}

export function isThere({ path }: StateFolder): boolean {
  return existsSync(path)
}

/** Makes the folder, or finds out why this one does not do. */
export function prepareStateFolder({ path, socket }: StateFolder): Result<void, readonly Problem[]> {
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_NAME) {
    return refused(path, 'the name is too long for a socket in it', 'name a folder with a shorter path')
  }
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { uid, mode } = lstatSync(path)
    if (!lstatSync(path).isDirectory()) return refused(path, 'this is no folder', 'name a folder of its own')
    if (uid !== process.geteuid?.()) return refused(path, 'the folder belongs to somebody else', 'name one of your own')
    if ((mode & 0o022) !== 0) {
      return refused(path, 'others may write into the folder', `chmod 700 ${path}, or name another one`)
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const known = folderErrors[code]
    if (known === undefined) throw error
    return refused(path, known, 'name another folder with --state')
  }
  return success(undefined)
}

const folderErrors: Readonly<Record<string, string>> = {
  EACCES: 'the folder may not be used by this user',
  EPERM: 'the folder may not be used by this user',
  ENOTDIR: 'a part of the name is no folder',
  EEXIST: 'this is no folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the file system is full',
  ELOOP: 'links lead around in a circle',
  ENAMETOOLONG: 'the name is too long',
}

function refused(where: string, what: string, hint: string): Result<never, readonly Problem[]> {
  return failure([{ severity: 'error', where, what, hint }])
}

/** Undefined where another agent lives here. */
export function holdStateFolder({ path }: StateFolder): FileLock | undefined {
  return lockFile(join(path, 'agent.lock'))
}

/** Undefined where none was left, or nothing that can be read. */
export function readNote({ path }: StateFolder): AgentNote | undefined {
  try {
    const note = JSON.parse(readFileSync(join(path, 'agent.json'), 'utf8')) as Partial<AgentNote>
    const { pid, namespace, hasGuard, keepsGuard, policyFile } = note
    if (typeof pid !== 'number' || typeof namespace !== 'string') return undefined
    return {
      ...{ pid, namespace, hasGuard: hasGuard === true, keepsGuard: keepsGuard === true },
      policyFile: typeof policyFile === 'string' ? policyFile : '',
    }
  } catch {
    return undefined
  }
}

/** Whole or not at all: a note that is half written would leave the host as it is not found. */
export function writeNote({ path }: StateFolder, note: AgentNote): void {
  const file = join(path, 'agent.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(note)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export function removeNote({ path }: StateFolder): void {
  rmSync(join(path, 'agent.json'), { force: true })
}

/** To be called by whoever holds the folder: a socket that nobody listens at is left by one that died. */
export function removeSocket({ socket }: StateFolder): void {
  rmSync(socket, { force: true })
}

/** Nobody but this user speaks to what listens there. */
export function closeToOthers({ socket }: StateFolder): void {
  chmodSync(socket, 0o600)
}
