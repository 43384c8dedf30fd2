// Whatever limit is reached first counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ageOf, nextAgeAt } from './lifetime.ts'

const soft = { seconds: 80, bytes: 800, packets: 8 }
const hard = { seconds: 100, bytes: 1000, packets: 10 }

test('seconds, octets and packets each age an association, softly first', () => {
  for (const [now, bytes, packets, age] of [
    [50, 0, 0, 'fresh'],
    [129.9, 799, 7, 'fresh'],
    [130, 0, 0, 'soft'],
    [50, 800, 0, 'soft'],
    [50, 0, 8, 'soft'],
    [149.9, 999, 9, 'soft'],
    [150, 0, 0, 'hard'],
    [50, 1000, 0, 'hard'],
    [50, 0, 10, 'hard'],
  ] as const)
    assert.equal(ageOf({ soft, hard }, { born: 50, bytes, packets }, now), age, `${now} ${bytes} ${packets}`)
})

test('limits that are left out end nothing', () => {
  assert.equal(ageOf({ soft: {}, hard: {} }, { born: 0, bytes: 1e15, packets: 1e15 }, 1e9), 'fresh')
  assert.equal(nextAgeAt({ soft: {}, hard: {} }, { born: 0, bytes: 0, packets: 0 }, 5), undefined)
})

test('the clock brings the next age exactly when it is told to, whatever fractions there are', () => {
  for (let step = 0; step < 2000; step++) {
    const use = { born: step / 7, bytes: 0, packets: 0 }
    const lifetime = { soft: { seconds: step / 13 + 0.1 }, hard: { seconds: step / 11 + 0.3 } }
    const first = nextAgeAt(lifetime, use, use.born)!
    assert.notEqual(ageOf(lifetime, use, first), 'fresh', `${step}`)
    const second = nextAgeAt(lifetime, use, first)!
    assert.equal(ageOf(lifetime, use, second), 'hard', `${step}`)
    assert.equal(nextAgeAt(lifetime, use, second), undefined)
  }
})
