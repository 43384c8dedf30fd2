// Every frame of the captures in ../shared/testdata, read by us and by tshark.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareCapture, type Disagreement, listCaptures, testdataMissing } from './compare-truth.ts'
import { knownDisagreements } from './disagreements.ts'

const skip = testdataMissing === '' ? false : `skipped, because ${testdataMissing}`

function line({ capture, frame, field, ours, truth }: Disagreement): string {
  return `${capture} frame ${frame}: ${field}: ours "${ours}", truth "${truth}"`
}

test('every frame of every capture reads as tshark reads it, but for the differences that are explained', {
  skip,
}, () => {
  const comparisons = listCaptures().map(compareCapture)
  const found = comparisons.flatMap(({ disagreements }) => disagreements).map(line)
  const known = knownDisagreements.map(line)
  assert.deepEqual(
    found.filter(difference => !known.includes(difference)),
    [],
    'differences that nobody has explained',
  )
  assert.deepEqual(
    known.filter(difference => !found.includes(difference)),
    [],
    'differences that are gone',
  )
  assert.ok(comparisons.reduce((sum, { frames }) => sum + frames, 0) > 100_000)
})

test('every explained difference says who is right and why', () => {
  for (const { right, why } of knownDisagreements) {
    assert.ok(right === 'ours' || right === 'truth')
    assert.ok(why.length > 20)
  }
})
