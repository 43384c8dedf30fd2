// The forms of Windows in which a policy can be written: its IPsec policies as a .reg file, and its connection security rules.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import type { Exported, ExportOptions } from '../export/exported.ts'
import type { Authentication, Policy } from '../policy/model.ts'
import { LEFT_OUT } from '../policy/write-policy.ts'
import { changesTo, type RegistryChange, registryKey } from '../settings/registry.ts'
import { dwordValue } from '../settings/value.ts'
import { writeRegChanges } from '../settings/write-reg-text.ts'
import { writeAdvfirewall } from '../windows/advfirewall-write.ts'
import { fromPolicy as rulesFrom } from '../windows/connection-security-from-policy.ts'
import { writeRulesJson } from '../windows/connection-security-json-writer.ts'
import { storePaths, writeRegistryPolicy } from '../windows/connection-security-registry.ts'
import type { ConnectionSecurityPolicy, Written } from '../windows/connection-security-rules.ts'
import { fromPolicy as objectsFrom } from '../windows/from-policy.ts'
import { writeIpsecpol } from '../windows/ipsecpol-write.ts'
import { type WrittenNetsh, writeNetsh } from '../windows/netsh-write.ts'
import type { PolicyStore } from '../windows/policy-objects.ts'
import { writePowerShell } from '../windows/powershell-write.ts'
import { registryChanges } from '../windows/registry-policies.ts'

const IPSEC = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\IPSEC'

/** A .reg file of the machine's own IPsec policy, assigned, and of NoDefaultExempt where the policy sets it. */
export function exportIpsecReg(policy: Policy, options: ExportOptions): Exported {
  const { store, losses } = objectsFrom(shown(policy, options), {
    random: systemRandom,
    authorityOf: file => authorityOf(file, options),
  })
  const setting = policy.noDefaultExempt
  const changes: readonly RegistryChange[] = [
    ...registryChanges(registryKey('', []), store, 'local'),
    ...(typeof setting === 'number'
      ? [{ kind: 'set', key: IPSEC, value: dwordValue('NoDefaultExempt', setting) } as const]
      : []),
  ]
  // What is lost of the whole has no place of its own.
  return regFile(
    changes,
    losses.map(one => ({ ...one, where: one.where.replace(/^$/, 'policy') })),
  )
}

/** The same policy as commands that make it, and set NoDefaultExempt where the policy sets it. */
export function exportNetsh(policy: Policy, options: ExportOptions): Exported {
  const exempt = policy.noDefaultExempt
  const setting =
    typeof exempt === 'number' ? `netsh ipsec dynamic set config property=ipsecexempt value=${exempt}\r\n` : ''
  return scriptOf(policy, options, store => {
    const { text, losses } = writeNetsh(store)
    return { text: text + setting, losses }
  })
}

export const exportIpsecpol = (policy: Policy, options: ExportOptions): Exported =>
  scriptOf(policy, options, writeIpsecpol)

function scriptOf(policy: Policy, options: ExportOptions, write: (store: PolicyStore) => WrittenNetsh): Exported {
  const made = objectsFrom(shown(policy, options), {
    random: systemRandom,
    authorityOf: file => authorityOf(file, options),
    form: 'windows-vista',
  })
  const { text, losses } = write(made.store)
  const all = [...made.losses, ...losses]
  return { text, losses: all.map(one => ({ ...one, where: one.where.replace(/^$/, 'policy') })) }
}

/** A .reg file of connection security rules of Windows Vista and later. */
export function exportRulesReg(policy: Policy, options: ExportOptions): Exported {
  const rules = rulesOf(policy, options)
  const { value: key, losses } = writeRegistryPolicy(rules.value, 'local')
  return regFile(changesTo(key, storePaths.local), [...rules.losses, ...losses])
}

export const exportAdvfirewall = (policy: Policy, options: ExportOptions): Exported =>
  textOf(rulesOf(policy, options), writeAdvfirewall)

export const exportPowerShell = (policy: Policy, options: ExportOptions): Exported =>
  textOf(rulesOf(policy, options), writePowerShell)

export const exportRulesJson = (policy: Policy, options: ExportOptions): Exported =>
  textOf(rulesOf(policy, options), ({ rules }) => writeRulesJson(rules))

function rulesOf(policy: Policy, options: ExportOptions): Written<ConnectionSecurityPolicy> {
  return rulesFrom(shown(policy, options), {
    authorityOf: file => (file === undefined ? undefined : authorityOf(file, options)),
  })
}

function textOf(
  rules: Written<ConnectionSecurityPolicy>,
  write: (rules: ConnectionSecurityPolicy) => Written<string>,
): Exported {
  const { value: text, losses } = write(rules.value)
  return { text, losses: [...rules.losses, ...losses] }
}

function regFile(changes: readonly RegistryChange[], losses: Exported['losses']): Exported {
  const written = writeRegChanges(changes)
  if (!written.ok) return { text: '', losses: [...losses, ...written.error] }
  const text = new TextDecoder('utf-16le').decode(written.value)
  return { text, encoding: 'utf-16le', losses }
}

/** These forms hold pre-shared keys in clear. */
function shown(policy: Policy, { secrets }: ExportOptions): Policy {
  if (secrets === 'write') return policy
  const hidden = (one: Authentication): Authentication =>
    one.kind === 'preSharedKey' ? { ...one, secret: new Secret(LEFT_OUT) } : one
  return { ...policy, rules: policy.rules.map(rule => ({ ...rule, authentication: rule.authentication.map(hidden) })) }
}

/** Windows names an authority by its distinguished name; undefined where the file says none. */
function authorityOf(file: string, { folder = '.' }: ExportOptions): string | undefined {
  try {
    return new X509Certificate(readFileSync(resolve(folder, file))).subject.split('\n').toReversed().join(', ')
  } catch {
    return undefined
  }
}
