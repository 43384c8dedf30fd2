// Methods of IKE by their names: what each part means, and what is said of a name that is wrong.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  defaultIkeSecurity,
  groups,
  ikeCiphers,
  ikeIntegrities,
  ikeOfferOf,
  ikePrfs,
  keyExchangeOf,
} from './ike-offers.ts'

function offer(name: string) {
  const found = ikeOfferOf(name)
  assert.ok(found.ok, found.ok ? '' : `${name}: ${found.error.what}`)
  return found.value
}

test('a cipher that authenticates takes a PRF and a group, and more key exchanges behind a plus', () => {
  assert.deepEqual(offer('aes256gcm16-prfsha384-curve25519+mlkem768'), {
    name: 'aes256gcm16-prfsha384-curve25519+mlkem768',
    cipher: 'aes-gcm',
    keyBits: 256,
    icvBits: 128,
    prf: 'hmac-sha2-384',
    group: 'curve25519',
    additional: ['ml-kem-768'],
    strength: 'current',
    why: [],
  })
})

test('the PRF may be left out where the integrity algorithm says it', () => {
  const { name: short, ...left } = offer('aes256-sha256-modp2048')
  const { name: long, ...written } = offer('aes256-sha256-prfsha256-modp2048')
  assert.notEqual(short, long)
  assert.deepEqual(left, written)
  assert.equal(left.prf, 'hmac-sha2-256')
  assert.equal(offer('aes128-aescmac-ecp256').prf, 'aes-cmac')
  assert.equal(offer('aes128-sha256-prfsha512-ecp256').prf, 'hmac-sha2-512')
})

test('what is old says why, once for each reason', () => {
  const { strength, why } = offer('3des-sha1-modp1024')
  assert.equal(strength, 'old')
  assert.deepEqual(why, [
    '3DES has blocks of 64 bits and should no longer be used',
    'SHA-1 is ageing and on its way out of IKE',
    'a prime of 1024 bits can be broken by states',
  ])
  assert.equal(offer('aes256gcm16-prfsha384-curve25519+modp1024').strength, 'old')
})

test('every default is current, and every word of every part makes an offer', () => {
  for (const name of defaultIkeSecurity) assert.equal(offer(name).strength, 'current', name)
  for (const [cipher, { icvBits }] of ikeCiphers) {
    for (const integrity of icvBits > 0 ? [''] : [...ikeIntegrities.keys()].map(word => `-${word}`)) {
      for (const prf of ikePrfs.keys())
        for (const group of groups.keys()) offer(`${cipher}${integrity}-${prf}-${group}`)
    }
  }
})

const wrong: readonly (readonly [name: string, what: string, hint: string])[] = [
  [
    '',
    '"" is no method of IKE',
    'methods of IKE are named like aes256gcm16-prfsha384-ecp384 or aes256-sha256-modp2048',
  ],
  ['aes256gcm16', '"aes256gcm16" is no method of IKE', 'write the rest too: aes256gcm16-prfsha384-ecp384'],
  ['aes256', '"aes256" is no method of IKE', 'write the rest too: aes256-sha256-modp2048'],
  ['aes256gmc16-prfsha384-ecp384', '"aes256gmc16" is no cipher of IKE', 'did you mean aes256gcm16?'],
  ['esp-aes256gcm16-prfsha384-ecp384', '"esp" is no cipher of IKE', 'a method of IKE has no esp- before it'],
  [
    'aes256gcm16-sha384-ecp384',
    'aes256gcm16 authenticates by itself and takes no integrity algorithm',
    'for the PRF write aes256gcm16-prfsha384-ecp384',
  ],
  ['aes256-ecp384', 'aes256 needs an integrity algorithm', 'write aes256-sha256-ecp384'],
  ['aes256-prfsha384-ecp384', 'aes256 needs an integrity algorithm', 'write aes256-sha256-prfsha384-ecp384'],
  ['aes256gcm16-ecp384', 'a pseudorandom function is missing', 'it makes the keys: write aes256gcm16-prfsha256-ecp384'],
  ['aes256-sha256', '"aes256-sha256" names no key exchange', 'write it behind the rest: aes256-sha256-curve25519'],
  ['aes256-sha256-modp2084', '"modp2084" is no key exchange', 'did you mean modp2048?'],
  ['aes256-sha265-modp2048', '"sha265" is no integrity algorithm of IKE', 'did you mean sha256?'],
  ['aes256-sha256-prfsha-modp2048', '"prfsha" is no pseudorandom function of IKE', 'did you mean prfsha1?'],
  [
    'aes256-prfsha256-sha256-modp2048',
    'the parts of the name do not stand in their order',
    'methods of IKE are named like aes256gcm16-prfsha384-ecp384 or aes256-sha256-modp2048',
  ],
  ['aes256-sha256-ecp384+ecp384', 'ecp384 is named twice', 'a key exchange is done once (RFC 9370 §2.2.2)'],
]

for (const [name, what, hint] of wrong) {
  test(`of the name ${JSON.stringify(name)} it is said what is wrong and what to write`, () => {
    const found = ikeOfferOf(name)
    assert.ok(!found.ok)
    assert.deepEqual(found.error, { what, hint })
  })
}

test('at most seven key exchanges stand behind the first', () => {
  const names = [...groups.keys()]
  assert.equal(keyExchangeOf(names.slice(0, 8).join('+')).ok, true)
  assert.equal(keyExchangeOf(names.slice(0, 9).join('+')).ok, false)
})
