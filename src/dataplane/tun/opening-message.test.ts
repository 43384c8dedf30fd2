// Datagrams of ESP in UDP that came as one message are opened in one go, and what comes of them is what comes of each by
// itself: packets for the host, news, counters. Forged, repeated, foreign and cut ones among them change nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../../../test/build-packets.ts'
import { bothEnds } from '../../../test/ipsec-pair.ts'
import { hosts, pick, Traffic, whole } from '../../../test/random-traffic.ts'
import { seededRandom } from '../../base/random.ts'
import { choosePacketCrypto } from '../../crypto/packet-crypto.ts'
import { type AssociationPair, pairName } from '../../ipsec/association.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { Arrivals } from './arrivals.ts'
import { checksumOn } from './checksum.ts'
import { Coalescing } from './coalescing.ts'
import { OpeningBurst } from './opening-burst.ts'
import { PacketPath } from './packet-path.ts'
import { SealingBurst } from './sealing-burst.ts'
import { SuperPacket } from './super-packet.ts'

const skip = process.platform === 'linux' ? false : 'because arenas have addresses on Linux only'
const crypto = choosePacketCrypto()
const LINK_MTU = 1500
const MESSAGE = 60_000

class Host {
  readonly arena = new Arena(4 << 20)
  readonly sum = checksumOn(this.arena)
  readonly told: string[] = []
  readonly delivered: string[] = []
  readonly path = new PacketPath({
    arena: this.arena,
    crypto,
    linkMtu: LINK_MTU,
    surroundings: {
      send: () => {},
      deliver: packet => {
        this.coalescing.flush()
        this.delivered.push(withoutNumber(packet.slice()))
      },
      changed: () => {},
      needsKeys: () => {},
      ageing: (name, age) => void this.told.push(`ageing ${name} ${age}`),
      dropped: reason => void this.told.push(`dropped ${reason}`),
    },
  })
  readonly #again = new SuperPacket(this.arena, this.sum)
  readonly #againAt = this.arena.take(SuperPacket.room)
  readonly coalescing = new Coalescing({
    arena: this.arena,
    sum: this.sum,
    segmentation: 'tcp-and-udp',
    write: (at, length) => {
      this.arena.bytes.copyWithin(this.#againAt, at, at + length)
      assert.ok(this.#again.read(this.#againAt, length))
      for (let index = 0; index < this.#again.segments; index++) {
        this.delivered.push(withoutNumber(this.#again.copy(index)))
      }
    },
  })

  constructor(family: 4 | 6, pair: AssociationPair, tunnelTo: string | undefined) {
    const tunnel = tunnelTo === undefined ? {} : { mode: 'tunnel' as const, tunnelEndpoint: addressOf(tunnelTo) }
    const everything = `any ${hosts[family].join(' <-> ')}`
    this.path.enforce(compile(policy([rule('negotiate', [everything], { name: 'all', ...tunnel })])), 0)
    this.path.install(pair, 0)
    this.path.beginSending(pairName(pair), 0)
  }
}

/** Joining does not keep it. */
function withoutNumber(packet: Uint8Array): string {
  if (packet[0]! >> 4 === 4) packet.fill(0, 4, 6).fill(0, 10, 12)
  return packet.toHex()
}

/** Makes datagrams of what applications send. */
class Sender extends Host {
  readonly datagrams: Uint8Array[] = []
  readonly #read = new SuperPacket(this.arena, this.sum)
  readonly #readAt = this.arena.take(SuperPacket.room)
  readonly #out = this.arena.take(512 * 1024)
  #tail = 0
  readonly #sealing = new SealingBurst({
    arena: this.arena,
    sum: this.sum,
    departures: {
      takes: () => true,
      takesStations: () => false,
      lostStations: 0,
      takeDestination: () => new Destination(this.arena, { to: undefined, port: 0 }),
      giveBack: () => {},
      flush: () => {},
      next: () => {
        this.#tail = this.#out
        return this.#out
      },
      packet: () => assert.fail('all goes in UDP here'),
      datagram: (_, __, ___, length) => {
        this.datagrams.push(this.arena.bytes.slice(this.#tail, this.#tail + length))
        this.#tail += length
      },
    },
    timeToLive: { 4: 64, 6: 64 },
    stationTo: () => undefined,
    outbound: () => this.path.outbound,
    toldAge: association => this.path.toldAge(association),
  })

  leave(packet: Uint8Array): void {
    this.arena.bytes.set(packet, this.#readAt)
    if (!this.#read.read(this.#readAt, packet.length) || this.#sealing.take(this.#read, 0)) return
    const association = this.path.leave(this.#read, 0)
    if (association !== undefined) this.#sealing.learn(association)
  }
}

class Receiver extends Host {
  readonly opening: OpeningBurst
  readonly #arrivals: Arrivals
  readonly #at = this.arena.take(MESSAGE + 1024) + 256
  together = 0

  constructor(family: 4 | 6, pair: AssociationPair, tunnelTo: string | undefined) {
    super(family, pair, tunnelTo)
    const { arena } = this
    const fail = () => assert.fail('nothing comes by sockets')
    const none = { packet: fail, datagram: fail, message: fail, isOwn: fail, keying: fail }
    const arrivals = new Arrivals(arena, this.sum, none)
    this.#arrivals = arrivals
    arrivals.family = family
    arrivals.sourceAt = arena.take(32)
    arrivals.destinationAt = arrivals.sourceAt + 16
    for (const [index, host] of hosts[family].entries()) {
      for (const [place, word] of addressOf(host).words.entries()) {
        arena.view.setUint32(arrivals.sourceAt + 16 * index + 4 * place, word)
      }
    }
    this.opening = new OpeningBurst({
      arena,
      sum: this.sum,
      arrivals: () => arrivals,
      coalescing: this.coalescing,
      find: spi => this.path.database.bySpi(spi),
      inbound: () => this.path.inbound,
      settle: (outcome, now) => this.path.settle(outcome, now),
      drop: reason => void this.told.push(`dropped ${reason}`),
      toldAge: association => this.path.toldAge(association),
    })
  }

  receive(message: Uint8Array, size: number, trafficClass: number, isTogether: boolean): void {
    const start = this.#at
    this.arena.bytes.set(message, start)
    this.#arrivals.trafficClass = trafficClass
    const end = start + message.length
    const taken = isTogether ? this.opening.takeMessage(start, message.length, size, 0) : 0
    this.together += taken
    for (let at = start + taken; at < end; at += size) this.#one(at, Math.min(size, end - at))
    this.coalescing.flush()
  }

  #one(at: number, length: number): void {
    if (length < 12 || this.opening.take(at, length, -1, 0)) return
    const spi = this.arena.view.getUint32(at)
    const from = this.#arrivals.wrap(at, length)
    this.path.arrive(this.arena.bytes.slice(from, at + length), 0)
    this.opening.learn(spi)
  }
}

const kinds = [
  { family: 4, words: { security: 'esp-aes128gcm16' } },
  { family: 6, words: { security: 'esp-aes256gcm16', extendedSequence: true } },
  { family: 4, words: { security: 'esp-aes128gcm16', mode: 'tunnel' } },
  { family: 6, words: { security: 'esp-chacha20poly1305', mode: 'tunnel' } },
  { family: 4, words: { security: 'esp-aes128gmac' } },
] as const

for (const [index, { family, words }] of kinds.entries()) {
  test(`messages are opened as their datagrams are: ${JSON.stringify({ family, ...words })}`, { skip }, () => {
    const [one, other] = hosts[family].map(addressOf)
    const encapsulation = { sourcePort: 4500, destinationPort: 4500 }
    const all = { one: one!, other: other!, replayWindow: 256, encapsulation, ...words }
    const [mine, theirs] = bothEnds(all)
    const peer = 'mode' in words ? hosts[family][1] : undefined
    const sender = new Sender(family, mine, peer)
    const [apart, together] = [new Receiver(family, theirs, peer), new Receiver(family, theirs, peer)]
    const random = seededRandom(40 + index)
    const traffic = new Traffic(random, family)
    for (let turn = 0; turn < 400; turn++) sender.leave(traffic.next())
    const { datagrams } = sender
    for (let at = 0; at < datagrams.length; ) {
      // As the kernel joins them: of one size, the last one shorter at times.
      const size = datagrams[at]!.length
      let next = at + 1
      while (next < datagrams.length && datagrams[next]!.length === size && next - at < 70) next++
      if (next < datagrams.length && datagrams[next]!.length < size) next++
      const parts = datagrams.slice(at, Math.min(next, at + Math.max(1, Math.floor(MESSAGE / size))))
      at += parts.length
      const changed = parts.map((part, place) => {
        const fate = random.fraction()
        const copy = part.slice()
        if (fate < 0.01) copy[whole(random, 0, copy.length - 1)]! ^= 1 << whole(random, 0, 7)
        else if (fate < 0.02 && place > 0) copy.set(parts[place - 1]!.subarray(0, copy.length))
        return copy
      })
      if (random.fraction() < 0.1) changed.push(changed.at(-1)!.slice(0, whole(random, 0, size - 1)))
      const message = Uint8Array.from(changed.flatMap(part => [...part]))
      const trafficClass = pick(random, [0, 0, 2, 3])
      for (const [host, isTogether] of [
        [apart, false],
        [together, true],
      ] as const) {
        host.receive(message, size, trafficClass, isTogether)
      }
      assert.deepEqual(together.told, apart.told)
      assert.deepEqual(together.delivered, apart.delivered)
      for (const host of [apart, together]) host.delivered.length = 0
    }
    assert.deepEqual([...together.path.counters()], [...apart.path.counters()])
    if (words.security.includes('gcm')) assert.ok(together.together > datagrams.length * 100)
    assert.ok(apart.told.includes('dropped replayed') && apart.told.includes('dropped not-authentic'))
  })
}
