// `--registry` and `--state` of the commands that ask a policy: what counts where the policy leaves the setting out.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandInput } from './command.ts'
import { explain } from './commands/explain.ts'
import { policyLint } from './commands/policy-lint.ts'
import { policyShow } from './commands/policy-show.ts'
import { prove } from './commands/prove.ts'
import { regCommands } from './commands/reg.ts'
import { runCommand as run } from './test-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-option-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const policy = file(
  'policy.yaml',
  'name: a\nprofile: windows-2000-sp1\nrules: [{ name: r, filters: [{ source: 10.0.0.1, destination: 10.0.0.2, mirrored: true }], ' +
    'action: negotiate, security: [esp-aes256gcm16], authentication: [{ certificate: { ca: ca.pem, own: a.pem, key: a.key } }] }]\n',
)
const key = '[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\IPSEC]'
const registry = file('one.reg', `REGEDIT4\n\n${key}\n"NoDefaultExempt"=dword:00000001\n`)

const flow = { policy, source: '10.0.0.1', destination: '10.0.0.2', protocol: 'udp', destinationPort: '88' }

test('explain answers by the registry that is named, and by the default where none is', async () => {
  const verdict = async (more: CommandInput['options']) => {
    const { out } = await run(explain, [], { ...flow, ...more, json: true })
    const { verdict, setting } = JSON.parse(out)
    return [verdict, setting.value, setting.from]
  }
  assert.deepEqual(await verdict({}), ['exempt', 0, 'default'])
  assert.deepEqual(await verdict({ registry }), ['protected', 1, 'registry'])
  assert.deepEqual(await verdict({ registry, noDefaultExempt: '0' }), ['exempt', 0, 'policy'])
  const state = join(folder, 'state')
  assert.deepEqual(await verdict({ state }), ['exempt', 0, 'default'])
  const [, add] = regCommands
  const words = [key.slice(1, -1), '/v', 'NoDefaultExempt', '/t', 'REG_DWORD', '/d', '1']
  assert.equal((await run(add!, words, { state })).status, 0)
  assert.deepEqual(await verdict({ state }), ['protected', 1, 'registry'])
})

test('prove is refuted by Kerberos without the registry and proves with it', async () => {
  const between = ['10.0.0.1', '10.0.0.2']
  assert.equal((await run(prove, [], { policy, between })).status, 1)
  assert.equal((await run(prove, [], { policy, between, registry })).status, 0)
})

test('lint misses the setting only where neither policy nor registry has it, and show tells where it is from', async () => {
  assert.match((await run(policyLint, [policy], {})).out, /setting-missing/)
  assert.doesNotMatch((await run(policyLint, [policy], { registry })).out, /setting-missing/)
  assert.match(
    (await run(policyShow, [policy], { registry })).out,
    /NoDefaultExempt 1 {2}from the registry: HKEY_LOCAL/,
  )
  const wrong = file('wrong.reg', `REGEDIT4\n\n${key}\n"NoDefaultExempt"="1"\n`)
  assert.match((await run(policyLint, [policy], { registry: wrong })).out, /setting-unusable/)
})

test('a registry that cannot be read, or two of them, are wrong input', async () => {
  const faulty = file('faulty.reg', `REGEDIT4\n\n${key}\n"NoDefaultExempt"=dword:x\n`)
  const faults: readonly CommandInput['options'][] = [
    { registry: join(folder, 'absent.reg') },
    { registry: folder },
    { registry: faulty },
    { registry: policy },
    { registry, state: folder },
  ]
  for (const options of faults) {
    const { status, out, said } = await run(explain, [], { ...flow, ...options })
    assert.deepEqual([status, out], [2, ''], JSON.stringify(options))
    assert.match(said, /^error: /)
  }
})
