// Where an agent's registry lives, and what it says of the settings that a policy asks it for: NoDefaultExempt and IPsecExempt, at the keys where that
// Windows reads them.
import { dirname, join } from 'node:path'
import type { Problem } from '../base/result.ts'
import type { Policy, RegistrySetting, SettingName } from '../policy/model.ts'
import { ipsecExempt, KB_NAME_HINT, type KnownSetting, noDefaultExempt } from '../settings/catalogue.ts'
import { keyAt, type RegistryKey, spelledPath, valueAt, valueIn } from '../settings/registry.ts'
import { numberOf, type RegistryValue, valueTypes } from '../settings/value.ts'
import { typeWord } from '../settings/value-words.ts'
import { bootPlaces } from './boot-units.ts'
import { DEFAULT_STATE, type StateFolder } from './state-folder.ts'

/** Instead of the name of a policy file: what the registry assigns. */
export const REGISTRY_POLICY = 'registry:'

/** In the state folder; that of the host's own agent where it outlives a restart of the machine, since /run does not. */
export function registryFolder({ path }: StateFolder): string {
  return join(path === DEFAULT_STATE ? dirname(bootPlaces.lastGood) : path, 'registry')
}

const CURRENT = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet'

/** The policy as it counts on a host with this registry: what the policy does not set, the registry may. */
export function withRegistry(policy: Policy, root: RegistryKey): Policy {
  const found = {
    NoDefaultExempt: settingIn(root, noDefaultExempt),
    IPsecExempt: settingIn(root, ipsecExempt),
  }
  const registry = Object.fromEntries(Object.entries(found).filter(([, setting]) => setting !== undefined))
  return { ...policy, registry }
}

/** Where a registry has it, or would. */
export function settingKey(root: RegistryKey, name: SettingName): string {
  return keyOf(root, { NoDefaultExempt: noDefaultExempt, IPsecExempt: ipsecExempt }[name])
}

/** The first key is the one that counts; others are for a Windows whose profile does not read it. */
function keyOf(root: RegistryKey, { keys }: KnownSetting): string {
  return controlSetPath(root, keys[0]!.path)
}

function settingIn(root: RegistryKey, known: KnownSetting): RegistrySetting | undefined {
  const { name } = known
  const path = keyOf(root, known)
  const key = keyAt(root, path)
  const value = key && valueIn(key, name)
  if (value === undefined) return undefined
  const where = `${spelledPath(root, path)}\\${value.name}`
  const remark: Problem | undefined =
    value.name === name
      ? undefined
      : { severity: 'warning', where, what: `${value.name} counts, and is written ${name}`, hint: KB_NAME_HINT }
  return { where, value: dwordIn(value) ?? { instead: insteadOf(value) }, ...(remark === undefined ? {} : { remark }) }
}

function dwordIn(value: RegistryValue): number | undefined {
  return value.type === valueTypes.REG_DWORD ? numberOf(value) : undefined
}

function insteadOf(value: RegistryValue): string {
  return value.type === valueTypes.REG_DWORD ? `one of ${value.data.length} octets` : `a ${typeWord(value)}`
}

/** A hive that nobody runs has no current control set: SYSTEM\Select says which one it was. */
function controlSetPath(root: RegistryKey, path: string): string {
  if (!path.startsWith(CURRENT) || keyAt(root, CURRENT) !== undefined) return path
  const current = valueAt(root, 'HKLM\\SYSTEM\\Select', 'Current')
  const number = current && numberOf(current)
  if (number === undefined) return path
  return path.replace(CURRENT, `HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet${String(number).padStart(3, '0')}`)
}
