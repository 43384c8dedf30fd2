// Messages of IKEv1 by hand: what a header and a chain may be, what is told of a lie, and lifetimes among attributes.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bodiesOfV1, type MessageV1, readInsideV1, readMessageV1, writeInsideV1, writeMessageV1 } from './v1-message.ts'
import { notificationV1, plainNotificationV1, readNotifyV1 } from './v1-notify.ts'
import { bodyOfV1, type PayloadV1, payloadV1 } from './v1-payloads.ts'
import {
  type AttributeV1,
  associationOf,
  attributeNumber,
  lifetimeAttributes,
  lifetimesOf,
  numberAttribute,
} from './v1-security-association.ts'

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(/\s/g, ''))
const COOKIES = '0102030405060708 0000000000000000'

/** A message of main mode with that chain behind its header. */
function mainMode(first: string, chain: string, flags = '00'): Uint8Array {
  const body = hex(chain)
  const length = (28 + body.length).toString(16).padStart(8, '0')
  return Uint8Array.of(...hex(`${COOKIES} ${first} 10 02 ${flags} 00000000 ${length}`), ...body)
}

function faultOf(datagram: Uint8Array): string {
  const message = readMessageV1(datagram)
  assert.ok(!message.ok)
  return message.error.what
}

const header = {
  initiatorSpi: 1n,
  responderSpi: 2n,
  version: { major: 1, minor: 0 },
  exchange: 32,
  flags: 0,
  messageId: 0xdeadbeef,
}

describe('a message of IKEv1', () => {
  it('is read with its proposal, as Windows 2000 sends it: short attributes, a lifetime of four octets', () => {
    const message = readMessageV1(
      mainMode(
        '01',
        `0d 00 0038 00000001 00000001
         00 00 002c 01 01 00 01
         00 00 0024 01 01 0000
         8001 0005 8002 0002 8004 0002 8003 0001 800b 0001 000c 0004 00007080
         00 00 0018 1e2b516905991c7d7c96fcbfb587e461 00000002`,
      ),
    )
    assert.ok(message.ok && message.value.kind === 'clear')
    const [association, vendor] = message.value.payloads
    assert.ok(association?.kind === 'security-association' && vendor?.kind === 'vendor-id')
    const { attributes } = association.proposals[0]!.transforms[0]!
    assert.deepEqual(lifetimesOf(attributes, { type: 11, duration: 12 }), { seconds: 28_800 })
  })

  it('in clear may end with what makes it a multiple of four octets, as Libreswan has it, and keeps that', () => {
    const datagram = mainMode('08', '00 00 0005 aa 000000')
    const message = readMessageV1(datagram)
    assert.ok(message.ok && message.value.kind === 'clear')
    assert.equal(message.value.padding?.toHex(), '000000')
    assert.equal(writeMessageV1(message.value).toHex(), datagram.toHex())
    assert.match(faultOf(mainMode('08', '00 00 0005 aa 0000')), /^2 octets are left over$/)
    assert.match(faultOf(mainMode('08', '00 00 0008 aaaaaaaa 00000000')), /^4 octets are left over$/)
  })

  it('is told by its flag to be encrypted, and then keeps its octets', () => {
    const message = readMessageV1(mainMode('05', '00112233 44556677', '01'))
    assert.ok(message.ok && message.value.kind === 'sealed')
    assert.equal(message.value.firstInside, 5)
    assert.equal(message.value.sealed.toHex(), '0011223344556677')
    assert.throws(() => writeMessageV1({ ...message.value, header: { ...header, flags: 0 } } as MessageV1), RangeError)
  })

  it('is malformed where a length lies, a chain does not end, or a version is another', () => {
    assert.match(faultOf(mainMode('08', '00 00 0003 00')), /^a payload of 3 octets has no header$/)
    assert.match(faultOf(mainMode('08', '00 00 0009 00')), /^a payload claims 9 octets and 5 are left$/)
    assert.match(faultOf(mainMode('08', '08 00 0005 00')), /^octets needed: 1, left: 0$/)
    assert.match(faultOf(mainMode('00', '00')), /^1 octets are left over$/)
    assert.match(faultOf(mainMode('0a', '00 00 000b 01020304050607')), /a nonce of 7 octets: 8 to 256 are allowed/)
    assert.match(faultOf(mainMode('05', '00 00 000b 01 000000 0a0000')), /type ipv4 has 3 octets and not 4/)
    assert.match(faultOf(mainMode('0c', '00 00 0010 00000001 03 04 ffff 00000001')), /65535 SPIs of 4 octets/)
    assert.match(faultOf(mainMode('0c', '00 00 000c 00000001 01 00 ffff')), /65535 SPIs of 0 octets/)
    assert.match(faultOf(mainMode('01', '00 00 000c 00000001 00000001')), /without a proposal/)
    assert.match(faultOf(mainMode('84', '00 00 0008 0001 00 00')), /the number 0/)
    assert.match(faultOf(mainMode('08', '00000005 00').with(17, 0x20)), /version 2 is not IKEv1/)
    assert.match(faultOf(mainMode('00', '').with(27, 29)), /the header states 29 octets of 28/)
  })

  it('keeps what it does not understand: other domains, labels, unknown payloads', () => {
    for (const chain of ['00 00 000a 00000002 0102', '00 00 000e 00000001 00000003 0102']) {
      const datagram = mainMode('01', chain)
      const message = readMessageV1(datagram)
      assert.ok(message.ok && message.value.kind === 'clear')
      const [only] = message.value.payloads
      assert.ok(only?.kind === 'security-association' && only.proposals.length === 0)
      assert.equal(only.other.toHex(), '0102')
      assert.deepEqual(writeMessageV1(message.value), datagram)
    }
    const unknown = readMessageV1(mainMode('85', '00 00 0006 abcd'))
    assert.ok(unknown.ok && unknown.value.kind === 'clear')
    assert.deepEqual(unknown.value.payloads, [{ kind: 'unknown', type: 0x85, body: hex('abcd') }])
  })

  it('has hashes made over its payloads as they came, reserved octets included', () => {
    const chain = hex('05 00 0014 00000001 01 00 0001 00000000 00000000 00 7f 000c 01 11 01f4 0a000001')
    assert.deepEqual(
      bodiesOfV1(11, chain).map(body => body.toHex()),
      ['00000001010000010000000000000000', '011101f40a000001'],
    )
  })
})

describe('the inside of an encrypted message of IKEv1', () => {
  const payloads: readonly PayloadV1[] = [
    payloadV1('hash', { hash: hex('00112233') }),
    payloadV1('identification', { type: 1, protocol: 17, port: 500, data: hex('0a000001') }),
  ]

  it('ends with its chain, whatever pads it', () => {
    const { first, content } = writeInsideV1(payloads)
    assert.equal(first, 8)
    for (const padding of ['', '00', '000000', '0102030403', 'ffffffff']) {
      const inside = readInsideV1(first, Uint8Array.of(...content, ...hex(padding)))
      assert.deepEqual(inside, { ok: true, value: { payloads, length: content.length } })
    }
    assert.deepEqual(
      bodiesOfV1(first, Uint8Array.of(...content, 0, 0)).map(body => body.toHex()),
      payloads.map(payload => bodyOfV1(payload).toHex()),
    )
  })

  it('is malformed where a wrong key made it', () => {
    assert.equal(readInsideV1(8, hex('deadbeef deadbeef')).ok, false)
    assert.equal(readInsideV1(8, hex('')).ok, false)
  })
})

describe('notifications of IKEv1', () => {
  const about = { protocol: 1, spi: new Uint8Array(16) }

  it('are read as they were written, with lifetimes and sequence numbers', () => {
    const life = { type: 1, duration: 2 }
    const attributes = lifetimeAttributes({ seconds: 600, kilobytes: 100_000 }, life)
    const told = notificationV1('RESPONDER-LIFETIME', { attributes }, { protocol: 3, spi: hex('00001000') })
    const content = readNotifyV1(told)
    assert.ok(content.ok && content.value.kind === 'RESPONDER-LIFETIME')
    assert.deepEqual(lifetimesOf(content.value.attributes, life), { seconds: 600, kilobytes: 100_000 })
    const asked = readNotifyV1(notificationV1('R-U-THERE', { sequence: 7 }, about))
    assert.deepEqual(asked, { ok: true, value: { kind: 'R-U-THERE', sequence: 7 } })
    assert.equal(plainNotificationV1('NO-PROPOSAL-CHOSEN', about).type, 14)
    assert.equal(readNotifyV1({ type: 36136, data: hex('0001') }).ok, false)
    assert.deepEqual(readNotifyV1({ type: 14, data: hex('01') }), {
      ok: true,
      value: { kind: 'other', data: hex('01') },
    })
  })
})

describe('attributes of IKEv1', () => {
  const life = { type: 11, duration: 12 }
  const short = (type: number, value: number): AttributeV1 => ({ kind: 'short', type, value })

  it('hold numbers short and long', () => {
    assert.deepEqual(numberAttribute(12, 65_535), short(12, 65_535))
    assert.deepEqual(numberAttribute(12, 65_536), { kind: 'long', type: 12, value: hex('00010000') })
    for (const [octets, number] of [
      ['07', 7],
      ['0007', 7],
      ['00007080', 28_800],
      ['0000000000007080', 28_800],
      ['', undefined],
      ['ffffffffffffffff', undefined],
    ] as const) {
      assert.equal(attributeNumber({ kind: 'long', type: 12, value: hex(octets) }), number, octets)
    }
  })

  it('say lifetimes in pairs, and nothing where a pair is broken', () => {
    assert.deepEqual(lifetimesOf([], life), {})
    assert.deepEqual(lifetimesOf([short(11, 2), short(12, 9), short(1, 5), short(11, 1), short(12, 8)], life), {
      kilobytes: 9,
      seconds: 8,
    })
    const broken: readonly (readonly AttributeV1[])[] = [
      [short(12, 8)],
      [short(11, 1)],
      [short(11, 3), short(12, 8)],
      [short(11, 1), short(11, 2), short(12, 8)],
      [short(11, 1), short(12, 8), short(11, 1), short(12, 9)],
      [short(11, 1), { kind: 'long', type: 12, value: hex('') }],
    ]
    for (const attributes of broken) assert.equal(lifetimesOf(attributes, life), undefined)
  })

  it('do not stand in a security association that is not understood', () => {
    const { proposals } = associationOf([])
    const wrong = payloadV1('security-association', { doi: 1, situation: 1, proposals, other: hex('01') })
    assert.throws(() => bodyOfV1(wrong), RangeError)
  })
})
