// The simulated back end keeps the contract, over IPv4 and IPv6; and what only it can show: several hosts of one rule.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, buildPacket } from '../../../test/build-packets.ts'
import { bothEnds } from '../../../test/ipsec-pair.ts'
import type { Flow } from '../../base/flow.ts'
import { seededRandom } from '../../base/random.ts'
import { VirtualClock } from '../../base/time.ts'
import { choosePacketCrypto } from '../../crypto/packet-crypto.ts'
import type { DropReason } from '../../ipsec/drop-reasons.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { dataPlaneContract } from '../contract.ts'
import type { Datagram, PlanesUnderTest, PlaneUnderTest } from '../contract-scene.ts'
import { SimulatedHost } from './host.ts'
import { SimulatedWire } from './wire.ts'

const crypto = choosePacketCrypto('openssl')

async function simulatedPlanes(addresses: readonly [string, string]): Promise<PlanesUnderTest> {
  const clock = new VirtualClock()
  const captured: Uint8Array[] = []
  const wire = new SimulatedWire({ clock, random: seededRandom(1), capture: packet => captured.push(packet) })
  const side = (mine: string, theirs: string): PlaneUnderTest => {
    const got: Datagram[] = []
    const header = mine.includes(':') ? 40 : 20
    const deliver = (packet: Uint8Array) => {
      const port = (packet[header + 2]! << 8) | packet[header + 3]!
      got.push({ port, payload: packet.slice(header + 8) })
    }
    const plane = new SimulatedHost({ name: mine, addresses: [addressOf(mine)], wire, clock, crypto, deliver })
    let identification = 0
    return {
      plane,
      address: addressOf(mine),
      send: ({ port, payload }) => {
        identification = (identification + 1) & 0xffff
        const ports = { sourcePort: port, destinationPort: port }
        plane.transmit(buildPacket({ source: mine, destination: theirs, ...ports, payload, identification }))
      },
      received: () => got,
    }
  }
  return {
    one: side(addresses[0], addresses[1]),
    other: side(addresses[1], addresses[0]),
    wire: () => captured,
    settle: async () => clock.advanceTo(clock.now() + 1),
    pass: async seconds => clock.advanceTo(clock.now() + seconds),
    close: async () => {},
  }
}

dataPlaneContract('simulated, IPv4', () => simulatedPlanes(['10.54.0.1', '10.54.0.2']))
dataPlaneContract('simulated, IPv6', () => simulatedPlanes(['fd54::1', 'fd54::2']))

class Book {
  readonly needs: string[] = []
  readonly flows: Flow[] = []
  readonly drops: DropReason[] = []
  readonly ages: string[] = []
  needsKeys(rule: string, flow: Flow): void {
    this.needs.push(`${rule} ${flow.destination.words.at(-1)! & 0xff}`)
    this.flows.push(flow)
  }
  ageing(spi: number, age: string): void {
    this.ages.push(`${spi} ${age}`)
  }
  dropped(reason: DropReason): void {
    this.drops.push(reason)
  }
}

async function host(policyRules: Parameters<typeof policy>[0]) {
  const clock = new VirtualClock()
  const wire = new SimulatedWire({ clock, random: seededRandom(1) })
  const sent: Uint8Array[] = []
  const tooBig: number[] = []
  const options = {
    name: 'one',
    addresses: [addressOf('10.54.0.1')],
    wire: Object.assign(wire, { send: (_: unknown, packet: Uint8Array) => void sent.push(packet) }),
    clock,
    crypto,
    deliver: () => {},
    tooBig: (_: Flow, mtu: number) => void tooBig.push(mtu),
  }
  const plane = new SimulatedHost(options)
  const book = new Book()
  await plane.start(book)
  await plane.enforce(compile(policy(policyRules)))
  const to = (last: number, size = 10) =>
    plane.transmit(
      buildPacket({
        source: '10.54.0.1',
        destination: `10.54.0.${last}`,
        payload: new Uint8Array(size),
        mustNotBeCut: size > 1000,
      }),
    )
  return { plane, book, sent, clock, to, tooBig }
}

const everyone = rule('negotiate', ['any 10.54.0.1 <-> 10.54.0.0/24'], { name: 'all' })

test('every host of a rule is asked for keys, though another is waited for already', async () => {
  const { book, to } = await host([everyone])
  for (const last of [2, 2, 3, 4, 3]) to(last)
  assert.deepEqual(book.needs, ['all 2', 'all 3', 'all 4'])
})

test('a host without IPsec opens nothing to the others, and only for a while', async () => {
  const { plane, book, sent, clock, to } = await host([{ ...everyone, fallBackToClear: true }])
  to(2)
  to(3)
  await plane.refuse(book.flows[0]!, 'all', 'no-answer')
  assert.equal(sent.length, 1)
  to(2)
  to(3)
  to(4)
  assert.equal(sent.length, 2)
  assert.deepEqual(book.needs, ['all 2', 'all 3', 'all 4'])
  clock.advanceTo(301)
  to(2)
  assert.equal(sent.length, 2)
  assert.deepEqual(book.needs, ['all 2', 'all 3', 'all 4', 'all 2'])
})

test('a new policy ends what fell back under the old one', async () => {
  const soft = { ...everyone, fallBackToClear: true }
  const { plane, book, sent, to } = await host([soft])
  to(2)
  await plane.refuse(book.flows[0]!, 'all', 'no-answer')
  await plane.enforce(compile(policy([soft])))
  to(2)
  assert.equal(sent.length, 1)
  assert.equal(book.needs.length, 2)
})

test('renewals leave no appointments behind, and a removed association is told no age', async () => {
  const { plane, book, clock } = await host([everyone])
  const lifetime = { soft: { seconds: 50 }, hard: { seconds: 60 } }
  const [one, other] = [addressOf('10.54.0.1'), addressOf('10.54.0.2')]
  for (let index = 1; index <= 20; index++) {
    const [pair] = bothEnds({ one, other, security: 'esp-aes256gcm16', lifetime, firstSpi: index * 0x1000 })
    await plane.install(pair)
    if (index < 20) await plane.remove([index * 0x1000 + 0x100])
  }
  clock.advanceTo(100)
  assert.deepEqual(book.ages, [`${20 * 0x1000 + 0x100} soft`, `${20 * 0x1000 + 0x100} hard`])
})

test('an application is told the size that fits, once a router has said what the path carries', async () => {
  const { plane, sent, to, tooBig } = await host([everyone])
  const [one, other] = [addressOf('10.54.0.1'), addressOf('10.54.0.2')]
  const [pair] = bothEnds({ one, other, security: 'esp-aes256gcm16' })
  await plane.install(pair)
  await plane.beginSending(0x1100)
  to(2, 1400)
  assert.equal(sent.length, 1)
  const quoted = sent[0]!.slice(0, 28)
  const icmp = buildPacket({ source: '10.54.9.9', destination: '10.54.0.1', protocol: 1, payload: quoted })
  icmp.set([3, 4, 0, 0, 0, 0, 1300 >> 8, 1300 & 255], 20)
  plane.receive(icmp)
  to(2, 1400)
  assert.equal(sent.length, 1)
  assert.equal(tooBig.length, 1)
  to(2, tooBig[0]! - 28)
  assert.equal(sent.length, 2)
  assert.ok(sent[1]!.length <= 1300 && sent[1]!.length > 1290)
})
