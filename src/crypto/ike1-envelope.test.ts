// Encryption of IKEv1 messages: whole blocks, a chain of IVs, and nothing that a peer sends throws.
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { describe, it } from 'node:test'
import { Secret } from '../base/secret.ts'
import { ciphers } from './ciphers.ts'
import { openContent, sealContent, sealedBytes } from './ike1-envelope.ts'
import { ike1CipherNumber, ike1CipherOf } from './ike1-suites.ts'

const numbers = (length: number, start = 0) => Uint8Array.from({ length }, (_, index) => start + index)
const known = ciphers.filter(cipher => ike1CipherNumber(cipher) !== undefined)

describe('encryption of IKEv1 messages', () => {
  it('has DES, Triple DES and AES with three keys, found again by their numbers', () => {
    assert.deepEqual(
      known.map(({ name, keyBytes }) => `${name} ${keyBytes}`),
      ['aes-cbc 16', 'aes-cbc 24', 'aes-cbc 32', '3des-cbc 24', 'des-cbc 8'],
    )
    for (const cipher of known) {
      assert.equal(ike1CipherOf(ike1CipherNumber(cipher)!, cipher.keyLengthAttribute), cipher)
    }
    assert.equal(ike1CipherOf(7, undefined)?.keyBytes, 16)
    assert.equal(ike1CipherOf(5, 192)?.name, '3des-cbc')
    assert.equal(ike1CipherOf(7, 129), undefined)
    assert.equal(ike1CipherOf(2, undefined), undefined)
  })

  for (const cipher of known) {
    const key = new Secret(numbers(cipher.keyBytes, 3))
    const iv = numbers(cipher.ivBytes, 100)

    it(`seals and opens content of every length with ${cipher.name} of ${cipher.keyBytes} octets, padded with zeros`, () => {
      for (let length = 1; length < 40; length++) {
        const { sealed, nextIv } = sealContent(cipher, key, iv, numbers(length, 1))
        assert.equal(sealed.length, sealedBytes(cipher, length))
        assert.deepEqual(nextIv, sealed.slice(-cipher.blockBytes))
        const opened = openContent(cipher, key, iv, sealed)
        assert.deepEqual(opened?.nextIv, nextIv)
        assert.deepEqual(opened?.opened.slice(0, length), numbers(length, 1))
        assert.ok(opened?.opened.slice(length).every(octet => octet === 0))
      }
    })

    it(`refuses no octets, and such as fill no whole blocks of ${cipher.name} of ${cipher.keyBytes}`, () => {
      for (let length = 0; length < 3 * cipher.blockBytes; length++) {
        const isWhole = length > 0 && length % cipher.blockBytes === 0
        assert.equal(openContent(cipher, key, iv, numbers(length)) !== undefined, isWhole)
      }
    })
  }

  it('chains messages as one long ciphertext', () => {
    const cipher = ike1CipherOf(7, 128)!
    const key = new Secret(numbers(16))
    const first = sealContent(cipher, key, numbers(16, 9), numbers(32))
    const second = sealContent(cipher, key, first.nextIv, numbers(16, 50))
    const whole = createCipheriv('aes-128-cbc', key.reveal(), numbers(16, 9)).setAutoPadding(false)
    const together = whole.update(Uint8Array.of(...numbers(32), ...numbers(16, 50)))
    assert.equal(first.sealed.toHex() + second.sealed.toHex(), together.toString('hex'))
  })

  it('is single DES where single DES was agreed on', () => {
    const cipher = ike1CipherOf(1, undefined)!
    // FIPS 81 §B: "Now is the time for all " in CBC mode.
    const key = new Secret(Uint8Array.fromHex('0123456789abcdef'))
    const text = new TextEncoder().encode('Now is the time for all ')
    const { sealed } = sealContent(cipher, key, Uint8Array.fromHex('1234567890abcdef'), text)
    assert.equal(sealed.toHex(), 'e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6')
  })
})
