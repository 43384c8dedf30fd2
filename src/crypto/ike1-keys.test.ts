// Keys of IKEv1: formulas written out once more by hand, sizes for every suite, and that nothing shows itself.
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { Secret } from '../base/secret.ts'
import { ciphers, findCipher } from './ciphers.ts'
import {
  answerHash,
  baseKeyOfSignatures,
  child1KeyMaterial,
  child1KeysOf,
  closingHash,
  exchangeIv,
  firstIv,
  ike1KeysOf,
  initiatorHash,
  messageHash,
  natDetectionHash,
  reliableDeleteHash,
  responderHash,
  wipeIke1Keys,
} from './ike1-keys.ts'
import { type Ike1Suite, ike1Hashes, ike1SuiteOf, whyIke1SuiteIsOld } from './ike1-suites.ts'
import { keyMaterialBytes, suiteOf } from './suites.ts'

const fill = (length: number, octet: number) => new Uint8Array(length).fill(octet)
const secret = (length: number, octet: number) => new Secret(fill(length, octet))
const nonces = { initiator: fill(8, 1), responder: fill(16, 2) }
const cookies = { initiator: fill(8, 3), responder: fill(8, 4) }
const values = { initiator: fill(64, 5), responder: fill(64, 6) }
const suiteWith = (hash: string, cipher = findCipher('aes-cbc', 32, 0)!): Ike1Suite =>
  ike1SuiteOf(ike1Hashes.find(({ name }) => name === hash)!, cipher)!
const suite = suiteWith('sha1')
const keysOf = (one: Ike1Suite) =>
  ike1KeysOf(one, baseKeyOfSignatures(one, secret(64, 7), nonces), secret(64, 7), cookies)
const keys = keysOf(suite)

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): string {
  const run = createHmac('sha1', key)
  for (const part of parts) run.update(part)
  return run.digest('hex')
}

describe('keys of IKEv1', () => {
  it('stretches SKEYID_e where a cipher wants more, each piece made of the one before it', () => {
    const [short, long] = [keysOf(suiteWith('sha1', findCipher('des-cbc', 8, 0)!)), keys]
    const encryption = hmac(
      long.base.reveal(),
      long.authentication.reveal(),
      fill(64, 7),
      cookies.initiator,
      cookies.responder,
      Uint8Array.of(2),
    )
    assert.equal(short.cipher.reveal().toHex(), encryption.slice(0, 16))
    const e = Uint8Array.fromHex(encryption)
    const one = hmac(e, Uint8Array.of(0))
    const two = hmac(e, Uint8Array.fromHex(one))
    assert.equal(long.cipher.reveal().toHex(), (one + two).slice(0, 64))
  })

  it('has a key of its size for every cipher under every hash', () => {
    for (const hash of ike1Hashes) {
      for (const cipher of ciphers) {
        const one = ike1SuiteOf(hash, cipher)
        assert.equal(one !== undefined, ['aes-cbc', '3des-cbc', 'des-cbc'].includes(cipher.name))
        if (one === undefined) continue
        assert.equal(keysOf(one).cipher.reveal().length, cipher.keyBytes)
        assert.equal(firstIv(one, values).length, cipher.ivBytes)
        assert.equal(exchangeIv(one, fill(16, 1), 7).length, cipher.ivBytes)
        assert.equal(whyIke1SuiteIsOld(one).length > 0, hash.old !== undefined || cipher.old !== undefined)
      }
    }
  })

  it('makes the hashes of both sides and of later messages as RFC 2409 writes them', () => {
    const parts = { cookies, values, association: fill(20, 8), identity: fill(8, 9), more: [fill(3, 10)] }
    const [base, a] = [keys.base.reveal(), keys.authentication.reveal()]
    const id = Uint8Array.of(0, 0, 1, 2)
    const both = [fill(20, 8), fill(8, 9), fill(3, 10)]
    assert.equal(
      initiatorHash(suite.prf, keys.base, parts).toHex(),
      hmac(base, values.initiator, values.responder, cookies.initiator, cookies.responder, ...both),
    )
    assert.equal(
      responderHash(suite.prf, keys.base, parts).toHex(),
      hmac(base, values.responder, values.initiator, cookies.responder, cookies.initiator, ...both),
    )
    assert.equal(messageHash(suite, keys, 0x102, fill(5, 1)).toHex(), hmac(a, id, fill(5, 1)))
    assert.equal(
      answerHash(suite, keys, 0x102, nonces.initiator, fill(5, 1)).toHex(),
      hmac(a, id, nonces.initiator, fill(5, 1)),
    )
    assert.equal(
      closingHash(suite, keys, 0x102, nonces).toHex(),
      hmac(a, Uint8Array.of(0), id, nonces.initiator, nonces.responder),
    )
    assert.equal(
      reliableDeleteHash(suite, keys, 0x102, nonces, fill(5, 1)).toHex(),
      hmac(a, nonces.initiator, id, nonces.responder, fill(5, 1)),
    )
  })

  it('makes IVs and hashes of addresses with the hash itself', () => {
    const sha1 = (...parts: readonly Uint8Array[]) => {
      const run = createHash('sha1')
      for (const part of parts) run.update(part)
      return run.digest('hex')
    }
    assert.equal(firstIv(suite, values).toHex(), sha1(values.initiator, values.responder).slice(0, 32))
    assert.equal(
      exchangeIv(suite, fill(16, 9), 0x102).toHex(),
      sha1(fill(16, 9), Uint8Array.of(0, 0, 1, 2)).slice(0, 32),
    )
    assert.equal(
      natDetectionHash(suite, cookies, Uint8Array.of(192, 0, 2, 1), 500).toHex(),
      sha1(cookies.initiator, cookies.responder, Uint8Array.of(192, 0, 2, 1, 1, 0xf4)),
    )
  })

  it('makes the keys of an SA of its protocol, its SPI and, where there is one, a fresh secret', () => {
    const spi = Uint8Array.of(0xc0, 0, 0, 1)
    const seed = [fill(64, 11), Uint8Array.of(3), spi, nonces.initiator, nonces.responder]
    const d = keys.derivation.reveal()
    const one = hmac(d, ...seed)
    const two = hmac(d, Uint8Array.fromHex(one), ...seed)
    const made = child1KeyMaterial(suite.prf, keys.derivation, secret(64, 11), nonces, 'esp', spi, 36)
    assert.equal(made.reveal().toHex(), (one + two).slice(0, 72))
    const plain = child1KeyMaterial(suite.prf, keys.derivation, undefined, nonces, 'ah', spi, 20)
    assert.equal(plain.reveal().toHex(), hmac(d, Uint8Array.of(2), ...seed.slice(2)))
  })

  it('splits the keys of an SA for its suite, the cipher first', () => {
    const esp = suiteOf({ protocol: 'esp', cipher: '3des-cbc', keyBits: 192, integrity: 'hmac-sha1', icvBits: 96 })!
    const spi = Uint8Array.of(0xc0, 0, 0, 1)
    const split = child1KeysOf(suite.prf, keys.derivation, undefined, nonces, { suite: esp, spi })
    const whole = child1KeyMaterial(suite.prf, keys.derivation, undefined, nonces, 'esp', spi, keyMaterialBytes(esp))
    assert.equal(split.cipher.reveal().toHex() + split.integrity.reveal().toHex(), whole.reveal().toHex())
    assert.equal(split.cipher.reveal().length, 24)
  })

  it('does not show a key when it is printed, and wipes all of them', () => {
    assert.equal(JSON.stringify(keys).split('[secret]').length - 1, 4)
    const gone = keysOf(suite)
    wipeIke1Keys(gone)
    for (const key of [gone.base, gone.derivation, gone.authentication, gone.cipher]) {
      assert.ok(key.reveal().every(octet => octet === 0))
    }
  })
})
