// What a path carries is believed only where it can be true, and forgotten, because paths grow again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../../test/build-packets.ts'
import { PathMtu } from './path-mtu.ts'

const four = addressOf('10.54.0.2')
const six = addressOf('fd54::2')

test('a path is as wide as the link until somebody says that it is narrower', () => {
  const paths = new PathMtu(1500)
  assert.equal(paths.to(four, 0), 1500)
  assert.ok(paths.tooBig(four, 1400, 0))
  assert.equal(paths.to(four, 1), 1400)
  assert.equal(paths.to(six, 1), 1500)
  assert.equal(paths.to(addressOf('10.54.0.3'), 1), 1500)
})

test('no hint makes it wider, and none makes it narrower than paths are', () => {
  const paths = new PathMtu(1500)
  assert.equal(paths.tooBig(four, 1500, 0), false)
  assert.equal(paths.tooBig(four, 9000, 0), false)
  paths.tooBig(four, 0, 0)
  assert.equal(paths.to(four, 0), 552)
  assert.equal(paths.tooBig(four, 1400, 0), false)
  paths.tooBig(six, 68, 0)
  assert.equal(paths.to(six, 0), 1280)
})

test('it is forgotten after ten minutes', () => {
  const paths = new PathMtu(1500)
  paths.tooBig(four, 1300, 0)
  assert.equal(paths.to(four, 599), 1300)
  assert.equal(paths.to(four, 600), 1500)
})

test('hints about many hosts take no more than their room, the oldest goes', () => {
  const paths = new PathMtu(1500)
  for (let host = 0; host < 10_000; host++) paths.tooBig({ family: 4, words: [0x0a000000 + host] }, 1300, 0)
  assert.equal(paths.to({ family: 4, words: [0x0a000000] }, 0), 1500)
  assert.equal(paths.to({ family: 4, words: [0x0a000000 + 9999] }, 0), 1300)
})
