// The encrypted payload: what one side seals the other opens, with every suite; what was touched, cut or wrongly padded
// does not open, and nothing throws.

import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatenate } from '../base/bytes.ts'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { ciphers, findCipher } from './ciphers.ts'
import { envelopeBytes, envelopeIvs, openEnvelope, sealEnvelope } from './ike-envelope.ts'
import { type IkeSuite, ikeSuiteOf } from './ike-suites.ts'
import { findIntegrity, integrityAlgorithms } from './integrity.ts'
import { findPrf } from './prf.ts'
import { integrityCheck } from './whole-mac.ts'

const prf = findPrf('hmac-sha2-256')
const suites: readonly IkeSuite[] = ciphers.flatMap(cipher =>
  [undefined, ...integrityAlgorithms].flatMap(row => ikeSuiteOf(prf, cipher, row) ?? []),
)
const random = seededRandom(7)

function keysOf(suite: IkeSuite) {
  const cipher = new Uint8Array(suite.cipher.keyBytes + suite.cipher.saltBytes)
  const integrity = new Uint8Array(suite.integrity?.keyBytes ?? 0)
  random.fill(cipher)
  random.fill(integrity)
  return { cipher: new Secret(cipher), integrity: new Secret(integrity) }
}

const anyOctets = (most: number) => fc.uint8Array({ maxLength: most })

test('RFC 7634 Appendix B: the message as printed', () => {
  const suite = ikeSuiteOf(prf, findCipher('chacha20-poly1305', 32, 16)!)!
  const key = '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3'
  const keys = { cipher: new Secret(Uint8Array.fromHex(key)), integrity: new Secret(new Uint8Array(0)) }
  const before = Uint8Array.fromHex('c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029')
  const content = Uint8Array.fromHex('0000000c000040010000000a')
  const ivs = { next: (bytes: Uint8Array) => bytes.set(Uint8Array.fromHex('1011121314151617')) }
  const sealed = '1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2'
  assert.equal(sealEnvelope(suite, keys, before, content, ivs).toHex(), before.toHex() + sealed)
})

test('whatever is sealed opens again, of the length that was announced, with every suite', () => {
  const sides = suites.map(suite => ({ suite, keys: keysOf(suite), ivs: envelopeIvs(suite, random) }))
  fc.assert(
    fc.property(fc.constantFrom(...sides), anyOctets(60), anyOctets(100), ({ suite, keys, ivs }, before, content) => {
      const message = sealEnvelope(suite, keys, before, content, ivs)
      assert.equal(message.length, before.length + envelopeBytes(suite, content.length))
      assert.deepEqual(openEnvelope(suite, keys, message, before.length), content)
    }),
    { numRuns: 1000 },
  )
})

test('a changed bit anywhere, or another key, and it does not open', () => {
  for (const suite of suites) {
    const keys = keysOf(suite)
    const before = new Uint8Array(32).fill(7)
    const message = sealEnvelope(suite, keys, before, new Uint8Array(20), envelopeIvs(suite, random))
    for (let at = 0; at < message.length; at++) {
      const touched = message.slice()
      touched[at]! ^= 1 << (at % 8)
      assert.equal(openEnvelope(suite, keys, touched, 32), undefined, `${suite.cipher.name} octet ${at}`)
    }
    assert.equal(openEnvelope(suite, keysOf(suite), message, 32), undefined)
  }
})

test('a message cut at any length, or with its IV said to be where it cannot, does not open and does not throw', () => {
  for (const suite of suites) {
    const keys = keysOf(suite)
    const message = sealEnvelope(suite, keys, new Uint8Array(32), new Uint8Array(20), envelopeIvs(suite, random))
    for (let length = 0; length < message.length; length++) {
      assert.equal(openEnvelope(suite, keys, message.subarray(0, length), 32), undefined)
    }
    // With a whole message authenticated, where the IV starts is told by headers that are authentic too.
    const inside = suite.integrity === undefined ? [0, 31, 33] : []
    for (const at of [-1, ...inside, message.length, message.length + 1]) {
      assert.equal(openEnvelope(suite, keys, message, at), undefined, `IV at ${at}`)
    }
  }
})

test('authentic padding that is longer than all there is does not open; padding of any octets does', () => {
  const suite = ikeSuiteOf(prf, findCipher('aes-cbc', 16, 0)!, findIntegrity('hmac-sha2-256')!)!
  const keys = keysOf(suite)
  const sealBlock = (plain: Uint8Array) => {
    const iv = new Uint8Array(16)
    const run = createCipheriv('aes-128-cbc', keys.cipher.reveal(), iv).setAutoPadding(false)
    const signed = concatenate([new Uint8Array(32), iv, run.update(plain)])
    return concatenate([signed, integrityCheck(suite.integrity!, keys.integrity.reveal(), [signed])])
  }
  const block = new Uint8Array(32).fill(9)
  block[31] = 32
  assert.equal(openEnvelope(suite, keys, sealBlock(block), 32), undefined)
  block[31] = 31
  assert.equal(openEnvelope(suite, keys, sealBlock(block), 32)?.length, 0)
  block[31] = 30
  assert.deepEqual(openEnvelope(suite, keys, sealBlock(block), 32), Uint8Array.of(9))
})

test('a counter mode never uses an IV twice, and CBC never one that can be foretold', () => {
  const gcm = ikeSuiteOf(prf, findCipher('aes-gcm', 16, 16)!)!
  const keys = keysOf(gcm)
  const ivs = envelopeIvs(gcm)
  const seal = () => sealEnvelope(gcm, keys, new Uint8Array(0), new Uint8Array(4), ivs).subarray(0, 8).toHex()
  assert.equal(new Set(Array.from({ length: 300 }, seal)).size, 300)
  const cbc = ikeSuiteOf(prf, findCipher('aes-cbc', 16, 0)!, findIntegrity('hmac-sha2-256')!)!
  const message = () =>
    sealEnvelope(cbc, keysOf(cbc), new Uint8Array(0), new Uint8Array(4), envelopeIvs(cbc)).subarray(0, 16).toHex()
  assert.equal(new Set(Array.from({ length: 20 }, message)).size, 20)
})
