// Key exchanges: both sides agree by every method, printed answers come out, and what a peer may not send is refused as a
// value. The full lists of answers are in test/vectors/key-exchange.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Random, seededRandom } from '../base/random.ts'
import { findKeyExchange, type KeyExchangeName, keyExchangeOfTransform, keyExchanges } from './key-exchange.ts'
import { primeOf } from './key-exchange-modp.ts'
import { beginKeyExchange, respondToKeyExchange } from './run-key-exchange.ts'

const giving = (text: string): Random => ({ fill: bytes => bytes.set(Uint8Array.fromHex(text)), fraction: () => 0 })

interface Printed {
  readonly name: KeyExchangeName
  readonly source: string
  readonly own: readonly [string, string]
  readonly sent: readonly [string, string]
  readonly shared: string
}

const printed: readonly Printed[] = [
  {
    name: 'curve25519',
    source: 'RFC 8031 Appendix A',
    own: [
      '751fb4308655b476b6789b7325f9ea8cddd16a58533ff6d9e60009464a5f9d94',
      '0a54645253290d60ddadd0e030bacd9e5501efdc220755a1e978f1b839a05688',
    ],
    sent: [
      '48d5ddd4061257ba166fa3f9bbdb74f1a4e81c089384fa77f790709f0dfbc766',
      '0be7c1f5aad87d7e448662673298a443478b859745179eaf564c79c0ef6eee25',
    ],
    shared: 'c74950607a12327f3204d94b6825bfb068b7f8319a9e3708ed3d43ce8130c950',
  },
  {
    name: 'curve448',
    source: 'RFC 7748 §6.2',
    own: [
      '9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b',
      '1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d',
    ],
    sent: [
      '9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0',
      '3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609',
    ],
    shared:
      '07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d',
  },
  {
    name: 'ecp-384',
    source: 'RFC 5903 §8.2',
    own: [
      '099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194',
      '41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc',
    ],
    sent: [
      '667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa' +
        '9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c',
      'e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571' +
        'dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c',
    ],
    shared: '11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746',
  },
]

for (const { name, source, own, sent, shared } of printed) {
  test(`${name} gives the answer of ${source}, on both sides`, () => {
    const method = findKeyExchange(name)
    const begun = beginKeyExchange(method, giving(own[0]))
    assert.equal(begun.public.toHex(), sent[0])
    const answered = respondToKeyExchange(method, begun.public, giving(own[1]))
    assert.ok(answered.ok && answered.value.public.toHex() === sent[1])
    assert.equal(answered.value.secret.reveal().toHex(), shared)
    const finished = begun.finish(answered.value.public)
    assert.ok(finished.ok && finished.value.reveal().toHex() === shared)
  })
}

test('both sides agree by every method, on a secret of the announced size that differs each time', () => {
  for (const method of keyExchanges) {
    const secrets = [1, 2].map(() => {
      const begun = beginKeyExchange(method)
      assert.equal(begun.public.length, method.initiatorBytes, method.name)
      const answered = respondToKeyExchange(method, begun.public)
      assert.ok(answered.ok, method.name)
      assert.equal(answered.value.public.length, method.responderBytes, method.name)
      const finished = begun.finish(answered.value.public)
      assert.ok(finished.ok)
      const secret = finished.value.reveal()
      assert.equal(secret.length, method.secretBytes, method.name)
      assert.deepEqual(secret, answered.value.secret.reveal(), method.name)
      return secret.toHex()
    })
    assert.notEqual(secrets[0], secrets[1], method.name)
  }
})

test('small numbers modulo a prime have zeros before them, in what is sent and in the secret (RFC 7296 §2.14)', () => {
  for (const method of keyExchanges.filter(row => row.family === 'modp')) {
    const eight: Random = { fill: bytes => bytes.fill(0).fill(8, -1), fraction: () => 0 }
    const begun = beginKeyExchange(method, eight)
    const expected = (value: number) => new Uint8Array(method.secretBytes).with(-2, value >>> 8).with(-1, value & 0xff)
    assert.deepEqual(begun.public, expected(2 ** 8), method.name)
    const finished = begun.finish(expected(3))
    assert.ok(finished.ok)
    assert.deepEqual(finished.value.reveal(), expected(3 ** 8), method.name)
  }
})

test('a repeatable source gives a repeatable initiator', () => {
  for (const method of keyExchanges) {
    const [one, two] = [1, 1].map(seed => beginKeyExchange(method, seededRandom(seed)).public)
    assert.deepEqual(one, two, method.name)
  }
})

test('a value that is short, long, empty or of the other side of an encapsulation is refused by its length', () => {
  for (const method of keyExchanges) {
    const begun = beginKeyExchange(method)
    for (const length of [0, 1, method.responderBytes - 1, method.responderBytes + 1]) {
      const finished = begun.finish(new Uint8Array(length).fill(3))
      assert.ok(!finished.ok && finished.error.kind === 'wrong-length', `${method.name} ${length}`)
    }
    for (const length of [0, 1, method.initiatorBytes - 1, method.initiatorBytes + 1]) {
      const answered = respondToKeyExchange(method, new Uint8Array(length).fill(3))
      assert.ok(!answered.ok && answered.error.kind === 'wrong-length', `${method.name} ${length}`)
    }
    if (method.initiatorBytes !== method.responderBytes) assert.ok(!begun.finish(begun.public).ok)
  }
})

/** What no honest peer sends, by family. */
function badValues(name: KeyExchangeName): readonly Uint8Array[] {
  const method = findKeyExchange(name)
  const zero = new Uint8Array(method.initiatorBytes)
  const ones = zero.map(() => 0xff)
  const one = zero.with(zero.length - 1, 1)
  switch (method.family) {
    case 'modp': {
      const prime = primeOf(method)
      // The last octet of every one of these primes is 0xff.
      return [zero, one, prime.with(prime.length - 1, 0xfe), prime, ones]
    }
    case 'ecp': {
      const good = beginKeyExchange(method).public
      const [x, y] = [good.subarray(0, good.length / 2), good.subarray(good.length / 2)]
      return [zero, one, ones, new Uint8Array([...y, ...x]), good.with(good.length - 1, good.at(-1)! ^ 1)]
    }
    case 'montgomery':
      // Points of order 1, 2 and 4 on the curve or its twist; the first octet is the lowest.
      return [zero, zero.with(0, 1)]
    case 'ml-kem':
      return [ones]
  }
}

test('zero, one, p - 1, p, points off the curve, swapped coordinates, small orders: refused on both sides', () => {
  for (const method of keyExchanges) {
    for (const bad of badValues(method.name)) {
      const what = `${method.name} ${bad.toHex().slice(0, 20)}`
      const answered = respondToKeyExchange(method, bad)
      assert.ok(!answered.ok && answered.error.kind === 'invalid-value', what)
      if (method.family === 'ml-kem') continue
      const finished = beginKeyExchange(method).finish(bad)
      assert.ok(!finished.ok && finished.error.kind === 'invalid-value', what)
    }
  }
})

test('after a refused answer an honest one still finishes, and after closing nothing does', () => {
  const method = findKeyExchange('ecp-256')
  const begun = beginKeyExchange(method)
  const answered = respondToKeyExchange(method, begun.public)
  assert.ok(!begun.finish(new Uint8Array(64)).ok)
  assert.ok(answered.ok && begun.finish(answered.value.public).ok)
  begun.close()
  assert.throws(() => begun.finish(new Uint8Array(64)), /closed/)
})

test('a ciphertext that was touched gives another secret and no fault (FIPS 203 §6.3)', () => {
  const method = findKeyExchange('ml-kem-768')
  const begun = beginKeyExchange(method)
  const answered = respondToKeyExchange(method, begun.public)
  assert.ok(answered.ok)
  const { public: ciphertext, secret } = answered.value
  const finished = begun.finish(ciphertext.with(5, ciphertext[5]! ^ 1))
  assert.ok(finished.ok && finished.value.reveal().toHex() !== secret.reveal().toHex())
})

test('octets of any kind make no method throw', () => {
  const quick = keyExchanges.filter(row => row.secretBytes <= 256)
  fc.assert(
    fc.property(fc.constantFrom(...quick), fc.infiniteStream(fc.nat(255)), (method, stream) => {
      const draw = (length: number) => Uint8Array.from({ length }, () => stream.next().value!)
      respondToKeyExchange(method, draw(method.initiatorBytes))
      beginKeyExchange(method).finish(draw(method.responderBytes))
    }),
    { numRuns: 60 },
  )
})

test('a broken random source stops us and gives no weak key', () => {
  const broken: Random = { fill: bytes => bytes.fill(0), fraction: () => 0 }
  for (const name of ['modp-2048', 'ecp-256', 'ecp-521'] as const) {
    assert.throws(() => beginKeyExchange(findKeyExchange(name), broken), /random source/)
  }
})

test('methods are found by the number that travels; the groups with small subgroups are not there', () => {
  assert.equal(keyExchangeOfTransform(31)?.name, 'curve25519')
  assert.equal(keyExchangeOfTransform(37)?.name, 'ml-kem-1024')
  for (const number of [0, 3, 22, 23, 24, 25, 27, 33]) assert.equal(keyExchangeOfTransform(number), undefined)
  assert.deepEqual(
    keyExchanges.filter(row => row.old !== undefined).map(row => row.name),
    ['modp-1536', 'modp-1024', 'modp-768'],
  )
})
