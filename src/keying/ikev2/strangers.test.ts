// What a host does about strangers: messages of nobody, of other versions, and those who begin and may or may not be honest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../base/address.ts'
import { FROM_INITIATOR, RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, readMessage, writeMessage } from '../../wire/ike/message.ts'
import { notifyErrors, notifyStatuses } from '../../wire/ike/notify-numbers.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { Path } from '../machine.ts'
import { pskPolicy, sharedSecret, type TestHost, TestNet } from '../test-hosts.ts'

const ike = { security: ['aes128gcm16-prfsha256-curve25519'] }

const pathTo = (host: TestHost, port = 500): Path => ({
  local: { address: host.address, port },
  remote: { address: parseAddress('10.0.0.9')!, port },
})

test('IKEv1 and what is no IKE is not answered; a higher version is told ours, and not without end', () => {
  const net = new TestNet(1)
  const host = net.host('10.0.0.1')
  const header = {
    ...{ initiatorSpi: 1n, responderSpi: 0n, version: IKE_VERSION_2, exchange: exchangeTypes.of.IKE_SA_INIT },
    ...{ flags: FROM_INITIATOR, messageId: 0 },
  }
  const withVersion = (major: number, flags = FROM_INITIATOR) => {
    const bytes = writeMessage({ header: { ...header, flags }, payloads: [] })
    bytes[17] = major << 4
    return bytes
  }
  const hear = (bytes: Uint8Array, port = 500) => host.input({ kind: 'datagram', path: pathTo(host, port), bytes })
  hear(withVersion(1))
  hear(withVersion(0))
  hear(withVersion(3, RESPONSE))
  hear(Uint8Array.of(1, 2, 3))
  hear(Uint8Array.of(0xff), 4500)
  hear(
    Uint8Array.from({ length: 40 }, () => 7),
    4500,
  )
  assert.equal(net.letters.length, 0)
  assert.match(host.of('ignored')[0]!.what, /IKEv1/)
  assert.equal(host.of('ignored').length, 5)
  for (let index = 0; index < 1000; index++) hear(withVersion(3))
  assert.ok(net.letters.length > 0 && net.letters.length < 50, `${net.letters.length} answers`)
  const answer = readMessage(net.letters[0]!.bytes)
  assert.ok(answer.ok)
  const [notify] = answer.value.payloads
  assert.ok(notify?.kind === 'notify' && notify.type === notifyErrors.of.INVALID_MAJOR_VERSION)
})

test('a request of no session is told so, an answer is not, and a flood of them is no flood of words', () => {
  const net = new TestNet(1)
  const host = net.host('10.0.0.1')
  for (let index = 0; index < 1000; index++) {
    const header = {
      ...{ initiatorSpi: 5n, responderSpi: BigInt(index + 1), version: IKE_VERSION_2 },
      ...{
        exchange: exchangeTypes.of.INFORMATIONAL,
        flags: [FROM_INITIATOR, 0, RESPONSE][index % 3]!,
        messageId: index,
      },
    }
    const bytes = writeMessage({ header, payloads: [] })
    host.input({ kind: 'datagram', path: pathTo(host), bytes })
    net.advance(0.001)
  }
  assert.ok(net.letters.length > 20 && net.letters.length < 30, `${net.letters.length} answers`)
  for (const [index, letter] of net.letters.slice(0, 4).entries()) {
    const answer = readMessage(letter.bytes)
    assert.ok(answer.ok)
    const { flags, responderSpi } = answer.value.header
    const asked = index % 2 === 0 ? FROM_INITIATOR : 0
    assert.deepEqual([flags, responderSpi % 3n], [RESPONSE | (asked ^ FROM_INITIATOR), asked === 0 ? 2n : 1n])
    const [notify] = answer.value.payloads
    assert.ok(notify?.kind === 'notify' && notify.type === notifyErrors.of.INVALID_IKE_SPI)
  }
  const { length } = host.of('ignored')
  assert.ok(length > 10 && length < 100, `${length} events`)
  assert.match(host.of('ignored').at(-1)!.what, /\d+ more/)
})

test('with cookies asked of everybody, hosts agree all the same, also where the key exchange is asked for anew', () => {
  for (const security of [ike.security, ['aes128gcm16-prfsha256-ecp256', ...ike.security]]) {
    const policy = pskPolicy({}, { ike: { security } })
    const net = new TestNet(1)
    const one = net.host('10.0.0.1', { policy, credentials: sharedSecret(policy) })
    const other = net.host('10.0.0.2')
    other.policy = pskPolicy({}, { ike })
    other.credentials = sharedSecret(other.policy)
    other.settings = { ...other.settings, halfOpen: { cookiesFrom: 0, most: 10, perAddress: 5 } }
    one.needs(other)
    net.advance(2)
    assert.ok(one.reaches(other) && other.reaches(one), net.picture())
  }
})

test('first messages that are refused cost only so much a second: then they have to show a cookie, too', () => {
  const net = new TestNet(1)
  const policy = pskPolicy({}, { ike: { security: ['aes128gcm16-prfsha256-ecp256'] } })
  const host = net.host('10.0.0.1')
  const stranger = net.host('10.0.0.2', { policy, credentials: sharedSecret(policy) })
  let first = new Uint8Array(0)
  net.tamper = bytes => {
    first = bytes.slice()
    return []
  }
  stranger.needs(host)
  net.tamper = undefined
  const { length } = net.letters
  const path = { ...pathTo(host), remote: { address: stranger.address, port: 500 } }
  for (let index = 0; index < 1000; index++) {
    new DataView(first.buffer).setUint32(0, index + 1)
    host.input({ kind: 'datagram', path, bytes: first })
  }
  const answers = net.letters.slice(length).map(({ bytes }) => {
    const read = readMessage(bytes)
    const notify = read.ok ? read.value.payloads[0] : undefined
    return notify?.kind === 'notify' ? notify.type : 0
  })
  const refused = answers.filter(type => type === notifyErrors.of.NO_PROPOSAL_CHOSEN).length
  assert.ok(refused > 0 && refused <= host.settings.halfOpen.cookiesFrom, `${refused} were looked at`)
  assert.equal(answers.filter(type => type === notifyStatuses.of.COOKIE).length, 1000 - refused)
})

test('who begins and does not prove itself is forgotten', () => {
  const net = new TestNet(1)
  const [one, other] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  one.needs(other)
  net.advance(0.015)
  net.cut(one)
  assert.equal(other.endpoint.sessions()[0]!.state, 'awaiting-auth')
  net.advance(31)
  assert.deepEqual(other.endpoint.sessions(), [])
  assert.equal(other.endpoint.wakeAt, undefined)
})
