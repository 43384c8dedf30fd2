// Signatures of IKEv1: over the bare hash, by each method, and told apart from everything else.
import assert from 'node:assert/strict'
import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  publicDecrypt,
  randomBytes,
  sign,
} from 'node:crypto'
import { describe, it } from 'node:test'
import { findCipher } from './ciphers.ts'
import { proofPrf } from './ike1-keys.ts'
import { signatureMethodOf, signHash, verifyHash } from './ike1-signatures.ts'
import { ike1Hashes, ike1SuiteOf } from './ike1-suites.ts'

const pairs: readonly (readonly [number, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }])[] = [
  [3, generateKeyPairSync('rsa', { modulusLength: 2048 })],
  [9, generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
  [10, generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
  [11, generateKeyPairSync('ec', { namedCurve: 'secp521r1' })],
]
const suite = ike1SuiteOf(ike1Hashes.find(({ name }) => name === 'sha1')!, findCipher('3des-cbc', 24, 0)!)!
const hash = new Uint8Array(randomBytes(20))

describe('signatures of IKEv1', () => {
  for (const [method, { privateKey, publicKey }] of pairs) {
    it(`signs and verifies by method ${method}, and notices every change`, () => {
      assert.equal(signatureMethodOf(privateKey, false), method)
      assert.equal(signatureMethodOf(publicKey, false), method)
      const own = new Uint8Array(randomBytes(proofPrf(suite, method).resultBytes))
      const signature = signHash(method, privateKey, own)
      assert.deepEqual(verifyHash(method, publicKey, own, signature, false), { ok: true, value: undefined })
      for (const at of [0, signature.length >> 1, signature.length - 1]) {
        const wrong = signature.with(at, signature[at]! ^ 1)
        const result = verifyHash(method, publicKey, own, wrong, false)
        assert.ok(!result.ok && result.error.kind === 'not-authentic')
      }
      const other = verifyHash(method, publicKey, own.with(0, own[0]! ^ 1), signature, false)
      assert.ok(!other.ok && other.error.kind === 'not-authentic')
      for (const length of [0, 1, signature.length - 1, signature.length + 1]) {
        assert.equal(verifyHash(method, publicKey, own, new Uint8Array(length).fill(7), false).ok, false)
      }
    })
  }

  it('has nothing around the hash in RSA: no DigestInfo, which IKEv2 and certificates have', () => {
    const [, { privateKey, publicKey }] = pairs[0]!
    const inside = publicDecrypt(
      { key: publicKey, padding: constants.RSA_PKCS1_PADDING },
      signHash(3, privateKey, hash),
    )
    assert.deepEqual(new Uint8Array(inside), hash)
    const text = randomBytes(10)
    const usual = new Uint8Array(sign('sha1', text, privateKey))
    const made = new Uint8Array(createHash('sha1').update(text).digest())
    assert.equal(verifyHash(3, publicKey, made, usual, false).ok, false)
  })

  it('does not take a key for a method that is not its own', () => {
    for (const [method] of pairs) {
      for (const [ownMethod, { privateKey, publicKey }] of pairs) {
        if (ownMethod === method) continue
        assert.throws(() => signHash(method, privateKey, hash), RangeError)
        const result = verifyHash(method, publicKey, hash, new Uint8Array(64), false)
        assert.ok(!result.ok && result.error.kind === 'wrong-key')
      }
    }
    const unknown = verifyHash(2, pairs[0]![1].publicKey, hash, new Uint8Array(64), true)
    assert.ok(!unknown.ok && unknown.error.kind === 'unknown-method')
    assert.equal(signatureMethodOf(generateKeyPairSync('ed25519').publicKey, true), undefined)
  })

  it('takes short RSA keys only where a policy allows what is old', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const signature = signHash(3, privateKey, hash)
    assert.equal(verifyHash(3, publicKey, hash, signature, true).ok, true)
    const result = verifyHash(3, publicKey, hash, signature, false)
    assert.ok(!result.ok && result.error.kind === 'old')
    assert.equal(signatureMethodOf(privateKey, false), undefined)
  })

  it("proves by ECDSA with the curve's own hash, whatever was agreed on", () => {
    assert.deepEqual(
      [1, 3, 9, 10, 11, 65_001].map(method => proofPrf(suite, method).name),
      ['hmac-sha1', 'hmac-sha1', 'hmac-sha2-256', 'hmac-sha2-384', 'hmac-sha2-512', 'hmac-sha1'],
    )
  })
})
