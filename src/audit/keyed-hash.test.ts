// The hash against keys that are made to fall together, and against those that captures bring.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashOf, multipliers } from './keyed-hash.ts'

const COUNT = 1 << 15

type MakeKey = (index: number) => readonly number[]

const sets: readonly (readonly [string, MakeKey])[] = [
  ['a scan of ports', index => [0x0a000001, 0x0a000002, (index << 16) | 443, 6]],
  ['a scan of hosts', index => [0x0a000001, 0x0a000000 + index, 0x1bd0000, 17]],
  ['a scan of networks', index => [0x0a000001, index << 17, 0x1bd0000, 17]],
  // What is left of a bit that one multiplication moved out of the word is taken back by the words behind it.
  ['keys made against hashes that mix word after word', index => chains(index)],
  ['the highest bits of all words', index => Array.from({ length: 10 }, (_, word) => ((index >> word) & 1) << 31)],
]

function chains(index: number): readonly number[] {
  const key = Array<number>(10).fill(0)
  for (let bit = 0; bit < 7; bit++) {
    if (((index >> bit) & 1) === 0) continue
    key[bit]! ^= 0x80000000
    key[bit + 1]! ^= 0x80000000
    key[bit + 2]! ^= 0x10000
    key[bit + 3]! ^= 2
  }
  key[0]! ^= (index >> 7) << 8
  return key
}

test('keys share a slot of the table no more than chance has it, whatever the seed', () => {
  for (const [what, make] of sets) {
    const keys = new Map<string, Int32Array>()
    for (let index = 0; index < COUNT; index++) {
      const key = Int32Array.from(make(index))
      keys.set(key.join(), key)
    }
    for (const seed of [0, 1, 77, -5]) {
      const slots = new Map<number, number>()
      for (const key of keys.values()) {
        const slot = hashOf(key, 0, multipliers(seed, key.length)) & 0x1ffff
        slots.set(slot, (slots.get(slot) ?? 0) + 1)
      }
      const fullest = Math.max(...slots.values())
      assert.ok(fullest <= 12, `${what}: ${fullest} keys in one slot under seed ${seed}`)
      assert.ok(slots.size > keys.size * 0.8, `${what}: ${keys.size} keys in ${slots.size} slots under seed ${seed}`)
    }
  }
})

test('another seed is another hash', () => {
  const key = Int32Array.of(1, 2, 3, 4)
  const hashes = new Set(Array.from({ length: 1000 }, (_, seed) => hashOf(key, 0, multipliers(seed, 4))))
  assert.ok(hashes.size >= 999)
})
