// Lines as Wireshark's table has them; test/demo.test.ts and test/interop/ike have Wireshark read such lines.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../base/secret.ts'
import { ciphers } from '../crypto/ciphers.ts'
import { type IkeSuite, ikeSuiteOf } from '../crypto/ike-suites.ts'
import { integrityAlgorithms } from '../crypto/integrity.ts'
import { prfs } from '../crypto/prf.ts'
import { ikeTable, type KeysTold } from './wireshark-table.ts'

const octets = (count: number, value: number) => new Secret(new Uint8Array(count).fill(value))

function told(suite: IkeSuite): KeysTold {
  const { cipher, integrity } = suite
  const side = (value: number) => ({
    cipher: octets(cipher.keyBytes + cipher.saltBytes, value),
    integrity: octets(integrity?.keyBytes ?? 0, value + 1),
    authentication: octets(32, value + 2),
  })
  const keys = { derivation: octets(32, 9), initiator: side(0xa0), responder: side(0xb0) }
  const [initiatorSpi, responderSpi] = [new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)]
  return { kind: 'keys', initiatorSpi, responderSpi, suite, keys: new Secret(keys) }
}

function suite(cipher: string, bits: number | undefined, integrity?: string): IkeSuite {
  const found = ciphers.find(({ name, keyLengthAttribute, icvBytes }) => {
    return name === cipher && keyLengthAttribute === bits && (icvBytes === 0 || icvBytes === 16)
  })
  return ikeSuiteOf(
    prfs[0]!,
    found!,
    integrity === undefined ? undefined : integrityAlgorithms.find(row => row.name === integrity),
  )!
}

test('a line has SPIs, both keys of each kind and the two algorithms; the salt stands behind its key', () => {
  const [a0, b0] = ['a0'.repeat(36), 'b0'.repeat(36)]
  const start = `${'01'.repeat(8)},${'02'.repeat(8)}`
  assert.equal(
    ikeTable([told(suite('aes-gcm', 256))]),
    `${start},${a0},${b0},"AES-GCM-256 with 16 octet ICV [RFC5282]",,,"NONE [RFC4306]"\n`,
  )
  assert.equal(
    ikeTable([told(suite('aes-cbc', 128, 'hmac-sha2-256'))]),
    `${start},${'a0'.repeat(16)},${'b0'.repeat(16)},"AES-CBC-128 [RFC3602]",` +
      `${'a1'.repeat(32)},${'b1'.repeat(32)},"HMAC_SHA2_256_128 [RFC4868]"\n`,
  )
})

test('what Wireshark cannot open has no line', () => {
  const lines = ikeTable([
    told(suite('chacha20-poly1305', undefined)),
    told(suite('aes-cbc', 256, 'aes-xcbc')),
    told(suite('3des-cbc', undefined, 'hmac-sha1')),
  ])
  assert.equal(lines.split('\n').length, 2)
  assert.match(lines, /"3DES \[RFC2451\]"/)
})
