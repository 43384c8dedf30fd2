// How many strangers a host lets begin, and who has to go where there are too many.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { HalfOpen } from './half-open.ts'
import { defaultKeyingSettings } from './keying-settings.ts'

const settings = { ...defaultKeyingSettings, halfOpen: { cookiesFrom: 4, most: 10, perAddress: 6 } }
const at = (last: number) => parseAddress(`10.0.0.${last}`)!

test('one address has only so many sessions half open', () => {
  const halfOpen = new HalfOpen()
  for (let index = 0; index < 6; index++) {
    assert.equal(halfOpen.admit(at(1), 0, settings).kind, 'welcome')
    halfOpen.add(`s${index}`, at(1), 0)
  }
  assert.equal(halfOpen.admit(at(1), 0, settings).kind, 'too-many')
  assert.equal(halfOpen.admit(at(2), 0, settings).kind, 'welcome')
  halfOpen.delete('s0')
  assert.equal(halfOpen.admit(at(1), 0, settings).kind, 'welcome')
  assert.equal(halfOpen.count, 5)
})

test('where all places are taken, the oldest session of the busiest address goes for one of a new address', () => {
  const halfOpen = new HalfOpen()
  for (let index = 0; index < 4; index++) halfOpen.add(`a${index}`, at(1), 0)
  for (let index = 0; index < 6; index++) halfOpen.add(`b${index}`, at(2), 0)
  assert.deepEqual(halfOpen.admit(at(3), 0, settings), { kind: 'instead-of', id: 'b0' })
  halfOpen.delete('b0')
  halfOpen.add('c0', at(3), 0)
  assert.equal(halfOpen.count, 10)
  assert.equal(halfOpen.admit(at(2), 0, settings).kind, 'too-many')
})

test('addresses that are equally busy do not push each other out, unless one has taken its time', () => {
  const halfOpen = new HalfOpen()
  for (let index = 0; index < 10; index++) halfOpen.add(`s${index}`, at(index), 0)
  assert.equal(halfOpen.admit(at(11), 1, settings).kind, 'too-many')
  assert.deepEqual(halfOpen.admit(at(11), 2, settings), { kind: 'instead-of', id: 's0' })
})
