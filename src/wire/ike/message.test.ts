// IKEv2 messages octet by octet: what is strict, what is ignored, what survives, and how a sealed one is framed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FROM_INITIATOR, RESPONSE } from './header.ts'
import {
  frameOfSealed,
  IKE_VERSION_2,
  inFrontOfSealed,
  type Message,
  type MessageHeader,
  readHeader,
  readInside,
  readMessage,
  sealedOf,
  writeInside,
  writeMessage,
} from './message.ts'
import { notification, readNotify } from './notify.ts'
import { exchangeTypes, payloadTypes } from './numbers.ts'
import { type Payload, payload } from './v2-payloads.ts'

const header: MessageHeader = {
  initiatorSpi: 0x0102030405060708n,
  responderSpi: 0n,
  version: IKE_VERSION_2,
  exchange: exchangeTypes.of.IKE_SA_INIT,
  flags: FROM_INITIATOR,
  messageId: 0,
}

/** A message of payloads that are given as their octets behind the generic header's length. */
function message(first: number, body: string, change: { length?: number; version?: string } = {}): Uint8Array {
  const octets = Buffer.from(body.replace(/\s/g, ''), 'hex')
  const head = Buffer.from(
    `0102030405060708 0000000000000000 00 ${change.version ?? '20'} 22 08 00000000 00000000`.replace(/\s/g, ''),
    'hex',
  )
  head[16] = first
  head.writeUInt32BE(change.length ?? 28 + octets.length, 24)
  return Uint8Array.from(Buffer.concat([head, octets]))
}

function read(bytes: Uint8Array): Message {
  const result = readMessage(bytes)
  assert.ok(result.ok, result.ok ? '' : result.error.what)
  return result.value
}

const { SA, KE, V, N, SK, SKF, IDi, D, TSi, Nonce } = payloadTypes.of
const vendor = '0000 0005 aa'
const nonce = `0000 0014 ${'11'.repeat(16)}`

const refused: readonly (readonly [why: string, bytes: Uint8Array])[] = [
  ['a length larger than the datagram', message(V, vendor, { length: 34 })],
  ['a length smaller than the datagram', message(V, vendor, { length: 32 })],
  ['a length smaller than the header', message(0, '', { length: 27 })],
  ['IKEv1', message(V, vendor, { version: '10' })],
  ['octets without a payload', message(0, '00')],
  ['octets behind the last payload', message(V, `${vendor} 0000`)],
  ['a chain that goes on behind the end', message(V, '2b00 0005 aa')],
  ['a payload of 3 octets', message(V, '0000 0003')],
  ['a payload longer than the message', message(V, '0000 0006 aa')],
  ['a payload behind an encrypted one', message(SK, `2b00 0008 00000000 ${vendor}`)],
  ['a fragment number of zero', message(SKF, '2b00 000c 0000 0001 00000000')],
  ['a fragment behind the last', message(SKF, '0000 000c 0003 0002 00000000')],
  ['a security association without a proposal', message(SA, '0000 0004')],
  ['a last proposal that says more follow', message(SA, '0000 000c 0200 0008 01010000')],
  ['a proposal that says it is the last and is not', message(SA, '0000 0014 0000 0008 01010000 0000 0008 02010000')],
  ['fewer transforms than announced', message(SA, '0000 0014 0000 0010 01010002 0000 0008 0200 0005')],
  ['more transforms than announced', message(SA, '0000 0014 0000 0010 01010000 0000 0008 0200 0005')],
  ['a transform that ends inside an attribute', message(SA, '0000 0016 0000 0012 01010001 0000 000a 0100 000c 800e')],
  ['an SPI longer than its proposal', message(SA, '0000 000c 0000 0008 01010800')],
  ['a nonce of 15 octets', message(Nonce, `0000 0013 ${'11'.repeat(15)}`)],
  ['a nonce of 257 octets', message(Nonce, `0000 0105 ${'11'.repeat(257)}`)],
  ['an IPv4 identification of 3 octets', message(IDi, '0000 000b 01000000 0a0000')],
  ['a notification whose SPI is longer than it', message(N, '0000 000a 01084001 0000')],
  ['a key exchange without its method', message(KE, '0000 0006 001f')],
  ['a deletion of ESP with SPIs of 8 octets', message(D, '0000 0010 03080001 0000000000000001')],
  ['a deletion of more SPIs than it has', message(D, '0000 000c 03040002 00000001')],
  ['a deletion of SPIs without octets', message(D, '0000 0008 0900ffff')],
  ['a selector of IPv4 with the length of IPv6', message(TSi, `0000 0030 01000000 07000028 ${'00'.repeat(36)}`)],
  ['fewer selectors than announced', message(TSi, '0000 0018 02000000 07000010 0000ffff 0a000001 0a000001')],
]

for (const [why, bytes] of refused) {
  test(`malformed: ${why}`, () => {
    const result = readMessage(bytes)
    assert.ok(!result.ok)
    assert.ok(result.error.at >= 0 && result.error.at <= bytes.length)
  })
}

test('what is reserved is ignored on receipt and sent as zero', () => {
  const bytes = message(N, '007f 0008 00004007')
  const [only] = read(bytes).payloads
  assert.deepEqual(only, {
    kind: 'notify',
    critical: false,
    protocol: 0,
    type: 16391,
    spi: new Uint8Array(0),
    data: new Uint8Array(0),
  })
  assert.equal(writeMessage(read(bytes))[29], 0)
})

test('a payload of an unknown type survives with its octets and its critical bit', () => {
  const bytes = message(200, `c980 0007 abcdef 2b00 0004 ${vendor}`)
  const payloads: readonly Payload[] = read(bytes).payloads
  assert.deepEqual(payloads.slice(0, 2), [
    { kind: 'unknown', critical: true, type: 200, body: Uint8Array.of(0xab, 0xcd, 0xef) },
    { kind: 'unknown', critical: false, type: 201, body: new Uint8Array(0) },
  ])
  assert.deepEqual(writeMessage(read(bytes)), bytes)
})

test('a payload of a known type cannot be written as an unknown one, and none can be of type zero', () => {
  for (const type of [0, SA]) {
    const unknown: Payload = { kind: 'unknown', critical: false, type, body: new Uint8Array(0) }
    assert.throws(() => writeMessage({ header, payloads: [unknown] }), RangeError)
  }
})

test('the header of a version that is not spoken can be read, for the answer', () => {
  const result = readHeader(message(V, vendor, { version: '30' }))
  assert.ok(result.ok)
  assert.deepEqual(result.value.version, { major: 3, minor: 0 })
})

test('an encrypted payload keeps its octets and what is first inside, and stands last', () => {
  const sealed = payload('encrypted', { firstInside: N, data: Uint8Array.of(1, 2, 3) })
  const bytes = writeMessage({ header, payloads: [sealed] })
  assert.deepEqual(sealedOf(read(bytes)), sealed)
  assert.throws(
    () => writeMessage({ header, payloads: [sealed, payload('vendor-id', { id: new Uint8Array(1) })] }),
    RangeError,
  )
})

test('the frame of a sealed message is what stands in front of its ciphertext once it is whole', () => {
  const solution = payload('puzzle-solution', { solution: new Uint8Array(8) })
  for (const options of [{}, { fragment: { number: 2, total: 3 } }, { clear: [solution] }]) {
    const frame = frameOfSealed({ ...header, exchange: exchangeTypes.of.IKE_AUTH, messageId: 1 }, IDi, 40, options)
    const whole = Uint8Array.from([...frame, ...new Uint8Array(40).fill(7)])
    const sealed = sealedOf(read(whole))
    assert.ok(sealed !== undefined)
    assert.deepEqual(sealed.data, new Uint8Array(40).fill(7))
    assert.equal(sealed.firstInside, IDi)
    assert.deepEqual(inFrontOfSealed(whole, sealed), frame)
  }
})

test('payloads that were inside are read by the type of the first, and an empty inside is empty', () => {
  const inside = [notification('INITIAL_CONTACT', {}), payload('vendor-id', { id: Uint8Array.of(9) })]
  const { first, content } = writeInside(inside)
  assert.deepEqual(readInside(first, content), { ok: true, value: inside })
  assert.deepEqual(writeInside([]), { first: 0, content: new Uint8Array(0) })
  assert.deepEqual(readInside(0, new Uint8Array(0)), { ok: true, value: [] })
  assert.equal(readInside(0, Uint8Array.of(1)).ok, false)
})

test('notifications are read by their type; unknown ones keep their octets, and data of the wrong length are malformed', () => {
  const wanted = notification('INVALID_KE_PAYLOAD', { method: 31 })
  assert.deepEqual(readNotify(wanted), { ok: true, value: { kind: 'INVALID_KE_PAYLOAD', method: 31 } })
  const data = Uint8Array.of(1)
  assert.deepEqual(readNotify({ type: 40_000, data }), { ok: true, value: { kind: 'other', data } })
  assert.equal(readNotify({ type: wanted.type, data }).ok, false)
  assert.equal(readNotify({ type: 16_390, data: new Uint8Array(65) }).ok, false)
  // A flag may one day carry more.
  assert.deepEqual(readNotify({ type: 16_396, data }), { ok: true, value: { kind: 'MOBIKE_SUPPORTED' } })
})

test('the rekeyed Child SA stands in the notification, not in its data', () => {
  const about = { protocol: 3, spi: Uint8Array.of(1, 2, 3, 4) }
  const bytes = writeMessage({
    header: { ...header, flags: RESPONSE },
    payloads: [notification('REKEY_SA', {}, about)],
  })
  assert.deepEqual(Buffer.from(bytes.subarray(28)).toString('hex'), '0000000c0304400901020304')
})

test('an identification keeps its reserved octets, which authentication covers', () => {
  const bytes = message(IDi, `0000 000c 02010203 61626364`)
  const [only] = read(bytes).payloads
  assert.ok(only?.kind === 'initiator-identification')
  assert.deepEqual(only.reserved, Uint8Array.of(1, 2, 3))
  assert.deepEqual(writeMessage(read(bytes)), bytes)
})

test('a nonce of 16 octets is enough', () => {
  assert.equal(readMessage(message(Nonce, nonce)).ok, true)
})
