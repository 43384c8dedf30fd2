// What becomes of a packet that leaves: in clear only where the policy says so, sealed before it is cut, and with a reason
// where it does not leave.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressOf, buildPacket, type PacketWords } from '../../test/build-packets.ts'
import { bothEnds, type PairWords } from '../../test/ipsec-pair.ts'
import { ESP, TCP } from '../base/flow.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { compile } from '../policy/compile.ts'
import { policy, rule } from '../policy/test-policies.ts'
import type { Association } from './association.ts'
import { AssociationDatabase } from './association-database.ts'
import { cutToFit } from './fragmentation.ts'
import { FallBacks } from './negotiation.ts'
import { Outbound, type OutboundOutcome } from './outbound.ts'
import { Workbench } from './seal.ts'

const crypto = choosePacketCrypto('openssl')
const bench = new Workbench()
const hosts = { 4: ['10.54.0.1', '10.54.0.2'], 6: ['fd54::1', 'fd54::2'] } as const

const rules = [
  rule('negotiate', ['any 10.54.0.0/24 <-> 10.54.0.0/24', 'any fd54::/64 <-> fd54::/64'], { name: 'all' }),
  rule('negotiate', ['any 10.54.0.1 <-> 10.54.0.99'], { name: 'soft', fallBackToClear: true }),
  rule('permit', ['tcp 10.54.0.1 <-> 10.54.0.2:80'], { name: 'web' }),
  rule('block', ['tcp 10.54.0.1 <-> 10.54.0.2:23'], { name: 'telnet' }),
]

function sender(words: Partial<PairWords> & { family?: 4 | 6; linkMtu?: number } = {}) {
  const { family = 4, linkMtu = 1500, ...pairWords } = words
  const database = new AssociationDatabase(crypto)
  const fallBacks = new FallBacks()
  const aged: string[] = []
  const ageing = (_: Association, age: string) => aged.push(age)
  const outbound = new Outbound(compile(policy(rules)), { database, bench, linkMtu, fallBacks, ageing })
  const [one, other] = hosts[family].map(addressOf)
  const [pair] = bothEnds({ one: one!, other: other!, security: 'esp-aes256gcm16', ...pairWords })
  const association = database.install(pair, 0)
  database.beginSending(association.name)
  return { outbound, database, association, fallBacks, aged }
}

function words(family: 4 | 6 = 4, more: Partial<PacketWords> = {}): PacketWords {
  return { source: hosts[family][0], destination: hosts[family][1], ...more }
}

function sealed(outcome: OutboundOutcome): readonly Uint8Array[] {
  assert.ok(outcome.kind === 'pass' && outcome.association !== undefined, JSON.stringify(outcome))
  return outcome.packets
}

function reason(outcome: OutboundOutcome): string {
  return outcome.kind === 'drop' ? outcome.reason : outcome.kind
}

describe('the policy', () => {
  test('permits, blocks and negotiates', () => {
    const { outbound } = sender()
    const tcp = (destinationPort: number) => buildPacket(words(4, { protocol: TCP, destinationPort }))
    const clear = outbound.process(tcp(80), 0)
    assert.deepEqual(clear, { kind: 'pass', packets: [tcp(80)] })
    assert.equal(reason(outbound.process(tcp(23), 0)), 'blocked')
    assert.equal(sealed(outbound.process(tcp(445), 0))[0]![9], ESP)
  })

  test('is swapped whole: the next packet meets the new one', () => {
    const { outbound } = sender()
    const packet = buildPacket(words())
    sealed(outbound.process(packet, 0))
    outbound.policy = compile(policy([rule('block', ['any any <-> any'])]))
    assert.equal(reason(outbound.process(packet, 0)), 'blocked')
  })

  test('is asked about whole packets: a blocked one does not leave in fragments', () => {
    const { outbound } = sender()
    const packet = buildPacket(words(4, { protocol: TCP, destinationPort: 23, payload: new Uint8Array(3000) }))
    const outcomes = cutToFit(packet, 600, 1)!.map(piece => reason(outbound.process(piece, 0)))
    assert.deepEqual(outcomes, ['incomplete', 'incomplete', 'incomplete', 'incomplete', 'incomplete', 'blocked'])
  })

  test('without an association the packet waits, by the two hosts that need one', () => {
    const { outbound, database, association } = sender()
    database.remove(association.name)
    const packet = buildPacket(words())
    const outcome = outbound.process(packet, 0)
    assert.ok(outcome.kind === 'needs-keys')
    assert.equal(outcome.rule, 'all')
    assert.deepEqual(outcome.packet, packet)
    const another = outbound.process(buildPacket(words(4, { destination: '10.54.0.3' })), 0)
    assert.ok(another.kind === 'needs-keys' && another.negotiation !== outcome.negotiation)
  })

  test('what fell back goes in clear to that one host, for a while', () => {
    const { outbound, fallBacks } = sender()
    const packet = buildPacket(words(4, { destination: '10.54.0.99' }))
    const first = outbound.process(packet, 0)
    assert.ok(first.kind === 'needs-keys')
    fallBacks.begin(first.negotiation, 0)
    assert.deepEqual(outbound.process(packet, 299), { kind: 'pass', packets: [packet] })
    assert.equal(outbound.process(packet, 300).kind, 'needs-keys')
  })

  test('a rule that does not fall back never does, even if it is told to', () => {
    const { outbound, fallBacks } = sender()
    const packet = buildPacket(words(4, { destination: '10.54.0.3' }))
    const first = outbound.process(packet, 0)
    assert.ok(first.kind === 'needs-keys')
    fallBacks.begin(first.negotiation, 0)
    assert.equal(outbound.process(packet, 1).kind, 'needs-keys')
  })
})

describe('size', () => {
  test('large packets are sealed whole and cut afterwards, both families (KB 309304)', () => {
    for (const family of [4, 6] as const) {
      const { outbound } = sender({ family })
      const packet = buildPacket(words(family, { payload: new Uint8Array(20_000) }))
      const given = cutToFit(packet, 1500, 5)!
      const outcomes = given.map(piece => outbound.process(piece, 0))
      assert.ok(outcomes.slice(0, -1).every(({ kind }) => kind === 'incomplete'))
      const pieces = sealed(outcomes.at(-1)!)
      assert.ok(pieces.length > 13)
      for (const piece of pieces) {
        assert.ok(piece.length <= 1500)
        assert.equal(family === 4 ? piece[9] : piece[40], ESP, 'every fragment is one of the seal')
      }
    }
  })

  test('a packet that must not be cut is dropped with the size that would do, options included (RFC 4301 §8)', () => {
    for (const security of ['esp-aes256gcm16', 'esp-aes128-sha256', 'ah-sha256', 'ah-sha1+esp-3des-sha1']) {
      for (const mode of ['transport', 'tunnel'] as const) {
        for (const options of [0, 4, 8, 12, 40]) {
          for (const linkMtu of [1500, 1499, 1496, 1491, 600]) {
            const { outbound } = sender({ security, mode, linkMtu })
            const packetOf = (length: number) =>
              buildPacket(
                words(4, {
                  mustNotBeCut: true,
                  options: new Uint8Array(options).fill(1),
                  payload: new Uint8Array(length - 28 - options),
                }),
              )
            const tooBig = outbound.process(packetOf(linkMtu), 0)
            assert.ok(tooBig.kind === 'drop' && tooBig.reason === 'too-big')
            const fits = sealed(outbound.process(packetOf(tooBig.mtu!), 0))
            assert.equal(fits.length, 1)
            assert.ok(fits[0]!.length <= linkMtu, `${security} ${mode} ${options} ${linkMtu}`)
            assert.equal(reason(outbound.process(packetOf(tooBig.mtu! + 1), 0)), 'too-big')
          }
        }
      }
    }
  })

  test('what comes in a narrower path is believed by later packets', () => {
    const { outbound } = sender()
    const packet = buildPacket(words(4, { mustNotBeCut: true, payload: new Uint8Array(1300) }))
    sealed(outbound.process(packet, 0))
    outbound.mtu.tooBig(addressOf('10.54.0.2'), 1300, 0)
    const outcome = outbound.process(packet, 1)
    assert.ok(outcome.kind === 'drop' && outcome.reason === 'too-big')
    assert.ok(outcome.mtu! < 1300)
    assert.equal(outcome.flow?.destination.words[0], 0x0a360002)
  })

  test('in clear too: cut where it may be, told where not', () => {
    const { outbound } = sender({ linkMtu: 600 })
    const web = (mustNotBeCut: boolean) =>
      buildPacket(words(4, { protocol: TCP, destinationPort: 80, mustNotBeCut, payload: new Uint8Array(1000) }))
    const cut = outbound.process(web(false), 0)
    assert.ok(cut.kind === 'pass' && cut.packets.length === 2)
    const not = outbound.process(web(true), 0)
    assert.ok(not.kind === 'drop' && not.reason === 'too-big' && not.mtu === 600)
  })

  test('an IPv6 packet of 1,280 octets passes a tunnel over a narrow IPv4 path; a larger one is told what fits', () => {
    const database = new AssociationDatabase(crypto)
    const ageing = () => {}
    const tunnelled = policy([rule('negotiate', ['any fd54::/64 -> fd55::/64'], { name: 'all', mode: 'tunnel' })])
    const options = { database, bench, linkMtu: 1300, fallBacks: new FallBacks(), ageing }
    const outbound = new Outbound(compile(tunnelled), options)
    const [one, other] = hosts[4].map(addressOf)
    const [pair] = bothEnds({ one: one!, other: other!, security: 'esp-aes256gcm16', mode: 'tunnel' })
    database.beginSending(database.install(pair, 0).name)
    const packet = (size: number) =>
      buildPacket({ source: 'fd54::1', destination: 'fd55::1', payload: new Uint8Array(size - 48) })
    assert.equal(sealed(outbound.process(packet(1280), 0)).length, 2)
    const larger = outbound.process(packet(1281), 0)
    assert.ok(larger.kind === 'drop' && larger.reason === 'too-big' && larger.mtu === 1280)
  })

  test('what its sender has cut already is sealed whole and cut again: no smaller pieces would help', () => {
    for (const [inner, outer] of [
      [6, 6],
      [6, 4],
      [4, 6],
      [4, 4],
    ] as const) {
      const database = new AssociationDatabase(crypto)
      const filters = ['any fd54::/64 -> fd55::/64', 'any 10.55.0.1 -> 10.55.0.2']
      const tunnelled = policy([rule('negotiate', filters, { name: 'all', mode: 'tunnel' })])
      const options = { database, bench, linkMtu: 1500, fallBacks: new FallBacks(), ageing: () => {} }
      const outbound = new Outbound(compile(tunnelled), options)
      const [one, other] = hosts[outer].map(addressOf)
      const [pair] = bothEnds({ one: one!, other: other!, security: 'esp-aes256gcm16', mode: 'tunnel' })
      database.beginSending(database.install(pair, 0).name)
      const ends =
        inner === 6
          ? { source: 'fd54::1', destination: 'fd55::1' }
          : { source: '10.55.0.1', destination: '10.55.0.2', mustNotBeCut: true }
      const whole = buildPacket({ ...ends, payload: new Uint8Array(20_000) })
      const mayBeCut = buildPacket({ ...ends, mustNotBeCut: false, payload: new Uint8Array(20_000) })
      const pieces = cutToFit(mayBeCut, 1280, 9)!
      // Linux forbids routers to cut fragments further.
      if (inner === 4) for (const piece of pieces) piece[6] = piece[6]! | 0x40
      const outcomes = pieces.map(piece => outbound.process(piece, 0))
      assert.equal(sealed(outcomes.at(-1)!).length, 14, `IPv${inner} in IPv${outer}`)
      assert.equal(reason(outbound.process(whole, 0)), 'too-big', `IPv${inner} in IPv${outer}, whole`)
    }
  })

  test('so is what had to wait for keys, and what goes in clear', () => {
    const { outbound, database, association } = sender({ linkMtu: 1500 })
    const piecesOf = (more: Partial<PacketWords>) => {
      const pieces = cutToFit(buildPacket(words(4, { payload: new Uint8Array(5000), ...more })), 1500, 9)!
      // Linux forbids routers to cut fragments further.
      for (const piece of pieces) piece[6] = piece[6]! | 0x40
      return pieces
    }
    const clear = piecesOf({ protocol: TCP, destinationPort: 80 }).map(piece => outbound.process(piece, 0))
    const last = clear.at(-1)!
    assert.ok(last.kind === 'pass' && last.packets.length === 4, reason(last))
    const { pair } = association
    database.remove(association.name)
    const waiting = piecesOf({ identification: 2 })
      .map(piece => outbound.process(piece, 0))
      .at(-1)!
    assert.ok(waiting.kind === 'needs-keys' && waiting.wasCut)
    database.beginSending(database.install(pair, 0).name)
    assert.equal(sealed(outbound.process(waiting.packet, 1, waiting.wasCut)).length, 4)
    assert.equal(reason(outbound.process(waiting.packet, 1)), 'too-big')
  })

  test('the largest packets are sealed or refused, never sealed wrong', () => {
    for (const security of ['esp-aes256gcm16', 'ah-sha1+esp-3des-sha1']) {
      for (const padTo of [1, 256]) {
        for (const encapsulation of security.startsWith('ah')
          ? [undefined]
          : [undefined, { sourcePort: 4500, destinationPort: 4500 }]) {
          const { outbound } = sender({
            security,
            padTo,
            linkMtu: 65_535,
            mode: 'tunnel',
            ...(encapsulation === undefined ? {} : { encapsulation }),
          })
          let refused = 0
          for (let length = 65_535; length > 65_000; length -= 11) {
            const outcome = outbound.process(buildPacket(words(4, { payload: new Uint8Array(length - 28) })), 0)
            if (outcome.kind === 'drop') {
              assert.equal(outcome.reason, 'too-big')
              refused++
              continue
            }
            const [only] = sealed(outcome)
            assert.equal((only![2]! << 8) | only![3]!, only!.length)
          }
          assert.ok(refused > 2 && refused < 45, `${security} ${padTo}: ${refused}`)
        }
      }
    }
  })
})

describe('lifetime', () => {
  test('limits by packets and octets are told once each; at the hard one nothing leaves', () => {
    for (const limits of [
      { soft: { packets: 3 }, hard: { packets: 5 } },
      { soft: { bytes: 300 }, hard: { bytes: 500 } },
    ]) {
      const { outbound, aged, association } = sender({ lifetime: limits })
      const outcomes = Array.from({ length: 8 }, () =>
        reason(outbound.process(buildPacket(words(4, { payload: new Uint8Array(72) })), 0)),
      )
      assert.deepEqual(outcomes, ['pass', 'pass', 'pass', 'pass', 'pass', 'expired', 'expired', 'expired'])
      assert.deepEqual(aged, ['soft', 'hard'])
      assert.deepEqual(association.counters.outbound, { packets: 5, bytes: 500 })
    }
  })

  test('numbers that run out are told in time, and end the association', () => {
    const { outbound, aged, association } = sender()
    const packet = buildPacket(words())
    association.sealing[0]!.sequence.low = 0xf0000000
    sealed(outbound.process(packet, 0))
    assert.deepEqual(aged, ['soft'])
    association.sealing[0]!.sequence.low = 0xfffffffe
    sealed(outbound.process(packet, 0))
    assert.equal(reason(outbound.process(packet, 0)), 'exhausted')
    assert.equal(reason(outbound.process(packet, 0)), 'exhausted')
    assert.deepEqual(aged, ['soft', 'hard'])
  })

  test('a listener that removes the association at once does not make a closed key seal', () => {
    const made = sender({ lifetime: { soft: { packets: 1 }, hard: {} } })
    const { database, association } = made
    const ageing = () => database.remove(association.name)
    const options = { database, bench, linkMtu: 1500, fallBacks: new FallBacks(), ageing }
    const outbound = new Outbound(compile(policy(rules)), options)
    sealed(outbound.process(buildPacket(words()), 0))
    assert.equal(reason(outbound.process(buildPacket(words()), 0)), 'expired')
    assert.equal(outbound.process(buildPacket(words()), 0).kind, 'needs-keys')
  })
})

test('what cannot be sealed has its reason', () => {
  const routing = Uint8Array.of(0, 2, 3, 1, ...new Uint8Array(20))
  const covered = sender({ family: 6, security: 'ah-sha256' })
  const routed = buildPacket(words(6, { extensions: [[43, routing]] }))
  assert.equal(reason(covered.outbound.process(routed, 0)), 'cannot-be-covered')
  assert.equal(covered.association.counters.outbound.packets, 0)
  const { outbound } = sender({ family: 6 })
  const jumbo = buildPacket(words(6, { extensions: [[0, Uint8Array.of(0, 0, 0xc2, 4, 0, 1, 0, 0)]] }))
  jumbo.fill(0, 4, 6)
  assert.equal(reason(outbound.process(jumbo, 0)), 'jumbogram')
  for (const bytes of [new Uint8Array(0), new Uint8Array(60), buildPacket(words()).subarray(0, 27)])
    assert.equal(reason(outbound.process(bytes, 0)), 'malformed')
  const pieces = cutToFit(buildPacket(words(4, { payload: new Uint8Array(3000) })), 1500, 1)!
  outbound.process(pieces[0]!, 0)
  const overlapping = pieces[1]!.slice()
  overlapping[7] = overlapping[7]! - 1
  assert.equal(reason(outbound.process(overlapping, 0)), 'fragment')
  assert.equal(outbound.reassembly.drops.get('overlap'), 1)
})
