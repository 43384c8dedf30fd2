// What opens is what was sealed: every security method, both modes, both families; and nothing else opens.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { addressOf, buildPacket, type PacketWords } from '../../test/build-packets.ts'
import { bothEnds, type PairWords } from '../../test/ipsec-pair.ts'
import { ICMP, TCP, UDP } from '../base/flow.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { offerNames } from '../policy/offers.ts'
import { decodeIp } from '../wire/decode.ts'
import { ESP_IN_UDP, Packet } from '../wire/packet.ts'
import type { Association } from './association.ts'
import { AssociationDatabase } from './association-database.ts'
import { innerMtu, openPacket, type Sealed, sealPacket, Workbench } from './seal.ts'

const crypto = choosePacketCrypto('openssl')
const bench = new Workbench()
const ipv4 = { one: addressOf('10.54.0.1'), other: addressOf('10.54.0.2') }
const ipv6 = { one: addressOf('fd54::1'), other: addressOf('fd54::2') }

function ends(words: Omit<PairWords, 'one' | 'other'> & { family?: 4 | 6 }): {
  sender: Association
  receiver: Association
  close: () => void
} {
  const [here, there] = bothEnds({ ...(words.family === 6 ? ipv6 : ipv4), ...words })
  const one = new AssociationDatabase(crypto)
  const other = new AssociationDatabase(crypto)
  const sender = one.install(here, 0)
  const receiver = other.install(there, 0)
  return {
    sender,
    receiver,
    close: () => {
      one.remove(sender.name)
      other.remove(receiver.name)
    },
  }
}

function packetOf(sealed: Sealed): Uint8Array {
  assert.ok('packet' in sealed, `dropped: ${JSON.stringify(sealed)}`)
  return sealed.packet
}

function open(receiver: Association, sealed: Uint8Array) {
  const packet = new Packet()
  decodeIp(packet, sealed, 0, sealed.length)
  const isInUdp = packet.content === ESP_IN_UDP
  const start = packet.transport + (isInUdp ? 8 : 0)
  return openPacket(
    bench,
    spi => (spi === receiver.name ? receiver : undefined),
    sealed,
    start,
    packet.protocol,
    isInUdp,
  )
}

function words(family: 4 | 6, more: Partial<PacketWords> = {}): PacketWords {
  const hosts = family === 4 ? ['10.54.0.1', '10.54.0.2'] : ['fd54::1', 'fd54::2']
  return { source: hosts[0]!, destination: hosts[1]!, ...more }
}

const common = [
  'esp-aes256gcm16',
  'esp-aes128gcm8',
  'esp-aes128-sha256',
  'esp-null-sha1',
  'ah-sha256',
  'ah-sha1+esp-3des-sha1',
]
const every = [...new Set([...common, ...offerNames.filter(name => /^(esp|ah)-/.test(name))])]

describe('what opens is what was sealed, octet for octet', () => {
  for (const security of every) {
    test(security, context => {
      if (crypto.enginesFor === undefined) context.skip('no engine here')
      for (const family of [4, 6] as const) {
        for (const mode of ['transport', 'tunnel'] as const) {
          for (const extendedSequence of [false, true]) {
            const { sender, receiver, close } = ends({ security, mode, family, extendedSequence })
            for (const size of [0, 1, 2, 3, 13, 64, 1400]) {
              const packet = buildPacket(words(family, { payload: new Uint8Array(size).fill(size), protocol: UDP }))
              const sealed = packetOf(sealPacket(bench, sender, packet))
              const opened = open(receiver, sealed)
              assert.ok(
                'packet' in opened,
                `${family} ${mode} ${size}: ${JSON.stringify('drop' in opened && opened.drop)}`,
              )
              assert.deepEqual(opened.packet, packet, `${family} ${mode} ${size}`)
            }
            close()
          }
        }
      }
    })
  }
})

test('one flipped bit anywhere behind the IP header never opens', () => {
  for (const security of common) {
    const { sender, receiver, close } = ends({ security })
    const sealed = packetOf(sealPacket(bench, sender, buildPacket(words(4, { payload: new Uint8Array(40) }))))
    for (let bit = 20 * 8; bit < sealed.length * 8; bit++) {
      const changed = sealed.slice()
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7))
      const opened = open(receiver, changed)
      assert.ok('drop' in opened, `${security}: bit ${bit} was not noticed`)
    }
    assert.ok('packet' in open(receiver, sealed), 'the forgeries did not move the window')
    close()
  }
})

test('AH notices a change of the addresses, and does not mind what routers change', () => {
  const { sender, receiver, close } = ends({ security: 'ah-sha256' })
  const sealed = packetOf(sealPacket(bench, sender, buildPacket(words(4, { payload: new Uint8Array(40) }))))
  const forged = sealed.slice()
  forged[15] = 9
  assert.ok('drop' in open(receiver, forged))
  const routed = sealed.slice()
  routed[8] = routed[8]! - 3
  routed[1] = 0x2e
  assert.ok('packet' in open(receiver, routed))
  close()
})

test('AH covers options and extension headers, mutable ones as zero', () => {
  const options = Uint8Array.of(148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0)
  const hopByHop = Uint8Array.of(0, 0, 0x3e, 4, 1, 2, 3, 4)
  for (const [packet, mutable, fixed] of [
    [buildPacket(words(4, { options, payload: new Uint8Array(9) })), 28, 22],
    [buildPacket(words(6, { extensions: [[0, hopByHop]], payload: new Uint8Array(9) })), 45, 43],
  ] as const) {
    const { sender, receiver, close } = ends({ security: 'ah-sha256', family: packet[0]! >> 4 === 4 ? 4 : 6 })
    const sealed = packetOf(sealPacket(bench, sender, packet))
    const recorded = sealed.slice()
    recorded[mutable] = 0x55
    const forged = sealed.slice()
    forged[fixed] = forged[fixed]! ^ 1
    assert.ok('drop' in open(receiver, forged), 'a fixed octet')
    const opened = open(receiver, recorded)
    assert.ok('packet' in opened, `a mutable octet: ${'drop' in opened && opened.drop}`)
    close()
  }
})

test('a packet opens once', () => {
  for (const security of common) {
    const { sender, receiver, close } = ends({ security })
    const sealed = packetOf(sealPacket(bench, sender, buildPacket(words(4))))
    assert.ok('packet' in open(receiver, sealed))
    const again = open(receiver, sealed)
    assert.equal('drop' in again && again.drop, 'replayed')
    assert.equal(receiver.counters.replayed, 1)
    close()
  }
})

test('ESP in UDP carries the same, with a checksum over IPv6 and without over IPv4 (RFC 3948 §2.1)', () => {
  for (const family of [4, 6] as const) {
    const encapsulation = { sourcePort: 4500, destinationPort: 4500 }
    const { sender, receiver, close } = ends({ security: 'esp-aes256gcm16', family, encapsulation })
    const packet = buildPacket(words(family, { protocol: TCP, payload: new Uint8Array(100) }))
    const sealed = packetOf(sealPacket(bench, sender, packet))
    const at = family === 4 ? 20 : 40
    assert.equal(sealed[family === 4 ? 9 : 6], UDP)
    assert.equal(sealed[at + 6] === 0 && sealed[at + 7] === 0, family === 4)
    const opened = open(receiver, sealed)
    assert.ok('packet' in opened)
    assert.deepEqual(opened.packet, packet)
    close()
  }
})

test('the sequence numbers end with the association, and never wrap', () => {
  const { sender, close } = ends({ security: 'esp-aes128gcm16' })
  sender.sealing[0]!.sequence.low = 0xfffffffe
  assert.ok('packet' in sealPacket(bench, sender, buildPacket(words(4))))
  assert.deepEqual(sealPacket(bench, sender, buildPacket(words(4))), { drop: 'exhausted' })
  assert.deepEqual(sealPacket(bench, sender, buildPacket(words(4))), { drop: 'exhausted' })
  close()
})

test('extended sequence numbers go on over the border of the lower half', () => {
  const { sender, receiver, close } = ends({ security: 'esp-aes128-sha256', extendedSequence: true })
  sender.sealing[0]!.sequence.low = 0xfffffffd
  receiver.opening[0]!.window.accept(0, 0xfffffffd)
  for (let index = 0; index < 6; index++) {
    const opened = open(receiver, packetOf(sealPacket(bench, sender, buildPacket(words(4)))))
    assert.ok('packet' in opened, `packet ${index}`)
  }
  assert.deepEqual(receiver.opening[0]!.window.top, { high: 1, low: 3 })
  close()
})

test('padding to a multiple hides the length, and any padding is accepted (KB 276360)', () => {
  const { sender, receiver, close } = ends({ security: 'esp-aes256gcm16', padTo: 128 })
  const lengths = new Set<number>()
  for (let size = 0; size < 100; size++) {
    const packet = buildPacket(words(4, { payload: new Uint8Array(size) }))
    const sealed = packetOf(sealPacket(bench, sender, packet))
    lengths.add(sealed.length)
    const opened = open(receiver, sealed)
    assert.ok('packet' in opened)
    assert.deepEqual(opened.packet, packet)
  }
  assert.equal(lengths.size, 1)
  close()
})

test('a tunnel copies the traffic class and brings back marks of congestion (RFC 6040)', () => {
  const { sender, receiver, close } = ends({ security: 'esp-aes256gcm16', mode: 'tunnel' })
  const sealed = packetOf(sealPacket(bench, sender, buildPacket(words(4, { trafficClass: 0xb2 }))))
  assert.equal(sealed[1], 0xb2)
  sealed[1] = 0xb3
  const opened = open(receiver, sealed)
  assert.ok('packet' in opened)
  assert.equal(opened.packet[1], 0xb3)
  const plain = packetOf(sealPacket(bench, sender, buildPacket(words(4, { trafficClass: 0 }))))
  plain[1] = 3
  assert.ok('drop' in open(receiver, plain), 'marked, though its sender does not know of marks')
  close()
})

test('an IPv6 jumbogram is refused', () => {
  const { sender, close } = ends({ security: 'esp-aes256gcm16', family: 6 })
  const packet = buildPacket(words(6, { payload: new Uint8Array(8) }))
  packet[4] = 0
  packet[5] = 0
  assert.deepEqual(sealPacket(bench, sender, packet), { drop: 'jumbogram' })
  close()
})

test('what fits inside an MTU is exact: one octet more is too much', () => {
  for (const security of common) {
    for (const family of [4, 6] as const) {
      for (const mode of ['transport', 'tunnel'] as const) {
        const { sender, close } = ends({ security, family, mode })
        const room = innerMtu(sender, 1400, family)
        const header = family === 4 ? 28 : 48
        const fits = packetOf(
          sealPacket(bench, sender, buildPacket(words(family, { payload: new Uint8Array(room - header) }))),
        )
        const over = packetOf(
          sealPacket(bench, sender, buildPacket(words(family, { payload: new Uint8Array(room - header + 1) }))),
        )
        assert.ok(
          fits.length <= 1400 && over.length > 1400,
          `${security} ${family} ${mode}: ${fits.length}, ${over.length}`,
        )
        close()
      }
    }
  }
})

test('random packets, methods, modes and faults: only what was sealed opens', () => {
  const cases = fc.record({
    security: fc.constantFrom(...common),
    mode: fc.constantFrom('transport' as const, 'tunnel' as const),
    family: fc.constantFrom(4 as const, 6 as const),
    payload: fc.uint8Array({ maxLength: 3000 }),
    protocol: fc.constantFrom(UDP, TCP, ICMP, 132),
    fault: fc.constantFrom('none', 'flip', 'cut', 'twice'),
    where: fc.nat(),
  })
  fc.assert(
    fc.property(cases, ({ security, mode, family, payload, protocol, fault, where }) => {
      const { sender, receiver, close } = ends({ security, mode, family })
      const packet = buildPacket(words(family, { payload, protocol }))
      const sealed = packetOf(sealPacket(bench, sender, packet))
      const outside = family === 4 ? 20 : 40
      const changed = fault === 'cut' ? sealed.slice(0, outside + (where % (sealed.length - outside))) : sealed.slice()
      if (fault === 'flip') {
        const at = outside + (where % (sealed.length - outside))
        changed[at] = changed[at]! ^ (1 << (where % 8))
      }
      const opened = open(receiver, changed)
      if (fault === 'flip' || fault === 'cut') assert.ok('drop' in opened, fault)
      else {
        assert.ok('packet' in opened)
        assert.deepEqual(opened.packet, packet)
        if (fault === 'twice') assert.ok('drop' in open(receiver, changed))
      }
      close()
    }),
    { numRuns: 400, seed: 4301 },
  )
})

test('headers of any length, large packets and two layers do not tread on each other in the workbench', () => {
  const hopByHop = (octets: number) =>
    [0, Uint8Array.of(0, octets / 8 - 1, 1, octets - 4, ...new Uint8Array(octets - 4))] as const
  const toDestination = [60, Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)] as const
  const routing = [43, Uint8Array.of(0, 0, 4, 0, 0, 0, 0, 0)] as const
  const cases = fc.record({
    security: fc.constantFrom(...common),
    mode: fc.constantFrom('transport' as const, 'tunnel' as const),
    family: fc.constantFrom(4 as const, 6 as const),
    extendedSequence: fc.boolean(),
    isInUdp: fc.boolean(),
    padTo: fc.constantFrom(1, 32, 256),
    headers: fc.integer({ min: 0, max: 10 }),
    size: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 60_000, max: 64_800 })),
  })
  fc.assert(
    fc.property(cases, ({ security, mode, family, extendedSequence, isInUdp, padTo, headers, size }) => {
      const udp = isInUdp && security.startsWith('esp')
      const encapsulation = udp ? { encapsulation: { sourcePort: 4500, destinationPort: 4500 } } : {}
      const { sender, receiver, close } = ends({ security, mode, family, extendedSequence, padTo, ...encapsulation })
      const options = new Uint8Array(headers * 4).fill(1)
      const extensions = headers === 0 ? [] : [hopByHop(8 * headers), toDestination, routing, toDestination]
      const more = family === 4 ? { options } : { extensions }
      const payload = new Uint8Array(size).map((_, index) => index * 13)
      const packet = buildPacket(words(family, { payload, ...more }))
      const sealed = packetOf(sealPacket(bench, sender, packet))
      // What the workbench held before must not show.
      bench.memory.bytes.fill(0xdb)
      const opened = open(receiver, sealed)
      assert.ok('packet' in opened, `${'drop' in opened && opened.drop}`)
      assert.equal(Buffer.compare(opened.packet, packet), 0)
      close()
    }),
    { numRuns: 300, seed: 4303 },
  )
})
