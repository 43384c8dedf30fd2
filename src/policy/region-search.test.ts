// The search over regions against asking point by point: random policies under `decide`, and random boxes in a space
// small enough to ask every point.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, sameAddress } from '../base/address.ts'
import { type Direction, formatFlow } from '../base/flow.ts'
import { type CompiledPolicy, compile } from './compile.ts'
import { decide } from './decide.ts'
import { type Box, contains, flowAt, flowPoint, IPV4_LAYOUT, layoutOf, NO_PORT } from './region.ts'
import { regionDecisions } from './region-decisions.ts'
import {
  comparePoints,
  explore,
  flowOrder,
  NO_ENTRY,
  type Point,
  realFlows,
  type SearchEntry,
  smallestBetweenHosts,
  smallestOfAll,
  smallestOfEach,
  uncovered,
} from './region-search.ts'
import { pick, randomFlow, randomPolicy, seeded } from './test-policies.ts'

interface Part {
  readonly label: number
  readonly box: Box
}

function partsOf(regions: readonly Box[], entries: readonly SearchEntry[]): readonly Part[] {
  const parts: Part[] = []
  const found = (label: number, first: ArrayLike<number>, last: ArrayLike<number>) =>
    parts.push({ label, box: { first: Array.from(first), last: Array.from(last) } }) > 0
  assert.equal(explore(regions, entries, { wants: () => true, found }), 'complete')
  return parts
}

test('the parts of all flows are decided as `decide` decides the flows in them', context => {
  let asked = 0
  for (let seed = 0; seed < 150; seed++) {
    const draw = seeded(seed)
    const policy = randomPolicy(draw)
    const direction = pick<Direction>(draw, ['out', 'in'])
    const onHost = new Map<string, CompiledPolicy>()
    const sides = ([4, 6] as const).map(family => {
      const decisions = regionDecisions(compile(policy), family, direction)
      return { decisions, parts: partsOf([layoutOf(family).everything], decisions.entries) }
    })
    for (let index = 0; index < 100; index++) {
      const { linkBroadcast: _, ...packet } = randomFlow(draw, policy)
      if (sameAddress(packet.source, packet.destination)) continue
      const { decisions, parts } = sides[packet.source.family === 4 ? 0 : 1]!
      const key = new Uint32Array(11)
      flowPoint(packet, key)
      const holding = parts.filter(({ box }) => contains(box, key))
      assert.equal(holding.length, 1, `seed ${seed}: ${formatFlow(packet)} is in ${holding.length} parts`)
      const near = direction === 'out' ? packet.source : packet.destination
      const compiled = onHost.get(formatAddress(near)) ?? compile(policy, { me: [near] })
      onHost.set(formatAddress(near), compiled)
      const found = decisions.decision(holding[0]!.label)
      const expected = decide(compiled, packet, direction)
      assert.deepEqual(
        [found.action, found.because],
        [expected.action, expected.because],
        `seed ${seed}: ${formatFlow(packet)}`,
      )
      asked++
    }
  }
  context.diagnostic(`${asked} flows asked`)
})

test('with known own addresses the parts are decided with them', () => {
  const own = [{ family: 4, words: [0x0a000001] } as const]
  for (let seed = 0; seed < 40; seed++) {
    const draw = seeded(seed)
    const policy = randomPolicy(draw)
    const compiled = compile(policy, { me: own })
    const { entries, decision } = regionDecisions(compiled, 4, 'out')
    const parts = partsOf([IPV4_LAYOUT.everything], entries)
    for (let index = 0; index < 40; index++) {
      const { linkBroadcast: _, ...packet } = randomFlow(draw, policy)
      if (packet.source.family === 6) continue
      const key = new Uint32Array(11)
      flowPoint(packet, key)
      const part = parts.find(({ box }) => contains(box, key))
      assert.deepEqual(decision(part!.label).because, decide(compiled, packet, 'out').because)
    }
  }
})

/** A space of a few hundred points: three hosts and three ports each way, protocols 5 to 7. */
const space: Box = { first: [1, 1, 5, 0, 0], last: [3, 3, 7, 2, 2] }
const points: readonly Point[] = space.first.reduce(
  (found: number[][], first, d) =>
    found.flatMap(point => Array.from({ length: space.last[d]! - first + 1 }, (_, step) => [...point, first + step])),
  [[]],
)
const smallBox = fc
  .tuple(
    ...space.first.map((first, d) =>
      fc.tuple(
        fc.integer({ min: first - 1, max: space.last[d]! + 1 }),
        fc.integer({ min: first, max: space.last[d]! }),
      ),
    ),
  )
  .map(sides => ({
    first: sides.map(([a, b]) => Math.max(0, Math.min(a, b))),
    last: sides.map(([a, b]) => Math.max(a, b)),
  }))
const someEntries = fc.array(fc.record({ boxes: fc.array(smallBox, { maxLength: 2 }), label: fc.nat(3) }), {
  maxLength: 8,
})
const order = flowOrder(IPV4_LAYOUT)

function labelAt(entries: readonly SearchEntry[], point: Point): number {
  return entries.find(({ boxes }) => boxes.some(box => contains(box, point)))?.label ?? NO_ENTRY
}

test('every point is in one part, and the part has the label of the first entry that holds the point', () => {
  fc.assert(
    fc.property(someEntries, entries => {
      const parts = partsOf([space], entries)
      for (const point of points) {
        const holding = parts.filter(({ box }) => contains(box, point))
        assert.deepEqual(
          holding.map(({ label }) => label),
          [labelAt(entries, point)],
        )
      }
    }),
    { numRuns: 150 },
  )
})

test('the smallest point of each label is found, hosts speaking to themselves left out', () => {
  fc.assert(
    fc.property(someEntries, fc.nat(4), (entries, unwanted) => {
      const { points: found, end } = smallestOfEach([space], entries, label => label !== unwanted)
      assert.equal(end, 'complete')
      for (const label of [NO_ENTRY, 0, 1, 2, 3]) {
        const [smallest] = points
          .filter(point => point[0] !== point[1] && labelAt(entries, point) === label)
          .toSorted((a, b) => comparePoints(order, a, b))
        assert.deepEqual(found.get(label), label === unwanted ? undefined : smallest)
      }
    }),
    { numRuns: 300 },
  )
})

test('a part whose smallest point is of one host with itself does not hide a smaller point of another part', () => {
  const regions: readonly Box[] = [
    { first: [1, 2, 6, 0, 0], last: [1, 3, 6, 0, 0] },
    { first: [1, 1, 6, 0, 0], last: [3, 1, 6, 0, 0] },
  ]
  assert.deepEqual(smallestOfEach(regions, [], () => true).points.get(NO_ENTRY), [1, 2, 6, 0, 0])
  assert.deepEqual(smallestOfAll(regions, [], () => true).smallest, { label: NO_ENTRY, point: [1, 2, 6, 0, 0] })
})

test('a budget that searches share is used up by all of them', () => {
  const shared = { left: 3 }
  const explorer = { wants: () => true, found: () => true }
  assert.equal(explore([space], [], explorer, shared), 'complete')
  assert.equal(shared.left, 2)
  assert.equal(explore([space, space], [], explorer, shared), 'complete')
  assert.equal(explore([space], [], explorer, shared), 'out-of-budget')
})

test('a search that is told to stop stops, and one without budget says so', () => {
  const entries = [{ boxes: [{ first: [2, 2, 6, 1, 1], last: [2, 2, 6, 1, 1] }], label: 0 }]
  let parts = 0
  const explorer = { wants: () => true, found: () => ++parts < 3 }
  assert.equal(explore([space], entries, explorer), 'stopped')
  assert.equal(parts, 3)
  assert.equal(explore([space], entries, { wants: () => true, found: () => true }, 5), 'out-of-budget')
  assert.equal(explore([], entries, explorer), 'complete')
})

test('parts that nobody wants are not split', () => {
  const entries = points.map(point => ({ boxes: [{ first: point, last: point }], label: 1 }))
  let asked = 0
  explore([space], entries, {
    wants: () => {
      asked++
      return false
    },
    found: () => true,
  })
  assert.ok(asked <= 2, `asked ${asked} times`)
})

test('uncovered gives a flow that no box holds, or nothing where all flows that exist are held', () => {
  const any = (protocol: number, from: number, to: number): Box => ({
    first: [0, 0, protocol, 0, from],
    last: [0xffffffff, 0xffffffff, protocol, NO_PORT, to],
  })
  const tcp = any(6, 0, NO_PORT)
  assert.deepEqual(uncovered(tcp, []), [0, 0, 6, 0, 0])
  assert.equal(uncovered(tcp, [{ boxes: [tcp] }]), undefined)
  assert.deepEqual(uncovered(tcp, [{ boxes: [any(6, 0, 79), any(6, 81, NO_PORT)] }]), [0, 0, 6, 0, 80])
  // What filters on every port leave: fragments, which have none.
  assert.deepEqual(uncovered(tcp, [{ boxes: [any(6, 0, 79)] }, { boxes: [any(6, 80, 65535)] }]), [
    0,
    0,
    6,
    NO_PORT,
    NO_PORT,
  ])
  assert.equal(uncovered(any(6, 0, 65535), [{ boxes: [any(6, 0, 79)] }, { boxes: [any(6, 80, 65535)] }]), undefined)
  // GRE has no ports: no flow is in a box that asks for one.
  assert.equal(uncovered(any(47, 80, 80), []), undefined)
  assert.equal(uncovered(tcp, [{ boxes: [any(6, 0, 79), any(6, 81, NO_PORT)] }], 2), 'unknown')
})

test('the flows that exist are those with the ports or the type that their protocol has, and fragments without', () => {
  const real = realFlows(IPV4_LAYOUT.everything)
  const isReal = (protocol: number, sourcePort: number, behind: number) =>
    real.filter(box => contains(box, [1, 2, protocol, sourcePort, behind])).length
  const none = NO_PORT
  for (let protocol = 0; protocol < 256; protocol++) {
    const [hasPorts, hasType] = [protocol === 6 || protocol === 17, protocol === 1 || protocol === 58]
    assert.equal(isReal(protocol, none, none), 1, `${protocol}`)
    assert.equal(isReal(protocol, 80, 65535), hasPorts ? 1 : 0)
    assert.equal(isReal(protocol, 0, none), 0)
    assert.equal(isReal(protocol, none, 0), hasType ? 1 : 0)
    assert.equal(isReal(protocol, none, 255), hasType ? 1 : 0)
    assert.equal(isReal(protocol, none, 256), 0)
  }
})

test('a box of one host alone has no point between two hosts', () => {
  assert.equal(smallestBetweenHosts([5, 5, 6, 0, 0], [5, 5, 6, 9, 9]), undefined)
  assert.deepEqual(smallestBetweenHosts([5, 5, 6, 0, 0], [9, 5, 6, 9, 9]), [6, 5, 6, 0, 0])
  assert.deepEqual(smallestBetweenHosts([5, 5, 6, 0, 0], [9, 9, 6, 9, 9]), [5, 6, 6, 0, 0])
  const six = [0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0]
  assert.deepEqual(smallestBetweenHosts(six, six.with(5, 9)), six.with(5, 1))
  assert.deepEqual(formatFlow(flowAt(layoutOf(6), smallestBetweenHosts(six, six.with(7, 9))!)), 'tcp [::]:0 → [::1]:0')
})
