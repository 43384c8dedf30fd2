// Words for messages of IKEv1.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeMessageV1, describePayloadV1, describeProposalsV1 } from './v1-describe.ts'
import { notificationV1, plainNotificationV1 } from './v1-notify.ts'
import { type PayloadV1, payloadV1 } from './v1-payloads.ts'
import { associationOf, lifetimeAttributes, numberAttribute, type ProposalV1 } from './v1-security-association.ts'
import { vendorId, windowsVendorId } from './v1-vendor-ids.ts'

const hex = (text: string) => Uint8Array.fromHex(text)
const main = (number: number, numbers: readonly (readonly [number, number])[]) => ({
  number,
  id: 1,
  attributes: numbers.map(([type, value]) => numberAttribute(type, value)),
})
const mainMode: ProposalV1 = {
  number: 1,
  protocol: 1,
  spi: hex(''),
  transforms: [
    main(1, [
      [1, 7],
      [14, 256],
      [2, 2],
      [4, 14],
      [3, 1],
    ]),
    main(2, [
      [1, 5],
      [2, 1],
      [4, 2],
      [3, 65001],
    ]),
  ],
}
const ah: ProposalV1 = {
  number: 1,
  protocol: 2,
  spi: hex('00001000'),
  transforms: [
    {
      number: 1,
      id: 3,
      attributes: [
        [5, 2],
        [4, 2],
      ].map(([type, value]) => numberAttribute(type!, value!)),
    },
  ],
}
const esp: ProposalV1 = {
  number: 1,
  protocol: 3,
  spi: hex('00001000'),
  transforms: [
    {
      number: 1,
      id: 12,
      attributes: [
        [6, 128],
        [5, 5],
        [4, 4],
        [3, 19],
        [11, 1],
      ].map(([type, value]) => numberAttribute(type!, value!)),
    },
  ],
}
const about = { protocol: 3, spi: hex('00001000') }

const payloads: readonly (readonly [PayloadV1, string])[] = [
  [payloadV1('security-association', associationOf([mainMode])), 'SA(2 transforms)'],
  [
    payloadV1('security-association', associationOf([{ ...mainMode, transforms: mainMode.transforms.slice(1) }])),
    'SA(3des-md5-modp1024 Kerberos)',
  ],
  [payloadV1('security-association', associationOf([ah, esp])), 'SA(2 proposals)'],
  [payloadV1('security-association', { doi: 2, situation: 0, proposals: [], other: hex('00') }), 'SA(domain GDOI)'],
  [payloadV1('key-exchange', { publicValue: hex('0011') }), 'KE(2 octets)'],
  [
    payloadV1('identification', { type: 1, protocol: 17, port: 500, data: hex('0a000001') }),
    'ID(10.0.0.1 protocol 17 port 500)',
  ],
  [
    payloadV1('identification', { type: 4, protocol: 0, port: 0, data: hex('0a000000ff000000') }),
    'ID(10.0.0.0/255.0.0.0)',
  ],
  [
    payloadV1('identification', { type: 7, protocol: 6, port: 0, data: hex('0a0000010a000009') }),
    'ID(10.0.0.1 to 10.0.0.9 protocol 6)',
  ],
  [payloadV1('identification', { type: 2, protocol: 0, port: 0, data: hex('6463312e74657374') }), 'ID(fqdn dc1.test)'],
  [payloadV1('identification', { type: 9, protocol: 0, port: 0, data: hex('3000') }), 'ID(dn, 2 octets)'],
  [payloadV1('certificate-request', { encoding: 4, data: hex('') }), 'CR(X.509, 0 octets)'],
  [payloadV1('hash', { hash: hex('0011') }), 'HASH'],
  [payloadV1('vendor-id', { id: windowsVendorId(2) }), 'VID(Windows 2000)'],
  [payloadV1('vendor-id', { id: vendorId('deadPeerDetection') }), 'VID(dead peer detection)'],
  [payloadV1('vendor-id', { id: hex('1b5b324a') }), 'VID(1b5b324a)'],
  [
    payloadV1('delete', { doi: 1, protocol: 3, spiSize: 4, spis: [hex('00001000'), hex('00002000')] }),
    'D(ESP 00001000 00002000)',
  ],
  [plainNotificationV1('NO-PROPOSAL-CHOSEN', about), 'N(NO-PROPOSAL-CHOSEN ESP 00001000)'],
  [
    notificationV1(
      'RESPONDER-LIFETIME',
      { attributes: lifetimeAttributes({ seconds: 600, kilobytes: 9 }, { type: 1, duration: 2 }) },
      about,
    ),
    'N(RESPONDER-LIFETIME 600 s, 9 KiB ESP 00001000)',
  ],
  [notificationV1('R-U-THERE', { sequence: 9 }, { protocol: 1, spi: new Uint8Array(16) }), 'N(R-U-THERE 9)'],
  [notificationV1('MS-STATUS', { detail: hex('000034f1') }, { protocol: 1, spi: hex('') }), 'N(MS-STATUS 000034f1)'],
  [
    payloadV1('notify', { doi: 1, protocol: 1, type: 36136, spi: hex(''), data: hex('00') }),
    'N(R-U-THERE malformed: octets needed: 4, left: 1)',
  ],
  [
    payloadV1('nat-original-address', { type: 5, address: hex('20010db8000000000000000000000001') }),
    'NAT-OA(2001:db8::1)',
  ],
  [payloadV1('draft-nat-detection', { hash: hex('00') }), 'NAT-D draft'],
  [payloadV1('gss-token', { token: hex('00') }), 'GSS(1 octet)'],
  [payloadV1('fragment', { id: 3, number: 2, flags: 1, data: hex('00') }), 'FRAGMENT(2 of message 3, 1 octet)'],
  [{ kind: 'unknown', type: 134, body: hex('0000') }, 'AuthIP GSS_ID(2 octets)'],
]

describe('words for IKEv1', () => {
  for (const [payload, words] of payloads) {
    it(`shows ${words}`, () => assert.equal(describePayloadV1(payload), words))
  }

  it('shows a message on one line, and of an encrypted one how long it is', () => {
    const header = {
      initiatorSpi: 1n,
      responderSpi: 0n,
      version: { major: 1, minor: 0 },
      exchange: 2,
      flags: 0,
      messageId: 0,
    }
    const chain = [payloads[1]![0], payloads[12]![0]]
    assert.equal(
      describeMessageV1({ kind: 'clear', header, payloads: chain }),
      'main mode 0: SA(3des-md5-modp1024 Kerberos) VID(Windows 2000)',
    )
    const sealed = { ...header, exchange: 32, flags: 1, messageId: 0xdeadbeef }
    assert.equal(
      describeMessageV1({ kind: 'sealed', header: sealed, firstInside: 8, sealed: new Uint8Array(48) }),
      'quick mode deadbeef: encrypted, 48 octets',
    )
    const many = Array.from({ length: 60 }, () => payloads[11]![0])
    assert.match(describeMessageV1({ kind: 'clear', header, payloads: many }), /HASH and 10 more$/)
    assert.equal(describeMessageV1({ kind: 'clear', header, payloads: [] }), 'main mode 0: empty')
  })

  it('shows proposals that stand together, and cuts a list that is long', () => {
    assert.equal(
      describeProposalsV1([ah, esp]),
      'AH sha1 hmac-sha1 transport with ESP aes-cbc-128 hmac-sha256 udp-transport ecp256 esn',
    )
    const many = Array.from({ length: 9 }, (_, index) => ({ ...ah, number: index }))
    assert.match(describeProposalsV1(many), / and 5 more$/)
    assert.equal(describeProposalsV1([]), 'nothing')
  })
})
