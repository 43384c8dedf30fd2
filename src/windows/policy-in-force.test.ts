// The policy that a machine follows, from all of its registry.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { policy, rule } from '../policy/test-policies.ts'
import { applied, emptyRegistry, type RegistryKey } from '../settings/registry.ts'
import { fromPolicy } from './from-policy.ts'
import { policyInForce } from './policy-in-force.ts'
import { domainAssignmentChanges, type RegistryPlace, registryChanges } from './registry-policies.ts'

const blocks = (name: string, filter: string) =>
  fromPolicy(policy([rule('block', [filter], { name, keying: [], security: [] })], { name }), {
    random: seededRandom(name.length),
  }).store

function withStore(root: RegistryKey, place: RegistryPlace, name: string, filter: string): RegistryKey {
  return applied(root, registryChanges(root, blocks(name, filter), place))
}

const names = (root: RegistryKey): readonly string[] | string => {
  const read = policyInForce(root)
  return read.ok ? [read.value.policy.name, ...read.value.policy.rules.map(one => one.name)] : read.error[0]!.what
}

test('an empty registry has no policy in force', () => {
  assert.equal(names(emptyRegistry), 'no IPsec policy is in force')
})

test('the persistent policy counts with that of the machine, its rules first and all names their own', () => {
  const local = withStore(emptyRegistry, 'local', 'mine', 'any me <-> any')
  assert.deepEqual(names(local), ['mine', 'mine'])
  const both = withStore(local, 'persistent', 'always', 'tcp me <-> any:23')
  assert.deepEqual(names(both), ['mine', 'always', 'mine'])
  const same = withStore(local, 'persistent', 'mine', 'tcp me <-> any:23')
  assert.deepEqual(names(same), ['mine', 'mine', 'mine (2)'])
  assert.deepEqual(names(withStore(emptyRegistry, 'persistent', 'always', 'any me <-> any')), ['always', 'always'])
})

test('a policy that the directory assigns and nobody has cached is no reason to follow another', () => {
  const local = withStore(emptyRegistry, 'local', 'mine', 'any me <-> any')
  const { assigned } = blocks('theirs', 'any me <-> any')
  const domain = applied(local, domainAssignmentChanges({ path: `LDAP://CN=ipsecPolicy${assigned},CN=IP Security` }))
  assert.match(String(names(domain)), /not in the cache/)
  assert.deepEqual(names(withStore(domain, 'cache', 'theirs', 'any me <-> any')), ['theirs', 'theirs'])
})
