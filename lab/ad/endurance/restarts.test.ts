import assert from 'node:assert/strict'
import { test } from 'node:test'
import { momentOf, planned } from './restarts.ts'

test('ten restarts lie evenly in an hour, with half a distance before and after', () => {
  const moments = Array.from({ length: 10 }, (_, index) => momentOf(index, 10, 3600))
  assert.deepEqual(moments, [180, 540, 900, 1260, 1620, 1980, 2340, 2700, 3060, 3420])
})

test('both hosts and both ways have their turn', () => {
  const first = Array.from({ length: 4 }, (_, index) => planned(index, 2))
  assert.deepEqual(first, [
    { host: 0, how: 'down' },
    { host: 1, how: 'down' },
    { host: 0, how: 'kill -9' },
    { host: 1, how: 'kill -9' },
  ])
})
