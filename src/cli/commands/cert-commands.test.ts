// `cert ca`, `request`, `sign` and `show` as a person and as a script meet them: files, words, JSON and exit status.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { keyTypes } from '../../agent/certificates/small-authority.ts'
import type { CommandInput, CommandSpec } from '../command.ts'
import { type Ran, runCommand } from '../test-run.ts'
import { certCa } from './cert-ca.ts'
import { certRequest } from './cert-request.ts'
import { certShow } from './cert-show.ts'
import { certSign } from './cert-sign.ts'

const base = mkdtempSync(join(tmpdir(), 'sealwire-cert-'))
after(() => rmSync(base, { recursive: true }))
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'skipped, because openssl is not installed'

function run(command: CommandSpec, options: CommandInput['options'], ...words: readonly string[]): Promise<Ran> {
  return runCommand(command, words, options)
}

async function good(command: CommandSpec, options: CommandInput['options'], ...words: readonly string[]): Promise<Ran> {
  const ran = await run(command, options, ...words)
  assert.equal(ran.status, 0, ran.said)
  return ran
}

let folders = 0
/** A new folder with a CA in it. */
async function withAuthority(options: CommandInput['options'] = {}): Promise<{ out: string; ca: string }> {
  const out = join(base, String(++folders))
  await good(certCa, { name: 'Corp test CA', out, ...options })
  return { out, ca: join(out, 'ca.pem') }
}

const host = { name: ['dc1.corp.test'], address: ['10.54.0.1'] }

test('three commands make a CA and two hosts that it vouches for', async () => {
  const { out, ca } = await withAuthority()
  await good(certRequest, { ...host, ca, out })
  await good(certRequest, { name: ['dc2.corp.test'], address: ['10.54.0.2'], ca, out })
  const names = ['ca.key', 'ca.pem', 'dc1.corp.test.key', 'dc1.corp.test.pem', 'dc2.corp.test.key', 'dc2.corp.test.pem']
  assert.deepEqual(readdirSync(out).toSorted(), names)
  const { out: shown } = await good(certShow, { ca }, join(out, 'dc1.corp.test.pem'), join(out, 'dc2.corp.test.pem'))
  for (const line of [
    'issuer     CN=Corp test CA',
    'for IKE    yes',
    'by the CA  accepted: CN=Corp test CA',
    '10.54.0.2 (address)',
  ]) {
    assert.ok(shown.includes(line), shown)
  }
})

test('private keys are for their owner alone, certificates for everybody', async () => {
  const { out, ca } = await withAuthority()
  await good(certRequest, { ...host, ca, out })
  const modeOf = (name: string) => statSync(join(out, name)).mode & 0o777
  assert.deepEqual([modeOf('ca.key'), modeOf('dc1.corp.test.key')], [0o600, 0o600])
  assert.ok((modeOf('ca.pem') & 0o004) !== 0 || (process.umask() & 0o004) !== 0)
})

test('what is there is not written over, unless --force says so; then a key that all could read no longer is', async () => {
  const { out } = await withAuthority()
  const before = readFileSync(join(out, 'ca.key'), 'utf8')
  const again = { name: 'Another', out }
  const ran = await run(certCa, again)
  assert.equal(ran.status, 2)
  assert.match(ran.said, /ca\.key: there is a file of that name, and this would write a private key over it/)
  assert.equal(readFileSync(join(out, 'ca.key'), 'utf8'), before)
  chmodSync(join(out, 'ca.key'), 0o644)
  await good(certCa, { ...again, force: true })
  assert.notEqual(readFileSync(join(out, 'ca.key'), 'utf8'), before)
  assert.equal(statSync(join(out, 'ca.key')).mode & 0o777, 0o600)
})

for (const keyType of keyTypes) {
  test(`a CA and a host with keys of ${keyType} are accepted, by OpenSSL too`, { skip }, async () => {
    const { out, ca } = await withAuthority({ keyType })
    await good(certRequest, { ...host, ca, out, keyType })
    const certificate = join(out, 'dc1.corp.test.pem')
    await good(certShow, { ca }, certificate)
    const ran = spawnSync('openssl', ['verify', '-x509_strict', '-CAfile', ca, certificate], { encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stderr)
  })
}

const skipPki = spawnSync('pki', ['--help']).status === 0 ? false : "skipped, because strongSwan's pki is not installed"

for (const keyType of keyTypes) {
  test(`strongSwan trusts what a CA with a key of ${keyType} signed`, { skip: skipPki }, async () => {
    const { out, ca } = await withAuthority({ keyType })
    await good(certRequest, { ...host, ca, out, keyType })
    const words = ['--verify', '--in', join(out, 'dc1.corp.test.pem'), '--cacert', ca]
    const ran = spawnSync('pki', words, { encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /certificate trusted/)
  })
}

test('a request goes from the host to the CA and comes back as a certificate with the names that it asked for', async () => {
  const { out, ca } = await withAuthority()
  await good(certRequest, { ...host, upn: ['dc1$@corp.test'], subject: 'CN=dc1,O=Corp', out })
  const request = join(out, 'dc1.corp.test.csr')
  assert.match((await good(certShow, {}, request)).out, /CN=dc1,O=Corp {2}request[\s\S]*signature {2}fits its key/)
  await good(certSign, { ca, days: '30' }, request)
  const { out: json } = await good(certShow, { json: true }, join(out, 'dc1.corp.test.pem'))
  const [shown] = JSON.parse(json).certificates
  assert.equal(shown.subject, 'CN=dc1,O=Corp')
  assert.deepEqual(shown.names, [
    { kind: 'dns', value: 'dc1.corp.test' },
    { kind: 'address', value: '10.54.0.1' },
    { kind: 'upn', value: 'dc1$@corp.test' },
  ])
  assert.deepEqual(shown.extendedKeyUsage, ['ipsecIKE', 'serverAuth', 'clientAuth'])
  assert.equal(shown.isAuthority, false)
  assert.equal(Math.round((Date.parse(shown.notAfter) - Date.now()) / 86_400_000), 30)
})

test('names given to the CA stand in place of those of the request', async () => {
  const { out, ca } = await withAuthority()
  await good(certRequest, { ...host, out })
  await good(certSign, { ca, name: ['dc9.corp.test'] }, join(out, 'dc1.corp.test.csr'))
  const { out: json } = await good(certShow, { json: true }, join(out, 'dc1.corp.test.pem'))
  assert.deepEqual(JSON.parse(json).certificates[0].names, [{ kind: 'dns', value: 'dc9.corp.test' }])
})

test('a request that somebody changed is not signed', async () => {
  const { out, ca } = await withAuthority()
  await good(certRequest, { ...host, out })
  const path = join(out, 'dc1.corp.test.csr')
  const der = Buffer.from(readFileSync(path, 'utf8').replace(/-----.*-----|\n/g, ''), 'base64')
  der.set(Buffer.from('dc9'), der.indexOf('dc1.corp.test'))
  writeFileSync(path, der)
  const ran = await run(certSign, { ca }, path)
  assert.equal(ran.status, 2)
  assert.match(ran.said, /its signature does not fit its own public key/)
  assert.ok(!readdirSync(out).includes('dc1.corp.test.pem'))
})

test('a certificate never outlasts its CA, and that is said', async () => {
  const { out, ca } = await withAuthority({ days: '10' })
  const { said } = await good(certRequest, { ...host, ca, out, days: '365' })
  assert.match(said, /warning: --days: the certificate ends with its CA, on /)
})

test('a request for nobody by name is signed with a warning', async () => {
  const { out, ca } = await withAuthority()
  await good(certRequest, { subject: 'CN=dc1', out })
  const { said } = await good(certSign, { ca }, join(out, 'host.csr'))
  assert.match(said, /it asks for no names: only its subject can be its identity/)
})

test('PKCS #12 is packed for others and opens with its passphrase', { skip }, async () => {
  const { out, ca } = await withAuthority()
  const passphraseFile = join(out, 'passphrase')
  writeFileSync(passphraseFile, 'secret\n')
  await good(certRequest, { ...host, ca, out, p12: true, passphraseFile })
  const path = join(out, 'dc1.corp.test.p12')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const ran = spawnSync('openssl', ['pkcs12', '-in', path, '-passin', 'pass:secret', '-nodes'], { encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  assert.equal(ran.stdout.match(/BEGIN CERTIFICATE/g)?.length, 2)
  assert.match((await good(certShow, { ca, passphraseFile }, path)).out, /CN=dc1\.corp\.test {2}certificate in/)
  const closed = await run(certShow, {}, path)
  assert.deepEqual([closed.status, /protected by a passphrase \(write --passphrase-file/.test(closed.said)], [2, true])
})

const mistakes: readonly (readonly [
  title: string,
  command: CommandSpec,
  options: CommandInput['options'],
  words: readonly string[],
  said: RegExp,
])[] = [
  [
    'days that are no number',
    certCa,
    { name: 'x', days: 'ten' },
    [],
    /--days: "ten" is no number of days \(a number of 1 to/,
  ],
  [
    'a kind of key that nobody has',
    certCa,
    { name: 'x', keyType: 'dsa' },
    [],
    /--key-type: "dsa" is no kind of key \(one of ecdsa-p256/,
  ],
  ['a CA without a name', certCa, { name: ' ' }, [], /--name: it is empty/],
  ['a request for nobody', certRequest, {}, [], /--name: nothing says whom the certificate is for/],
  ['an address that is none', certRequest, { address: ['10.54'] }, [], /--address: "10\.54" is no address/],
  [
    'an address in the place of a name',
    certRequest,
    { name: ['10.54.0.1'] },
    [],
    /--name: "10\.54\.0\.1" is no name of a host/,
  ],
  [
    'a subject that is none',
    certRequest,
    { name: ['a'], subject: 'dc1' },
    [],
    /--subject: "dc1" is no part of a distinguished name/,
  ],
  [
    'a principal that is none',
    certRequest,
    { name: ['a'], upn: ['dc1'] },
    [],
    /--upn: "dc1" is no user principal name/,
  ],
  [
    'a CA that is not there',
    certRequest,
    { name: ['a'], ca: 'no.pem' },
    [],
    /--ca no\.pem: there is no such file[\s\S]*--ca-key no\.key/,
  ],
  [
    'packing without a certificate',
    certRequest,
    { name: ['a'], p12: true },
    [],
    /--p12: there is no certificate yet[\s\S]*needs a passphrase/,
  ],
  ['a request that is not there', certSign, { ca: 'no.pem' }, ['no.csr'], /no\.csr: there is no such file/],
  ['a file that is not there', certShow, {}, ['no.pem'], /no\.pem: there is no such file/],
]

for (const [title, command, options, words, said] of mistakes) {
  test(`${title} ends with 2 and words, and nothing is written`, async () => {
    const out = join(base, 'nothing')
    const ran = await run(command, { ...(command === certShow ? {} : { out }), ...options }, ...words)
    assert.equal(ran.status, 2)
    assert.match(ran.said, said)
    assert.equal(ran.out, '')
    assert.throws(() => statSync(out))
  })
}

test('show answers 1 for what will not do for IKE, and for what the CA does not know', async () => {
  const { out } = await withAuthority()
  const other = await withAuthority()
  await good(certRequest, { ...host, ca: other.ca, out: other.out })
  const certificate = join(other.out, 'dc1.corp.test.pem')
  const ran = await run(certShow, { ca: join(out, 'ca.pem') }, certificate)
  assert.equal(ran.status, 1)
  assert.match(ran.out, /for IKE {4}yes[\s\S]*by the CA {2}not accepted: /)
})

test('JSON is one value on standard output, of what was made and of what was wrong', async () => {
  const out = join(base, 'json')
  const made = await good(certCa, { name: 'Corp', out, json: true })
  const value = JSON.parse(made.out)
  assert.equal(value.ok, true)
  assert.deepEqual(value.files, [
    { path: join(out, 'ca.key'), what: 'private key' },
    { path: join(out, 'ca.pem'), what: 'certificate' },
  ])
  assert.equal(value.certificate.isAuthority, true)
  const again = await run(certCa, { name: 'Corp', out, json: true })
  assert.equal(again.status, 2)
  assert.equal(JSON.parse(again.out).problems.length, 2)
})

test("OpenSSL's requests and CAs work as well as our own", { skip }, async () => {
  const out = join(base, 'openssl')
  await good(certCa, { name: 'Corp', out })
  const key = join(out, 'theirs.key')
  const csr = join(out, 'theirs.csr')
  const words = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', csr, '-subj', '/C=DE/CN=dc1']
  assert.equal(spawnSync('openssl', [...words, '-addext', 'subjectAltName=DNS:dc1.corp.test']).status, 0)
  await good(certSign, { ca: join(out, 'ca.pem') }, csr)
  const ca = join(out, 'openssl-ca.pem')
  const self = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=Theirs', '-days', '20']
  assert.equal(spawnSync('openssl', [...self, '-keyout', join(out, 'openssl-ca.key'), '-out', ca]).status, 0)
  await good(certSign, { ca, out: join(out, 'second.pem') }, csr)
  await good(certShow, { ca }, join(out, 'second.pem'))
})
