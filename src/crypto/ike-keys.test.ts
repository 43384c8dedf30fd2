// Keys of sessions and children: one of NIST's answers as a printed one, the formulas of the later RFCs written out once
// more by hand, and the sizes for every suite.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatenate } from '../base/bytes.ts'
import { Secret } from '../base/secret.ts'
import { ciphers, findCipher } from './ciphers.ts'
import {
  childKeyMaterial,
  childKeysOf,
  firstSeed,
  ikeKeysOf,
  keysAfterExchange,
  rekeySeed,
  wipeIkeKeys,
  withPpk,
} from './ike-keys.ts'
import { cipherOfTransform, type IkeSuite, ikeSuiteOf, integrityOfTransform, prfOfTransform } from './ike-suites.ts'
import { findIntegrity, integrityAlgorithms } from './integrity.ts'
import { findPrf, prf, prfPlus, prfs } from './prf.ts'
import { keyMaterialBytes, type Suite } from './suites.ts'

const hex = (text: string) => Uint8Array.fromHex(text)
const secret = (text: string) => new Secret(hex(text))
const sha256 = findPrf('hmac-sha2-256')
const nonces = { initiator: hex('3f302be1abcb28e1'), responder: hex('8c332ee006064c9b') }
const spis = { initiator: hex('40dac39e1e1a8640'), responder: hex('8619a1cf9a6e4c07') }
const suite = ikeSuiteOf(sha256, findCipher('aes-cbc', 16, 0)!, findIntegrity('hmac-sha2-256')!)!
const seed = firstSeed(sha256, nonces, secret('0f4d257d7a58fc4545c7d7a88119eee5d5c9690c5b4c989171d3abbfd99d1d29'))
const keys = ikeKeysOf(suite, seed, nonces, spis)

const allSuites: readonly IkeSuite[] = prfs.flatMap(prf =>
  ciphers.flatMap(cipher => [undefined, ...integrityAlgorithms].flatMap(row => ikeSuiteOf(prf, cipher, row) ?? [])),
)

test("NIST's first case of SHA-256: SKEYSEED, SK_d, SK_ai and the seed of the next session", () => {
  assert.equal(seed.reveal().toHex(), '5f00d1bd2c58ec224b1e6b71fa0f19a1faa7a193952c444411b47c1a9d8ba6fe')
  const dkm = '0b137d669b0947d7d026d593f0305ad401ff0c471357d695778a9c7f4b4869ece98aca531188d16041b3bb936d2dbb3b'
  assert.equal(keys.derivation.reveal().toHex(), dkm.slice(0, 64))
  assert.ok(keys.initiator.integrity.reveal().toHex().startsWith(dkm.slice(64)))
})

test('no key shows itself when it is printed', () => {
  assert.equal(JSON.stringify(keys).split('[secret]').length - 1, 7)
  assert.doesNotMatch(JSON.stringify(keys), /\d/)
})

describe('every suite that goes together', () => {
  test('has as many as ciphers and integrity algorithms make, and none with NULL, GMAC or a missing half', () => {
    assert.equal(allSuites.length, prfs.length * (9 + 9 + 1 + (3 + 3 + 2) * 7))
    assert.equal(ikeSuiteOf(sha256, findCipher('null', 0, 0)!, findIntegrity('hmac-sha2-256')), undefined)
    assert.equal(ikeSuiteOf(sha256, findCipher('aes-cbc', 16, 0)!), undefined)
    assert.equal(ikeSuiteOf(sha256, findCipher('aes-gcm', 16, 16)!, findIntegrity('hmac-sha2-256')), undefined)
    assert.equal(ikeSuiteOf(sha256, findCipher('aes-gmac', 16, 16)!), undefined)
  })

  test('gets keys of its sizes, all different, cut in order from one prf+', () => {
    for (const suite of allSuites) {
      const { derivation, initiator, responder } = ikeKeysOf(suite, seed, nonces, spis)
      const order = [
        derivation,
        initiator.integrity,
        responder.integrity,
        initiator.cipher,
        responder.cipher,
        initiator.authentication,
        responder.authentication,
      ].map(key => key.reveal())
      assert.equal(initiator.cipher.reveal().length, suite.cipher.keyBytes + suite.cipher.saltBytes)
      assert.equal(initiator.integrity.reveal().length, suite.integrity?.keyBytes ?? 0)
      assert.equal(derivation.reveal().length, suite.prf.keyBytes)
      const context = concatenate([nonces.initiator, nonces.responder, spis.initiator, spis.responder])
      const whole = concatenate(order)
      assert.deepEqual(whole, prfPlus(suite.prf, seed.reveal(), context, whole.length))
      const some = order.filter(key => key.length > 0).map(key => key.toHex())
      assert.equal(new Set(some).size, some.length)
    }
  })
})

test('more key exchanges change every key, and the formula is that of a rekeyed session (RFC 9370 §2.2.2)', () => {
  const more = secret('42'.repeat(32))
  const after = keysAfterExchange(suite, keys, more, nonces, spis)
  const next = prf(sha256, keys.derivation.reveal(), more.reveal(), nonces.initiator, nonces.responder)
  assert.deepEqual(after, ikeKeysOf(suite, new Secret(next), nonces, spis))
  assert.notEqual(after.initiator.cipher.reveal().toHex(), keys.initiator.cipher.reveal().toHex())
})

test('several secrets are mixed in as the first, the nonces, the others (RFC 9370 §2.2.4)', () => {
  const [one, two, three] = ['a1', 'a2', 'a3'].map(octet => secret(octet.repeat(32))) as [never, never, never]
  const mixed = hex('a1'.repeat(32) + '3f302be1abcb28e18c332ee006064c9b' + 'a2'.repeat(32) + 'a3'.repeat(32))
  const d = keys.derivation
  const made = rekeySeed(sha256, d, [one, two, three], nonces)
  assert.deepEqual(made.reveal(), prf(sha256, d.reveal(), mixed))
  const child = childKeyMaterial(sha256, d, [one, two, three], nonces, 100)
  assert.deepEqual(child.reveal(), prfPlus(sha256, d.reveal(), mixed, 100))
})

test('a PPK changes what keys and proofs come from, and nothing that protects messages (RFC 8784 §3)', () => {
  const ppk = secret('50'.repeat(32))
  for (const row of prfs) {
    const suite = ikeSuiteOf(row, findCipher('aes-gcm', 32, 16)!)!
    const before = ikeKeysOf(suite, seed, nonces, spis)
    const after = withPpk(row, before, ppk)
    for (const [own, old] of [
      [after.derivation, before.derivation],
      [after.initiator.authentication, before.initiator.authentication],
      [after.responder.authentication, before.responder.authentication],
    ] as const) {
      assert.deepEqual(own.reveal(), prfPlus(row, ppk.reveal(), old.reveal(), row.keyBytes))
    }
    assert.equal(after.initiator.cipher, before.initiator.cipher)
    assert.equal(after.responder.integrity, before.responder.integrity)
  }
})

test("a child's keys: all of the initiator's direction first, in each the headers in their order (RFC 7296 §2.17)", () => {
  const esp: Suite = { protocol: 'esp', cipher: findCipher('aes-gcm', 16, 16)! }
  const ah: Suite = { protocol: 'ah', integrity: findIntegrity('hmac-sha2-256')! }
  const made = childKeysOf(sha256, keys.derivation, [], nonces, [esp, ah])
  const bytes = keyMaterialBytes(esp) + keyMaterialBytes(ah)
  const material = childKeyMaterial(sha256, keys.derivation, [], nonces, 2 * bytes).reveal()
  const inOrder = [...made.fromInitiator, ...made.fromResponder].flatMap(key => [key.cipher, key.integrity])
  assert.deepEqual(concatenate(inOrder.map(key => key.reveal())), material)
})

test('wiped keys are zeros', () => {
  const own = ikeKeysOf(suite, seed, nonces, spis)
  wipeIkeKeys(own)
  const left = [own.derivation, ...Object.values(own.initiator), ...Object.values(own.responder)]
  assert.ok(left.every(key => key.reveal().every((octet: number) => octet === 0)))
})

test('transforms are found by their numbers, with a key length exactly where one is sent', () => {
  assert.equal(cipherOfTransform(20, 256), findCipher('aes-gcm', 32, 16))
  assert.equal(cipherOfTransform(20, undefined), undefined)
  assert.equal(cipherOfTransform(28, undefined)?.name, 'chacha20-poly1305')
  assert.equal(cipherOfTransform(28, 256), undefined)
  assert.equal(cipherOfTransform(12, 64), undefined)
  assert.equal(prfOfTransform(5)?.name, 'hmac-sha2-256')
  assert.equal(prfOfTransform(3), undefined)
  assert.equal(integrityOfTransform(12)?.name, 'hmac-sha2-256')
})
