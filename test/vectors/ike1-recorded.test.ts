// Whole exchanges of IKEv1 that RUB-NDS recorded against strongSwan, opened with the keys of their tests: main mode with a
// pre-shared key, its quick mode, and a notification behind a main mode. Every hash inside has to be right, with our codecs,
// our chain of IVs and our keys.
import assert from 'node:assert/strict'
import { getDiffieHellman } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { findCipher } from '../../src/crypto/ciphers.ts'
import { DER_INTEGER, DER_OCTET_STRING, DER_SEQUENCE, readDer, readOne } from '../../src/crypto/der.ts'
import { openContent, sealContent } from '../../src/crypto/ike1-envelope.ts'
import {
  answerHash,
  baseKeyOfSharedKey,
  child1KeyMaterial,
  closingHash,
  exchangeIv,
  firstIv,
  type Ike1Keys,
  ike1KeysOf,
  initiatorHash,
  messageHash,
  responderHash,
} from '../../src/crypto/ike1-keys.ts'
import { ike1Hashes, ike1SuiteOf } from '../../src/crypto/ike1-suites.ts'
import { describePayloadsV1 } from '../../src/wire/ike/v1-describe.ts'
import {
  bodiesOfMessageV1,
  bodiesOfV1,
  type MessageV1,
  readInsideV1,
  readMessageV1,
  writeInsideV1,
} from '../../src/wire/ike/v1-message.ts'
import type { PayloadKindV1, PayloadV1, PayloadV1Of } from '../../src/wire/ike/v1-payloads.ts'

const folder = join(import.meta.dirname, '../../../shared/testdata/ike-recorded/rub-nds')
const skip = existsSync(folder) ? false : 'skipped, because ../shared is not here'
const suite = ike1SuiteOf(ike1Hashes.find(({ name }) => name === 'sha1')!, findCipher('aes-cbc', 16, 0)!)!
const hex = (text: string) => Uint8Array.fromHex(text)

interface Recorded {
  readonly messages: readonly { readonly label: string; readonly request: string; readonly response: string }[]
  readonly tests: readonly { readonly test: string; readonly steps: readonly { readonly hex?: readonly string[] }[] }[]
}
const recorded: Recorded =
  skip === false ? JSON.parse(readFileSync(join(folder, 'IKEv1-handshakes.json'), 'utf8')) : { messages: [], tests: [] }

/** The messages whose label begins so, in the order of travel. */
function messagesOf(label: string): readonly Uint8Array[] {
  return recorded.messages
    .filter(each => each.label.startsWith(label))
    .flatMap(({ request, response }) => [request, response].filter(text => text !== '').map(hex))
}

/** The number at the end of a private key of Diffie-Hellman in PKCS #8. */
function privateNumber(name: string): bigint {
  const steps = recorded.tests.find(each => each.test === name)!.steps
  const key = steps.map(step => step.hex?.[0]).find(text => text?.startsWith('308201210201'))!
  const fields = readDer(readOne(hex(key), DER_SEQUENCE)!)!
  const octets = fields.find(({ tag }) => tag === DER_OCTET_STRING)!
  return BigInt(`0x${readOne(octets.content, DER_INTEGER)!.toHex()}`)
}

/** g^xy in group 2, as long as the prime. */
function sharedSecret(own: bigint, peer: Uint8Array): Secret<Uint8Array> {
  const prime = BigInt(`0x${getDiffieHellman('modp2').getPrime('hex')}`)
  let [result, base] = [1n, BigInt(`0x${peer.toHex()}`)]
  for (let left = own; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * base) % prime
    base = (base * base) % prime
  }
  return new Secret(hex(result.toString(16).padStart(256, '0')))
}

function read(datagram: Uint8Array): MessageV1 {
  const message = readMessageV1(datagram)
  assert.ok(message.ok)
  return message.value
}

function only<K extends PayloadKindV1>(payloads: readonly PayloadV1[], kind: K): PayloadV1Of<K> {
  const found = payloads.filter(each => each.kind === kind)
  assert.equal(found.length, 1, kind)
  return found[0] as unknown as PayloadV1Of<K>
}

function clear(datagram: Uint8Array): readonly PayloadV1[] {
  const message = read(datagram)
  assert.ok(message.kind === 'clear')
  return message.payloads
}

interface Opened {
  readonly payloads: readonly PayloadV1[]
  readonly bodies: readonly Uint8Array[]
  readonly hash: string
  /** What is behind the HASH payload, where it is the first. */
  readonly behind: Uint8Array
  readonly nextIv: Uint8Array
}

function open(keys: Ike1Keys, datagram: Uint8Array, iv: Uint8Array): Opened {
  const message = read(datagram)
  assert.ok(message.kind === 'sealed')
  const opened = openContent(suite.cipher, keys.cipher, iv, message.sealed)
  assert.ok(opened !== undefined)
  const inside = readInsideV1(message.firstInside, opened.opened)
  assert.ok(inside.ok, inside.ok ? '' : inside.error.what)
  const { payloads, length } = inside.value
  const { hash } = only(payloads, 'hash')
  // Written again and sealed again it is what was sent, but for what the sender padded with.
  const { content } = writeInsideV1(payloads)
  assert.deepEqual(content, opened.opened.slice(0, length))
  const whole = sealContent(suite.cipher, keys.cipher, iv, opened.opened)
  assert.deepEqual(whole, { sealed: message.sealed, nextIv: opened.nextIv })
  return {
    payloads,
    bodies: bodiesOfV1(message.firstInside, opened.opened),
    hash: hash.toHex(),
    behind: opened.opened.slice(4 + hash.length, length),
    nextIv: opened.nextIv,
  }
}

function mainMode([m1, m2, m3, m4, m5, m6]: readonly Uint8Array[], testName: string) {
  const { initiatorSpi, responderSpi } = read(m2!).header
  const cookie = (value: bigint) => hex(value.toString(16).padStart(16, '0'))
  const cookies = { initiator: cookie(initiatorSpi), responder: cookie(responderSpi) }
  const [three, four] = [clear(m3!), clear(m4!)]
  const nonces = { initiator: only(three, 'nonce').nonce, responder: only(four, 'nonce').nonce }
  const values = {
    initiator: only(three, 'key-exchange').publicValue,
    responder: only(four, 'key-exchange').publicValue,
  }
  const shared = sharedSecret(privateNumber(testName), values.responder)
  const base = baseKeyOfSharedKey(suite, new Secret(new TextEncoder().encode('AAAA')), nonces)
  const keys = ike1KeysOf(suite, base, shared, cookies)
  const association = bodiesOfMessageV1(m1!)[0]!
  const five = open(keys, m5!, firstIv(suite, values))
  const first = { cookies, values, association, identity: five.bodies[0]! }
  assert.equal(five.hash, initiatorHash(suite.prf, base, first).toHex())
  // Two messages may stand in one answer.
  const length = new DataView(m6!.buffer, m6!.byteOffset).getUint32(24)
  const six = open(keys, m6!.slice(0, length), five.nextIv)
  assert.equal(six.hash, responderHash(suite.prf, base, { ...first, identity: six.bodies[0]! }).toHex())
  return { keys, six, rest: m6!.slice(length), five }
}

test('a main mode with a pre-shared key opens, and both sides prove it', { skip }, () => {
  const { five, six } = mainMode(messagesOf('Main PSK m'), 'testMainModePSKHandshake')
  assert.equal(describePayloadsV1(five.payloads), 'ID(10.0.3.1) HASH')
  assert.equal(describePayloadsV1(six.payloads), 'ID(10.0.3.10) HASH')
})

test('the quick mode behind it opens: three hashes, and keys for both directions', { skip }, () => {
  const { keys, six } = mainMode(messagesOf('Main PSK m'), 'testMainModePSKHandshake')
  const [q1, q2, q3] = messagesOf('Main PSK q')
  const { messageId } = read(q1!).header
  const one = open(keys, q1!, exchangeIv(suite, six.nextIv, messageId))
  const two = open(keys, q2!, one.nextIv)
  const three = open(keys, q3!, two.nextIv)
  const nonces = { initiator: only(one.payloads, 'nonce').nonce, responder: only(two.payloads, 'nonce').nonce }
  assert.equal(one.hash, messageHash(suite, keys, messageId, one.behind).toHex())
  assert.equal(two.hash, answerHash(suite, keys, messageId, nonces.initiator, two.behind).toHex())
  assert.equal(three.hash, closingHash(suite, keys, messageId, nonces).toHex())
  assert.match(describePayloadsV1(one.payloads), /^HASH SA\(ESP aes-cbc-128 hmac-sha1 tunnel\) NONCE\(8 octets\) ID/)
  const spis = [one, two].map(({ payloads }) => only(payloads, 'security-association').proposals[0]!.spi)
  const material = spis.map(spi =>
    child1KeyMaterial(suite.prf, keys.derivation, undefined, nonces, 'esp', spi, 36).reveal().toHex(),
  )
  assert.notEqual(material[0], material[1])
  assert.deepEqual(
    material.map(text => text.length),
    [72, 72],
  )
})

test('a responder that shortens a lifetime says so behind its last message of main mode', { skip }, () => {
  const labels = ['Messages for testMoreThanOne', 'The answer in this pair']
  const all = labels.flatMap(messagesOf)
  assert.equal(all.length, 6)
  const { keys, six, rest } = mainMode(all, 'testMoreThanOneMessageHandshake')
  const { messageId } = read(rest).header
  const told = open(keys, rest, exchangeIv(suite, six.nextIv, messageId))
  assert.equal(told.hash, messageHash(suite, keys, messageId, told.behind).toHex())
  assert.equal(describePayloadsV1(told.payloads), 'HASH N(RESPONDER-LIFETIME 300 s)')
})
