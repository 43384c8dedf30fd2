// What CERT and CERTREQ carry, and which credential follows from a peer's wishes.

import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { concatenate } from '../base/bytes.ts'
import { Secret } from '../base/secret.ts'
import { publicKeyInfo } from '../crypto/make-certificate.ts'
import { type TestParty, testAuthority, testHost } from '../crypto/test-certificates.ts'
import type { RevocationMode } from '../crypto/x509/trust-store.ts'
import {
  type CertificateData,
  certificatePayloads,
  certificateRequests,
  chooseOwnCredential,
  ownIdentity,
  readClaim,
} from './certificate-payloads.ts'
import type { CertificateCredential, Credential, PublicKeyCredential, SharedKeyCredential } from './credentials.ts'
import { identityOfAddress, readIdentity } from './identity.ts'

const [X509, CRL, URL, OCSP, RAW] = [4, 7, 12, 14, 15]
const ca = testAuthority('Corp CA')
const other = testAuthority('Other CA')
const address = parseAddress('10.54.0.1')!
const here = identityOfAddress(address)

function identity(text: string) {
  const read = readIdentity(text)
  assert.ok(read.ok)
  return read.value
}

function certificate(issuer: TestParty, revocation: RevocationMode = 'if-known'): CertificateCredential {
  const { certificate, key } = testHost(issuer, { names: ['dc1.corp.test'] })
  return {
    kind: 'certificate',
    own: {
      identity: identity('dc1.corp.test'),
      chain: [certificate.der],
      key,
      issuers: [issuer.certificate.publicKeyHash],
      ocsp: Uint8Array.of(0x30, 0),
    },
    trust: { anchors: [issuer.certificate], intermediates: [], crls: [], revocation },
  }
}

const key = generateKeyPairSync('ed25519').privateKey
const raw: PublicKeyCredential = { kind: 'publicKey', key, peerKeys: [] }
const shared: SharedKeyCredential = { kind: 'preSharedKey', secret: new Secret(Uint8Array.of(1)) }
const sharedFor = (peer: string): SharedKeyCredential => ({ ...shared, peers: [identity(peer)] })
const [byCorp, byOther] = [certificate(ca), certificate(other)]
const hashOf = ({ certificate }: TestParty) =>
  new Uint8Array(createHash('sha1').update(publicKeyInfo(certificate.publicKey)).digest())

test('CERTREQ names each trusted CA once, by SHA-1 of its public key (RFC 7296 §3.7)', () => {
  const requests = certificateRequests([byCorp, byOther, certificate(ca), shared])
  assert.deepEqual(requests, [{ encoding: X509, data: concatenate([hashOf(ca), hashOf(other)]) }])
})

test('raw keys are asked for with an empty CERTREQ, OCSP only where revocation must be known, nothing for shared keys', () => {
  assert.deepEqual(certificateRequests([raw]), [{ encoding: RAW, data: new Uint8Array(0) }])
  const encodings = certificateRequests([certificate(ca, 'required')]).map(({ encoding }) => encoding)
  assert.deepEqual(encodings, [X509, OCSP])
  assert.deepEqual(certificateRequests([shared]), [])
})

const asking = (...parties: readonly TestParty[]): CertificateData => ({
  encoding: X509,
  data: concatenate(parties.map(hashOf)),
})
const rawRequest: CertificateData = { encoding: RAW, data: new Uint8Array(0) }

const choices: readonly {
  readonly title: string
  readonly credentials: readonly Credential[]
  readonly requests?: readonly CertificateData[]
  readonly judged?: Credential
  readonly chosen: Credential | undefined
}[] = [
  { title: 'the first, where the peer wishes nothing', credentials: [byCorp, byOther], chosen: byCorp },
  {
    title: 'the one whose CA is asked for',
    credentials: [byCorp, byOther],
    requests: [asking(other)],
    chosen: byOther,
  },
  {
    title: 'the first of two that are both asked for',
    credentials: [byOther, byCorp],
    requests: [asking(ca, other)],
    chosen: byOther,
  },
  {
    title: 'the first, where nothing fits: a request is a hint',
    credentials: [byCorp, raw],
    requests: [asking(other)],
    chosen: byCorp,
  },
  {
    title: 'any certificate for an empty request',
    credentials: [byCorp],
    requests: [{ encoding: X509, data: new Uint8Array(0) }],
    chosen: byCorp,
  },
  { title: 'the raw key that is asked for', credentials: [byCorp, raw], requests: [rawRequest], chosen: raw },
  {
    title: 'the shared key of that peer',
    credentials: [sharedFor('192.0.2.1'), sharedFor('10.54.0.2')],
    chosen: undefined,
  },
  {
    title: 'a request for OCSP answers alone speaks against nothing',
    credentials: [raw, byCorp],
    requests: [{ encoding: OCSP, data: new Uint8Array(0) }],
    chosen: raw,
  },
  {
    title:
      'a certificate, though a request that anybody can write names another CA and a pre-shared key stands behind it',
    credentials: [byCorp, shared],
    requests: [asking(other)],
    chosen: byCorp,
  },
  {
    title: 'the certificate that is asked for, and no pre-shared key between',
    credentials: [byCorp, shared, byOther],
    requests: [asking(other)],
    chosen: byOther,
  },
  {
    title: 'the pre-shared key, where the policy prefers it',
    credentials: [shared, byCorp],
    requests: [asking(ca)],
    chosen: shared,
  },
  { title: 'what the peer was judged by', credentials: [byCorp, shared], judged: shared, chosen: shared },
  {
    title: 'a certificate in answer to a certificate, if of another CA',
    credentials: [shared, byOther],
    judged: byCorp,
    chosen: byOther,
  },
  {
    title: 'nothing, where there is nothing of our own',
    credentials: [{ kind: 'certificate', trust: byCorp.trust }],
    chosen: undefined,
  },
]

for (const { title, credentials, requests = [], judged, chosen } of choices) {
  test(`our credential is ${title}`, () => {
    const peers = [identity('10.54.0.2')]
    const found = chooseOwnCredential(credentials, { requests, peers, ...(judged === undefined ? {} : { judged }) })
    assert.equal(found, title.startsWith('the shared key') ? credentials[1] : chosen)
  })
}

test('certificates go out as X.509 with our own first, an OCSP answer only where it is asked for, a raw key as SPKI', () => {
  assert.deepEqual(certificatePayloads(byCorp, []), [{ encoding: X509, data: byCorp.own!.chain[0] }])
  const withAnswer = certificatePayloads(byCorp, [{ encoding: OCSP, data: new Uint8Array(0) }])
  assert.deepEqual(
    withAnswer.map(({ encoding }) => encoding),
    [X509, OCSP],
  )
  assert.deepEqual(certificatePayloads(raw, []), [{ encoding: RAW, data: publicKeyInfo(createPublicKey(key)) }])
  assert.deepEqual(certificatePayloads(shared, []), [])
})

test('we call ourselves what the policy says, else what the certificate says, else by our address', () => {
  assert.deepEqual(ownIdentity(byCorp, here), identity('dc1.corp.test'))
  assert.deepEqual(ownIdentity(shared, here), here)
  assert.deepEqual(ownIdentity({ ...shared, identity: identity('me.test') }, here), identity('me.test'))
  assert.deepEqual(ownIdentity(raw, here), here)
})

const claim = (...payloads: readonly CertificateData[]) =>
  readClaim({ identity: here, address, proof: 'signature', payloads })
const part = (encoding: number, length: number, fill = 0): CertificateData => ({
  encoding,
  data: new Uint8Array(length).fill(fill),
})

test("a peer's payloads become a claim by their encodings, in their order, each once", () => {
  const read = claim(
    part(X509, 3, 1),
    part(CRL, 3, 2),
    part(X509, 3, 3),
    part(X509, 3, 1),
    part(OCSP, 3, 4),
    part(RAW, 3, 5),
  )
  assert.ok(read.ok)
  const { certificates, crls, ocsp, rawKey, notes } = read.value
  assert.deepEqual(
    certificates.map(der => der[0]),
    [1, 3],
  )
  assert.deepEqual([crls.length, ocsp.length, rawKey?.[0], notes?.length], [1, 1, 5, 0])
})

test('a certificate by hash and URL is not fetched, and the log says so', () => {
  const read = claim(part(URL, 40))
  assert.ok(read.ok)
  assert.deepEqual(read.value.certificates, [])
  assert.deepEqual(read.value.notes, ['a certificate by hash and URL was not fetched'])
})

const floods: readonly (readonly [title: string, payloads: readonly CertificateData[]])[] = [
  ['eleven certificates', Array.from({ length: 11 }, (_, i) => part(X509, 100, i))],
  ['a certificate of 16,385 octets', [part(X509, 16_385)]],
  ['two raw keys', [part(RAW, 50, 1), part(RAW, 50, 2)]],
  ['six CRLs', Array.from({ length: 6 }, (_, i) => part(CRL, 100, i))],
  ['an OCSP response of 40,000 octets', [part(OCSP, 40_000)]],
]

for (const [title, payloads] of floods) {
  test(`a peer that sends ${title} is refused before any is read`, () => {
    const read = claim(...payloads)
    assert.ok(!read.ok)
    assert.match(read.error.what, /more than anybody needs/)
  })
}
