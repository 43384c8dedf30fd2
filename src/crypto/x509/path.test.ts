// One chain of rules at a time: what makes a path hold and what bars it, with CAs made for the purpose.

import assert from 'node:assert/strict'
import { constants, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import {
  address,
  alternative,
  authority,
  caExtensions,
  certify,
  commonName,
  constraints,
  DAY,
  directory,
  dns,
  mail,
  NOON,
  type Party,
  purposes,
  sequence,
  uri,
  type Wishes,
} from '../../../test/build-certificates.ts'
import { octetsOf } from '../../base/bytes.ts'
import { DER_BIT_STRING, DER_NULL, DER_SEQUENCE, derElement, readDer, readOne } from '../der.ts'
import { basicConstraints, extension, keyUsage } from '../make-certificate.ts'
import { oidElement } from '../object-identifiers.ts'
import { findSignature } from '../signature-schemes.ts'
import { parseCertificate } from './certificate.ts'
import { type PathOptions, type TrustStore, validatePath } from './path.ts'

const root = authority('Root')

function judge(
  leaf: Party,
  offered: readonly Party[] = [],
  store: Partial<TrustStore> = {},
  options: Partial<PathOptions> = {},
) {
  const trust: TrustStore = {
    anchors: [root.certificate],
    intermediates: [],
    crls: [],
    revocation: 'off',
    ...store,
  }
  const found = validatePath(
    leaf.certificate,
    offered.map(party => party.certificate),
    trust,
    { at: NOON, ...options },
  )
  return found.ok ? found.value.chain.map(one => one.subject.text).join(' < ') : found.error.kind
}

const host = (extensions: readonly Uint8Array[] = [], wishes: Wishes = {}) =>
  certify('Host', {
    issuer: root,
    extensions: [basicConstraints({ isAuthority: false }), ...extensions],
    ...wishes,
  })

test('a path goes from the leaf through what the peer offered to an anchor', () => {
  const middle = authority('Middle', { issuer: root })
  const leaf = certify('Host', { issuer: middle })
  assert.equal(judge(leaf, [middle]), 'CN=Host < CN=Middle < CN=Root')
  assert.equal(judge(leaf, []), 'no-path')
  assert.equal(judge(leaf, [], { intermediates: [middle.certificate] }), 'CN=Host < CN=Middle < CN=Root')
  assert.equal(judge(leaf, [middle], { anchors: [authority('Other').certificate] }), 'no-path')
})

test('an anchor of the same name and another key signs for nobody', () => {
  assert.equal(judge(host(), [], { anchors: [authority('Root').certificate] }), 'not-authentic')
  // Both at hand, the one whose signature fits is found.
  const anchors = [authority('Root').certificate, root.certificate]
  assert.equal(judge(host(), [], { anchors }), 'CN=Host < CN=Root')
})

test('a certificate that is an anchor itself is trusted as it is, but not after its last day', () => {
  const alone = certify('Alone')
  const store = { anchors: [alone.certificate] }
  assert.equal(judge(alone, [], store), 'CN=Alone')
  assert.equal(judge(alone, [], store, { at: NOON + 31 * DAY }), 'expired')
  const below = certify('Below', { issuer: alone })
  assert.equal(judge(below, [], store), 'not-a-ca')
})

test('the first and the last second of validity are inside, the ones beside them outside', () => {
  const leaf = host([], { notBefore: NOON, notAfter: NOON + 60 })
  for (const [at, verdict] of [
    [NOON - 1, 'not-yet-valid'],
    [NOON, 'CN=Host < CN=Root'],
    [NOON + 60, 'CN=Host < CN=Root'],
    [NOON + 60.9, 'CN=Host < CN=Root'],
    [NOON + 61, 'expired'],
  ] as const) {
    assert.equal(judge(leaf, [], {}, { at }), verdict)
  }
})

test('who is no CA signs for nobody: by basic constraints, by key usage and by path length', () => {
  const cases: readonly (readonly [Uint8Array[], string])[] = [
    [[basicConstraints({ isAuthority: false })], 'not-a-ca'],
    [[keyUsage(['keyCertSign'])], 'not-a-ca'],
    [[basicConstraints({ isAuthority: true }), keyUsage(['cRLSign'])], 'key-usage'],
    [[basicConstraints({ isAuthority: true })], 'CN=Host < CN=Middle < CN=Root'],
  ]
  for (const [extensions, verdict] of cases) {
    const middle = authority('Middle', { issuer: root, extensions })
    assert.equal(judge(certify('Host', { issuer: middle }), [middle]), verdict)
  }
  const short = authority('Short', {
    issuer: root,
    extensions: [basicConstraints({ isAuthority: true, pathLength: 0 })],
  })
  const under = authority('Under', { issuer: short })
  assert.equal(judge(certify('Host', { issuer: under }), [short, under]), 'path-too-long')
  assert.equal(judge(certify('Host', { issuer: short }), [short]), 'CN=Host < CN=Short < CN=Root')
})

test("an anchor's own path length and name constraints bind what is below it", () => {
  const anchor = authority('Strict', {
    extensions: [
      ...caExtensions.slice(1),
      basicConstraints({ isAuthority: true, pathLength: 0 }),
      constraints([dns('in.test')]),
    ],
  })
  const store = { anchors: [anchor.certificate] }
  assert.equal(judge(host([alternative(dns('a.in.test'))], { issuer: anchor }), [], store), 'CN=Host < CN=Strict')
  assert.equal(judge(host([alternative(dns('a.out.test'))], { issuer: anchor }), [], store), 'name-constraints')
  const middle = authority('Middle', { issuer: anchor })
  assert.equal(judge(certify('Host', { issuer: middle }), [middle], store), 'path-too-long')
})

test('name constraints hold for each kind of name, permitted and excluded', () => {
  const v6 = (last: number) => [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
  const cases: readonly (readonly [
    permitted: Uint8Array[],
    excluded: Uint8Array[],
    name: Uint8Array,
    isFine: boolean,
  ])[] = [
    [[dns('in.test')], [], dns('in.test'), true],
    [[dns('in.test')], [], dns('A.IN.test'), true],
    [[dns('in.test')], [], dns('xin.test'), false],
    [[dns('.in.test')], [], dns('a.in.test'), true],
    [[dns('.in.test')], [], dns('in.test'), false],
    [[], [dns('in.test')], dns('a.in.test.'), false],
    [[], [dns('a.in.test')], dns('*.in.test'), false],
    [[], [dns('in.test')], dns('other.test'), true],
    [[], [dns('')], dns('other.test'), false],
    [[dns('*.in.test')], [], dns('a.in.test'), false],
    [[mail('in.test')], [], mail('a@in.test'), true],
    [[mail('in.test')], [], mail('a@b.in.test'), false],
    [[mail('.in.test')], [], mail('a@b.in.test'), true],
    [[mail('a@in.test')], [], mail('A@in.test'), false],
    [[], [mail('a@in.test')], mail('A@IN.test'), false],
    [[mail('a@b@in.test')], [], mail('a@in.test'), false],
    [[], [mail('in.test')], mail('nonsense'), false],
    [[uri('in.test')], [], uri('https://in.test/x'), true],
    [[uri('.in.test')], [], uri('https://user@a.in.test:8443/x'), true],
    [[uri('in.test')], [], uri('https://in.test.evil.test/'), false],
    [[uri('in.test')], [], uri('https://192.0.2.1/'), false],
    [[], [uri('in.test')], uri('urn:isbn:1'), false],
    [[address(192, 0, 2, 0, 255, 255, 255, 0)], [], address(192, 0, 2, 7), true],
    [[address(192, 0, 2, 0, 255, 255, 255, 0)], [], address(192, 0, 3, 7), false],
    // A mask with a hole is what it says, not a length.
    [[address(10, 0, 5, 0, 255, 0, 255, 0)], [], address(10, 9, 5, 1), true],
    [[address(10, 0, 5, 0, 255, 0, 255, 0)], [], address(10, 0, 6, 1), false],
    [[address(192, 0, 2, 0, 255, 255, 255, 0)], [], address(...v6(1)), false],
    [[], [address(...v6(0), ...Array(15).fill(255), 0)], address(...v6(9)), false],
    [[directory(commonName('Host'))], [], dns('any.test'), true],
    [[directory(commonName('Other'))], [], dns('any.test'), false],
    [[], [directory(commonName('HOST'))], dns('any.test'), false],
    [[dns('in.test')], [], address(192, 0, 2, 7), true],
  ]
  for (const [index, [permitted, excluded, name, isFine]] of cases.entries()) {
    const middle = authority('Middle', {
      issuer: root,
      extensions: [...caExtensions, constraints(permitted, excluded)],
    })
    const leaf = certify('Host', { issuer: middle, extensions: [alternative(name)] })
    const verdict = isFine ? 'CN=Host < CN=Middle < CN=Root' : 'name-constraints'
    assert.equal(judge(leaf, [middle]), verdict, `row ${index}`)
  }
})

test('thousands of names against thousands of constraints are refused, and soon', () => {
  const many = (of: (index: number) => Uint8Array) => Array.from({ length: 1000 }, (_, index) => of(index))
  const middle = authority('Middle', {
    issuer: root,
    extensions: [
      ...caExtensions,
      constraints(
        [],
        many(index => dns(`${index}.out.test`)),
      ),
    ],
  })
  const leaf = certify('Host', { issuer: middle, extensions: [alternative(...many(index => dns(`${index}.in.test`)))] })
  assert.equal(judge(leaf, [middle]), 'too-much-work')
})

test("a host's purposes: none stated, IKE, any, a server's; a policy may demand one or look away", () => {
  const [ike, any, intermediate, web] = ['1.3.6.1.5.5.7.3.17', '2.5.29.37.0', '1.3.6.1.5.5.8.2.2', '1.3.6.1.5.5.7.3.1']
  const [client, mail] = ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.4']
  const fine = 'CN=Host < CN=Root'
  for (const stated of [[ike], [any], [intermediate], [client, web]])
    assert.equal(judge(host([purposes(...stated)])), fine)
  assert.equal(judge(host()), fine)
  assert.equal(judge(host([purposes(client, mail)])), 'extended-key-usage')
  assert.equal(judge(host([purposes(web)]), [], { extendedKeyUsage: 'serverAuth' }), fine)
  assert.equal(judge(host([purposes(web)]), [], { extendedKeyUsage: web }), fine)
  assert.equal(judge(host([purposes(web)]), [], { extendedKeyUsage: 'ignore' }), fine)
  assert.equal(judge(host(), [], { extendedKeyUsage: 'serverAuth' }), 'extended-key-usage')
  assert.equal(judge(host([purposes(any)]), [], { extendedKeyUsage: 'serverAuth' }), 'extended-key-usage')
  assert.equal(judge(host([purposes(web)]), [], { extendedKeyUsage: 'misspelt' }), 'extended-key-usage')
  const middle = authority('Mail CA', { issuer: root, extensions: [...caExtensions, purposes(mail)] })
  assert.equal(judge(certify('Host', { issuer: middle }), [middle]), 'extended-key-usage')
})

test('a key that is not for signing proves nobody to IKE', () => {
  assert.equal(judge(host([keyUsage(['digitalSignature'])])), 'CN=Host < CN=Root')
  assert.equal(judge(host([keyUsage(['nonRepudiation'])])), 'CN=Host < CN=Root')
  assert.equal(judge(host([keyUsage(['keyEncipherment'])])), 'key-usage')
  assert.equal(judge(host([keyUsage(['digitalSignature', 'keyCertSign'])])), 'key-usage')
})

test('an unknown critical extension stops a path wherever it stands, and an unknown other one nowhere', () => {
  const unknown = (isCritical: boolean) => extension('1.3.6.1.4.1.55738.9', isCritical, Uint8Array.of(5, 0))
  assert.equal(judge(host([unknown(false)])), 'CN=Host < CN=Root')
  assert.equal(judge(host([unknown(true)])), 'unknown-critical-extension')
  const middle = authority('Middle', { issuer: root, extensions: [...caExtensions, unknown(true)] })
  assert.equal(judge(certify('Host', { issuer: middle }), [middle]), 'unknown-critical-extension')
})

test('RSA of 1024 bits is for policies that ask for old methods, and RSA of 512 bits for nobody', () => {
  const leaf = (bits: number) => host([], { keys: generateKeyPairSync('rsa', { modulusLength: bits }) })
  const old = leaf(1024)
  assert.equal(judge(old), 'unusable-key')
  assert.equal(judge(old, [], { allowOld: true }), 'CN=Host < CN=Root')
  assert.equal(judge(leaf(512), [], { allowOld: true }), 'unusable-key')
})

test('signatures by RSA, ECDSA on three curves, Ed25519 and Ed448 hold a chain', () => {
  const kinds = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ...['P-256', 'P-384', 'P-521'].map(namedCurve => generateKeyPairSync('ec', { namedCurve })),
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('ed448'),
  ]
  for (const keys of kinds) {
    const middle = authority('Middle', { issuer: root, keys })
    const leaf = certify('Host', { issuer: middle, keys })
    assert.equal(judge(leaf, [middle]), 'CN=Host < CN=Middle < CN=Root', keys.publicKey.asymmetricKeyType!)
  }
  const other = authority('Koblitz', { issuer: root, keys: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }) })
  assert.equal(judge(certify('Host', { issuer: other }), [other]), 'unusable-key')
})

test('where one way up is barred another is found', () => {
  const middle = authority('Middle', { issuer: root })
  const expired = authority('Middle', { of: middle, issuer: root, notAfter: NOON - DAY })
  const elsewhere = authority('Middle', { of: middle, issuer: authority('Elsewhere') })
  const leaf = certify('Host', { issuer: middle })
  assert.equal(judge(leaf, [expired, elsewhere, middle]), 'CN=Host < CN=Middle < CN=Root')
  assert.equal(judge(leaf, [expired, elsewhere]), 'expired')
})

test('a maze of CAs that certify each other ends, soon and without a path', () => {
  const parties = Array.from({ length: 7 }, (_, index) => authority(`Maze ${index}`))
  const maze = parties.flatMap(of => parties.map(issuer => authority('', { of, issuer })))
  const leaf = certify('Host', { issuer: parties[0]! })
  const started = process.hrtime.bigint()
  assert.equal(judge(leaf, maze), 'too-much-work')
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 2000)
})

test('a hundred CAs of one name cost a bounded number of signatures', () => {
  const same = Array.from({ length: 100 }, () => authority('Same', { issuer: root }))
  const leaf = certify('Host', { issuer: authority('Same', { issuer: root }) })
  const few = { signatures: 20, steps: 1000, comparisons: 1000 }
  assert.equal(judge(leaf, same, {}, { effort: few }), 'too-much-work')
})

/** The certificate anew, with another algorithm inside and outside. */
function signedAnew(party: Party, issuer: Party, identifier: Uint8Array, digest: string, options: object = {}): Party {
  const [body] = readDer(readOne(party.der, DER_SEQUENCE)!)!
  const fields = readDer(body!.content)!.map(({ tag, content }, index) =>
    index === 2 ? identifier : derElement(tag, content),
  )
  const signed = derElement(DER_SEQUENCE, ...fields)
  const signature = octetsOf(sign(digest, signed, { key: issuer.key, ...options }))
  const der = sequence(signed, identifier, derElement(DER_BIT_STRING, Uint8Array.of(0), signature))
  const read = parseCertificate(der)
  assert.ok(read.ok)
  return { ...party, der, certificate: read.value }
}

test('RSA-PSS holds a chain, SHA-1 and MD5 only where a policy asks for old methods', () => {
  const old = authority('Old', { keys: generateKeyPairSync('rsa', { modulusLength: 2048 }) })
  const fine = 'CN=Host < CN=Old'
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  const md5 = sequence(oidElement('1.2.840.113549.1.1.4'), derElement(DER_NULL))
  for (const [identifier, digest, options, verdict] of [
    [findSignature('rsa-pss', 'sha2-256')!.identifier, 'sha256', pss, fine],
    [findSignature('rsa-pkcs1', 'sha2-512')!.identifier, 'sha512', {}, fine],
    [findSignature('rsa-pkcs1', 'sha1')!.identifier, 'sha1', {}, 'not-authentic'],
    [md5, 'md5', {}, 'not-authentic'],
  ] as const) {
    const leaf = signedAnew(certify('Host', { issuer: old }), old, identifier, digest, options)
    assert.equal(judge(leaf, [], { anchors: [old.certificate] }), verdict, digest)
    assert.equal(judge(leaf, [], { anchors: [old.certificate], allowOld: true }), fine, digest)
    // What is signed with one algorithm and says another is not believed.
    const other = findSignature('rsa-pkcs1', digest === 'sha512' ? 'sha2-256' : 'sha2-512')!.identifier
    const lying = signedAnew(leaf, old, other, digest, options)
    assert.equal(judge(lying, [], { anchors: [old.certificate], allowOld: true }), 'not-authentic')
  }
})

test('policies that are mapped to and fro at every step do not make the judgement slow', () => {
  const policy = (number: number) => oidElement(`1.3.6.1.4.1.55738.1.${number}`)
  const numbers = Array.from({ length: 45 }, (_, index) => index)
  const policies = extension('2.5.29.32', false, sequence(...numbers.map(number => sequence(policy(number)))))
  const pairs = numbers.flatMap(a => numbers.map(b => sequence(policy(a), policy(b))))
  const mappings = extension('2.5.29.33', true, sequence(...pairs))
  const demand = extension('2.5.29.36', true, sequence(derElement(0x80, Uint8Array.of(0))))
  const chain: Party[] = []
  for (let level = 0; level < 8; level++) {
    const extensions = [...caExtensions, policies, mappings, demand]
    chain.push(authority(`Level ${level}`, { issuer: chain.at(-1) ?? root, extensions }))
  }
  const leaf = certify('Host', { issuer: chain.at(-1)!, extensions: [policies] })
  const started = process.hrtime.bigint()
  assert.match(judge(leaf, chain), /^CN=Host < CN=Level 7 .* CN=Root$/)
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 2000)
  const none = certify('Host', { issuer: chain.at(-1)! })
  assert.equal(judge(none, chain), 'policies')
})
