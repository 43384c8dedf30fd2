// Encrypted payloads that others sealed, in exchanges recorded with their keys: Wireshark's captures of IKEv2 and those of
// Openswan's tests. Each opens with our envelope, holds whole payloads, and no longer opens when a bit is changed.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { findCipher } from '../../src/crypto/ciphers.ts'
import { openEnvelope } from '../../src/crypto/ike-envelope.ts'
import { firstSeed, ikeKeysOf } from '../../src/crypto/ike-keys.ts'
import { type IkeSuite, ikeSuiteOf } from '../../src/crypto/ike-suites.ts'
import { findIntegrity } from '../../src/crypto/integrity.ts'
import { findKeyExchange } from '../../src/crypto/key-exchange.ts'
import { findPrf } from '../../src/crypto/prf.ts'
import { beginKeyExchange } from '../../src/crypto/run-key-exchange.ts'
import { hex } from './read-vectors.ts'

const folder = join(import.meta.dirname, '../../../shared/testdata')
const skip = existsSync(folder) ? false : 'skipped, because ../shared is not here'
const prf = findPrf('hmac-sha2-256')

const HEADER = 28
const ENCRYPTED = 46

/** Every message in the file that has these SPIs and begins with an encrypted payload, found by its octets alone. */
function sealedMessages(file: string, spis: string): readonly Uint8Array[] {
  const bytes = readFileSync(join(folder, file.replace(/^open\//, '')))
  const found: Uint8Array[] = []
  for (let at = bytes.indexOf(spis, 0, 'hex'); at >= 0; at = bytes.indexOf(spis, at + 1, 'hex')) {
    const length = bytes.readUInt32BE(at + 24)
    if (bytes[at + 16] === ENCRYPTED && bytes[at + 17] === 0x20 && length > 32 && at + length <= bytes.length) {
      found.push(new Uint8Array(bytes.subarray(at, at + length)))
    }
  }
  return found
}

function opensWhole(suite: IkeSuite, cipherKey: string, integrityKey: string, message: Uint8Array): Uint8Array {
  const keys = { cipher: new Secret(hex(cipherKey)), integrity: new Secret(hex(integrityKey)) }
  const content = openEnvelope(suite, keys, message, HEADER + 4)
  assert.ok(content !== undefined)
  let [at, next] = [0, message[HEADER]!]
  while (next !== 0) {
    next = content[at]!
    at += content[at + 2]! * 256 + content[at + 3]!
  }
  assert.equal(at, content.length)
  for (const place of [0, HEADER, HEADER + 5, message.length - 1]) {
    assert.equal(openEnvelope(suite, keys, message.with(place, message[place]! ^ 1), HEADER + 4), undefined)
  }
  return content
}

const sha1Whole = { ...findIntegrity('hmac-sha1')!, icvBytes: 20 }
const wiresharkSuites: readonly (readonly [string, IkeSuite | undefined])[] = [
  ['3DES', ikeSuiteOf(prf, findCipher('3des-cbc', 24, 0)!, sha1Whole)],
  ['AES-CCM-128 with 12', ikeSuiteOf(prf, findCipher('aes-ccm', 16, 12)!)],
  ['AES-CBC-256', ikeSuiteOf(prf, findCipher('aes-cbc', 32, 0)!, findIntegrity('hmac-sha2-256')!)],
  ['AES-CCM-256 with 16', ikeSuiteOf(prf, findCipher('aes-ccm', 32, 16)!)],
  ['AES-GCM-256 with 16', ikeSuiteOf(prf, findCipher('aes-gcm', 32, 16)!)],
]

test("every encrypted message of Wireshark's captures of IKEv2 opens, whatever its cipher", { skip }, t => {
  const recorded = JSON.parse(readFileSync(join(folder, 'ike-recorded/wireshark/keys-and-decrypted.json'), 'utf8'))
  let count = 0
  for (const { capture, ikev2_sa: sessions = [] } of recorded.exchanges) {
    for (const session of sessions) {
      const suite = wiresharkSuites.find(([name]) => session.encr.startsWith(name))?.[1]
      assert.ok(suite !== undefined, session.encr)
      for (const message of sealedMessages(capture, session.spi_i + session.spi_r)) {
        const side = (message[19]! & 0x08) === 0 ? 'r' : 'i'
        opensWhole(suite, session[`SK_e${side}`], session[`SK_a${side}`], message)
        count++
      }
    }
  }
  t.diagnostic(`${count} messages`)
  assert.equal(count, 16)
})

interface OpenswanMessage {
  readonly spi_i: string
  readonly spi_r: string
  readonly msgid: string
  readonly xchg: number
  readonly flags: number
  readonly icv_ok?: boolean
  readonly decrypted?: string
  readonly keys?: { readonly integ: string; readonly SK_a: string; readonly encr: string; readonly SK_e: string }
}

test("every encrypted message of Openswan's that its keys fit opens to the payloads that were found then", {
  skip,
}, t => {
  const recorded = JSON.parse(readFileSync(join(folder, 'ike-recorded/openswan/messages.json'), 'utf8'))
  const integrities: Readonly<Record<string, 'hmac-sha1' | 'hmac-sha2-256' | 'hmac-md5'>> = {
    sha1: 'hmac-sha1',
    sha256: 'hmac-sha2-256',
    md5: 'hmac-md5',
  }
  const counts = { opened: 0, notFitting: 0 }
  for (const { file, messages = [] } of recorded.exchanges) {
    for (const item of messages as readonly OpenswanMessage[]) {
      if (item.keys === undefined) continue
      const { integ, encr, SK_a, SK_e } = item.keys
      const integrity = findIntegrity(integrities[integ]!)
      const cipher = encr.startsWith('3des') ? findCipher('3des-cbc', 24, 0) : findCipher('aes-cbc', SK_e.length / 2, 0)
      assert.ok(integrity !== undefined && cipher !== undefined, `${integ} ${encr}`)
      const suite = ikeSuiteOf(prf, cipher, integrity)!
      const message = sealedMessages(file, item.spi_i + item.spi_r).find(
        bytes => bytes[18] === item.xchg && bytes[19] === item.flags && bytes.slice(20, 24).toHex() === item.msgid,
      )
      if (item.icv_ok !== true || message === undefined) {
        counts.notFitting++
        continue
      }
      const content = opensWhole(suite, SK_e, SK_a, message)
      if (item.decrypted !== undefined) assert.ok(item.decrypted.startsWith(content.toHex()), file)
      counts.opened++
    }
  }
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.opened > 5)
})

test("Openswan's recorded exchange over 2048 bits comes out from the private value to the last key", { skip }, t => {
  const recorded = JSON.parse(readFileSync(join(folder, 'ike-recorded/openswan/dh-kdf.json'), 'utf8'))
  let count = 0
  for (const item of recorded.tests) {
    if (!item.checks['g^secret==gi']) continue
    const own = hex(item.secret)
    const fill = (bytes: Uint8Array) => bytes.fill(0).set(own, bytes.length - own.length)
    const begun = beginKeyExchange(findKeyExchange('modp-2048'), { fill, fraction: () => 0 })
    assert.equal(begun.public.toHex(), item.gi, item.name)
    if (item.checks['all via computed'] !== 'md5') continue
    const finished = begun.finish(hex(item.gr))
    assert.ok(finished.ok && finished.value.reveal().toHex() === item.results_shared, item.name)
    const suite = ikeSuiteOf(findPrf('hmac-md5'), findCipher('3des-cbc', 24, 0)!, findIntegrity('hmac-md5'))!
    const nonces = { initiator: hex(item.ni), responder: hex(item.nr) }
    const spis = { initiator: hex(item.icookie), responder: hex(item.rcookie) }
    const { derivation, initiator, responder } = ikeKeysOf(
      suite,
      firstSeed(suite.prf, nonces, finished.value),
      nonces,
      spis,
    )
    const sides = [initiator, responder].flatMap(side => [side.integrity, side.cipher, side.authentication])
    const names = ['d', 'ai', 'ei', 'pi', 'ar', 'er', 'pr'].map(name => item[`results_skey_${name}`])
    assert.deepEqual(
      [derivation, ...sides].map(key => key.reveal().toHex()),
      names,
    )
    count++
  }
  t.diagnostic(`${count} cases with every key`)
  assert.equal(count, 2)
})
