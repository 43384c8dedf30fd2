// What holds of every codec, whatever it describes: what is written is read again, what is cut off or changed is a value or
// malformed, and never an exception, a hang or an answer that cannot be written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, encode } from '../src/base/codec.ts'
import { seededRandom } from '../src/base/random.ts'
import { describeMessage } from '../src/wire/ike/describe.ts'
import { ruleFaults } from '../src/wire/ike/exchange-rules.ts'
import { readMessage } from '../src/wire/ike/message.ts'
import { readNotify } from '../src/wire/ike/notify.ts'
import { describeMessageV1 } from '../src/wire/ike/v1-describe.ts'
import { readInsideV1, writeInsideV1 } from '../src/wire/ike/v1-message.ts'
import { allCodecs, messages } from './all-codecs.ts'
import { messagesV1 } from './all-codecs-v1.ts'

const seed = 20261123
const MUTATION_BUDGET_MS = 4000

test('every codec has a name of its own', () => {
  assert.equal(new Set(allCodecs.map(({ name }) => name)).size, allCodecs.length)
})

for (const { name, codec, values, openEnded } of allCodecs) {
  test(`${name}: what is written is read again, and written again as the same octets`, () => {
    fc.assert(
      fc.property(values, value => {
        const written = encode(codec, value)
        const read = decode(codec, written)
        assert.ok(read.ok, read.ok ? '' : read.error.what)
        assert.deepEqual(read.value, value)
        assert.deepEqual(encode(codec, read.value), written)
      }),
      { seed, numRuns: 100 },
    )
  })

  test(`${name}: cut off at any length it is ${openEnded ? 'malformed or a shorter value' : 'malformed'}`, () => {
    for (const value of fc.sample(values, { seed, numRuns: 12 })) {
      const written = encode(codec, value)
      for (let length = 0; length < written.length; length++) {
        const read = decode(codec, written.subarray(0, length))
        if (openEnded && read.ok) assert.doesNotThrow(() => encode(codec, read.value))
        else assert.ok(!read.ok && read.error.kind === 'malformed' && read.error.at <= length, `${length} octets`)
      }
    }
  })
}

test('octets that are changed, doubled or made up are read or malformed, and what is read can be written', () => {
  const random = seededRandom(seed)
  const below = (limit: number) => Math.floor(random.fraction() * limit)
  const samples = allCodecs.map(({ codec, values }) =>
    fc.sample(values, { seed, numRuns: 8 }).map(value => encode(codec, value)),
  )
  const end = performance.now() + MUTATION_BUDGET_MS
  const telling = [0, 1, 2, 3, 4, 7, 8, 33, 41, 46, 53, 0x7f, 0x80, 0xff]
  let turns = 0
  while (performance.now() < end) {
    const which = turns++ % allCodecs.length
    const { codec, name } = allCodecs[which]!
    const bytes = Uint8Array.from(samples[which]![below(8)]!)
    if (below(16) === 0) random.fill(bytes)
    for (let count = 1 + below(4); count > 0 && bytes.length > 0; count--) {
      bytes[below(bytes.length)] = below(2) === 0 ? below(256) : telling[below(telling.length)]!
    }
    const read = decode(codec, bytes)
    if (read.ok) assert.doesNotThrow(() => encode(codec, read.value), `${name}: ${Buffer.from(bytes).toString('hex')}`)
  }
  assert.ok(turns > 1000, String(turns))
})

test('whatever a message holds, it can be described on one line and held against the table of exchanges', () => {
  fc.assert(
    fc.property(messages, message => {
      assert.match(describeMessage(message), /^[\x20-\x7e…]+$/)
      ruleFaults(message, message.payloads)
      for (const one of message.payloads) if (one.kind === 'notify') readNotify(one)
    }),
    { seed, numRuns: 500 },
  )
})

test('a datagram of the greatest size is read in the time of its octets, whatever counts it claims', () => {
  const started = performance.now()
  // Payloads without a body, one after the other; and an SA whose proposals are all empty.
  const bare = new Uint8Array(65_507)
  bare.set([0x20, 0x22], 17)
  new DataView(bare.buffer).setUint32(24, bare.length)
  for (let at = 28; at + 4 <= bare.length; at += 4) bare.set([43, 0, 0, 4], at)
  bare[16] = 43
  assert.equal(readMessage(bare).ok, false)
  const fit = bare.subarray(0, 28 + 4 * 16_000)
  fit.set([0, 0, 0, 4], fit.length - 4)
  new DataView(fit.buffer).setUint32(24, fit.length)
  const read = readMessage(fit)
  assert.ok(read.ok && read.value.payloads.length === 16_000)
  assert.ok(describeMessage(read.value).length < 1000)
  assert.ok(performance.now() - started < 2000)
})

test('whatever a message of IKEv1 holds, it can be described on one line, and its payloads survive being padded', () => {
  fc.assert(
    fc.property(messagesV1, fc.uint8Array({ maxLength: 20 }), (message, padding) => {
      assert.match(describeMessageV1(message), /^[\x20-\x7e…]+$/)
      if (message.kind !== 'clear') return
      const { first, content } = writeInsideV1(message.payloads)
      const inside = readInsideV1(first, Uint8Array.of(...content, ...padding))
      assert.deepEqual(inside, { ok: true, value: { payloads: message.payloads, length: content.length } })
    }),
    { seed, numRuns: 500 },
  )
})
