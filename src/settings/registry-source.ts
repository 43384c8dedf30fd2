// Any file that says what stands in a registry, told by its content: a hive, a .reg export, a Registry.pol, a security
// template, or the agent's own. What it says becomes one tree.
import type { Problem, Result } from '../base/result.ts'
import { failure, success } from '../base/result.ts'
import { mounted, mountPointOf, readHive } from './hive.ts'
import { readRegText } from './reg-text.ts'
import { applied, emptyRegistry, type RegistryChange, type RegistryKey } from './registry.ts'
import { isRegistryPol, readRegistryPol } from './registry-pol.ts'
import { isSecurityTemplate, readSecurityTemplate } from './security-template.ts'

export type SourceForm = 'hive' | 'reg' | 'registry-pol' | 'security-template'

export interface RegistrySource {
  readonly form: SourceForm
  /** With `CurrentControlSet` where a SYSTEM hive has one. */
  readonly root: RegistryKey
  /** Warnings, and errors about single lines that are not in the tree. */
  readonly problems: readonly Problem[]
}

export interface SourceOptions {
  readonly where: string
  /** Transaction logs of a hive. */
  readonly logs?: readonly Uint8Array[]
}

/** Undefined where the octets are none of these. */
export function registryFormOf(bytes: Uint8Array): SourceForm | undefined {
  const mark = Buffer.from(bytes.subarray(0, 4)).toString('latin1')
  if (mark === 'regf' || mark === 'CREG') return 'hive'
  if (isRegistryPol(bytes)) return 'registry-pol'
  const head = Buffer.from(bytes.subarray(0, 200)).toString('latin1').replaceAll('\0', '')
  if (/^[^\w]*(REGEDIT4|Windows Registry Editor)/.test(head)) return 'reg'
  return isSecurityTemplate(bytes) ? 'security-template' : undefined
}

/** Fails where the whole cannot be read; never throws. */
export function readRegistrySource(
  bytes: Uint8Array,
  options: SourceOptions,
): Result<RegistrySource, readonly Problem[]> {
  const { where } = options
  const form = registryFormOf(bytes)
  switch (form) {
    case 'hive':
      return fromHive(bytes, options)
    case 'reg':
      return fromChanges(form, readRegText(bytes, where))
    case 'registry-pol':
      return fromChanges(form, readRegistryPol(bytes, where))
    case 'security-template':
      return fromChanges(form, readSecurityTemplate(bytes, where))
    default: {
      const what = 'no registry can be read from it'
      const hint = 'a hive, a .reg file, a Registry.pol or a security template can be read'
      return failure([{ severity: 'error', where, what, hint }])
    }
  }
}

function fromHive(bytes: Uint8Array, options: SourceOptions): Result<RegistrySource, readonly Problem[]> {
  const hive = readHive(bytes, options)
  if (!hive.ok) return hive
  const { root, problems } = hive.value
  const whole = mounted(root)
  if (whole !== undefined) return success({ form: 'hive', root: whole, problems })
  const what = 'it is neither a SYSTEM nor a SOFTWARE hive'
  const hint = mountPointOf(root) ?? 'IPsec has its settings in those two'
  return failure([{ severity: 'error', where: options.where, what, hint }])
}

function fromChanges(
  form: SourceForm,
  read: Result<
    { readonly changes: readonly RegistryChange[]; readonly problems: readonly Problem[] },
    readonly Problem[]
  >,
): Result<RegistrySource, readonly Problem[]> {
  if (!read.ok) return read
  const { changes, problems } = read.value
  return success({ form, root: applied(emptyRegistry, changes), problems })
}
