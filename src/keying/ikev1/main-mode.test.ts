// Main mode of two hosts by every method, what does not fit and is told of, and the way from one version of IKE to the next.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, parseAddress, sameAddress } from '../../base/address.ts'
import { RESPONSE } from '../../wire/ike/header.ts'
import { readMessage, writeMessage } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { readMessageV1 } from '../../wire/ike/v1-message.ts'
import { Authority } from '../ikev2/test-certificates.ts'
import { START_DATE, sharedSecret, TestNet } from '../test-hosts.ts'
import { ike1Table } from '../wireshark-table.ts'
import { provedBy, twoHosts, v1Policy } from './test-hosts-v1.ts'

const authority = new Authority('Test', START_DATE)

test('two hosts with a pre-shared key come to keys for packets, in nine messages', () => {
  const net = new TestNet(1)
  const [left, right] = twoHosts(net)
  left.needs(right)
  net.advance(2)
  assert.ok(left.reaches(right), net.picture())
  assert.ok(right.reaches(left), net.picture())
  assert.equal(net.letters.length, 9)
  const [session] = left.endpoint.sessions()
  assert.deepEqual([session?.version, session?.state, session?.offer], [1, 'established', 'aes128-sha256-ecp256'])
  assert.equal(session?.children[0]?.standing, 'used')
  assert.equal(right.of('session-established')[0]?.peerName, '10.0.0.1')
})

const offers = [
  'des-md5-modp1024',
  '3des-sha1-modp1024',
  '3des-md5-modp2048',
  'aes256-sha1-modp2048',
  'aes192-sha384-ecp384',
  'aes256-sha512-ecp521',
]
for (const offer of offers) {
  test(`a main mode of ${offer} comes to an end, with quick mode under it`, () => {
    const net = new TestNet(2)
    const [left, right] = twoHosts(net, v1Policy({}, { ike: { security: [offer] } }))
    left.needs(right)
    net.advance(3)
    assert.ok(left.reaches(right) && right.reaches(left), net.picture())
  })
}

for (const kind of ['rsa', 'p256', 'p384'] as const) {
  test(`two hosts prove themselves by certificates with keys of ${kind}`, () => {
    const net = new TestNet(3)
    const policy = v1Policy()
    const own = (name: string) => ({ credentials: provedBy(policy, authority.host(name, kind)) })
    const [left, right] = twoHosts(net, policy, [own('left.corp.test'), own('right.corp.test')])
    left.needs(right)
    net.advance(8)
    assert.ok(left.reaches(right) && right.reaches(left), net.picture())
    assert.match(left.of('session-established')[0]!.peerName, /right\.corp\.test/)
    assert.match(right.of('session-established')[0]!.peerName, /left\.corp\.test/)
  })
}

test('of several methods of a rule both hosts take one that both have', () => {
  const net = new TestNet(4)
  const policy = v1Policy()
  const shared = sharedSecret(policy).of('all')
  const [left, right] = twoHosts(net, policy, [
    { credentials: provedBy(policy, authority.host('left.corp.test', 'rsa'), ...shared) },
    { credentials: provedBy(policy, ...shared) },
  ])
  left.needs(right)
  net.advance(3)
  assert.ok(left.reaches(right), net.picture())
})

test('a responder with several pre-shared keys finds the one that the peer has', () => {
  const net = new TestNet(5)
  const policy = v1Policy()
  const keys = ['one', 'two', 'three'].map(secret => sharedSecret(policy, secret).of('all')[0]!)
  const [left, right] = twoHosts(net, policy, [
    { credentials: provedBy(policy, keys[2]!) },
    { credentials: provedBy(policy, ...keys) },
  ])
  left.needs(right)
  net.advance(3)
  assert.ok(left.reaches(right), net.picture())
})

test('pre-shared keys that differ are told of at both ends, and no traffic goes in clear for it', () => {
  const net = new TestNet(6)
  const policy = v1Policy({ fallBackToClear: true })
  const [left, right] = twoHosts(net, policy, [{}, { credentials: sharedSecret(policy, 'another') }])
  left.needs(right)
  net.advance(60)
  assert.match(right.of('session-failed')[0]!.what, /pre-shared key is another one than ours/)
  assert.match(left.of('session-failed')[0]!.what, /AUTHENTICATION-FAILED.*keys are pre-shared/)
  assert.equal(left.refused.length, 1)
  assert.deepEqual([left.endpoint.sessions(), right.endpoint.sessions()], [[], []])
})

const mismatches: readonly (readonly [
  string,
  Parameters<typeof v1Policy>,
  Parameters<typeof v1Policy>,
  RegExp,
  RegExp,
])[] = [
  [
    'methods of main mode',
    [{}, { ike: { security: ['aes256-sha256-ecp256'] } }],
    [{}, { ike: { security: ['3des-sha1-modp1024'] } }],
    /NO-PROPOSAL-CHOSEN/,
    /the peer offers .*aes.*we want .*3des/i,
  ],
  [
    'rules without IKEv1',
    [],
    [{ keying: ['ikev2'] }],
    /NO-PROPOSAL-CHOSEN/,
    /no rule that negotiates by IKEv1 speaks of 10\.0\.0\.1/,
  ],
]
for (const [what, ours, theirs, here, there] of mismatches) {
  test(`${what} that do not fit are told of in words at both ends`, () => {
    const net = new TestNet(7)
    const [left, right] = twoHosts(net, [v1Policy(...ours), v1Policy(...theirs)])
    left.needs(right)
    net.advance(30)
    assert.match(left.of('session-failed')[0]!.what, here)
    assert.match(right.of('session-failed')[0]!.what, there)
    assert.equal(left.refused.length, 1)
  })
}

test('a certificate of an authority that is not trusted proves nothing', () => {
  const net = new TestNet(8)
  const policy = v1Policy()
  const other = new Authority('Other', START_DATE)
  const [left, right] = twoHosts(net, policy, [
    { credentials: provedBy(policy, authority.host('left.corp.test', 'rsa')) },
    { credentials: provedBy(policy, other.host('right.corp.test', 'rsa')) },
  ])
  left.needs(right)
  net.advance(30)
  assert.match(right.of('session-failed')[0]!.what, /10\.0\.0\.1 has not proved who it is/)
  assert.equal(left.refused.length, 1)
})

test('certificates go only in messages with an identity, and nothing of them in clear', () => {
  const net = new TestNet(9)
  const policy = v1Policy()
  const [left, right] = twoHosts(net, policy, [
    { credentials: provedBy(policy, authority.host('left.corp.test', 'p256')) },
    { credentials: provedBy(policy, authority.host('right.corp.test', 'p256')) },
  ])
  left.needs(right)
  net.advance(5)
  const clear = net.letters.flatMap(({ bytes }) => {
    const read = readMessageV1(bytes)
    return read.ok && read.value.kind === 'clear' ? read.value.payloads.map(({ kind }) => kind) : []
  })
  assert.ok(!clear.includes('certificate') && !clear.includes('identification'))
  assert.ok(left.reaches(right))
})

test('a host of IKEv1 is found behind a rule that wants IKEv2 first, and traffic goes on by it', () => {
  const net = new TestNet(10)
  const both = v1Policy({ keying: ['ikev2', 'ikev1'] })
  const [left, right] = twoHosts(net, [both, v1Policy()])
  left.needs(right)
  net.advance(30)
  assert.ok(left.reaches(right), net.picture())
  assert.equal(left.refused.length, 0)
  assert.deepEqual(
    left.endpoint.sessions().map(({ version }) => version),
    [1],
  )
})

test('a host to which IKEv2 does not get through is asked by IKEv1, and only its silence in both is silence', () => {
  const both = v1Policy({ keying: ['ikev2', 'ikev1'], fallBackToClear: true })
  const net = new TestNet(15)
  const [left, right] = twoHosts(net, both)
  net.tamper = bytes => (bytes[17]! >> 4 === 2 ? [] : [bytes])
  left.needs(right)
  net.advance(25)
  assert.ok(left.reaches(right), net.picture())
  assert.equal(left.refused.length, 0)
  const other = new TestNet(16)
  const [one, gone] = twoHosts(other, both)
  other.cut(gone)
  one.needs(gone)
  other.advance(30)
  assert.equal(one.refused.length, 1)
  const versions = new Set(other.letters.map(({ bytes }) => bytes[17]! >> 4))
  assert.deepEqual([...versions], [2, 1])
})

test('two hosts that have both versions speak the first one', () => {
  const net = new TestNet(11)
  const [left, right] = twoHosts(net, v1Policy({ keying: ['ikev2', 'ikev1'] }))
  left.needs(right)
  net.advance(3)
  assert.deepEqual(
    left.endpoint.sessions().map(({ version }) => version),
    [2],
  )
  assert.ok(left.reaches(right))
})

test('a peer that agrees on nothing in the first version is asked in the second, and refuses once', () => {
  const net = new TestNet(12)
  const ours = v1Policy({ keying: ['ikev2', 'ikev1'] }, { ike: { security: ['aes128-sha256-ecp256'] } })
  const theirs = v1Policy({ keying: ['ikev2', 'ikev1'] }, { ike: { security: ['aes256-sha384-ecp384'] } })
  const [left, right] = twoHosts(net, [ours, theirs])
  left.needs(right)
  net.advance(30)
  assert.equal(left.refused.length, 1)
  assert.equal(left.refusals[0]!.isSilent, undefined)
  assert.deepEqual([...new Set(net.letters.map(({ bytes }) => bytes[17]! >> 4))].toSorted(), [1, 2])
})

test('silence counts after three seconds where a rule may fall back, and longer where it may not', () => {
  for (const [fallBackToClear, silence, after] of [
    [true, undefined, 3],
    [true, 0.5, 0.5],
    [false, undefined, 10],
  ] as const) {
    const net = new TestNet(13)
    const ike = silence === undefined ? {} : { silence }
    const [left, right] = twoHosts(net, v1Policy({ fallBackToClear }, { ike }))
    net.cut(right)
    left.needs(right)
    net.advance(after - 0.1)
    assert.equal(left.refused.length, 0)
    if (fallBackToClear) net.advance(0.2)
    else net.advance(10)
    assert.equal(left.refused.length, 1)
  }
})

test('the key of a main mode is told only where a test asks for it, and opens what Wireshark has its table for', () => {
  for (const tellKeys of [true, false]) {
    const net = new TestNet(14)
    const [left, right] = twoHosts(net, v1Policy(), { settings: { tellKeys } })
    left.needs(right)
    net.advance(2)
    const [ours, theirs] = [left.of('keys-v1'), right.of('keys-v1')]
    assert.equal(ours.length, tellKeys ? 1 : 0)
    assert.equal(ike1Table(ours), ike1Table(theirs))
    if (tellKeys) assert.match(ike1Table(ours), /^[0-9a-f]{16},[0-9a-f]{32}\n$/)
  }
})

/** The answer to the first message of IKEv2 that says, in its form, that this version is not spoken. */
function lacksIkev2(bytes: Uint8Array, major: number): Uint8Array {
  const read = readMessage(bytes)
  assert.ok(read.ok)
  const header = { ...read.value.header, flags: RESPONSE }
  const answer = writeMessage({ header, payloads: [notification('INVALID_MAJOR_VERSION', {})] })
  answer[17] = major << 4
  return answer
}

for (const major of [1, 2]) {
  test(`a peer may say in IKEv2’s form, under version ${major}, that it speaks IKEv1 alone; from the same address it is asked by that`, () => {
    const net = new TestNet(17)
    const [left, right] = twoHosts(net, v1Policy({ keying: ['ikev2', 'ikev1'], fallBackToClear: true }))
    const second = parseAddress('10.0.0.9')!
    const from: Address[] = []
    net.tamper = (bytes, { local, remote }) => {
      from.push(local.address)
      if (bytes[17]! >> 4 === 2)
        left.input({ kind: 'datagram', path: { local, remote }, bytes: lacksIkev2(bytes, major) })
      return []
    }
    left.input({ kind: 'needs-keys', rule: 'all', flow: left.flowTo(right), via: second })
    net.advance(60)
    assert.ok(net.letters.length === 0 && from.length > 2)
    assert.ok(from.every(address => sameAddress(address, second)))
    const [refused] = left.refusals
    // Somebody spoke: it may be anybody, and it is no silence.
    assert.deepEqual([left.refusals.length, refused?.isSilent], [1, undefined])
  })

  test(`a forged word of version ${major} that IKEv2 is not spoken does not keep hosts from it that speak it`, () => {
    const net = new TestNet(18)
    const [left, right] = twoHosts(net, v1Policy({ keying: ['ikev2', 'ikev1'] }))
    let forged = 0
    net.tamper = (bytes, { local, remote }) => {
      if (forged++ === 0) left.input({ kind: 'datagram', path: { local, remote }, bytes: lacksIkev2(bytes, major) })
      return [bytes]
    }
    left.needs(right)
    net.advance(5)
    assert.deepEqual(
      left.endpoint.sessions().map(({ version }) => version),
      [2],
    )
    assert.ok(left.reaches(right))
  })
}

test('however many packets wait when a peer says that it lacks IKEv2, for none of them it is a silent one', () => {
  const net = new TestNet(19)
  const [left, right] = twoHosts(net, v1Policy({ keying: ['ikev2', 'ikev1'], fallBackToClear: true }))
  net.tamper = (bytes, { local, remote }) => {
    if (bytes[17]! >> 4 === 2) left.input({ kind: 'datagram', path: { local, remote }, bytes: lacksIkev2(bytes, 2) })
    return []
  }
  for (let port = 1; port <= 1100; port++) left.needs(right, 'all', { sourcePort: port })
  net.advance(60)
  assert.equal(left.refusals.length, 1100)
  assert.ok(left.refusals.every(({ isSilent }) => isSilent === undefined))
})
