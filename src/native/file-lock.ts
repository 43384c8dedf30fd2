// One holder of a file at a time, by flock(2): the kernel lets go when the holder dies, however it dies, so nothing has to
// be guessed from numbers of processes. Node has no call for it.
import { closeSync, constants, openSync } from 'node:fs'
import { foreign } from './foreign.ts'
import { systemError } from './libc.ts'

const LOCK_EX_NB = 2 | 4
const EWOULDBLOCK = 11

export interface FileLock {
  /** The file stays, and anybody may lock it. */
  release(): void
}

/** Makes the file where it is not there, with mode 0600. Undefined where somebody else holds it. Throws where it cannot be opened. */
export function lockFile(path: string): FileLock | undefined {
  const koffi = foreign()
  if (koffi === undefined) throw new Error(`koffi, which calls C, is not built for ${process.arch} on this system`)
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  const flock = koffi.load(null).func('int flock(int, int)')
  if (flock(fd, LOCK_EX_NB) === 0) return { release: () => closeSync(fd) }
  const errno = koffi.errno()
  closeSync(fd)
  if (errno === EWOULDBLOCK) return undefined
  throw systemError(-errno, 'flock', `locking ${path}`)
}
