// What decodeIp and decodeFrame say of transports: ports, SPIs, ICMP types, and what AH leaves readable.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeFrame, decodeIp } from './decode.ts'
import { IS_IP, NOT_IP, Packet } from './packet.ts'
import { bytesOf, ipv4 } from './test-frames.ts'

/** IPv4 of a protocol, in hexadecimal, with a payload. */
function four(protocol: string, payload: string): Uint8Array {
  const length = (20 + bytesOf(payload).length).toString(16).padStart(4, '0')
  return bytesOf(`4500${length} 00010000 40${protocol}0000 0a010203 0a040506 ${payload}`)
}

function six(next: string, payload: string): Uint8Array {
  const length = bytesOf(payload).length.toString(16).padStart(4, '0')
  return bytesOf(`60000000 ${length}${next}40 ${'20'.repeat(16)} ${'21'.repeat(16)} ${payload}`)
}

function decoded(bytes: Uint8Array): Packet {
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  return packet
}

const ports: readonly (readonly [string, string])[] = [
  ['TCP', '06'],
  ['UDP', '11'],
  ['DCCP', '21'],
  ['SCTP', '84'],
  ['UDP-Lite', '88'],
]

for (const [name, protocol] of ports) {
  test(`${name} has its ports in its first four octets`, () => {
    const packet = decoded(four(protocol, `c001 0058 ${'00'.repeat(16)}`))
    assert.deepEqual([packet.sourcePort, packet.destinationPort], [49153, 88])
    assert.deepEqual(decoded(four(protocol, 'c00100')).sourcePort, -1)
  })
}

test('protocols without ports have none', () => {
  for (const protocol of ['01', '02', '2e', '2f', '59']) {
    assert.equal(decoded(four(protocol, 'c0010058 00000000')).sourcePort, -1)
  }
})

test('ICMP and ICMPv6 have a type', () => {
  assert.equal(decoded(four('01', '08000000')).icmpType, 8)
  assert.equal(decoded(six('3a', '87000000')).icmpType, 135)
})

test('ESP has an SPI, unsigned', () => {
  assert.equal(decoded(four('32', 'fedcba98 00000001')).spi, 0xfedcba98)
  assert.equal(decoded(four('32', 'fedcba')).spi, 0)
})

const ah = (next: string) => `${next} 04 0000 fedcba98 00000001 ${'ab'.repeat(12)}`

test('AH has an SPI, and what it protects stays readable', () => {
  const packet = decoded(four('33', `${ah('06')} c0010058`))
  assert.deepEqual([packet.protocol, packet.upper, packet.spi], [51, 6, 0xfedcba98])
  assert.deepEqual([packet.sourcePort, packet.destinationPort], [49153, 88])
})

test('AH over ESP and AH over AH say what is inside', () => {
  assert.equal(decoded(four('33', `${ah('32')} 00001234 00000001`)).upper, 50)
  const nested = decoded(four('33', `${ah('33')} ${ah('11')} 045708ae 00080000`))
  assert.deepEqual([nested.upper, nested.sourcePort], [17, 1111])
})

test('what an AH that is cut off inside another protects is not known', () => {
  assert.equal(decoded(four('33', ah('33'))).upper, -1)
})

test('behind AH in IPv6 destination options may stand before the transport', () => {
  const packet = decoded(six('33', `${ah('3c')} 11 00 0104 00000000 045708ae 00080000`))
  assert.deepEqual([packet.protocol, packet.upper, packet.sourcePort], [51, 17, 1111])
})

test('a packet that is decoded into again keeps nothing of the one before', () => {
  const packet = new Packet()
  const frame = bytesOf(`ffffffffffff 020000000002 0800 ${ipv4}`)
  decodeFrame(packet, frame, 1, 0, frame.length)
  assert.equal(packet.kind, IS_IP)
  assert.ok(packet.linkBroadcast)
  decodeFrame(packet, bytesOf('020000000001 020000000002 0806 0001'), 1, 0, 16)
  const fresh = new Packet()
  assert.equal(packet.kind, NOT_IP)
  fresh.ipOffset = packet.ipOffset
  assert.deepEqual(packet, fresh)
})

test('a frame in the middle of a buffer reads as it does alone', () => {
  const frame = bytesOf(`020000000001 020000000002 0800 ${ipv4}`)
  const buffer = new Uint8Array(1000).fill(0xee)
  buffer.set(frame, 300)
  const packet = new Packet()
  decodeFrame(packet, buffer, 1, 300, 300 + frame.length)
  assert.deepEqual([packet.ipOffset, packet.transport, packet.end], [314, 334, 346])
  assert.deepEqual(packet.flow(), {
    source: { family: 4, words: [0x0a010203] },
    destination: { family: 4, words: [0x0a040506] },
    protocol: 17,
    sourcePort: 1111,
    destinationPort: 2222,
  })
})
