// What stands on IKE's ports, told by marker and header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { FROM_INITIATOR, RESPONSE } from '../wire/ike/header.ts'
import { IKE_VERSION_2, writeMessage } from '../wire/ike/message.ts'
import { exchangeTypes } from '../wire/ike/numbers.ts'
import { firstLook, firstRequest } from './first-look.ts'

const address = parseAddress('10.0.0.1')!
const pathTo = (port: number) => ({ local: { address, port }, remote: { address, port: 500 } })
const header = {
  ...{ initiatorSpi: 1n, responderSpi: 0n, version: IKE_VERSION_2, exchange: exchangeTypes.of.IKE_SA_INIT },
  ...{ flags: FROM_INITIATOR, messageId: 0 },
}
const message = writeMessage({ header, payloads: [] })

test('on port 4500 four zero octets stand in front of IKE, on port 500 nothing does', () => {
  assert.equal(firstLook(pathTo(500), message).kind, 'ike')
  const marked = Uint8Array.of(0, 0, 0, 0, ...message)
  const look = firstLook(pathTo(4500), marked)
  assert.ok(look.kind === 'ike')
  assert.deepEqual(look.octets, message)
  assert.equal(firstLook(pathTo(4500), message).kind, 'not-ours')
  assert.equal(firstLook(pathTo(500), marked).kind, 'not-ours')
})

test('a lone octet 0xff on port 4500 keeps a mapping and is no news; other small things are nothing', () => {
  assert.equal(firstLook(pathTo(4500), Uint8Array.of(0xff)).kind, 'keepalive')
  assert.equal(firstLook(pathTo(4500), Uint8Array.of(0)).kind, 'not-ours')
  assert.equal(firstLook(pathTo(500), Uint8Array.of(0xff)).kind, 'not-ours')
  assert.equal(firstLook(pathTo(4500), new Uint8Array(0)).kind, 'not-ours')
})

test('a header whose length is not that of the datagram is no message', () => {
  assert.equal(firstLook(pathTo(500), Uint8Array.of(...message, 0)).kind, 'not-ours')
  for (let length = 0; length < message.length; length++) {
    assert.equal(firstLook(pathTo(500), message.subarray(0, length)).kind, 'not-ours')
  }
})

test('who begins is known by a few octets of the header, and nobody else is taken for it', () => {
  const written = (changes: Partial<typeof header>) => writeMessage({ header: { ...header, ...changes }, payloads: [] })
  assert.deepEqual(firstRequest(pathTo(500), message), message)
  assert.deepEqual(firstRequest(pathTo(4500), Uint8Array.of(0, 0, 0, 0, ...message)), message)
  const later = message.slice()
  later[17] = 0x23
  assert.ok(firstRequest(pathTo(500), later))
  const others = [
    written({ initiatorSpi: 0n }),
    written({ responderSpi: 1n }),
    written({ flags: FROM_INITIATOR | RESPONSE }),
    written({ flags: 0 }),
    written({ messageId: 1 }),
    written({ exchange: exchangeTypes.of.IKE_AUTH }),
    Uint8Array.of(...message, 0),
    new Uint8Array(0),
    ...Array.from(message, (_, length) => message.subarray(0, length)),
  ]
  for (const bytes of others) assert.equal(firstRequest(pathTo(500), bytes), undefined)
  assert.equal(firstRequest(pathTo(4500), message), undefined)
  assert.equal(firstRequest(pathTo(4500), Uint8Array.of(0, 1, 0, 0, ...message)), undefined)
})
