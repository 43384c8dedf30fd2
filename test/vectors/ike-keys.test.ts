// PRFs and the keys of IKEv2 against published answers: NIST's CAVS file for IKEv2, strongSwan's for prf, prf+ and MACs,
// RFC 4434 and the encrypted payload of RFC 7634. Each test says how many cases it ran.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { findCipher } from '../../src/crypto/ciphers.ts'
import { envelopeBytes, openEnvelope, sealEnvelope } from '../../src/crypto/ike-envelope.ts'
import { childKeyMaterial, firstSeed, ikeKeysOf, rekeySeed } from '../../src/crypto/ike-keys.ts'
import { ikeSuiteOf } from '../../src/crypto/ike-suites.ts'
import { findIntegrity } from '../../src/crypto/integrity.ts'
import { findPrf, type PrfAlgorithm, type PrfName, prf, prfPlus } from '../../src/crypto/prf.ts'
import { integrityCheck } from '../../src/crypto/whole-mac.ts'
import { type Fields, hex, vectorList, vectorText, whyNoVectors, wycheproof } from './read-vectors.ts'

const skip = whyNoVectors
const secret = (text: string) => new Secret(hex(text))

interface KdfCase {
  readonly prf: PrfAlgorithm
  readonly fields: Fields
}

/** Headings in brackets set the hash of the cases below them. */
function cavsCases(): readonly KdfCase[] {
  const cases: { prf: PrfAlgorithm; fields: Record<string, string> }[] = []
  let algorithm = findPrf('hmac-sha1')
  for (const line of vectorText('ike-kdf/nist-cavs-ikev2.fax').split(/\r?\n/)) {
    const hash = /^\[SHA-(\d+)\]/.exec(line)?.[1]
    if (hash !== undefined) algorithm = findPrf((hash === '1' ? 'hmac-sha1' : `hmac-sha2-${hash}`) as PrfName)
    if (line.startsWith('COUNT')) cases.push({ prf: algorithm, fields: {} })
    const [, name, value] = /^(\S.*?) = ([0-9a-f]+)$/.exec(line) ?? []
    if (name !== undefined && cases.length > 0) cases.at(-1)!.fields[name] = value!
  }
  return cases
}

test("NIST's keys of IKEv2 come out: SKEYSEED, DKM, children with and without exchange, rekeying", { skip }, t => {
  const cases = cavsCases()
  for (const { prf, fields } of cases) {
    const get = (name: string) => fields[name]!
    const nonces = { initiator: hex(get('Ni')), responder: hex(get('Nr')) }
    const seed = firstSeed(prf, nonces, secret(get('g^ir')))
    assert.equal(seed.reveal().toHex(), get('SKEYSEED'))
    const spis = { initiator: hex(get('SPIi')), responder: hex(get('SPIr')) }
    const context = hex(get('Ni') + get('Nr') + get('SPIi') + get('SPIr'))
    const dkm = get('DKM')
    assert.equal(prfPlus(prf, seed.reveal(), context, dkm.length / 2).toHex(), dkm)

    // Our own cut of it begins with SK_d, which the children come from.
    const suite = ikeSuiteOf(prf, findCipher('aes-cbc', 16, 0)!, findIntegrity('hmac-sha2-256')!)!
    const { derivation, initiator } = ikeKeysOf(suite, seed, nonces, spis)
    assert.ok(dkm.startsWith(derivation.reveal().toHex() + initiator.integrity.reveal().toHex().slice(0, 16)))
    const child = get('DKM(Child SA)')
    assert.equal(
      childKeyMaterial(prf, derivation, [], nonces, child.length / 2)
        .reveal()
        .toHex(),
      child,
    )
    const fresh = secret(get('g^ir (new)'))
    const childFresh = get('DKM(Child SA D-H)')
    assert.equal(
      childKeyMaterial(prf, derivation, [fresh], nonces, childFresh.length / 2)
        .reveal()
        .toHex(),
      childFresh,
    )
    assert.equal(rekeySeed(prf, derivation, [fresh], nonces).reveal().toHex(), get('SKEYSEED(Rekey)'))
  }
  t.diagnostic(`${cases.length} cases`)
  assert.ok(cases.length > 100)
})

const prfNames: Readonly<Record<string, PrfName>> = {
  PRF_HMAC_MD5: 'hmac-md5',
  PRF_HMAC_SHA1: 'hmac-sha1',
  PRF_HMAC_SHA2_256: 'hmac-sha2-256',
  PRF_HMAC_SHA2_384: 'hmac-sha2-384',
  PRF_HMAC_SHA2_512: 'hmac-sha2-512',
  PRF_AES128_XCBC: 'aes-xcbc',
  PRF_AES128_CMAC: 'aes-cmac',
}

test("strongSwan's answers for SKEYSEED and prf+ come out", { skip }, t => {
  const cases = vectorList('ike-kdf/strongswan-kdf.json')
  for (const item of cases) {
    const row = findPrf(prfNames[item['arg.prf']!]!)
    const [key, salt, out] = [hex(item['key']!), hex(item['salt']!), item['out']!]
    const made = item['alg'] === 'KDF_PRF' ? prf(row, salt, key) : prfPlus(row, key, salt, out.length / 2)
    assert.equal(made.toHex(), out, `${item['name']}`)
  }
  t.diagnostic(`${cases.length} cases`)
})

test("strongSwan's answers for PRFs come out, keys of other lengths too", { skip }, t => {
  const cases = vectorList('esp/strongswan-mac-prf.json').filter(item => item['type'] === 'prf')
  const done = cases.filter(item => prfNames[item['alg']!] !== undefined)
  for (const item of done) {
    const made = prf(findPrf(prfNames[item['alg']!]!), hex(item['key']!), hex(item['seed']!))
    assert.equal(made.toHex(), item['out'], `${item['name']}`)
  }
  t.diagnostic(`${done.length} of ${cases.length} cases`)
  assert.ok(done.length > 10)
})

test('the answers of RFC 4434 come out for keys of 10, 16 and 18 octets', { skip }, () => {
  const text = vectorText('esp/rfc4434-testvectors.txt')
  const all = (name: string) => [...text.matchAll(new RegExp(`${name}\\s*: ([0-9a-f]+)`, 'g'))].map(found => found[1]!)
  const [keys, messages, outputs] = [all('Key {8}'), all('Message'), all('PRF Output')]
  assert.equal(outputs.length, 3)
  for (const [i, output] of outputs.entries()) {
    assert.equal(prf(findPrf('aes-xcbc'), hex(keys[i]!), hex(messages[i]!)).toHex(), output)
  }
})

test('the encrypted payload of RFC 7634 is sealed and opened as printed', { skip }, () => {
  const item = vectorList('esp/rfc7634-appendix.json').find(row => row['name']!.includes('IKEv2'))!
  const suite = ikeSuiteOf(findPrf('hmac-sha2-256'), findCipher('chacha20-poly1305', 32, 16)!)!
  const keys = { cipher: secret(item['key']! + item['salt']!), integrity: secret('') }
  const message = hex(item['message']!)
  const [before, content] = [hex(item['aad']!), hex(item['plaintext']!.slice(0, -2))]
  assert.equal(before.length + envelopeBytes(suite, content.length), message.length)
  const ivs = { next: (bytes: Uint8Array, at: number) => bytes.set(hex(item['iv']!), at) }
  assert.equal(sealEnvelope(suite, keys, before, content, ivs).toHex(), item['message'])
  assert.deepEqual(openEnvelope(suite, keys, message, before.length), content)
})

for (const [file, name] of [
  ['hmac_sha1_test.json', 'hmac-sha1'],
  ['hmac_sha256_test.json', 'hmac-sha2-256'],
  ['hmac_sha512_test.json', 'hmac-sha2-512'],
] as const) {
  test(`Wycheproof's ${file} agrees with the PRF, whole and cut`, { skip }, t => {
    let count = 0
    for (const group of wycheproof(file)) {
      for (const item of group.tests) {
        const made = prf(findPrf(name), hex(item['key'] as string), hex(item['msg'] as string))
        const tag = item['tag'] as string
        assert.equal(made.toHex().slice(0, tag.length) === tag, item.result === 'valid', `${file} ${item.tcId}`)
        count++
      }
    }
    t.diagnostic(`${count} cases`)
  })
}

test("Wycheproof's aes_cmac_test.json agrees with the MAC of whole texts under 128 bits", { skip }, t => {
  const row = { ...findIntegrity('aes-cmac')!, icvBytes: 16 }
  let [count, left] = [0, 0]
  for (const group of wycheproof('aes_cmac_test.json')) {
    for (const item of group.tests) {
      const [key, tag] = [hex(item['key'] as string), item['tag'] as string]
      if (key.length !== 16) {
        left++
        continue
      }
      const made = integrityCheck(row, key, [hex(item['msg'] as string)]).toHex()
      assert.equal(made.slice(0, tag.length) === tag, item.result === 'valid', `${item.tcId}`)
      count++
    }
  }
  t.diagnostic(`${count} cases, ${left} left out because IKE has keys of 128 bits only`)
})
