// What strangers send is read without an exception and in bounded time, however it is bent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  address,
  alternative,
  authority,
  caExtensions,
  certify,
  commonName,
  constraints,
  directory,
  dns,
  mail,
  NOON,
  ocspResponse,
  purposes,
  revocationList,
  sequence,
} from '../../../test/build-certificates.ts'
import { seededRandom } from '../../base/random.ts'
import { derElement } from '../der.ts'
import { extension } from '../make-certificate.ts'
import { MOST_CERTIFICATE_OCTETS, parseCertificate } from './certificate.ts'
import { bindsIdentity, identitiesOf, principalNamesOf } from './identity.ts'
import { parseOcspResponse } from './ocsp.ts'
import { validatePath } from './path.ts'
import { readPem, readPemOrDer } from './pem.ts'
import { parseRevocationList } from './revocation-list.ts'

const root = authority('Root', { extensions: [...caExtensions, constraints([dns('in.test')], [mail('out.test')])] })
const point = sequence(
  sequence(
    derElement(0xa0, derElement(0xa1, ...[commonName('x').subarray(4)])),
    derElement(0x81, Uint8Array.of(6, 0x40)),
  ),
)
const leaf = certify('Host', {
  issuer: root,
  extensions: [
    alternative(dns('a.in.test'), address(192, 0, 2, 1), directory(commonName('Dir')), mail('a@b.test')),
    purposes('1.3.6.1.5.5.7.3.17'),
    extension('2.5.29.31', false, point),
  ],
})
const list = revocationList(root, {
  revoked: [
    { serial: Uint8Array.of(9), reason: 1 },
    { serial: leaf.certificate.serialNumber, reason: 6 },
  ],
})
const response = ocspResponse(leaf, root, 'good')

const trust = {
  anchors: [root.certificate],
  intermediates: [],
  crls: [],
  revocation: 'required',
} as const

/** All that is done with what comes from a peer. */
function swallow(kind: string, bytes: Uint8Array): void {
  if (kind === 'CRL') {
    parseRevocationList(bytes)
    validatePath(leaf.certificate, [], trust, { at: NOON, crls: [bytes] })
    return
  }
  if (kind === 'OCSP response') {
    parseOcspResponse(bytes)
    validatePath(leaf.certificate, [], trust, { at: NOON, ocsp: [bytes] })
    return
  }
  const read = parseCertificate(bytes)
  if (!read.ok) return
  validatePath(read.value, [read.value], trust, { at: NOON, crls: [list], ocsp: [response] })
  for (const identity of identitiesOf(read.value)) bindsIdentity(read.value, identity)
  principalNamesOf(read.value)
}

const samples = [
  ['certificate', leaf.der],
  ['certificate', root.der],
  ['CRL', list],
  ['OCSP response', response],
] as const

const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'

for (const [index, [kind, sample]] of samples.entries()) {
  const who = `${kind === 'OCSP response' ? 'an' : 'a'} ${kind}${index === 1 ? ' of a CA' : ''}`

  test(`${who} cut off anywhere, or with octets behind, is refused`, () => {
    const parse = { certificate: parseCertificate, CRL: parseRevocationList, 'OCSP response': parseOcspResponse }[kind]
    assert.ok(parse(sample).ok)
    for (let length = 0; length < sample.length; length++) assert.ok(!parse(sample.subarray(0, length)).ok)
    assert.ok(!parse(Uint8Array.of(...sample, 0)).ok)
  })

  test(`${who} with octets changed is judged without an exception and soon`, () => {
    const random = seededRandom(4715 + index)
    const below = (limit: number) => Math.floor(random.fraction() * limit)
    const rounds = isLong ? 50_000 : 3000
    let slowest = 0
    for (let round = 0; round < rounds; round++) {
      const bent = Uint8Array.from(sample)
      for (let changes = 1 + below(3); changes > 0; changes--) {
        // Tags, lengths and one-bit slips do more than any octet does.
        const at = below(bent.length)
        bent[at] = [below(256), bent[at]! ^ (1 << below(8)), 0x30, 0x80, 0xff, 0][below(6)]!
      }
      const started = process.hrtime.bigint()
      swallow(kind, bent)
      slowest = Math.max(slowest, Number(process.hrtime.bigint() - started) / 1e6)
    }
    assert.ok(slowest < 1000, `${slowest} ms for one`)
  })
}

test('a certificate longer than the limit is not read at all', () => {
  const long = new Uint8Array(MOST_CERTIFICATE_OCTETS + 1)
  const read = parseCertificate(long)
  assert.deepEqual([read.ok, !read.ok && read.error.kind], [false, 'too-long'])
})

test('elements nested twenty thousand deep are refused without descending', () => {
  // Each is as long as what is left, so that every level is well-formed down to the last.
  const deep = new Uint8Array(60_000)
  for (let at = 0; at + 4 < deep.length; at += 4) deep.set([0x30, 0x82, ...sixteen(deep.length - at - 4)], at)
  assert.ok(!parseCertificate(deep).ok)
  assert.ok(!parseRevocationList(deep).ok)
  assert.ok(!parseOcspResponse(deep).ok)
  // The same inside a name, where elements are walked.
  const name = sequence(
    derElement(0x31, sequence(derElement(0x06, Uint8Array.of(0x55, 4, 3)), deep.subarray(0, 40_000))),
  )
  assert.ok(!bindsIdentity(leaf.certificate, { type: 9, data: name }))
})

const sixteen = (number: number) => [number >> 8, number & 0xff]

test('names as long as a certificate holds do not make comparisons slow', () => {
  const long = commonName('a.'.repeat(20_000))
  const huge = certify('', { issuer: root, name: long, extensions: [alternative(dns('a'.repeat(20_000)))] })
  const started = process.hrtime.bigint()
  validatePath(huge.certificate, [], trust, { at: NOON })
  assert.ok(Number(process.hrtime.bigint() - started) / 1e6 < 500)
})

test('BER that is not DER is refused: indefinite lengths, long lengths, integers and booleans with octets to spare', () => {
  const swap = (from: string, to: string) => {
    const hex = leaf.der.toHex()
    assert.ok(hex.includes(from), from)
    return Uint8Array.fromHex(hex.replace(from, to))
  }
  // Version 1 written out, an end of dates that is not in seconds, a critical FALSE.
  assert.ok(!parseCertificate(swap('a003020102', 'a003020100')).ok)
  assert.ok(!parseCertificate(swap('170d', '180d')).ok)
  const withCritical = root.der.toHex()
  assert.ok(withCritical.includes('0101ff'))
  for (const other of ['010101', '010100']) {
    assert.ok(!parseCertificate(Uint8Array.fromHex(withCritical.replace('0101ff', other))).ok)
  }
  assert.ok(!parseCertificate(Uint8Array.of(0x30, 0x80, ...leaf.der.subarray(4), 0, 0)).ok)
  const inner = leaf.der.subarray(4)
  assert.ok(!parseCertificate(Uint8Array.of(0x30, 0x83, 0, inner.length >> 8, inner.length & 255, ...inner)).ok)
})

test('PEM that is broken off or no base64 is told by its line, and what is whole beside it is read', () => {
  const good = `-----BEGIN CERTIFICATE-----\r\n${leaf.der.toBase64()}\r\n-----END CERTIFICATE-----\r\n`
  const text = `words\n${good}-----BEGIN CERTIFICATE-----\nMII*\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nMIIB\n${good}`
  const { blocks, faults } = readPem(text)
  assert.deepEqual(
    blocks.map(block => [block.label, block.line]),
    [
      ['CERTIFICATE', 2],
      ['CERTIFICATE', 10],
    ],
  )
  assert.deepEqual(
    faults.map(one => one.line),
    [5, 8],
  )
  assert.equal(readPemOrDer(new TextEncoder().encode(text), ['CERTIFICATE']).length, 2)
  assert.equal(readPemOrDer(leaf.der, ['CERTIFICATE']).length, 1)
})
