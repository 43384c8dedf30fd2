// The IKE port on loopback: datagrams in both directions, each with the address that it was sent to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, formatAddress, parseAddress } from '../base/address.ts'
import type { Path } from '../keying/machine.ts'
import { effectiveCapabilities } from '../native/capabilities.ts'
import { whyNoIpv6 } from '../native/test-namespaces.ts'
import { KeyingSockets } from './keying-sockets.ts'

const skip =
  process.platform === 'linux' && effectiveCapabilities().has('CAP_NET_ADMIN')
    ? false
    : 'skipped, because marking packets needs CAP_NET_ADMIN'
const PORTS = [45_500, 45_501] as const

interface Heard {
  readonly path: Path
  readonly bytes: Uint8Array
}

function pair(context: { after(work: () => void): void }) {
  const heard: Heard[][] = [[], []]
  const failed: string[] = []
  const sockets = PORTS.map((port, at) => {
    const one = new KeyingSockets({
      ...{ mark: 0x5ea1, port },
      heard: (path, bytes) => heard[at]!.push({ path, bytes }),
      failed: (_, name) => failed.push(name),
    })
    one.open()
    context.after(() => one.close())
    return one
  })
  const until = async (at: number, count: number) => {
    for (let tries = 0; heard[at]!.length < count && tries < 200; tries++)
      await new Promise(resolve => setTimeout(resolve, 10))
    return heard[at]!.splice(0)
  }
  return { one: sockets[0]!, other: sockets[1]!, until, failed }
}

const way = (from: Address, to: Address, back = false): Path => ({
  local: { address: from, port: PORTS[back ? 1 : 0] },
  remote: { address: to, port: PORTS[back ? 0 : 1] },
})

for (const [from, to] of [
  ['127.0.0.11', '127.0.0.22'],
  ['::1', '::1'],
] as const) {
  test(`what is sent from ${from} to ${to} comes from there, and the answer goes the same way back`, {
    skip: skip || (from === '::1' ? whyNoIpv6() : false),
  }, async context => {
    const { one, other, until } = pair(context)
    const [a, b] = [parseAddress(from)!, parseAddress(to)!]
    const large = new Uint8Array(9000).map((_, index) => index)
    one.send(way(a, b), Uint8Array.of(1, 2, 3))
    one.send(way(a, b), large)
    const [first, second] = await until(1, 2)
    assert.deepEqual(first!.path, { local: { address: b, port: PORTS[1] }, remote: { address: a, port: PORTS[0] } })
    assert.deepEqual([...first!.bytes], [1, 2, 3])
    assert.deepEqual(second!.bytes, large, 'also what the network has to cut')
    other.send(first!.path, Uint8Array.of(4))
    const [answer] = await until(0, 1)
    assert.equal(formatAddress(answer!.path.remote.address), to)
    assert.equal(formatAddress(answer!.path.local.address), from)
  })
}

test('a burst is taken whole, and what cannot be sent is told and throws nothing', { skip }, async context => {
  const { one, until, failed } = pair(context)
  const [a, b] = [parseAddress('127.0.0.1')!, parseAddress('127.0.0.2')!]
  for (let number = 0; number < 200; number++) one.send(way(a, b), Uint8Array.of(number))
  assert.deepEqual(
    (await until(1, 200)).map(({ bytes }) => bytes[0]),
    [...Array(200).keys()],
  )
  one.send(way(a, parseAddress('255.255.255.255')!), Uint8Array.of(1))
  one.send(way(a, b), new Uint8Array(70_000))
  one.close()
  one.send(way(a, b), Uint8Array.of(1))
  assert.equal(failed.length, 3)
})

test('a port that somebody has is an Error that names it', { skip }, context => {
  const { one } = pair(context)
  const second = new KeyingSockets({ mark: 1, port: PORTS[0], heard() {} })
  assert.throws(() => second.open(), /45500.*EADDRINUSE/)
  assert.equal(one.families.length > 0, true)
  assert.deepEqual(second.families, [])
})
