// Who a peer is taken for: by certificates, raw public keys and pre-shared keys; and why it is not.
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddress } from '../base/address.ts'
import { Secret } from '../base/secret.ts'
import { publicKeyInfo } from '../crypto/make-certificate.ts'
import {
  TEST_TIME,
  type TestParty,
  type TestWishes,
  testAuthority,
  testHost,
  testName,
} from '../crypto/test-certificates.ts'
import { extendedKeyUsages } from '../crypto/x509/extended-key-usage.ts'
import type { TrustStore } from '../crypto/x509/trust-store.ts'
import type { CertificateCredential, Credential, PublicKeyCredential, SharedKeyCredential } from './credentials.ts'
import { type Identity, readIdentity } from './identity.ts'
import { type AuthenticationFault, judgePeer, type PeerClaim } from './judge-peer.ts'

const DAY = 86_400
const ca = testAuthority('Corp CA')
const stranger = testAuthority('Other CA')
const dc2 = testHost(ca, { names: ['dc2.corp.test', '10.54.0.2', 'dc2@corp.test', 'upn:DC2$@corp.test'] })

function identity(text: string): Identity {
  const read = readIdentity(text)
  assert.ok(read.ok)
  return read.value
}

function trusting(...anchors: readonly TestParty[]): TrustStore {
  return { anchors: anchors.map(one => one.certificate), intermediates: [], crls: [], revocation: 'if-known' }
}

function certificates(more: Partial<CertificateCredential> = {}): CertificateCredential {
  return { kind: 'certificate', trust: trusting(ca), ...more }
}

function claimOf(text: string, parties: readonly TestParty[], more: Partial<PeerClaim> = {}): PeerClaim {
  const address = parseAddress('10.54.0.2')!
  const ders = parties.map(({ certificate }) => certificate.der)
  return { identity: identity(text), certificates: ders, ocsp: [], crls: [], address, ...more }
}

function accepted(credentials: readonly Credential[], claim: PeerClaim, at = TEST_TIME) {
  const judged = judgePeer(credentials, claim, at)
  assert.ok(judged.ok, judged.ok ? '' : judged.error.what)
  return judged.value
}

function refused(credentials: readonly Credential[], claim: PeerClaim, at = TEST_TIME): AuthenticationFault {
  const judged = judgePeer(credentials, claim, at)
  assert.ok(!judged.ok)
  return judged.error
}

for (const text of [
  'dc2.corp.test',
  'DC2.CORP.TEST',
  '10.54.0.2',
  'dc2@corp.test',
  'CN=dc2.corp.test',
  'cn=DC2.corp.test',
]) {
  test(`a peer may state ${text} where its certificate has it`, () => {
    const { key } = accepted([certificates()], claimOf(text, [dc2]))
    assert.ok(key.equals(dc2.certificate.publicKey))
  })
}

for (const text of [
  'dc3.corp.test',
  'corp.test',
  '10.54.0.3',
  '2001:db8::1',
  'root@corp.test',
  'CN=Corp CA',
  '@#646332',
]) {
  test(`a peer may not state ${text} where its certificate does not have it`, () => {
    const { kind, what } = refused([certificates()], claimOf(text, [dc2]))
    assert.equal(kind, 'not-bound')
    assert.match(what, /CN=dc2\.corp\.test does not have/)
  })
}

test('an address is proved by the certificate and by where packets come from, by both; behind a NAT by the certificate', () => {
  const nameless = testHost(ca, { names: ['dc2.corp.test'] })
  assert.equal(refused([certificates()], claimOf('10.54.0.2', [nameless])).kind, 'not-bound')
  const elsewhere = parseAddress('192.0.2.9')!
  assert.equal(refused([certificates()], claimOf('10.54.0.2', [dc2], { address: elsewhere })).kind, 'other-address')
  assert.ok(accepted([certificates()], claimOf('10.54.0.2', [dc2], { address: elsewhere, isTranslated: true })))
})

test('who claims to be this host, by its name, its certificate or its key, is nobody', () => {
  const own = (party: TestParty, name: string) => ({
    ...{ identity: identity(name), chain: [party.certificate.der], issuers: [] },
    key: generateKeyPairSync('ed25519').privateKey,
  })
  const isUs = certificates({ own: own(dc2, 'dc2@corp.test') })
  assert.equal(refused([isUs], claimOf('dc2.corp.test', [dc2])).kind, 'ourselves')
  const twin = testHost(ca, { names: ['dc2.corp.test'] })
  assert.equal(
    refused([certificates({ own: own(twin, 'dc2.corp.test') })], claimOf('dc2.corp.test', [dc2])).kind,
    'ourselves',
  )
  assert.ok(accepted([certificates({ own: own(twin, 'dc2.corp.test') })], claimOf('dc2@corp.test', [dc2])))
  const mirrored = rawKeys({ peerKeys: [createPublicKey(ours)] })
  const thrownBack = publicKeyInfo(createPublicKey(ours))
  assert.equal(refused([mirrored], claimOf('dc2.corp.test', [], { rawKey: thrownBack })).kind, 'ourselves')
})

interface BadCertificate {
  readonly title: string
  readonly issuer?: TestParty
  readonly wishes?: TestWishes
  readonly at?: number
  readonly what: RegExp
}

const badCertificates: readonly BadCertificate[] = [
  { title: 'of a CA that is not trusted', issuer: stranger, what: /CN=dc2 by CN=Other CA/ },
  { title: 'that is over', at: TEST_TIME + 60 * DAY, what: /expired 2026-02-20/ },
  { title: 'that is not valid yet', wishes: { notBefore: TEST_TIME + DAY }, what: /valid from 2026-01-02/ },
  { title: 'for other purposes', wishes: { purposes: [extendedKeyUsages.codeSigning] }, what: /other purposes/ },
]

for (const { title, issuer = ca, wishes = {}, at = TEST_TIME, what } of badCertificates) {
  test(`a certificate ${title} is refused, and the log says for whom and by which CA`, () => {
    const host = testHost(issuer, { names: ['dc2'], ...wishes })
    const fault = refused([certificates()], claimOf('dc2', [host]), at)
    assert.equal(fault.kind, 'untrusted')
    assert.match(fault.what, what)
    assert.match(fault.what, /dc2 at 10\.54\.0\.2/)
  })
}

test("a computer's certificate of Windows's templates is a host's, and a person's is not", () => {
  const { clientAuth, serverAuth, emailProtection } = extendedKeyUsages
  const computer = testHost(ca, { names: ['dc2'], purposes: [clientAuth, serverAuth] })
  assert.ok(accepted([certificates()], claimOf('dc2', [computer])))
  const person = testHost(ca, { names: ['dc2'], purposes: [clientAuth, emailProtection] })
  assert.match(refused([certificates()], claimOf('dc2', [person])).what, /other purposes/)
})

test('a certificate below an intermediate is accepted where the peer sends the intermediate too', () => {
  const middle = testAuthority('Middle CA', ca)
  const host = testHost(middle, { names: ['dc2'] })
  assert.ok(accepted([certificates()], claimOf('dc2', [host, middle])))
  assert.equal(refused([certificates()], claimOf('dc2', [host])).kind, 'untrusted')
})

test('octets that are no certificate are a refusal and never an error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 3 }), ders => {
      const judged = judgePeer([certificates()], { ...claimOf('dc2', []), certificates: ders }, TEST_TIME)
      assert.equal(judged.ok, false)
    }),
  )
  const flipped = fc.tuple(fc.nat(dc2.certificate.der.length - 1), fc.integer({ min: 1, max: 255 }))
  fc.assert(
    fc.property(flipped, ([at, bits]) => {
      const der = Uint8Array.from(dc2.certificate.der)
      der[at]! ^= bits
      const judged = judgePeer([certificates()], { ...claimOf('dc2.corp.test', []), certificates: [der] }, TEST_TIME)
      assert.equal(judged.ok, false)
    }),
  )
})

test('only peers of the list are accepted, by whatever name their certificate has', () => {
  const only = (...peers: readonly string[]) => [certificates({ peers: peers.map(identity) })]
  for (const name of ['dc2.corp.test', '10.54.0.2', 'CN=dc2.corp.test', 'dc2@corp.test']) {
    assert.ok(accepted(only('dc9.corp.test', name), claimOf('CN=dc2.corp.test', [dc2])), name)
  }
  const fault = refused(only('dc1.corp.test', '10.54.0.1'), claimOf('dc2.corp.test', [dc2]))
  assert.equal(fault.kind, 'not-accepted')
  assert.match(fault.what, /not among the peers of the rule: dc1\.corp\.test, 10\.54\.0\.1$/)
  assert.equal(refused([certificates({ peers: [] })], claimOf('dc2.corp.test', [dc2])).kind, 'not-accepted')
})

const mappings: readonly (readonly [title: string, mapping: object, account: string | undefined])[] = [
  ['its subject', { subject: testName('dc2.corp.test') }, 'DC2$'],
  ['its issuer', { issuer: testName('corp ca') }, 'DC2$'],
  ['its user principal name', { upn: 'dc2$@CORP.test' }, 'DC2$'],
  ['all three', { subject: testName('DC2.corp.test'), issuer: testName('Corp CA'), upn: 'DC2$@corp.test' }, 'DC2$'],
  ['another subject', { subject: testName('dc3.corp.test') }, undefined],
  ['its subject but another issuer', { subject: testName('dc2.corp.test'), issuer: testName('Other CA') }, undefined],
  ['another user principal name', { upn: 'dc3$@corp.test' }, undefined],
  ['nothing at all', {}, undefined],
]

for (const [title, mapping, account] of mappings) {
  test(`a certificate mapped by ${title} ${account === undefined ? 'stands for no account' : `is ${account}`}`, () => {
    const credential = certificates({ accounts: [{ account: 'DC2$', ...mapping }] })
    const claim = claimOf('dc2.corp.test', [dc2])
    if (account !== undefined) assert.equal(accepted([credential], claim).account, account)
    else assert.equal(refused([credential], claim).kind, 'not-mapped')
  })
}

const theirs = generateKeyPairSync('ed25519').privateKey
const rawKey = publicKeyInfo(createPublicKey(theirs))
const ours = generateKeyPairSync('ed25519').privateKey

function rawKeys(more: Partial<PublicKeyCredential> = {}): PublicKeyCredential {
  return { kind: 'publicKey', key: ours, peerKeys: [createPublicKey(theirs)], ...more }
}

test('a raw public key is known by itself, whatever its owner is called', () => {
  for (const name of ['dc2.corp.test', '@#0102', 'CN=anybody', '10.54.0.2']) {
    assert.ok(accepted([rawKeys()], claimOf(name, [], { rawKey })))
  }
})

test('a raw public key that is not listed, is no key or comes under a name that is not listed is refused', () => {
  const another = publicKeyInfo(generateKeyPairSync('ed25519').publicKey)
  assert.equal(refused([rawKeys()], claimOf('dc2', [], { rawKey: another })).kind, 'unknown-key')
  assert.equal(refused([rawKeys({ peerKeys: [] })], claimOf('dc2', [], { rawKey })).kind, 'unknown-key')
  assert.equal(refused([rawKeys()], claimOf('dc2', [], { rawKey: rawKey.subarray(1) })).kind, 'unreadable')
  assert.equal(refused([rawKeys()], claimOf('dc2', [])).kind, 'other-method')
  const only = rawKeys({ peers: [identity('dc2.corp.test')] })
  assert.ok(accepted([only], claimOf('dc2.corp.test', [], { rawKey })))
  assert.equal(refused([only], claimOf('dc3.corp.test', [], { rawKey })).kind, 'not-accepted')
})

function shared(text: string, ...peers: readonly string[]): SharedKeyCredential {
  const secret = new Secret(new TextEncoder().encode(text))
  return peers.length === 0
    ? { kind: 'preSharedKey', secret }
    : { kind: 'preSharedKey', secret, peers: peers.map(identity) }
}

test('a pre-shared key is picked by the name of the peer, and its octets are what AUTH must fit', () => {
  const credentials = [shared('one', 'dc1.corp.test'), shared('two', 'dc2.corp.test', '10.54.0.2'), shared('any')]
  const keyFor = (name: string) => accepted(credentials, claimOf(name, [])).key.export().toString()
  assert.equal(keyFor('dc2.corp.test'), 'two')
  assert.equal(keyFor('10.54.0.2'), 'two')
  assert.equal(keyFor('dc1.corp.test'), 'one')
  assert.equal(keyFor('dc3.corp.test'), 'any')
  assert.equal(refused(credentials.slice(0, 2), claimOf('dc3.corp.test', [])).kind, 'not-accepted')
})

test('a signature is never held against a pre-shared key, nor the other way round', () => {
  const signed = claimOf('dc2.corp.test', [dc2], { proof: 'signature' })
  const keyed = claimOf('dc2.corp.test', [], { proof: 'shared-key' })
  assert.equal(accepted([shared('any'), certificates()], signed).credential.kind, 'certificate')
  assert.equal(accepted([certificates(), shared('any')], keyed).credential.kind, 'preSharedKey')
  assert.match(
    refused([shared('any')], signed).what,
    /proves itself by a signature, and the rule asks for a pre-shared key/,
  )
  assert.match(refused([certificates()], keyed).what, /by a pre-shared key, and the rule asks for a signature/)
})

test('of several credentials the first that accepts counts, and of several reasons the one that came nearest', () => {
  const wide = certificates({ trust: trusting(ca, stranger) })
  const narrow = certificates({ peers: [identity('dc1.corp.test')] })
  const claim = claimOf('dc2.corp.test', [dc2])
  assert.equal(accepted([narrow, wide], claim).credential, wide)
  assert.equal(refused([shared('x'), narrow, certificates({ trust: trusting(stranger) })], claim).kind, 'not-accepted')
  assert.deepEqual(refused([], claim).kind, 'no-credential')
})

test('what was passed over is told: as a warning where the peer is accepted, in the reason where it is not', () => {
  const notes = ['a certificate by hash and URL was not fetched']
  assert.deepEqual(accepted([certificates()], claimOf('dc2.corp.test', [dc2], { notes })).warnings, notes)
  assert.match(refused([certificates()], claimOf('dc2.corp.test', [], { notes })).what, /not fetched/)
})
