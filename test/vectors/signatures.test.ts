// Signatures of AUTH against Wycheproof: RSA with PKCS #1 and PSS, ECDSA, Ed25519, each as the IKE methods carry them.
// Each test says how many cases it ran.
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { findSignature, type HashName, type SignatureFamily } from '../../src/crypto/signature-schemes.ts'
import { announcedHashes, RSA_METHOD, verifyAuth } from '../../src/crypto/signatures.ts'
import { hex, type WycheproofGroup, whyNoVectors, wycheproof } from './read-vectors.ts'

const rules = { hashes: announcedHashes(false), allowOld: false }

interface File {
  readonly file: string
  readonly family: SignatureFamily
  readonly hash: HashName
  /** Besides 14. */
  readonly method?: number
}

const files: readonly File[] = [
  { file: 'rsa_signature_2048_sha256_test.json', family: 'rsa-pkcs1', hash: 'sha2-256', method: 1 },
  { file: 'rsa_signature_3072_sha256_test.json', family: 'rsa-pkcs1', hash: 'sha2-256', method: 1 },
  { file: 'rsa_pss_2048_sha256_mgf1_32_test.json', family: 'rsa-pss', hash: 'sha2-256' },
  { file: 'ecdsa_secp256r1_sha256_test.json', family: 'ecdsa', hash: 'sha2-256' },
  { file: 'ecdsa_secp384r1_sha384_test.json', family: 'ecdsa', hash: 'sha2-384' },
  { file: 'ed25519_test.json', family: 'ed25519', hash: 'identity' },
]

function keyOf(group: WycheproofGroup) {
  const pem = (group['publicKeyPem'] ?? group['keyPem']) as string
  return createPublicKey(pem)
}

for (const { file, family, hash, method } of files) {
  test(`Wycheproof's ${file} agrees, as AUTH of method 14${method ? ` and ${method}` : ''}`, {
    skip: whyNoVectors,
  }, t => {
    const { identifier } = findSignature(family, hash)!
    const counts = { valid: 0, invalid: 0, acceptable: 0 }
    for (const group of wycheproof(file)) {
      const key = keyOf(group)
      for (const item of group.tests) {
        const [octets, signature] = [hex(item['msg'] as string), hex(item['sig'] as string)]
        const data = new Uint8Array([identifier.length, ...identifier, ...signature])
        // What Wycheproof leaves open, a hash's identifier without its NULL, is refused.
        const isGood = item.result === 'valid'
        assert.equal(verifyAuth(14, data, key, octets, rules).ok, isGood, `${item.tcId} ${item.comment}`)
        if (method === RSA_METHOD) {
          // The signature itself says its hash there, so one that is sound with another hash of SHA-2 is taken as that.
          const one = verifyAuth(RSA_METHOD, signature, key, octets, rules)
          const isOther = one.ok && one.value.hash.name !== hash
          assert.equal(one.ok && !isOther, isGood, `${item.tcId} ${item.comment}`)
          if (isOther) assert.match(item.comment!, /with SHA-(384|512) instead/)
        }
        counts[item.result]++
      }
    }
    t.diagnostic(JSON.stringify(counts))
  })
}
