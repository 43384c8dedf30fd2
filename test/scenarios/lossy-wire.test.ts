// A bad network: packets are lost, doubled and overtaken, paths grow narrow. Whatever arrives, arrives once and as it was
// sent, and nothing stands on the wire in clear: our own auditor looks at every packet.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ICMP, ICMPV6, TCP, UDP } from '../../src/base/flow.ts'
import { seededRandom } from '../../src/base/random.ts'
import { choosePacketCrypto } from '../../src/crypto/packet-crypto.ts'
import { cutToFit } from '../../src/ipsec/fragmentation.ts'
import { offerNames } from '../../src/policy/offers.ts'
import { ipv4, ipv6, join } from '../build-frames.ts'
import { buildPacket } from '../build-packets.ts'
import { both, type StageWords, twoHosts } from './two-hosts.ts'

const crypto = choosePacketCrypto()
const PACKETS = 100_000
/** Octets of a packet's number in its payload. */
const NUMBER = 4
/** Windows of this size bear what the wire's reordering does to bursts. */
const replayWindow = 1024

/** Sizes as networks have them: many small, many full, some that have to be cut. */
function sizeOf(fraction: number): number {
  if (fraction < 0.4) return NUMBER + Math.floor(fraction * 300)
  if (fraction < 0.93) return NUMBER + Math.floor((fraction - 0.4) * 2500)
  return 1400 + Math.floor((fraction - 0.93) * 100_000)
}

/** Both hosts send packets of random sizes, one each tenth of a millisecond; what arrives is compared with what was sent. */
async function exchange(words: Omit<StageWords, 'crypto' | 'deliver'>, count: number) {
  const { family = 4, seed = 1 } = words
  const random = seededRandom(seed)
  const header = family === 4 ? 28 : 48
  const content = new Uint8Array(20_000)
  random.fill(content)
  const build = (number: number, from: 0 | 1, size: number) => {
    const payload = content.slice(0, size)
    new DataView(payload.buffer).setUint32(0, number)
    const [source, destination] = [both[family][from], both[family][1 - from]!]
    return buildPacket({ source, destination, payload, identification: number & 0xffff })
  }
  const sizes = new Uint16Array(count)
  const arrived = new Uint8Array(count)
  let wrong = 0
  const deliver = (at: 0 | 1, packet: Uint8Array) => {
    const number = new DataView(packet.buffer, packet.byteOffset + header).getUint32(0)
    arrived[number]!++
    if (Buffer.compare(build(number, at === 0 ? 1 : 0, sizes[number]!), packet) !== 0) wrong++
  }
  const stage = await twoHosts({ ...words, crypto, deliver })
  for (let number = 0; number < count; number++) {
    const from = random.fraction() < 0.5 ? 0 : 1
    sizes[number] = sizeOf(random.fraction())
    stage.hosts[from].transmit(build(number, from, sizes[number]!))
    stage.clock.advanceTo(number * 0.0001)
  }
  stage.clock.run()
  assert.equal(wrong, 0, 'what arrives is what was sent')
  assert.ok(!arrived.some(times => times > 1), 'nothing arrives twice')
  return { stage, once: arrived.filter(times => times === 1).length }
}

describe(`${PACKETS} packets through a wire that loses 5 %, doubles and reorders`, () => {
  for (const [security, family, seed] of [
    ['esp-aes256gcm16', 4, 1],
    ['ah-sha1+esp-3des-sha1', 6, 2],
  ] as const) {
    test(`${security} over IPv${family}: each that arrives, arrives once and as it was sent, none in clear`, async () => {
      const faults = { loss: 0.05, duplication: 0.05, reordering: 0.1, jitter: 0.0005, seed }
      const association = { security, replayWindow, extendedSequence: family === 6 }
      const { stage, once } = await exchange({ family, association, ...faults }, PACKETS)
      const { counters } = stage.wire
      assert.ok(counters.lost > 0.045 * counters.sent && counters.duplicated > 0.04 * counters.sent)
      assert.ok(counters.sent > 1.1 * PACKETS, 'many were cut')
      // Of a packet that was cut, every fragment has to come through.
      assert.ok(once > 0.93 * PACKETS && once < 0.95 * PACKETS, `${once} arrived`)
      assert.deepEqual(stage.verdicts(), { protected: counters.sent })
      for (const host of stage.hosts) {
        assert.deepEqual([...host.drops.keys()], ['replayed'])
        const [own] = (await host.counters()).values()
        assert.equal(own!.replayed, host.drops.get('replayed'))
        assert.equal(own!.notAuthentic + own!.badPadding + own!.outsideSelectors, 0)
      }
    })
  }
})

test('any method, mode, family, size of window, padding and MTU does so on any wire', async () => {
  const share = fc.double({ min: 0, max: 0.3, noNaN: true })
  const cases = fc.record({
    security: fc.constantFrom(...offerNames.filter(name => /^(esp|ah)-/.test(name))),
    mode: fc.constantFrom('transport' as const, 'tunnel' as const),
    family: fc.constantFrom(4 as const, 6 as const),
    extendedSequence: fc.boolean(),
    replayWindow: fc.integer({ min: 64, max: 8192 }),
    padTo: fc.constantFrom(1, 4, 16, 64, 128, 256),
    isInUdp: fc.boolean(),
    mtu: fc.integer({ min: 1280, max: 9000 }),
    faults: fc.record({ loss: share, duplication: share, reordering: share, jitter: share, seed: fc.nat(1e6) }),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ family, mtu, faults, isInUdp, ...rest }) => {
      const udp = isInUdp && !rest.security.startsWith('ah')
      const encapsulation = udp ? { encapsulation: { sourcePort: 4500, destinationPort: 4500 } } : {}
      const { stage, once } = await exchange({ family, mtu, association: { ...rest, ...encapsulation }, ...faults }, 60)
      assert.deepEqual(stage.verdicts(), { protected: stage.wire.counters.sent })
      if (faults.loss === 0 && faults.jitter === 0 && faults.reordering === 0) assert.equal(once, 60)
    }),
    { numRuns: 150, seed: 4301 },
  )
})

describe('a Kerberos reply of 20,000 octets over UDP crosses whole (KB 309304)', () => {
  for (const family of [4, 6] as const) {
    for (const security of ['esp-aes256gcm16', 'esp-aes128-sha256', 'ah-sha256']) {
      test(`${security}, IPv${family}, MTU 1,280`, async () => {
        const got: Uint8Array[] = []
        const stage = await twoHosts({
          crypto,
          family,
          mtu: 1280,
          association: { security },
          deliver: (_, packet) => got.push(packet),
        })
        const [source, destination] = both[family]
        const payload = new Uint8Array(20_000).map((_, index) => index * 31)
        const reply = buildPacket({ source, destination, sourcePort: 88, destinationPort: 49_152, payload })
        // The host's own stack has cut it before we see it.
        for (const piece of cutToFit(reply, 1280, 9)!) stage.hosts[0].transmit(piece)
        stage.clock.run()
        assert.deepEqual(got, [reply])
        assert.ok(stage.largest() <= 1280)
        assert.ok(stage.wire.counters.sent >= 16)
        assert.deepEqual(stage.verdicts(), { protected: stage.wire.counters.sent })
      })
    }
  }
})

describe('a path grows narrower than the link', () => {
  for (const family of [4, 6] as const) {
    test(`IPv${family}: ICMP too big about a sealed packet lowers what fits inside`, async () => {
      const got: number[] = []
      const told: number[] = []
      const stage = await twoHosts({
        crypto,
        family,
        association: { security: 'esp-aes256gcm16', mode: 'tunnel' },
        deliver: (_, packet) => got.push(packet.length),
        tooBig: (_, mtu) => told.push(mtu),
      })
      const [source, destination] = both[family]
      const header = family === 4 ? 40 : 60
      const segment = (length: number) =>
        buildPacket({
          source,
          destination,
          protocol: TCP,
          mustNotBeCut: true,
          payload: new Uint8Array(length - header),
        })
      const { wire, clock, hosts } = stage
      let last = new Uint8Array(0)
      const { send } = wire
      wire.send = (from, bytes) => {
        last = bytes.slice()
        send.call(wire, from, bytes)
      }
      hosts[0].transmit(segment(1420))
      clock.run()
      assert.deepEqual(got, [1420])
      // Another router, with a link of 1,400 octets behind it, says so in clear.
      const quoted = last.slice(0, 200)
      const mtu = new Uint8Array([0, 0, 1400 >> 8, 1400 & 255])
      const icmp =
        family === 4
          ? ipv4('10.99.0.1', source, ICMP, join(Uint8Array.of(3, 4, 0, 0), mtu, quoted))
          : ipv6('fd99::1', source, ICMPV6, join(Uint8Array.of(2, 0, 0, 0), mtu, quoted))
      hosts[0].receive(icmp)
      hosts[0].transmit(segment(1420))
      assert.equal(told.length, 1)
      assert.ok(told[0]! < 1400 && told[0]! >= 1280)
      hosts[0].transmit(segment(told[0]!))
      clock.run()
      assert.deepEqual(got, [1420, told[0]])
      assert.ok(last.length <= 1400 && last.length > 1390, `${last.length}`)
      // After ten minutes the path is tried again.
      clock.advanceTo(clock.now() + 601)
      hosts[0].transmit(segment(1420))
      clock.run()
      assert.equal(got.length, 3)
      assert.deepEqual(stage.verdicts(), { protected: 3 })
    })
  }

  test('what may be cut is cut to the narrower path, and still crosses whole', async () => {
    const got: Uint8Array[] = []
    const stage = await twoHosts({
      crypto,
      association: { security: 'esp-aes256gcm16' },
      deliver: (_, packet) => got.push(packet),
    })
    const [source, destination] = both[4]
    const packet = buildPacket({ source, destination, protocol: UDP, payload: new Uint8Array(3000).fill(5) })
    stage.hosts[0].pathIsSmaller(stage.hosts[1].addresses[0]!, 600)
    stage.hosts[0].transmit(packet)
    stage.clock.run()
    assert.deepEqual(got, [packet])
    assert.ok(stage.largest() <= 600)
  })
})
