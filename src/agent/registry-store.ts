// Where an agent's registry lives: in its state folder, and that of the host's own agent where it outlives a restart of the
// machine, since /run does not. Brings the store its lock, its clock and its date.
import { dirname, join } from 'node:path'
import { systemClock, unixSeconds } from '../base/time.ts'
import { lockFile } from '../native/file-lock.ts'
import { RegistryFile } from '../settings/registry-file.ts'
import { bootPlaces } from './boot-units.ts'
import { DEFAULT_STATE, type StateFolder } from './state-folder.ts'

export function openRegistry({ path }: StateFolder): RegistryFile {
  const folder = path === DEFAULT_STATE ? dirname(bootPlaces.lastGood) : path
  return new RegistryFile({ folder: join(folder, 'registry'), lock: lockFile, clock: systemClock, date: unixSeconds })
}
