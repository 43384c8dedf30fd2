// RFC 7296 §2.6: what a cookie proves, and for how long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../base/address.ts'
import { seededRandom } from '../../base/random.ts'
import { RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, writeMessage } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { exchangeTypes, payloadTypes } from '../../wire/ike/numbers.ts'
import { CookieJar, cookieAnswer, cookieIn, type FirstRequest } from './cookies.ts'

const random = seededRandom(1)
const rest = [0, 0, 0, 6, 1, 2]
const message = (first: number, ...payloads: readonly number[]) =>
  Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, ...new Uint8Array(8), first, ...new Uint8Array(11), ...payloads)
const claim: FirstRequest = { octets: message(payloadTypes.of.SA, ...rest), address: parseAddress('10.0.0.1')! }

/** The same request with the cookie in front, as its initiator would send it. */
function bringing(cookie: Uint8Array, { octets, address }: FirstRequest = claim): FirstRequest {
  const payload = [octets[16]!, 0, 0, 8 + cookie.length, 0, 0, 0x40, 0x06, ...cookie, ...octets.subarray(28)]
  const whole = Uint8Array.of(...octets.subarray(0, 28), ...payload)
  whole[16] = payloadTypes.of.N
  return { octets: whole, address }
}

function changed(at: number, request = claim): FirstRequest {
  const octets = request.octets.slice()
  octets[at]! ^= 1
  return { ...request, octets }
}

test('a cookie is accepted from whoever it was made for, and again', () => {
  const jar = new CookieJar()
  const cookie = jar.make(claim, 0, random)
  assert.ok(cookie.length <= 64)
  assert.ok(jar.accepts(bringing(cookie), 1))
  assert.ok(jar.accepts(bringing(cookie), 59))
  assert.ok(!jar.accepts(claim, 1))
  assert.deepEqual(jar.make(claim, 30, random), cookie)
  // Who brings a wrong one is asked for the same again.
  assert.deepEqual(jar.make(bringing(Uint8Array.of(1, 2)), 30, random), cookie)
})

test('a cookie is worth nothing with another content, address or SPI, changed, cut or made elsewhere', () => {
  const jar = new CookieJar()
  const cookie = jar.make(claim, 0, random)
  const others: readonly FirstRequest[] = [
    changed(claim.octets.length - 1),
    { ...claim, octets: claim.octets.subarray(0, -1) },
    { ...claim, octets: Uint8Array.of(...claim.octets, 0) },
    { ...claim, address: parseAddress('10.0.0.2')! },
    { ...claim, address: parseAddress('::10.0.0.1')! },
    { ...claim, address: parseAddress('a00:1::')! },
    changed(16),
    ...[0, 1, 2, 3, 4, 5, 6, 7].map(at => changed(at)),
  ]
  for (const other of others) assert.ok(!jar.accepts(bringing(cookie, other), 1))
  for (let at = 0; at < cookie.length; at++) {
    const other = cookie.slice()
    other[at]! ^= 1
    assert.ok(!jar.accepts(bringing(other), 1), `octet ${at}`)
    assert.ok(!jar.accepts(bringing(cookie.subarray(0, at)), 1), `${at} octets`)
  }
  assert.ok(!new CookieJar().accepts(bringing(cookie), 1))
  const other = new CookieJar()
  other.make(claim, 0, random)
  assert.ok(!other.accepts(bringing(cookie), 1))
})

test('a large request has a cookie like any other', () => {
  const jar = new CookieJar()
  const large = { ...claim, octets: message(payloadTypes.of.SA, ...new Uint8Array(60_000).fill(3)) }
  const cookie = jar.make(large, 0, random)
  jar.make(claim, 0, random)
  assert.ok(jar.accepts(bringing(cookie, large), 1))
  assert.ok(!jar.accepts(bringing(cookie, changed(50_000, large)), 1))
})

test('the secret changes; what the previous one made counts for a minute more, and then never again', () => {
  const jar = new CookieJar()
  const cookie = jar.make(claim, 0, random)
  const next = jar.make(claim, 61, random)
  assert.notDeepEqual(next, cookie)
  assert.ok(jar.accepts(bringing(cookie), 119))
  assert.ok(jar.accepts(bringing(next), 119))
  assert.ok(!jar.accepts(bringing(cookie), 120))
  assert.ok(jar.accepts(bringing(next), 150))
  jar.make(claim, 10_000, random)
  assert.ok(!jar.accepts(bringing(next), 10_000))
})

test('a cookie is read where it stands first, and whatever else stands there is content', () => {
  const brought = message(41, 33, 0, 0, 10, 0, 0, 0x40, 0x06, 8, 9, ...rest)
  assert.deepEqual(cookieIn(brought), Uint8Array.of(8, 9))
  assert.equal(cookieIn(message(33, ...rest)), undefined)
  // Another notification, a length that lies, an SPI, and nothing at all.
  for (const payloads of [
    [33, 0, 0, 10, 0, 0, 0x40, 0x07, 8, 9, ...rest],
    [33, 0, 0, 99, 0, 0, 0x40, 0x06, 8, 9, ...rest],
    [33, 0, 0, 7, 0, 0, 0x40, 0x06, 8, 9, ...rest],
    [33, 0, 0, 10, 0, 2, 0x40, 0x06, 8, 9, ...rest],
    [33, 0, 0],
    [],
  ]) {
    assert.equal(cookieIn(message(41, ...payloads)), undefined)
  }
})

test('the answer with a cookie is the message that the codecs write', () => {
  const cookie = new CookieJar().make(claim, 0, random)
  const header = {
    ...{ initiatorSpi: 0x0102030405060708n, responderSpi: 0n, version: IKE_VERSION_2, messageId: 0 },
    ...{ exchange: exchangeTypes.of.IKE_SA_INIT, flags: RESPONSE },
  }
  const written = writeMessage({ header, payloads: [notification('COOKIE', { cookie })] })
  assert.deepEqual(cookieAnswer(claim.octets, cookie, 0), written)
  assert.deepEqual(cookieAnswer(claim.octets, cookie, 4), Uint8Array.of(0, 0, 0, 0, ...written))
})
