// IPv4 and IPv6 headers: lengths that lie, fragments, and the walk over extension headers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeIp } from './decode.ts'
import { IS_IP, MALFORMED, Packet } from './packet.ts'
import { bytesOf, ipv4, ipv6 } from './test-frames.ts'

function decoded(hex: string): Packet {
  const bytes = bytesOf(hex)
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  return packet
}

const addresses6 = '20010db8000000000000000000000001 20010db8000000000000000000000002'

/** IPv6 whose first next header is given, with a payload. */
function six(next: string, payload: string): string {
  const length = bytesOf(payload).length.toString(16).padStart(4, '0')
  return `60000000 ${length} ${next} 40 ${addresses6} ${payload}`
}

const udp = '0457 08ae 000c 0000 01020304'

test('an IPv4 header gives addresses, protocol, identification and lengths', () => {
  const packet = decoded(ipv4)
  assert.equal(packet.kind, IS_IP)
  assert.equal(packet.version, 4)
  assert.equal(packet.s0 >>> 0, 0x0a010203)
  assert.equal(packet.d0 >>> 0, 0x0a040506)
  assert.deepEqual([packet.protocol, packet.identification, packet.ipLength, packet.end], [17, 1, 32, 32])
})

const broken: readonly (readonly [string, string, string])[] = [
  ['no octet', '', 'the IP version is neither 4 nor 6'],
  ['a version that is neither', '50'.repeat(40), 'the IP version is neither 4 nor 6'],
  ['19 octets of IPv4', ipv4.replaceAll(' ', '').slice(0, 38), 'the IPv4 header is cut off'],
  ['a header length under 20', `44${ipv4.slice(2)}`, 'the IPv4 header length is under 20 octets'],
  [
    'a total length under the header',
    ipv4.replace('45000020', '45000013'),
    'the IPv4 total length is shorter than the header',
  ],
  ['39 octets of IPv6', ipv6.replaceAll(' ', '').slice(0, 78), 'the IPv6 header is cut off'],
]

for (const [name, hex, problem] of broken) {
  test(`${name}: malformed, because ${problem}`, () => {
    const packet = decoded(hex)
    assert.equal(packet.kind, MALFORMED)
    assert.equal(packet.problem, problem)
  })
}

test('a total length of zero, as segmentation offload leaves it, means what was captured', () => {
  assert.deepEqual([decoded(ipv4.replace('45000020', '45000000')).ipLength, decoded(ipv4).sourcePort], [32, 1111])
  assert.equal(decoded(ipv6.replace('000c1140', '00001140')).ipLength, 52)
})

test('octets behind the total length, such as Ethernet padding, are no part of the packet', () => {
  assert.equal(decoded(`${ipv4} 000000000000`).end, 32)
  assert.equal(decoded(`${ipv6} 000000000000`).end, 52)
})

test('a packet that was captured in part keeps the length it states', () => {
  const packet = decoded(ipv4.replace('45000020', '450005dc'))
  assert.deepEqual([packet.ipLength, packet.end], [1500, 32])
})

test('IPv4 options stand before the ports', () => {
  const packet = decoded(`46000024 00010000 40110000 0a010203 0a040506 01010101 ${udp}`)
  assert.deepEqual([packet.transport, packet.sourcePort, packet.destinationPort], [24, 1111, 2222])
})

test('the destination under a source route is the one in the header', () => {
  const packet = decoded(`47000028 00010000 40110000 0a010203 0a040506 8307040a090909 00 ${udp}`)
  assert.equal(packet.d0 >>> 0, 0x0a040506)
})

test('a later fragment has no ports, whatever its octets look like', () => {
  const first = decoded(ipv4.replace('00010000', '00012000'))
  assert.deepEqual([first.fragmentOffset, first.moreFragments, first.sourcePort], [0, true, 1111])
  const later = decoded(ipv4.replace('00010000', '00010001'))
  assert.deepEqual([later.fragmentOffset, later.moreFragments, later.sourcePort], [1, false, -1])
  assert.ok(later.isLaterFragment)
  const sixth = decoded(six('2c', `11 00 0009 0000002a ${udp}`))
  assert.deepEqual([sixth.protocol, sixth.fragmentOffset, sixth.moreFragments, sixth.sourcePort], [17, 1, true, -1])
  assert.equal(sixth.identification, 42)
})

const walks: readonly (readonly [string, string, number, number])[] = [
  ['none', six('11', udp), 17, 1111],
  ['hop by hop', six('00', `11 00 0104 00000000 ${udp}`), 17, 1111],
  ['destination options of 16 octets', six('3c', `11 01 010c ${'00'.repeat(12)} ${udp}`), 17, 1111],
  ['routing', six('2b', `11 02 0001 00000000 ${'20'.repeat(16)} ${udp}`), 17, 1111],
  ['a first fragment', six('2c', `11 00 0001 0000002a ${udp}`), 17, 1111],
  [
    'five of them',
    six('00', `3c000104 00000000 2b000104 00000000 2c000000 00000000 3c000000 00000000 11000104 00000000 ${udp}`),
    17,
    1111,
  ],
  ['SHIM6 before a payload', six('8c', `11 00 8000 00000000 ${udp}`), 17, 1111],
  ['SHIM6 as a message', six('8c', '3b 00 0000 00000000'), 140, -1],
  ['a mobility header, which is a message', six('87', '3b 00 0000 00000000'), 135, -1],
  ['HIP, which is a message', six('8b', '3b 00 0000 00000000'), 139, -1],
  ['no next header', six('3b', ''), 59, -1],
  ['ESP, which ends the walk', six('00', '32 00 0104 00000000 00001234 00000001'), 50, -1],
  ['a header longer than the packet', six('3c', '11 ff 0000 00000000'), 17, -1],
  ['a header of which four octets were captured', six('3c', '11 00 0104'), 17, -1],
  ['a fragment header that is cut off', six('2c', '11 00 0000'), 44, -1],
]

for (const [name, hex, protocol, port] of walks) {
  test(`IPv6 extension headers, ${name}: protocol ${protocol}`, () => {
    const packet = decoded(hex)
    assert.equal(packet.kind, IS_IP)
    assert.deepEqual([packet.protocol, packet.sourcePort], [protocol, port])
    assert.ok(packet.transport <= packet.end)
  })
}

test('a packet of sixty-four thousand extension header octets is walked once', () => {
  const packet = decoded(`60000000 ffff 3c 40 ${addresses6} ${'3c00010400000000'.repeat(8191)}11000104000000`)
  assert.equal(packet.kind, IS_IP)
  assert.equal(packet.protocol, 17)
})
