// Where transport mode puts the seal, what a tunnel's outer header holds, and the marks of congestion (RFC 6040).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressOf, buildPacket } from '../../test/build-packets.ts'
import { TCP, UDP } from '../base/flow.ts'
import {
  mergeCongestion,
  setHeaderChecksum,
  setIpLength,
  trafficClassOf,
  transportChecksum,
  transportPoint,
  writeOuterHeader,
  writeUdpHeader,
} from './headers.ts'

const v4 = { source: '10.54.0.1', destination: '10.54.0.2' }
const v6 = { source: 'fd54::1', destination: 'fd54::2' }
const hopByHop = [0, Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)] as const
const toAll = [60, Uint8Array.of(0, 1, 1, 12, ...new Uint8Array(12))] as const
const routing = [43, Uint8Array.of(0, 2, 0, 0, ...new Uint8Array(20))] as const

describe('transport mode seals behind the headers that the way needs (RFC 4303 §3.1.1)', () => {
  for (const [what, extensions, start, place] of [
    ['none', [], 40, 6],
    ['hop-by-hop options', [hopByHop], 48, 40],
    ['a routing header', [routing], 64, 40],
    ['options for every hop of a route', [toAll, routing], 80, 56],
    ['options for the destination, which are sealed', [toAll], 40, 6],
    ['all of them', [hopByHop, toAll, routing, toAll], 88, 64],
  ] as const) {
    test(what, () => {
      const packet = buildPacket({ ...v6, protocol: TCP, extensions })
      assert.deepEqual(transportPoint(packet, 0, packet.length), { start, place })
    })
  }

  test('IPv4 options stay in front', () => {
    const packet = buildPacket({ ...v4, options: Uint8Array.of(1, 1, 1, 0) })
    assert.deepEqual(transportPoint(packet, 0, packet.length), { start: 24, place: 9 })
  })

  test('headers that lie about their length have no such point', () => {
    const packet = buildPacket({ ...v6, extensions: [[0, Uint8Array.of(0, 200, 1, 4, 0, 0, 0, 0)]] })
    assert.equal(transportPoint(packet, 0, packet.length), undefined)
    assert.equal(transportPoint(packet.subarray(0, 44), 0, 44), undefined)
    const short = buildPacket(v4)
    short[0] = 0x4f
    assert.equal(transportPoint(short, 0, short.length), undefined)
    short[0] = 0x44
    assert.equal(transportPoint(short, 0, short.length), undefined)
  })
})

describe('the outer header of a tunnel', () => {
  const outer = (inner: Uint8Array, family: 4 | 6) => {
    const bytes = new Uint8Array(60 + inner.length).fill(0xee)
    bytes.set(inner, 60)
    const hosts = family === 4 ? v4 : v6
    const at = family === 4 ? 40 : 20
    writeOuterHeader(bytes, at, addressOf(hosts.source), addressOf(hosts.destination), 4, 60, 0x1ffff)
    setIpLength(bytes, at, bytes.length - at)
    return bytes.subarray(at)
  }

  test('copies do not fragment of IPv4; an IPv6 packet is cut only where it has to pass every link', () => {
    for (const [inner, mustNotBeCut] of [
      [buildPacket({ ...v4, mustNotBeCut: true }), true],
      [buildPacket({ ...v4, mustNotBeCut: false }), false],
      [buildPacket({ ...v6, payload: new Uint8Array(1280 - 48) }), false],
      [buildPacket({ ...v6, payload: new Uint8Array(1281 - 48) }), true],
    ] as const)
      assert.equal((outer(inner, 4)[6]! & 0x40) !== 0, mustNotBeCut)
  })

  test('is whole: nothing of what stood there is left, lengths and checksum are right', () => {
    const four = outer(buildPacket({ ...v4, trafficClass: 0xb9 }), 4)
    assert.deepEqual([...four.subarray(0, 10)], [0x45, 0xb9, 0, 20 + 28, 0xff, 0xff, 0, 0, 64, 4])
    const again = four.slice()
    setHeaderChecksum(again, 20)
    assert.deepEqual(again, four)
    const six = outer(buildPacket({ ...v6, trafficClass: 0xb9 }), 6)
    assert.deepEqual([...six.subarray(0, 8)], [0x6b, 0x90, 0, 0, 0, 48, 4, 64])
    assert.equal(trafficClassOf(six, 0), 0xb9)
  })
})

test('marks of congestion come together as the table of RFC 6040 §4.2 has it', () => {
  const [not, ect1, ect0, ce] = [0, 1, 2, 3]
  const dropped = -1
  const table = [
    // inner, then what it becomes under an outer Not-ECT, ECT(0), ECT(1), CE
    [not, [not, not, not, dropped]],
    [ect0, [ect0, ect0, ect1, ce]],
    [ect1, [ect1, ect1, ect1, ce]],
    [ce, [ce, ce, ce, ce]],
  ] as const
  for (const hosts of [v4, v6]) {
    for (const [inner, row] of table) {
      for (const [index, outer] of [not, ect0, ect1, ce].entries()) {
        const packet = buildPacket({ ...hosts, trafficClass: 0xb8 | inner })
        const passes = mergeCongestion(packet, 0, 0x28 | outer)
        assert.equal(
          passes ? trafficClassOf(packet, 0) : dropped,
          row[index] === dropped ? dropped : 0xb8 | row[index]!,
        )
        const expected = buildPacket({ ...hosts, trafficClass: trafficClassOf(packet, 0) })
        assert.deepEqual(packet, expected, 'the checksum too')
      }
    }
  }
})

test('a UDP header has no checksum over IPv4 and a right one over IPv6, never zero (RFC 3948 §2.1, RFC 8200 §8.1)', () => {
  for (const hosts of [v4, v6]) {
    const packet = buildPacket({ ...hosts, payload: Uint8Array.of(1, 2, 3) })
    const at = hosts === v4 ? 20 : 40
    const expected = packet.slice()
    writeUdpHeader(packet, at, 0, 1024, 445, 3)
    if (hosts === v4) expected.fill(0, at + 6, at + 8)
    assert.deepEqual(packet, expected)
  }
  // Content whose sum makes the checksum come out as zero.
  const packet = buildPacket({ ...v6, payload: Uint8Array.of(0, 0) })
  packet.fill(0, 46, 48)
  const sum = transportChecksum(packet, 0, 40, 10, UDP)
  packet[48] = sum >> 8
  packet[49] = sum & 255
  assert.equal(transportChecksum(packet, 0, 40, 10, UDP), 0xffff)
})
