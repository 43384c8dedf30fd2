// Messages as a person reads them, and tables of numbers: what is shown, what never is, and that no number has two names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeMessage, describePayload, describeProposal } from './describe.ts'
import { FROM_INITIATOR } from './header.ts'
import { IKE_VERSION_2 } from './message.ts'
import { type NotifyKind, notification, notifyFormats, notifyTypeOf } from './notify.ts'
import { FIRST_STATUS, isErrorNotify, notifyErrors, notifyName, notifyStatuses } from './notify-numbers.ts'
import type { NumberTable } from './number-table.ts'
import * as numbers from './numbers.ts'
import * as transforms from './transform-numbers.ts'
import { type Payload, payload } from './v2-payloads.ts'

const { exchangeTypes } = numbers
const text = (value: string) => new TextEncoder().encode(value)
const esp = {
  number: 1,
  protocol: 3,
  spi: Uint8Array.of(0, 0, 16, 1),
  transforms: [
    { type: 1, id: 20, attributes: [{ kind: 'short', type: 14, value: 256 }] },
    { type: 5, id: 1, attributes: [] },
    { type: 6, id: 36, attributes: [] },
    { type: 77, id: 8, attributes: [] },
  ],
} as const
const address = (word: number) => ({ family: 4, words: [word] }) as const

test('a message is one line: its exchange, direction, number and payloads', () => {
  const header = {
    initiatorSpi: 1n,
    responderSpi: 0n,
    version: IKE_VERSION_2,
    exchange: exchangeTypes.of.IKE_SA_INIT,
    flags: FROM_INITIATOR,
    messageId: 0,
  }
  const payloads = [
    payload('security-association', { proposals: [esp, esp, esp] }),
    payload('key-exchange', { method: 31, publicValue: new Uint8Array(32) }),
    payload('nonce', { nonce: new Uint8Array(32) }),
    notification('NAT_DETECTION_SOURCE_IP', { hash: new Uint8Array(20) }),
    notification('SIGNATURE_HASH_ALGORITHMS', { algorithms: [2, 3, 9] }),
  ]
  assert.equal(
    describeMessage({ header, payloads }),
    'IKE_SA_INIT request 0: SA(3 proposals) KE(x25519) Nonce(32 octets) N(NAT_DETECTION_SOURCE_IP) N(SIGNATURE_HASH_ALGORITHMS SHA-256 SHA-384 9)',
  )
  assert.equal(
    describeMessage({ header: { ...header, exchange: 240, flags: 32 }, payloads: [] }),
    '240 response 0: empty',
  )
})

const lines: readonly (readonly [Payload, string])[] = [
  [payload('security-association', { proposals: [esp] }), 'SA(ESP aes-gcm-16-256 esn ml-kem-768 77 8)'],
  [
    payload('initiator-identification', { type: 1, reserved: new Uint8Array(3), data: Uint8Array.of(10, 0, 0, 1) }),
    'IDi(10.0.0.1)',
  ],
  [
    payload('responder-identification', { type: 2, reserved: new Uint8Array(3), data: text('dc1.example') }),
    'IDr(fqdn dc1.example)',
  ],
  [
    payload('responder-identification', { type: 9, reserved: new Uint8Array(3), data: text('0000') }),
    'IDr(dn, 4 octets)',
  ],
  [payload('certificate', { encoding: 15, data: new Uint8Array(1) }), 'CERT(raw public key, 1 octet)'],
  [payload('certificate-request', { encoding: 14, data: new Uint8Array(20) }), 'CERTREQ(OCSP, 20 octets)'],
  [payload('authentication', { method: 14, data: new Uint8Array(64) }), 'AUTH(digital signature)'],
  [notification('INVALID_KE_PAYLOAD', { method: 19 }), 'N(INVALID_KE_PAYLOAD ecp256)'],
  [notification('REKEY_SA', {}, { protocol: 3, spi: Uint8Array.of(1, 2, 3, 4) }), 'N(REKEY_SA ESP 01020304)'],
  [
    payload('notify', { protocol: 0, type: 17, spi: new Uint8Array(0), data: new Uint8Array(1) }),
    'N(INVALID_KE_PAYLOAD malformed: octets needed: 2, left: 1)',
  ],
  [payload('notify', { protocol: 0, type: 40000, spi: new Uint8Array(0), data: new Uint8Array(1) }), 'N(40000)'],
  [payload('delete', { protocol: 1, spiSize: 0, spis: [] }), 'D(IKE)'],
  [
    payload('delete', { protocol: 3, spiSize: 4, spis: Array(6).fill(Uint8Array.of(0, 0, 1, 0)) }),
    'D(ESP 00000100 00000100 00000100 00000100 and 2 more)',
  ],
  [payload('vendor-id', { id: text('strongSwan') }), 'V(strongSwan)'],
  [payload('vendor-id', { id: text('\u001b[2J') }), 'V(1b5b324a)'],
  [
    payload('initiator-selectors', {
      selectors: [
        {
          kind: 'addresses',
          protocol: 6,
          startPort: 445,
          endPort: 445,
          start: address(0x0a000001),
          end: address(0x0a000001),
        },
        { kind: 'addresses', protocol: 0, startPort: 0, endPort: 65535, start: address(0), end: address(0xffffffff) },
        { kind: 'other', type: 10, second: 0, data: new Uint8Array(3) },
      ],
    }),
    'TSi(10.0.0.1 protocol 6 port 445, 0.0.0.0 to 255.255.255.255, type 10, 3 octets)',
  ],
  [
    payload('configuration', { type: 1, attributes: [{ type: 1, value: new Uint8Array(0) }] }),
    'CP(request INTERNAL_IP4_ADDRESS)',
  ],
  [
    payload('encrypted-fragment', { firstInside: 0, number: 2, total: 3, data: new Uint8Array(9) }),
    'SKF(2 of 3, 9 octets)',
  ],
  [{ kind: 'unknown', critical: true, type: 200, body: new Uint8Array(2) }, '200(2 octets)!'],
]

for (const [value, line] of lines) {
  test(`a payload reads ${line.replaceAll('\u001b', '')}`, () => assert.equal(describePayload(value), line))
}

test('nothing that is or proves a secret is shown', () => {
  const secret = text('SECRETSECRETSECRETSECRET')
  const shown: readonly Payload[] = [
    payload('key-exchange', { method: 31, publicValue: secret }),
    payload('nonce', { nonce: secret }),
    payload('authentication', { method: 2, data: secret }),
    payload('encrypted', { firstInside: 0, data: secret }),
    payload('eap', { message: secret }),
    payload('puzzle-solution', { solution: secret }),
    notification('COOKIE', { cookie: secret }),
    notification('NO_PPK_AUTH', { data: secret }),
    notification('PPK_IDENTITY', { type: 1, identity: secret }),
    payload('configuration', { type: 1, attributes: [{ type: 7, value: secret }] }),
  ]
  for (const one of shown) assert.doesNotMatch(describePayload(one), /SECRET|5345435245/, one.kind)
})

const tables = [...Object.values(numbers), ...Object.values(transforms), notifyErrors, notifyStatuses].filter(
  value => 'rows' in value,
) as unknown as readonly NumberTable<string>[]

test('in every table each number has one name and says what it means and where it is from', () => {
  assert.ok(tables.length >= 18)
  for (const { field, rows, of, nameOf } of tables) {
    assert.equal(new Set(rows.map(({ number }) => number)).size, rows.length, field)
    for (const { number, name, meaning, source } of rows) {
      assert.deepEqual([of[name], nameOf(number)], [number, name])
      assert.ok(meaning.length > 2 && source.length > 5, `${field} ${name}`)
    }
  }
})

test('errors stand below the first status, and every notification that is read has a number', () => {
  assert.ok(notifyErrors.rows.every(({ number }) => isErrorNotify(number)))
  assert.ok(notifyStatuses.rows.every(({ number }) => number >= FIRST_STATUS))
  for (const kind of Object.keys(notifyFormats)) assert.equal(notifyName(notifyTypeOf(kind as NotifyKind)), kind)
})

test('the key exchanges of every type share one table', () => {
  assert.equal(describeProposal({ ...esp, transforms: [{ type: 12, id: 31, attributes: [] }] }), 'ESP x25519')
})
