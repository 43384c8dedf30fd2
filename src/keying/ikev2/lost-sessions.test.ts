// A peer that began anew, as seen by the host that did not: how long packets go nowhere, and what a forger can do with the
// answer in clear.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RESPONSE } from '../../wire/ike/header.ts'
import { readHeader, writeMessage } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import { pskPolicy, sharedSecret, type TestHost, TestNet } from '../test-hosts.ts'

const LIVENESS = 2

function pair(encapsulation: 'auto' | 'udp'): readonly [TestNet, TestHost, TestHost] {
  const net = new TestNet(1)
  const policy = pskPolicy(
    { encapsulation },
    { ike: { security: ['aes128gcm16-prfsha256-curve25519'], liveness: LIVENESS } },
  )
  const options = { policy, credentials: sharedSecret(policy) }
  return [net, net.host('10.0.0.1', options), net.host('10.0.0.2', options)]
}

for (const encapsulation of ['auto', 'udp'] as const) {
  test(`a peer that began anew and has nothing to say itself is spoken to again within the time of liveness, ${encapsulation}`, () => {
    const [net, one, before] = pair(encapsulation)
    one.needs(before)
    net.advance(1)
    assert.ok(one.reaches(before))
    const after = net.restart(before)
    net.advance(LIVENESS + 1)
    assert.ok(one.reaches(after) && after.reaches(one), net.picture())
    assert.deepEqual([one.pairs.size, one.endpoint.sessions().length], [1, 1], net.picture())
    assert.match(one.of('session-closed')[0]!.why, /began anew/)
    assert.equal(one.refused.length, 0)
  })
}

test('an old session that was begun by the other side is lost and found as well', () => {
  const [net, one, before] = pair('auto')
  before.needs(one)
  net.advance(1)
  const after = net.restart(before)
  net.advance(LIVENESS + 1)
  assert.ok(one.reaches(after) && after.reaches(one), net.picture())
  assert.equal(one.pairs.size, 1)
})

test('who forges the answer brings about one new session in place of the old one, loses no packet, and no more for a while', () => {
  const [net, one, other] = pair('auto')
  one.needs(other)
  net.advance(1)
  let forged = 0
  net.tamper = (bytes, path) => {
    const header = readHeader(bytes)
    assert.ok(header.ok)
    const { exchange, flags } = header.value
    if (exchange === exchangeTypes.of.INFORMATIONAL && (flags & RESPONSE) === 0 && path.local.address === one.address) {
      forged++
      const payloads = [notification('INVALID_IKE_SPI', {})]
      const back = { local: path.remote, remote: path.local }
      const answer = writeMessage({ header: { ...header.value, flags: RESPONSE | (~flags & 8) }, payloads })
      one.input({ kind: 'datagram', path: back, bytes: answer })
    }
    return [bytes]
  }
  for (let step = 0; step < 100; step++) {
    net.advance(0.05)
    assert.ok(one.reaches(other) && other.reaches(one), net.picture())
  }
  net.tamper = undefined
  net.advance(60)
  assert.ok(forged > 0)
  assert.ok(one.reaches(other) && other.reaches(one))
  assert.ok(one.of('session-established').length <= 3, net.picture())
  assert.deepEqual([one.pairs.size, other.pairs.size], [1, 1], net.picture())
  assert.equal(one.refused.length + other.refused.length, 0)
})

test('such an answer to nothing that was asked changes nothing', () => {
  const [net, one, other] = pair('auto')
  one.needs(other)
  net.advance(1)
  const [session] = one.endpoint.sessions()
  const sent = net.letters.length
  const header = {
    ...{ initiatorSpi: BigInt(`0x${session!.id}`), responderSpi: 5n, version: { major: 2, minor: 0 } },
    ...{ exchange: exchangeTypes.of.INFORMATIONAL, flags: RESPONSE, messageId: 2 },
  }
  const path = { local: { address: one.address, port: 500 }, remote: { address: other.address, port: 500 } }
  const bytes = writeMessage({ header, payloads: [notification('INVALID_IKE_SPI', {})] })
  for (let index = 0; index < 10; index++) one.input({ kind: 'datagram', path, bytes })
  assert.equal(net.letters.length, sent)
})

test('keys whose time is over while the peer does not answer are gone at once, and what waits gets the next ones', () => {
  const net = new TestNet(1)
  const lifetime = { seconds: 10 }
  const policy = pskPolicy(
    { lifetime },
    { ike: { security: ['aes128gcm16-prfsha256-curve25519'], liveness: LIVENESS } },
  )
  const options = { policy, credentials: sharedSecret(policy) }
  const one = net.host('10.0.0.1', options)
  const before = net.host('10.0.0.2', options)
  one.needs(before)
  net.advance(1)
  net.cut(before)
  net.advance(12)
  assert.equal(one.pairs.size, 0, net.picture())
  assert.equal(one.endpoint.sessions()[0]?.state, 'established')
  one.talksTo(before)
  const after = net.restart(before)
  net.advance(4)
  net.mend()
  net.advance(20)
  assert.ok(one.reaches(after) && after.reaches(one), net.picture())
  assert.deepEqual([one.pairs.size, one.endpoint.sessions().length, one.refused.length], [1, 1, 0], net.picture())
})
