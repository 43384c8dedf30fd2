// What is given back to a pool is wiped before anybody else has it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CellPool } from './memory.ts'

test('cells do not overlap, and one that comes back is wiped and used again', () => {
  const pool = new CellPool(1024)
  const cells = Array.from({ length: 600 }, () => pool.take())
  const places = Map.groupBy(cells, cell => cell.memory)
  for (const [memory, inside] of places) {
    assert.equal(new Set(inside.map(cell => cell.offset)).size, inside.length)
    for (const { offset } of inside) assert.ok(offset % 1024 === 0 && offset + 1024 <= memory.bytes.length)
  }
  const [cell] = cells
  assert.ok(cell !== undefined)
  cell.memory.bytes.fill(7, cell.offset, cell.offset + 1024)
  pool.giveBack(cell)
  const again = pool.take()
  assert.equal(again, cell)
  assert.ok(again.memory.bytes.subarray(again.offset, again.offset + 1024).every(octet => octet === 0))
})
