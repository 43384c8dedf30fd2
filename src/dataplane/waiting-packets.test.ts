// What waits for keys is kept in order and bounded.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MOST_WAITING, WaitingPackets } from './waiting-packets.ts'

const packet = (...octets: number[]) => Uint8Array.from(octets)
const waited = (...octets: number[]) => ({ packet: packet(...octets), wasCut: false })

test('packets come out in the order in which they went in, as they were then', () => {
  const waiting = new WaitingPackets()
  const bytes = packet(1)
  assert.deepEqual(waiting.add('a', 'all', bytes, false), { isNew: true, isKept: true })
  bytes[0] = 2
  assert.deepEqual(waiting.add('a', 'all', bytes, false), { isNew: false, isKept: true })
  assert.deepEqual(waiting.add('b', 'all', bytes, false), { isNew: true, isKept: true })
  assert.deepEqual(waiting.take('a'), [waited(1), waited(2)])
  assert.deepEqual(waiting.take('a'), [])
  assert.deepEqual(waiting.add('a', 'all', bytes, false), { isNew: true, isKept: true })
  assert.equal(waiting.size, 2)
})

test('one negotiation holds few packets, and all hold no more than the host has room for', () => {
  const waiting = new WaitingPackets()
  const kept = Array.from({ length: 100 }, () => waiting.add('a', 'all', packet(1), false).isKept).filter(
    isKept => isKept,
  )
  assert.equal(kept.length, MOST_WAITING.ofOne)
  for (let index = 0; index < 5000; index++) waiting.add(`${index}`, 'all', packet(1), false)
  assert.equal(waiting.size, MOST_WAITING.packets)
  waiting.clear()
  assert.equal(waiting.size, 0)
  let large = 0
  for (let index = 0; index < 200; index++)
    if (waiting.add(`${index}`, 'all', new Uint8Array(60_000), false).isKept) large++
  assert.equal(large, Math.floor(MOST_WAITING.bytes / 60_000))
})

test('a negotiation is begun even where there is no room for its packet, up to a number', () => {
  const waiting = new WaitingPackets()
  let begun = 0
  for (let index = 0; index < 10_000; index++) if (waiting.add(`${index}`, 'all', packet(1), false).isNew) begun++
  assert.equal(begun, MOST_WAITING.negotiations)
})

test('what waits for a rule that is gone comes out', () => {
  const waiting = new WaitingPackets()
  waiting.add('a', 'one', packet(1), false)
  waiting.add('b', 'other', packet(2), false)
  waiting.add('c', 'one', packet(3), false)
  assert.deepEqual(
    waiting.takeOfRules(rule => rule === 'one'),
    [waited(1), waited(3)],
  )
  assert.equal(waiting.size, 1)
})
