import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNumbered, numbered } from './numbered-octets.ts'

test('each four octets are their own number', () => {
  assert.deepEqual(Array.from(numbered(0, 12)), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2])
  assert.deepEqual(Array.from(numbered(1025, 3)), [0, 1, 0])
})

test('octets cut anywhere are known by where they stand', () => {
  const whole = numbered(0, 70_000)
  for (const [start, length] of [
    [0, 1],
    [1, 6],
    [65_533, 4000],
  ] as const) {
    assert.equal(isNumbered(whole.subarray(start, start + length), start), true)
  }
})

test('four octets that are lost, twice there or changed are seen at once', () => {
  const octets = numbered(4000, 64)
  assert.equal(isNumbered(octets, 4004), false)
  assert.equal(isNumbered(octets, 3996), false)
  octets[63]! ^= 1
  assert.equal(isNumbered(octets, 4000), false)
})

test('the numbers begin again after 16 GiB', () => {
  assert.deepEqual(Array.from(numbered(2 ** 34 - 4, 8)), [255, 255, 255, 255, 0, 0, 0, 0])
  assert.equal(isNumbered(numbered(2 ** 34 - 4, 8), 2 ** 34 - 4), true)
})
