// What a host's keying does as a whole: which session a wish or a message belongs to, and what sessions have to do with
// each other. Exchanges themselves are tested in ikev2, faults of the wire in faulty-wire.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { Secret } from '../base/secret.ts'
import type { Policy, Rule } from '../policy/model.ts'
import { policy as policyOf, rule as ruleOf } from '../policy/test-policies.ts'
import { type Credential, credentialsOf } from './credentials.ts'
import { pskPolicy, sharedSecret, type TestHost, TestNet } from './test-hosts.ts'

const ike = { security: ['aes128gcm16-prfsha256-curve25519'] }
const web = { destinationPort: 80 }

function policyWith(rules: readonly (readonly [filter: string, changes: Partial<Rule>])[]): Policy {
  return policyOf(
    rules.map(([filter, changes]) => ruleOf('negotiate', [filter], changes)),
    { ike },
  )
}

const twoRules = policyWith([
  ['tcp any <-> any:80', { name: 'web' }],
  ['tcp any <-> any:445', { name: 'files' }],
])

function pair(policy: Policy = pskPolicy(), seed = 1): readonly [TestNet, TestHost, TestHost] {
  const net = new TestNet(seed)
  const options = { policy, credentials: sharedSecret(policy) }
  return [net, net.host('10.0.0.1', options), net.host('10.0.0.2', options)]
}

function secret(text: string): Credential {
  return { kind: 'preSharedKey', secret: new Secret(new TextEncoder().encode(text)) }
}

test('a packet that waits brings about one session and one association, with the same keys at both ends', () => {
  const [net, one, other] = pair()
  one.needs(other)
  net.advance(1)
  assert.ok(one.reaches(other) && other.reaches(one))
  for (const host of [one, other]) {
    assert.equal(host.of('session-established').length, 1)
    assert.equal(host.of('child-established').length, 1)
    const [session] = host.endpoint.sessions()
    assert.equal(session!.state, 'established')
    assert.equal(session!.offer, ike.security[0])
  }
  assert.equal(net.letters.length, 4)
})

test('what is wanted of a peer while its session is on the way waits for that session', () => {
  const [net, one, other] = pair(twoRules)
  one.needs(other, 'files')
  one.needs(other, 'web', web)
  net.advance(0.01)
  one.needs(other, 'web', web)
  net.advance(1)
  assert.equal(one.endpoint.sessions().length, 1)
  assert.deepEqual(
    one.endpoint.sessions()[0]!.children.map(({ rule }) => rule),
    ['files', 'web'],
  )
  assert.equal(other.pairs.size, 2)
})

test('what waits for a session that comes to nothing is refused with it', () => {
  const [net, one, other] = pair(twoRules)
  net.cut(other)
  one.needs(other, 'files')
  one.needs(other, 'web', web)
  net.advance(60)
  assert.equal(one.refused.length, 2)
  assert.deepEqual(one.endpoint.sessions(), [])
  assert.equal(one.endpoint.wakeAt, undefined)
})

test('rules whose peers prove themselves in different ways have sessions of their own', () => {
  const credentials = credentialsOf(
    new Map([
      ['web', [secret('a')]],
      ['files', [secret('b')]],
    ]),
  )
  const [net, one, other] = pair(twoRules)
  one.credentials = credentials
  other.credentials = credentials
  one.needs(other, 'files')
  one.needs(other, 'web', web)
  net.advance(2)
  assert.equal(one.endpoint.sessions().length, 2)
  assert.equal(one.pairs.size, 2)
  net.advance(60)
  assert.equal(one.pairs.size, 2)
})

test('one peer has only so many sessions: the oldest is closed for a new one', () => {
  const names = Array.from({ length: 70 }, (_, index) => `rule ${index}`)
  const [net, one, other] = pair(policyWith(names.map((name, index) => [`tcp any <-> any:${index + 1}`, { name }])))
  for (const host of [one, other]) host.credentials = credentialsOf(new Map(names.map(name => [name, [secret(name)]])))
  for (const [index, name] of names.entries()) {
    one.needs(other, name, { destinationPort: index + 1 })
    net.advance(1)
  }
  const standing = ({ endpoint }: TestHost) => endpoint.sessions().filter(({ state }) => state === 'established')
  assert.deepEqual([standing(one).length, standing(other).length], [64, 64])
  assert.equal(standing(one)[0]!.children[0]!.rule, 'rule 6')
})

test('a session that the peer has, and whose answer was lost, is not ended by the first contact of another', () => {
  const [net, one, other] = pair(twoRules)
  for (const host of [one, other]) {
    host.credentials = credentialsOf(
      new Map([
        ['web', [secret('a')]],
        ['files', [secret('b')]],
      ]),
    )
  }
  one.needs(other, 'files')
  net.advance(0.035)
  // The answer to the proof does not come, for a while.
  net.cut(other)
  net.advance(0.1)
  net.mend()
  assert.equal(other.pairs.size, 1)
  one.needs(other, 'web', web)
  net.advance(20)
  assert.deepEqual([one.pairs.size, other.pairs.size], [2, 2])
  assert.equal(one.refused.length, 0)
})

test('what cannot be had is refused at once, and why is told', () => {
  const policy = policyWith([
    ['tcp any <-> any:80', { name: 'old', keying: ['ikev1'] }],
    ['tcp any <-> any:445', { name: 'files' }],
    ['tcp any <-> any:88', { name: 'off', active: false }],
  ])
  const [, one, other] = pair(policy)
  one.credentials = credentialsOf(new Map([['old', [secret('a')]]]))
  for (const rule of ['old', 'files', 'off', 'none']) one.needs(other, rule)
  assert.equal(one.refused.length, 4)
  const told = one.of('child-failed').map(({ what }) => what)
  assert.match(told[0]!, /IKEv1/)
  assert.match(told[1]!, /prove/)
  assert.match(told[2]!, /no such rule/)
  assert.deepEqual(one.endpoint.sessions(), [])
})

test('a tunnel is negotiated with its far end, from an address of this host', () => {
  const net = new TestNet(1)
  const tunnel = (far: string, filter: string) =>
    policyWith([[filter, { name: 'all', mode: 'tunnel', tunnelEndpoint: parseAddress(far)! }]])
  const gateway = (own: string, far: string, filter: string) => {
    const policy = tunnel(far, filter)
    return net.host(own, { policy, credentials: sharedSecret(policy) })
  }
  const one = gateway('10.0.0.1', '10.0.0.2', 'any 192.168.1.0/24 -> 192.168.2.0/24')
  const other = gateway('10.0.0.2', '10.0.0.1', 'any 192.168.2.0/24 -> 192.168.1.0/24')
  const ends = { source: parseAddress('192.168.1.5')!, destination: parseAddress('192.168.2.7')! }
  one.needs(other, 'all', ends)
  assert.deepEqual(net.letters[0]!.path.local.address, one.address)
  assert.deepEqual(net.letters[0]!.path.remote.address, other.address)
  net.advance(1)
  assert.equal(other.endpoint.sessions().length, 1)
})

test('a peer that starts again replaces its session, and one that has begun at the same moment is not taken for that', () => {
  const [net, one, other] = pair()
  one.needs(other)
  net.advance(10)
  const again = net.restart(other)
  again.needs(one)
  net.advance(1)
  assert.equal(one.endpoint.sessions().length, 1)
  assert.match(one.of('session-closed')[0]!.why, /began anew/)
  assert.equal(one.pairs.size, 1)
  assert.ok(one.reaches(again) && again.reaches(one))

  const [, left, right] = [net, net.host('10.0.0.3'), net.host('10.0.0.4')] as const
  left.needs(right)
  right.needs(left)
  net.advance(1)
  for (const host of [left, right]) assert.equal(host.of('session-closed').length, 0)
})

test('of two associations that were made at the same moment one is closed, by one side, and never both', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const [net, one, other] = pair(pskPolicy(), seed)
    one.needs(other)
    other.needs(one)
    net.advance(1)
    assert.deepEqual([one.pairs.size, other.pairs.size], [2, 2])
    assert.ok(one.reaches(other) && other.reaches(one))
    net.advance(60)
    assert.deepEqual([one.pairs.size, other.pairs.size], [1, 1])
    const closed = [one, other].flatMap(host => host.of('session-closed').map(({ why }) => why))
    assert.equal(closed.filter(why => /same time/.test(why)).length, 1, closed.join())
    assert.ok(one.reaches(other) && other.reaches(one))
  }
})

test('a policy that is read again and says the same ends nothing', () => {
  const [net, one, other] = pair()
  one.needs(other)
  net.advance(1)
  one.policy = pskPolicy()
  one.credentials = sharedSecret(one.policy)
  one.input({ kind: 'policy-changed' })
  net.advance(5)
  assert.equal(one.pairs.size, 1)
  // The new objects are what the session is held against from now on.
  one.input({ kind: 'ageing', name: [...one.pairs.keys()][0]!, age: 'soft' })
  net.advance(10)
  assert.equal(one.pairs.size, 1)
  assert.equal(one.of('child-established').length, 2)
})

test('an association whose rule is gone or asks for something else is closed, and the peer is told; others stay', () => {
  const changes: readonly Partial<Rule>[] = [
    { active: false },
    { security: ['esp-aes128gcm16'] },
    { mode: 'tunnel', tunnelEndpoint: parseAddress('10.0.0.2')! },
    { filters: policyWith([['tcp any <-> any:8080', {}]]).rules[0]!.filters },
  ]
  for (const change of changes) {
    const [net, one, other] = pair(twoRules)
    one.needs(other, 'files')
    one.needs(other, 'web', web)
    net.advance(1)
    assert.equal(one.pairs.size, 2)
    const { credentials } = one
    one.policy = {
      ...twoRules,
      rules: twoRules.rules.map(rule => (rule.name === 'web' ? { ...rule, ...change } : rule)),
    }
    one.credentials = credentials
    one.input({ kind: 'policy-changed' })
    net.advance(20)
    for (const host of [one, other]) {
      const rules = host.endpoint.sessions().flatMap(({ children }) => children.map(({ rule }) => rule))
      assert.deepEqual(rules, ['files'], JSON.stringify(change))
      assert.equal(host.pairs.size, 1)
    }
  }
})

test('a session whose secret is no longer in the policy is closed, and a wish for it is given up', () => {
  const [net, one, other] = pair()
  const third = net.host('10.0.0.3')
  one.needs(other)
  net.advance(1)
  one.needs(third)
  one.credentials = credentialsOf(new Map([['all', [secret('another')]]]))
  one.input({ kind: 'policy-changed' })
  net.advance(1)
  assert.equal(one.pairs.size, 0)
  assert.equal(other.pairs.size, 0)
  const refused = one.refused.length
  one.needs(third)
  one.credentials = credentialsOf(new Map())
  one.input({ kind: 'policy-changed' })
  assert.equal(one.refused.length, refused + 1)
  assert.ok(one.endpoint.sessions().every(({ state }) => state === 'closing' || state === 'closed'))
})

test('sessions with one peer are closed, and those with others stay', () => {
  const [net, one, other] = pair()
  const third = net.host('10.0.0.3')
  one.needs(other)
  one.needs(third)
  net.advance(1)
  one.input({ kind: 'close', peer: other.address })
  net.advance(1)
  assert.equal(other.pairs.size, 0)
  assert.ok(one.reaches(third))
  one.input({ kind: 'close' })
  net.advance(1)
  assert.equal(third.pairs.size, 0)
})

test('a peer whose packets come is not asked whether it is there', () => {
  const [net, one, other] = pair()
  one.needs(other)
  net.advance(1)
  const before = net.letters.length
  for (let step = 0; step < 20; step++) {
    net.advance(10)
    for (const host of [one, other]) host.input({ kind: 'heard', names: [...host.pairs.keys()] })
  }
  assert.equal(net.letters.length, before)
  net.advance(60)
  assert.ok(net.letters.length > before)
})

test('a peer that is gone is noticed, and its associations go', () => {
  const [net, one, other] = pair()
  one.needs(other)
  net.advance(1)
  net.cut(other)
  net.advance(120)
  assert.deepEqual([one.pairs.size, one.endpoint.sessions().length], [0, 0])
  assert.match(one.of('session-closed')[0]!.why, /does not answer/)
})

test('news of associations that nobody knows change nothing', () => {
  const [net, one, other] = pair()
  one.needs(other)
  net.advance(1)
  const before = net.letters.length
  one.input({ kind: 'ageing', name: 12345, age: 'soft' })
  one.input({ kind: 'ageing', name: 12345, age: 'hard' })
  one.input({ kind: 'heard', names: [12345] })
  one.input({ kind: 'wake' })
  assert.equal(net.letters.length, before)
  assert.equal(one.pairs.size, 1)
})

test('what is shown of sessions has no secret in it', () => {
  const [net, one, other] = pair()
  one.needs(other)
  net.advance(1)
  const text = JSON.stringify(one.endpoint.sessions())
  const { inbound } = [...one.pairs.values()][0]!.pair
  for (const { keys } of inbound.layers) assert.ok(!text.includes(keys.cipher.reveal().toHex()))
  assert.ok(!text.includes('secret'))
})
