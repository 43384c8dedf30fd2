// The wire does to packets what it is told, no more, and the same again for the same seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, buildPacket } from '../../../test/build-packets.ts'
import { seededRandom } from '../../base/random.ts'
import { VirtualClock } from '../../base/time.ts'
import { SimulatedWire, type WireFaults } from './wire.ts'

interface Arrival {
  readonly number: number
  readonly at: number
}

function run(faults: WireFaults & { mtu?: number }, count: number, seed = 1) {
  const clock = new VirtualClock()
  const captured: number[] = []
  const wire = new SimulatedWire({
    clock,
    random: seededRandom(seed),
    ...faults,
    capture: packet => captured.push(packet.length),
  })
  const arrivals: Arrival[] = []
  const sender = { addresses: [addressOf('10.54.0.1')], receive: () => {} }
  const receive = (packet: Uint8Array) => {
    arrivals.push({ number: (packet[28]! << 8) | packet[29]!, at: clock.now() })
  }
  wire.attach(sender)
  wire.attach({ addresses: [addressOf('10.54.0.2')], receive })
  const reused = buildPacket({ source: '10.54.0.1', destination: '10.54.0.2', payload: new Uint8Array(50) })
  for (let number = 0; number < count; number++) {
    reused[28] = number >> 8
    reused[29] = number & 255
    clock.at(number * 0.001, () => {})
    clock.advanceTo(number * 0.001)
    wire.send(sender, reused)
  }
  clock.run()
  return { wire, arrivals, captured }
}

test('without faults everything arrives once, in order, after the delay, as it was when it was sent', () => {
  const { arrivals, wire } = run({ delay: 0.25 }, 500)
  assert.deepEqual(
    arrivals.map(({ number }) => number),
    [...Array(500).keys()],
  )
  for (const { number, at } of arrivals) assert.ok(Math.abs(at - number * 0.001 - 0.25) < 1e-9)
  assert.deepEqual(wire.counters, { sent: 500, lost: 0, duplicated: 0, reordered: 0, tooLarge: 0, nobody: 0 })
})

test('shares of packets are lost, doubled and overtaken as they are told to be, and counted', () => {
  const { arrivals, wire, captured } = run({ loss: 0.1, duplication: 0.2, reordering: 0.3 }, 20_000)
  const { sent, lost, duplicated, reordered } = wire.counters
  assert.equal(sent, 20_000)
  assert.ok(Math.abs(lost - 2000) < 200 && Math.abs(duplicated - 3600) < 300 && Math.abs(reordered - 6480) < 400)
  assert.equal(arrivals.length, sent - lost + duplicated)
  assert.equal(new Set(arrivals.map(({ number }) => number)).size, sent - lost)
  const overtaken = arrivals.filter(({ number }, index) => index > 0 && number < arrivals[index - 1]!.number)
  assert.ok(overtaken.length > 1000)
  assert.equal(captured.length, sent, 'the capture sees lost packets, and doubles once')
})

test('a seed makes every run the same, another one another', () => {
  const faults = { loss: 0.1, duplication: 0.1, reordering: 0.1, jitter: 0.01 }
  assert.deepEqual(run(faults, 500, 5).arrivals, run(faults, 500, 5).arrivals)
  assert.notDeepEqual(run(faults, 500, 5).arrivals, run(faults, 500, 6).arrivals)
})

test('a packet that is larger than the wire carries is lost', () => {
  const { arrivals, wire, captured } = run({ mtu: 77 }, 3)
  assert.equal(wire.counters.tooLarge, 3)
  assert.equal(arrivals.length + captured.length, 0)
  assert.equal(run({ mtu: 78 }, 3).arrivals.length, 3)
})

test('packets reach the host they are for, groups everybody but the sender, and nobody where there is none', () => {
  const clock = new VirtualClock()
  const wire = new SimulatedWire({ clock, random: seededRandom(1) })
  const got: string[] = []
  const host = (name: string, ...addresses: string[]) => {
    const made = { addresses: addresses.map(addressOf), receive: () => void got.push(name) }
    wire.attach(made)
    return made
  }
  const a = host('a', '10.54.0.1', 'fd54::1')
  const b = host('b', '10.54.0.2', 'fd54::2')
  host('c', '10.54.0.3', '10.54.0.4')
  const reaches = (destination: string) => {
    got.length = 0
    const source = destination.includes(':') ? 'fd54::1' : '10.54.0.1'
    wire.send(a, buildPacket({ source, destination }))
    clock.run()
    return got.toSorted().join('')
  }
  assert.equal(reaches('10.54.0.2'), 'b')
  assert.equal(reaches('fd54::2'), 'b')
  assert.equal(reaches('10.54.0.4'), 'c')
  for (const group of ['224.0.0.1', '255.255.255.255', '10.54.0.255']) assert.equal(reaches(group), 'bc', group)
  assert.equal(reaches('ff02::1'), 'bc')
  assert.equal(reaches('10.54.0.9'), '')
  assert.equal(wire.counters.nobody, 1)
  wire.detach(b)
  assert.equal(reaches('10.54.0.2'), '')
  wire.send(a, new Uint8Array(3))
  clock.run()
  assert.equal(wire.counters.nobody, 3)
})
