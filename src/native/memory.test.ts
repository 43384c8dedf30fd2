// What is given back to a pool is wiped before anybody else has it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CellPool } from './memory.ts'

test('cells do not overlap, and one that comes back is wiped and used again', () => {
  const pool = new CellPool(1024)
  const cells = Array.from({ length: 600 }, () => pool.take())
  const places = new Set(cells.map(cell => cell.memory.address + cell.offset))
  assert.equal(places.size, 600)
  for (const place of places) assert.ok(!places.has(place + 512))
  const [cell] = cells
  assert.ok(cell !== undefined)
  cell.memory.bytes.fill(7, cell.offset, cell.offset + 1024)
  pool.giveBack(cell)
  const again = pool.take()
  assert.equal(again, cell)
  assert.ok(again.memory.bytes.subarray(again.offset, again.offset + 1024).every(octet => octet === 0))
})
