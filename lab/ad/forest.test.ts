// The two nets that the forest may stand on: files, policies and steps of each.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPolicyText } from '../../src/policy/policy-text.ts'
import { filesOf } from './configuration.ts'
import { leftOut } from './exercise.ts'
import { corp, corpOnIpv6, type Forest, networkOf } from './forest.ts'
import { securePolicy } from './policies.ts'

const asRunning = ({ controllers }: Forest) => ({
  controllers: controllers.map(each => ({ ...each, host: { name: each.name, directory: '', pid: 0, began: '' } })),
})

test('where there is no IPv4, no file of a controller has an address of it, but for the loopback', () => {
  for (const [path, text] of filesOf(corpOnIpv6, corpOnIpv6.controllers[0])) {
    const found = text.replaceAll('127.0.0.1', '').match(/\b\d+\.\d+\.\d+\.\d+\b/g) ?? []
    assert.deepEqual(found, [], path)
  }
})

test('Kerberos’s settings have addresses of IPv6 in brackets, since a port may follow', () => {
  const first = corpOnIpv6.controllers[0]
  assert.match(filesOf(corpOnIpv6, first).get('/etc/krb5-dc2-udp.conf')!, /kdc = \[fd54::2\]\n/)
  assert.match(filesOf(corp, corp.controllers[0]).get('/etc/krb5-dc2-udp.conf')!, /kdc = 10\.54\.0\.2\n/)
})

test('the policy of a controller means the other one, on both nets and with keys of a minute', () => {
  for (const forest of [corp, corpOnIpv6]) {
    const choice = { profile: 'windows-2000-sp1', noDefaultExempt: 1, lifetimes: { keys: 60, ike: 300 } } as const
    const text = securePolicy(forest, forest.controllers[0], choice)
    const read = readPolicyText(text, 'policy.yaml')
    assert.ok(read.ok, JSON.stringify(read))
    const { rules, ike } = read.value.policy
    assert.equal(rules[0]?.filters.length, 1)
    assert.deepEqual(rules[0]?.lifetime, { seconds: 60 })
    assert.deepEqual(ike?.lifetime, { seconds: 300 })
  }
  assert.equal(networkOf(corp), '10.54.0.0/24')
  assert.equal(networkOf(corpOnIpv6), 'fd54::/64')
})

test('steps that IPv6 has not got are left out with a reason, and none on IPv4', () => {
  assert.deepEqual(leftOut(asRunning(corp), []), [])
  const names = leftOut(asRunning(corpOnIpv6), []).map(({ step }) => step)
  const due = ['netbios-broadcast', 'netbios-unicast', 'broadcast-ping', 'limited-broadcast-ping', 'multicast-ping']
  assert.deepEqual(names, due)
  assert.deepEqual(leftOut(asRunning(corpOnIpv6), ['ping', 'as-udp']), [])
})
