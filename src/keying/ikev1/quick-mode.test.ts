// Quick mode of two hosts: methods, modes, traffic, lifetimes, what does not fit; and how what it made ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../base/address.ts'
import type { Policy, Rule } from '../../policy/model.ts'
import { filter } from '../../policy/test-policies.ts'
import { sharedSecret, TestNet } from '../test-hosts.ts'
import { twoHosts, v1Policy } from './test-hosts-v1.ts'

/** Both hosts have rules of these filters, named `all`, in that order. */
function rulesOf(...rules: readonly Partial<Rule>[]): Policy {
  const base = v1Policy()
  return { ...base, rules: rules.map((changes, at) => ({ ...base.rules[0]!, name: `rule ${at + 1}`, ...changes })) }
}

const methods: readonly string[] = [
  'esp-aes128-sha1',
  'esp-3des-md5',
  'esp-aes256gcm16',
  'esp-null-sha256',
  'ah-sha1',
  'ah-sha256+esp-aes128-sha256',
  'esp-aes256gmac',
]
for (const security of methods) {
  test(`quick mode agrees on ${security}, with fresh keys and without`, () => {
    for (const freshKeys of [false, true]) {
      const net = new TestNet(1)
      const [left, right] = twoHosts(net, v1Policy({ security: [security], freshKeys }))
      left.needs(right)
      net.advance(3)
      assert.ok(left.reaches(right) && right.reaches(left), net.picture())
      assert.equal(left.of('child-established')[0]?.security, security)
    }
  })
}

test('hosts of IPv6 come to keys in the same way', () => {
  const net = new TestNet(2)
  const [left, right] = twoHosts(net, v1Policy(), {}, ['fd00::1', 'fd00::2'])
  left.needs(right)
  net.advance(3)
  assert.ok(left.reaches(right) && right.reaches(left), net.picture())
})

test('each rule has associations of its own, for its ports alone', () => {
  const net = new TestNet(3)
  const policy = rulesOf({ filters: [filter('tcp any <-> any:445')] }, { filters: [filter('udp any <-> any:53')] })
  const [left, right] = twoHosts(net, policy, { credentials: sharedSecret(policy) })
  left.needs(right, 'rule 1')
  left.needs(right, 'rule 2', { protocol: 17, destinationPort: 53 })
  net.advance(3)
  assert.equal(left.pairs.size, 2)
  assert.equal(left.endpoint.sessions().length, 1)
  const [first] = [...left.pairs.values()]
  assert.deepEqual(first!.pair.outbound.selectors[0]?.destinationPort, { first: 445, last: 445 })
  assert.equal(first!.pair.outbound.selectors[0]?.protocol, 6)
})

test('a range of ports, which IKEv1 cannot name, leads to associations of single packets’ ports', () => {
  const net = new TestNet(4)
  const [left, right] = twoHosts(net, v1Policy({ filters: [filter('tcp any <-> any:440-450')] }))
  left.needs(right)
  net.advance(3)
  assert.ok(left.reaches(right), net.picture())
})

test('a tunnel between networks is agreed on as subnets', () => {
  const net = new TestNet(5)
  const tunnel = (far: string, text: string): Policy =>
    v1Policy({ mode: 'tunnel', tunnelEndpoint: parseAddress(far)!, filters: [filter(text)] })
  const [left, right] = twoHosts(net, [
    tunnel('10.0.0.2', 'any 192.168.1.0/24 -> 192.168.2.0/25'),
    tunnel('10.0.0.1', 'any 192.168.2.0/25 -> 192.168.1.0/24'),
  ])
  const ends = { source: parseAddress('192.168.1.5')!, destination: parseAddress('192.168.2.7')! }
  left.needs(right, 'all', ends)
  net.advance(3)
  assert.ok(left.reaches(right), net.picture())
  assert.equal(right.of('child-established')[0]?.mode, 'tunnel')
})

const mismatches: readonly (readonly [string, Partial<Rule>, Partial<Rule>, RegExp, RegExp])[] = [
  [
    'methods',
    { security: ['esp-aes128-sha1'] },
    { security: ['esp-3des-md5'] },
    /NO-PROPOSAL-CHOSEN/,
    /the peer offers .*we want/,
  ],
  ['fresh keys that one wants and the other leaves out', {}, { freshKeys: true }, /NO-PROPOSAL-CHOSEN/, /we want/],
  [
    'traffic of which the rule has less',
    { filters: [filter('any me <-> any')] },
    { filters: [filter('tcp me <-> any:80')] },
    /INVALID-ID-INFORMATION/,
    /IKEv1 cannot narrow/,
  ],
]
for (const [what, ours, theirs, here, there] of mismatches) {
  test(`${what}: told of in words at both ends, and the packet that waits is refused`, () => {
    const net = new TestNet(6)
    const [left, right] = twoHosts(net, [v1Policy(ours), v1Policy(theirs)])
    left.needs(right)
    net.advance(10)
    assert.match(left.of('child-failed')[0]!.what, here)
    assert.match(right.of('child-failed')[0]!.what, there)
    assert.equal(left.refused.length, 1)
    assert.equal(left.endpoint.sessions().length, 1)
  })
}

test('the shorter lifetime counts at both ends, of seconds and of kilobytes', () => {
  const net = new TestNet(7)
  const [left, right] = twoHosts(net, [
    v1Policy({ lifetime: { seconds: 3600, kilobytes: 5000 } }),
    v1Policy({ lifetime: { seconds: 600, kilobytes: 100_000 } }),
  ])
  left.needs(right)
  net.advance(3)
  for (const host of [left, right]) {
    const { hard } = [...host.pairs.values()][0]!.pair.outbound.lifetime
    assert.deepEqual([hard.seconds, hard.bytes], [600, 5000 * 1024])
  }
})

test('an association that has carried enough is renewed, and the old one goes a while later', () => {
  const net = new TestNet(8)
  const [left, right] = twoHosts(net)
  left.needs(right)
  net.advance(3)
  const [name] = [...left.pairs.keys()]
  net.advance(60)
  left.input({ kind: 'ageing', name: name!, age: 'soft' })
  net.advance(1)
  assert.equal(left.pairs.size, 2)
  assert.ok(left.reaches(right) && right.reaches(left))
  net.advance(15)
  assert.equal(left.pairs.size, 1)
  assert.equal(right.pairs.size, 1)
  assert.ok(!left.pairs.has(name!) && left.reaches(right) && right.reaches(left))
})

test('under master PFS every quick mode has a main mode of its own', () => {
  const net = new TestNet(9)
  const rules = rulesOf({ filters: [filter('tcp any <-> any:445')] }, { filters: [filter('udp any <-> any:53')] })
  const policy: Policy = { ...rules, ike: { ...rules.ike, masterPfs: true } }
  const [left, right] = twoHosts(net, policy, { credentials: sharedSecret(policy) })
  left.needs(right, 'rule 1')
  net.advance(3)
  left.needs(right, 'rule 2', { protocol: 17, destinationPort: 53 })
  net.advance(3)
  assert.equal(left.of('session-established').length, 2)
  assert.equal(left.pairs.size, 2)
})

test('what a host closes its peer has no more', () => {
  const net = new TestNet(10)
  const [left, right] = twoHosts(net)
  left.needs(right)
  net.advance(3)
  left.input({ kind: 'close' })
  net.advance(1)
  assert.deepEqual([left.pairs.size, right.pairs.size], [0, 0])
  assert.deepEqual([left.endpoint.sessions(), right.endpoint.sessions()], [[], []])
  assert.equal(right.of('session-closed')[0]?.why, 'the peer closes it')
})

test('a peer that is gone is noticed by its silence, and what was made with it goes', () => {
  const net = new TestNet(11)
  const [left, right] = twoHosts(net, v1Policy({}, { ike: { liveness: 10 } }))
  left.needs(right)
  net.advance(3)
  net.cut(right)
  net.advance(120)
  assert.deepEqual([left.pairs.size, left.endpoint.sessions().length], [0, 0])
  assert.match(left.of('session-closed')[0]!.why, /does not answer/)
})

test('a peer that starts again says so, and what it has forgotten goes', () => {
  const net = new TestNet(12)
  const [left, right] = twoHosts(net)
  left.needs(right)
  net.advance(3)
  const again = net.restart(right)
  again.needs(left)
  net.advance(3)
  assert.equal(left.pairs.size, 1)
  assert.ok(left.reaches(again) && again.reaches(left), net.picture())
})

test('a policy that has the rule no more ends what was made by it, at both ends', () => {
  const net = new TestNet(13)
  const [left, right] = twoHosts(net)
  left.needs(right)
  net.advance(3)
  left.policy = { ...left.policy, rules: [] }
  left.input({ kind: 'policy-changed' })
  net.advance(2)
  assert.deepEqual([left.pairs.size, right.pairs.size], [0, 0])
})
