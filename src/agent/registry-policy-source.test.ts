// The agent's policy with the registry's say in it: what is loaded, what is refused, and of what it tells.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { success } from '../base/result.ts'
import { systemClock, unixSeconds } from '../base/time.ts'
import { settingOf } from '../policy/profiles.ts'
import { dwordValue } from '../settings/value.ts'
import { FilePolicySource } from './policy-source.ts'
import { RegistryPolicySource } from './registry-policy-source.ts'
import { openRegistry } from './registry-store.ts'
import { stateFolder } from './state-folder.ts'

const key = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC'
const rule = 'rules: [{ name: r, filters: [{ source: any, destination: any }], action: block }]'

function host(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-source-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, `name: a\nprofile: windows-xp\n${rule}\n`)
  const source = new RegistryPolicySource(
    new FilePolicySource(policy, systemClock, unixSeconds),
    openRegistry(stateFolder(folder)),
  )
  const set = (number: number) =>
    openRegistry(stateFolder(folder)).change(() =>
      success([{ kind: 'set', key, value: dwordValue('NoDefaultExempt', number) }]),
    )
  return { folder, policy, source, set }
}

function settingIn(source: RegistryPolicySource) {
  const loaded = source.load()
  assert.ok(loaded.ok)
  const { value, from } = settingOf(loaded.value.policy)
  return [value, from]
}

test('what the policy leaves out comes from the registry, which may not be there', async context => {
  const { policy, source, set } = host(context)
  assert.deepEqual(settingIn(source), [0, 'default'])
  await set(3)
  assert.deepEqual(settingIn(source), [3, 'registry'])
  writeFileSync(policy, `name: a\nprofile: windows-xp\nnoDefaultExempt: 1\n${rule}\n`)
  assert.deepEqual(settingIn(source), [1, 'policy'])
})

test('a registry that was cut is refused, and named beside what is wrong with the policy', async context => {
  const { folder, policy, source, set } = host(context)
  await set(3)
  writeFileSync(join(folder, 'registry', 'registry.reg'), 'REGEDIT4\n')
  writeFileSync(policy, 'rules: 5\n')
  const loaded = source.load()
  assert.ok(!loaded.ok)
  const said = loaded.error.map(({ where, what }) => `${where}: ${what}`).join('\n')
  assert.match(said, /policy\.yaml/)
  assert.match(said, /registry\.reg: the file was cut/)
})

test('it tells of a change of the registry as of one of the policy', async context => {
  const { policy, source, set } = host(context)
  source.load()
  let heard = 0
  const watching = source.watch(() => heard++)
  const until = async (count: number) => {
    for (let tries = 0; heard < count && tries < 900; tries++) await new Promise(resolve => setTimeout(resolve, 10))
    assert.equal(heard, count)
  }
  await set(1)
  await until(1)
  writeFileSync(policy, `name: b\nprofile: windows-xp\n${rule}\n`)
  await until(2)
  watching.stop()
})
