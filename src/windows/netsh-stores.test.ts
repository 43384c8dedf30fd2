// Policies that Windows itself or a domain made, as commands of netsh and back: the same policy comes of both.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { readRegText } from '../settings/reg-text.ts'
import { applied, emptyRegistry } from '../settings/registry.ts'
import { builtInStore } from './built-in-policies.ts'
import { emptyPolicy } from './connection-security-rules.ts'
import { readLdif } from './directory-ldif.ts'
import { policiesFromEntries } from './directory-policies.ts'
import { emptyNetshState, runNetshScript } from './netsh-script.ts'
import { writeNetsh } from './netsh-write.ts'
import { objectsOf, type PolicyStore } from './policy-objects.ts'
import { readRegistryPolicies } from './registry-policies.ts'
import { meaningOf } from './test-windows-policies.ts'
import { toPolicy } from './to-policy.ts'

const testdata = join(import.meta.dirname, '../../../shared/testdata')
const skip = existsSync(testdata) ? false : 'skipped, because ../shared/testdata is not here'
const octets = (file: string) => new Uint8Array(readFileSync(join(testdata, file)))

const stores: readonly (readonly [string, string | false, () => PolicyStore, readonly string[]])[] = [
  ['the three built-in policies', false, () => builtInStore(), []],
  [
    'a policy that Windows 2000 exported',
    skip,
    () => {
      const read = readRegText(octets('registry/reg/vpnease/win2k-ipsec-policy-instantiated.reg'), 'x')
      assert.ok(read.ok)
      return readRegistryPolicies(applied(emptyRegistry, read.value.changes), 'local').store
    },
    [],
  ],
  [
    'the policies of a new domain',
    skip,
    () => {
      const read = readLdif(octets('policy-texts/samba/ip-security-objects.ldif'), 'x')
      assert.ok(read.ok)
      return policiesFromEntries(read.value.entries).store
    },
    // What says who made the objects is a rule that no policy has.
    ['1 are in no policy'],
  ],
]

for (const [what, why, make, losses] of stores) {
  test(`${what}: written as netsh and run, they say the same`, { skip: why }, () => {
    const store = make()
    const written = writeNetsh(store)
    assert.deepEqual(
      written.losses.map(loss => loss.what),
      losses,
    )
    const world = { random: seededRandom(1), now: 0, host: 'H' }
    const run = runNetshScript(written.text, 'x.cmd', { state: emptyNetshState, rules: emptyPolicy }, world)
    assert.deepEqual(run.problems, [])
    const again = run.state.stores.local
    assert.equal(writeNetsh(again).text, written.text)
    const said = (from: PolicyStore) =>
      objectsOf(from, 'policy').map(({ id }) => {
        const made = toPolicy(from, { policy: id })
        assert.ok(made.ok)
        const { rules, ike, name, defaultResponse } = made.value.policy
        return [
          name,
          ike,
          defaultResponse,
          rules.map(meaningOf).toSorted((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1)),
        ]
      })
    const byName = (list: readonly (readonly unknown[])[]) =>
      list.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
    assert.deepEqual(byName(said(again)), byName(said(store)))
  })
}
