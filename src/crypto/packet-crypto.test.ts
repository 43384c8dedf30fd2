// One suite for three packet engines: what one seals every other opens, with the same bytes; what was touched opens
// nowhere and shows nothing. Known answers of others are in test/vectors/packet-crypto.test.ts.
import assert from 'node:assert/strict'
import { createCipheriv, createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { ciphers, findCipher } from './ciphers.ts'
import { integrityAlgorithms } from './integrity.ts'
import { counterIvs, randomIvs } from './iv-source.ts'
import { hashNameOf, opensslKeyOf, opensslNameOf } from './openssl-names.ts'
import { choosePacketCrypto, PacketCrypto, tryEngine } from './packet-crypto.ts'
import { allocateMemory, type EngineName, Memory } from './packet-engine.ts'
import {
  type AhSuite,
  ahIcvFieldBytes,
  type EspSuite,
  espAlignment,
  espHeaderBytes,
  espIcvBytes,
  keyMaterialBytes,
  type Suite,
  splitKeyMaterial,
} from './suites.ts'

const engineNames: readonly EngineName[] = ['node', 'openssl', 'ipsec-mb']
const tried = new Map(engineNames.map(name => [name, tryEngine(name)]))
const node = cryptoOf('node')!

/** With the engine first and node:crypto for what it lacks. */
function cryptoOf(name: EngineName): PacketCrypto | undefined {
  const engine = tried.get(name)
  const last = tried.get('node')
  if (typeof engine !== 'object' || typeof last !== 'object') return undefined
  return new PacketCrypto([engine, last])
}

function whyNot(name: EngineName): string | false {
  const engine = tried.get(name)
  return typeof engine === 'string' ? `skipped, because ${engine}` : false
}

const espSuites: readonly EspSuite[] = ciphers.flatMap((cipher): EspSuite[] =>
  cipher.icvBytes > 0
    ? [{ protocol: 'esp', cipher }]
    : integrityAlgorithms
        .filter(row => row.mode !== 'gmac')
        .map(integrity => ({ protocol: 'esp', cipher, integrity }) as const),
)
const ahSuites: readonly AhSuite[] = integrityAlgorithms.map(integrity => ({ protocol: 'ah', integrity }))

function nameOf(suite: Suite): string {
  const rows = suite.protocol === 'esp' ? [suite.cipher, suite.integrity] : [suite.integrity]
  return rows
    .filter(row => row !== undefined)
    .map(row => `${row.name}-${row.keyBytes * 8}-${row.icvBytes}`)
    .join('+')
}

function keysFor(suite: Suite, seed: number) {
  const material = new Uint8Array(keyMaterialBytes(suite))
  seededRandom(seed).fill(material)
  return splitKeyMaterial(suite, material)
}

function ivsFor(suite: EspSuite, seed: number) {
  return suite.cipher.mode === 'cbc' ? randomIvs(seededRandom(seed)) : counterIvs(0, BigInt(seed))
}

const AT = 32
const HIGH = 0x01020304

/** A packet sealed at AT of fresh memory, and what was in it. */
function sealOne(crypto: PacketCrypto, suite: EspSuite, length: number, seed: number, extendedSequence = false) {
  const whole = Math.ceil(length / espAlignment(suite)) * espAlignment(suite)
  const content = new Uint8Array(whole)
  seededRandom(seed + 1).fill(content)
  const total = espHeaderBytes(suite) + whole + espIcvBytes(suite)
  const memory = allocateMemory(AT + total + 64)
  memory.bytes.set([0x11, 0x22, 0x33, 0x44, 0xff, 0, 0, seed & 0xff], AT)
  memory.bytes.set(content, AT + espHeaderBytes(suite))
  const sealer = crypto.sealer(suite, keysFor(suite, seed), { extendedSequence, ivs: ivsFor(suite, seed) })
  sealer.seal(memory, AT, AT + espHeaderBytes(suite), whole, HIGH)
  sealer.close()
  return { content, memory, total, packet: memory.bytes.slice(AT, AT + total) }
}

for (const name of engineNames) {
  const crypto = cryptoOf(name)
  const skip = whyNot(name)
  describe(`the engine ${name}`, { skip: skip === false ? false : skip }, () => {
    test('what it seals it opens, in every suite, with 32-bit and 64-bit sequence numbers', () => {
      for (const suite of espSuites) {
        for (const extendedSequence of [false, true]) {
          const { content, memory, total } = sealOne(crypto!, suite, 100, 7, extendedSequence)
          const opener = crypto!.opener(suite, keysFor(suite, 7), { extendedSequence })
          const to = AT + espHeaderBytes(suite)
          assert.ok(opener.open(memory, AT, total, to, HIGH), nameOf(suite))
          assert.deepEqual(memory.bytes.slice(to, to + content.length), content, nameOf(suite))
          opener.close()
        }
      }
    })

    test('nothing around a packet is written to', () => {
      for (const suite of espSuites) {
        const { memory, total } = sealOne(crypto!, suite, 100, 8, true)
        const opener = crypto!.opener(suite, keysFor(suite, 8), { extendedSequence: true })
        assert.ok(opener.open(memory, AT, total, AT + espHeaderBytes(suite), HIGH))
        opener.close()
        const around = [...memory.bytes.subarray(0, AT), ...memory.bytes.subarray(AT + total)]
        assert.ok(
          around.every(octet => octet === 0),
          nameOf(suite),
        )
      }
    })

    test('a flipped bit anywhere, another upper half or another key opens nothing and shows nothing', () => {
      for (const suite of espSuites) {
        const { content, total, packet } = sealOne(crypto!, suite, 24, 9, true)
        const opener = crypto!.opener(suite, keysFor(suite, 9), { extendedSequence: true })
        const other = crypto!.opener(suite, keysFor(suite, 10), { extendedSequence: true })
        const to = AT + total + 16
        const memory = allocateMemory(to + content.length)
        const refuses = (opening: typeof opener, high: number, what: string) => {
          assert.ok(!opening.open(memory, AT, total, to, high), `${nameOf(suite)}: ${what}`)
          assert.ok(
            memory.bytes.subarray(to).every(octet => octet === 0),
            `${nameOf(suite)}: ${what} leaves something to read`,
          )
        }
        for (let at = 0; at < total; at++) {
          memory.bytes.set(packet, AT)
          memory.bytes[AT + at]! ^= 1 << (at & 7)
          refuses(opener, HIGH, `octet ${at} flipped`)
        }
        memory.bytes.set(packet, AT)
        refuses(opener, HIGH + 1, 'another upper half')
        refuses(other, HIGH, 'another key')
        assert.deepEqual(memory.bytes.slice(AT, AT + total), packet, `${nameOf(suite)}: the packet itself was changed`)
        assert.ok(opener.open(memory, AT, total, to, HIGH), `${nameOf(suite)}: the packet as it was`)
        opener.close()
        other.close()
      }
    })

    test('in place, what is not authentic leaves no plaintext either', () => {
      for (const suite of espSuites) {
        if (suite.cipher.mode === 'null' || suite.cipher.mode === 'gmac') continue
        const { content, memory, total } = sealOne(crypto!, suite, 64, 11)
        memory.bytes[AT + total - 1]! ^= 0x80
        const opener = crypto!.opener(suite, keysFor(suite, 11), { extendedSequence: false })
        const to = AT + espHeaderBytes(suite)
        assert.ok(!opener.open(memory, AT, total, to, 0), nameOf(suite))
        assert.notDeepEqual(memory.bytes.slice(to, to + 16), content.slice(0, 16), nameOf(suite))
        opener.close()
      }
    })

    test('a packet cut at any length is refused without an exception', () => {
      for (const suite of espSuites) {
        const { memory, total } = sealOne(crypto!, suite, 32, 12)
        const opener = crypto!.opener(suite, keysFor(suite, 12), { extendedSequence: false })
        const copy = memory.bytes.slice()
        for (let length = 0; length < total; length++) {
          memory.bytes.set(copy)
          assert.ok(!opener.open(memory, AT, length, AT + espHeaderBytes(suite), 0), `${nameOf(suite)} of ${length}`)
        }
        opener.close()
      }
    })

    test('a key serves many packets, and every one has another IV', () => {
      for (const suite of espSuites) {
        const length = espAlignment(suite) * 4
        const header = espHeaderBytes(suite)
        const total = header + length + espIcvBytes(suite)
        const memory = allocateMemory(total)
        const sealer = crypto!.sealer(suite, keysFor(suite, 13), { extendedSequence: false })
        const opener = crypto!.opener(suite, keysFor(suite, 13), { extendedSequence: false })
        const seen = new Set<string>()
        for (let count = 0; count < 600; count++) {
          memory.bytes.fill(count & 0xff, header, header + length)
          sealer.seal(memory, 0, header, length, 0)
          seen.add(memory.bytes.slice(8, header).toHex())
          assert.ok(opener.open(memory, 0, total, header, 0), nameOf(suite))
          assert.ok(memory.bytes.subarray(header, header + length).every(octet => octet === (count & 0xff)))
        }
        assert.equal(seen.size, suite.cipher.ivBytes === 0 ? 1 : 600, nameOf(suite))
        sealer.close()
        opener.close()
      }
    })

    test('it gives the bytes that node:crypto gives, for any suite, key, length and place', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...espSuites),
          fc.nat(2 ** 31),
          fc.integer({ min: 2, max: 9000 }),
          fc.boolean(),
          (suite, seed, length, extendedSequence) => {
            const ours = sealOne(crypto!, suite, length, seed, extendedSequence)
            const theirs = sealOne(node, suite, length, seed, extendedSequence)
            assert.deepEqual(ours.packet, theirs.packet, nameOf(suite))
            const opener = crypto!.opener(suite, keysFor(suite, seed), { extendedSequence })
            // Opened to another place than where it lies.
            const to = AT + theirs.total
            const room = allocateMemory(to + theirs.content.length)
            room.bytes.set(theirs.packet, AT)
            assert.ok(opener.open(room, AT, theirs.total, to, HIGH), nameOf(suite))
            assert.deepEqual(room.bytes.slice(to, to + theirs.content.length), theirs.content, nameOf(suite))
            opener.close()
          },
        ),
        { numRuns: 400 },
      )
    })

    test('content may be sealed from where it came to where it goes', () => {
      for (const suite of espSuites) {
        const { content, packet } = sealOne(crypto!, suite, 48, 14)
        const memory = new Memory(new Uint8Array(600))
        memory.bytes.set(packet.subarray(0, 8), 300)
        memory.bytes.set(content, 20)
        const sealer = crypto!.sealer(suite, keysFor(suite, 14), { extendedSequence: false, ivs: ivsFor(suite, 14) })
        sealer.seal(memory, 300, 20, content.length, 0)
        assert.deepEqual(memory.bytes.slice(300, 300 + packet.length), packet, nameOf(suite))
        sealer.close()
      }
    })

    test('for AH it signs what it verifies, over pieces however they are cut, and as node:crypto does', () => {
      for (const suite of ahSuites) {
        for (const extendedSequence of [false, true]) {
          const text = new Uint8Array(1000)
          seededRandom(3).fill(text)
          const make = (of: PacketCrypto) =>
            of.authenticator(suite, keysFor(suite, 15), { extendedSequence, ivs: counterIvs(0, 5n) })
          const [ours, theirs] = [make(crypto!), make(node)]
          const field = ahIcvFieldBytes(suite)
          const icvs = [ours, theirs].map((one, cut) => {
            const icv = new Uint8Array(field + 2)
            one.start()
            one.add(text, 0, 17 + 100 * cut)
            one.addZeros(16)
            one.add(text, 17 + 100 * cut + 16, 1000 - 33 - 100 * cut)
            one.sign(HIGH, icv, 1)
            return icv
          })
          // Cut elsewhere, the zeros fall elsewhere: only the same cut has the same ICV.
          assert.notDeepEqual(icvs[0], icvs[1], nameOf(suite))
          const verify = (high: number, change?: number) => {
            theirs.start()
            theirs.add(text, 0, 10)
            theirs.add(text, 10, 7)
            theirs.addZeros(16)
            theirs.add(text, 33, 967)
            const icv = icvs[0]!.slice()
            if (change !== undefined) icv[change]! ^= 4
            return theirs.verify(high, icv, 1)
          }
          assert.ok(verify(HIGH), nameOf(suite))
          assert.equal(verify(HIGH + 1), !extendedSequence, nameOf(suite))
          for (let at = 1; at <= field; at++) assert.ok(!verify(HIGH, at), `${nameOf(suite)} octet ${at}`)
          ours.close()
          theirs.close()
        }
      }
    })

    test('a place outside the memory is an error of ours and does not reach C', () => {
      for (const suite of espSuites) {
        const memory = allocateMemory(200)
        const sealer = crypto!.sealer(suite, keysFor(suite, 16), { extendedSequence: false })
        const opener = crypto!.opener(suite, keysFor(suite, 16), { extendedSequence: false })
        assert.throws(() => sealer.seal(memory, 150, 20, 48, 0), RangeError)
        assert.throws(() => sealer.seal(memory, 0, 190, 48, 0), RangeError)
        assert.throws(() => sealer.seal(memory, -8, 20, 48, 0), RangeError)
        const length = espHeaderBytes(suite) + 48 + espIcvBytes(suite)
        assert.throws(() => opener.open(memory, 190, length, 0, 0), RangeError)
        assert.throws(() => opener.open(memory, 0, length, 199, 0), RangeError)
        sealer.close()
        opener.close()
      }
    })
  })
}

test('suites of a cipher and an integrity algorithm are what RFC 4303 says, worked out step by step', () => {
  for (const suite of espSuites) {
    if (suite.integrity?.mode !== 'hmac') continue
    const { packet, content } = sealOne(node, suite, 60, 21, true)
    const keys = keysFor(suite, 21)
    const key = keys.cipher.reveal()
    const header = espHeaderBytes(suite)
    const { cipher, integrity } = suite
    const iv = packet.slice(8, header)
    let sealed: Uint8Array = content
    if (cipher.mode !== 'null') {
      const first =
        cipher.mode === 'ctr' ? Buffer.concat([key.slice(cipher.keyBytes), iv, Uint8Array.of(0, 0, 0, 1)]) : iv
      const run = createCipheriv(opensslNameOf(cipher)!, opensslKeyOf(cipher, key.slice(0, cipher.keyBytes)), first)
      run.setAutoPadding(false)
      sealed = Buffer.concat([run.update(content), run.final()])
    }
    const covered = Buffer.concat([packet.slice(0, header), sealed])
    const icv = createHmac(hashNameOf(integrity)!, keys.integrity.reveal())
      .update(covered)
      .update(Uint8Array.of(1, 2, 3, 4))
      .digest()
      .subarray(0, integrity.icvBytes)
    assert.equal(packet.toHex(), Buffer.concat([covered, icv]).toHex(), nameOf(suite))
  }
})

test('without a preference the quickest engine that works here is chosen, and what was not is said with the reason', () => {
  const chosen = choosePacketCrypto()
  const first = (['ipsec-mb', 'openssl', 'node'] as const).find(name => typeof tried.get(name) === 'object')
  assert.equal(chosen.name, first)
  assert.ok(chosen.description.length > 0)
  for (const { name, because } of chosen.notTaken) assert.equal(because, tried.get(name))
})

test('a preferred engine is taken, and none that is quicker', () => {
  assert.equal(choosePacketCrypto('node').name, 'node')
  const openssl = choosePacketCrypto('openssl')
  const suite: EspSuite = { protocol: 'esp', cipher: findCipher('aes-gcm', 16, 16)! }
  assert.ok(!openssl.enginesFor(suite)!.includes('ipsec-mb'))
  assert.deepEqual(choosePacketCrypto('node').enginesFor(suite), ['node'])
})

test('every suite can be done, by node:crypto alone as well', () => {
  for (const suite of [...espSuites, ...ahSuites]) {
    assert.ok(choosePacketCrypto().enginesFor(suite) !== undefined, nameOf(suite))
    assert.ok(node.enginesFor(suite) !== undefined, nameOf(suite))
  }
})

test('keys do not show in any text', () => {
  const suite: EspSuite = { protocol: 'esp', cipher: findCipher('aes-gcm', 16, 16)! }
  const keys = keysFor(suite, 1)
  assert.ok(keys.cipher instanceof Secret)
  assert.equal(JSON.stringify(keys), '{"cipher":"[secret]","integrity":"[secret]"}')
})
