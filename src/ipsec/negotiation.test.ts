// Falling back to clear is between two hosts, and for a while.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../../test/build-packets.ts'
import { FallBacks, negotiationOf } from './negotiation.ts'

const [me, peer, other] = ['10.54.0.1', '10.54.0.2', '10.54.0.3'].map(addressOf)

test('in transport mode each two hosts negotiate, in tunnel mode the rule does', () => {
  assert.notEqual(negotiationOf('all', 'transport', me!, peer!), negotiationOf('all', 'transport', me!, other!))
  assert.notEqual(negotiationOf('all', 'transport', me!, peer!), negotiationOf('some', 'transport', me!, peer!))
  assert.equal(negotiationOf('all', 'tunnel', me!, peer!), negotiationOf('all', 'tunnel', me!, other!))
})

test('what fell back is tried again after five minutes, or when an association comes', () => {
  const fallBacks = new FallBacks()
  fallBacks.begin('a', 10)
  fallBacks.begin('b', 10)
  assert.ok(fallBacks.isInClear('a', 309))
  assert.equal(fallBacks.isInClear('a', 310), false)
  fallBacks.end('b')
  assert.equal(fallBacks.isInClear('b', 11), false)
  assert.equal(fallBacks.isInClear('c', 11), false)
})

test('many hosts without IPsec take no more than their room', () => {
  const fallBacks = new FallBacks()
  for (let host = 0; host < 5000; host++) fallBacks.begin(`${host}`, 0)
  assert.equal(fallBacks.isInClear('0', 1), false)
  assert.ok(fallBacks.isInClear('4999', 1))
})
