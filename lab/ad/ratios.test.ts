import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, ratiosOf } from './ratios.ts'

const result = (step: string, manner: 'clear' | 'sealed', seconds: number, ok = true) => ({
  ...{ step, manner, seconds, ok },
  ...{ from: 'dc1', to: 'dc2', said: ok ? 'answered' : 'no answer in time' },
})

test('a median is the middle one, or what lies between the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.ok(Number.isNaN(median([])))
})

test('a ratio is of medians, so that one slow answer does not decide it', () => {
  const slow = [1, 1, 90].map(seconds => result('as-udp', 'sealed', seconds))
  const quick = [0.5, 0.5, 0.5].map(seconds => result('as-udp', 'clear', seconds))
  const { steps, ok } = ratiosOf([...slow, ...quick], 3, [])
  assert.deepEqual(steps, [{ step: 'as-udp', clear: 0.5, sealed: 1, ratio: 2, times: 3 }])
  assert.equal(ok, true)
})

test('steps that wait for Samba’s own clock are told, and are not in the sum of all', () => {
  const timed = (['clear', 'sealed'] as const).flatMap(manner => [
    result('ping', manner, manner === 'clear' ? 1 : 1.5),
    result('drs-change', manner, 5),
  ])
  const { together, steps } = ratiosOf(timed, 1, [])
  assert.equal(together.ratio, 1.5)
  assert.equal(steps.length, 2)
})

test('a step that was not answered makes the times no result', () => {
  const { ok, unanswered } = ratiosOf([result('ping', 'clear', 1), result('ping', 'sealed', 9, false)], 1, [])
  assert.equal(ok, false)
  assert.deepEqual(unanswered, ['sealed dc1>dc2 ping: no answer in time'])
})

test('of nothing there is no good result', () => {
  assert.equal(ratiosOf([], 3, []).ok, false)
})
