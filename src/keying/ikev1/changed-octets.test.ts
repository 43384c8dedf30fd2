// Somebody on the way who changes one message: every message of main mode, quick mode and the exchanges under it, of either
// side, in clear and sealed, cut at every length and changed at every octet. Not every octet is covered by a hash; but
// whatever comes of it, nothing throws, and both ends have equal keys, or none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatenate } from '../../base/bytes.ts'
import { LENGTH_AT } from '../../wire/ike/header.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { NAT_TRAVERSAL_PORT } from '../../wire/udp-encapsulation.ts'
import { MARKER_BYTES } from '../first-look.ts'
import { Authority } from '../ikev2/test-certificates.ts'
import { inRun, START_DATE, type TestHost, TestNet } from '../test-hosts.ts'
import { provedBy, twoHosts, v1Policy } from './test-hosts-v1.ts'

/** Of variants every one, or in a usual run some of them, at places that differ from message to message. */
const EVERY = process.env['SEALWIRE_LONG_TESTS'] === '1' ? 1 : 61
const EXCHANGE_AT = 18
const FLAGS_AT = 19

const authority = new Authority('Test', START_DATE)

type Hosts = readonly [TestHost, TestHost]

const policy = v1Policy({ freshKeys: true }, { ike: { liveness: 5 } })
const stories: readonly (readonly [string, (net: TestNet) => Hosts])[] = [
  ['with a pre-shared key', net => twoHosts(net, policy)],
  [
    'with certificates',
    net => {
      const own = (name: string) => ({ credentials: provedBy(policy, authority.host(name, 'p256')) })
      return twoHosts(net, policy, [own('left.corp.test'), own('right.corp.test')])
    },
  ],
  ['with ESP in UDP', net => twoHosts(net, v1Policy({ encapsulation: 'udp' }, { ike: { liveness: 5 } }))],
]

/** Two hosts make keys, ask whether the other is there, and delete an association. */
function play(start: (net: TestNet) => Hosts, tamper: TestNet['tamper']): { net: TestNet; hosts: Hosts } {
  const net = new TestNet(7)
  const hosts = start(net)
  const [one] = hosts
  net.tamper = tamper
  inRun(7, net, () => {
    one.needs(hosts[1])
    net.advance(8)
    const [name] = one.pairs.keys()
    if (name !== undefined) one.input({ kind: 'ageing', name, age: 'hard' })
    net.advance(1)
    one.needs(hosts[1])
    net.advance(120)
  })
  return { net, hosts }
}

function variantsOf(octets: number): readonly ((bytes: Uint8Array) => Uint8Array)[] {
  const cuts = Array.from({ length: octets }, (_, length) => (whole: Uint8Array) => whole.slice(0, length))
  // With a length that says so: only what is inside can be wrong now.
  const fitting = Array.from({ length: octets - 28 }, (_, more) => (whole: Uint8Array) => {
    const cut = whole.slice(0, 28 + more)
    new DataView(cut.buffer).setUint32(LENGTH_AT, cut.length)
    return cut
  })
  const changes = Array.from({ length: octets }, (_, at) => (whole: Uint8Array) => {
    const changed = whole.slice()
    changed[at]! ^= 1 + ((at * 37) % 255)
    return changed
  })
  const bits = [1, 2, 4, 8, 128].map(bit => (whole: Uint8Array) => {
    const changed = whole.slice()
    changed[FLAGS_AT]! ^= bit
    return changed
  })
  return [...cuts, ...fitting, ...changes, ...bits]
}

function assertAgreed([one, other]: Hosts): 'keys' | 'none' {
  for (const [host, peer] of [
    [one, other],
    [other, one],
  ] as const) {
    const pair = host.sendingTo(peer)
    if (pair !== undefined) assert.ok(peer.counterpart(pair), 'what it sends, the other cannot open')
    for (const { peerName } of host.of('session-established')) {
      const names = [/^10\.0\.0\./, /(left|right)\.corp\.test/]
      assert.ok(names.some(name => name.test(peerName)))
    }
    assert.ok(host.pairs.size <= 3, `${host.pairs.size} associations`)
  }
  assert.equal(one.sendingTo(other) === undefined, other.sendingTo(one) === undefined, 'only one of them sends')
  return one.sendingTo(other) === undefined ? 'none' : 'keys'
}

for (const [name, start] of stories) {
  test(`a message ${name} that is cut or changed on its way ends in equal keys or in none, whichever it is`, () => {
    const honest: { readonly bytes: Uint8Array; readonly marker: number }[] = []
    play(start, (bytes, { local }) => {
      honest.push({ bytes: bytes.slice(), marker: local.port === NAT_TRAVERSAL_PORT ? MARKER_BYTES : 0 })
      return [bytes]
    })
    const messages = honest.slice(0, 18)
    const kinds = new Set(messages.map(({ bytes, marker }) => exchangeTypesV1.nameOf(bytes[marker + EXCHANGE_AT]!)))
    for (const kind of ['main mode', 'quick mode', 'informational']) assert.ok(kinds.has(kind), kind)
    const outcomes = { keys: 0, none: 0 }
    for (const [at, { bytes, marker }] of messages.entries()) {
      const within = (change: (bytes: Uint8Array) => Uint8Array) => (whole: Uint8Array) =>
        concatenate([whole.subarray(0, marker), change(whole.slice(marker))])
      for (const [number, variant] of variantsOf(bytes.length - marker).entries()) {
        const change = within(variant)
        if ((number + 7 * at) % EVERY !== 0) continue
        for (const isInstead of [true, false]) {
          let count = 0
          const { net, hosts } = play(start, whole => {
            if (count++ !== at) return [whole]
            return isInstead ? [change(whole)] : [change(whole), whole]
          })
          try {
            outcomes[assertAgreed(hosts)]++
          } catch (cause) {
            throw new Error(`message ${at + 1}, variant ${number}, ${isInstead}\n${net.picture(30)}`, { cause })
          }
        }
      }
    }
    // Nearly always the honest message, or its repetition, leads to keys all the same.
    assert.ok(outcomes.none < outcomes.keys / 2, JSON.stringify(outcomes))
  })
}
