// What AUTH covers, piece by piece.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../base/secret.ts'
import type { IkeKeys } from '../../crypto/ike-keys.ts'
import { findPrf } from '../../crypto/prf.ts'
import { address } from '../../policy/test-policies.ts'
import { identityOfAddress } from '../identity.ts'
import { octetsOfSigner } from './auth-octets.ts'
import { identityPayload } from './own-proof.ts'
import type { Agreed } from './session.ts'

const octets = (value: number, length = 32) => new Uint8Array(length).fill(value)
const side = (value: number) => ({
  cipher: new Secret(octets(value)),
  integrity: new Secret(octets(value)),
  authentication: new Secret(octets(value)),
})
const keys: IkeKeys = { derivation: new Secret(octets(1)), initiator: side(2), responder: side(3) }
const agreed = {
  choice: { suite: { prf: findPrf('hmac-sha2-256') } },
  nonces: { initiator: octets(4), responder: octets(5) },
  init: { request: octets(6, 100), response: octets(7, 90) },
  chains: { initiator: octets(8), responder: octets(9) },
} as unknown as Agreed
const identity = identityPayload('initiator', identityOfAddress(address('10.54.0.1')))
const signed = (
  changes: Partial<Agreed> = {},
  messageId = 2,
  by: 'initiator' | 'responder' = 'initiator',
  who = identity,
) => octetsOfSigner(by, keys, { ...agreed, ...changes }, who, messageId).toHex()

test('the octets of each side begin with its own first message and the nonce of the other', () => {
  assert.ok(signed().startsWith(octets(6, 100).toHex() + octets(5).toHex()))
  assert.ok(signed({}, 2, 'responder').startsWith(octets(7, 90).toHex() + octets(4).toHex()))
})

const changes: readonly (readonly [string, string])[] = [
  ['the first request', signed({ init: { ...agreed.init, request: octets(10, 100) } })],
  ['the nonce of the other', signed({ nonces: { ...agreed.nonces, responder: octets(10) } })],
  ['what the initiator said in IKE_INTERMEDIATE', signed({ chains: { ...agreed.chains, initiator: octets(10) } })],
  ['what the responder said there', signed({ chains: { ...agreed.chains, responder: octets(10) } })],
  ['how many messages went before', signed({}, 3)],
  ['that there was an IKE_INTERMEDIATE', signed({ chains: {} })],
  ['the identity', signed({}, 2, 'initiator', identityPayload('initiator', identityOfAddress(address('10.54.0.3'))))],
  ['who signs', signed({}, 2, 'responder')],
]
for (const [what, other] of changes) {
  test(`AUTH covers ${what}`, () => assert.notEqual(signed(), other))
}

test('the reserved octets of an identity count as they came', () => {
  const odd = { ...identity, reserved: Uint8Array.of(1, 2, 3) }
  assert.notEqual(signed({}, 2, 'initiator', odd), signed())
})
