// What AUTH proves: the octets signed, the chain over intermediate exchanges, preshared keys. The formulas are written out
// a second time by hand; RFC 7296 and RFC 9242 print no answers.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { concatenate } from '../base/bytes.ts'
import { Secret } from '../base/secret.ts'
import { allIntermediates, intermediateStep, isSharedKeyAuth, sharedKeyAuth, signedOctets } from './ike-auth.ts'
import { findPrf, prfs } from './prf.ts'

const sha256 = findPrf('hmac-sha2-256')
const hmac = (key: string | Uint8Array, ...parts: readonly (string | Uint8Array)[]) => {
  const run = createHmac('sha256', key)
  for (const part of parts) run.update(part)
  return new Uint8Array(run.digest())
}
const text = (words: string) => new TextEncoder().encode(words)

test('the signed octets are message, peer nonce, MAC of the identity and the intermediate exchanges, in that order', () => {
  const parts = { message: text('MESSAGE'), peerNonce: text('NONCE'), identity: text('\u0002\0\0\0dc1.example') }
  const key = new Secret(text('SK_pi'))
  const mac = hmac('SK_pi', '\u0002\0\0\0dc1.example')
  assert.deepEqual(signedOctets(sha256, key, parts), concatenate([text('MESSAGENONCE'), mac]))
  const intermediates = allIntermediates(text('iiii'), text('rrrr'), 0x01020304)
  const tail = [...text('iiiirrrr'), 1, 2, 3, 4]
  const whole = signedOctets(sha256, key, { ...parts, intermediates })
  assert.deepEqual(whole, new Uint8Array([...text('MESSAGENONCE'), ...mac, ...tail]))
})

test('a step over an intermediate exchange puts both lengths to those of the content (RFC 9242 §3.3.2)', () => {
  const head = new Uint8Array(32).fill(0xee)
  const content = text('inner payloads')
  const expected = head.slice()
  expected.set([0, 0, 0, 46], 24)
  expected.set([0, 18], 30)
  const key = new Secret(text('SK_pi'))
  const first = intermediateStep(sha256, key, undefined, head, content)
  assert.deepEqual(first, hmac('SK_pi', expected, content))
  assert.deepEqual(intermediateStep(sha256, key, first, head, content), hmac('SK_pi', first, expected, content))
  assert.ok(head.every(octet => octet === 0xee))
})

test('so cipher, padding and fragments do not show in it', () => {
  const key = new Secret(text('SK_pr'))
  const [short, long] = [new Uint8Array(32), new Uint8Array(32)]
  long.set([0, 0, 2, 0], 24)
  long.set([1, 0xe4], 30)
  const step = (head: Uint8Array) => intermediateStep(sha256, key, undefined, head, text('same'))
  assert.deepEqual(step(short), step(long))
})

test('the proof by a preshared key is the formula of RFC 7296 §2.15, and only it is taken', () => {
  const secret = new Secret(text('a secret of any length'))
  const auth = sharedKeyAuth(sha256, secret, text('octets'))
  assert.deepEqual(auth, hmac(hmac('a secret of any length', 'Key Pad for IKEv2'), 'octets'))
  for (const row of prfs) {
    const own = sharedKeyAuth(row, secret, text('octets'))
    assert.equal(own.length, row.resultBytes)
    assert.ok(isSharedKeyAuth(row, secret, text('octets'), own))
    assert.ok(!isSharedKeyAuth(row, secret, text('octetz'), own))
    assert.ok(!isSharedKeyAuth(row, new Secret(text('another')), text('octets'), own))
    assert.ok(!isSharedKeyAuth(row, secret, text('octets'), own.subarray(1)))
    assert.ok(!isSharedKeyAuth(row, secret, text('octets'), new Uint8Array(0)))
  }
})
