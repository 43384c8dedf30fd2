// Certificates and requests of our own making: read back by our own strict reader, and by OpenSSL where it is there.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { parseAddress } from '../base/address.ts'
import { readRequest } from './certificate-request.ts'
import {
  type AlternativeName,
  authorityExtensions,
  hostExtensions,
  keyIdentifier,
  makeCertificate,
  makeRequest,
} from './make-certificate.ts'
import { TEST_TIME, testAuthority, testHost, testName } from './test-certificates.ts'
import { parseCertificate } from './x509/certificate.ts'
import { writePem } from './x509/pem.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-certificates-'))
after(() => rmSync(folder, { recursive: true }))
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'skipped, because openssl is not installed'

function openssl(...words: readonly string[]): { readonly status: number | null; readonly out: string } {
  const ran = spawnSync('openssl', words, { encoding: 'utf8', cwd: folder })
  return { status: ran.status, out: ran.stdout + ran.stderr }
}

function pem(name: string, label: string, der: Uint8Array): string {
  writeFileSync(join(folder, name), writePem(label, der))
  return name
}

const keys: readonly (readonly [kind: string, key: KeyObject])[] = [
  ['ECDSA P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['ECDSA P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['ECDSA P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey],
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['Ed25519', generateKeyPairSync('ed25519').privateKey],
  ['Ed448', generateKeyPairSync('ed448').privateKey],
]

const names: readonly AlternativeName[] = [
  { kind: 'dns', text: 'dc1.corp.test' },
  { kind: 'address', address: parseAddress('10.54.0.1')! },
  { kind: 'address', address: parseAddress('2001:db8::1')! },
  { kind: 'email', text: 'dc1@corp.test' },
  { kind: 'upn', text: 'dc1$@corp.test' },
]

function selfSigned(key: KeyObject, notAfter = TEST_TIME + 1000): Uint8Array {
  const publicKey = createPublicKey(key)
  const subject = testName('Corp CA')
  const spec = {
    subject,
    issuer: subject,
    publicKey,
    serialNumber: Uint8Array.of(0x80),
    notBefore: TEST_TIME,
    notAfter,
  }
  return makeCertificate({ ...spec, extensions: authorityExtensions(publicKey, { pathLength: 0 }) }, key)
}

for (const [kind, key] of keys) {
  test(`a certificate signed with ${kind} says what it was made from, and its signature holds`, () => {
    const der = selfSigned(key)
    const read = parseCertificate(der)
    assert.ok(read.ok, read.ok ? '' : read.error.what)
    const { subject, notBefore, notAfter, basicConstraints, keyUsage, publicKey, subjectKeyIdentifier } = read.value
    assert.deepEqual([subject.text, notBefore, notAfter], ['CN=Corp CA', TEST_TIME, TEST_TIME + 1000])
    assert.deepEqual(basicConstraints, { isAuthority: true, pathLength: 0 })
    assert.deepEqual([...keyUsage!], ['keyCertSign', 'cRLSign'])
    assert.deepEqual(subjectKeyIdentifier, keyIdentifier(publicKey))
    assert.ok(new X509Certificate(der).verify(createPublicKey(key)))
  })

  test(`a request signed with ${kind} gives back its names and its key`, () => {
    const read = readRequest(makeRequest(testName('dc1'), names, createPublicKey(key), key))
    assert.ok(read.ok, read.ok ? '' : read.error)
    assert.ok(read.value.publicKey.equals(createPublicKey(key)))
    assert.equal(read.value.subject.text, 'CN=dc1')
    const kinds = read.value.alternativeNames.map(name => name.kind)
    assert.deepEqual(kinds, ['dns', 'address', 'address', 'rfc822', 'other'])
  })
}

test('dates from 2050 on have four digits of a year (RFC 5280 §4.1.2.5)', () => {
  for (const notAfter of [Date.UTC(2049, 11, 31, 23, 59, 59) / 1000, Date.UTC(2050, 0, 1) / 1000]) {
    const read = parseCertificate(selfSigned(keys[0]![1], notAfter))
    assert.equal(read.ok && read.value.notAfter, notAfter)
  }
})

test('a serial number with its first bit set stays positive', () => {
  const read = parseCertificate(selfSigned(keys[0]![1]))
  assert.deepEqual(read.ok && read.value.serialNumber, Uint8Array.of(0, 0x80))
})

test('without a subject the alternative name is critical (RFC 5280 §4.2.1.6)', () => {
  const [, key] = keys[0]!
  const nobody = Uint8Array.of(0x30, 0)
  const request = makeRequest(nobody, names.slice(0, 1), createPublicKey(key), key)
  assert.ok(Buffer.from(request).includes(Uint8Array.fromHex('0603551d110101ff')))
})

test('a request that was changed, or that asks for a key of somebody else, is refused', () => {
  const [, key] = keys[0]!
  const der = makeRequest(testName('dc1'), names, createPublicKey(key), key)
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
      const changed = Uint8Array.from(der)
      changed[at]! ^= bits
      assert.equal(readRequest(changed).ok, false)
    }),
  )
  const stolen = makeRequest(testName('dc1'), [], createPublicKey(keys[3]![1]), key)
  assert.deepEqual(readRequest(stolen).ok, false)
})

test('octets of any content are no request, and no error', () => {
  fc.assert(fc.property(fc.uint8Array(), bytes => assert.equal(readRequest(bytes).ok, false)))
})

test('OpenSSL verifies a path of our making by its strict rules', { skip }, () => {
  const root = testAuthority('Root')
  const middle = testAuthority('Middle', root)
  const host = testHost(middle, { names: ['dc1.corp.test', '10.54.0.1', '2001:db8::1', 'upn:dc1$@corp.test'] })
  const files = [
    pem('root.pem', 'CERTIFICATE', root.certificate.der),
    pem('middle.pem', 'CERTIFICATE', middle.certificate.der),
    pem('host.pem', 'CERTIFICATE', host.certificate.der),
  ]
  const at = ['-attime', String(TEST_TIME)]
  const verified = openssl('verify', '-x509_strict', ...at, '-CAfile', files[0]!, '-untrusted', files[1]!, files[2]!)
  assert.equal(verified.status, 0, verified.out)
  const shown = openssl('x509', '-in', files[2]!, '-noout', '-ext', 'subjectAltName,extendedKeyUsage').out
  assert.match(shown, /DNS:dc1\.corp\.test, IP Address:10\.54\.0\.1, IP Address:2001:DB8:0:0:0:0:0:1/)
  assert.match(shown, /ipsec Internet Key Exchange/)
})

for (const [kind, key] of keys) {
  test(`OpenSSL verifies a request signed with ${kind}`, { skip }, () => {
    const name = pem(
      'request.csr',
      'CERTIFICATE REQUEST',
      makeRequest(testName('dc1'), names, createPublicKey(key), key),
    )
    const ran = openssl('req', '-in', name, '-noout', '-verify', '-text')
    assert.equal(ran.status, 0, ran.out)
    assert.match(ran.out, /verify OK/)
    assert.match(ran.out, /DNS:dc1\.corp\.test/)
  })
}

test("OpenSSL's requests are read, with what they ask for beside names", { skip }, () => {
  const made = openssl(
    ...[
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'k.pem',
      '-outform',
      'DER',
      '-out',
      'r.der',
      '-subj',
      '/C=DE/CN=dc1',
    ],
    ...['-addext', 'subjectAltName=DNS:dc1.corp.test,IP:10.54.0.1', '-addext', 'keyUsage=digitalSignature'],
  )
  assert.equal(made.status, 0, made.out)
  const der = spawnSync('openssl', ['req', '-inform', 'DER', '-in', 'r.der', '-outform', 'DER'], { cwd: folder }).stdout
  const read = readRequest(new Uint8Array(der))
  assert.ok(read.ok, read.ok ? '' : read.error)
  assert.equal(read.value.subject.text, 'CN=dc1,C=DE')
  assert.deepEqual(
    read.value.alternativeNames.map(({ kind }) => kind),
    ['dns', 'address'],
  )
  assert.deepEqual(read.value.others, ['2.5.29.15'])
})

test('a host certificate is no CA and names its issuer by key', () => {
  const ca = testAuthority('Corp CA')
  const key = keys[0]![1]
  const extensions = hostExtensions(undefined, createPublicKey(key), keyIdentifier(ca.certificate.publicKey), ['1.2.3'])
  const issuer = ca.certificate.subject.der
  const dates = { notBefore: TEST_TIME, notAfter: TEST_TIME }
  const spec = {
    subject: testName('x'),
    issuer,
    publicKey: createPublicKey(key),
    serialNumber: Uint8Array.of(1),
    ...dates,
  }
  const read = parseCertificate(makeCertificate({ ...spec, extensions }, ca.key))
  assert.ok(read.ok)
  assert.equal(read.value.basicConstraints?.isAuthority, false)
  assert.deepEqual(read.value.authorityKey?.keyIdentifier, ca.certificate.subjectKeyIdentifier)
  assert.deepEqual(read.value.extendedKeyUsage, ['1.2.3'])
})
