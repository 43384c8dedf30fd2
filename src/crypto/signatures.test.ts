// Signatures of AUTH: each kind of key signs and is verified with every scheme, identifiers are read and written as RFC
// 7427 prints them, and everything that is wrong is refused with its reason.
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { findSignature, schemeOfIdentifier, signatureSchemes } from './signature-schemes.ts'
import { announcedHashes, chooseSignature, signAuth, verifyAuth } from './signatures.ts'

const current = { hashes: announcedHashes(false), allowOld: false }
const old = { hashes: announcedHashes(true), allowOld: true }
const octets = new TextEncoder().encode('what is signed')
const hex = (text: string) => Uint8Array.fromHex(text)

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject }

const keys: Readonly<Record<string, Pair>> = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  small: generateKeyPairSync('rsa', { modulusLength: 1024 }),
  pss: generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  ed25519: generateKeyPairSync('ed25519'),
  ed448: generateKeyPairSync('ed448'),
}

function reasonOf(result: ReturnType<typeof verifyAuth>): string {
  return result.ok ? 'authentic' : result.error.kind
}

test('each key chooses what suits it, by method 14 where hashes were announced', () => {
  const chosen = Object.entries(keys).map(([name, { privateKey }]) => {
    const choice = chooseSignature(privateKey, current)
    return `${name}: ${choice === undefined ? 'none' : `${choice.method} ${choice.scheme.name}`}`
  })
  assert.deepEqual(chosen, [
    'rsa: 14 rsa-pss-sha2-256',
    'small: none',
    'pss: 14 rsa-pss-sha2-256',
    'p256: 14 ecdsa-sha2-256',
    'p384: 14 ecdsa-sha2-384',
    'p521: 14 ecdsa-sha2-512',
    'ed25519: 14 ed25519',
    'ed448: 14 ed448',
  ])
})

test('without announced hashes: ECDSA by its own methods, RSA by method 1 only where old is asked for, EdDSA never', () => {
  const none = { hashes: [], allowOld: false }
  const method = (name: string, allowOld: boolean) =>
    chooseSignature(keys[name]!.privateKey, { ...none, allowOld })?.method
  assert.deepEqual(
    ['p256', 'p384', 'p521'].map(name => method(name, false)),
    [9, 10, 11],
  )
  assert.equal(method('rsa', false), undefined)
  assert.equal(method('rsa', true), 1)
  assert.equal(method('ed25519', true), undefined)
})

test('a hash that the peer did not announce is not signed with', () => {
  const only512 = { hashes: [4], allowOld: false }
  assert.equal(chooseSignature(keys['p256']!.privateKey, only512)?.scheme.name, 'ecdsa-sha2-512')
  assert.equal(chooseSignature(keys['rsa']!.privateKey, only512)?.scheme.name, 'rsa-pss-sha2-512')
  assert.equal(chooseSignature(keys['ed25519']!.privateKey, only512), undefined)
  // SHA-1 alone is as good as nothing.
  assert.equal(chooseSignature(keys['p256']!.privateKey, { hashes: [1], allowOld: false })?.method, 9)
})

test('what is signed is verified: every chosen way with every key, and not with another key or other octets', () => {
  for (const rules of [current, old, { hashes: [], allowOld: true }]) {
    for (const [name, { privateKey, publicKey }] of Object.entries(keys)) {
      const choice = chooseSignature(privateKey, rules)
      if (choice === undefined) continue
      const data = signAuth(choice, privateKey, octets)
      const verified = verifyAuth(choice.method, data, publicKey, octets, rules)
      assert.ok(verified.ok && verified.value.name === choice.scheme.name, `${name} ${reasonOf(verified)}`)
      assert.equal(reasonOf(verifyAuth(choice.method, data, publicKey, octets.subarray(1), rules)), 'not-authentic')
      for (const [otherName, other] of Object.entries(keys)) {
        if (otherName !== name) assert.ok(!verifyAuth(choice.method, data, other.publicKey, octets, rules).ok)
      }
    }
  }
})

test('every scheme goes through method 14 with a key of its kind', () => {
  const keyOf = { 'rsa-pkcs1': 'rsa', 'rsa-pss': 'rsa', ecdsa: 'p256', ed25519: 'ed25519', ed448: 'ed448' } as const
  for (const scheme of signatureSchemes) {
    const { privateKey, publicKey } = keys[keyOf[scheme.family]]!
    const data = signAuth({ method: 14, scheme }, privateKey, octets)
    assert.ok(verifyAuth(14, data, publicKey, octets, old).ok, scheme.name)
    assert.equal(verifyAuth(14, data, publicKey, octets, current).ok, scheme.old === undefined, scheme.name)
  }
})

test('SHA-1 and small RSA keys are refused unless they are asked for', () => {
  const { privateKey, publicKey } = keys['rsa']!
  const data = signAuth({ method: 1, scheme: findSignature('rsa-pkcs1', 'sha1')! }, privateKey, octets)
  assert.equal(reasonOf(verifyAuth(1, data, publicKey, octets, current)), 'old')
  assert.ok(verifyAuth(1, data, publicKey, octets, old).ok)
  const small = keys['small']!
  const weak = signAuth({ method: 14, scheme: findSignature('rsa-pss', 'sha2-256')! }, small.privateKey, octets)
  assert.equal(reasonOf(verifyAuth(14, weak, small.publicKey, octets, current)), 'old')
  assert.ok(verifyAuth(14, weak, small.publicKey, octets, old).ok)
})

test('a hash that we did not announce is refused, by whatever key', () => {
  const { privateKey, publicKey } = keys['p256']!
  const data = signAuth({ method: 14, scheme: findSignature('ecdsa', 'sha2-512')! }, privateKey, octets)
  const result = verifyAuth(14, data, publicKey, octets, { hashes: [2], allowOld: false })
  assert.equal(reasonOf(result), 'not-announced')
})

test('RFC 4754 §8.1: the printed signature of method 9, and the same in DER not', () => {
  const point = {
    kty: 'EC',
    crv: 'P-256',
    x: '2442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb04235e970',
    y: '6fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d',
  }
  const url = (text: string) => Buffer.from(text, 'hex').toString('base64url')
  const key = createPublicKey({ format: 'jwk', key: { ...point, x: url(point.x), y: url(point.y) } })
  const r = 'cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c'
  const s = '86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315'
  const abc = new TextEncoder().encode('abc')
  assert.ok(verifyAuth(9, hex(r + s), key, abc, current).ok)
  assert.equal(reasonOf(verifyAuth(9, hex(`3046022100${r}022100${s}`), key, abc, current)), 'not-authentic')
  assert.equal(reasonOf(verifyAuth(10, hex(r + s), key, abc, current)), 'wrong-key')
})

test('identifiers are those of RFC 7427 Appendix A and RFC 8420', () => {
  const identifierOf = (family: Parameters<typeof findSignature>[0], hash: Parameters<typeof findSignature>[1]) =>
    findSignature(family, hash)!.identifier.toHex()
  assert.equal(identifierOf('rsa-pkcs1', 'sha2-256'), '300d06092a864886f70d01010b0500')
  assert.equal(identifierOf('ecdsa', 'sha2-256'), '300a06082a8648ce3d040302')
  assert.equal(identifierOf('ecdsa', 'sha1'), '300906072a8648ce3d0401')
  assert.equal(
    identifierOf('rsa-pss', 'sha2-256'),
    '304106092a864886f70d01010a3034a00f300d06096086480165030402010500' +
      'a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
  )
  assert.equal(identifierOf('ed25519', 'identity'), '300506032b6570')
  for (const scheme of signatureSchemes) assert.equal(schemeOfIdentifier(scheme.identifier)?.name, scheme.name)
})

test('identifiers of others: PSS by defaults, with its trailer, without NULLs; and what is none', () => {
  const nameOf = (text: string) => schemeOfIdentifier(hex(text))?.name
  const named = '06092a864886f70d01010a'
  assert.equal(nameOf(`300d${named}3000`), 'rsa-pss-sha1')
  assert.equal(schemeOfIdentifier(hex(`300d${named}3000`))?.saltBytes, 20)
  const hash = '300b0609608648016503040201'
  const mask = `301806092a864886f70d010108${hash}`
  assert.equal(nameOf(`3042${named}3035a00d${hash}a11a${mask}a203020120a303020101`), 'rsa-pss-sha2-256')
  // Another trailer, another hash in the mask, fields in another order.
  assert.equal(nameOf(`3042${named}3035a00d${hash}a11a${mask}a203020120a303020102`), undefined)
  assert.equal(nameOf(`301c${named}300fa00d${hash}`), undefined)
  assert.equal(nameOf(`303d${named}3030a203020120a00d${hash}a11a${mask}`), undefined)
  assert.equal(nameOf('300b06092a864886f70d01010b'), 'rsa-pkcs1-sha2-256')
  assert.equal(nameOf('300c06082a8648ce3d0403020500'), 'ecdsa-sha2-256')
  for (const bad of ['', '00', '3000', '300506032b65', '300506032b657000', '300406032b6570', '300506032b6572']) {
    assert.equal(nameOf(bad), undefined, bad)
  }
})

test('no data of a peer makes verifying throw, and none is taken', () => {
  const pairs = Object.values(keys)
  const identifiers = signatureSchemes.map(row => new Uint8Array([row.identifier.length, ...row.identifier]))
  const data = fc
    .tuple(fc.constantFrom(new Uint8Array(0), ...identifiers), fc.uint8Array({ maxLength: 300 }))
    .map(([head, tail]) => new Uint8Array([...head, ...tail]))
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 2, 3, 9, 10, 11, 14, 255),
      data,
      fc.constantFrom(...pairs),
      (method, data, pair) => {
        assert.ok(!verifyAuth(method, data, pair.publicKey, octets, old).ok)
      },
    ),
    { numRuns: 500 },
  )
})

test('a method that is none of ours, and data with no room for a signature, are named as such', () => {
  const { publicKey } = keys['ed25519']!
  assert.equal(reasonOf(verifyAuth(3, octets, publicKey, octets, old)), 'unknown-method')
  for (const data of ['', '00', '0730', '07300506032b6570']) {
    assert.equal(reasonOf(verifyAuth(14, hex(data), publicKey, octets, old)), 'malformed', data)
  }
  assert.equal(reasonOf(verifyAuth(14, hex('023000ff'), publicKey, octets, old)), 'unknown-algorithm')
})
