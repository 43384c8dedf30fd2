// The lookup against a linear search: random boxes of every shape, boxes made to be hard, and the filter sets of
// ClassBench with their traces, whose first matches were found by another program.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { lastAddress, parseAddress, parsePrefix } from '../base/address.ts'
import { BoxLookup } from './lookup.ts'
import { type Box, contains, IPV4_LAYOUT, IPV6_LAYOUT, NO_PORT } from './region.ts'
import { seeded } from './test-policies.ts'

function findSlowly(groups: readonly (readonly Box[])[], point: ArrayLike<number>): number {
  return groups.findIndex(boxes => boxes.some(box => contains(box, point)))
}

const lasts = { 5: IPV4_LAYOUT.everything.last, 11: IPV6_LAYOUT.everything.last } as const

/** Sides are few numbers of the whole range of their dimension, so that boxes share borders. */
function side(last: number): fc.Arbitrary<readonly [number, number]> {
  const some = fc.oneof(
    fc.constantFrom(0, 1, last - 1, last),
    fc.integer({ min: 0, max: last }),
    fc.constant(last >>> 1),
  )
  return fc.oneof(
    fc.constant([0, last] as const),
    some.map(value => [value, value] as const),
    fc.tuple(some, some).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
  )
}

function box(dimensions: 5 | 11): fc.Arbitrary<Box> {
  return fc.tuple(...lasts[dimensions].map(side)).map(sides => ({
    first: sides.map(([first]) => first),
    last: sides.map(([, last]) => last),
  }))
}

for (const dimensions of [5, 11] as const) {
  test(`${dimensions} dimensions: the first group that holds a point is found, as a linear search finds it`, () => {
    const groups = fc.array(fc.array(box(dimensions), { maxLength: 3 }), { maxLength: 40 })
    const chances = fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 11, maxLength: 11 }), {
      minLength: 5,
      maxLength: 5,
    })
    fc.assert(
      fc.property(groups, chances, (list, chance) => {
        const lookup = new BoxLookup(dimensions, list)
        // Corners of the boxes and the points beside them, and points of anywhere.
        const corners = list
          .flat()
          .flatMap(({ first, last }) => [
            first,
            last,
            last.map((value, d) => Math.min(value + 1, lasts[dimensions][d]!)),
          ])
        const anywhere = chance.map(each => lasts[dimensions].map((last, d) => Math.floor(each[d]! * last)))
        for (const point of [...corners, ...anywhere]) {
          assert.equal(lookup.find(Uint32Array.from(point)), findSlowly(list, point))
        }
      }),
      { numRuns: 300 },
    )
  })
}

test('without boxes nothing is found', () => {
  for (const groups of [[], [[]], [[], []]]) {
    assert.equal(new BoxLookup(5, groups).find(Uint32Array.from([0, 0, 0, 0, 0])), -1)
  }
})

test('of the same box in two groups the earlier group is found', () => {
  const { everything } = IPV4_LAYOUT
  assert.equal(
    new BoxLookup(5, [[], [everything], [everything]]).find(Uint32Array.from([1, 2, 6, NO_PORT, NO_PORT])),
    1,
  )
})

test('boxes that all cross each other do not fill the memory', () => {
  const draw = seeded(7)
  const count = 3000
  const crossing = Array.from({ length: count }, (_, index): Box => {
    const d = index % 5
    const at = Math.floor(draw() * (lasts[5][d]! - 10))
    return { first: lasts[5].map((_, each) => (each === d ? at : 0)), last: lasts[5].with(d, at + 9) }
  })
  const groups = crossing.map(each => [each])
  const lookup = new BoxLookup(5, groups)
  assert.ok(lookup.size < count * 6000, `${lookup.size} octets for ${count} boxes`)
  for (let index = 0; index < 3000; index++) {
    const point = lasts[5].map(last => Math.floor(draw() * last))
    const { first } = crossing[Math.floor(draw() * count)]!
    for (let d = 0; d < 5; d++) if (first[d]! > 0) point[d] = first[d]!
    assert.equal(lookup.find(Uint32Array.from(point)), findSlowly(groups, point))
  }
})

const folder = resolve(import.meta.dirname, '../../../shared/testdata/classbench')
const skip = existsSync(folder) ? false : 'the filter sets of ClassBench are not on this machine'
const sets = ['acl1_1k', 'acl2_1k', 'fw1_1k', 'fw2_1k', 'ipc1_1k', 'acl1_10k.gz', 'fw1_10k.gz', 'ipc1_10k.gz']

/** `@SOURCE/LENGTH DESTINATION/LENGTH FROM : TO FROM : TO PROTOCOL/MASK …`, separated by tabs. */
function readRule(line: string): Box {
  const [source, destination, sourcePort, destinationPort, protocol] = line.slice(1).split('\t')
  const prefix = (text: string): readonly [number, number] => {
    const parsed = parsePrefix(text)!
    return [parsed.address.words[0]!, lastAddress(parsed).words[0]!]
  }
  const ports = (text: string): readonly [number, number] => {
    const [first, last] = text.split(':').map(Number)
    return first === 0 && last === 65535 ? [0, NO_PORT] : [first!, last!]
  }
  const [number, mask] = protocol!.split('/').map(Number)
  const sides = [
    prefix(source!),
    prefix(destination!),
    mask === 0 ? ([0, 255] as const) : ([number!, number!] as const),
    ports(sourcePort!),
    ports(destinationPort!),
  ]
  return { first: sides.map(([first]) => first), last: sides.map(([, last]) => last) }
}

for (const set of sets) {
  test(`ClassBench ${set}: every packet of its trace meets the filter that the trace names`, { skip }, context => {
    const bytes = readFileSync(join(folder, set))
    const text = (set.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
    const rules = text
      .split('\n')
      .filter(line => line.startsWith('@'))
      .map(readRule)
    const lookup = new BoxLookup(
      5,
      rules.map(rule => [rule]),
    )
    const trace = readFileSync(join(folder, `${set.replace('.gz', '')}.trace`), 'utf8')
    const packets = trace.split('\n').filter(line => line !== '' && !line.startsWith('#'))
    for (const packet of packets) {
      const [source, destination, sourcePort, destinationPort, protocol, expected] = packet.split(' ')
      const [from, to] = [source!, destination!].map(each => parseAddress(each)!.words[0]!)
      const key = Uint32Array.from([from!, to!, Number(protocol), Number(sourcePort), Number(destinationPort)])
      assert.equal(lookup.find(key), Number(expected), packet)
    }
    assert.ok(packets.length > 1000)
    context.diagnostic(`${packets.length} packets, ${rules.length} filters`)
  })
}
