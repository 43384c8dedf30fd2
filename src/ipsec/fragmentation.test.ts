// What is cut can be put together again, at every MTU, and what no router may cut is left whole.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildPacket, type PacketWords } from '../../test/build-packets.ts'
import { Packet } from '../wire/packet.ts'
import { cutToFit } from './fragmentation.ts'
import { WholePackets } from './whole-packets.ts'

const hopByHop = Uint8Array.of(0, 0, 5, 2, 0, 0, 1, 0)
const destinationOptions = Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)
const routing = Uint8Array.of(0, 0, 4, 0, 0, 0, 0, 0)
/** Commercial security, which every fragment repeats, then a time stamp, which only the first one has. */
const options = Uint8Array.of(134, 6, 1, 2, 3, 4, 68, 8, 5, 0, 0, 0, 0, 0, 1, 0)

function words(family: 4 | 6, size: number, more: Partial<PacketWords> = {}): PacketWords {
  const payload = Uint8Array.from({ length: size }, (_, index) => (index * 7) ^ (index >> 8))
  const hosts = family === 4 ? ['10.54.0.1', '10.54.0.2'] : ['fd54::1', 'fd54::2']
  return { source: hosts[0]!, destination: hosts[1]!, payload, ...more }
}

function cut(packet: Uint8Array, mtu: number): readonly Uint8Array[] {
  const pieces = cutToFit(packet, mtu, 77)
  assert.ok(pieces !== undefined, `${packet.length} octets cannot be cut to ${mtu}`)
  return pieces
}

function together(pieces: readonly Uint8Array[]): Uint8Array {
  const packets = new WholePackets()
  const packet = new Packet()
  const results = pieces.map(piece => packets.take(packet, piece, 0))
  const whole = results.find(result => typeof result !== 'string')
  assert.ok(whole !== undefined && typeof whole !== 'string', `${pieces.length} pieces: ${results.at(-1)}`)
  assert.equal(packets.reassembly.inTheMaking, 0)
  return whole
}

test('at every MTU from 68 to 9,000 an IPv4 packet comes together as it was', () => {
  for (let mtu = 68; mtu <= 9000; mtu += mtu < 700 ? 1 : 37) {
    const packet = buildPacket(words(4, Math.min(9500, (mtu - 28) * 100)))
    const pieces = cut(packet, mtu)
    assert.ok(
      pieces.every(piece => piece.length <= mtu),
      `${mtu}`,
    )
    assert.deepEqual(together(pieces), packet, `${mtu}`)
  }
})

test('at every MTU from 1,280 to 9,000 an IPv6 packet comes together as it was', () => {
  for (let mtu = 1280; mtu <= 9000; mtu += 13) {
    const packet = buildPacket(words(6, 20_000))
    const pieces = cut(packet, mtu)
    assert.ok(
      pieces.every(piece => piece.length <= mtu),
      `${mtu}`,
    )
    assert.deepEqual(together(pieces), packet, `${mtu}`)
  }
})

test('random packets, with options and extension headers, come together in any order', () => {
  const cases = fc.record({
    family: fc.constantFrom(4 as const, 6 as const),
    size: fc.integer({ min: 0, max: 12_000 }),
    mtu: fc.integer({ min: 300, max: 2000 }),
    hasOptions: fc.boolean(),
    order: fc.infiniteStream(fc.nat()),
  })
  fc.assert(
    fc.property(cases, ({ family, size, mtu, hasOptions, order }) => {
      const extensions = [[0, hopByHop] as const, [60, destinationOptions] as const, [43, routing] as const]
      const more = hasOptions ? (family === 4 ? { options } : { extensions }) : {}
      const packet = buildPacket(words(family, size, more))
      const pieces = cut(packet, mtu)
      const shuffled = pieces
        .map(piece => ({ piece, rank: order.next().value as number }))
        .toSorted((a, b) => a.rank - b.rank)
        .map(({ piece }) => piece)
      assert.deepEqual(together(shuffled), packet)
    }),
    { numRuns: 300, seed: 791 },
  )
})

test('a fragment is cut again by a narrower link, and all of it still comes together', () => {
  const packet = buildPacket(words(4, 5000))
  const pieces = cut(packet, 1500)
    .flatMap(piece => cut(piece, 576))
    .flatMap(piece => cut(piece, 100))
  assert.ok(pieces.length > 50)
  assert.deepEqual(together(pieces), packet)
})

test('options without the copied flag stay with the first fragment (RFC 791 §3.1)', () => {
  const [first, ...later] = cut(buildPacket(words(4, 3000, { options })), 1500)
  assert.equal((first![0]! & 15) * 4, 36)
  assert.deepEqual(first!.subarray(20, 36), options)
  assert.ok(later.length > 0)
  for (const piece of later) {
    assert.equal((piece[0]! & 15) * 4, 28)
    assert.deepEqual(piece.subarray(20, 28), Uint8Array.of(134, 6, 1, 2, 3, 4, 0, 0))
  }
})

test('an option that lies about its length makes no header larger than it was', () => {
  const packet = buildPacket(words(4, 3000, { options: Uint8Array.of(134, 255, 1, 2) }))
  for (const piece of cut(packet, 1500)) assert.ok((piece[0]! & 15) * 4 <= 24)
})

test('headers that routers need are in every IPv6 fragment, those for the destination only in what is cut', () => {
  const extensions = [[0, hopByHop] as const, [60, destinationOptions] as const]
  for (const piece of cut(buildPacket(words(6, 3000, { extensions })), 1500)) {
    assert.equal(piece[6], 0, 'hop-by-hop options come first')
    assert.equal(piece[40], 44, 'then the fragment header')
    assert.equal(piece[48], 60, 'which names the destination options')
  }
})

test('an IPv4 packet that must not be cut is not, nor one that leaves no room for data', () => {
  assert.equal(cutToFit(buildPacket(words(4, 3000, { mustNotBeCut: true })), 1500, 1), undefined)
  assert.equal(cutToFit(buildPacket(words(4, 3000)), 27, 1), undefined)
  assert.equal(cutToFit(buildPacket(words(6, 3000)), 55, 1), undefined)
})

test('what fits is not touched', () => {
  const packet = buildPacket(words(4, 100, { mustNotBeCut: true }))
  assert.deepEqual(cutToFit(packet, packet.length, 1), [packet])
})
