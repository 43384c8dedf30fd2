// How other hosts of IKEv1 speak, by changing on the wire what no hash covers: NAT traversal and its draft, messages in pieces,
// the commit bit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress, sameAddress } from '../../base/address.ts'
import { readMessageV1 } from '../../wire/ike/v1-message.ts'
import { COMMIT_FLAG, exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { vendorId } from '../../wire/ike/v1-vendor-ids.ts'
import { Authority } from '../ikev2/test-certificates.ts'
import { START_DATE, sharedSecret, TestNet } from '../test-hosts.ts'
import { provedBy, twoHosts, v1Policy } from './test-hosts-v1.ts'

const QUICK = exchangeTypesV1.of['quick mode']

/** Overwrites a vendor ID in messages in clear. */
function without(bytes: Uint8Array, ...ids: readonly Uint8Array[]): Uint8Array {
  const changed = Buffer.from(bytes)
  for (const id of ids) {
    const at = changed.indexOf(id)
    if (at >= 0) changed.fill(0x55, at, at + id.length)
  }
  return new Uint8Array(changed)
}

for (const form of ['RFC 3947', 'draft 02'] as const) {
  test(`where ESP is to go in UDP, IKE moves to port 4500 after message 4 and both put ESP there (${form})`, () => {
    const net = new TestNet(1)
    const [left, right] = twoHosts(net, v1Policy({ encapsulation: 'udp' }))
    if (form === 'draft 02') net.tamper = bytes => [without(bytes, vendorId('natTraversal'))]
    left.needs(right)
    net.advance(3)
    assert.ok(left.reaches(right) && right.reaches(left), net.picture())
    const ports = net.letters.map(({ path }) => path.remote.port)
    assert.deepEqual(ports.slice(0, 5), [500, 500, 500, 500, 4500])
    const { encapsulation } = [...left.pairs.values()][0]!.pair.outbound
    assert.deepEqual(encapsulation, { sourcePort: 4500, destinationPort: 4500 })
    // Under keys of their own all goes on there, renewals of main mode too.
    left.input({ kind: 'close' })
    net.advance(1)
    assert.equal(right.pairs.size, 0)
  })
}

test('a peer that knows no NAT traversal is spoken with without', () => {
  const net = new TestNet(2)
  const [left, right] = twoHosts(net, v1Policy({ encapsulation: 'udp' }))
  const ids = [vendorId('natTraversal'), vendorId('natTraversalDraft'), vendorId('natTraversalDraftPlain')]
  net.tamper = bytes => [without(bytes, ...ids)]
  left.needs(right)
  net.advance(3)
  assert.ok(left.reaches(right), net.picture())
  assert.equal([...left.pairs.values()][0]!.pair.outbound.encapsulation, undefined)
})

test('where large packets are lost, messages with certificates go in pieces after a while', () => {
  const net = new TestNet(3)
  const policy = v1Policy()
  const authority = new Authority('Test', START_DATE)
  const own = (name: string) => ({ credentials: provedBy(policy, authority.host(name, 'rsa')) })
  const [left, right] = twoHosts(net, policy, [own('left.corp.test'), own('right.corp.test')])
  net.tamper = bytes => (bytes.length > 548 ? [] : [bytes])
  left.needs(right)
  net.advance(12)
  assert.ok(left.reaches(right) && right.reaches(left), net.picture())
  const pieces = net.letters.filter(({ bytes }) => {
    const read = readMessageV1(bytes)
    return read.ok && read.value.kind === 'clear' && read.value.payloads[0]?.kind === 'fragment'
  })
  assert.ok(pieces.length >= 4)
})

test('pieces that contradict each other are dropped, and the message still comes through', () => {
  const net = new TestNet(4)
  const policy = v1Policy()
  const authority = new Authority('Test', START_DATE)
  const own = (name: string) => ({ credentials: provedBy(policy, authority.host(name, 'rsa')) })
  const [left, right] = twoHosts(net, policy, [own('left.corp.test'), own('right.corp.test')])
  let spoiled = 0
  net.tamper = bytes => {
    if (bytes.length > 548) return []
    const read = readMessageV1(bytes)
    const piece = read.ok && read.value.kind === 'clear' ? read.value.payloads[0] : undefined
    if (piece?.kind !== 'fragment' || spoiled++ > 0) return [bytes]
    // A second last fragment, with the number 9.
    const other = bytes.slice()
    other[34] = 9
    other[35] = 1
    return [other, bytes]
  }
  left.needs(right)
  net.advance(30)
  assert.ok(left.reaches(right), net.picture())
})

const committed: readonly (readonly [string, (bytes: Uint8Array, isFirst: boolean) => boolean])[] = [
  ['the initiator of quick mode', (_, isFirst) => isFirst],
  ['the responder', (_, isFirst) => !isFirst],
  ['both', () => true],
]
for (const [who, sets] of committed) {
  test(`a commit bit that ${who} sets is answered or waited for, and both send in the end`, () => {
    const net = new TestNet(5)
    const [left, right] = twoHosts(net)
    let count = 0
    net.tamper = bytes => {
      if (bytes[18] !== QUICK) return [bytes]
      const at = count++
      const changed = bytes.slice()
      if (at < 2 && sets(bytes, at === 0)) changed[19]! |= COMMIT_FLAG
      return [changed]
    }
    left.needs(right)
    net.advance(5)
    assert.ok(left.reaches(right) && right.reaches(left), net.picture())
    assert.equal(left.pairs.size, 1)
  })
}

test('a third message of quick mode that is lost costs no packets: who answers receives already, and asks again', () => {
  const net = new TestNet(6)
  const [left, right] = twoHosts(net)
  let count = 0
  net.tamper = bytes => (bytes[18] === QUICK && ++count === 3 ? [] : [bytes])
  left.needs(right)
  net.advance(0.3)
  assert.ok(left.reaches(right), net.picture())
  assert.ok(!right.reaches(left))
  net.advance(1)
  assert.ok(right.reaches(left), net.picture())
})

test('a packet that comes through says as much as the third message does', () => {
  const net = new TestNet(7)
  const [left, right] = twoHosts(net)
  let count = 0
  net.tamper = bytes => (bytes[18] === QUICK && ++count >= 3 ? [] : [bytes])
  left.needs(right)
  net.advance(0.3)
  right.input({ kind: 'heard', names: [...right.pairs.keys()] })
  assert.ok(right.reaches(left), net.picture())
})

test('a host behind a NAT comes to keys, its address and port translated, and keeps the mapping', () => {
  const net = new TestNet(8)
  const policy = v1Policy()
  const [left, right] = twoHosts(net, policy)
  const outside = parseAddress('192.0.2.9')!
  const translated = new Map<number, number>()
  net.tamper = (bytes, { local, remote }) => {
    if (sameAddress(local.address, left.address)) {
      const port = 20_000 + local.port
      translated.set(port, local.port)
      const path = { local: remote, remote: { address: outside, port } }
      net.clock.at(net.clock.now() + 0.01, () => right.input({ kind: 'datagram', path, bytes }))
    } else if (sameAddress(remote.address, outside)) {
      const path = { local: { address: left.address, port: translated.get(remote.port)! }, remote: local }
      net.clock.at(net.clock.now() + 0.01, () => left.input({ kind: 'datagram', path, bytes }))
    }
    return []
  }
  left.needs(right)
  net.advance(3)
  const [ours, theirs] = [left, right].map(host => [...host.pairs.values()][0]?.pair)
  assert.deepEqual(
    ours?.outbound.encapsulation,
    { sourcePort: 4500, destinationPort: 4500 },
    left.state() + right.state(),
  )
  assert.deepEqual(theirs?.outbound.encapsulation, { sourcePort: 4500, destinationPort: 24_500 })
  assert.ok(sameAddress(theirs!.outbound.destination, outside))
  assert.equal(theirs?.outbound.layers[0]?.spi, ours?.inbound.layers[0]?.spi)
  let keepalives = 0
  const before = net.tamper
  net.tamper = (bytes, path) => {
    if (bytes.length === 1) keepalives++
    return before(bytes, path)
  }
  net.advance(100)
  assert.ok(keepalives > 2, `${keepalives} keepalives`)
  left.input({ kind: 'close' })
  net.advance(1)
  assert.equal(right.pairs.size, 0)
})

test('who hands its keys to a kernel first has a moment for it: packets that waited go a twentieth of a second later', () => {
  const net = new TestNet(20)
  const [left, right] = twoHosts(net)
  left.needs(right)
  const until = (isTrue: () => boolean) => {
    for (let step = 0; step < 1000 && !isTrue(); step++) net.advance(0.001)
    assert.ok(isTrue(), net.picture())
    return net.clock.now()
  }
  const third = until(() => net.letters.length === 9)
  const sends = until(() => left.reaches(right))
  assert.ok(sends - third > 0.045 && sends - third < 0.06, `${sends - third}`)
})

test('a renewed association is not sent through before the peer has had time for it, and nothing is lost meanwhile', () => {
  const net = new TestNet(21)
  const [left, right] = twoHosts(net)
  left.needs(right)
  net.advance(10)
  const [name] = [...left.pairs.keys()]
  left.input({ kind: 'ageing', name: name!, age: 'soft' })
  for (let step = 0; step < 100; step++) {
    net.advance(0.01)
    assert.ok(left.reaches(right) && right.reaches(left), net.picture())
  }
  assert.equal(left.endpoint.sessions()[0]!.children.filter(({ standing }) => standing === 'used').length, 1)
})

test('a peer that does not answer deletes hears of each in a message of its own, for there are some that read one', () => {
  const net = new TestNet(22)
  const [left, right] = twoHosts(net)
  net.tamper = bytes => [without(bytes, new TextEncoder().encode('sealwire IKEv1 1'))]
  left.needs(right)
  net.advance(3)
  const before = net.letters.length
  left.input({ kind: 'close' })
  net.advance(0.5)
  assert.equal(net.letters.length - before, 2)
  assert.deepEqual([right.pairs.size, right.endpoint.sessions()], [0, []])
})

test('a refusal that our keys do not open is heard of as one: pre-shared keys may differ', () => {
  const net = new TestNet(23)
  const policy = v1Policy({ fallBackToClear: true })
  const [left, right] = twoHosts(net, policy, [{}, { credentials: sharedSecret(policy, 'another') }])
  // As strongSwan says it: under keys, which are others.
  net.tamper = bytes => {
    const isInformational = bytes[18] === exchangeTypesV1.of.informational
    return [isInformational ? bytes.with(19, 1) : bytes]
  }
  left.needs(right)
  net.advance(4)
  assert.match(left.of('session-failed')[0]!.what, /our keys do not open.*pre-shared/)
  assert.equal(left.refused.length, 1)
})
