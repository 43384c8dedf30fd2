// Sorting, filtering and the window of long tables.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Column, columnsFor, filterRows, pressed, sightOf, sortRows, widthsOf } from './table-rows.ts'

interface Row {
  readonly name: string
  readonly size: number | null
}

const columns: readonly Column<Row>[] = [
  { key: 'name', title: 'Name', side: 'left', width: 100, spare: 0, text: ({ name }) => name },
  {
    key: 'size',
    title: 'Size',
    side: 'right',
    width: 50,
    spare: 1,
    text: ({ size }) => String(size),
    sorts: ({ size }) => size,
  },
  { key: 'more', title: 'More', side: 'left', width: 80, spare: 2, text: () => '' },
]

const rows: readonly Row[] = [
  { name: '10.0.0.10', size: 3 },
  { name: '10.0.0.9', size: null },
  { name: '10.0.0.1', size: 20 },
]

const names = (sorted: readonly Row[]) => sorted.map(({ name }) => name.split('.').at(-1)).join(' ')

test('addresses sort by their numbers, numbers by their size, and what is unknown stands last', () => {
  assert.equal(names(sortRows(rows, columns, { key: 'name', way: 'ascending' })), '1 9 10')
  assert.equal(names(sortRows(rows, columns, { key: 'size', way: 'descending' })), '1 10 9')
  assert.equal(names(sortRows(rows, columns, { key: 'size', way: 'ascending' })), '10 1 9')
  assert.equal(sortRows(rows, columns, undefined), rows)
})

test('a head that is pressed sorts text upwards and numbers downwards, and turns round when pressed again', () => {
  assert.deepEqual(pressed(columns[0]!, undefined), { key: 'name', way: 'ascending' })
  assert.deepEqual(pressed(columns[1]!, { key: 'name', way: 'ascending' }), { key: 'size', way: 'descending' })
  assert.deepEqual(pressed(columns[1]!, { key: 'size', way: 'descending' }), { key: 'size', way: 'ascending' })
})

test('every word of a filter has to be in a row, in any order and case', () => {
  const text = ({ name, size }: Row) => `${name} Size ${size}`
  assert.equal(names(filterRows(rows, text, '  SIZE 10.0.0.1 ')), '10 1')
  assert.equal(names(filterRows(rows, text, 'null size')), '9')
  assert.equal(filterRows(rows, text, ' '), rows)
})

test('columns go where the width does not do, the most spare ones first, and the last never', () => {
  const kept = (width: number) => columnsFor(columns, width).map(({ key }) => key)
  assert.deepEqual(kept(230), ['name', 'size', 'more'])
  assert.deepEqual(kept(229), ['name', 'size'])
  assert.deepEqual(kept(149), ['name'])
  assert.deepEqual(kept(10), ['name'])
})

test('what is over goes to left columns, and the sum is never wider than the table', () => {
  assert.deepEqual(widthsOf(columns, 410), [200, 50, 160])
  const all = widthsOf(columns, 1001)
  assert.ok(all.reduce((sum, one) => sum + one) <= 1001)
})

test('the rows in sight are some tens, wherever a table of thousands is scrolled to', () => {
  for (const scrolled of [0, 31, 3200, 31_900, 1e9]) {
    const { from, to } = sightOf(scrolled, 600, 32, 1000)
    assert.ok(from >= 0 && to <= 1000 && from < to && to - from < 40, `${scrolled}: ${from} to ${to}`)
  }
  assert.deepEqual(sightOf(0, 600, 32, 0), { from: 0, to: 0 })
  assert.deepEqual(sightOf(0, 600, 32, 3), { from: 0, to: 3 })
})
