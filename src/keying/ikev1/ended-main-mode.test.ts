// A peer that ends its main mode and keeps what was made under it, as a Windows may; what it tells of lifetimes and of what it
// asks for; its cookies; one quick mode for each main mode. The peer is played by test-liar.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy } from '../../policy/model.ts'
import { writeMessageV1 } from '../../wire/ike/v1-message.ts'
import { notificationV1 } from '../../wire/ike/v1-notify.ts'
import { exchangeTypesV1, protocolIdsV1 } from '../../wire/ike/v1-numbers.ts'
import { payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { lifetimeAttributes } from '../../wire/ike/v1-security-association.ts'
import { ipsecAttributes } from '../../wire/ike/v1-transform-numbers.ts'
import { spiBytes } from '../association-pair.ts'
import type { Path } from '../machine.ts'
import { type TestHost, TestNet } from '../test-hosts.ts'
import { twoHosts, v1Policy } from './test-hosts-v1.ts'
import { honest, Liar } from './test-liar.ts'

const MAIN = exchangeTypesV1.of['main mode']
const { ISAKMP, ESP } = protocolIdsV1.of

interface Scene {
  readonly net: TestNet
  readonly host: TestHost
  readonly peer: Liar
  /** Of what the host says to the peer nothing arrives any more. */
  silence: () => void
}

function scene(policy: Policy = v1Policy({}, { ike: { liveness: 20 } }), theirs: Policy = policy): Scene {
  const net = new TestNet(1)
  const host = net.host('10.0.0.1', { policy })
  let isSilent = false
  const later = (work: () => void) => net.clock.at(net.clock.now() + 0.01, work)
  const peer = new Liar('10.0.0.2', host.address, theirs, 1, ({ local, remote }, bytes) => {
    later(() => host.input({ kind: 'datagram', path: { local: remote, remote: local }, bytes }))
  })
  net.tamper = (bytes, path) => {
    if (!isSilent) {
      later(() => {
        peer.now = net.clock.now()
        peer.hears(bytes, path)
      })
    }
    return [bytes]
  }
  return { net, host, peer, silence: () => (isSilent = true) }
}

const flowTo = ({ peer, host }: Scene, port = 445) =>
  ({ source: peer.address, destination: host.address, protocol: 6, sourcePort: 49_152, destinationPort: port }) as const

function cookiesOf({ peer }: Scene): Uint8Array {
  const { initiator, responder } = peer.session!.cookies
  return new Uint8Array([...initiator, ...responder])
}

/** The host has one association with the peer, which has ended its main mode. */
function ended(given: Scene): Scene {
  const { net, host, peer } = given
  host.input({
    kind: 'needs-keys',
    rule: 'all',
    flow: { ...flowTo(given), source: host.address, destination: peer.address },
  })
  net.advance(2)
  assert.equal(host.pairs.size, 1, host.state())
  peer.tells([payloadV1('delete', { doi: 1, protocol: ISAKMP, spiSize: 16, spis: [cookiesOf(given)] })], 4711)
  net.advance(0.1)
  assert.deepEqual(host.endpoint.sessions(), [])
  assert.equal(host.pairs.size, 1)
  peer.session = undefined
  return given
}

const mainModes = ({ net }: Scene) =>
  net.letters.filter(({ bytes }) => bytes[18] === MAIN && bytes.subarray(8, 16).every(octet => octet === 0))

test('associations live on when the peer ends their main mode, and are renewed by another one', () => {
  const given = ended(scene())
  const { net, host, peer } = given
  const [name] = host.pairs.keys()
  host.input({ kind: 'ageing', name: name!, age: 'soft' })
  net.advance(2)
  assert.equal(host.endpoint.sessions().length, 1)
  const [child] = host.of('child-established').slice(-1)
  assert.equal(child?.replaces, name)
  assert.equal(peer.session?.state.kind, 'established')
})

test('after a silence a peer that ended its main mode is asked by another one, and not before', () => {
  const given = ended(scene())
  const { net, host } = given
  const [name] = host.pairs.keys()
  net.advance(15)
  host.input({ kind: 'heard', names: [name!] })
  net.advance(15)
  assert.equal(mainModes(given).length, 1)
  net.advance(8)
  assert.equal(mainModes(given).length, 2)
  assert.equal(host.endpoint.sessions().length, 1)
  assert.ok(host.pairs.has(name!), 'it answered: nothing goes')
})

test('a peer that ended its main mode and is gone takes its associations with it', () => {
  const given = ended(scene())
  given.silence()
  given.net.advance(70)
  assert.equal(given.host.pairs.size, 0)
  assert.match(given.host.of('child-closed')[0]!.why, /does not answer/)
  given.net.advance(2000)
  assert.ok(mainModes(given).length < 10, 'nobody is asked for ever')
})

test('a peer that is watched is waited for as long as any, though its rule may fall back to clear', () => {
  const given = ended(scene(v1Policy({ fallBackToClear: true }, { ike: { liveness: 20, silence: 0.5 } })))
  given.silence()
  given.net.advance(25)
  assert.deepEqual([mainModes(given).length > 2, given.host.pairs.size], [true, 1])
  given.net.advance(30)
  assert.equal(given.host.pairs.size, 0)
})

test('a peer whose packets still come keeps its associations, whether or not it answers main mode', () => {
  const given = ended(scene())
  const { net, host } = given
  given.silence()
  const [name] = host.pairs.keys()
  for (let round = 0; round < 40; round++) {
    net.advance(5)
    host.input({ kind: 'heard', names: [name!] })
  }
  assert.ok(host.pairs.has(name!))
})

test('where liveness is off nobody is asked: associations end by their own lifetime', () => {
  const given = ended(scene(v1Policy({}, { ike: { liveness: 0 } })))
  given.net.advance(300)
  assert.equal(mainModes(given).length, 1)
  assert.equal(given.host.pairs.size, 1)
})

test('a lifetime that the responder tells after quick mode renews the child in its time', () => {
  const given = scene()
  const { net, host, peer } = given
  host.input({
    kind: 'needs-keys',
    rule: 'all',
    flow: { ...flowTo(given), source: host.address, destination: peer.address },
  })
  net.advance(2)
  const [[name, { pair }]] = [...host.pairs] as unknown as readonly [readonly [number, { readonly pair: TestPair }]]
  const numbers = { type: ipsecAttributes.of['life type'], duration: ipsecAttributes.of['life duration'] }
  const lifetime = (seconds: number, spi: number) =>
    notificationV1(
      'RESPONDER-LIFETIME',
      { attributes: lifetimeAttributes({ seconds }, numbers) },
      { protocol: ESP, spi: spiBytes(spi) },
    )
  peer.tells([lifetime(100, pair.outbound.layers[0]!.spi)], 77)
  peer.tells([lifetime(0, name), lifetime(1, 4242)], 78)
  net.advance(60)
  assert.equal(host.of('child-established').length, 1)
  net.advance(30)
  assert.equal(host.of('child-established').at(-1)?.replaces, name)
  net.advance(30)
  assert.ok(!host.pairs.has(name))
})

interface TestPair {
  readonly outbound: { readonly layers: readonly { readonly spi: number }[] }
}

test('what a Windows tells of its quick mode is told in words', () => {
  const given = scene()
  const { net, host, peer } = given
  const info = notificationV1('MS-EXCHANGE-INFO', { flags: 3 }, { protocol: ESP, spi: new Uint8Array(0) })
  peer.lies = {
    ...honest,
    payloads: ({ header, payloads }) =>
      header.exchange === exchangeTypesV1.of['quick mode'] && payloads.length > 0 ? [...payloads, info] : payloads,
  }
  host.input({
    kind: 'needs-keys',
    rule: 'all',
    flow: { ...flowTo(given), source: host.address, destination: peer.address },
  })
  net.advance(2)
  assert.match(host.of('warning')[0]!.what, /at a boundary.*encryption has to be guaranteed/)
  assert.equal(host.pairs.size, 1)
})

test('a Windows under a flood gets the first message again with its cookie, and whoever asks without end gets no more', () => {
  const net = new TestNet(1)
  const [left, right] = twoHosts(net)
  const cookie = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2)
  const says = (bytes: Uint8Array, { local, remote }: Path, data: Uint8Array) => {
    const header = {
      initiatorSpi: new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0),
      ...{ responderSpi: 0n, version: { major: 1, minor: 0 }, flags: 0, messageId: 5 },
      exchange: exchangeTypesV1.of.informational,
    }
    const payloads = [notificationV1('MS-DOS-COOKIE', { cookie: data }, { protocol: ISAKMP, spi: new Uint8Array(0) })]
    const path = { local, remote }
    net.clock.at(net.clock.now() + 0.001, () =>
      left.input({ kind: 'datagram', path, bytes: writeMessageV1({ kind: 'clear', header, payloads }) }),
    )
  }
  const brought: string[] = []
  let isAsking = true
  net.tamper = (bytes, path) => {
    if (path.local.address !== left.address || !isAsking) return [bytes]
    const has = bytes.subarray(8, 16)
    if (has.some(octet => octet !== 0)) {
      brought.push(has.toHex())
    }
    says(bytes, path, cookie)
    return []
  }
  left.needs(right)
  net.advance(4)
  assert.deepEqual([...new Set(brought)], [cookie.toHex()])
  assert.equal(brought.length, 8)
  assert.equal(left.of('warning').length, 1)
  // The message without a cookie stayed on its way.
  isAsking = false
  net.advance(9)
  assert.ok(left.reaches(right), net.picture())
})

test('under master PFS a second quick mode of the peer’s under one main mode ends it, and the first one’s keys stay', () => {
  const strict = v1Policy({}, { ike: { masterPfs: true, liveness: 20 } })
  const given = scene(strict, v1Policy())
  const { net, host, peer } = given
  peer.begins({ rule: 'all', flow: flowTo(given) })
  net.advance(1)
  peer.asksFor({ rule: 'all', flow: flowTo(given) })
  net.advance(1)
  assert.equal(host.pairs.size, 1, host.state())
  peer.asksFor({ rule: 'all', flow: flowTo(given) })
  net.advance(1)
  assert.equal(host.of('child-established').length, 1)
  assert.match(host.of('session-closed')[0]!.why, /master PFS/)
  assert.equal(host.pairs.size, 1)
  assert.equal(peer.session, undefined)
})
