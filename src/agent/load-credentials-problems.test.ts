// What is wrong with a policy's files is said at once: where, what, and what to do.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, test } from 'node:test'
import { formatProblem } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { TEST_TIME, testAuthority, testHost } from '../crypto/test-certificates.ts'
import { extendedKeyUsages } from '../crypto/x509/extended-key-usage.ts'
import type { Authentication } from '../policy/model.ts'
import { loadCredentials } from './load-credentials.ts'
import { keyPem, makeCredentialFolder, pem, policyOf } from './test-credential-files.ts'

const { folder, file, root } = makeCredentialFolder()
after(() => rmSync(folder, { recursive: true }))
const DAY = 86_400

function load(authentication: Authentication, at = TEST_TIME) {
  return loadCredentials(policyOf(authentication), { folder, name: 'p.yaml', at })
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

const mistakes: readonly (readonly [title: string, files: Certificates, said: readonly RegExp[]])[] = [
  ['a file that is not there', { own: 'no.pem' }, [/certificate\.own no\.pem: there is no such file/]],
  ['a folder', { ca: '.' }, [/certificate\.ca \.: this is a folder/]],
  ['an empty file', { ca: 'empty.pem' }, [/empty\.pem: the file is empty/]],
  ['a file of words', { own: 'words.pem' }, [/words\.pem: it holds no certificate/]],
  ['a key in the place of a certificate', { own: 'dc1.key' }, [/dc1\.key: it holds no certificate, but PRIVATE KEY/]],
  ['a certificate in the place of a key', { key: 'dc1.pem' }, [/dc1\.pem: it holds no private key, only public parts/]],
  ['PEM that is cut off', { own: 'cut.pem' }, [/cut\.pem: line 1: BEGIN CERTIFICATE without its END/]],
  [
    'a key of another certificate',
    { key: 'dc2.key' },
    [/certificate\.key dc2\.key: this is not the private key of any certificate in dc1\.pem: CN=dc1/],
  ],
  ['a CA file without a CA', { ca: 'dc1.pem' }, [/certificate\.ca dc1\.pem: no certificate in it is a CA's: CN=dc1/]],
  ['no CA', { ca: undefined as never }, [/certificate\.ca: nothing says whose certificates are trusted/]],
  [
    'nothing of our own',
    { own: undefined as never, key: undefined as never },
    [/certificate\.own: this host has nothing to prove itself with/],
  ],
  ['a missing passphrase', { key: 'sealed.key' }, [/sealed\.key: it is protected by a passphrase \(write passphrase/]],
  [
    'a wrong passphrase',
    { key: 'sealed.key', passphrase: new Secret('guess') },
    [/sealed\.key: the passphrase does not open it/],
  ],
  [
    'a wrong passphrase of PKCS #12',
    { own: 'dc1.p12', key: 'dc1.p12', passphrase: new Secret('guess') },
    [/dc1\.p12: the passphrase does not open it/],
  ],
  [
    'a missing passphrase of PKCS #12',
    { own: 'dc1.p12', key: 'dc1.p12' },
    [/dc1\.p12: it is protected by a passphrase/],
  ],
  [
    'a key that is too short',
    { own: 'short.pem', key: 'short.key' },
    [/short\.key: an RSA key of 1024 bits is too short/],
  ],
  [
    'an identity that the certificate does not have',
    { identity: 'dc9.corp.test' },
    [/identity: the certificate does not have dc9\.corp\.test \(it has dc1\.corp\.test; 10\.54\.0\.1; CN=dc1/],
  ],
  ['an identity that is none', { identity: 'a b' }, [/certificate\.identity: "a b" is no identity/]],
  ['a peer that is none', { peer: ['dc2', 'a b'] }, [/certificate\.peer\[1\]: "a b" is no identity/]],
  [
    'no revocation list',
    { crls: ['words.pem', 'no.crl'] },
    [/crls\[0\] words\.pem: it holds no revocation list/, /crls\[1\] no\.crl: there is no/],
  ],
  ['an answer of OCSP that is none', { ocsp: 'words.pem' }, [/ocsp words\.pem: this is no OCSP response/]],
  ['a purpose that is none', { extendedKeyUsage: 'ipsec' }, [/extendedKeyUsage: this is no use of a key/]],
  [
    'an account without a distinguished name',
    { accounts: [{ subject: 'dc2', account: 'x' }] },
    [/accounts\[0\]\.subject: this is no distinguished name/],
  ],
]

for (const [title, files, said] of mistakes) {
  test(`${title} is a problem with its place and its file`, () => {
    const authentication = Object.fromEntries(
      Object.entries({ ...certificate(), ...files }).filter(([, value]) => value !== undefined),
    )
    const result = load(authentication as Authentication)
    assert.ok(!result.ok)
    const texts = result.error.filter(({ severity }) => severity === 'error').map(formatProblem)
    for (const pattern of said)
      assert.ok(
        texts.some(text => pattern.test(text)),
        texts.join('\n'),
      )
    for (const text of texts) assert.match(text, /^p\.yaml rules\[0\]\.authentication\[0\]\.certificate/)
    assert.doesNotMatch(texts.join(), /guess/)
  })
}

test('all problems are said at once, and what several rules share only once', () => {
  const policy = policyOf(certificate({ own: 'no.pem', key: 'dc1.pem', ca: 'words.pem' }))
  const twice = { ...policy, rules: [policy.rules[0]!, { ...policy.rules[0]!, name: 'again' }] }
  const result = loadCredentials(twice, { folder, name: 'p.yaml', at: TEST_TIME })
  assert.ok(!result.ok)
  assert.deepEqual(
    result.error.map(({ where }) => where.split(' ').at(-1)),
    ['words.pem', 'no.pem', 'dc1.pem'],
  )
})

const warnings: readonly (readonly [title: string, files: Certificates, at: number, said: RegExp])[] = [
  [
    'that is over',
    {},
    TEST_TIME + 60 * DAY,
    /dc1\.pem: the certificate for CN=dc1\.corp\.test ended on 2026-02-20; peers will/,
  ],
  [
    'that is not valid yet',
    {},
    TEST_TIME - 60 * DAY,
    /holds from 2025-11-12 on, and not yet \(check this machine's clock\)/,
  ],
  ['that ends soon', {}, TEST_TIME + 45 * DAY, /ends on 2026-02-20, in 5 days \(have it renewed\)/],
  ['of a CA that is over', {}, TEST_TIME + 101 * DAY, /ca\.pem: the certificate for CN=Corp CA ended/],
  [
    'whose key everybody may read',
    { key: 'open.key' },
    TEST_TIME,
    /open\.key: everybody on this machine may read this private key/,
  ],
]

for (const [title, files, at, said] of warnings) {
  test(`a certificate ${title} is a warning: others may see it differently`, () => {
    assert.equal(load(certificate(files), at).ok, true)
    assert.ok(
      problems(certificate(files), at).some(text => said.test(text)),
      problems(certificate(files), at).join('\n'),
    )
  })
}

test('a certificate of our own that we would refuse ourselves is a warning that says why', () => {
  const wrong = testHost(root, { names: ['dc1'], purposes: [extendedKeyUsages.codeSigning] })
  file('wrong.pem', pem(wrong))
  file('wrong.key', keyPem(wrong))
  assert.match(
    problems(certificate({ own: 'wrong.pem', key: 'wrong.key' })).join(),
    /would not accept its own certificate: .*other purposes/,
  )
  const foreign = testHost(testAuthority('Other CA'), { names: ['dc1'] })
  file('foreign.pem', pem(foreign))
  file('foreign.key', keyPem(foreign))
  assert.match(
    problems(certificate({ own: 'foreign.pem', key: 'foreign.key' })).join(),
    /would not accept its own certificate/,
  )
})
