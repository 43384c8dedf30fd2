// A policy's files become credentials, whatever form they have.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { parseAddress } from '../base/address.ts'
import { formatProblem, type Problem } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { TEST_TIME, type TestParty, testAuthority, testHost } from '../crypto/test-certificates.ts'
import type { CertificateCredential, Credential } from '../keying/credentials.ts'
import { formatIdentity } from '../keying/identity.ts'
import { judgePeer } from '../keying/judge-peer.ts'
import type { Authentication } from '../policy/model.ts'
import { loadCredentials } from './load-credentials.ts'
import { makeCredentialFolder, policyOf } from './test-credential-files.ts'

const { folder, root, middle, dc1, dc2, below } = makeCredentialFolder()
after(() => rmSync(folder, { recursive: true }))

function load(authentication: Authentication, at = TEST_TIME) {
  return loadCredentials(policyOf(authentication), { folder, name: 'p.yaml', at })
}

function loaded(
  authentication: Authentication,
  at = TEST_TIME,
): { credential: Credential; warnings: readonly Problem[] } {
  const result = load(authentication, at)
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
  const [credential] = result.value.credentials.of('r')
  assert.ok(credential !== undefined)
  return { credential, warnings: result.value.warnings }
}

function problems(authentication: Authentication, at = TEST_TIME): readonly string[] {
  const result = load(authentication, at)
  return (result.ok ? result.value.warnings : result.error).map(formatProblem)
}

type Certificates = Omit<Extract<Authentication, { kind: 'certificate' }>, 'kind'>
const certificate = (more: Certificates = {}): Authentication => ({
  ...{ kind: 'certificate', ca: 'ca.pem', own: 'dc1.pem', key: 'dc1.key' },
  ...more,
})

function ownOf(authentication: Authentication) {
  const { own } = loaded(authentication).credential as CertificateCredential
  assert.ok(own !== undefined)
  return own
}

const forms: readonly (readonly [title: string, files: Certificates])[] = [
  ['PEM', {}],
  ['DER', { own: 'dc1.der' }],
  ['one PEM file with key and certificate', { own: 'all-in-one.pem', key: 'all-in-one.pem' }],
  ['a key under a passphrase', { key: 'sealed.key', passphrase: new Secret('secret') }],
  ['PKCS #12', { own: 'dc1.p12', key: 'dc1.p12', passphrase: new Secret('secret') }],
  ['PKCS #12 for the CA as well', { ca: 'dc1.p12', own: 'dc1.p12', passphrase: new Secret('secret') }],
]

for (const [title, files] of forms) {
  test(`key and certificate are read from ${title}`, () => {
    const own = ownOf(certificate(files))
    assert.deepEqual(own.chain, [dc1.certificate.der])
    assert.ok(own.key.equals(dc1.key))
    assert.deepEqual(own.issuers, [root.certificate.publicKeyHash])
    assert.deepEqual(problems(certificate(files)), [])
  })
}

test('what is loaded judges a peer: one of the same CA is accepted, one of another is not', () => {
  const { credential } = loaded(certificate())
  const claim = (party: TestParty) => ({
    identity: { type: 2, data: new TextEncoder().encode('dc2.corp.test') },
    certificates: [party.certificate.der],
    ocsp: [],
    crls: [],
    address: parseAddress('10.54.0.2')!,
  })
  assert.equal(judgePeer([credential], claim(dc2), TEST_TIME).ok, true)
  const other = testHost(testAuthority('Corp CA'), { names: ['dc2.corp.test'] })
  assert.equal(judgePeer([credential], claim(other), TEST_TIME).ok, false)
})

test('intermediates are sent, the root is not; they come from our own file or stand beside the root', () => {
  const expected = [below.certificate.der, middle.certificate.der]
  const chained = ownOf(certificate({ own: 'chain.pem', key: 'below.key' }))
  assert.deepEqual(chained.chain, expected)
  assert.deepEqual(
    chained.issuers,
    [middle, root].map(({ certificate }) => certificate.publicKeyHash),
  )
  assert.deepEqual(ownOf(certificate({ ca: 'both.pem', own: 'below.pem', key: 'below.key' })).chain, expected)
})

test('a CA file with an intermediate alone trusts that intermediate, beside its root it only helps', () => {
  const anchorsOf = (ca: string) => {
    const { credential } = loaded(certificate({ ca, own: 'chain.pem', key: 'below.key' }))
    return (credential as CertificateCredential).trust.anchors.map(({ subject }) => subject.text)
  }
  assert.deepEqual(anchorsOf('middle.pem'), ['CN=Middle CA'])
  assert.deepEqual(anchorsOf('both.pem'), ['CN=Corp CA'])
})

test('we call ourselves by the subject of our certificate, as Windows and strongSwan do, or as the policy says', () => {
  const nameOf = (identity?: string) =>
    formatIdentity(ownOf(certificate(identity === undefined ? {} : { identity })).identity)
  assert.equal(nameOf(), 'CN=dc1.corp.test')
  for (const name of ['dc1.corp.test', '10.54.0.1', 'CN=DC1.corp.test']) {
    assert.equal(nameOf(name).toLowerCase(), name.toLowerCase())
  }
  // However the policy spells it, peers get the octets that stand in the certificate.
  assert.deepEqual(ownOf(certificate({ identity: 'cn=DC1.CORP.test' })).identity.data, dc1.certificate.subject.der)
})

test('a rule that is not active, or does not negotiate, names its files in vain', () => {
  const policy = policyOf(certificate({ own: 'no.pem' }))
  const rule = policy.rules[0]!
  for (const change of [{ active: false }, { action: 'permit' as const }]) {
    const result = loadCredentials(
      { ...policy, rules: [{ ...rule, ...change }] },
      { folder, name: 'p.yaml', at: TEST_TIME },
    )
    assert.ok(result.ok)
    assert.deepEqual(result.value.credentials.of('r'), [])
  }
})

test('a key of 1024 bits will do where the policy has old methods for IKE', () => {
  const policy = {
    ...policyOf(certificate({ own: 'short.pem', key: 'short.key' })),
    ike: { security: ['3des-sha1-modp1024'] },
  }
  const result = loadCredentials(policy, { folder, name: 'p.yaml', at: TEST_TIME })
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join())
})

test('raw public keys of peers are read, and a private key among them is a problem', () => {
  const publicKey = (peerKeys: readonly string[]): Authentication => ({
    kind: 'publicKey',
    key: 'dc1.key',
    peerKeys,
    peer: ['dc2'],
  })
  const { credential } = loaded(publicKey(['public.pem', 'dc1.pem']))
  assert.ok(credential.kind === 'publicKey')
  assert.ok(credential.peerKeys[0]!.equals(createPublicKey(dc2.key)))
  assert.ok(credential.peerKeys[1]!.equals(dc1.certificate.publicKey))
  assert.match(problems(publicKey(['dc2.key'])).join(), /peerKeys\[0\] dc2\.key: it holds a private key/)
  assert.match(problems(publicKey([])).join(), /no key of a peer is named/)
})

test('a pre-shared key is its text in UTF-8, and nothing that is loaded prints a secret', () => {
  const { credential } = loaded({
    kind: 'preSharedKey',
    secret: new Secret('Größe'),
    identity: 'dc1',
    peer: ['10.54.0.2'],
  })
  assert.ok(credential.kind === 'preSharedKey')
  assert.deepEqual(credential.secret.reveal(), new TextEncoder().encode('Größe'))
  assert.equal(formatIdentity(credential.identity!), 'dc1')
  assert.doesNotMatch(inspect(credential, { depth: 9 }) + JSON.stringify(credential), /Gr|71, ?114/)
  assert.doesNotMatch(inspect(loaded(certificate()).credential, { depth: 3 }), /PRIVATE/)
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
test("OpenSSL's CA, key and PKCS #12 file are taken", {
  skip: hasOpenssl ? false : 'skipped, because openssl is not installed',
}, () => {
  const run = (...words: readonly string[]) => {
    const ran = spawnSync('openssl', words, { cwd: folder, encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stderr)
  }
  run(
    ...[
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'o.ca.key',
      '-out',
      'o.ca.pem',
      '-subj',
      '/CN=OpenSSL CA',
      '-days',
      '30',
    ],
  )
  run(
    ...[
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'o.key',
      '-out',
      'o.csr',
      '-subj',
      '/C=DE/CN=dc1',
      '-addext',
      'subjectAltName=DNS:dc1.corp.test',
    ],
  )
  run(
    ...[
      'x509',
      '-req',
      '-in',
      'o.csr',
      '-CA',
      'o.ca.pem',
      '-CAkey',
      'o.ca.key',
      '-CAcreateserial',
      '-copy_extensions',
      'copy',
      '-days',
      '20',
      '-out',
      'o.pem',
    ],
  )
  run(
    ...[
      'pkcs12',
      '-export',
      '-inkey',
      'o.key',
      '-in',
      'o.pem',
      '-certfile',
      'o.ca.pem',
      '-out',
      'o.p12',
      '-passout',
      'pass:secret',
    ],
  )
  const now = Math.floor(Date.now() / 1000)
  const own = {
    ca: 'o.ca.pem',
    own: 'o.p12',
    key: 'o.p12',
    passphrase: new Secret('secret'),
    identity: 'dc1.corp.test',
  }
  assert.deepEqual(problems(certificate(own), now), [])
})
