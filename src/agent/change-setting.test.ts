// Another value of the setting, asked for by a page: seen before it is made, made in the registry as a person would, in force at
// the answer, and refused with the reason where it cannot count.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { success } from '../base/result.ts'
import type { PolicyView } from '../monitor/policy-view.ts'
import { EXPECTED, type SettingPreview } from '../monitor/setting-change.ts'
import type { Policy } from '../policy/model.ts'
import { keyAt, valueAt } from '../settings/registry.ts'
import { dwordValue, numberOf } from '../settings/value.ts'
import { answerCommand } from './control-commands.ts'
import type { Answer, Command } from './control-protocol.ts'
import type { PolicySource } from './policy-source.ts'
import { RegistryPolicySource } from './registry-policy-source.ts'
import { openRegistry } from './registry-store.ts'
import { stateFolder } from './state-folder.ts'
import { loaded, policyNamed, TestAgent, wrong } from './test-agent-parts.ts'

const IPSEC = String.raw`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\IPSEC`

const xp: Policy = { ...policyNamed('XP'), profile: 'windows-xp' }

/** An agent with a registry of its own on disk. */
async function agentWith(t: TestContext, policy: Policy = xp) {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-setting-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const registry = openRegistry(stateFolder(folder))
  let next: ReturnType<PolicySource['load']> = success(loaded(policy))
  const file: PolicySource = { name: 'policy.yaml', load: () => next, watch: () => ({ stop() {} }) }
  const host = new TestAgent({ registry, source: new RegistryPolicySource(file, registry) })
  await host.in(host.agent.up())
  t.after(() => host.in(host.agent.down()))
  const ask = (command: Command) => host.in(answerCommand(host.agent, command))
  const change = (value: number, expected: number) => ask({ kind: 'change-setting', value, expected, by: 'a test' })
  const inRegistry = () => {
    const root = registry.read()
    assert.ok(root.ok)
    const value = valueAt(root.value, IPSEC, 'NoDefaultExempt')
    return value && numberOf(value)
  }
  const setting = () => host.agent.compiled.setting
  return { host, registry, ask, change, inRegistry, setting, load: (given: typeof next) => (next = given) }
}

function problems(answer: Answer): readonly (readonly [where: string, what: string])[] {
  assert.equal(answer.kind, 'refused')
  return answer.kind === 'refused' ? answer.problems.map(({ where, what }) => [where, what]) : []
}

function preview(answer: Answer): SettingPreview {
  assert.equal(answer.kind, 'fine', JSON.stringify(answer))
  return (answer as { readonly value: SettingPreview }).value
}

test('a change stands in the registry with a backup, is in force at the answer, and an event says who made it', async t => {
  const { host, registry, change, inRegistry, setting } = await agentWith(t)
  assert.deepEqual([setting().value, setting().from], [0, 'default'])
  assert.deepEqual(await change(3, 0), { kind: 'fine', value: null })
  assert.deepEqual([setting().value, setting().from, inRegistry()], [3, 'registry', 3])
  assert.equal(registry.backups().length, 1)
  const event = host.told.find(({ kind }) => kind === 'setting-changed')!
  assert.match(event.text, /NoDefaultExempt was 0 and is 3 now: changed by a test/)
  assert.deepEqual([event.fields?.['before'], event.fields?.['value'], event.fields?.['by']], [0, 3, 'a test'])
  assert.equal((await change(0, 3)).kind, 'fine')
  assert.equal(setting().value, 0)
})

test('who saw another value than the one in force changes nothing, also where the registry was written a moment ago', async t => {
  const { registry, change, inRegistry, setting } = await agentWith(t)
  assert.deepEqual(problems(await change(1, 3)), [[EXPECTED, '0 is in force by now, not 3']])
  assert.equal(inRegistry(), undefined)
  const written = await registry.change(() =>
    success([{ kind: 'set', key: IPSEC, value: dwordValue('NoDefaultExempt', 2) }]),
  )
  assert.ok(written.ok)
  // The agent has not looked yet.
  assert.equal(setting().value, 0)
  assert.deepEqual(problems(await change(1, 0)), [[EXPECTED, '2 is in force by now, not 0']])
  assert.equal(inRegistry(), 2)
})

test('of two who change at once one does, and the other hears that it is late', async t => {
  const { host, change, setting } = await agentWith(t)
  const both = await host.in(Promise.all([change(1, 0), change(2, 0)]))
  assert.deepEqual(both.map(({ kind }) => kind).toSorted(), ['fine', 'refused'])
  const late = both.find(({ kind }) => kind === 'refused')!
  assert.equal(problems(late)[0]![0], EXPECTED)
  assert.ok(setting().value === 1 || setting().value === 2)
})

test('a value that this Windows does not honour, a policy that fixes its own, and a profile without a setting are refused in words', async t => {
  const honoured = await agentWith(t)
  assert.match(problems(await honoured.change(7, 0))[0]![1], /Windows XP does not honour 7/)
  const fixed = await agentWith(t, { ...xp, noDefaultExempt: 1 })
  assert.match(problems(await fixed.change(0, 1))[0]![1], /The policy sets NoDefaultExempt itself/)
  const unusable = await agentWith(t, { ...xp, noDefaultExempt: 'one' })
  assert.match(problems(await unusable.change(1, 0))[0]![1], /The policy sets NoDefaultExempt itself/)
  const strict = await agentWith(t, { ...xp, profile: 'strict' })
  assert.match(problems(await strict.change(0, 3))[0]![1], /reads no setting/)
  for (const one of [honoured, fixed, unusable, strict]) assert.equal(one.inRegistry(), undefined)
  for (const one of [fixed, unusable, strict]) {
    const { isChangeable, whyNot } = preview(await one.ask({ kind: 'preview-setting', value: undefined }))
    assert.equal(isChangeable, false)
    assert.match(whyNot!, /\.$/)
  }
})

test('what the agent does not take with the policy is taken back, and the value that was there stays', async t => {
  const { registry, change, inRegistry, setting, load } = await agentWith(t)
  assert.equal((await change(2, 0)).kind, 'fine')
  load(wrong('a mistake that was just saved'))
  const [first, second] = problems(await change(1, 2))
  assert.match(first![1], /a mistake that was just saved/)
  assert.match(second![1], /taken back/)
  assert.deepEqual([inRegistry(), setting().value], [2, 2])
  load(success(loaded(xp)))
  assert.equal((await change(1, 2)).kind, 'fine')
  const root = registry.read()
  assert.ok(root.ok && keyAt(root.value, IPSEC)!.values.length === 1)
})

test('before it is made a change says what it does with each kind of traffic of this host, in words', async t => {
  const { ask } = await agentWith(t)
  const at = async (value: number) => preview(await ask({ kind: 'preview-setting', value }))
  const now = preview(await ask({ kind: 'preview-setting', value: undefined }))
  assert.deepEqual(
    [now.name, now.value, now.from, now.asked, now.isChangeable, now.whyNot],
    [...(['NoDefaultExempt', 0, 'default', 0, true, null] as const)],
  )
  assert.deepEqual(now.changes, [])
  assert.deepEqual(
    now.values.map(({ value }) => value),
    [0, 1, 2, 3],
  )
  assert.equal(now.values[3]!.meaning, 'only IKE is exempt')
  const { changes } = await at(1)
  const kerberos = changes.filter(({ title }) => title === 'Kerberos')
  assert.deepEqual(kerberos.map(one => [one.now, one.then]).toSorted(), [
    ['exempt', 'permitted'],
    ['exempt', 'secured'],
  ])
  assert.equal(kerberos.find(one => one.then === 'secured')!.words, 'exempt now; at 1 sealed by rule “all”')
  assert.ok(!changes.some(({ title }) => title === 'IKE' || title === 'Multicast'))
  assert.ok((await at(3)).changes.some(({ title }) => title === 'Multicast'))
  assert.match(problems(await ask({ kind: 'preview-setting', value: 9 }))[0]![1], /does not honour 9/)
})

test('at a value that exempts more, what is sealed now is said to pass', async t => {
  const { ask, change } = await agentWith(t)
  assert.equal((await change(3, 0)).kind, 'fine')
  const { changes } = preview(await ask({ kind: 'preview-setting', value: 0 }))
  const kerberos = changes.find(({ title, now }) => title === 'Kerberos' && now === 'secured')!
  assert.equal(kerberos.then, 'exempt')
  assert.equal(kerberos.words, 'now sealed by rule “all”; exempt at 0')
})

test('the knot of KB 254949 is told before it is tied', async t => {
  const kerberos = [{ kind: 'kerberos', kdc: [], keytab: '/etc/krb5.keytab' } as const]
  const knotted = policyNamed('knot', { authentication: kerberos, keying: ['ikev1'] })
  const { ask } = await agentWith(t, { ...knotted, profile: 'windows-xp' })
  const { warnings } = preview(await ask({ kind: 'preview-setting', value: 1 }))
  assert.match(warnings.join(' '), /no negotiation can begin/)
  assert.deepEqual(
    preview(await ask({ kind: 'preview-setting', value: 2 })).warnings.filter(one => /negotiation/.test(one)),
    [],
  )
})

test('status says of each exemption from which value on it would obey the filters, and what they would do', async t => {
  const { host } = await agentWith(t)
  const { setting } = await host.in(host.agent.status())
  const of = (name: string) => setting.exempt.find(one => one.name === name)!.otherwise
  assert.equal(of('ike'), null)
  assert.deepEqual(of('kerberos'), {
    ...{ value: 1, becomes: 'mixed' },
    words: 'at 1 this would be sealed by rule “all”; elsewhere in clear, as no filter matches it',
  })
  assert.deepEqual(of('multicast'), {
    ...{ value: 2, becomes: 'permitted', words: 'at 2 this would be in clear, as no filter matches it' },
  })
})

test('the policy is told in words, bounded, and never with its secrets', async t => {
  const { ask } = await agentWith(t)
  const answer = await ask({ kind: 'policy' })
  assert.equal(answer.kind, 'fine')
  const view = (answer as { readonly value: PolicyView }).value
  assert.deepEqual([view.name, view.profile, view.source, view.moreRules], ['XP', 'windows-xp', 'policy.yaml', 0])
  assert.deepEqual(
    view.rules.map(({ name, action, mode }) => [name, action, mode]),
    [['all', 'negotiate', 'transport']],
  )
})
