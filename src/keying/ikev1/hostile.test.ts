// What strangers and liars can do to a host of IKEv1: nothing throws, nothing stays, nobody honest is kept out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../base/address.ts'
import { seededRandom } from '../../base/random.ts'
import { writeMessageV1 } from '../../wire/ike/v1-message.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import type { Path } from '../machine.ts'
import { inRun, type TestHost, TestNet } from '../test-hosts.ts'
import { stateOf, variantsOf } from '../test-variants.ts'
import { twoHosts, v1Policy } from './test-hosts-v1.ts'

const EXCHANGE_AT = 18
const MAIN = exchangeTypesV1.of['main mode']

function arrive(host: TestHost, path: Path, bytes: Uint8Array): void {
  host.input({ kind: 'datagram', path: { local: path.remote, remote: path.local }, bytes })
}

test('every sealed message, cut at every length and changed at every octet, changes nothing; those in clear throw nothing', () => {
  const net = new TestNet(1)
  const [one, other] = twoHosts(
    net,
    v1Policy({ freshKeys: true, lifetime: { seconds: 40 } }, { ike: { lifetime: { seconds: 100 } } }),
  )
  const random = seededRandom(5)
  const seen = new Map<string, number>()
  inRun(1, net, () => {
    net.tamper = (bytes, path) => {
      const host = net.hostAt(path.remote.address)!
      const isSealed = (bytes[19]! & 1) !== 0
      const name = `${exchangeTypesV1.nameOf(bytes[EXCHANGE_AT]!)} ${isSealed ? 'sealed' : 'in clear'}`
      seen.set(name, (seen.get(name) ?? 0) + 1)
      // In clear nothing is authentic: who can change the first messages can end an attempt, and nobody can tell.
      if (!isSealed || seen.get(name)! > 6) return [bytes]
      net.clock.at(net.clock.now() + 0.009, () =>
        net.inSilence(() => {
          const before = stateOf(host)
          const isMain = bytes[EXCHANGE_AT] === MAIN
          for (const variant of variantsOf(bytes, () => random.fraction())) {
            // No hash covers the header's flags, nor in main mode what stands beside the identity.
            const isFlags = variant.length === bytes.length && (variant[17] !== bytes[17] || variant[19] !== bytes[19])
            if (isFlags || (isMain && variant.length === bytes.length)) continue
            arrive(host, path, variant)
            assert.equal(stateOf(host), before)
          }
        }),
      )
      return [bytes]
    }
    one.needs(other)
    net.advance(60)
    one.input({ kind: 'close' })
    net.advance(5)
  })
  assert.ok(
    seen.has('quick mode sealed') && seen.has('informational sealed') && seen.has('main mode sealed'),
    [...seen.keys()].join(),
  )
  assert.equal(other.pairs.size, 0)
})

test('messages in clear, cut and changed, are survived: the honest ones still lead to keys', () => {
  const net = new TestNet(2)
  const [one, other] = twoHosts(net)
  const random = seededRandom(6)
  inRun(2, net, () => {
    net.tamper = (bytes, path) => {
      const host = net.hostAt(path.remote.address)!
      if ((bytes[19]! & 1) !== 0) return [bytes]
      // A change behind the header of what is waited for would be taken; cut ones and headers that lie would not.
      const spoiled = [...variantsOf(bytes, () => random.fraction())].filter((_, at) => at < 2 * bytes.length)
      net.inSilence(() => {
        for (const variant of spoiled) if (variant.length < 28) arrive(host, path, variant)
      })
      return [bytes]
    }
    one.needs(other)
    net.advance(5)
  })
  assert.ok(one.reaches(other))
})

test('every octet of first messages may be anything: nothing throws, and memory stays bounded', () => {
  const net = new TestNet(3)
  const [one, other] = twoHosts(net)
  one.needs(other)
  const [first] = net.letters
  const random = seededRandom(7)
  for (const variant of variantsOf(first!.bytes, () => random.fraction())) arrive(other, first!.path, variant)
  for (let round = 0; round < 3000; round++) {
    const changed = first!.bytes.slice()
    for (let count = 0; count < 4; count++)
      changed[28 + Math.floor(random.fraction() * (changed.length - 28))] = Math.floor(random.fraction() * 256)
    arrive(other, first!.path, changed)
  }
  assert.ok(other.endpoint.sessions().length <= other.settings.halfOpen.perAddress + 1)
})

test('what a host said comes back to it and leads nowhere', () => {
  const net = new TestNet(4)
  const [one, other] = twoHosts(net, v1Policy({}, { ike: { liveness: 5 } }))
  const mirrored: string[] = []
  net.tamper = (bytes, path) => {
    const host = net.hostAt(path.local.address)!
    net.clock.at(net.clock.now() + 0.001, () => {
      const before = stateOf(host)
      host.input({ kind: 'datagram', path, bytes: bytes.slice() })
      if (stateOf(host) !== before) mirrored.push(exchangeTypesV1.nameOf(bytes[EXCHANGE_AT]!))
    })
    return [bytes]
  }
  one.needs(other)
  net.advance(30)
  assert.deepEqual(mirrored, [])
  assert.ok(one.reaches(other) && other.reaches(one))
})

test('what was said once is not taken again: every message is repeated minutes later and changes nothing', () => {
  const net = new TestNet(5)
  const [one, other] = twoHosts(net)
  one.needs(other)
  net.advance(120)
  const before = [stateOf(one), stateOf(other)]
  net.inSilence(() => {
    for (const { path, bytes } of net.letters.slice()) {
      if (bytes[EXCHANGE_AT] === MAIN && bytes.subarray(8, 16).every(octet => octet === 0)) continue
      arrive(net.hostAt(path.remote.address)!, path, bytes)
    }
  })
  assert.deepEqual([stateOf(one), stateOf(other)], before)
})

test('aggressive mode is refused, and people hear which weakness it has; public-key encryption is never taken', () => {
  const net = new TestNet(6)
  const [one, other] = twoHosts(net)
  one.needs(other)
  const [first] = net.letters
  const aggressive = first!.bytes.slice()
  aggressive[EXCHANGE_AT] = exchangeTypesV1.of['aggressive mode']
  arrive(other, first!.path, aggressive)
  assert.match(other.of('session-failed')[0]!.what, /aggressive mode.*guess the secret/)
  assert.deepEqual(other.endpoint.sessions(), [])
})

test('a flood of first messages from made-up addresses stays in its bounds, and an honest peer gets through', () => {
  const net = new TestNet(7)
  const [one, other] = twoHosts(net)
  one.needs(other)
  const [first] = net.letters
  const flood = (count: number, from: number) => {
    net.inSilence(() => {
      for (let number = 0; number < count; number++) {
        const bytes = first!.bytes.slice()
        new DataView(bytes.buffer).setUint32(0, from + number)
        const address = parseAddress(`172.16.${(number >> 8) & 255}.${number & 255}`)!
        const path = { local: { address: other.address, port: 500 }, remote: { address, port: 500 } }
        other.input({ kind: 'datagram', path, bytes })
      }
    })
  }
  flood(5000, 1)
  assert.ok(other.endpoint.sessions().length <= other.settings.halfOpen.most + 1)
  for (let step = 0; step < 20; step++) {
    net.advance(0.01)
    flood(200, 100_000 + 1000 * step)
  }
  net.advance(3)
  assert.ok(one.reaches(other), net.picture())
  net.advance(40)
  assert.equal(other.endpoint.sessions().length, 1)
  assert.ok(other.events.length < 200, `${other.events.length} events`)
})

test('a message of a group of its own, or of no kind that is known, leads nowhere', () => {
  const net = new TestNet(8)
  const [one, other] = twoHosts(net)
  one.needs(other)
  net.advance(3)
  const before = stateOf(other)
  const last = net.letters.findLast(({ bytes }) => bytes[EXCHANGE_AT] === 32)!
  for (const exchange of [0, 1, 3, 4, 6, 33, 34, 243, 255]) {
    const bytes = last.bytes.slice()
    bytes[EXCHANGE_AT] = exchange
    new DataView(bytes.buffer).setUint32(20, 12345)
    arrive(other, last.path, bytes)
    arrive(one, { local: last.path.remote, remote: last.path.local }, bytes)
  }
  assert.equal(stateOf(other), before)
})

test('an error in clear ends an attempt only where nothing better comes', () => {
  const net = new TestNet(9)
  const [one, other] = twoHosts(net)
  one.needs(other)
  const [first] = net.letters
  const header = {
    initiatorSpi: new DataView(first!.bytes.buffer).getBigUint64(0),
    responderSpi: 0n,
    version: { major: 1, minor: 0 },
    exchange: exchangeTypesV1.of.informational,
    flags: 0,
    messageId: 77,
  }
  const notify = {
    kind: 'notify',
    doi: 1,
    protocol: 1,
    type: 14,
    spi: new Uint8Array(0),
    data: new Uint8Array(0),
  } as const
  const forged = writeMessageV1({ kind: 'clear', header, payloads: [notify] })
  arrive(one, { local: first!.path.remote, remote: first!.path.local }, forged)
  net.advance(5)
  assert.ok(one.reaches(other))
})

test('a peer that has proved itself and begins again and again has only so many sessions', () => {
  const net = new TestNet(10)
  const [one, other] = twoHosts(net)
  let current = one
  for (let round = 0; round < 80; round++) {
    current.needs(other)
    net.advance(0.2)
    // As if it forgot without saying so.
    net.inSilence(() => {
      current = net.restart(current)
    })
    net.tamper = bytes => [bytes]
  }
  assert.ok(other.endpoint.sessions().length <= 65, `${other.endpoint.sessions().length} sessions`)
})
