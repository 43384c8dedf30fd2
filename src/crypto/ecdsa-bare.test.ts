// ECDSA over a hash that is made: against node:crypto, which makes the hash itself.
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, it } from 'node:test'
import { signBare, verifyBare } from './ecdsa-bare.ts'

const message = new TextEncoder().encode('what is signed')
const cases = [
  ['prime256v1', 'sha256'],
  ['secp384r1', 'sha384'],
  ['secp521r1', 'sha512'],
  // A hash longer than the curve's numbers is cut, a shorter one is taken whole.
  ['prime256v1', 'sha512'],
  ['secp521r1', 'sha256'],
] as const

describe('ECDSA over a hash that is made', () => {
  for (const [curve, digest] of cases) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
    const hash = createHash(digest).update(message).digest()

    it(`signs on ${curve} with ${digest} what OpenSSL verifies`, () => {
      for (let round = 0; round < 20; round++) {
        const signature = signBare(privateKey, hash)
        assert.ok(verify(digest, message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature))
      }
    })

    it(`verifies on ${curve} with ${digest} what OpenSSL signs, and nothing else`, () => {
      for (let round = 0; round < 20; round++) {
        const signature = new Uint8Array(sign(digest, message, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
        assert.ok(verifyBare(publicKey, hash, signature))
        const wrongHash = Uint8Array.from(hash)
        wrongHash[round % wrongHash.length]! ^= 1
        assert.ok(!verifyBare(publicKey, wrongHash, signature) || (digest === 'sha512' && curve === 'prime256v1'))
        const wrong = Uint8Array.from(signature)
        wrong[(7 * round) % wrong.length]! ^= 1
        assert.ok(!verifyBare(publicKey, hash, wrong))
      }
    })
  }

  it('refuses numbers that are zero or not below the order, and other lengths', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const hash = createHash('sha256').update(message).digest()
    for (const signature of [new Uint8Array(64), new Uint8Array(64).fill(0xff), new Uint8Array(63).fill(1)]) {
      assert.equal(verifyBare(publicKey, hash, signature), false)
    }
    const other = generateKeyPairSync('ed25519')
    assert.equal(verifyBare(other.publicKey, hash, new Uint8Array(64).fill(1)), false)
    assert.throws(() => signBare(other.privateKey, hash))
  })
})
