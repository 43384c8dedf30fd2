// Where the hashes of two hosts show a NAT, and what they do then.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, policy, rule } from '../../policy/test-policies.ts'
import { notification } from '../../wire/ike/notify.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import type { Path } from '../machine.ts'
import { pathThroughNat } from '../nat-findings.ts'
import { endpointHash, natFindings } from './nat-detection.ts'
import { areAtOne, established, handshake, RULE, TWO, whyOf } from './test-handshake.ts'

const spis = { initiator: new Uint8Array(8).fill(1), responder: new Uint8Array(8) }
const path: Path = {
  local: { address: address('10.0.0.2'), port: 500 },
  remote: { address: address('192.0.2.1'), port: 500 },
}
const source = (from: Path['local']) => notification('NAT_DETECTION_SOURCE_IP', { hash: endpointHash(spis, from) })
const destination = (to: Path['local']) =>
  notification('NAT_DETECTION_DESTINATION_IP', { hash: endpointHash(spis, to) })
const elsewhere = { address: address('10.9.9.9'), port: 500 }

const cases: readonly (readonly [string, readonly Payload[], ReturnType<typeof natFindings>])[] = [
  ['no NAT', [source(path.remote), destination(path.local)], { beforeUs: false, beforePeer: false }],
  ['one in front of the peer', [source(elsewhere), destination(path.local)], { beforeUs: false, beforePeer: true }],
  ['one in front of us', [source(path.remote), destination(elsewhere)], { beforeUs: true, beforePeer: false }],
  [
    'one that changes ports alone',
    [source({ ...path.remote, port: 1025 }), destination(path.local)],
    { beforeUs: false, beforePeer: true },
  ],
  [
    'none, of several addresses of the peer',
    [source(elsewhere), source(path.remote), destination(path.local)],
    { beforeUs: false, beforePeer: false },
  ],
  ['nothing where the peer is silent', [], undefined],
]

for (const [name, payloads, findings] of cases) {
  test(`the hashes of both ends show ${name}`, () => assert.deepEqual(natFindings(payloads, spis, path), findings))
}

test('an IPv6 address counts with all of its octets', () => {
  const end = (text: string) => ({ address: address(text), port: 500 })
  assert.notDeepEqual(endpointHash(spis, end('fd00::1')), endpointHash(spis, end('fd00::2')))
})

test('behind a NAT both ports become 4500', () => {
  const { local, remote } = pathThroughNat(path)
  assert.deepEqual([local.port, remote.port], [4500, 4500])
})

test('an initiator behind a NAT goes on from port 4500, and both know where the NAT stands', () => {
  const open = policy([rule('negotiate', [`any any <-> ${TWO}`], { name: RULE })])
  const done = handshake({ both: { policy: open }, nat: '192.0.2.1' })
  assert.ok(areAtOne(done), whyOf(done))
  const [one, two] = [established(done.initiator)!, established(done.responder)!]
  assert.deepEqual(one.state.nat, { beforeUs: true, beforePeer: false })
  assert.deepEqual(two.state.nat, { beforeUs: false, beforePeer: true })
  assert.equal(one.path.local.port, 4500)
})

test('without a NAT they stay on port 500', () => {
  assert.equal(established(handshake().initiator)?.path.local.port, 500)
})

for (const side of ['initiator', 'responder'] as const) {
  test(`where the ${side} wants ESP in UDP, the other one sees a NAT`, () => {
    const done = handshake({ [side]: { settings: { forceEncapsulation: true } } })
    const other = established(side === 'initiator' ? done.responder : done.initiator)!
    assert.deepEqual(other.state.nat, { beforeUs: false, beforePeer: true })
    assert.equal(established(done.initiator)?.path.local.port, 4500)
  })
}
