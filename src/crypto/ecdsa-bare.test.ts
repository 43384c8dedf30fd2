// ECDSA over a hash that is made: against node:crypto, which makes the hash itself.
import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
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

  it('verifies the signature that RFC 4754 §8.1 prints, over the hash of "abc"', () => {
    const base64 = (hex: string) => Uint8Array.fromHex(hex).toBase64({ alphabet: 'base64url', omitPadding: true })
    const x = base64('2442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb04235e970')
    const y = base64('6fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d')
    const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
    const r = 'cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c'
    const s = '86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315'
    const hash = createHash('sha256').update('abc').digest()
    assert.ok(verifyBare(key, hash, Uint8Array.fromHex(r + s)))
    assert.ok(!verifyBare(key, hash, Uint8Array.fromHex(s + r)))
  })

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
