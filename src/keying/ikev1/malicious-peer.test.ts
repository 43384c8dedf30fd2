// What a peer that takes part, or somebody who changes its messages in clear on the way, can do to a host of IKEv1: it costs no
// more than it should, ends nothing of anybody else's, and throws nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress, parseAddress, sameAddress } from '../../base/address.ts'
import { Secret } from '../../base/secret.ts'
import { readMessageV1, writeMessageV1 } from '../../wire/ike/v1-message.ts'
import { notificationV1, plainNotificationV1 } from '../../wire/ike/v1-notify.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import type { PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import { identityOfAddress } from '../identity.ts'
import { Authority } from '../ikev2/test-certificates.ts'
import type { Path } from '../machine.ts'
import { START_DATE, type TestHost, TestNet } from '../test-hosts.ts'
import type { Established, Session } from './session.ts'
import { provedBy, twoHosts, v1Policy } from './test-hosts-v1.ts'
import { TestKerberos } from './test-kerberos.ts'
import { MaliciousPeer } from './test-malicious-peer.ts'
import { oneTooMany } from './waiting.ts'

const MAIN = exchangeTypesV1.of['main mode']

/** A message of main mode in clear, with other payloads; `undefined` for every other message. */
function rewritten(bytes: Uint8Array, change: (payloads: readonly PayloadV1[]) => readonly PayloadV1[]) {
  const read = readMessageV1(bytes)
  if (!read.ok || read.value.kind !== 'clear' || read.value.header.exchange !== MAIN) return undefined
  const { header, payloads } = read.value
  return writeMessageV1({ kind: 'clear', header, payloads: change(payloads) })
}

const has = (payloads: readonly PayloadV1[], kind: PayloadV1['kind']) => payloads.some(one => one.kind === kind)

function arrive(host: TestHost, { local, remote }: Path, bytes: Uint8Array): void {
  host.input({ kind: 'datagram', path: { local: remote, remote: local }, bytes })
}

function withKerberos(net: TestNet, settings: Partial<TestHost['settings']> = {}) {
  const policy = v1Policy({ authentication: [{ kind: 'kerberos', kdc: [] }] })
  const own = (principal: string) => ({ credentials: provedBy(policy, { kind: 'kerberos', principal }), settings })
  const hosts = twoHosts(net, policy, [own('DC1$@R'), own('DC2$@R')])
  const system = new TestKerberos(net)
  for (const host of hosts) system.serve(host)
  return hosts
}

test('an answer by Kerberos that has no token leads nowhere, however often it comes, and the right one still counts', () => {
  const net = new TestNet(1)
  const [left, right] = withKerberos(net)
  let spoiled = 0
  net.tamper = (bytes, path) => {
    if (path.remote.address !== left.address) return [bytes]
    const without = rewritten(bytes, payloads => {
      if (!has(payloads, 'key-exchange')) return payloads
      spoiled++
      return payloads.filter(({ kind }) => kind !== 'gss-token')
    })
    if (without === undefined || spoiled === 0) return [bytes]
    const again = rewritten(without, payloads => [...payloads, { kind: 'vendor-id', id: new Uint8Array(16) }])!
    return [without, again, bytes]
  }
  left.needs(right)
  net.advance(5)
  assert.ok(spoiled > 0)
  assert.ok(left.reaches(right), net.picture())
})

/** Further first messages of the host, as if it had begun often; its own session is the last one. */
function begins(host: TestHost, other: TestHost, net: TestNet, count: number): readonly Uint8Array[] {
  const [first] = net.letters
  const answers: Uint8Array[] = []
  net.tamper = bytes => {
    answers.push(bytes.slice())
    return []
  }
  for (let number = 1; number <= count; number++) {
    const bytes = first!.bytes.slice()
    new DataView(bytes.buffer).setUint32(0, number)
    arrive(other, { local: { address: host.address, port: 500 }, remote: { address: other.address, port: 500 } }, bytes)
  }
  net.tamper = undefined
  return answers
}

test('a host that begins without end costs no key exchange once it has as many sessions half open as it may', () => {
  const net = new TestNet(2)
  const perAddress = 3
  const [left, right] = twoHosts(net, v1Policy(), {
    settings: { halfOpen: { cookiesFrom: 32, most: 1000, perAddress } },
  })
  let third: Uint8Array | undefined
  let path: Path | undefined
  net.tamper = (bytes, on) => {
    const isThird = rewritten(bytes, payloads => payloads) !== undefined && on.local.address === left.address
    if (isThird && bytes.subarray(8, 16).some(octet => octet !== 0)) [third, path] = [bytes.slice(), on]
    return third === undefined ? [bytes] : []
  }
  left.needs(right)
  net.advance(0.1)
  assert.ok(third !== undefined && path !== undefined)
  const bad = rewritten(third, payloads =>
    payloads.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: new Uint8Array(64) } : one)),
  )!
  const goesOn = (count: number, like: Uint8Array) => {
    const [answer] = begins(left, right, net, count).slice(-1)
    const message = like.slice()
    message.set(answer!.subarray(0, 16))
    arrive(right, path!, message)
  }
  // With a public value that is none: whoever looks at it makes one of its own first.
  for (let round = 0; round < perAddress; round++) goesOn(1 + round, round === 0 ? third : bad)
  const half = () => right.endpoint.sessions().filter(({ state }) => state === 'key-answered').length
  assert.equal(half(), perAddress)
  const before = right.events.length
  goesOn(9, bad)
  const told = right.events.slice(before).flatMap(event => (event.kind === 'ignored' ? [event.what] : []))
  assert.match(told.join(), /3 sessions of that address are half open/)
  assert.equal(half(), perAddress)
})

test('proofs by a certificate that somebody else has are looked at a few times, and no more', () => {
  const net = new TestNet(3)
  const authority = new Authority('Test', START_DATE)
  const policy = v1Policy()
  const stolen = authority.host('left.corp.test', 'p256')
  const { key } = authority.host('thief.corp.test', 'p256').own!
  const [left, right] = twoHosts(net, policy, [
    { credentials: provedBy(policy, { ...stolen, own: { ...stolen.own!, key } }) },
    { credentials: provedBy(policy, authority.host('right.corp.test', 'p256')) },
  ])
  let proof: { readonly bytes: Uint8Array; readonly path: Path } | undefined
  net.tamper = (bytes, path) => {
    const isProof = path.local.address === left.address && bytes[18] === MAIN && (bytes[19]! & 1) !== 0
    if (isProof) proof = { bytes: bytes.slice(), path }
    return isProof ? [] : [bytes]
  }
  left.needs(right)
  net.advance(0.3)
  assert.ok(proof !== undefined)
  const before = right.events.length
  for (let round = 0; round < 20; round++) {
    // At the very end stands what nobody reads before the proof.
    const changed = proof.bytes.slice()
    changed[changed.length - 1]! ^= 1 + round
    arrive(right, { ...proof.path, local: { ...proof.path.local, port: 4000 + round } }, changed)
  }
  const told = right.events.slice(before).flatMap(event => ('what' in event ? [event.what] : []))
  assert.equal(told.filter(what => /too many proofs/.test(what)).length, 12, told.join('\n'))
  // None of them moved the session to another port.
  assert.deepEqual(
    right.endpoint.sessions().map(({ path }) => path.remote.port),
    [500],
  )
})

/** All hosts but `server` have one address there, and ports of their own. */
function behindNat(net: TestNet, server: TestHost): void {
  const outside = parseAddress('192.0.2.9')!
  const inside = new Map<number, { readonly host: TestHost; readonly port: number }>()
  net.tamper = (bytes, { local, remote }) => {
    const carry = (host: TestHost, path: Path) => {
      net.clock.at(net.clock.now() + 0.01, () => host.input({ kind: 'datagram', path, bytes }))
    }
    const at = net.hosts.findIndex(({ address }) => sameAddress(address, local.address))
    if (!sameAddress(local.address, server.address)) {
      const port = 10_000 * (at + 1) + local.port
      inside.set(port, { host: net.hosts[at]!, port: local.port })
      carry(server, { local: remote, remote: { address: outside, port } })
    } else {
      const { host, port } = inside.get(remote.port)!
      carry(host, { local: { address: host.address, port }, remote: local })
    }
    return []
  }
}

test('behind one NAT a machine that states the name of another one is still itself: Kerberos says who it is', () => {
  const net = new TestNet(4)
  const policy = v1Policy({ authentication: [{ kind: 'kerberos', kdc: [] }] })
  const [victim, server] = twoHosts(net, policy, [
    { credentials: provedBy(policy, { kind: 'kerberos', principal: 'DC1$@R' }) },
    { credentials: provedBy(policy, { kind: 'kerberos', principal: 'DC2$@R' }) },
  ])
  const identity = identityOfAddress(victim.address)
  const thief = net.host('10.0.0.3', {
    policy,
    credentials: provedBy(policy, { kind: 'kerberos', principal: 'THIEF$@R', identity }),
  })
  const system = new TestKerberos(net)
  for (const host of [victim, server, thief]) system.serve(host)
  behindNat(net, server)
  victim.needs(server)
  net.advance(3)
  assert.equal(server.pairs.size, 1)
  const [name] = server.pairs.keys()
  thief.needs(server)
  net.advance(3)
  const names = server.endpoint.sessions().flatMap(({ peerName }) => peerName ?? [])
  assert.deepEqual(names, ['DC1$@R', 'THIEF$@R'])
  // It says INITIAL-CONTACT and asks for the same traffic.
  assert.deepEqual([...server.pairs.keys()], [name], formatAddress(thief.address))
})

test('behind one NAT a host that begins without end ends its own sessions and no neighbour’s', () => {
  const address = parseAddress('192.0.2.9')!
  const standing = (id: string, from: string, establishedAt: number) => {
    const peer = { identity: identityOfAddress(parseAddress(from)!), credential: undefined }
    const state = { kind: 'established', establishedAt, peer, nat: { beforePeer: true, beforeUs: false } }
    return { id, path: { remote: { address } }, state } as unknown as Session<Established>
  }
  const neighbour = standing('neighbour', '10.0.0.1', 1)
  const greedy = Array.from({ length: 65 }, (_, at) => standing(`greedy ${at}`, '10.0.0.3', 2 + at))
  assert.equal(oneTooMany(greedy.at(-1)!, [neighbour, ...greedy])?.id, 'greedy 0')
  const many = Array.from({ length: 1024 }, (_, at) => standing(`${at}`, `10.1.${at >> 8}.${at & 255}`, 2 + at))
  assert.equal(oneTooMany(many.at(-1)!, [neighbour, ...many])?.id, '1023')
  assert.equal(oneTooMany(many[1]!, [neighbour, ...many.slice(0, 60)]), undefined)
})

test('behind one NAT who knows a shared key is not who proved the same name by a certificate', () => {
  const net = new TestNet(5)
  const authority = new Authority('Test', START_DATE)
  const policy = v1Policy()
  const secret = { kind: 'preSharedKey', secret: new Secret(new TextEncoder().encode('of a group')) } as const
  const own = authority.host('victim.corp.test', 'p256')
  const [victim, server] = twoHosts(net, policy, [
    { credentials: provedBy(policy, own) },
    { credentials: provedBy(policy, authority.host('server.corp.test', 'p256'), secret) },
  ])
  const thief = net.host('10.0.0.3', {
    policy,
    credentials: provedBy(policy, { ...secret, identity: own.own!.identity }),
  })
  behindNat(net, server)
  victim.needs(server)
  net.advance(3)
  const [name] = server.pairs.keys()
  assert.ok(name !== undefined, net.picture())
  thief.needs(server)
  net.advance(3)
  assert.equal(server.endpoint.sessions().length, 2, server.state())
  assert.deepEqual([...server.pairs.keys()], [name])
})

test('a message with a thousand questions is answered once, and one with a thousand errors is told of a few times', () => {
  const net = new TestNet(6)
  const policy = v1Policy()
  const right = net.host('10.0.0.2', { policy })
  const peer = new MaliciousPeer(net, right, policy).prove()
  const { initiator, responder } = peer.session.cookies
  const about = { protocol: 1, spi: new Uint8Array([...initiator, ...responder]) }
  const question = notificationV1('R-U-THERE', { sequence: 7 }, about)
  assert.equal(peer.tell(...Array<PayloadV1>(1000).fill(question)).length, 1)
  const before = right.events.length
  peer.tell(
    ...Array<PayloadV1>(1000).fill(plainNotificationV1('NO-PROPOSAL-CHOSEN', { protocol: 3, spi: new Uint8Array(4) })),
  )
  assert.ok(right.events.length - before <= 16, `${right.events.length - before} events`)
})

test('thousands of SPIs to delete that nobody has cost nothing', () => {
  const net = new TestNet(7)
  const policy = v1Policy()
  const right = net.host('10.0.0.2', { policy })
  const peer = new MaliciousPeer(net, right, policy).prove()
  const spis = Array.from({ length: 16_000 }, (_, at) => new Uint8Array([1, 2, at >> 8, at & 0xff]))
  const before = performance.now()
  peer.tell({ kind: 'delete', doi: 1, protocol: 3, spiSize: 4, spis })
  assert.ok(performance.now() - before < 2000)
  assert.equal(right.endpoint.sessions().length, 1)
})

test('who begins by Kerberos again and again, with tokens that are none, is looked at only so often', () => {
  const net = new TestNet(9)
  const [left, right] = withKerberos(net, { halfOpen: { cookiesFrom: 32, most: 1000, perAddress: 3 } })
  let looks = 0
  const system = right.kerberos!
  right.kerberos = (session, ask) => {
    if (ask.kind !== 'accept') return system(session, ask)
    looks++
    const answer = { kind: 'failed', what: 'no token' } as const
    net.clock.at(net.clock.now() + 0.01, () => right.input({ kind: 'kerberos', session, answer }))
  }
  net.tamper = (bytes, path) => (path.local.address === right.address && bytes[18] !== MAIN ? [] : [bytes])
  for (let round = 0; round < 12; round++) {
    left.needs(right)
    net.advance(0.3)
    left.input({ kind: 'close' })
  }
  assert.equal(looks, 3)
  const held = right.endpoint.sessions().filter(({ state }) => state !== 'sa-answered')
  assert.ok(held.length <= 3, right.state())
  net.advance(60)
  assert.deepEqual(right.endpoint.sessions(), [])
})
