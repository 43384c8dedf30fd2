// A whole main mode, quick mode and deletion that our codecs and keys make, opened by tshark with nothing but the first cookie
// and the cipher's key (its table `ikev1_decryption_table`): for every cipher and hash that it knows.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../../src/base/random.ts'
import { Secret } from '../../src/base/secret.ts'
import { ciphers } from '../../src/crypto/ciphers.ts'
import { sealContent } from '../../src/crypto/ike1-envelope.ts'
import {
  answerHash,
  baseKeyOfSharedKey,
  closingHash,
  exchangeIv,
  firstIv,
  type Ike1Keys,
  ike1KeysOf,
  initiatorHash,
  messageHash,
  responderHash,
} from '../../src/crypto/ike1-keys.ts'
import { type Ike1Suite, ike1Hashes, ike1SuiteOf } from '../../src/crypto/ike1-suites.ts'
import { findKeyExchange } from '../../src/crypto/key-exchange.ts'
import { beginKeyExchange, respondToKeyExchange } from '../../src/crypto/run-key-exchange.ts'
import { child1Proposals } from '../../src/keying/choose-child-v1.ts'
import { mainModeTransform } from '../../src/keying/transforms-v1.ts'
import { writeInsideV1, writeMessageV1 } from '../../src/wire/ike/v1-message.ts'
import { COMMIT_FLAG, ENCRYPTED_FLAG, exchangeTypesV1 } from '../../src/wire/ike/v1-numbers.ts'
import { bodyOfV1, type PayloadV1, payloadTypeV1, payloadV1 } from '../../src/wire/ike/v1-payloads.ts'
import { associationOf } from '../../src/wire/ike/v1-security-association.ts'
import { vendorId, windowsVendorId } from '../../src/wire/ike/v1-vendor-ids.ts'
import { pcap } from '../../src/wire/test-captures.ts'
import { ipv4, RAW_IP, udp } from '../build-frames.ts'

const noTshark = spawnSync('tshark', ['--version']).error === undefined ? false : 'because tshark is not installed'

const random = seededRandom(20_261_124)
function octets(count: number): Uint8Array {
  const made = new Uint8Array(count)
  random.fill(made)
  return made
}

const number64 = (cookie: Uint8Array) => BigInt(`0x${cookie.toHex()}`)

interface Sent {
  readonly datagram: Uint8Array
  /** What tshark has to find, a proposal and a transform as payloads too. */
  readonly types: string
}

function flatTypes(payload: PayloadV1): readonly number[] {
  const inside = payload.kind === 'security-association' ? payload.proposals : []
  return [payloadTypeV1(payload), ...inside.flatMap(({ transforms }) => [2, ...transforms.map(() => 3)])]
}

/** Ten messages in the order of travel, with the line of Wireshark's table that opens them. */
function wholeExchange(suite: Ike1Suite): { readonly sent: readonly Sent[]; readonly table: string } {
  const cookies = { initiator: octets(8), responder: octets(8) }
  const nonces = { initiator: octets(16), responder: octets(32) }
  const method = findKeyExchange('modp-1024')
  const begun = beginKeyExchange(method)
  const answered = respondToKeyExchange(method, begun.public)
  assert.ok(answered.ok)
  const values = { initiator: begun.public, responder: answered.value.public }
  const base = baseKeyOfSharedKey(suite, new Secret(octets(20)), nonces)
  const keys = ike1KeysOf(suite, base, answered.value.secret, cookies)

  const sent: Sent[] = []
  const header = (exchange: number, messageId: number, flags: number, isFirst = false) => ({
    initiatorSpi: number64(cookies.initiator),
    responderSpi: isFirst ? 0n : number64(cookies.responder),
    version: { major: 1, minor: 0 },
    exchange,
    flags,
    messageId,
  })
  const types = (payloads: readonly PayloadV1[]) => payloads.flatMap(flatTypes).join(',')
  const main = exchangeTypesV1.of['main mode']
  const sendClear = (payloads: readonly PayloadV1[], isFirst = false) => {
    const datagram = writeMessageV1({ kind: 'clear', header: header(main, 0, 0, isFirst), payloads })
    sent.push({ datagram, types: types(payloads) })
  }
  const sendSealed = (exchange: number, id: number, payloads: readonly PayloadV1[], iv: Uint8Array, flags = 0) => {
    const { first, content } = writeInsideV1(payloads)
    const { sealed, nextIv } = sealContent(suite.cipher, keys.cipher, iv, content)
    const head = header(exchange, id, ENCRYPTED_FLAG | flags)
    const datagram = writeMessageV1({ kind: 'sealed', header: head, firstInside: first, sealed })
    sent.push({ datagram, types: types(payloads) })
    return nextIv
  }

  const terms = { suite, group: method.transform, authentication: 1, lifetimes: { seconds: 28_800 } }
  const spi = new Uint8Array(0)
  const proposals = [{ number: 1, protocol: 1, spi, transforms: [mainModeTransform(1, terms)] }]
  const association = payloadV1('security-association', associationOf(proposals))
  const vendor = payloadV1('vendor-id', { id: windowsVendorId(4) })
  sendClear([association, vendor, payloadV1('vendor-id', { id: vendorId('natTraversal') })], true)
  sendClear([association, vendor])
  const natDetection = payloadV1('nat-detection', { hash: octets(20) })
  for (const side of ['initiator', 'responder'] as const) {
    const exchanged = payloadV1('key-exchange', { publicValue: values[side] })
    sendClear([exchanged, payloadV1('nonce', { nonce: nonces[side] }), natDetection, natDetection])
  }

  let iv = firstIv(suite, values)
  for (const [hash, last] of [
    [initiatorHash, 1],
    [responderHash, 2],
  ] as const) {
    const data = Uint8Array.of(192, 0, 2, last)
    const identity = payloadV1('identification', { type: 1, protocol: 17, port: 500, data })
    const parts = { cookies, values, association: bodyOfV1(association), identity: bodyOfV1(identity) }
    iv = sendSealed(main, 0, [identity, payloadV1('hash', { hash: hash(suite.prf, base, parts) })], iv)
  }
  quickMode(suite, keys, iv, sendSealed)
  const spis = [Uint8Array.of(...cookies.initiator, ...cookies.responder)]
  const deletion = payloadV1('delete', { doi: 1, protocol: 1, spiSize: 16, spis })
  const told = messageHash(suite, keys, 77, writeInsideV1([deletion]).content)
  const { informational } = exchangeTypesV1.of
  sendSealed(informational, 77, [payloadV1('hash', { hash: told }), deletion], exchangeIv(suite, iv, 77))
  return { sent, table: `${cookies.initiator.toHex()},${keys.cipher.reveal().toHex()}` }
}

type SendSealed = (
  exchange: number,
  id: number,
  payloads: readonly PayloadV1[],
  iv: Uint8Array,
  flags?: number,
) => Uint8Array

function quickMode(suite: Ike1Suite, keys: Ike1Keys, lastBlock: Uint8Array, sendSealed: SendSealed): void {
  const id = 0xdeadbeef
  const exchange = exchangeTypesV1.of['quick mode']
  const nonces = { initiator: octets(16), responder: octets(16) }
  const identities = [1, 2].map(last =>
    payloadV1('identification', { type: 1, protocol: 6, port: 445, data: Uint8Array.of(192, 0, 2, last) }),
  )
  const offers = {
    security: ['ah-sha1+esp-3des-md5', 'esp-aes256gcm16', 'esp-aes128-sha256'],
    methods: [undefined],
    mode: 'transport' as const,
    encapsulation: 'none' as const,
    extendedSequence: 'never' as const,
    lifetimes: { seconds: 3600, kilobytes: 100_000 },
  }
  const inside = (nonce: Uint8Array) => {
    const proposals = child1Proposals(offers, { esp: octets(4), ah: octets(4) })
    return [payloadV1('security-association', associationOf(proposals)), payloadV1('nonce', { nonce }), ...identities]
  }
  const hashed = (hash: Uint8Array, payloads: readonly PayloadV1[]) => [payloadV1('hash', { hash }), ...payloads]
  const asked = inside(nonces.initiator)
  const first = messageHash(suite, keys, id, writeInsideV1(asked).content)
  let iv = sendSealed(exchange, id, hashed(first, asked), exchangeIv(suite, lastBlock, id))
  const answer = inside(nonces.responder)
  const second = answerHash(suite, keys, id, nonces.initiator, writeInsideV1(answer).content)
  iv = sendSealed(exchange, id, hashed(second, answer), iv, COMMIT_FLAG)
  sendSealed(exchange, id, hashed(closingHash(suite, keys, id, nonces), []), iv)
}

/** What tshark can open; of hashes it needs those of RFC 2409 and SHA-2 for the IV. */
const suites = ike1Hashes.flatMap(hash => ciphers.flatMap(cipher => ike1SuiteOf(hash, cipher) ?? []))

for (const suite of suites) {
  const name = `${suite.cipher.name} of ${8 * suite.cipher.keyBytes} bits with ${suite.hash.name}`
  test(`tshark opens a whole exchange of IKEv1: ${name}`, { skip: noTshark }, t => {
    const folder = mkdtempSync(join(tmpdir(), 'sealwire-ikev1-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const { sent, table } = wholeExchange(suite)
    const [a, b] = ['192.0.2.1', '192.0.2.2']
    // Main mode and quick mode alternate; the deletion behind them is the initiator's.
    const records = sent.map(({ datagram }, seconds) => {
      const isInitiators = seconds % 2 === 0 || seconds === 9
      const [from, to] = isInitiators ? [a, b] : [b, a]
      return { seconds, fraction: 0, frame: ipv4(from, to, 17, udp(500, 500, datagram)) }
    })
    const file = join(folder, 'exchange.pcap')
    writeFileSync(file, pcap({ little: true }, records, { link: RAW_IP }))
    const fields = ['isakmp.typepayload', '_ws.malformed'].flatMap(field => ['-e', field])
    const options = ['-n', '-r', file, '-o', `uat:ikev1_decryption_table:${table}`, '-T', 'fields', ...fields]
    const ran = spawnSync('tshark', options, { encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stderr)
    assert.deepEqual(
      ran.stdout.split('\n').slice(0, -1),
      sent.map(({ types }) => `${types}\t`),
    )
  })
}
