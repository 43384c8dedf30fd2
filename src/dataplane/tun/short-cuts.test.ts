// The short cuts do what the whole way does: the same random packets through both, out and in, with the same keys, must
// leave the same octets on the wire, the same packets for the host, the same news and the same counters.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../../../test/build-packets.ts'
import { bothEnds, type PairWords } from '../../../test/ipsec-pair.ts'
import { hosts, Traffic, whole } from '../../../test/random-traffic.ts'
import { ESP, TCP, UDP } from '../../base/flow.ts'
import { seededRandom } from '../../base/random.ts'
import { choosePacketCrypto } from '../../crypto/packet-crypto.ts'
import type { AssociationPair } from '../../ipsec/association.ts'
import { pairName } from '../../ipsec/association.ts'
import { setHeaderChecksum, transportChecksum } from '../../ipsec/headers.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { checksumOn } from './checksum.ts'
import { Coalescing } from './coalescing.ts'
import { wholeWords } from './departures.ts'
import { OpeningBurst } from './opening-burst.ts'
import { PacketPath } from './packet-path.ts'
import { SealingBurst } from './sealing-burst.ts'
import { SuperPacket } from './super-packet.ts'

const skip = process.platform === 'linux' ? false : 'because arenas have addresses on Linux only'
const crypto = choosePacketCrypto()
const LINK_MTU = 1500
const ROOM = 512 * 1024

/** A host with what came of its packets, in memory. */
class Host {
  readonly arena = new Arena(4 << 20)
  readonly sum = checksumOn(this.arena)
  readonly sent: Uint8Array[] = []
  readonly delivered: Uint8Array[] = []
  readonly told: string[] = []
  readonly path: PacketPath
  readonly read = new SuperPacket(this.arena, this.sum)
  readonly #readAt = this.arena.take(SuperPacket.room)
  readonly #out = this.arena.take(ROOM)
  #tail = 0
  readonly #in = this.arena.take(70_000) + 256
  readonly #again = new SuperPacket(this.arena, this.sum)
  readonly #againAt = this.arena.take(SuperPacket.room)
  readonly sealing: SealingBurst | undefined
  readonly opening: OpeningBurst | undefined
  readonly #coalescing: Coalescing
  readonly #arrived: { family: 4 | 6; trafficClass: number; writeIp: () => number } = {
    family: 4,
    trafficClass: 0,
    writeIp: () => assert.fail('raw packets have their headers'),
  }
  now = 0

  constructor(hasShortCuts: boolean) {
    const { arena, sum } = this
    this.path = new PacketPath({
      arena,
      crypto,
      linkMtu: LINK_MTU,
      surroundings: {
        send: pieces => void this.sent.push(...pieces),
        deliver: packet => {
          this.#coalescing.flush()
          this.delivered.push(packet.slice())
        },
        changed: () => {
          this.sealing?.forget()
          this.opening?.forget()
        },
        needsKeys: (name, flow) => void this.told.push(`needs keys ${name} ${flow.protocol}`),
        ageing: (name, age) => void this.told.push(`ageing ${name} ${age}`),
        dropped: reason => void this.told.push(`dropped ${reason}`),
      },
    })
    this.#coalescing = new Coalescing({
      arena,
      sum,
      segmentation: 'tcp-and-udp',
      write: (at, length) => {
        arena.bytes.copyWithin(this.#againAt, at, at + length)
        assert.ok(this.#again.read(this.#againAt, length))
        for (let index = 0; index < this.#again.segments; index++) this.delivered.push(this.#again.copy(index))
      },
    })
    if (!hasShortCuts) return
    const toldAge = this.path.toldAge.bind(this.path)
    const departures = {
      takes: (_: 4 | 6, port: number | undefined) => port === undefined,
      takeDestination: () => new Destination(arena, { to: undefined, port: 0 }),
      giveBack: () => {},
      takesStations: () => false,
      lostStations: 0,
      flush: () => {},
      next: (octets = 0) => {
        assert.ok(octets <= ROOM)
        this.#tail = this.#out
        return this.#out
      },
      packet: (_: 4 | 6, __: Destination, length: number) => {
        this.sent.push(arena.bytes.slice(this.#tail, this.#tail + length))
        this.#tail += wholeWords(length)
      },
      datagram: () => assert.fail('nothing goes in UDP here'),
    }
    this.sealing = new SealingBurst({
      arena,
      sum,
      departures,
      timeToLive: { 4: 64, 6: 64 },
      stationTo: () => undefined,
      outbound: () => this.path.outbound,
      toldAge,
    })
    this.opening = new OpeningBurst({
      arena,
      sum,
      arrivals: () => this.#arrived,
      coalescing: this.#coalescing,
      find: spi => this.path.database.bySpi(spi),
      inbound: () => this.path.inbound,
      settle: (outcome, now) => this.path.settle(outcome, now),
      drop: reason => void this.told.push(`dropped ${reason}`),
      toldAge,
    })
  }

  /** What an application sent, as the device hands it over. */
  leave(packet: Uint8Array): void {
    this.arena.bytes.set(packet, this.#readAt)
    if (!this.read.read(this.#readAt, packet.length)) return void this.told.push('malformed')
    if (this.sealing?.take(this.read, this.now) === true) return
    const association = this.path.leave(this.read, this.now)
    if (association !== undefined) this.sealing?.learn(association)
  }

  arrive(packet: Uint8Array): void {
    const { bytes, view } = this.arena
    const at = this.#in
    bytes.set(packet, at)
    this.#arrived.family = packet[0]! >> 4 === 4 ? 4 : 6
    this.#arrived.trafficClass = this.#arrived.family === 6 ? ((packet[0]! & 15) << 4) | (packet[1]! >> 4) : packet[1]!
    const esp = at + (this.#arrived.family === 4 ? (packet[0]! & 15) * 4 : 40)
    // The kernel puts pieces of IPv6 together before a socket sees them.
    const isWhole = this.#arrived.family === 4 || packet[6] === ESP
    if (isWhole && this.opening?.take(esp, at + packet.length - esp, at, this.now) === true) return
    const spi = view.getUint32(esp)
    this.path.arrive(bytes.slice(at, at + packet.length), this.now)
    this.opening?.learn(spi)
  }

  endBatch(): void {
    this.#coalescing.flush()
  }

  get shortCuts(): readonly [number, number] {
    return [this.sealing?.packets ?? 0, this.opening?.packets ?? 0]
  }
}

interface Setting {
  readonly family: 4 | 6
  readonly words: Partial<PairWords>
}

const everything = { 4: 'any 10.54.0.1 <-> 10.54.0.2', 6: 'any fd54::1 <-> fd54::2' } as const

const plain = { soft: {}, hard: {} }
const settings: readonly Setting[] = [
  { family: 4, words: { security: 'esp-aes128gcm16' } },
  { family: 6, words: { security: 'esp-chacha20poly1305', extendedSequence: true } },
  { family: 4, words: { security: 'esp-aes256gcm16', mode: 'tunnel', extendedSequence: true } },
  { family: 6, words: { security: 'esp-aes128gcm16', mode: 'tunnel' } },
  { family: 4, words: { security: 'esp-aes128ccm16' } },
  { family: 4, words: { security: 'esp-aes128gcm16', lifetime: { soft: { packets: 150 }, hard: { packets: 400 } } } },
  {
    family: 6,
    words: { security: 'esp-aes128gcm16', lifetime: { soft: { bytes: 90_000 }, hard: { bytes: 300_000 } } },
  },
  { family: 4, words: { security: 'esp-aes128gcm16', lifetime: { soft: { seconds: 3 }, hard: { seconds: 8 } } } },
]

function texts(packets: readonly Uint8Array[], isTunnel: boolean): readonly string[] {
  return packets.map(packet => {
    const copy = packet.slice()
    // Each way counts by itself the outer packets of a tunnel.
    if (isTunnel && copy[0]! >> 4 === 4) copy.fill(0, 4, 6).fill(0, 10, 12)
    // And pieces of IPv6, which only the whole way makes.
    if (copy[0]! >> 4 === 6 && copy[6] === 44) copy.fill(0, 44, 48)
    return Buffer.from(copy).toString('hex')
  })
}

function prepare(host: Host, { family, words }: Setting, pair: AssociationPair): void {
  const tunnel = words.mode === 'tunnel' ? { mode: 'tunnel' as const, tunnelEndpoint: addressOf(hosts[family][1]) } : {}
  host.path.enforce(compile(policy([rule('negotiate', [everything[family]], { name: 'all', ...tunnel })])), host.now)
  host.path.install(pair, host.now)
  host.path.beginSending(pairName(pair), host.now)
}

for (const [index, setting] of settings.entries()) {
  const { family, words } = setting
  test(`random packets take both ways alike: ${JSON.stringify({ family, ...words })}`, { skip }, context => {
    const random = seededRandom(100 + index)
    const [source, destination] = hosts[family].map(addressOf)
    const all = { lifetime: plain, security: '', one: source!, other: destination!, ...words, replayWindow: 64 }
    const [mine, theirs] = bothEnds(all)
    const senders = [new Host(false), new Host(true)] as const
    const receivers = [new Host(false), new Host(true)] as const
    for (const host of senders) prepare(host, setting, mine)
    for (const host of receivers) prepare(host, setting, theirs)
    const traffic = new Traffic(random, family)
    const wire: Uint8Array[] = []
    for (let turn = 0; turn < 500; turn++) {
      const packet = traffic.next()
      for (const host of senders) {
        host.now += 0.02
        host.leave(packet)
      }
      const [slow, quick] = senders
      assert.deepEqual(
        texts(quick.sent, words.mode === 'tunnel'),
        texts(slow.sent, words.mode === 'tunnel'),
        `turn ${turn}`,
      )
      assert.deepEqual(texts(quick.delivered, false), texts(slow.delivered, false))
      assert.deepEqual(quick.told, slow.told, `turn ${turn}`)
      wire.push(...slow.sent)
      for (const host of senders) host.sent.length = 0
    }
    assert.deepEqual([...senders[1].path.counters()], [...senders[0].path.counters()])
    // On the wire some are repeated, changed, cut, late or from nobody.
    for (let at = 0; at < wire.length; at++) {
      const packet = wire[at]!.slice()
      const fate = random.fraction()
      const copies = [packet]
      if (fate < 0.02) copies.push(packet.slice())
      else if (fate < 0.04) packet[whole(random, 20, packet.length - 1)]! ^= 1 << whole(random, 0, 7)
      else if (fate < 0.05) copies.push(wire[whole(random, 0, at)]!.slice())
      else if (fate < 0.06 && family === 4) {
        copies[0] = packet.slice(0, whole(random, 32, packet.length))
        copies[0][2] = copies[0].length >> 8
        copies[0][3] = copies[0].length & 255
        setHeaderChecksum(copies[0], 20)
      } else if (fate < 0.08 && family === 4) {
        packet[1] = packet[1]! | 3
        setHeaderChecksum(packet, 20)
      }
      for (const copy of copies) {
        for (const host of receivers) {
          host.now += 0.002
          host.arrive(copy)
        }
      }
      if (random.fraction() < 0.1) for (const host of receivers) host.endBatch()
    }
    for (const host of receivers) host.endBatch()
    const [slow, quick] = receivers
    assert.deepEqual(quick.told, slow.told)
    assert.deepEqual(texts(byFlow(quick.delivered), false), texts(byFlow(slow.delivered), false))
    assert.deepEqual([...quick.path.counters()], [...slow.path.counters()])
    assert.ok(wire.length > 100)
    context.diagnostic(
      `${senders[1].shortCuts[0]} sealed and ${quick.shortCuts[1]} opened by the short cut, of ${wire.length}`,
    )
    for (const packet of slow.delivered) assert.equal(checksumFault(packet), '')
  })
}

for (const family of [4, 6] as const) {
  test(`what waits for keys waits as it came, super-packets too, and leaves as if it had never waited: IPv${family}`, {
    skip,
  }, () => {
    const [one, other] = hosts[family].map(addressOf)
    const [mine] = bothEnds({ one: one!, other: other!, security: 'esp-aes128gcm16' })
    const [late, early] = [new Host(true), new Host(true)]
    prepare(early, { family, words: {} }, mine)
    late.path.enforce(compile(policy([rule('negotiate', [everything[family]], { name: 'all' })])), 0)
    const traffic = new Traffic(seededRandom(7), family)
    for (let turn = 0; turn < 60; turn++) {
      const packet = traffic.next()
      early.leave(packet)
      late.leave(packet)
    }
    assert.equal(late.told.filter(told => told.startsWith('needs keys')).length, 1)
    late.path.install(mine, 0)
    late.path.beginSending(pairName(mine), 0)
    // What is permitted, such as keying, has not waited.
    const sealed = (host: Host) => texts(host.sent, false).filter(text => text.includes('00001000'))
    assert.deepEqual(sealed(late), sealed(early))
    assert.ok(sealed(late).length > 100)
  })
}

/** Whole segments are told apart from what carried them by identification, which joining does not keep. */
function byFlow(packets: readonly Uint8Array[]): readonly Uint8Array[] {
  return packets.map(packet => {
    const copy = packet.slice()
    if (copy[0] === 0x45) {
      copy.fill(0, 4, 6)
      copy.fill(0, 10, 12)
    }
    return copy
  })
}

function checksumFault(packet: Uint8Array): string {
  const isIpv4 = packet[0]! >> 4 === 4
  const at = isIpv4 ? (packet[0]! & 15) * 4 : 40
  const protocol = packet[isIpv4 ? 9 : 6]!
  if (protocol !== TCP && protocol !== UDP) return ''
  const place = at + (protocol === TCP ? 16 : 6)
  const copy = packet.slice()
  copy.fill(0, place, place + 2)
  const right = transportChecksum(copy, 0, at, copy.length - at, protocol)
  const found = (packet[place]! << 8) | packet[place + 1]!
  return right === found || (found === 0xffff && right === 0) ? '' : `checksum ${found} is not ${right}`
}
