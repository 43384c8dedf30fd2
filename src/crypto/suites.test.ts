// Tables against the registries they come from, and the order of key material.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ciphers } from './ciphers.ts'
import { integrityAlgorithms } from './integrity.ts'
import { counterIvs, randomIvs } from './iv-source.ts'
import { keyMaterialBytes, splitKeyMaterial, suiteOf, whyOld, wipeKeys } from './suites.ts'

test('transform numbers are those of IANA, one for each name and ICV', () => {
  const numbers = new Map(ciphers.map(row => [`${row.name} ${row.icvBytes}`, row.transform]))
  assert.deepEqual(Object.fromEntries(numbers), {
    'aes-gcm 8': 18,
    'aes-gcm 12': 19,
    'aes-gcm 16': 20,
    'aes-ccm 8': 14,
    'aes-ccm 12': 15,
    'aes-ccm 16': 16,
    'aes-gmac 16': 21,
    'aes-cbc 0': 12,
    'aes-ctr 0': 13,
    'chacha20-poly1305 16': 28,
    'null 0': 11,
    '3des-cbc 0': 3,
    'des-cbc 0': 2,
  })
  assert.deepEqual(
    integrityAlgorithms.map(row => row.transform).toSorted((a, b) => a - b),
    [1, 2, 5, 8, 9, 10, 11, 12, 13, 14],
  )
})

test('encryption without integrity is no suite, and neither is nothing at all', () => {
  assert.equal(suiteOf({ protocol: 'esp', cipher: 'aes-cbc', keyBits: 128, icvBits: 0 }), undefined)
  assert.equal(suiteOf({ protocol: 'esp', keyBits: 0, icvBits: 0 }), undefined)
  assert.equal(suiteOf({ protocol: 'ah', keyBits: 0, icvBits: 96 }), undefined)
})

test('an ICV shorter than the algorithm has is no suite', () => {
  assert.equal(suiteOf({ protocol: 'esp', cipher: 'aes-gcm', keyBits: 128, icvBits: 32 }), undefined)
  assert.equal(suiteOf({ protocol: 'ah', keyBits: 0, integrity: 'hmac-sha2-256', icvBits: 96 }), undefined)
  assert.equal(suiteOf({ protocol: 'ah', keyBits: 0, integrity: 'hmac-sha2-256', icvBits: 0 }), undefined)
})

test('key material is the key of the cipher, its salt, then the integrity key', () => {
  const gcm = suiteOf({ protocol: 'esp', cipher: 'aes-gcm', keyBits: 256, icvBits: 128 })!
  assert.equal(keyMaterialBytes(gcm), 36)
  const cbc = suiteOf({ protocol: 'esp', cipher: 'aes-cbc', keyBits: 128, integrity: 'hmac-sha1', icvBits: 96 })!
  assert.equal(keyMaterialBytes(cbc), 36)
  const keys = splitKeyMaterial(
    cbc,
    Uint8Array.from({ length: 36 }, (_, i) => i),
  )
  assert.equal(keys.cipher.reveal().toHex(), '000102030405060708090a0b0c0d0e0f')
  assert.equal(keys.integrity.reveal()[0], 16)
  assert.throws(() => splitKeyMaterial(cbc, new Uint8Array(35)), /35 octets where 36/)
  wipeKeys(keys)
  assert.ok([...keys.cipher.reveal(), ...keys.integrity.reveal()].every(octet => octet === 0))
  const gmac = suiteOf({ protocol: 'ah', keyBits: 192, integrity: 'aes-gmac', icvBits: 128 })!
  assert.equal(keyMaterialBytes(gmac), 28)
})

test('what is old says why', () => {
  const old = suiteOf({ protocol: 'esp', cipher: '3des-cbc', keyBits: 192, integrity: 'hmac-md5', icvBits: 96 })!
  assert.equal(whyOld(old).length, 2)
  assert.deepEqual(whyOld(suiteOf({ protocol: 'esp', cipher: 'aes-gcm', keyBits: 128, icvBits: 128 })!), [])
})

test('counted IVs never come twice, go over the 32-bit border, keep to their lane and end with an error', () => {
  const bytes = new Uint8Array(8)
  const across = counterIvs(3, 0xffff_ffffn)
  across.next(bytes, 0, 8)
  assert.equal(bytes.toHex(), '03000000ffffffff')
  across.next(bytes, 0, 8)
  assert.equal(bytes.toHex(), '0300000100000000')
  const last = counterIvs(255, 2n ** 56n - 1n)
  last.next(bytes, 0, 8)
  assert.equal(bytes.toHex(), 'ffffffffffffffff')
  assert.throws(() => last.next(bytes, 0, 8), /used up/)
  assert.throws(() => counterIvs(256), RangeError)
})

test('random IVs differ, also beyond what is fetched at once', () => {
  const ivs = randomIvs()
  const seen = new Set<string>()
  const bytes = new Uint8Array(16)
  for (let count = 0; count < 1000; count++) {
    ivs.next(bytes, 0, 16)
    seen.add(bytes.toHex())
  }
  assert.equal(seen.size, 1000)
})
