// PRFs and prf+ with answers printed in RFCs, so that a wrong one is caught without the shared vectors; the full lists are
// in test/vectors/ike-keys.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatenate } from '../base/bytes.ts'
import { findPrf, type PrfName, prf, prfPlus, prfs, seedKey } from './prf.ts'
import { aesCmac, aesXcbc } from './whole-mac.ts'

const hex = (text: string) => Uint8Array.fromHex(text)
const octets = (least: number, most: number) => fc.uint8Array({ minLength: least, maxLength: most })

const message = '000102030405060708090a0b0c0d0e0f10111213'
const answers: readonly (readonly [PrfName, string, string, string, string])[] = [
  ['aes-xcbc', 'RFC 4434 §2.1', '000102030405060708090a0b0c0d0e0f', message, '47f51b4564966215b8985c63055ed308'],
  ['aes-xcbc', 'RFC 4434 §2.1', '00010203040506070809', message, '0fa087af7d866e7653434e602fdde835'],
  ['aes-xcbc', 'RFC 4434 §2.1', '000102030405060708090a0b0c0d0e0fedcb', message, '8cd3c93ae598a9803006ffb67c40e9e4'],
  ['aes-cmac', 'RFC 4615 §4', '000102030405060708090a0b0c0d0e0fedcb', message, '84a348a4a45d235babfffc0d2b4da09a'],
  ['aes-cmac', 'RFC 4615 §4', '000102030405060708090a0b0c0d0e0f', message, '980ae87b5f4c9c5214f5b6a8455e4c2d'],
  ['aes-cmac', 'RFC 4615 §4', '00010203040506070809', message, '290d9e112edb09ee141fcf64c0b72f3d'],
  ['hmac-md5', 'RFC 2202 §2', '0b'.repeat(16), '4869205468657265', '9294727a3638bb1c13f48ef8158bfc9d'],
  ['hmac-sha1', 'RFC 2202 §3', '0b'.repeat(20), '4869205468657265', 'b617318655057264e28bc0b6fb378c8ef146be00'],
  [
    'hmac-sha2-256',
    'RFC 4231 §4.2',
    '0b'.repeat(20),
    '4869205468657265',
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  ],
]

for (const [name, source, key, text, result] of answers) {
  test(`${name} with a key of ${key.length / 2} octets gives the answer of ${source}`, () => {
    assert.equal(prf(findPrf(name), hex(key), hex(text)).toHex(), result)
  })
}

test('every PRF has the sizes that its row says, under keys of any length', () => {
  for (const row of prfs) {
    for (const length of [0, 1, 15, 16, 17, 64, 200]) {
      assert.equal(prf(row, new Uint8Array(length), hex('00')).length, row.resultBytes, row.name)
    }
  }
})

test('a text gives the same in one piece and in many, for AES with and without a whole last block', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...prfs),
      octets(0, 40),
      fc.array(octets(0, 40), { maxLength: 5 }),
      (row, key, parts) => {
        assert.deepEqual(prf(row, key, ...parts), prf(row, key, concatenate(parts)))
      },
    ),
  )
})

test('prf+ is the chain of RFC 7296 §2.13, and a shorter request is the beginning of a longer one', () => {
  for (const row of prfs) {
    const [key, seed] = [hex('aa'.repeat(20)), hex('bb'.repeat(30))]
    const first = prf(row, key, seed, Uint8Array.of(1))
    const second = prf(row, key, first, seed, Uint8Array.of(2))
    const third = prf(row, key, second, seed, Uint8Array.of(3))
    const whole = concatenate([first, second, third])
    for (const length of [0, 1, row.resultBytes, row.resultBytes + 1, whole.length]) {
      assert.deepEqual(prfPlus(row, key, seed, length), whole.slice(0, length), `${row.name} ${length}`)
    }
  }
})

test('prf+ ends where its counter does: 255 results and not one octet more', () => {
  const row = findPrf('aes-xcbc')
  assert.equal(prfPlus(row, hex('00'), hex('00'), 255 * 16).length, 4080)
  assert.throws(() => prfPlus(row, hex('00'), hex('00'), 255 * 16 + 1), RangeError)
})

test("a PRF of fixed size takes 8 octets of each nonce for SKEYSEED's key, the others take all", () => {
  const [ni, nr] = [hex('11'.repeat(32)), hex('22'.repeat(16))]
  assert.equal(seedKey(findPrf('aes-xcbc'), ni, nr).toHex(), '11'.repeat(8) + '22'.repeat(8))
  assert.equal(seedKey(findPrf('hmac-sha2-256'), ni, nr).toHex(), '11'.repeat(32) + '22'.repeat(16))
})

test('the MACs of no text at all are those of RFC 3566 and RFC 4493', () => {
  assert.equal(aesXcbc(hex('000102030405060708090a0b0c0d0e0f'), []).toHex().slice(0, 24), '75f0251d528ac01c4573dfd5')
  assert.equal(aesCmac(hex('2b7e151628aed2a6abf7158809cf4f3c'), []).toHex(), 'bb1d6929e95937287fa37d129b756746')
})
