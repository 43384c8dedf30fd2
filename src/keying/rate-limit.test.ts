// What strangers cause costs only so much a second.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateLimit } from './rate-limit.ts'

test('so many at once, then so many a second; the others are counted', () => {
  const limit = new RateLimit(2, 5)
  const allowed = (count: number, now: number) => Array.from({ length: count }, () => limit.allows(now)).filter(Boolean)
  assert.equal(allowed(8, 0).length, 5)
  assert.equal(limit.takePassedOver(), 3)
  assert.equal(limit.takePassedOver(), 0)
  assert.equal(allowed(8, 1).length, 2)
  assert.equal(allowed(8, 100).length, 5)
})
