// What AH covers and what it leaves to the way, field by field from the tables of RFC 4302 §3.3.3.1 and Appendix A.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { buildPacket } from '../../test/build-packets.ts'
import { AH } from '../base/flow.ts'
import { makeCanonical } from './ah-canonical.ts'

const v4 = { source: '10.54.0.1', destination: '10.54.0.2', protocol: AH }
const v6 = { source: 'fd54::1', destination: 'fd54::2', protocol: AH }

function canonical(header: Uint8Array): Uint8Array {
  const copy = header.slice()
  assert.ok(makeCanonical(copy, copy.length))
  return copy
}

/** Octets of the header that make no difference, whatever they hold. */
function mutableOctets(header: Uint8Array, from = 0, to = header.length): number[] {
  const found: number[] = []
  for (let at = from; at < to; at++) {
    const changed = header.slice()
    changed[at] = changed[at]! ^ 0x01
    const copy = changed.slice()
    if (makeCanonical(copy, copy.length) && Buffer.compare(copy, canonical(header)) === 0) found.push(at)
  }
  return found
}

test('of the IPv4 header only type of service, flags and offset, time to live and checksum may change', () => {
  assert.deepEqual(mutableOctets(buildPacket(v4), 1), [1, 6, 7, 8, 10, 11])
})

test('of the IPv6 header only traffic class, flow label and hop limit may change', () => {
  // The first octet's lower half belongs to the traffic class.
  assert.deepEqual(mutableOctets(buildPacket(v6)), [0, 1, 2, 3, 7])
})

describe('IPv4 options (Appendix A1)', () => {
  const kept = [
    [130, 'security'],
    [133, 'extended security'],
    [134, 'commercial security'],
    [148, 'router alert'],
    [149, 'sender directed multi-destination delivery'],
  ] as const
  const zeroed = [
    [131, 'loose source route'],
    [137, 'strict source route'],
    [68, 'time stamp'],
    [7, 'record route'],
    [82, 'traceroute'],
    [136, 'stream identifier'],
    [11, 'MTU probe'],
    [12, 'MTU reply'],
    [145, 'extended internet protocol'],
    [142, 'VISA'],
    [144, 'IMI'],
    [147, 'address extension'],
    [94, 'nobody knows'],
  ] as const
  for (const [list, isKept] of [
    [kept, true],
    [zeroed, false],
  ] as const) {
    for (const [kind, what] of list) {
      test(`${what} ${isKept ? 'arrives as it was sent' : 'counts as zero, type and length too'}`, () => {
        // The pointer of a route stands behind its end: no hops are left.
        const options = Uint8Array.of(1, kind, 7, 8, 9, 9, 9, 9)
        const header = canonical(buildPacket({ ...v4, options }))
        assert.deepEqual(header.subarray(20), isKept ? options : Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0))
      })
    }
  }

  test('a source route that has hops left is signed for the last of them, as it will arrive', () => {
    for (const kind of [131, 137]) {
      const options = Uint8Array.of(kind, 11, 4, 10, 0, 0, 9, 10, 54, 0, 77, 0)
      const sent = buildPacket({ ...v4, destination: '10.0.0.8', options })
      const arrived = buildPacket({ ...v4, destination: '10.54.0.77', options })
      arrived[22] = 12
      assert.deepEqual(canonical(sent), canonical(arrived))
    }
  })

  test('what lies about its length cannot be covered', () => {
    for (const options of [Uint8Array.of(7, 0, 0, 0), Uint8Array.of(7, 1, 0, 0), Uint8Array.of(1, 1, 1, 7)]) {
      assert.equal(makeCanonical(buildPacket({ ...v4, options }), 24), false)
    }
  })

  test('behind the end of the options nothing is looked at', () => {
    const options = Uint8Array.of(0, 7, 0, 0)
    assert.deepEqual(canonical(buildPacket({ ...v4, options })).subarray(20), options)
  })
})

describe('IPv6 extension headers (Appendix A2)', () => {
  test('of options whose type says that they change only the data is zero', () => {
    for (const kind of [0, 60]) {
      const fixed = [0x1e, 2, 7, 7]
      const changing = [0x3e, 4, 1, 2, 3, 4]
      const header = Uint8Array.of(0, 1, ...fixed, ...changing, 0, 0, 0, 0)
      const packet = buildPacket({ ...v6, extensions: [[kind, header]] })
      const expected = Uint8Array.of(AH, 1, ...fixed, 0x3e, 4, 0, 0, 0, 0, 0, 0, 0, 0)
      assert.deepEqual(canonical(packet).subarray(40), expected)
    }
  })

  test('a routing header is signed as it will arrive: no segments left, addresses one place on', () => {
    const route = (left: number, ...hosts: readonly string[]) => {
      const data = hosts.flatMap(host => [...buildPacket({ ...v6, destination: host }).subarray(24, 40)])
      return [43, Uint8Array.of(0, hosts.length * 2, 0, left, 0, 0, 0, 0, ...data)] as const
    }
    const sent = buildPacket({ ...v6, destination: 'fd54::a', extensions: [route(3, 'fd54::b', 'fd54::c', 'fd54::d')] })
    const midway = buildPacket({
      ...v6,
      destination: 'fd54::c',
      extensions: [route(1, 'fd54::a', 'fd54::b', 'fd54::d')],
    })
    const there = buildPacket({
      ...v6,
      destination: 'fd54::d',
      extensions: [route(0, 'fd54::a', 'fd54::b', 'fd54::c')],
    })
    assert.deepEqual(canonical(sent), canonical(there))
    assert.deepEqual(canonical(midway), canonical(there))
  })

  test('a route that lies, or of a kind that tells no destination, cannot be covered', () => {
    for (const header of [
      Uint8Array.of(0, 2, 0, 2, ...new Uint8Array(20)),
      Uint8Array.of(0, 1, 0, 1, ...new Uint8Array(12)),
      Uint8Array.of(0, 2, 3, 1, ...new Uint8Array(20)),
      Uint8Array.of(0, 9, 0, 0, 0, 0, 0, 0),
    ]) {
      const packet = buildPacket({ ...v6, extensions: [[43, header]] })
      assert.equal(makeCanonical(packet, packet.length), false, `${header}`)
    }
  })

  test('an option that lies about its length cannot be covered', () => {
    const packet = buildPacket({ ...v6, extensions: [[0, Uint8Array.of(0, 0, 0x3e, 9, 0, 0, 0, 0)]] })
    assert.equal(makeCanonical(packet, packet.length), false)
  })
})

test('random headers end, and what they become stays as it is', () => {
  const some = fc.record({ isIpv4: fc.boolean(), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) })
  fc.assert(
    fc.property(some, ({ isIpv4, bytes }) => {
      const header = new Uint8Array(isIpv4 ? 60 : 88)
      header.set(bytes, isIpv4 ? 20 : 40)
      header[0] = isIpv4 ? 0x4f : 0x60
      if (!isIpv4) header[6] = [0, 43, 60, 44][bytes[0]! & 3]!
      if (!makeCanonical(header, header.length)) return
      const again = header.slice()
      // Zeroed options are gone, so only the IPv6 form is told to be read again.
      if (!isIpv4) assert.ok(makeCanonical(again, again.length))
      if (!isIpv4) assert.deepEqual(again, header)
    }),
    { numRuns: 2000, seed: 4302 },
  )
})
