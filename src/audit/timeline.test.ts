// Sums over time that take the same memory for a second and for a century.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Timeline } from './timeline.ts'

const none: ReadonlySet<number> = new Set()

test('every packet stands in the bucket that its time falls into, however the times lie', () => {
  const small = fc.integer({ min: 0, max: 10_000_000 }).map(microseconds => microseconds / 1e6)
  const any = fc.double({ min: -1e19, max: 1.9e19, noNaN: true }).map(Math.round)
  const times = fc.array(fc.oneof(small, any), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(times, given => {
      const timeline = new Timeline()
      for (const time of given) timeline.add('leaked', time, -1)
      const { start, bucketSeconds, packets, copiesNotPlaced } = timeline.report(none)!
      const sums = packets.leaked!
      assert.ok(sums.length <= 256)
      assert.equal(copiesNotPlaced, 0)
      const expected = sums.map(() => 0)
      for (const time of given) {
        const index = Math.floor(time / bucketSeconds) - start / bucketSeconds
        expected[index] = expected[index]! + 1
      }
      assert.deepEqual(sums, expected)
    }),
  )
})

test('a capture of any length uses more than half of the buckets, so that the picture stays fine', () => {
  for (const seconds of [0.01, 1, 3600, 1e9]) {
    const timeline = new Timeline()
    for (let packet = 0; packet <= 10_000; packet++) {
      timeline.add('protected', 1.7e9 + (packet / 10_000) * seconds, -1)
    }
    const { packets } = timeline.report(none)!
    assert.ok(packets.protected!.length >= 128, `${seconds} s: ${packets.protected!.length}`)
  }
})

test('packets that turn out to be opened copies are counted as protected at their time', () => {
  const timeline = new Timeline()
  timeline.add('protected', 0, -1)
  timeline.add('leaked', 0, 4)
  timeline.add('leaked', 1, 4)
  timeline.add('leaked', 1, 5)
  const { packets } = timeline.report(new Set([4]))!
  assert.equal(packets.protected![0], 2)
  assert.equal(packets.protected!.at(-1), 1)
  assert.equal(packets.leaked!.at(-1), 1)
})

test('a scan cannot make it keep more than a thousand directions apart; the rest is counted', () => {
  const timeline = new Timeline()
  for (let direction = 0; direction < 2000; direction++) timeline.add('leaked', direction, direction)
  const { packets, copiesNotPlaced } = timeline.report(new Set([3, 1500, 1999]))!
  assert.equal(copiesNotPlaced, 2)
  assert.equal(
    packets.protected!.reduce((sum, n) => sum + n, 0),
    1,
  )
})

test('a capture without packets has no timeline', () => {
  assert.equal(new Timeline().report(none), undefined)
})
