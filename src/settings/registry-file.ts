// The registry on disk: one .reg file in a folder of its own, which regedit reads too. A change is written beside it, flushed
// and put in its place by renaming, so that a writer that is killed leaves the old registry or the new one and never half;
// a lock that the kernel lets go of keeps two writers apart. Backups are .reg files beside it.
import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { concatenate, isSameOctets, octetsOf } from '../base/bytes.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { watchSettled } from '../base/settled-watch.ts'
import type { Clock } from '../base/time.ts'
import { readRegText } from './reg-text.ts'
import { applied, emptyRegistry, type RegistryChange, type RegistryKey } from './registry.ts'
import { utf16Octets } from './value.ts'
import { writeRegText } from './write-reg-text.ts'

export interface RegistryPlace {
  /** Made when something is written, or somebody watches. */
  readonly folder: string
  /** Undefined where somebody else holds it; the kernel has to let go when the holder dies. */
  lock(path: string): { release(): void } | undefined
  readonly clock: Clock
  /** Seconds since 1970. */
  date(): number
  /** Automatic backups that are kept; left out, AUTOMATIC_BACKUPS. */
  readonly keep?: number
}

export interface Backup {
  /** By which a person names it; from 1, the newest has the greatest. */
  readonly number: number
  /** Seconds since 1970. */
  readonly at: number
  /** `asked`: somebody asked for it, and it stays for ever. */
  readonly kind: 'automatic' | 'asked'
  readonly file: string
}

export interface Changed {
  readonly before: RegistryKey
  readonly after: RegistryKey
  /** Of the registry before; undefined where nothing changed. */
  readonly backup: Backup | undefined
}

/** What it takes to make a change, seen from the registry as it stands when the lock is held. */
export type Change = (root: RegistryKey) => Result<readonly RegistryChange[], readonly Problem[]>

type Outcome<T> = Result<T, readonly Problem[]>

const FILE = 'registry.reg'

/** Automatic backups beyond these are removed, the oldest first. */
export const AUTOMATIC_BACKUPS = 500

/** Seconds that a writer waits for another one, and between its tries. */
const LOCK_PATIENCE = 10
const LOCK_AGAIN = 0.02
/** Seconds between looks where nothing tells of changes, and that a file must stay as it is. */
const LOOK_EVERY = 5
const QUIET = 0.05

export class RegistryFile {
  readonly #place: RegistryPlace
  readonly path: string
  /** The file's state when it was read last. */
  #read = ''

  constructor(place: RegistryPlace) {
    this.#place = place
    this.path = join(place.folder, FILE)
  }

  /** A file that is not there is a registry without keys. */
  read(): Outcome<RegistryKey> {
    this.#read = stateOfFile(this.path)
    return readStoredFile(this.path)
  }

  /** All of the change or nothing of it, with a backup before: what a person does can be taken back. */
  change(make: Change): Promise<Outcome<Changed>> {
    return this.#locked(() => this.#changeNow(make))
  }

  /** Of the registry as it is. */
  backup(): Promise<Outcome<Backup>> {
    return this.#locked(() => {
      const before = this.read()
      return before.ok ? this.#keep(before.value, 'asked') : before
    })
  }

  /** The newest first. */
  backups(): readonly Backup[] {
    let names: readonly string[]
    try {
      names = fs.readdirSync(this.#backupFolder)
    } catch {
      return []
    }
    const found = names.map(name => backupOf(join(this.#backupFolder, name), name)).filter(one => one !== undefined)
    return found.sort((a, b) => b.number - a.number)
  }

  /** The registry as it was then, whole. What it was before is backed up, so that this too can be taken back. */
  restore(number: number): Promise<Outcome<Changed>> {
    return this.#locked(() => {
      const backup = this.backups().find(one => one.number === number)
      if (backup === undefined)
        return refused(this.#backupFolder, `there is no backup ${number}`, 'reg backup --list shows them')
      const then = readStoredFile(backup.file)
      if (!then.ok) return then
      const before = this.read()
      if (before.ok) return this.#put(before.value, then.value)
      // A registry that cannot be read is what somebody goes back from: it is kept as it lies there.
      fs.copyFileSync(this.path, `${this.path}.damaged`)
      return this.#put(emptyRegistry, then.value)
    })
  }

  /** Tells when the file may hold something else than `read` gave last, until it is stopped. */
  watch(changed: () => void): { stop(): void } {
    const { clock, folder } = this.#place
    return watchSettled(
      {
        ...{ clock, quiet: QUIET, every: LOOK_EVERY },
        look: () => stateOfFile(this.path),
        taken: () => this.#read,
        take: state => {
          this.#read = state
        },
        listen: (soon, ended) => this.#listen(folder, soon, ended),
      },
      changed,
    )
  }

  /** The folder is made, or the first write would not be heard. Undefined where that cannot be; it is tried again. */
  #listen(folder: string, soon: () => void, ended: () => void): (() => void) | undefined {
    try {
      makeFolder(folder)
      const watcher = fs.watch(folder, { persistent: false }, (_, file) => {
        if (file === null || file === FILE) soon()
      })
      watcher.on('error', () => {
        watcher.close()
        ended()
      })
      return () => watcher.close()
    } catch {
      return undefined
    }
  }

  get #backupFolder(): string {
    return join(this.#place.folder, 'registry-backups')
  }

  async #locked<T>(work: () => Outcome<T>): Promise<Outcome<T>> {
    const { folder, clock, lock } = this.#place
    makeFolder(folder)
    const path = join(folder, 'registry.lock')
    const end = clock.now() + LOCK_PATIENCE
    let held = lock(path)
    while (held === undefined) {
      if (clock.now() > end) return refused(path, 'somebody else changes the registry and does not finish', 'try again')
      await new Promise<void>(resolve => clock.at(clock.now() + LOCK_AGAIN, resolve))
      held = lock(path)
    }
    try {
      return work()
    } finally {
      held.release()
    }
  }

  #changeNow(make: Change): Outcome<Changed> {
    const before = this.read()
    if (!before.ok) return before
    const changes = make(before.value)
    return changes.ok ? this.#put(before.value, applied(before.value, changes.value)) : changes
  }

  #put(before: RegistryKey, after: RegistryKey): Outcome<Changed> {
    const text = storedText(after)
    if (!text.ok) return text
    const there = octetsAt(this.path)
    if (there !== undefined && isSameOctets(there, text.value)) {
      return success({ before, after, backup: undefined })
    }
    const backup = this.#keep(before, 'automatic')
    if (!backup.ok) return backup
    replaceFile(this.path, text.value)
    this.#forget()
    return success({ before, after, backup: backup.value })
  }

  #keep(registry: RegistryKey, kind: Backup['kind']): Outcome<Backup> {
    const text = storedText(registry)
    if (!text.ok) return text
    const at = Math.floor(this.#place.date())
    const number = (this.backups()[0]?.number ?? 0) + 1
    makeFolder(this.#backupFolder)
    const file = join(this.#backupFolder, `${number}_${timeWord(at)}_${kind}.reg`)
    replaceFile(file, text.value)
    return success({ number, at, kind, file })
  }

  #forget(): void {
    const automatic = this.backups().filter(({ kind }) => kind === 'automatic')
    for (const { file } of automatic.slice(this.#place.keep ?? AUTOMATIC_BACKUPS)) fs.rmSync(file, { force: true })
  }
}

/** The last line of a stored registry: a file that was cut, and still reads, is told from a whole one. */
const END = utf16Octets('; end of the registry\r\n')

function storedText(registry: RegistryKey): Outcome<Uint8Array> {
  const text = writeRegText(registry, '')
  return text.ok ? success(concatenate([text.value, END])) : text
}

/** The registry that is stored in a folder, without watching or changing it. */
export function readStored(folder: string): Outcome<RegistryKey> {
  return readStoredFile(join(folder, FILE))
}

/** A registry that is not there has no keys. */
function readStoredFile(path: string): Outcome<RegistryKey> {
  const octets = octetsAt(path)
  if (octets === undefined) return success(emptyRegistry)
  if (octets.length < END.length || !isSameOctets(octets.subarray(-END.length), END)) {
    return refused(path, 'the file was cut, or something else wrote it', 'go back to a backup with reg restore')
  }
  return registryOf(octets, path)
}

/** Undefined where there is no such file; what may not be read throws. */
function octetsAt(path: string): Uint8Array | undefined {
  try {
    return octetsOf(fs.readFileSync(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** A .reg file as a registry of its own. With a single error in it there is none: half of a registry is another one. */
export function registryOf(octets: Uint8Array, where: string): Outcome<RegistryKey> {
  const read = readRegText(octets, where)
  if (!read.ok) return read
  const { problems, changes } = read.value
  const isFaulty = problems.some(({ severity }) => severity === 'error')
  return isFaulty ? failure(problems) : success(applied(emptyRegistry, changes))
}

/** The old octets or the new ones, also where the power goes; the new ones for certain once this answers. */
function replaceFile(path: string, octets: Uint8Array): void {
  const beside = `${path}.new`
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants
  const fd = fs.openSync(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
  try {
    fs.writeFileSync(fd, octets)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  fs.renameSync(beside, path)
  flushFolder(dirname(path))
}

/** With all above it, and each known to the one above it for certain. */
function makeFolder(path: string): void {
  const highest = fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  if (highest === undefined) return
  for (let made = resolve(path); made.length >= highest.length; made = dirname(made)) flushFolder(dirname(made))
}

function flushFolder(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY)
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** Another word whenever the file may hold something else. */
export function stateOfFile(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = fs.statSync(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    return 'absent'
  }
}

/** `2026-11-23T17-36-07Z`: in the names of files a colon is trouble elsewhere. */
function timeWord(at: number): string {
  return new Date(at * 1000)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-')
}

function backupOf(file: string, name: string): Backup | undefined {
  const parts = /^(\d{1,9})_(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z_(automatic|asked)\.reg$/.exec(name)
  if (parts === null) return undefined
  const [, number, day, hour, minute, second, kind] = parts
  const at = Date.parse(`${day}T${hour}:${minute}:${second}Z`) / 1000
  return Number.isNaN(at) ? undefined : { number: Number(number), at, kind: kind as Backup['kind'], file }
}

function refused(where: string, what: string, hint: string): Result<never, readonly Problem[]> {
  return failure([{ severity: 'error', where, what, hint }])
}
