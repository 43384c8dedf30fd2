// Key exchanges against published answers: the primes of RFC 2409 and 3526, exchanges of RFC 5903, RFC 8031 and
// strongSwan's tests, ML-KEM of liboqs by way of strongSwan and of CCTV by way of Wycheproof, and Wycheproof's x25519 and
// ECDH. Each test says how many cases it ran, and which it could not.
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { test } from 'node:test'
import type { Random } from '../../src/base/random.ts'
import { findKeyExchange, type KeyExchangeMethod, type KeyExchangeName } from '../../src/crypto/key-exchange.ts'
import { encapsulateFor } from '../../src/crypto/key-exchange-ml-kem.ts'
import { primeOf } from '../../src/crypto/key-exchange-modp.ts'
import { beginKeyExchange, respondToKeyExchange } from '../../src/crypto/run-key-exchange.ts'
import { hex, vectorList, whyNoVectors, wycheproof } from './read-vectors.ts'

const skip = whyNoVectors

/** Gives one private value; an array of another length is filled from the right, as numbers are. */
function giving(octets: Uint8Array): Random {
  return {
    fill(bytes) {
      bytes.fill(0)
      bytes.set(octets.subarray(-bytes.length), Math.max(0, bytes.length - octets.length))
    },
    fraction: () => 0,
  }
}

function checkExchange(
  method: KeyExchangeMethod,
  own: { readonly i: string; readonly r: string },
  sent: { readonly i: string; readonly r: string },
  shared: string,
): void {
  const begun = beginKeyExchange(method, giving(hex(own.i)))
  assert.equal(begun.public.toHex(), sent.i, `${method.name}: what the initiator sends`)
  const answered = respondToKeyExchange(method, begun.public, giving(hex(own.r)))
  assert.ok(answered.ok)
  assert.equal(answered.value.public.toHex(), sent.r, `${method.name}: what the responder sends`)
  assert.equal(answered.value.secret.reveal().toHex(), shared, `${method.name}: the responder's secret`)
  const finished = begun.finish(hex(sent.r))
  assert.ok(finished.ok && finished.value.reveal().toHex() === shared, `${method.name}: the initiator's secret`)
}

test('the primes are those of RFC 2409 and RFC 3526', { skip }, () => {
  const rows = vectorList('dh/modp-groups.json') as unknown as readonly { group: number; bits: number; p: string }[]
  const ours = rows.filter(row => row.bits >= 1024)
  assert.equal(ours.length, 7)
  for (const { group, bits, p } of ours) {
    const method = findKeyExchange(`modp-${bits}` as KeyExchangeName)
    assert.equal(method.transform, group)
    assert.equal(primeOf(method).toHex(), p)
  }
})

test('the exchanges of RFC 5903 and RFC 8031 come out as printed', { skip }, () => {
  for (const item of vectorList('dh/rfc5903-ecp.json')) {
    const method = findKeyExchange(`ecp-${item['bits']}` as KeyExchangeName)
    const sent = { i: item['gix']! + item['giy'], r: item['grx']! + item['gry'] }
    checkExchange(method, { i: item['i']!, r: item['r']! }, sent, item['girx']!)
  }
  for (const item of vectorList('dh/rfc8031-x25519.json')) {
    const own = { i: item['random_i']!, r: item['random_r']! }
    checkExchange(findKeyExchange('curve25519'), own, { i: item['pub_i']!, r: item['pub_r']! }, item['shared']!)
  }
})

test("strongSwan's exchanges come out", { skip }, t => {
  const names: Readonly<Record<string, KeyExchangeName>> = { CURVE_25519: 'curve25519', CURVE_448: 'curve448' }
  const left: string[] = []
  let count = 0
  for (const item of vectorList('dh/strongswan-dh.json')) {
    const [, family, bits] = /^(MODP|ECP)_(\d+)_BIT$/.exec(item['method']!) ?? []
    const name = names[item['method']!] ?? `${family?.toLowerCase()}-${bits}`
    const method = findKeyExchange(name as KeyExchangeName)
    if (method === undefined) {
      left.push(item['method']!)
      continue
    }
    const [seed, half] = [item['seed']!, item['seed']!.length / 2]
    const own = { i: seed.slice(0, half), r: seed.slice(half) }
    checkExchange(method, own, { i: item['pub_i']!, r: item['pub_r']! }, item['shared']!)
    count++
  }
  t.diagnostic(`${count} exchanges; left out: ${left.join(', ')}`)
  assert.ok(count >= 8)
})

for (const [file, name] of [
  ['ecdh_secp256r1_ecpoint_test.json', 'ecp-256'],
  ['ecdh_secp521r1_ecpoint_test.json', 'ecp-521'],
] as const) {
  test(`Wycheproof's ${file} agrees; compressed and misshapen points cannot be written in IKE`, { skip }, t => {
    const method = findKeyExchange(name)
    const counts = { valid: 0, refused: 0, unwritable: 0 }
    for (const item of wycheproof(file).flatMap(group => group.tests)) {
      const [point, own] = [item['public'] as string, item['private'] as string]
      if (!point.startsWith('04')) {
        assert.notEqual(item.result, 'valid')
        counts.unwritable++
        continue
      }
      const begun = beginKeyExchange(method, giving(hex(own)))
      const finished = begun.finish(hex(point.slice(2)))
      assert.equal(finished.ok, item.result === 'valid', `${file} ${item.tcId}`)
      if (finished.ok) assert.equal(finished.value.reveal().toHex(), item['shared'])
      counts[finished.ok ? 'valid' : 'refused']++
    }
    t.diagnostic(JSON.stringify(counts))
  })
}

test("Wycheproof's x25519_test.json agrees; all-zero secrets are refused, other odd points are not", { skip }, t => {
  const counts = { valid: 0, acceptable: 0, zero: 0 }
  for (const item of wycheproof('x25519_test.json').flatMap(group => group.tests)) {
    const begun = beginKeyExchange(findKeyExchange('curve25519'), giving(hex(item['private'] as string)))
    const finished = begun.finish(hex(item['public'] as string))
    const isZero = /^0+$/.test(item['shared'] as string)
    assert.equal(finished.ok, !isZero, `${item.tcId}`)
    if (finished.ok) assert.equal(finished.value.reveal().toHex(), item['shared'], `${item.tcId}`)
    counts[isZero ? 'zero' : (item.result as 'valid' | 'acceptable')]++
  }
  t.diagnostic(JSON.stringify(counts))
})

/**
 * The generator that known answers of NIST's kind start from: CTR_DRBG with AES-256 (SP 800-90A §10.2), no derivation. Of
 * each call the state moves on, so the order of calls matters: liboqs asks for d and z of the key, 32 octets each.
 */
function nistGenerator(seed: Uint8Array): (length: number) => Uint8Array {
  const [key, counter] = [new Uint8Array(32), new Uint8Array(16)]
  const blocks = (count: number) => {
    const parts = Array.from({ length: count }, () => {
      for (let i = 15; i >= 0; i--) {
        counter[i]!++
        if (counter[i] !== 0) break
      }
      return createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(counter)
    })
    return new Uint8Array(Buffer.concat(parts))
  }
  const update = (mixed?: Uint8Array) => {
    const fresh = blocks(3).map((octet, i) => octet ^ (mixed?.[i] ?? 0))
    key.set(fresh.subarray(0, 32))
    counter.set(fresh.subarray(32))
  }
  update(seed)
  return length => {
    const made = blocks(Math.ceil(length / 16)).slice(0, length)
    update()
    return made
  }
}

test("liboqs's ML-KEM exchanges come out, as strongSwan has them", { skip }, t => {
  const cases = vectorList('mlkem/strongswan-mlkem.json')
  for (const item of cases) {
    const size = /\d+$/.exec(item['method']!)![0]
    const method = findKeyExchange(`ml-kem-${size}` as KeyExchangeName)
    const draw = nistGenerator(hex(item['seed']!))
    const begun = beginKeyExchange(method, giving(new Uint8Array([...draw(32), ...draw(32)])))
    assert.equal(begun.public.toHex(), item['pub_i'], item['name']!)
    const finished = begun.finish(hex(item['pub_r']!))
    assert.ok(finished.ok && finished.value.reveal().toHex() === item['shared'], `${item['name']}`)
    const answered = respondToKeyExchange(method, hex(item['pub_i']!))
    assert.ok(answered.ok && answered.value.public.length === method.responderBytes)
  }
  t.diagnostic(`${cases.length} cases; what the responder draws OpenSSL draws itself, so its half cannot be replayed`)
})

test("Wycheproof's ML-KEM-768 seeds give the key and open the ciphertext", { skip }, t => {
  const method = findKeyExchange('ml-kem-768')
  const counts = { valid: 0, refused: 0 }
  for (const item of wycheproof('mlkem_768_test.json').flatMap(group => group.tests)) {
    const seed = hex(item['seed'] as string)
    if (seed.length !== 64) {
      assert.equal(item.result, 'invalid')
      counts.refused++
      continue
    }
    const begun = beginKeyExchange(method, giving(seed))
    if (item['ek'] !== undefined) assert.equal(begun.public.toHex(), item['ek'], `${item.tcId}`)
    const finished = begun.finish(hex(item['c'] as string))
    assert.equal(finished.ok, item.result === 'valid', `${item.tcId}`)
    if (finished.ok) assert.equal(finished.value.reveal().toHex(), item['K'], `${item.tcId}`)
    counts[finished.ok ? 'valid' : 'refused']++
  }
  t.diagnostic(JSON.stringify(counts))
})

test("Wycheproof's encapsulation keys beyond the modulus are refused, the others taken", { skip }, t => {
  const method = findKeyExchange('ml-kem-768')
  const counts = { taken: 0, refused: 0 }
  for (const item of wycheproof('mlkem_768_encaps_test.json').flatMap(group => group.tests)) {
    const key = hex(item['ek'] as string)
    const answered = respondToKeyExchange(method, key)
    assert.equal(answered.ok, item.result === 'valid', `${item.tcId}`)
    if (!answered.ok && key.length === method.initiatorBytes) assert.equal(encapsulateFor(method, key), undefined)
    counts[answered.ok ? 'taken' : 'refused']++
  }
  t.diagnostic(JSON.stringify(counts))
})
