// An agent's registry on disk, with the lock, the clock and the date that the store asks for.
import { systemClock, unixSeconds } from '../base/time.ts'
import { lockFile } from '../native/file-lock.ts'
import { RegistryFile } from '../settings/registry-file.ts'
import { registryFolder } from './registry-settings.ts'
import type { StateFolder } from './state-folder.ts'

export function openRegistry(folder: StateFolder): RegistryFile {
  return new RegistryFile({ folder: registryFolder(folder), lock: lockFile, clock: systemClock, date: unixSeconds })
}
