// Selectors: what is agreed on lies inside what was asked and inside the policy, whatever a peer sends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Address } from '../base/address.ts'
import { directions, filterMatches } from '../policy/filter.ts'
import { address, filter, flow } from '../policy/test-policies.ts'
import type { TrafficSelector } from '../wire/ike/traffic-selectors.ts'
import {
  acceptedSelectors,
  breadthOf,
  includes,
  narrow,
  offerOfSides,
  outboundFilters,
  packetOf,
  reversed,
  type SelectorPair,
  sidesOf,
  withAddress,
} from './selectors.ts'

const [ONE, TWO] = [address('10.0.0.1'), address('10.0.0.2')]
const path = { local: { address: ONE, port: 500 }, remote: { address: TWO, port: 500 } }
const me = [ONE]
const outbound = (text: string, index = 0) => directions(filter(text))[index]!

/** `tcp 10.0.0.1-10.0.0.9 80-90` */
function selector(text: string): TrafficSelector {
  const [protocol, addresses, ports = '0-65535'] = text.split(' ')
  const numbers: Readonly<Record<string, number>> = { any: 0, icmp: 1, tcp: 6, udp: 17 }
  const [start, end = start] = addresses!.split('-')
  const [first, last = first] = ports.split('-')
  return {
    kind: 'addresses',
    protocol: numbers[protocol!]!,
    startPort: Number(first),
    endPort: Number(last),
    start: address(start!),
    end: address(end!),
  }
}

const pair = (own: readonly string[], peer: readonly string[]): SelectorPair => ({
  own: own.map(selector),
  peer: peer.map(selector),
})

test('the packet that waits stands first, then all of the filter', () => {
  const sides = sidesOf(outbound('tcp me <-> 10.0.0.0/8:88'), 'transport', path, me)
  const offered = offerOfSides(sides, flow('tcp 10.0.0.1:49152 10.0.0.2:88'))
  assert.deepEqual(offered, pair(['tcp 10.0.0.1 49152', 'tcp 10.0.0.1'], ['tcp 10.0.0.2 88']))
})

test('transport mode is between the two hosts of the path, a tunnel for all of the filter', () => {
  const wide = outbound('any me <-> 10.0.0.0/8')
  assert.deepEqual(offerOfSides(sidesOf(wide, 'transport', path, me)), pair(['any 10.0.0.1'], ['any 10.0.0.2']))
  assert.deepEqual(
    offerOfSides(sidesOf(wide, 'tunnel', path, me)),
    pair(['any 10.0.0.1'], ['any 10.0.0.0-10.255.255.255']),
  )
  assert.equal(offerOfSides(sidesOf(outbound('any me <-> 192.0.2.0/24'), 'transport', path, me)), undefined)
})

test('an offer is narrowed to the filter, and what says nothing more is left out', () => {
  const sides = sidesOf(outbound('tcp me <-> any:80-90'), 'transport', path, me)
  const offered = pair(['tcp 10.0.0.1 5000', 'any 0.0.0.0-255.255.255.255'], ['tcp 10.0.0.2 80', 'any 10.0.0.2'])
  assert.deepEqual(narrow(offered, sides), pair(['tcp 10.0.0.1'], ['tcp 10.0.0.2 80-90']))
})

test('opaque ports, types of ICMP and selectors of foreign types are passed over', () => {
  const sides = sidesOf(outbound('any me <-> any'), 'transport', path, me)
  const opaque = { ...selector('tcp 10.0.0.2'), startPort: 65535, endPort: 0 } as TrafficSelector
  const label: TrafficSelector = { kind: 'other', type: 10, second: 0, data: new Uint8Array(8) }
  const echo = selector('icmp 10.0.0.2 2048')
  for (const strange of [opaque, label, echo]) {
    assert.equal(narrow({ own: [selector('any 10.0.0.1')], peer: [strange] }, sides), undefined)
    const mixed = { own: [selector('any 10.0.0.1')], peer: [strange, selector('udp 10.0.0.2')] }
    assert.deepEqual(narrow(mixed, sides)?.peer, [selector('udp 10.0.0.2')])
  }
})

test('selectors whose protocols do not go together agree on nothing', () => {
  const sides = sidesOf(outbound('any me <-> any'), 'transport', path, me)
  assert.equal(narrow(pair(['tcp 10.0.0.1'], ['udp 10.0.0.2']), sides), undefined)
})

test('an answer that is wider than the question is refused whole', () => {
  const asked = pair(['tcp 10.0.0.1'], ['tcp 10.0.0.2 80-90'])
  for (const [own, peer] of [
    ['any 10.0.0.1', 'tcp 10.0.0.2 80'],
    ['tcp 10.0.0.1', 'tcp 10.0.0.2 80-91'],
    ['tcp 10.0.0.1', 'tcp 10.0.0.2-10.0.0.3 80'],
    ['tcp 10.0.0.0-10.0.0.1', 'tcp 10.0.0.2 80'],
    ['tcp 10.0.0.1', 'udp 10.0.0.2 80'],
  ]) {
    assert.equal(acceptedSelectors(asked, pair([own!], [peer!])), undefined, `${own} and ${peer}`)
    const beside = pair([own!, 'tcp 10.0.0.1'], [peer!, 'tcp 10.0.0.2 80'])
    assert.equal(acceptedSelectors(asked, beside), undefined, `${own} and ${peer} beside others`)
  }
  assert.ok(acceptedSelectors(asked, pair(['tcp 10.0.0.1 99'], ['tcp 10.0.0.2 85-88'])))
})

test('one packet is known as such, and many are not', () => {
  assert.deepEqual(
    packetOf(pair(['tcp 10.0.0.1 5000', 'any 10.0.0.1'], ['tcp 10.0.0.2 80'])),
    flow('tcp 10.0.0.1:5000 10.0.0.2:80'),
  )
  assert.equal(packetOf(pair(['tcp 10.0.0.1'], ['tcp 10.0.0.2 80'])), undefined)
  assert.equal(packetOf(pair(['any 10.0.0.1'], ['any 10.0.0.2'])), undefined)
  assert.equal(packetOf(pair(['tcp 10.0.0.1-10.0.0.4 1'], ['tcp 10.0.0.2 80'])), undefined)
})

test('behind a NAT the address of one host is exchanged, ranges stay', () => {
  const seen = address('192.0.2.7')
  assert.deepEqual(withAddress([selector('tcp 10.0.0.1 80')], seen), [selector('tcp 192.0.2.7 80')])
  const range = [selector('any 10.0.0.0-10.0.0.9')]
  assert.deepEqual(withAddress(range, seen), range)
})

const anyAddress = fc.integer({ min: 0, max: 12 }).map((last): Address => ({ family: 4, words: [0x0a000000 + last] }))
const port = fc.oneof(fc.constantFrom(0, 65535), fc.integer({ min: 70, max: 90 }))
const anySelector: fc.Arbitrary<TrafficSelector> = fc.oneof(
  fc.record({
    kind: fc.constant('addresses' as const),
    protocol: fc.constantFrom(0, 1, 6, 17),
    startPort: port,
    endPort: port,
    start: anyAddress,
    end: anyAddress,
  }),
  fc.record({
    kind: fc.constant('other' as const),
    type: fc.constant(10),
    second: fc.constant(0),
    data: fc.uint8Array({ maxLength: 8 }),
  }),
)
const someSelectors = fc.array(anySelector, { minLength: 1, maxLength: 6 })
const anyPair = fc.record({ own: someSelectors, peer: someSelectors })
const filters = [
  'any me <-> any',
  'tcp me <-> any:80',
  'tcp me:75-85 <-> 10.0.0.0/29',
  'udp 10.0.0.1 -> 10.0.0.2:80',
  'any 10.0.0.0/30 <-> 10.0.0.4/30',
  'icmp me <-> any',
]
const anySides = fc
  .record({ text: fc.constantFrom(...filters), mode: fc.constantFrom('transport' as const, 'tunnel' as const) })
  .map(({ text, mode }) => ({ filter: outbound(text), sides: sidesOf(outbound(text), mode, path, me) }))
const anyFlow = fc
  .record({
    source: anyAddress,
    destination: anyAddress,
    protocol: fc.constantFrom(1, 6, 17, 50),
    sourcePort: fc.integer({ min: 70, max: 90 }),
    destinationPort: fc.integer({ min: 70, max: 90 }),
  })
  .map(({ sourcePort, destinationPort, ...rest }) =>
    rest.protocol === 6 || rest.protocol === 17 ? { ...rest, sourcePort, destinationPort } : rest,
  )

test('whatever is offered, every packet of what is agreed on is in the offer and in the filter', () => {
  fc.assert(
    fc.property(anyPair, anySides, fc.array(anyFlow, { maxLength: 30 }), (offered, { filter: of, sides }, flows) => {
      const agreed = narrow(offered, sides)
      if (agreed === undefined) return
      assert.ok(breadthOf(agreed) > 0)
      for (const one of flows) {
        const isAgreed = outboundFilters(agreed).some(each => filterMatches(each, one, me))
        assert.equal(isAgreed, includes(agreed, one))
        if (!isAgreed) continue
        assert.ok(includes(offered, one), 'wider than the offer')
        assert.ok(filterMatches(of, one, me), 'wider than the policy')
      }
    }),
    { numRuns: 2000 },
  )
})

test('what a responder narrows the initiator accepts, and nothing that reaches further', () => {
  fc.assert(
    fc.property(anySides, anySides, anyPair, ({ sides }, other, lie) => {
      const asked = offerOfSides(sides)
      if (asked === undefined) return
      const answer = narrow(asked, other.sides)
      if (answer !== undefined) assert.deepEqual(acceptedSelectors(asked, answer), answer)
      const taken = acceptedSelectors(asked, lie)
      if (taken === undefined) return
      assert.ok(narrow(taken, sides), 'accepted, and not of the policy')
      assert.equal(breadthOf(narrow(taken, sides)!), breadthOf(taken))
    }),
    { numRuns: 2000 },
  )
})

test('filters of the way back are those of the way out, exchanged', () => {
  fc.assert(
    fc.property(anyPair, anySides, anyFlow, (offered, { sides }, one) => {
      const agreed = narrow(offered, sides)
      if (agreed === undefined) return
      const back = { ...one, source: one.destination, destination: one.source }
      const ports = 'sourcePort' in one ? { sourcePort: one.destinationPort, destinationPort: one.sourcePort } : {}
      const there = outboundFilters(agreed).some(each => filterMatches(each, one, me))
      const here = outboundFilters(agreed).some(each => filterMatches(reversed(each), { ...back, ...ports }, me))
      assert.equal(there, here)
    }),
  )
})
