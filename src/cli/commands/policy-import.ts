// `sealwire policy import`: a policy in any form of Windows, as a policy file of ours, and what was lost on the way.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readDomainPolicies } from '../../agent/directory/directory-policies-live.ts'
import { logsBeside } from '../../agent/policy-file.ts'
import { withRegistry } from '../../agent/registry-settings.ts'
import { octetsOf } from '../../base/bytes.ts'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import { Secret } from '../../base/secret.ts'
import type { Policy } from '../../policy/model.ts'
import { settingOf } from '../../policy/profiles.ts'
import { writePolicyText } from '../../policy/write-policy.ts'
import {
  policyFromDirectory,
  readWindowsPolicy,
  type WindowsPolicy,
  windowsForms,
} from '../../windows/read-windows-policy.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, textOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'

export const policyImport: CommandSpec = {
  name: 'policy import',
  summary: 'make a policy file of what Windows has: a registry, a directory, a script, rules as shown',
  description:
    `Reads ${Object.values(windowsForms).join(', ')}, told by its content; or the policies of a domain, by ldap:// or ldaps:// and its host. ` +
    'What cannot be said in a policy file is listed: an error where traffic may pass that Windows would have blocked or secured, and then nothing is written unless --lossy says so. ' +
    'Exit status 0: written; 2: it cannot be read, or would lose too much.',
  arguments: [{ name: '<source>', description: 'a file, or ldap://HOST or ldaps://HOST', values: 'file' }],
  options: [
    {
      flags: '--name <policy>',
      key: 'name',
      description: 'the policy that is meant; left out, the one that is in force',
    },
    {
      flags: '--out <file>',
      key: 'out',
      description: 'write into this file (mode 0600) instead of standard output',
      values: 'file',
    },
    { flags: '--lossy', key: 'lossy', description: 'write it even where something is lost that matters' },
    {
      flags: '--user <name>',
      key: 'user',
      description: 'who asks the directory: name@domain, or a distinguished name',
    },
    {
      flags: '--password-file <file>',
      key: 'passwordFile',
      description: 'the file with the password, in its first line; never on the command line, where others read it',
      values: 'file',
    },
    {
      flags: '--ca <file>',
      key: 'ca',
      description: "PEM file of the authority of the directory's certificate",
      values: 'file',
    },
    {
      flags: '--secrets',
      key: 'secrets',
      description: 'write pre-shared keys too; left out, a word stands in their place',
    },
    jsonOption,
  ],
  examples: [
    'sealwire policy import exported.reg --out policy.yaml',
    'sealwire policy import SOFTWARE --name "Server (Request Security)"',
    'sealwire policy import ldap://dc1.corp.test --user Administrator@corp.test --password-file secret --ca ca.pem',
  ],
  run: runImport,
}

async function runImport(input: CommandInput, console: Console): Promise<number> {
  const source = input.arguments[0]!
  const read = /^ldaps?:\/\//i.test(source) ? await fromDirectory(source, input) : fromFile(source, input)
  if (!read.ok) {
    console.problems(read.error)
    return WRONG_INPUT
  }
  const { policy, losses, form } = read.value
  const isTooMuch = input.options['lossy'] !== true && losses.some(({ severity }) => severity === 'error')
  const json = input.options['json'] === true
  if (!json) console.problems(losses)
  if (isTooMuch) {
    if (json) console.json({ ok: false, form, losses, policy: null })
    const hint = 'look at each error above; --lossy writes what can be said'
    console.problems([
      { severity: 'error', where: source, what: 'a policy file would let pass what Windows does not', hint },
    ])
    return WRONG_INPUT
  }
  const text = writePolicyText(policy, { secrets: input.options['secrets'] === true ? 'write' : 'leave-out' })
  const out = textOption(input, 'out')
  if (out !== undefined) {
    try {
      writeFileSync(out, text, { mode: 0o600 })
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      console.problems([{ severity: 'error', where: out, what, hint: 'name a file that can be written' }])
      return WRONG_INPUT
    }
  }
  if (json) console.json({ ok: true, form, losses, policy: text })
  else if (out === undefined) console.write(text)
  else console.say(`${out}: ${policy.rules.length} rules of “${policy.name}”, from ${windowsForms[form]}`)
  return FINE
}

function fromFile(path: string, input: CommandInput): Result<WindowsPolicy, readonly Problem[]> {
  const name = textOption(input, 'name')
  let bytes: Uint8Array
  try {
    bytes = octetsOf(readFileSync(path))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['ENOENT', 'EISDIR', 'EACCES', 'ENOTDIR', 'ERR_FS_FILE_TOO_LARGE'].includes(code)) throw error
    const what = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`
    return failure([{ severity: 'error', where: path, what, hint: 'name a file, or ldap://HOST' }])
  }
  const options = { where: path, logs: logsBeside(path), ...(name === undefined ? {} : { name }) }
  const read = readWindowsPolicy(bytes, options)
  if (!read.ok || read.value.registry === undefined) return read
  const { policy, registry, losses } = read.value
  const counted = withRegistry(policy, registry)
  const setting = settingOf(counted)
  return success({ ...read.value, policy: withValue(policy, setting), losses: [...losses, ...setting.problems] })
}

/** What the registry says of the setting stands in the policy file afterwards: that is read without a registry. */
function withValue(policy: Policy, { name, value, from }: ReturnType<typeof settingOf>): Policy {
  if (from === 'default' || name === undefined) return policy
  return name === 'NoDefaultExempt' ? { ...policy, noDefaultExempt: value } : { ...policy, ipsecExempt: value }
}

async function fromDirectory(url: string, input: CommandInput): Promise<Result<WindowsPolicy, readonly Problem[]>> {
  const [user, passwordFile, ca] = ['user', 'passwordFile', 'ca'].map(key => textOption(input, key))
  const missing = [passwordFile, ca].find(file => file !== undefined && !existsSync(file))
  if (missing !== undefined) {
    return failure([
      { severity: 'error', where: missing, what: 'there is no such file', hint: 'name a file that is there' },
    ])
  }
  const password = passwordFile === undefined ? undefined : readFileSync(passwordFile, 'utf8').split(/\r?\n/, 1)[0]!
  const read = await readDomainPolicies({
    url,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password: new Secret(password) }),
    ...(ca === undefined ? {} : { authorities: readFileSync(ca, 'utf8') }),
  })
  if (!read.ok) return read
  const name = textOption(input, 'name')
  return policyFromDirectory(read.value.entries, { where: url, ...(name === undefined ? {} : { name }) })
}
