// What an agent runs that asks the registry for its policy: what is assigned, nothing where nothing is, and never less than that.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { success } from '../base/result.ts'
import { unixSeconds } from '../base/time.ts'
import { TEST_TIME } from '../crypto/test-certificates.ts'
import { stringValue } from '../settings/value.ts'
import { runNetshScript } from '../windows/netsh-script.ts'
import { netshChanges, readNetshStart } from '../windows/netsh-store.ts'
import { storePath } from '../windows/registry-policies.ts'
import { AssignedPolicySource, forgetDynamicRules } from './assigned-policy-source.ts'
import { openRegistry } from './registry-store.ts'
import { stateFolder } from './state-folder.ts'
import { makeCredentialFolder } from './test-credential-files.ts'

function host(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-assigned-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const registry = openRegistry(stateFolder(folder))
  const source = new AssignedPolicySource({ registry, folder, date: unixSeconds })
  const netsh = async (text: string) => {
    const changed = await registry.change(root => {
      const read = readNetshStart(root)
      const run = runNetshScript(text, 'x', read.start, { random: seededRandom(unixSeconds()), now: 0, host: 'H' })
      assert.deepEqual(run.problems, [])
      return success(netshChanges(root, read, run).changes)
    })
    assert.ok(changed.ok)
  }
  const rules = () => {
    const loaded = source.load()
    assert.ok(loaded.ok, JSON.stringify(loaded))
    return loaded.value.policy.rules.map(({ name }) => name)
  }
  return { registry, source, netsh, rules }
}

const policy = `netsh ipsec static add policy P act=no
netsh ipsec static add filterlist L
netsh ipsec static add filter L me 10.0.0.2
netsh ipsec static add filteraction A
netsh ipsec static add rule R P L A psk=x
`

test('nothing is assigned: nothing is secured, and that is a warning; what is assigned then counts', async context => {
  const { source, netsh, rules } = host(context)
  const empty = source.load()
  assert.ok(empty.ok)
  assert.deepEqual(empty.value.policy.rules, [])
  assert.match(empty.value.warnings[0]!.what, /no policy is assigned/)
  await netsh(policy)
  assert.deepEqual(rules(), [])
  await netsh('netsh ipsec static set policy P assign=yes')
  assert.deepEqual(rules(), ['R'])
})

test('the persistent policy and dynamic rules count with it, and dynamic rules are gone with the agent', async context => {
  const { registry, netsh, rules } = host(context)
  await netsh(`${policy}netsh ipsec static set policy P assign=yes`)
  await netsh(`netsh ipsec static set store persistent\n${policy.replaceAll(' R P', ' S P')}`)
  await netsh('netsh ipsec dynamic add rule me 10.0.0.3 actionin=block actionout=block')
  const all = rules()
  assert.deepEqual(all.slice(1), ['S', 'R'])
  assert.match(all[0]!, /^dynamic /)
  await forgetDynamicRules(registry)
  assert.deepEqual(rules(), ['S', 'R'])
})

test('an assigned policy that is not there is refused, never taken for none', async context => {
  const { registry, source } = host(context)
  const value = stringValue('ActivePolicy', 'X\\ipsecPolicy{72385230-70FA-11D1-864C-14A300000000}')
  await registry.change(() => success([{ kind: 'set', key: storePath('local'), value }]))
  assert.equal(source.load().ok, false)
})

test('connection security rules count where no IPsec policy does', async context => {
  const { netsh, rules } = host(context)
  await netsh('netsh advfirewall consec add rule name=C endpoint1=any endpoint2=10.0.0.9 action=noauthentication')
  assert.deepEqual(rules(), ['C'])
})

test('a certificate’s authority alone names no file: the agent says what to write', async context => {
  const { source, netsh } = host(context)
  await netsh(`${policy.replace('psk=x', 'rootca="CN=Root"')}netsh ipsec static set policy P assign=yes`)
  const loaded = source.load()
  assert.equal(loaded.ok, false)
  assert.match(JSON.stringify(loaded), /CN=Root/)
})

test('files of another authority than the one that a rule names are refused', async context => {
  const { registry, netsh } = host(context)
  const { folder } = makeCredentialFolder()
  context.after(() => rmSync(folder, { recursive: true }))
  const certificate = { ca: 'ca.pem', own: 'dc1.pem', key: 'dc1.key' }
  const source = new AssignedPolicySource({ registry, folder, date: () => TEST_TIME, certificate })
  const named = (authority: string) =>
    `${policy.replace('psk=x', `rootca="${authority}"`)}netsh ipsec static set policy P assign=yes`
  await netsh(named('cn = corp ca'))
  assert.equal(source.load().ok, true)
  await netsh(`netsh ipsec static delete all\n${named('CN=Somebody else')}`)
  const loaded = source.load()
  assert.match(JSON.stringify(loaded), /has no certificate of .*Somebody else/)
  assert.equal(loaded.ok, false)
})
