// Fragments that were sent to harm: what overlaps, comes late, is too much or lies is dropped whole and counted, and nobody
// who sends such fragments takes the room of others.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ipv4, ipv6, ipv6Fragment, octets, udp } from '../../test/build-frames.ts'
import { UDP } from '../base/flow.ts'
import { Packet } from '../wire/packet.ts'
import { cutToFit } from './fragmentation.ts'
import type { FragmentDrop } from './reassembly.ts'
import { WholePackets } from './whole-packets.ts'

const A = { 4: '10.54.0.1', 6: 'fd54::1' } as const
const B = { 4: '10.54.0.2', 6: 'fd54::2' } as const
const families = [4, 6] as const

class Receiver {
  readonly packets = new WholePackets()
  readonly packet = new Packet()

  take(bytes: Uint8Array, now = 0) {
    return this.packets.take(this.packet, bytes, now)
  }

  drops(reason: FragmentDrop): number {
    return this.packets.reassembly.drops.get(reason) ?? 0
  }
}

/** A fragment of `length` octets, each `fill`, at `offset` octets. */
function piece(
  family: 4 | 6,
  offset: number,
  length: number,
  more: boolean,
  fill = 0,
  from: string = A[family],
  id = 7,
) {
  const make = family === 4 ? ipv4 : ipv6Fragment
  return make(from, B[family], UDP, octets(length, fill), { offset, more, identification: id })
}

function isWhole(result: unknown): result is Uint8Array {
  return result instanceof Uint8Array
}

describe('overlaps', () => {
  for (const family of families) {
    test(`IPv${family}: an overlap loses the packet, and what comes of it afterwards makes no other (RFC 5722)`, () => {
      for (const [offset, length] of [
        [8, 16],
        [0, 8],
        [16, 32],
        [0, 64],
      ] as const) {
        const receiver = new Receiver()
        assert.equal(receiver.take(piece(family, 0, 24, true)), 'incomplete')
        assert.equal(receiver.take(piece(family, offset, length, true, 1)), 'fragment')
        assert.equal(receiver.take(piece(family, 0, 24, true)), 'fragment')
        assert.equal(receiver.take(piece(family, 24, 24, false)), 'fragment')
        assert.equal(receiver.drops('overlap'), 1)
        assert.equal(receiver.packets.reassembly.bytesHeld, 0)
      }
    })
  }

  test('a double is no overlap: networks double packets (RFC 8200 §4.5)', () => {
    for (const family of families) {
      const receiver = new Receiver()
      for (const [offset, more] of [
        [0, true],
        [0, true],
        [24, true],
        [24, true],
      ] as const)
        assert.equal(receiver.take(piece(family, offset, 24, more)), 'incomplete')
      assert.ok(isWhole(receiver.take(piece(family, 48, 10, false))))
    }
  })

  test('a double with other content, or with another claim to be the last, is one', () => {
    for (const second of [piece(4, 24, 24, true, 1), piece(4, 24, 24, false)]) {
      const receiver = new Receiver()
      receiver.take(piece(4, 24, 24, true))
      assert.equal(receiver.take(second), 'fragment')
    }
  })

  test('two ends of one packet contradict each other, and nothing lies behind its end', () => {
    for (const [first, second] of [
      [piece(4, 80, 10, false), piece(4, 160, 10, false)],
      [piece(4, 80, 10, false), piece(4, 88, 8, true)],
      [piece(4, 88, 8, true), piece(4, 80, 8, false)],
    ] as const) {
      const receiver = new Receiver()
      assert.equal(receiver.take(first), 'incomplete')
      assert.equal(receiver.take(second), 'fragment')
      assert.equal(receiver.drops('overlap'), 1)
    }
  })
})

test('a packet is given up half a minute after its first fragment', () => {
  const receiver = new Receiver()
  receiver.take(piece(4, 0, 24, true), 100)
  assert.equal(receiver.take(piece(4, 24, 8, true), 129), 'incomplete')
  assert.equal(receiver.take(piece(4, 32, 8, false), 130), 'incomplete')
  assert.equal(receiver.drops('late'), 1)
})

test('a packet of too many fragments is lost', () => {
  const receiver = new Receiver()
  for (let index = 0; index < 128; index++) assert.equal(receiver.take(piece(4, 8 * index, 8, true)), 'incomplete')
  assert.equal(receiver.take(piece(4, 8 * 128, 8, true)), 'fragment')
  assert.equal(receiver.drops('too-many'), 1)
})

test('a packet that would be larger than one can be is lost (the "ping of death")', () => {
  for (const family of families) {
    const receiver = new Receiver()
    receiver.take(piece(family, 0, 1480, true))
    assert.equal(receiver.take(piece(family, 65_528, 100, false)), 'fragment')
    assert.equal(receiver.drops('too-large'), 1)
  }
  // The last octet fits behind the header only where the header is left out of account.
  const receiver = new Receiver()
  for (let offset = 0; offset < 65_520; offset += 1040) receiver.take(piece(4, offset, 1040, true))
  assert.equal(receiver.take(piece(4, 65_520, 8, false)), 'fragment')
  assert.equal(receiver.drops('too-large'), 1)
})

test('only the last fragment may have a length that is no multiple of eight', () => {
  for (const length of [0, 7, 9]) {
    const receiver = new Receiver()
    assert.equal(receiver.take(piece(6, 0, length, true)), 'fragment', `${length}`)
    assert.equal(receiver.drops('odd-length'), 1)
  }
})

describe('room', () => {
  test('one source that sends nothing but first halves pushes out its own, not those of others', () => {
    const receiver = new Receiver()
    receiver.take(piece(4, 0, 24, true, 0, '10.54.0.9'))
    for (let id = 0; id < 60_000; id++) receiver.take(piece(4, 0, 24, true, 0, A[4], id))
    assert.ok(receiver.packets.reassembly.inTheMaking <= 129)
    assert.ok(receiver.drops('crowded') > 59_000)
    assert.ok(isWhole(receiver.take(piece(4, 24, 8, false, 0, '10.54.0.9'))))
  })

  test('so does one that has a whole /64 of addresses', () => {
    const receiver = new Receiver()
    receiver.take(piece(6, 0, 24, true, 0, 'fd55::1'))
    for (let host = 1; host < 3000; host++) receiver.take(piece(6, 0, 24, true, 0, `fd54::${host.toString(16)}`))
    assert.ok(receiver.packets.reassembly.inTheMaking <= 129)
    assert.ok(isWhole(receiver.take(piece(6, 24, 8, false, 0, 'fd55::1'))))
  })

  test('octets and packets of all sources are bounded', () => {
    const receiver = new Receiver()
    for (let source = 0; source < 4000; source++)
      receiver.take(piece(4, 0, 8000, true, 0, `10.1.${source >> 8}.${source & 255}`))
    assert.ok(receiver.packets.reassembly.bytesHeld <= 4 * 1024 * 1024)
    assert.ok(receiver.packets.reassembly.inTheMaking <= 1024)
  })

  test('lost packets are remembered no longer and no more than others', () => {
    const receiver = new Receiver()
    for (let id = 0; id < 5000; id++) receiver.take(piece(4, 0, 7, true, 0, A[4], id))
    assert.ok(receiver.packets.reassembly.inTheMaking <= 128)
    assert.equal(receiver.packets.reassembly.bytesHeld, 0)
    receiver.take(piece(4, 0, 8, true), 31)
    assert.equal(receiver.packets.reassembly.inTheMaking, 1)
  })

  test('the books are even when everything is over', () => {
    const receiver = new Receiver()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.nat(12), fc.nat(40), fc.boolean(), fc.nat(3)), { maxLength: 40 }),
        moves => {
          for (const [source, at, length, more, id] of moves)
            receiver.take(piece(4, at * 8, length, more, 0, `10.54.0.${source + 1}`, id))
        },
      ),
      { numRuns: 500, seed: 5722 },
    )
    receiver.take(piece(4, 0, 8, true), 1000)
    assert.equal(receiver.packets.reassembly.inTheMaking, 1)
    assert.equal(receiver.packets.reassembly.bytesHeld, 28)
  })
})

describe('the header', () => {
  const marked = (bytes: Uint8Array, mark: number) => {
    const copy = bytes.slice()
    copy[1] = copy[0]! >> 4 === 4 ? mark : mark << 4
    return copy
  }

  test('is that of the first fragment, whichever comes first', () => {
    for (const family of families) {
      const receiver = new Receiver()
      const first = piece(family, 0, 24, true)
      const last = piece(family, 24, 8, false)
      first[family === 4 ? 8 : 7] = 61
      last[family === 4 ? 8 : 7] = 3
      receiver.take(last)
      const whole = receiver.take(first)
      assert.ok(isWhole(whole))
      assert.equal(whole[family === 4 ? 8 : 7], 61)
      assert.equal(whole.length, family === 4 ? 52 : 72)
      assert.equal(whole[family === 4 ? 9 : 6], UDP)
    }
  })

  test('bears the mark of congestion that any fragment bore (RFC 3168 §5.3)', () => {
    for (const family of families) {
      const receiver = new Receiver()
      receiver.take(marked(piece(family, 0, 24, true), 2))
      const whole = receiver.take(marked(piece(family, 24, 8, false), 3))
      assert.ok(isWhole(whole))
      assert.equal(family === 4 ? whole[1]! & 3 : (whole[1]! >> 4) & 3, 3)
    }
  })

  test('a mark beside a fragment whose sender knows of none loses the packet', () => {
    const receiver = new Receiver()
    receiver.take(marked(piece(4, 0, 24, true), 0))
    assert.equal(receiver.take(marked(piece(4, 24, 8, false), 3)), 'fragment')
    assert.equal(receiver.drops('mixed-congestion'), 1)
  })
})

describe('one form', () => {
  test('an IPv6 fragment header that cuts nothing is taken out, whatever else is in the making (RFC 6946)', () => {
    const receiver = new Receiver()
    receiver.take(ipv6Fragment(A[6], B[6], UDP, octets(8), { offset: 0, more: true, identification: 7 }))
    const datagram = udp(1024, 88, octets(20))
    const given = ipv6Fragment(A[6], B[6], UDP, datagram, { identification: 7 })
    assert.deepEqual(receiver.take(given), ipv6(A[6], B[6], UDP, datagram))
    assert.equal(receiver.packet.destinationPort, 88)
    given[41] = 200
    assert.deepEqual(receiver.take(given), ipv6(A[6], B[6], UDP, datagram), 'the reserved octet means nothing')
  })

  test('fragments within fragments are refused: nobody would judge what they hold', () => {
    const inner = ipv6Fragment(A[6], B[6], UDP, octets(24), { offset: 0, more: true, identification: 9 }).subarray(40)
    const receiver = new Receiver()
    for (const more of [false, true])
      assert.equal(receiver.take(ipv6Fragment(A[6], B[6], 44, inner, { more, identification: 8 })), 'malformed')
    // A header that names the inner fragment header is itself cut in two.
    const hidden = new Uint8Array([...[44, 1], ...octets(14), ...inner])
    const pieces = [hidden.subarray(0, 8), hidden.subarray(8)]
    const results = pieces.map((bytes, index) =>
      receiver.take(ipv6Fragment(A[6], B[6], 60, bytes, { offset: 8 * index, more: index === 0, identification: 5 })),
    )
    assert.deepEqual(results, ['incomplete', 'malformed'])
  })

  test("the link's padding is cut off", () => {
    for (const packet of [
      ipv4(A[4], B[4], UDP, udp(1, 2)),
      ipv6(A[6], B[6], UDP, udp(1, 2)),
      ipv6(A[6], B[6], 59, octets(0)),
    ])
      assert.deepEqual(new Receiver().take(new Uint8Array([...packet, ...octets(18, 9)])), packet)
  })

  test('a packet shorter than it says, without a length, or a jumbogram is none', () => {
    const short = ipv4(A[4], B[4], UDP, udp(1, 2)).slice(0, -1)
    const lengthless = ipv4(A[4], B[4], UDP, udp(1, 2))
    lengthless.fill(0, 2, 4)
    const jumbo = ipv6(A[6], B[6], 0, Uint8Array.of(UDP, 0, 0xc2, 4, 0, 1, 0, 0))
    jumbo.fill(0, 4, 6)
    const receiver = new Receiver()
    assert.deepEqual(
      [short, lengthless, jumbo, octets(0), octets(20, 0x45), octets(39, 0x60)].map(bytes => receiver.take(bytes)),
      ['malformed', 'malformed', 'jumbogram', 'malformed', 'malformed', 'malformed'],
    )
  })
})

test('random octets never throw and never hang', () => {
  const receiver = new Receiver()
  const head = fc.constantFrom(
    [0x45, 0, 0, 60, 0, 1, 0x20, 0, 64, 17],
    [0x60, 0, 0, 0, 0, 40, 44, 64],
    [0x60, 0, 0, 0, 0, 60, 0],
  )
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 120 }), (start, rest) => {
      const result = receiver.take(new Uint8Array([...start, ...rest]))
      if (isWhole(result)) assert.ok(cutToFit(result, 1280, 1) !== undefined)
    }),
    { numRuns: 3000, seed: 8200 },
  )
})
