// Will two policies agree on a main mode: what cannot be put in IKEv1's numbers, and what is old.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agreeOnMainMode, quickModeSecurity } from './agreement-v1.ts'
import { pskPolicy } from './test-hosts.ts'

const policy = (...security: readonly string[]) => pskPolicy({}, { ike: { security } })

test('a policy without a method that IKEv1 has a number for is told so', () => {
  const { names, parts } = agreeOnMainMode(policy('aes256gcm16-prfsha384-curve25519'), policy('aes256-sha256-ecp256'))
  assert.deepEqual(names, [])
  assert.match(parts[0]!.text, /^A has no method for ike\.security that IKEv1 has a number for/)
})

test('each host chooses by its own order where the other one begins, and what is old is told', () => {
  const [one, other] = ['aes256-sha256-ecp256', '3des-sha1-modp1024'] as const
  const { names, parts } = agreeOnMainMode(policy(one, other), policy(other, one))
  assert.deepEqual(names, [other, one])
  assert.deepEqual(
    parts.map(({ state }) => state),
    ['agreed', 'warning'],
  )
})

test('AH with ESP is agreed on, and what has no number in IKEv1 is passed over', () => {
  const bundle = 'ah-sha256+esp-aes128-sha256'
  assert.equal(quickModeSecurity(['esp-chacha20poly1305', bundle], ['esp-chacha20poly1305', bundle]), bundle)
  assert.equal(quickModeSecurity(['esp-aes128-sha1'], [bundle]), undefined)
})
