// Boxes of flows: what they hold, how they meet, and address ranges of both families as products of word ranges.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Address, compareAddresses } from '../base/address.ts'
import {
  type AddressRange,
  type Box,
  boxes,
  contains,
  covers,
  flowAt,
  flowPoint,
  IPV4_LAYOUT,
  IPV6_LAYOUT,
  intersect,
  layoutOf,
  NO_PORT,
  narrow,
  overlaps,
  wordRanges,
} from './region.ts'
import { subtract } from './region-decisions.ts'
import { address, flow } from './test-policies.ts'

/** Words that meet at borders more often than chance would have it. */
const word = fc.oneof(fc.constantFrom(0, 1, 2, 0xfffffffe, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }))
const ipv6 = fc.array(word, { minLength: 4, maxLength: 4 }).map((words): Address => ({ family: 6, words }))
const ipv4 = word.map((value): Address => ({ family: 4, words: [value] }))

function rangeOf([a, b]: readonly [Address, Address]): AddressRange {
  return compareAddresses(a, b) <= 0 ? { first: a, last: b } : { first: b, last: a }
}

const range6 = fc.tuple(ipv6, ipv6).map(rangeOf)
const range4 = fc.tuple(ipv4, ipv4).map(rangeOf)

function isIn(range: AddressRange, { words }: Address): number {
  return wordRanges(range).filter(product =>
    product.every(({ first, last }, at) => first <= words[at]! && words[at]! <= last),
  ).length
}

test('an IPv6 range is at most seven products of word ranges that hold its addresses once and no other', () => {
  fc.assert(
    fc.property(range6, ipv6, (range, probe) => {
      assert.ok(wordRanges(range).length <= 7)
      const nextTo = (at: Address, step: number): Address => {
        const words = [...at.words]
        words[3] = Math.min(0xffffffff, Math.max(0, words[3]! + step))
        return { family: 6, words }
      }
      const probes = [probe, range.first, range.last, nextTo(range.first, -1), nextTo(range.last, 1)]
      for (const each of probes) {
        const belongs = compareAddresses(range.first, each) <= 0 && compareAddresses(each, range.last) <= 0
        assert.equal(isIn(range, each), belongs ? 1 : 0)
      }
    }),
    { numRuns: 2000 },
  )
})

test('an IPv4 range is one product, and a range that ends before it begins is none', () => {
  fc.assert(fc.property(range4, range => assert.equal(wordRanges(range).length, 1)))
  assert.deepEqual(wordRanges({ first: address('10.0.0.2'), last: address('10.0.0.1') }), [])
})

/** First and last IPv6 address, and how many products they take. */
const shapes: readonly (readonly [string, string, number])[] = [
  ['fd00::1', 'fd00::1', 1],
  ['fd00::', 'fd00::ffff:ffff', 1],
  ['fd00::', 'fd00::ffff:ffff:ffff:ffff', 1],
  ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 1],
  ['fd00::1', 'fd00::ffff:ffff', 1],
  ['fd00::ffff:fffe', 'fd00::1:0:1', 2],
  ['fd00::ffff:fffe', 'fd00::3:0:1', 3],
  ['fd00::1', 'fd00:0:0:2::1', 4],
  ['1:2:3:4:5:6:7:8', '5:2:3:4:5:6:7:8', 7],
]

for (const [first, last, count] of shapes) {
  test(`${first} to ${last} takes ${count} products`, () => {
    assert.equal(wordRanges({ first: address(first), last: address(last) }).length, count)
  })
}

/** Small boxes of few values in each of the five dimensions of IPv4: they meet often. */
const smallBox: fc.Arbitrary<Box> = fc
  .array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 5, maxLength: 5 })
  .map(sides => ({ first: sides.map(([a, b]) => Math.min(a, b)), last: sides.map(([a, b]) => Math.max(a, b)) }))
const smallPoint = fc.array(fc.nat(3), { minLength: 5, maxLength: 5 })

test('a point is in the intersection of two boxes exactly when it is in both', () => {
  fc.assert(
    fc.property(smallBox, smallBox, smallPoint, (a, b, point) => {
      const both = intersect(a, b)
      assert.equal(both !== undefined && contains(both, point), contains(a, point) && contains(b, point))
      assert.equal(both !== undefined, overlaps(a, b))
    }),
    { numRuns: 3000 },
  )
})

test('a box covers another exactly when their intersection is the other', () => {
  fc.assert(
    fc.property(smallBox, smallBox, (a, b) => {
      assert.equal(covers(a, b), JSON.stringify(intersect(a, b)) === JSON.stringify(b))
    }),
    { numRuns: 3000 },
  )
})

test('what is left of a box without another holds each point once that is in the one and not in the other', () => {
  fc.assert(
    fc.property(smallBox, smallBox, smallPoint, (box, hole, point) => {
      const holding = subtract(box, hole).filter(part => contains(part, point)).length
      assert.equal(holding, contains(box, point) && !contains(hole, point) ? 1 : 0)
    }),
    { numRuns: 3000 },
  )
})

test('narrowing changes one dimension alone', () => {
  const narrowed = narrow(IPV4_LAYOUT.everything, IPV4_LAYOUT.protocol, 6, 17)
  assert.deepEqual(narrowed, { first: [0, 0, 6, 0, 0], last: [0xffffffff, 0xffffffff, 17, NO_PORT, NO_PORT] })
})

test('a layout has one dimension for each address word, the protocol and both ports', () => {
  assert.deepEqual([IPV4_LAYOUT.dimensions, IPV6_LAYOUT.dimensions], [5, 11])
  assert.equal(layoutOf(6), IPV6_LAYOUT)
})

/** A flow and the point it stands at. */
const points: readonly (readonly [string, readonly number[]])[] = [
  ['tcp 10.0.0.1:1024 10.0.0.2:88', [0x0a000001, 0x0a000002, 6, 1024, 88]],
  ['udp 10.0.0.1 10.0.0.2', [0x0a000001, 0x0a000002, 17, NO_PORT, NO_PORT]],
  ['icmp 10.0.0.1 10.0.0.2 8', [0x0a000001, 0x0a000002, 1, NO_PORT, 8]],
  ['gre 10.0.0.1 10.0.0.2', [0x0a000001, 0x0a000002, 47, NO_PORT, NO_PORT]],
  ['icmpv6 fd00::1 fd00::2 135', [0xfd000000, 0, 0, 1, 0xfd000000, 0, 0, 2, 58, NO_PORT, 135]],
]

for (const [text, point] of points) {
  test(`${text} stands at one point, and the point tells the flow`, () => {
    const packet = flow(text)
    const key = new Uint32Array(11)
    flowPoint(packet, key)
    assert.deepEqual(Array.from(key.subarray(0, point.length)), point)
    assert.deepEqual(flowAt(layoutOf(packet.source.family), point), packet)
  })
}

test('the boxes between two IPv6 ranges are the products of both, each with the same selectors', () => {
  const range = { first: address('fd00::ffff:fffe'), last: address('fd00::1:0:1') }
  const found = boxes(IPV6_LAYOUT, range, range, { protocol: 6, destinationPort: { first: 88, last: 88 } })
  assert.equal(found.length, 4)
  for (const { first, last } of found) {
    assert.deepEqual(first.slice(8), [6, 0, 88])
    assert.deepEqual(last.slice(8), [6, NO_PORT, 88])
  }
})
