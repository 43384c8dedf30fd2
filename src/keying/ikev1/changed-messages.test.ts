// A peer of IKEv1 that has the right keys and says whatever it likes, with every hash right: nothing throws, memory stays
// bounded, and no association comes of it that the policy does not have.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatenate } from '../../base/bytes.ts'
import { type Random, seededRandom } from '../../base/random.ts'
import { filter } from '../../policy/test-policies.ts'
import { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import type { NotifyV1, PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import { type AttributeV1, numberAttribute } from '../../wire/ike/v1-security-association.ts'
import { inRun, type TestHost, TestNet } from '../test-hosts.ts'
import { v1Policy } from './test-hosts-v1.ts'
import { honest, Liar, type Lies } from './test-liar.ts'

const RUNS = process.env['SEALWIRE_LONG_TESTS'] === '1' ? 20_000 : 700
const PORT = 445
const SECONDS = 3600

class Chance {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  below(count: number): number {
    return Math.floor(this.#random.fraction() * count)
  }

  one(of: number): boolean {
    return this.below(of) === 0
  }

  octets(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    this.#random.fill(bytes)
    return bytes
  }

  from<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  shuffled<T>(list: readonly T[]): readonly T[] {
    return list
      .map(one => ({ one, at: this.below(1000) }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ one }) => one)
  }
}

function attribute(chance: Chance): AttributeV1 {
  const value = chance.from([0, 1, 2, 3, 60, 65_535, 65_536, 0xffffffff])
  switch (chance.below(3)) {
    case 0:
      return numberAttribute(1 + chance.below(20), value)
    case 1:
      return { kind: 'long', type: 1 + chance.below(20), value: chance.octets(chance.from([0, 1, 3, 4, 9, 200])) }
    default:
      return { kind: 'short', type: chance.below(0x8000), value: chance.below(0x10000) }
  }
}

function notify(chance: Chance, given?: NotifyV1): NotifyV1 & { readonly kind: 'notify' } {
  const types = Object.values(notifyTypesV1.of)
  return {
    kind: 'notify',
    doi: chance.one(5) ? chance.below(3) : 1,
    protocol: chance.below(5),
    type: chance.one(4) ? chance.below(0x10000) : chance.from(types),
    spi: given !== undefined && chance.one(2) ? given.spi : chance.octets(chance.from([0, 4, 8, 16, 40])),
    data: chance.octets(chance.from([0, 3, 4, 8, 12, 100])),
  }
}

function changed(one: PayloadV1, chance: Chance): PayloadV1 {
  switch (one.kind) {
    case 'security-association': {
      const proposals = one.proposals.map(proposal => ({
        ...proposal,
        number: chance.one(4) ? chance.below(256) : proposal.number,
        protocol: chance.one(5) ? chance.below(6) : proposal.protocol,
        spi: chance.one(4) ? chance.octets(chance.below(17)) : proposal.spi,
        transforms: proposal.transforms.flatMap(transform => {
          const attributes = transform.attributes.flatMap(each =>
            chance.one(8) ? [] : chance.one(6) ? [attribute(chance)] : chance.one(8) ? [each, each] : [each],
          )
          const more = chance.one(3) ? [...attributes, attribute(chance)] : attributes
          const id = chance.one(8) ? chance.below(256) : transform.id
          const next = { ...transform, id, attributes: more }
          return chance.one(6) ? [next, { ...next, number: transform.number + 1 }] : [next]
        }),
      }))
      const all = chance.one(3) ? [...proposals, ...proposals] : proposals
      return {
        ...one,
        proposals: all.filter(({ transforms }) => transforms.length > 0).length === 0 ? one.proposals : all,
      }
    }
    case 'nonce':
      return { kind: 'nonce', nonce: chance.octets(8 + chance.below(249)) }
    case 'key-exchange':
      return { kind: 'key-exchange', publicValue: chance.octets(chance.from([0, 1, 64, 65, 128, 600])) }
    case 'identification': {
      const [type, length] = chance.from([
        [1, 4],
        [2, 9],
        [3, 14],
        [4, 8],
        [5, 16],
        [6, 32],
        [7, 8],
        [8, 32],
        [9, 30],
        [11, 6],
        [200, 0],
      ] as const)
      const data = type === 1 && chance.one(2) ? Uint8Array.of(10, 0, 0, 1 + chance.below(3)) : chance.octets(length)
      // All addresses there are, which no rule of the victim's has.
      if (type === 4 && chance.one(2)) data.fill(0)
      return {
        kind: 'identification',
        type,
        protocol: chance.from([0, 6, 17, 255]),
        port: chance.from([0, PORT, 80, 500]),
        data,
      }
    }
    case 'hash':
      return { kind: 'hash', hash: chance.octets(chance.from([0, 16, 20, 31, 33])) }
    case 'delete': {
      const spiSize = chance.from([4, 16, 1, 40])
      const spis = Array.from({ length: chance.from([0, 1, 50]) }, () => chance.octets(spiSize))
      return { kind: 'delete', doi: 1, protocol: chance.below(5), spiSize, spis }
    }
    case 'notify':
      return notify(chance, one)
    case 'vendor-id':
      return { kind: 'vendor-id', id: chance.octets(chance.below(40)) }
    default:
      return one
  }
}

function liesBy(chance: Chance, isMeant: () => boolean): Lies {
  return {
    payloads({ payloads }) {
      if (!isMeant()) return payloads
      const more: PayloadV1[] = []
      if (chance.one(5)) more.push(notify(chance))
      if (chance.one(9)) more.push(changed({ kind: 'delete', doi: 1, protocol: 3, spiSize: 4, spis: [] }, chance))
      if (chance.one(12))
        more.push({ kind: 'certificate', encoding: chance.below(12), data: chance.octets(chance.below(80)) })
      const all = payloads.flatMap(one => {
        const next = chance.one(4) ? changed(one, chance) : one
        return chance.one(14) ? [] : chance.one(10) ? [next, one] : [next]
      })
      return chance.one(5) ? chance.shuffled([...all, ...more]) : [...all, ...more]
    },
    octets(content) {
      if (!isMeant() || !chance.one(4) || content.length < 8) return content
      const spoiled = content.slice()
      switch (chance.below(3)) {
        case 0:
          return spoiled.slice(0, chance.below(spoiled.length))
        case 1:
          return concatenate([spoiled, chance.octets(chance.below(60))])
        default:
          for (let count = 1 + chance.below(3); count > 0; count--) {
            const at = chance.one(2) ? 2 + chance.below(2) : chance.below(spoiled.length)
            spoiled[at] = chance.from([0, 1, 3, 4, 127, 255])
          }
          return spoiled
      }
    },
  }
}

const filters = [filter(`tcp any <-> any:${PORT}`)]
const theirs = v1Policy({ filters, lifetime: { seconds: 100_000 } })
const ours = v1Policy({ filters, lifetime: { seconds: SECONDS } }, { ike: { liveness: 20 } })

/** Every association is one that our policy has, with this peer, and lives no longer than we allow. */
function assertAllowed(victim: TestHost, liar: Liar): void {
  for (const { pair } of victim.pairs.values()) {
    const { outbound, inbound } = pair
    assert.deepEqual([outbound.source, outbound.destination], [victim.address, liar.address])
    assert.deepEqual([inbound.source, inbound.destination], [liar.address, victim.address])
    assert.deepEqual([outbound.mode, outbound.layers.length, outbound.rule], ['transport', 1, 'all'])
    const [layer] = outbound.layers
    assert.deepEqual([layer?.protocol, JSON.stringify(layer?.suite).includes('sha2-256')], ['esp', true])
    for (const { protocol, sourcePort, destinationPort } of [...outbound.selectors, ...inbound.selectors]) {
      const ports = [sourcePort, destinationPort].map(one => one?.first === PORT && one.last === PORT)
      assert.ok(protocol === 6 && ports.includes(true), JSON.stringify(outbound.selectors))
    }
    for (const { hard } of [outbound.lifetime, inbound.lifetime])
      assert.ok(hard.seconds! > 0 && hard.seconds! <= SECONDS)
  }
  assert.ok(victim.pairs.size <= 64, `${victim.pairs.size} associations`)
  assert.ok(victim.endpoint.sessions().length <= 8, `${victim.endpoint.sessions().length} sessions`)
  assert.ok(victim.events.length < 400, `${victim.events.length} events`)
  for (const { peerName } of victim.of('session-established')) {
    // Whoever has the secret may have any name, but another address is nobody's, and a network is no host.
    assert.ok(
      peerName === '10.0.0.2' || !/^(\d+\.\d+\.\d+\.\d+$|[0-9a-f]*::?[0-9a-f:]*$|(4|6|7|8|12|200):)/.test(peerName),
      peerName,
    )
  }
}

function play(
  seed: number,
  liarBegins: boolean,
  lies?: (liar: Liar, chance: Chance) => Lies,
): { victim: TestHost; liar: Liar } {
  const net = new TestNet(seed)
  const victim = net.host('10.0.0.1', { policy: ours })
  const chance = new Chance(seededRandom(seed))
  const later = (work: () => void) => net.clock.at(net.clock.now() + 0.01, work)
  const liar = new Liar('10.0.0.2', victim.address, theirs, seed, ({ local, remote }, bytes) => {
    later(() => victim.input({ kind: 'datagram', path: { local: remote, remote: local }, bytes }))
  })
  net.tamper = (bytes, path) => {
    later(() => {
      liar.now = net.clock.now()
      liar.hears(bytes, path)
    })
    return [bytes]
  }
  liar.lies = lies?.(liar, chance) ?? honest
  const flow = {
    source: liar.address,
    destination: victim.address,
    protocol: 6,
    sourcePort: 49_152,
    destinationPort: PORT,
  }
  const own = {
    source: victim.address,
    destination: liar.address,
    protocol: 6,
    sourcePort: 49_152,
    destinationPort: PORT,
  }
  inRun(seed, net, () => {
    if (liarBegins) liar.begins({ rule: 'all', flow })
    else victim.input({ kind: 'needs-keys', rule: 'all', flow: own })
    net.advance(1)
    for (let round = 0; round < 6; round++) {
      if (chance.one(2)) liar.asksFor({ rule: 'all', flow })
      else
        liar.tells(
          Array.from({ length: 1 + chance.below(3) }, () => notify(chance)),
          1 + chance.below(0xffffffff),
        )
      net.advance(0.5)
      assertAllowed(victim, liar)
    }
    for (const name of victim.pairs.keys()) if (chance.one(3)) victim.input({ kind: 'ageing', name, age: 'soft' })
    net.advance(70)
    assertAllowed(victim, liar)
  })
  return { victim, liar }
}

for (const liarBegins of [true, false]) {
  const role = liarBegins ? 'begins' : 'answers'

  test(`a peer that ${role} and does not lie comes to keys, so that the lies of the others are really heard`, () => {
    const { victim } = play(1, liarBegins)
    assert.equal(victim.of('session-established').length, 1)
    assert.ok(victim.of('child-established').length > 0, victim.state())
  })

  test(`whatever a peer with the right keys says that ${role}, nothing throws and nothing is agreed on but what the policy has`, () => {
    let [sessions, children] = [0, 0]
    for (let seed = 1; seed <= RUNS; seed++) {
      const { victim } = play(seed, liarBegins, (liar, chance) => {
        const first = chance.below(8)
        return liesBy(chance, () => liar.said > first)
      })
      sessions += victim.of('session-established').length
      children += victim.of('child-established').length
    }
    assert.ok(sessions > RUNS / 4 && children > RUNS / 8, `${sessions} sessions, ${children} children`)
  })
}
