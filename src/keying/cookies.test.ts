// RFC 7296 §2.6: what a cookie proves, and for how long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { CookieJar, readFirstRequest } from './cookies.ts'

const random = seededRandom(1)
const claim = { content: new Uint8Array(32).fill(7), address: parseAddress('10.0.0.1')!, initiatorSpi: 5n }

test('a cookie is accepted from whoever it was made for, and again', () => {
  const jar = new CookieJar()
  const cookie = jar.make(claim, 0, random)
  assert.ok(cookie.length <= 64)
  assert.ok(jar.accepts(cookie, claim, 1))
  assert.ok(jar.accepts(cookie, claim, 59))
  assert.deepEqual(jar.make(claim, 30, random), cookie)
})

test('a cookie is worth nothing with another content, address or SPI, changed, cut or made elsewhere', () => {
  const jar = new CookieJar()
  const cookie = jar.make(claim, 0, random)
  const others = [
    { ...claim, content: new Uint8Array(32).fill(8) },
    { ...claim, content: new Uint8Array(31).fill(7) },
    { ...claim, address: parseAddress('10.0.0.2')! },
    { ...claim, address: parseAddress('::10.0.0.1')! },
    { ...claim, initiatorSpi: 6n },
  ]
  for (const other of others) assert.ok(!jar.accepts(cookie, other, 1))
  for (let at = 0; at < cookie.length; at++) {
    const changed = cookie.slice()
    changed[at]! ^= 1
    assert.ok(!jar.accepts(changed, claim, 1), `octet ${at}`)
    assert.ok(!jar.accepts(cookie.subarray(0, at), claim, 1), `${at} octets`)
  }
  assert.ok(!new CookieJar().accepts(cookie, claim, 1))
  const other = new CookieJar()
  other.make(claim, 0, random)
  assert.ok(!other.accepts(cookie, claim, 1))
})

test('the secret changes; what the previous one made counts for a minute more, and then never again', () => {
  const jar = new CookieJar()
  const cookie = jar.make(claim, 0, random)
  const next = jar.make(claim, 61, random)
  assert.notDeepEqual(next, cookie)
  assert.ok(jar.accepts(cookie, claim, 119))
  assert.ok(jar.accepts(next, claim, 119))
  assert.ok(!jar.accepts(cookie, claim, 120))
  assert.ok(jar.accepts(next, claim, 150))
  jar.make(claim, 10_000, random)
  assert.ok(!jar.accepts(next, claim, 10_000))
})

test('a cookie is read where it stands first, and whatever else stands there is content', () => {
  const message = (first: number, ...payloads: readonly number[]) =>
    Uint8Array.of(...new Uint8Array(16), first, ...new Uint8Array(11), ...payloads)
  const rest = [0, 0, 0, 6, 1, 2]
  const brought = readFirstRequest(message(41, 33, 0, 0, 10, 0, 0, 0x40, 0x06, 8, 9, ...rest))
  const asked = readFirstRequest(message(33, ...rest))
  assert.deepEqual(brought.cookie, Uint8Array.of(8, 9))
  assert.deepEqual(brought.content, asked.content)
  assert.equal(asked.cookie, undefined)
  // Another notification, a length that lies, an SPI, and nothing at all.
  for (const payloads of [
    [33, 0, 0, 10, 0, 0, 0x40, 0x07, 8, 9, ...rest],
    [33, 0, 0, 99, 0, 0, 0x40, 0x06, 8, 9, ...rest],
    [33, 0, 0, 7, 0, 0, 0x40, 0x06, 8, 9, ...rest],
    [33, 0, 0, 10, 0, 2, 0x40, 0x06, 8, 9, ...rest],
    [33, 0, 0],
    [],
  ]) {
    assert.equal(readFirstRequest(message(41, ...payloads)).cookie, undefined)
  }
})
