// The filter in the kernel leaves out what is sealed and nothing else: by hand, and whatever random frames say about themselves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ah,
  type Bytes,
  esp,
  ethernet,
  fragments,
  icmp,
  ike,
  ip,
  ipv6Fragment,
  join,
  keepalive,
  nonEspMarker,
  octets,
  tcp,
  udp,
} from '../../../test/build-frames.ts'
import { classOf } from '../../audit/verdict.ts'
import { seededRandom } from '../../base/random.ts'
import { address } from '../../policy/test-policies.ts'
import { decodeFrame } from '../../wire/decode.ts'
import { Packet } from '../../wire/packet.ts'
import { assemble, goTo, ifEqual, place } from './filter-assembly.ts'
import { type Aside, runFilter } from './test-filter-machine.ts'
import { KEPT, MOST_OWN, unsealedFilter } from './unsealed-filter.ts'

const DEVICE = 7
const ours = ['10.99.0.1', 'fd99::1'].map(text => address(text))
const program = unsealedFilter(DEVICE, ours)
const onEthernet: Aside = { link: 2, hardware: 1 }
const hosts = [
  ['10.99.0.1', '10.99.0.2'],
  ['fd99::1', 'fd99::2'],
] as const

function isKept(frame: Bytes, aside: Aside = onEthernet, filter = program): boolean {
  const answer = runFilter(filter, frame, aside)
  assert.ok(answer === 0 || answer === KEPT)
  return answer > 0
}

test('the kernel takes a program of this length, and jumps lead ahead to places that are there', () => {
  const most = Array.from({ length: MOST_OWN }, (_, index) => [`10.99.1.${index}`, `fd99::1:${index}`]).flat()
  const longest = unsealedFilter(
    DEVICE,
    most.map(text => address(text)),
  )
  assert.ok(longest.length < 256, `${longest.length} steps`)
  assert.throws(() => assemble([goTo('nowhere')]), /nowhere/)
  assert.throws(() => assemble([place('before'), goTo('before')]), /before/)
  assert.throws(
    () => assemble([ifEqual(1, 'far'), ...Array.from({ length: 300 }, () => goTo('far')), place('far')]),
    /far/,
  )
})

for (const [one, two] of hosts) {
  const inUdp = esp(0x1234_5678, 1, 40)
  const cases: readonly (readonly [what: string, packet: Bytes, kept: boolean])[] = [
    ['TCP', ip(one, two, 6, tcp(1024, 445)), true],
    ['UDP', ip(one, two, 17, udp(1024, 53, octets(40))), true],
    ['an echo', ip(one, two, one.includes(':') ? 58 : 1, icmp(8)), true],
    ['ESP', ip(one, two, 50, esp(0x1234_5678, 1, 40)), false],
    ['AH', ip(one, two, 51, ah(1000, 6, tcp(1, 2, octets(20)))), false],
    ['ESP in UDP that leaves', ip(one, two, 17, udp(4500, 4500, inUdp)), false],
    ['ESP in UDP behind a translator', ip(one, two, 17, udp(61234, 4500, inUdp)), false],
    ['what is on port 4500 under an SPI that is none', ip(one, two, 17, udp(4500, 4500, esp(255, 1, 40))), true],
    ['what does not fill whole words on port 4500', ip(one, two, 17, udp(4500, 4500, join(inUdp, octets(1)))), true],
    ['what is too short for ESP on port 4500', ip(one, two, 17, udp(4500, 4500, esp(0x1234_5678, 1, 8))), true],
    ['IKE', ip(one, two, 17, udp(500, 500, ike(40))), true],
    ['IKE behind the marker of zeros', ip(one, two, 17, udp(4500, 4500, join(nonEspMarker, ike(40)))), true],
    ['a keepalive', ip(one, two, 17, udp(4500, 4500, keepalive)), true],
    ['anything on port 500', ip(one, two, 17, udp(500, 500, inUdp)), true],
    [
      'more than the datagram behind what looks like ESP',
      ip(one, two, 17, join(udp(4500, 4500, inUdp), octets(64, 0x41))),
      true,
    ],
  ]
  for (const [what, packet, kept] of cases) {
    test(`${what} from ${one}: ${kept ? 'it is looked at' : 'it is sealed and left out'}`, () => {
      assert.equal(isKept(ethernet(packet)), kept)
      // A link without a header of its own, such as another program's TUN device.
      assert.equal(isKept(packet, { link: 3, hardware: 65_534 }), kept)
      // A link of which the filter knows nothing.
      assert.equal(isKept(ethernet(packet), { link: 3, hardware: 32 }), true)
    })
  }
}

test('pieces of ESP in UDP are all kept, so that the later ones go with their first', () => {
  const datagram = udp(4500, 4500, esp(0x1234_5678, 1, 4000))
  for (const [one, two] of hosts) {
    const pieces = fragments(one, two, 17, datagram, 77)
    assert.ok(pieces.length > 2)
    for (const piece of pieces) assert.equal(isKept(ethernet(piece)), true)
  }
  const sealed = ipv6Fragment('fd99::1', 'fd99::2', 50, esp(1000, 1, 100), { identification: 1, offset: 0, more: true })
  assert.equal(isKept(ethernet(sealed)), true)
})

test('what is between other hosts is left out, and nothing that may be from or to this one or many', () => {
  const content = tcp(1024, 445, octets(40))
  for (const [own, other, third, group] of [
    ['10.99.0.1', '10.99.0.2', '10.99.0.3', '224.0.0.251'],
    ['fd99::1', 'fd99::2', 'fd99::3', 'ff02::fb'],
  ] as const) {
    const between = (from: string, to: string) => ethernet(ip(from, to, 6, content))
    assert.equal(isKept(between(other, third)), false)
    assert.equal(isKept(between(own, third)), true)
    assert.equal(isKept(between(third, own)), true)
    assert.equal(isKept(between(third, group)), true)
    // To every station, or to several, whatever its address.
    assert.equal(isKept(between(other, third), { ...onEthernet, packetKind: 1 }), true)
    assert.equal(isKept(between(other, third), { ...onEthernet, packetKind: 2 }), true)
    // A host of which nothing is known, and one of which too much is.
    assert.equal(isKept(between(other, third), onEthernet, unsealedFilter(DEVICE, undefined)), true)
    const many = Array.from({ length: MOST_OWN + 1 }, (_, index) => [`10.99.1.${index}`, `fd99::1:${index}`]).flat()
    const filter = unsealedFilter(
      DEVICE,
      many.map(text => address(text)),
    )
    assert.equal(isKept(between(other, third), onEthernet, filter), true)
    assert.equal(isKept(between(other, third), onEthernet, unsealedFilter(DEVICE, [])), false)
  }
  assert.equal(isKept(ethernet(ip('10.99.0.2', '255.255.255.255', 17, udp(68, 67, octets(40))))), true)
})

test('what is no IP, not for this host, or seen on another link as well is left out', () => {
  const clear = ethernet(ip('10.99.0.1', '10.99.0.2', 6, tcp(1024, 445)))
  assert.equal(isKept(clear), true)
  assert.equal(isKept(ethernet(octets(60), { type: 0x0806 })), false)
  assert.equal(isKept(ethernet(octets(60), { type: 0x8100 })), false)
  assert.equal(isKept(clear, { ...onEthernet, link: DEVICE }), false)
  assert.equal(isKept(clear, { ...onEthernet, hardware: 772 }), false)
  assert.equal(isKept(clear, { ...onEthernet, packetKind: 3 }), false)
  assert.equal(isKept(clear, { ...onEthernet, packetKind: 4 }), true)
  assert.equal(isKept(clear, { ...onEthernet, hasVlanTag: 1, vlanTag: 100 }), false)
  // A priority and no VLAN.
  assert.equal(isKept(clear, { ...onEthernet, hasVlanTag: 1, vlanTag: 0xe000 }), true)
})

test('whatever a frame says of itself, what the filter leaves out the auditor calls sealed or no IP', () => {
  const random = seededRandom(11)
  const number = (below: number) => Math.floor(random.fraction() * below)
  const packet = new Packet()
  let sealed = 0
  for (let turn = 0; turn < 60_000; turn++) {
    const [one, two] = hosts[number(2)]!
    const content = join(esp(number(2) === 0 ? number(512) : 0x1000_0000, 1, number(40)), octets(number(4)))
    const inner = number(3) === 0 ? content : udp([4500, 500, 1024][number(3)]!, [4500, 500][number(2)]!, content)
    const frame = ethernet(ip(one, two, [17, 17, 17, 50, 51, 6][number(6)]!, inner))
    // Headers that lie: one octet or two of the first 70 are others.
    for (let changes = number(3); changes > 0; changes--) frame[12 + number(58)] = number(256)
    const cut = number(8) === 0 ? frame.subarray(0, number(frame.length + 1)) : frame
    if (isKept(cut)) continue
    decodeFrame(packet, cut, 1, 0, cut.length)
    const trafficClass = classOf(packet)
    const words = ours.map(({ words }) => words.at(-1))
    const ends = packet.version === 4 ? [packet.s0, packet.d0] : [packet.s3, packet.d3]
    if (!ends.some(word => words.includes(word >>> 0))) continue
    // Another EtherType, tags among them, is left out here and looked into by the auditor.
    const type = (cut[12]! << 8) | cut[13]!
    if (cut.length < 14 || (type !== 0x0800 && type !== 0x86dd)) continue
    sealed++
    assert.ok(trafficClass === 'esp' || trafficClass === 'ah', `${trafficClass}: ${cut.toHex()}`)
  }
  assert.ok(sealed > 10_000, `${sealed}`)
})
