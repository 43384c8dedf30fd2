// Further key exchanges between IKE_SA_INIT and IKE_AUTH, done and done wrongly.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../../base/random.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { areAtOne, eventOf, type HostPlan, handshake, testPolicy, whyOf } from './test-handshake.ts'

const using = (name: string): HostPlan => ({ policy: testPolicy({ ike: { security: [name] } }) })
const HYBRID = 'aes256gcm16-prfsha384-curve25519+mlkem768'

const hybrids = [
  [HYBRID, 1],
  ['aes256gcm16-prfsha512-ecp384+mlkem1024', 1],
  ['aes128-sha256-curve25519+mlkem512+ecp256+modp2048', 3],
] as const

for (const [name, count] of hybrids) {
  test(`${name} does ${count} further key exchange${count > 1 ? 's' : ''}, one message each way`, () => {
    const done = handshake({ both: using(name) })
    assert.ok(areAtOne(done), whyOf(done))
    assert.equal(done.story.filter(line => line.includes('IKE_INTERMEDIATE')).length, 2 * count)
    assert.equal(eventOf(done.responder, 'session-established')?.offer, name)
  })
}

const atIntermediate =
  (change: (payloads: readonly Payload[]) => readonly Payload[]): NonNullable<HostPlan['says']> =>
  (payloads, exchange) =>
    exchange === 'IKE_INTERMEDIATE' ? change(payloads) : payloads

test('a key exchange by another method than the next one is refused', () => {
  const says = atIntermediate(payloads =>
    payloads.map(one => (one.kind === 'key-exchange' ? { ...one, method: 35 } : one)),
  )
  const done = handshake({ both: using(HYBRID), initiator: { ...using(HYBRID), says } })
  assert.match(done.responder.refused!, /another key exchange where ml-kem-768 is next/)
  assert.match(done.story.at(-1)!, /INVALID_SYNTAX/)
  assert.match(done.initiator.refused!, /refuses a further key exchange: INVALID_SYNTAX/)
})

test('IKE_INTERMEDIATE without the key exchange that is next is refused', () => {
  const done = handshake({ both: using(HYBRID), initiator: { ...using(HYBRID), says: atIntermediate(() => []) } })
  assert.match(done.responder.refused!, /no key exchange where ml-kem-768 is next/)
  const silent = handshake({ both: using(HYBRID), responder: { ...using(HYBRID), says: atIntermediate(() => []) } })
  assert.match(silent.initiator.refused!, /does not answer a key exchange of ml-kem-768/)
})

test('a value that is none of ML-KEM is refused', () => {
  const says = atIntermediate(payloads =>
    payloads.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: one.publicValue.map(() => 0xff) } : one)),
  )
  const done = handshake({ both: using(HYBRID), initiator: { ...using(HYBRID), says } })
  assert.match(done.responder.refused!, /does its key exchange wrongly/)
})

test('a ciphertext that was changed on the way leads to no session', () => {
  const says = atIntermediate(payloads =>
    payloads.map(one => {
      if (one.kind !== 'key-exchange') return one
      const publicValue = one.publicValue.slice()
      systemRandom.fill(publicValue.subarray(0, 32))
      return { ...one, publicValue }
    }),
  )
  const done = handshake({ both: using(HYBRID), responder: { ...using(HYBRID), says } })
  assert.equal(areAtOne(done), false)
})
