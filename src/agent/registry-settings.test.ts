// What a registry says of a policy's setting: where it is looked for, what counts of it, and what is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy, ProfileName } from '../policy/model.ts'
import { settingOf } from '../policy/profiles.ts'
import { applied, emptyRegistry } from '../settings/registry.ts'
import { dwordValue, qwordValue, type RegistryValue, stringValue } from '../settings/value.ts'
import { registryFolder, withRegistry } from './registry-settings.ts'
import { stateFolder } from './state-folder.ts'

const IPSEC = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC'
const FIREWALL = 'HKLM\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall'

function settingWith(profile: ProfileName, key: string, value: RegistryValue, own: Partial<Policy> = {}) {
  const policy: Policy = { name: 'a', profile, defaultResponse: false, networks: [], rules: [], ...own }
  return settingOf(withRegistry(policy, applied(emptyRegistry, [{ kind: 'set', key, value }])))
}

const one = dwordValue('NoDefaultExempt', 1)

test('the registry counts where the policy sets nothing, and the policy where both do', () => {
  for (const profile of ['windows-2000-sp1', 'windows-xp', 'windows-server-2003'] as const) {
    const setting = settingWith(profile, IPSEC, one)
    assert.deepEqual([setting.value, setting.from, setting.problems, setting.remarks], [1, 'registry', [], []])
    assert.equal(setting.where, 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\IPSEC\\NoDefaultExempt')
    assert.ok(!setting.exemptions.some(({ name }) => name === 'kerberos'))
  }
  const own = settingWith('windows-xp', IPSEC, one, { noDefaultExempt: 3 })
  assert.deepEqual([own.value, own.from, own.where], [3, 'policy', undefined])
})

test('a key of another spelling is the same key, and a name of another spelling counts with a remark', () => {
  const lower = settingWith('windows-xp', IPSEC.toLowerCase(), dwordValue('nodefaultexempt', 1))
  assert.deepEqual([lower.value, lower.from], [1, 'registry'])
  assert.match(lower.remarks[0]!.what, /is written NoDefaultExempt/)
})

const unusable: readonly (readonly [RegistryValue, RegExp])[] = [
  [stringValue('NoDefaultExempt', '1'), /not a REG_SZ: the default of Windows XP, 0, counts/],
  [qwordValue('NoDefaultExempt', 1n), /not a REG_QWORD/],
  [{ ...one, data: Uint8Array.of(1, 0) }, /not one of 2 octets/],
  [{ ...one, type: 77 }, /not a 0x4d/],
  [dwordValue('NoDefaultExempt', 4), /4 is out of range/],
  [dwordValue('NoDefaultExempt', 0xffffffff), /4294967295 is out of range/],
]
for (const [value, expected] of unusable) {
  test(`what is no value of the setting is told, and the default counts: ${expected.source}`, () => {
    const { from, value: number, problems } = settingWith('windows-xp', IPSEC, value)
    assert.deepEqual([from, number, problems.length], ['default', 0, 1])
    assert.match(problems[0]!.what, expected)
    assert.match(problems[0]!.where, /IPSEC\\NoDefaultExempt$/)
  })
}

test('Vista reads its own mask under its policy key, and NoDefaultExempt nowhere', () => {
  const mask = settingWith('windows-vista', FIREWALL, dwordValue('IPsecExempt', 3))
  assert.deepEqual([mask.name, mask.value, mask.from], ['IPsecExempt', 3, 'registry'])
  const agentKey = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\PolicyAgent'
  for (const key of [IPSEC, agentKey]) assert.equal(settingWith('windows-vista', key, one).from, 'default')
  assert.match(settingWith('windows-vista', FIREWALL, dwordValue('IPsecExempt', 16)).problems[0]!.what, /out of range/)
})

test('Windows 2000 before its service pack and the strict profile ask no registry', () => {
  for (const profile of ['windows-2000', 'strict'] as const) {
    const setting = settingWith(profile, IPSEC, one)
    assert.deepEqual([setting.name, setting.from, setting.problems], [undefined, 'default', []])
  }
})

test('in a hive that nobody runs, SYSTEM\\Select says which control set is the current one', () => {
  const root = applied(emptyRegistry, [
    { kind: 'set', key: 'HKLM\\SYSTEM\\Select', value: dwordValue('Current', 2) },
    { kind: 'set', key: 'HKLM\\SYSTEM\\ControlSet001\\Services\\IPSEC', value: dwordValue('NoDefaultExempt', 1) },
    { kind: 'set', key: 'HKLM\\SYSTEM\\ControlSet002\\Services\\IPSEC', value: dwordValue('NoDefaultExempt', 3) },
  ])
  const policy: Policy = { name: 'a', profile: 'windows-xp', defaultResponse: false, networks: [], rules: [] }
  const { value, where } = settingOf(withRegistry(policy, root))
  assert.equal(value, 3)
  assert.match(where!, /ControlSet002/)
})

test('the registry of the host’s own agent outlives a restart; that of another one is in its folder', () => {
  assert.equal(registryFolder(stateFolder('/run/sealwire')), '/var/lib/sealwire/registry')
  assert.equal(registryFolder(stateFolder('/srv/one')), '/srv/one/registry')
})
