// PKCS #12 and private keys under a passphrase: what OpenSSL writes in its new and old ways is read, what we write OpenSSL
// reads, and no octets are an error.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { concatenate } from '../base/bytes.ts'
import { derElement, readDer } from './der.ts'
import { pkcs12Key } from './password-encryption.ts'
import { looksLikePkcs12, readPkcs12, writePkcs12 } from './pkcs12.ts'
import { describeKey, readPrivateKey, readPublicKey, whyNotForIke } from './private-key.ts'
import { decipherRc2Cbc } from './rc2.ts'
import { testAuthority, testHost } from './test-certificates.ts'
import { writePem } from './x509/pem.ts'

const hex = (text: string) => Uint8Array.fromHex(text.replace(/\s/g, ''))
const folder = mkdtempSync(join(tmpdir(), 'sealwire-pkcs12-'))
after(() => rmSync(folder, { recursive: true }))
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const skip = hasOpenssl ? false : 'skipped, because openssl is not installed'
const hasLegacy = hasOpenssl && spawnSync('openssl', ['list', '-provider', 'legacy', '-providers']).status === 0
const skipLegacy = hasLegacy ? false : "skipped, because OpenSSL's legacy provider is not installed"

function openssl(...words: readonly string[]): void {
  const ran = spawnSync('openssl', words, { encoding: 'utf8', cwd: folder })
  assert.equal(ran.status, 0, ran.stderr)
}

const bytesOf = (name: string) => new Uint8Array(readFileSync(join(folder, name)))

const ca = testAuthority('Corp CA')
const host = testHost(ca, { names: ['dc1.corp.test'] })
const keyDer = new Uint8Array(host.key.export({ type: 'pkcs8', format: 'der' }))
writeFileSync(join(folder, 'host.pem'), writePem('CERTIFICATE', host.certificate.der))
writeFileSync(join(folder, 'ca.pem'), writePem('CERTIFICATE', ca.certificate.der))
writeFileSync(join(folder, 'host.key'), host.key.export({ type: 'pkcs8', format: 'pem' }))

test('RC2 deciphers as RFC 2268 §5 prints it', () => {
  const vectors: readonly (readonly [key: string, bits: number, clear: string, sealed: string])[] = [
    ['0000000000000000', 63, '0000000000000000', 'ebb773f993278eff'],
    ['ffffffffffffffff', 64, 'ffffffffffffffff', '278b27e42e2f0d49'],
    ['3000000000000000', 64, '1000000000000001', '30649edf9be7d2c2'],
    ['88', 64, '0000000000000000', '61a8a244adacccf0'],
    ['88bca90e90875a', 64, '0000000000000000', '6ccf4308974c267f'],
    ['88bca90e90875a7f0f79c384627bafb2', 64, '0000000000000000', '1a807d272bbe5db1'],
    ['88bca90e90875a7f0f79c384627bafb2', 128, '0000000000000000', '2269552ab0f85ca6'],
    [`88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e`, 129, '0000000000000000', '5b78d3a43dfff1f1'],
  ]
  for (const [key, bits, clear, sealed] of vectors) {
    assert.deepEqual(decipherRc2Cbc(hex(key), bits, new Uint8Array(8), hex(sealed)), hex(clear), `${key}/${bits}`)
  }
})

test("PKCS #12's key derivation fills several blocks and differs by use", () => {
  const password = hex('0073006d006500670000')
  const salt = hex('0a58cf64530d823f')
  const key = pkcs12Key('sha1', password, salt, 1, 1, 24)
  // Widely printed for "smeg", one iteration.
  assert.deepEqual(key, hex('8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3'))
  assert.deepEqual(pkcs12Key('sha1', password, salt, 1, 2, 8), hex('79993dfe048d3b76'))
  assert.notDeepEqual(pkcs12Key('sha1', password, salt, 1, 3, 24), key)
})

const salt = (fill: number) => ({ salt: new Uint8Array(16).fill(fill), iv: new Uint8Array(16).fill(fill + 1) })
const salts = { certificates: salt(1), key: salt(3), mac: new Uint8Array(16).fill(5) }
const content = { keys: [keyDer], certificates: [host.certificate.der, ca.certificate.der] }

test('what we write we read, and only with its passphrase', () => {
  const file = writePkcs12(content, 'Größe', salts)
  assert.ok(looksLikePkcs12(file))
  assert.deepEqual(readPkcs12(file, 'Größe'), { ok: true, value: content })
  for (const wrong of ['', 'Grösse', 'Größe ']) {
    const read = readPkcs12(file, wrong)
    assert.equal(read.ok ? 'read' : read.error.kind, 'wrong-passphrase', wrong)
  }
})

/** DER with every length left open and every string of octets in two pieces, as old browsers wrote. */
function loosened(der: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { tag, content: inner } of readDer(der)!) {
    const isString = tag === 0x04 || tag === 0x80
    if (isString) {
      const half = Math.floor(inner.length / 2)
      const pieces = [inner.subarray(0, half), inner.subarray(half)].map(piece => derElement(0x04, piece))
      parts.push(Uint8Array.of(tag === 0x04 ? 0x24 : 0xa0, 0x80), ...pieces, Uint8Array.of(0, 0))
    } else if ((tag & 0x20) === 0) parts.push(derElement(tag, inner))
    else parts.push(Uint8Array.of(tag, 0x80), loosened(inner), Uint8Array.of(0, 0))
  }
  return concatenate(parts)
}

test('lengths left open and strings in pieces are read as well', () => {
  const file = loosened(writePkcs12(content, 'secret', salts))
  assert.ok(looksLikePkcs12(file))
  assert.deepEqual(readPkcs12(file, 'secret'), { ok: true, value: content })
  for (let length = 0; length < file.length; length += 7) {
    assert.equal(readPkcs12(file.subarray(0, length), 'secret').ok, false)
  }
})

test('OpenSSL reads what we write', { skip }, () => {
  writeFileSync(join(folder, 'ours.p12'), writePkcs12(content, 'Größe', salts))
  openssl('pkcs12', '-in', 'ours.p12', '-passin', 'pass:Größe', '-nodes', '-out', 'ours.pem')
  const key = createPrivateKey(readFileSync(join(folder, 'ours.pem')))
  assert.ok(key.equals(host.key))
})

const ways: readonly (readonly [title: string, words: readonly string[], passphrase: string, needsLegacy: boolean])[] =
  [
    ['as OpenSSL does today', [], 'secret', false],
    ['as Windows did: RC2 with 40 bits and 3DES', ['-legacy'], 'secret', true],
    ['with 3DES alone', ['-legacy', '-descert'], 'secret', true],
    [
      'with RC2 of 128 bits and two keys of DES',
      ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-2DES'],
      'secret',
      true,
    ],
    [
      'with AES of 128 bits and a MAC of SHA-512',
      ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-192-CBC', '-macalg', 'sha512'],
      'secret',
      false,
    ],
    ['with an empty passphrase', [], '', false],
    ['with letters beyond ASCII', ['-legacy'], 'Größe €', true],
    ['without protection', ['-certpbe', 'NONE', '-keypbe', 'NONE', '-nomac'], '', false],
  ]

for (const [title, words, passphrase, needsLegacy] of ways) {
  test(`a file made ${title} is read`, { skip: needsLegacy ? skipLegacy : skip }, () => {
    const files = ['-inkey', 'host.key', '-in', 'host.pem', '-certfile', 'ca.pem', '-out', 'theirs.p12']
    openssl('pkcs12', '-export', ...words, ...files, '-passout', `pass:${passphrase}`)
    const bytes = bytesOf('theirs.p12')
    assert.ok(looksLikePkcs12(bytes))
    const read = readPkcs12(bytes, passphrase)
    assert.ok(read.ok, read.ok ? '' : read.error.what)
    assert.deepEqual(read.value.certificates, content.certificates)
    assert.ok(
      createPrivateKey({ key: Buffer.from(read.value.keys[0]!), format: 'der', type: 'pkcs8' }).equals(host.key),
    )
  })
}

test('a file protected by RC4 is refused with the name of what it would need', { skip: skipLegacy }, () => {
  const words = ['-legacy', '-certpbe', 'PBE-SHA1-RC4-128', '-inkey', 'host.key', '-in', 'host.pem']
  openssl('pkcs12', '-export', ...words, '-out', 'rc4.p12', '-passout', 'pass:x')
  const read = readPkcs12(bytesOf('rc4.p12'), 'x')
  assert.match(read.ok ? '' : read.error.what, /not known here: encryption RC4 with 128 bits/)
})

test('octets of any content, and every damaged file, end in words', () => {
  fc.assert(fc.property(fc.uint8Array(), bytes => assert.equal(readPkcs12(bytes, 'x').ok, false)))
  const file = writePkcs12(content, 'x', salts)
  for (const at of [1, 5, 20, 40, 60, 200, file.length - 1]) {
    const damaged = Uint8Array.from(file)
    damaged[at]! ^= 0x55
    assert.equal(readPkcs12(damaged, 'x').ok, false, String(at))
  }
  assert.equal(readPkcs12(hex('3080 0201 03'), 'x').ok, false)
})

const keyForms: readonly (readonly [title: string, words: readonly string[]])[] = [
  ['PKCS #8 in PEM', ['pkcs8', '-topk8', '-nocrypt']],
  ['PKCS #8 in DER', ['pkcs8', '-topk8', '-nocrypt', '-outform', 'DER']],
  ['PKCS #8 under a passphrase', ['pkcs8', '-topk8', '-passout', 'pass:secret']],
  ['PKCS #8 under a passphrase in DER', ['pkcs8', '-topk8', '-passout', 'pass:secret', '-outform', 'DER']],
  ['PKCS #8 with scrypt', ['pkcs8', '-topk8', '-scrypt', '-passout', 'pass:secret']],
  ['PKCS #8 with 3DES', ['pkcs8', '-topk8', '-v1', 'PBE-SHA1-3DES', '-passout', 'pass:secret']],
  ['SEC 1', ['ec']],
  ['SEC 1 in DER', ['ec', '-outform', 'DER']],
  ["OpenSSL's old encryption", ['ec', '-aes256', '-passout', 'pass:secret']],
]

for (const [title, words] of keyForms) {
  test(`a private key in the form ${title} is read`, { skip }, () => {
    openssl(...words, '-in', 'host.key', '-out', 'form.key')
    const bytes = bytesOf('form.key')
    const read = readPrivateKey(bytes, 'secret')
    assert.ok(read.ok, read.ok ? '' : read.error.what)
    assert.ok(read.value.equals(host.key))
    if (!words.includes('-passout')) return
    const kindOf = (passphrase?: string) => {
      const tried = readPrivateKey(bytes, passphrase)
      return tried.ok ? 'read' : tried.error.kind
    }
    assert.deepEqual([kindOf(), kindOf('wrong')], ['needs-passphrase', 'wrong-passphrase'])
  })
}

test('what is no private key is told apart: public parts, a key of OpenSSH, anything else', () => {
  const what = (text: string) => {
    const read = readPrivateKey(new TextEncoder().encode(text), undefined)
    return read.ok ? '' : read.error.what
  }
  assert.match(what(writePem('CERTIFICATE', host.certificate.der)), /only public parts/)
  assert.match(what(writePem('OPENSSH PRIVATE KEY', keyDer)), /ssh-keygen -p -m PKCS8/)
  assert.match(what('hello'), /no private key/)
  fc.assert(fc.property(fc.uint8Array(), bytes => assert.equal(readPrivateKey(bytes, 'x').ok, false)))
})

const sshLines: readonly (readonly [line: string, key: string])[] = [
  ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f host', 'Ed25519'],
]

for (const [line, key] of sshLines) {
  test(`OpenSSH's line of ${key} is a public key`, () => {
    const read = readPublicKey(new TextEncoder().encode(line))
    assert.ok(read.ok)
    assert.equal(describeKey(read.value), key)
  })
}

test('a public key is taken from SPKI, a certificate and DER, and never from a private key', () => {
  const octets = (text: string | Buffer) => new TextEncoder().encode(text.toString())
  const { publicKey, der, publicKeyInfo } = host.certificate
  for (const bytes of [
    octets(publicKey.export({ type: 'spki', format: 'pem' })),
    octets(writePem('CERTIFICATE', der)),
    der,
    publicKeyInfo,
  ]) {
    const read = readPublicKey(bytes)
    assert.ok(read.ok && read.value.equals(publicKey))
  }
  const read = readPublicKey(octets(host.key.export({ type: 'pkcs8', format: 'pem' })))
  assert.match(read.ok ? '' : read.error.what, /belongs to its owner alone/)
  fc.assert(fc.property(fc.uint8Array(), bytes => assert.equal(readPublicKey(bytes).ok, false)))
  assert.equal(whyNotForIke(publicKey), undefined)
})
