// What becomes of a packet that arrives: each reason to drop it is provoked, and nothing that is not authentic changes
// anything.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ike, ipv4, ipv6Fragment, join, octets, udp } from '../../test/build-frames.ts'
import { addressOf } from '../../test/build-packets.ts'
import { bothEnds } from '../../test/ipsec-pair.ts'
import { bench, crypto, ends, hosts, packetOf, reason, seal, tcpOnly } from '../../test/receiving-end.ts'
import { TCP, UDP } from '../base/flow.ts'
import { espHeaderBytes, espIcvBytes } from '../crypto/suites.ts'
import { compile } from '../policy/compile.ts'
import { policy, rule } from '../policy/test-policies.ts'
import type { Association } from './association.ts'
import { AssociationDatabase } from './association-database.ts'
import { writeWord } from './esp.ts'
import { cutToFit } from './fragmentation.ts'
import { negotiationOf } from './negotiation.ts'

/** An ESP packet whose content, trailer included, the sender made as it liked. */
function sealContent(sender: Association, content: readonly number[]): Uint8Array {
  const layer = sender.sealing[0]!
  assert.ok(layer.protocol === 'esp')
  layer.sequence.advance()
  const { suite } = layer.sealer
  const whole = espHeaderBytes(suite) + content.length + espIcvBytes(suite)
  const { bytes } = bench.memory
  bytes.set(content, espHeaderBytes(suite))
  writeWord(bytes, 0, layer.spi)
  writeWord(bytes, 4, layer.sequence.low)
  layer.sealer.seal(bench.memory, 0, espHeaderBytes(suite), content.length, 0)
  return ipv4(hosts[4][0], hosts[4][1], 50, bytes.slice(0, whole))
}

describe('clear text', () => {
  test('that should be sealed is dropped, permitted passes, blocked does not', () => {
    const { inbound } = ends()
    const tcp = (destinationPort: number) => packetOf(4, { protocol: TCP, destinationPort })
    assert.equal(reason(inbound.process(tcp(445), 0)), 'should-be-protected')
    assert.equal(reason(inbound.process(tcp(80), 0)), 'pass')
    assert.equal(reason(inbound.process(tcp(23), 0)), 'blocked')
  })

  test('in fragments is judged when it is whole', () => {
    const { inbound } = ends()
    for (const [destinationPort, last] of [
      [80, 'pass'],
      [445, 'should-be-protected'],
      [23, 'blocked'],
    ] as const) {
      const packet = packetOf(4, { protocol: TCP, destinationPort, payload: octets(3000) })
      const outcomes = cutToFit(packet, 1500, 1)!.map(piece => inbound.process(piece, 0))
      assert.deepEqual(outcomes.map(reason), ['incomplete', 'incomplete', last])
      const outcome = outcomes.at(-1)!
      if (outcome.kind === 'pass') assert.deepEqual(outcome.packet, packet)
    }
  })

  test('is accepted where the rule accepts it, or while these two hosts fell back', () => {
    const { inbound, fallBacks } = ends()
    const from = (source: string) => packetOf(4, { source })
    assert.equal(reason(inbound.process(from('10.54.0.4'), 0)), 'pass')
    assert.equal(reason(inbound.process(from('10.54.0.3'), 0)), 'should-be-protected')
    const [own, peer] = [addressOf('10.54.0.2'), addressOf('10.54.0.3')]
    fallBacks.begin(negotiationOf('soft', 'transport', own, peer), 0)
    assert.equal(reason(inbound.process(from('10.54.0.3'), 299)), 'pass')
    assert.equal(reason(inbound.process(from('10.54.0.3'), 300)), 'should-be-protected')
    fallBacks.begin(negotiationOf('all', 'transport', own, addressOf('10.54.0.1')), 0)
    assert.equal(reason(inbound.process(from('10.54.0.1'), 1)), 'should-be-protected', 'this rule does not fall back')
  })

  test('of keying passes, what only looks like it by its port does not', () => {
    const { inbound } = ends()
    const to = (port: number, content: Uint8Array) => ipv4(hosts[4][0], hosts[4][1], UDP, udp(port, port, content))
    assert.equal(reason(inbound.process(to(500, ike()), 0)), 'pass')
    assert.equal(reason(inbound.process(to(4500, join(octets(4), ike())), 0)), 'pass')
    assert.equal(reason(inbound.process(to(4500, octets(1, 0xff)), 0)), 'pass')
    assert.equal(reason(inbound.process(to(500, octets(40, 1)), 0)), 'should-be-protected')
  })

  test('from port 4500 to another is no ESP for us, unless we know its SPI', () => {
    const { inbound, sender } = ends({ encapsulation: { sourcePort: 4500, destinationPort: 31_000 } })
    const other = ipv4(hosts[4][0], hosts[4][1], UDP, udp(4500, 31_000, octets(40, 9)))
    assert.equal(reason(inbound.process(other, 0)), 'should-be-protected')
    assert.equal(
      reason(inbound.process(ipv4(hosts[4][0], hosts[4][1], UDP, udp(31_000, 4500, octets(40, 9))), 0)),
      'no-association',
    )
    assert.equal(reason(inbound.process(seal(sender, packetOf()), 0)), 'pass')
  })
})

describe('what was sealed', () => {
  test('passes, and is counted', () => {
    for (const family of [4, 6] as const) {
      const { inbound, sender, receiver } = ends({ family })
      const packet = packetOf(family, { protocol: TCP })
      const outcome = inbound.process(seal(sender, packet), 0)
      assert.ok(outcome.kind === 'pass' && outcome.association === receiver)
      assert.deepEqual(outcome.packet, packet)
      assert.equal(outcome.flow.destinationPort, 445)
      assert.deepEqual(receiver.counters.inbound, { packets: 1, bytes: packet.length })
    }
  })

  test('passes when its fragments come in any order, doubled, or with a header that cuts nothing', () => {
    for (const family of [4, 6] as const) {
      const { inbound, sender } = ends({ family })
      const packet = packetOf(family, { payload: octets(20_000, 7) })
      const pieces = cutToFit(seal(sender, packet), 1280, 3)!.toReversed()
      const outcomes = pieces
        .flatMap(piece => [piece, piece])
        .slice(0, -1)
        .map(piece => inbound.process(piece, 0))
      const last = outcomes.at(-1)!
      assert.ok(last.kind === 'pass', reason(last))
      assert.deepEqual(last.packet, packet)
    }
    const { inbound, sender } = ends({ family: 6, security: 'ah-sha256' })
    const packet = packetOf(6, { payload: octets(100) })
    const sealed = seal(sender, packet)
    const atomic = ipv6Fragment(hosts[6][0], hosts[6][1], 51, sealed.slice(40), { identification: 9 })
    const outcome = inbound.process(atomic, 0)
    assert.ok(outcome.kind === 'pass', reason(outcome))
    assert.deepEqual(outcome.packet, packet)
  })

  test('with an SPI of nobody, or of another protocol, belongs to no association', () => {
    const { inbound, sender, receiver } = ends()
    const sealed = seal(sender, packetOf())
    const other = sealed.slice()
    writeWord(other, 20, 0x77777777)
    assert.equal(reason(inbound.process(other, 0)), 'no-association')
    const ah = ipv4(hosts[4][0], hosts[4][1], 51, join(Uint8Array.of(6, 4, 0, 0), sealed.slice(20, 24), octets(40)))
    assert.equal(reason(inbound.process(ah, 0)), 'no-association')
    assert.equal(reason(inbound.process(ipv4(hosts[4][0], hosts[4][1], 50, sealed.slice(20, 31)), 0)), 'malformed')
    assert.equal(receiver.counters.notAuthentic, 0)
  })

  test('and forged is not authentic, and changes nothing', () => {
    for (const security of ['esp-aes256gcm16', 'esp-aes128-sha256', 'ah-sha256', 'ah-sha1+esp-3des-sha1']) {
      const { inbound, sender, receiver } = ends({ security })
      const sealed = seal(sender, packetOf())
      const forged = sealed.slice()
      forged[forged.length - 1] = forged[forged.length - 1]! ^ 1
      // As far ahead as a window could be pushed.
      const pushing = sealed.slice()
      pushing[20 + (security.startsWith('ah') ? 8 : 4)] = 0x7f
      for (const bytes of [forged, pushing]) assert.equal(reason(inbound.process(bytes, 0)), 'not-authentic')
      assert.equal(receiver.counters.notAuthentic, 2)
      assert.equal(reason(inbound.process(sealed, 0)), 'pass')
      assert.equal(reason(inbound.process(sealed, 0)), 'replayed')
      assert.equal(receiver.counters.replayed, 1)
    }
  })

  test('with an inner layer that is forged does not move the window of the outer one', () => {
    const { inbound, sender, receiver } = ends({ security: 'ah-sha1+esp-3des-sha1' })
    const [inner, outer] = sender.sealing
    inner!.sequence.low = 5
    const sealed = seal(sender, packetOf())
    // The outer layer is honest about an inner one that was seen before.
    assert.equal(reason(inbound.process(sealed, 0)), 'pass')
    inner!.sequence.low = 5
    outer!.sequence.low = 40
    assert.equal(reason(inbound.process(seal(sender, packetOf()), 0)), 'replayed')
    assert.equal(receiver.opening[1]!.window.top.low, 1)
  })

  test('with bad padding, too short content or no packet inside is dropped', () => {
    const gcm = ends()
    assert.equal(reason(gcm.inbound.process(sealContent(gcm.sender, [0, 0, 1, 2, 1, 9, 2, UDP]), 0)), 'bad-padding')
    assert.equal(gcm.receiver.counters.badPadding, 1)
    const tunnel = ends({ mode: 'tunnel' })
    const inner = [...packetOf()]
    for (const content of [
      [0, 0, 0, 0, 1, 2, 2, 4],
      [...inner, 1, 2, 2, UDP],
      [...inner, 1, 2, 2, 41],
      [...inner.slice(0, 24), 1, 2, 2, 4],
      [0x45, 0, 0, 19, ...inner.slice(4), 1, 2, 2, 4],
      [0x4f, ...inner.slice(1), 1, 2, 2, 4],
      [0x75, ...inner.slice(1), 1, 2, 2, 4],
      [0, 4],
    ])
      assert.equal(
        reason(tunnel.inbound.process(sealContent(tunnel.sender, content), 0)),
        'bad-inner-packet',
        `${content}`,
      )
  })

  test('may be followed by padding that hides its length, in a tunnel (RFC 4303 §2.7)', () => {
    const { inbound, sender } = ends({ mode: 'tunnel' })
    const packet = packetOf(4, { payload: octets(30, 3) })
    for (const padding of [1, 255, 256, 1200]) {
      const unit = (4 - ((packet.length + padding + 2) % 4)) % 4
      const trailer = [...Array(unit).keys()].map(index => index + 1)
      const outcome = inbound.process(
        sealContent(sender, [...packet, ...octets(padding, 0xaa), ...trailer, unit, 4]),
        0,
      )
      assert.ok(outcome.kind === 'pass', reason(outcome))
      assert.deepEqual(outcome.packet, packet)
    }
  })

  test('as a dummy is thrown away, but its number is used (RFC 4303 §2.6)', () => {
    const { inbound, sender } = ends()
    const dummy = sealContent(sender, [...octets(20, 0x5a), 1, 2, 2, 59])
    assert.equal(reason(inbound.process(dummy, 0)), 'dummy')
    assert.equal(reason(inbound.process(dummy, 0)), 'replayed')
  })

  test('outside the selectors of its association goes no further (RFC 4301 §5.2)', () => {
    const { inbound, sender, receiver } = ends({ selectors: tcpOnly })
    assert.equal(reason(inbound.process(seal(sender, packetOf(4, { protocol: TCP })), 0)), 'pass')
    assert.equal(reason(inbound.process(seal(sender, packetOf()), 0)), 'outside-selectors')
    const readdressed = seal(sender, packetOf(4, { protocol: TCP }))
    readdressed[15] = 77
    assert.equal(reason(inbound.process(readdressed, 0)), 'outside-selectors', 'ESP does not cover the address')
    assert.equal(receiver.counters.outsideSelectors, 2)
  })

  test('is asked about by the policy too: blocked stays blocked, another rule wants its own association', () => {
    const { inbound, sender } = ends()
    const tcp = (destinationPort: number) => seal(sender, packetOf(4, { protocol: TCP, destinationPort }))
    assert.equal(reason(inbound.process(tcp(23), 0)), 'blocked')
    assert.equal(reason(inbound.process(tcp(25), 0)), 'outside-selectors')
    assert.equal(reason(inbound.process(tcp(80), 0)), 'pass', 'what may come in clear may come sealed')
    inbound.policy = compile(policy([rule('block', ['any any <-> any'])]))
    assert.equal(reason(inbound.process(tcp(445), 0)), 'blocked')
  })

  test('as fragments in transport mode is no packet; in a tunnel they come together, each association for itself', () => {
    const transport = ends({ family: 6 })
    const first = ipv6Fragment(hosts[6][0], hosts[6][1], UDP, octets(24), { more: true, identification: 5 })
    const smuggled = seal(transport.sender, first)
    assert.equal(reason(transport.inbound.process(smuggled, 0)), 'bad-inner-packet')
    const { inbound, sender, database } = ends({
      mode: 'tunnel',
      selectors: [{ ...tcpOnly[0], protocol: UDP, destinationPort: { first: 88, last: 88 } }],
    })
    const [here, there] = bothEnds({
      one: addressOf(hosts[4][0]),
      other: addressOf(hosts[4][1]),
      security: 'esp-aes256gcm16',
      mode: 'tunnel',
      firstSpi: 0x4000,
    })
    database.install(there, 0)
    const second = new AssociationDatabase(crypto).install(here, 0)
    const large = packetOf(4, { destinationPort: 88, payload: octets(3000, 4) })
    const pieces = cutToFit(large, 1400, 1)!
    assert.equal(pieces.length, 3)
    assert.deepEqual(
      [0, 1].map(index => reason(inbound.process(seal(sender, pieces[index]!), 0))),
      ['incomplete', 'incomplete'],
    )
    assert.equal(reason(inbound.process(seal(second, pieces[2]!), 0)), 'incomplete', 'through another association')
    const outcome = inbound.process(seal(sender, pieces[2]!), 0)
    assert.ok(outcome.kind === 'pass', reason(outcome))
    assert.deepEqual(outcome.packet, large)
  })
})

describe('lifetime', () => {
  test('what arrives ages an association too, and at its hard limit nothing is let in', () => {
    const { inbound, sender, aged } = ends({ lifetime: { soft: { packets: 2 }, hard: { packets: 4 } } })
    const outcomes = Array.from({ length: 6 }, () => reason(inbound.process(sealAnew(sender), 0)))
    assert.deepEqual(outcomes, ['pass', 'pass', 'pass', 'pass', 'expired', 'expired'])
    assert.deepEqual(aged, ['soft', 'hard'])
  })

  test('so does the clock', () => {
    const { inbound, sender, aged } = ends({ lifetime: { soft: {}, hard: { seconds: 60 } } })
    assert.equal(reason(inbound.process(sealAnew(sender), 59.9)), 'pass')
    assert.equal(reason(inbound.process(sealAnew(sender), 60)), 'expired')
    assert.deepEqual(aged, ['hard'])
  })

  /** The sender's own limits are not asked here. */
  const sealAnew = (sender: Association) => seal(sender, packetOf())
})

test('random octets behind random headers never throw and never pass', () => {
  const { inbound } = ends({ security: 'esp-aes128-sha256' })
  const spi = [0, 0, 0x10, 0]
  const heads = [
    [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 50, 0, 0, 10, 54, 0, 1, 10, 54, 0, 2, ...spi],
    [0x46, 0, 0, 0, 0, 1, 0, 0, 64, 51, 0, 0, 10, 54, 0, 1, 10, 54, 0, 2],
    [0x60, 0, 0, 0, 0, 0, 50, 64, ...addressBytes('fd54::1'), ...addressBytes('fd54::2'), ...spi],
    [0x60, 0, 0, 0, 0, 0, 60, 64, ...addressBytes('fd54::1'), ...addressBytes('fd54::2'), 50, 0],
    [0x60, 0, 0, 0, 0, 0, 44, 64, ...addressBytes('fd54::1'), ...addressBytes('fd54::2'), 50, 0],
  ]
  fc.assert(
    fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 200 }), (head, rest) => {
      const bytes = Uint8Array.from([...head, ...rest])
      const length = bytes.length - (head[0] === 0x60 ? 40 : 0)
      const at = head[0] === 0x60 ? 4 : 2
      bytes[at] = length >> 8
      bytes[at + 1] = length & 255
      assert.notEqual(inbound.process(bytes, 0).kind, 'pass')
    }),
    { numRuns: 4000, seed: 4301 },
  )
})

function addressBytes(text: string): number[] {
  return addressOf(text).words.flatMap(word => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255])
}
