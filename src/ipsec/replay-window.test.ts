// The replay window against a set that forgets nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReplayWindow } from './replay-window.ts'

test('a number is accepted once, and never when it is a whole window behind the highest', () => {
  for (const size of [64, 96, 1024, 8192]) {
    const window = new ReplayWindow(size, false)
    assert.ok(window.isNew(0, 1))
    window.accept(0, 1)
    assert.ok(!window.isNew(0, 1))
    window.accept(0, size)
    assert.ok(window.isNew(0, 2), 'the lowest place but one of a full window')
    assert.ok(!window.isNew(0, 1), 'seen')
    window.accept(0, size + 1)
    assert.ok(!window.isNew(0, 1), 'outside now')
    assert.ok(window.isNew(0, 2), 'the very edge is still inside')
    window.accept(0, size + 2)
    assert.ok(!window.isNew(0, 2), 'one further, and the edge is outside')
  }
})

test('zero is no sequence number', () => {
  assert.ok(!new ReplayWindow(64, false).isNew(0, 0))
  assert.ok(!new ReplayWindow(64, true).isNew(0, 0))
})

test('sizes are kept to 64 … 8,192 and whole words', () => {
  assert.equal(new ReplayWindow(1, false).size, 64)
  assert.equal(new ReplayWindow(65, false).size, 96)
  assert.equal(new ReplayWindow(1e6, false).size, 8192)
})

test('the upper half is inferred over the border in both directions (RFC 4303 A2.2)', () => {
  const window = new ReplayWindow(64, true)
  window.accept(0, 0xffffffff)
  assert.equal(window.inferHigh(0xfffffffe), 0)
  assert.equal(window.inferHigh(5), 1)
  assert.ok(window.isNew(1, 5))
  window.accept(1, 5)
  assert.equal(window.inferHigh(0xfffffff0), 0, 'a late packet of before the border')
  assert.ok(window.isNew(0, 0xfffffff0))
  assert.equal(window.inferHigh(7), 1)
  assert.equal(new ReplayWindow(64, true).inferHigh(0xfffffff0), -1, 'older than the association')
})

const steps = fc.array(fc.oneof(fc.integer({ min: -200, max: 40 }), fc.integer({ min: 0, max: 9000 })), {
  maxLength: 300,
})

test('any order of numbers is judged as a set that remembers everything judges it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(64, 128, 416),
      fc.constantFrom(1, 0xffffff00, 0x1ffffff80, 2 ** 45 - 3),
      steps,
      (size, from, moves) => {
        const window = new ReplayWindow(size, true)
        const seen = new Set<number>()
        const take = (number: number) => window.accept(Math.floor(number / 2 ** 32), number % 2 ** 32)
        let top = from
        take(from)
        seen.add(from)
        for (const move of moves) {
          const number = top + move
          if (number < 1) continue
          const isNew = number > top - size && !seen.has(number)
          const high = Math.floor(number / 2 ** 32)
          assert.equal(window.isNew(high, number % 2 ** 32), isNew, `${number} with ${top} on top`)
          if (number > top - size && number - top < 2 ** 32 - size)
            assert.equal(window.inferHigh(number % 2 ** 32), high)
          if (!isNew) continue
          take(number)
          seen.add(number)
          top = Math.max(top, number)
        }
      },
    ),
    { numRuns: 300, seed: 4303 },
  )
})
