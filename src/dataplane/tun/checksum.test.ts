// The vector module sums what a plain loop sums, at every length and place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { Arena } from '../../native/arena.ts'
import { checksumOn, copyingChecksumOn, fold, swapped } from './checksum.ts'

const skip = process.platform === 'linux' ? false : 'because arenas have addresses on Linux only'

test('sums are those of RFC 1071 at every length and alignment', { skip }, () => {
  const arena = new Arena(256 * 1024)
  const sum = checksumOn(arena)
  const random = seededRandom(7)
  const at = arena.take(70_000)
  random.fill(arena.bytes.subarray(at, at + 70_000))
  const slowly = (from: number, length: number) => {
    let total = 0
    for (let index = 0; index + 1 < length; index += 2)
      total += (arena.bytes[from + index]! << 8) | arena.bytes[from + index + 1]!
    if (length % 2 === 1) total += arena.bytes[from + length - 1]! << 8
    while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000)
    return total
  }
  for (let length = 0; length < 200; length++) {
    for (const shift of [0, 1, 3, 8]) {
      assert.equal(swapped(sum(at + shift, length)), slowly(at + shift, length), `${length} octets at ${shift}`)
    }
  }
  for (const length of [1399, 1400, 9000, 65_535]) assert.equal(swapped(sum(at, length)), slowly(at, length))
  arena.bytes.fill(0xff, at, at + 65_536)
  assert.equal(sum(at, 65_535) % 0xffff, slowly(at, 65_535) % 0xffff ? 0xff : 0)
  assert.equal(fold(0x1_fffe), 0xffff)
})

test('a sum that copies sums the same, and copies just that', { skip }, () => {
  const arena = new Arena(64 * 1024)
  const [sum, copying] = [checksumOn(arena), copyingChecksumOn(arena)]
  const at = arena.take(2048)
  const to = arena.take(2048)
  seededRandom(8).fill(arena.bytes.subarray(at, at + 2048))
  for (let length = 0; length < 200; length++) {
    for (const shift of [0, 1, 3, 8]) {
      arena.bytes.fill(0, to, to + 2048)
      assert.equal(copying(at + shift, length, to + 5), sum(at + shift, length))
      const expected = new Uint8Array(2048)
      expected.set(arena.bytes.subarray(at + shift, at + shift + length), 5)
      assert.deepEqual(arena.bytes.slice(to, to + 2048), expected, `${length} octets at ${shift}`)
    }
  }
})
