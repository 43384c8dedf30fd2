// The table of security methods against the RFCs' numbers, and what a wrong name gets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Offer, offerNames, offerOf } from './offers.ts'

function offer(name: string): Offer {
  const found = offerOf(name)
  assert.ok(found.ok, name)
  return found.value
}

const rows: readonly (readonly [
  name: string,
  protections: Offer['protections'],
  confidential: boolean,
  strength: string,
])[] = [
  ['esp-aes256gcm16', [{ protocol: 'esp', cipher: 'aes-gcm', keyBits: 256, icvBits: 128 }], true, 'current'],
  ['esp-aes192gcm12', [{ protocol: 'esp', cipher: 'aes-gcm', keyBits: 192, icvBits: 96 }], true, 'current'],
  ['esp-aes128ccm8', [{ protocol: 'esp', cipher: 'aes-ccm', keyBits: 128, icvBits: 64 }], true, 'current'],
  [
    'esp-chacha20poly1305',
    [{ protocol: 'esp', cipher: 'chacha20-poly1305', keyBits: 256, icvBits: 128 }],
    true,
    'current',
  ],
  [
    'esp-aes256-sha256',
    [{ protocol: 'esp', cipher: 'aes-cbc', keyBits: 256, integrity: 'hmac-sha2-256', icvBits: 128 }],
    true,
    'current',
  ],
  [
    'esp-aes128ctr-sha384',
    [{ protocol: 'esp', cipher: 'aes-ctr', keyBits: 128, integrity: 'hmac-sha2-384', icvBits: 192 }],
    true,
    'current',
  ],
  ['esp-null-sha512', [{ protocol: 'esp', keyBits: 0, integrity: 'hmac-sha2-512', icvBits: 256 }], false, 'current'],
  ['esp-aes192gmac', [{ protocol: 'esp', keyBits: 192, integrity: 'aes-gmac', icvBits: 128 }], false, 'current'],
  ['ah-aes256gmac', [{ protocol: 'ah', keyBits: 256, integrity: 'aes-gmac', icvBits: 128 }], false, 'current'],
  ['ah-aesxcbc', [{ protocol: 'ah', keyBits: 0, integrity: 'aes-xcbc', icvBits: 96 }], false, 'current'],
  ['ah-sha1', [{ protocol: 'ah', keyBits: 0, integrity: 'hmac-sha1', icvBits: 96 }], false, 'old'],
  [
    'esp-des-md5',
    [{ protocol: 'esp', cipher: 'des-cbc', keyBits: 64, integrity: 'hmac-md5', icvBits: 96 }],
    true,
    'old',
  ],
]

for (const [name, protections, confidential, strength] of rows) {
  test(`${name} is ${strength}, and its content is ${confidential ? 'secret' : 'readable'}`, () => {
    assert.deepEqual(offer(name), { name, protections, confidential, strength, why: offer(name).why })
    assert.equal(offer(name).why.length > 0, strength === 'old')
  })
}

test('every name of the table is read, and says of itself what it is', () => {
  assert.equal(new Set(offerNames).size, offerNames.length)
  for (const name of offerNames) {
    const { protections, confidential } = offer(name)
    assert.equal(protections.length, 1, name)
    assert.ok(name.startsWith(`${protections[0]!.protocol}-`), name)
    assert.equal(confidential, protections[0]!.cipher !== undefined, name)
    // Whatever has no integrity algorithm of its own authenticates by its cipher: nothing goes unauthenticated.
    const { integrity, cipher, icvBits } = protections[0]!
    assert.ok(integrity !== undefined || /gcm|ccm|poly1305/.test(cipher!), name)
    assert.ok(icvBits >= 64, name)
  }
})

test('of AH and ESP together ESP is inside, whichever way round it is written', () => {
  for (const name of ['ah-sha1+esp-3des-sha1', 'esp-3des-sha1+ah-sha1']) {
    assert.deepEqual(
      offer(name).protections.map(({ protocol }) => protocol),
      ['esp', 'ah'],
    )
    assert.equal(offer(name).confidential, true)
  }
  assert.equal(offer('ah-sha256+esp-null-sha256').confidential, false)
})

test('a combination is old for each of its old parts, once', () => {
  assert.equal(offer('ah-sha1+esp-3des-sha1').why.length, 2)
  assert.equal(offer('ah-sha256+esp-3des-sha256').why.length, 1)
})

const wrong: readonly (readonly [name: string, hint: RegExp])[] = [
  ['aes256gcm16', /did you mean esp-aes256gcm16/],
  ['esp-aes256gcm6', /did you mean esp-aes256gcm16/],
  ['ESP-AES256-SHA256', /did you mean esp-aes256-sha256/],
  ['esp-aes256', /write esp-aes256-sha256/],
  ['esp-3des', /write esp-3des-sha256/],
  ['esp-blowfish-rot13', /methods are named like/],
  ['', /methods are named like/],
  ['+', /methods are named like/],
  ['ah-sha1+ah-md5', /at most one of AH and one of ESP/],
  ['esp-aes256gcm16+ah-sha1+esp-des-md5', /at most one of AH and one of ESP/],
  ['esp-aes256gcm16+', /methods are named like/],
]

for (const [name, hint] of wrong) {
  test(`“${name}” is no method, and the answer helps`, () => {
    const read = offerOf(name)
    assert.equal(read.ok, false)
    assert.match(read.error.hint, hint)
  })
}

test('whatever is asked, there is an answer', () => {
  fc.assert(
    fc.property(fc.string(), name => {
      const read = offerOf(name)
      assert.equal(read.ok && !name.split('+').every(part => offerNames.includes(part)), false)
    }),
  )
})
