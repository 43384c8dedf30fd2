// Attacks and mishaps that a review thought of: each was possible once, or was looked for and is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress, sameAddress } from '../../base/address.ts'
import { UDP } from '../../base/flow.ts'
import { seededRandom } from '../../base/random.ts'
import { compile } from '../../policy/compile.ts'
import { ikeOffersOf } from '../../policy/ike-offers.ts'
import { policy as policyOf, rule as ruleOf } from '../../policy/test-policies.ts'
import { RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, readHeader, writeMessage } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'
import { ikeProposals } from '../choose-proposal.ts'
import { type Credential, credentialsOf } from '../credentials.ts'
import type { KeyingOutput, Path } from '../machine.ts'
import { pskPolicy, START_DATE, sharedSecret, TestHost, TestNet } from '../test-hosts.ts'
import { receive } from './drive.ts'
import { sealMessage } from './envelope.ts'
import { headerOf } from './sending.ts'
import { Authority, identityOf } from './test-certificates.ts'
import { TwoHosts } from './test-two-hosts.ts'

const IKE_SECURITY = ['aes128gcm16-prfsha256-curve25519']

/** The way on which `from` reaches `to`, as `to` sees it. */
function pathTo(to: TestHost, from: TestHost, port = 500): Path {
  return { local: { address: to.address, port }, remote: { address: from.address, port } }
}

function sealedPair(seed: number) {
  const net = new TestNet(seed)
  const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  one.needs(two)
  net.advance(5)
  assert.ok(one.reaches(two) && two.reaches(one))
  return { net, one, two }
}

/** What anybody can write who has seen the SPIs on their way. */
function clearInit(host: TestHost, spis: { initiator: bigint; responder: bigint }, flags: number): Uint8Array {
  const proposals = ikeProposals(ikeOffersOf(host.policy), new Uint8Array(0))
  return writeMessage({
    header: {
      initiatorSpi: spis.initiator,
      responderSpi: spis.responder,
      version: IKE_VERSION_2,
      exchange: exchangeTypes.of.IKE_SA_INIT,
      flags,
      messageId: 0,
    },
    payloads: [
      payload('security-association', { proposals }),
      payload('key-exchange', { method: 31, publicValue: new Uint8Array(32) }),
      payload('nonce', { nonce: new Uint8Array(32) }),
    ],
  })
}

test('a first message in clear that names a standing session changes nothing of it', () => {
  for (const flags of [0, 8, RESPONSE, 8 | RESPONSE]) {
    const { net, one, two } = sealedPair(1)
    const initiator = BigInt(`0x${one.endpoint.sessions()[0]!.id}`)
    const responder = BigInt(`0x${two.endpoint.sessions()[0]!.id}`)
    for (const [to, from] of [
      [one, two],
      [two, one],
    ] as const) {
      to.input({ kind: 'datagram', path: pathTo(to, from), bytes: clearInit(to, { initiator, responder }, flags) })
    }
    net.advance(5)
    assert.ok(one.reaches(two) && two.reaches(one), `flags ${flags}`)
  }
})

test('who proves itself does so from the address that it began from: no other host gets an association by it', () => {
  const net = new TestNet(2)
  const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  const other = net.host('10.0.0.9')
  let moved = 0
  net.tamper = (bytes, path) => {
    const header = readHeader(bytes)
    assert.ok(header.ok)
    const isProof = header.value.exchange === exchangeTypes.of.IKE_AUTH && path.local.address === one.address
    if (!isProof || moved > 0) return [bytes]
    moved++
    two.input({ kind: 'datagram', path: pathTo(two, other), bytes })
    assert.deepEqual(
      two.endpoint.sessions().map(({ state }) => state),
      ['awaiting-auth'],
    )
    return [bytes]
  }
  one.needs(two)
  net.advance(5)
  assert.equal(moved, 1)
  assert.ok(one.reaches(two) && two.reaches(one))
  assert.equal(two.sendingTo(other), undefined)
})

test('a peer behind a NAT may get another port, and never the address of another host', () => {
  const nat = { one: { beforeUs: true, beforePeer: false }, two: { beforeUs: false, beforePeer: true } }
  const hosts = new TwoHosts({ nat, settings: { forceEncapsulation: false } }).withChild()
  const { one, two } = hosts
  const ask = (change: Partial<Path['remote']>) => {
    one.wants({ kind: 'ask-whether-alive' })
    const session = two.session
    const path = { ...session.path, remote: { ...session.path.remote, ...change } }
    two.take(receive(session, one.wire.shift()!.slice(4), path, two.world), session)
    hosts.settle()
    return two.session.path.remote
  }
  const { address } = two.session.path.remote
  assert.deepEqual(ask({ port: 40_000 }), { address, port: 40_000 })
  assert.deepEqual(ask({ address: parseAddress('10.54.0.9')!, port: 41_000 }), { address, port: 40_000 })
})

test('a packet from another address of this host has a session of its own, and is not refused', () => {
  const { one, two, net } = sealedPair(3)
  const source = parseAddress('10.0.0.3')!
  const world = {
    now: net.clock.now(),
    date: START_DATE,
    random: seededRandom(3),
    policy: compile(one.policy, { me: [one.address, source] }),
    credentials: one.credentials,
    settings: one.settings,
  }
  const outputs = one.endpoint.handle({ kind: 'needs-keys', rule: 'all', flow: { ...one.flowTo(two), source } }, world)
  const sent = outputs.flatMap(output => (output.kind === 'send' ? [output.path.local.address] : []))
  assert.deepEqual(sent, [source])
  assert.ok(!outputs.some(({ kind }) => kind === 'refuse'))
})

test('a packet that a narrowed association does not carry is refused, whatever else goes through that one', () => {
  for (const isTogether of [true, false]) {
    const net = new TestNet(4)
    const narrow = pskPolicy({ filters: ruleOf('negotiate', ['tcp me <-> any']).filters })
    const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2', { policy: narrow })] as const
    one.needs(two)
    if (!isTogether) net.advance(5)
    one.needs(two, 'all', { protocol: UDP, destinationPort: 53 })
    net.advance(5)
    assert.ok(one.reaches(two))
    assert.deepEqual(one.refused, [one.flowTo(two, { protocol: UDP, destinationPort: 53 })])
  }
})

test('what waits for one peer is bounded while a session with it stands, too', () => {
  const net = new TestNet(5)
  const narrow = pskPolicy({ filters: ruleOf('negotiate', ['tcp me <-> any']).filters })
  const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2', { policy: narrow })] as const
  one.needs(two)
  net.advance(5)
  net.cut(two)
  for (let port = 0; port < 1000; port++) one.needs(two, 'all', { protocol: UDP, destinationPort: port })
  assert.equal(one.refused.length, 1000 - 256 - 1)
  net.advance(120)
  assert.equal(one.refused.length, 1000)
})

test('fragments that are more than one message holds are not kept, whatever their number says', () => {
  const { one, two } = new TwoHosts({ settings: { fragmentBytes: { ipv4: 40_000, ipv6: 40_000 } } })
  const data = new Uint8Array(50_000)
  const { session } = one
  const secured = session.state.secured
  const header = headerOf(session, exchangeTypes.of.INFORMATIONAL, 0, false)
  const large = [1, 2, 3, 4].map(id => notification('INVALID_SELECTORS', { packet: data.fill(id) }))
  const { datagrams } = sealMessage(secured, 'initiator', header, large, session.path, one.world)
  assert.ok(datagrams.length > 4)
  for (const datagram of datagrams) two.receive(datagram)
  const kept = [...(two.session.pieces?.contents.values() ?? [])].reduce((sum, { length }) => sum + length, 0)
  assert.ok(kept > 0 && kept <= 65_535, `${kept} octets`)
  assert.match(two.eventsOf('ignored')[0]!.what, /more than a message holds/)
})

test('an answer that comes after the policy changed makes no association that it no longer has', () => {
  const policy = { ...pskPolicy({ security: ['esp-aes128gcm16'] }) }
  const net = new TestNet(6)
  const [one, two] = [net.host('10.0.0.1', { policy }), net.host('10.0.0.2', { policy })] as const
  one.needs(two)
  net.advance(0.035)
  assert.equal(one.endpoint.sessions()[0]!.state, 'auth-sent')
  one.policy = pskPolicy({ security: ['esp-aes256gcm16'] })
  one.input({ kind: 'policy-changed' })
  net.advance(1)
  assert.deepEqual([...one.pairs.values()], [])
  assert.equal(one.refused.length, 1)
})

test('a peer that several rules accept in different ways gets the association of the rule that it asks for', () => {
  const authority = new Authority('a root of the test', START_DATE)
  const policy = policyOf(
    [
      ruleOf('negotiate', ['tcp any <-> any:445'], { name: 'files' }),
      ruleOf('negotiate', ['tcp any <-> any:80'], { name: 'web' }),
    ],
    { ike: { security: IKE_SECURITY } },
  )
  for (const [name, destinationPort] of [
    ['files', 445],
    ['web', 80],
  ] as const) {
    const net = new TestNet(7)
    const host = (own: string, peer: string) => {
      const any = authority.host(own, 'p256')
      const only = { ...any, peers: [identityOf(peer)] }
      return net.host(own, {
        policy,
        credentials: credentialsOf(
          new Map([
            ['files', [only]],
            ['web', [any]],
          ]),
        ),
      })
    }
    const [one, two] = [host('10.0.0.1', '10.0.0.2'), host('10.0.0.2', '10.0.0.1')] as const
    one.needs(two, name, { destinationPort })
    net.advance(5)
    assert.ok(one.reaches(two) && two.reaches(one), name)
    const [other, port] = name === 'web' ? (['files', 445] as const) : (['web', 80] as const)
    one.needs(two, other, { destinationPort: port })
    net.advance(5)
    assert.equal(one.pairs.size, 2, `${name}, then ${other}`)
  }
})

test('nothing of a datagram is needed any more once it has been handled', () => {
  const net = new TestNet(8)
  const settings = { halfOpen: { cookiesFrom: 0, most: 10, perAddress: 10 } }
  const hosts = [net.host('10.0.0.1', { settings }), net.host('10.0.0.2', { settings })] as const
  for (const host of hosts) {
    const input = host.input.bind(host)
    host.input = given => {
      input(given)
      if (given.kind === 'datagram') given.bytes.fill(0)
    }
  }
  const [one, two] = hosts
  one.needs(two)
  net.advance(5)
  assert.ok(one.reaches(two) && two.reaches(one))
})

test('one address has only so many sessions, whatever names it gives itself and whatever it says of the others', () => {
  const net = new TestNet(9)
  const two = net.host('10.0.0.2')
  let most = 0
  for (let count = 0; count < 150; count++) {
    const [credential] = two.credentials.of('all')
    const identity = identityOf(`host-${count}.corp.test`)
    const own = credentialsOf(new Map([['all', [{ ...credential!, identity } as Credential]]]))
    const one = new TestHost(net, '10.0.0.1', { credentials: own })
    net.hosts[1] = one
    one.needs(two)
    net.advance(0.1)
    assert.ok(one.reaches(two))
    one.isGone = true
    most = Math.max(most, two.endpoint.sessions().filter(({ state }) => state === 'established').length)
  }
  assert.ok(most <= 128, `${most} sessions`)
})

test('no session outlives the certificate that its peer proved itself by, however often it is rekeyed', () => {
  const authority = new Authority('a root of the test', START_DATE)
  const policy = pskPolicy({ lifetime: { seconds: 20_000 } }, { ike: { security: IKE_SECURITY, liveness: 0 } })
  const net = new TestNet(10)
  const host = (own: string) =>
    net.host(own, { policy, credentials: credentialsOf(new Map([['all', [authority.host(own, 'p256')]]])) })
  const [one, two] = [host('10.0.0.1'), host('10.0.0.2')] as const
  one.needs(two)
  net.advance(86_300)
  assert.ok(one.of('session-rekeyed').length > 1)
  assert.ok(one.reaches(two) && two.reaches(one))
  net.advance(150)
  assert.deepEqual([one.endpoint.sessions().length, one.pairs.size, two.pairs.size], [0, 0, 0])
  one.needs(two)
  net.advance(5)
  assert.equal(one.refused.length, 1)
})

test('only where nobody answers at all is a refusal one that a fallback to clear may follow', () => {
  const cases = [
    ['nobody there', () => undefined, true],
    ['the peer refuses', (two: TestHost) => (two.policy = pskPolicy({ active: false })), false],
    ['the peer has another secret', (two: TestHost) => (two.credentials = sharedSecret(two.policy, 'another')), false],
  ] as const
  for (const [name, change, isSilent] of cases) {
    const net = new TestNet(11)
    const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
    change(two)
    if (isSilent) net.cut(two)
    const seen: KeyingOutput[] = []
    const handle = one.endpoint.handle.bind(one.endpoint)
    one.endpoint.handle = (input, world) => {
      const outputs = handle(input, world)
      seen.push(...outputs)
      return outputs
    }
    one.needs(two)
    one.needs(two, 'all', { destinationPort: 80 })
    net.advance(60)
    const refused = seen.flatMap(output => (output.kind === 'refuse' ? [output.isSilent === true] : []))
    assert.deepEqual(refused, [isSilent, isSilent], name)
  }
})

test('a session that its peer has ended asks nothing any more, and is not given up a second time', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  one.wants({ kind: 'ask-whether-alive' })
  hosts.lose(one)
  two.wants({ kind: 'delete-session', why: 'a test' })
  hosts.deliver(two)
  assert.deepEqual(
    one.sessions.map(({ state }) => state.kind),
    ['closed'],
  )
  hosts.deliver(one)
  hosts.isStrict = false
  for (let second = 0; second < 100; second++) {
    hosts.clock.now++
    one.wake()
    assert.deepEqual(one.wire, [], `after ${second} s`)
  }
  assert.equal(one.eventsOf('session-closed').length, 1)
  assert.equal(one.sessions.length, 0)
})

test('of two hosts behind one NAT the second does not get the traffic of the first', () => {
  const net = new TestNet(12)
  const server = net.host('10.0.0.2')
  const nat = parseAddress('10.0.0.9')!
  const inside = [net.host('192.168.0.1'), net.host('192.168.0.2')] as const
  net.tamper = (bytes, { local, remote }) => {
    const later = (to: TestHost, path: Path) =>
      net.clock.at(net.clock.now() + 0.01, () => to.input({ kind: 'datagram', path, bytes: bytes.slice() }))
    const from = inside.findIndex(({ address }) => sameAddress(address, local.address))
    if (from >= 0) {
      later(server, { local: remote, remote: { address: nat, port: local.port + 10_000 * (from + 1) } })
    } else {
      const at = Math.floor(remote.port / 10_000)
      const host = inside[at - 1]!
      later(host, { local: { address: host.address, port: remote.port - 10_000 * at }, remote: local })
    }
    return []
  }
  const [first, second] = inside
  first.needs(server)
  net.advance(5)
  const sending = () => server.pairs.get(server.sending.at(-1)!)!.pair.outbound.encapsulation?.destinationPort
  assert.equal(sending(), 14_500)
  second.needs(server)
  net.advance(5)
  assert.equal(sending(), 14_500)
  assert.equal(second.refused.length, 1)
  assert.match(server.of('child-failed')[0]!.what, /another host behind the NAT 10\.0\.0\.9/)
  // The first one may renew what it has, and the second one may come when the first has gone.
  first.input({ kind: 'ageing', name: first.sending[0]!, age: 'soft' })
  net.advance(8)
  assert.equal(first.pairs.size, 1)
  first.input({ kind: 'close' })
  net.advance(5)
  second.needs(server)
  net.advance(5)
  assert.equal(sending(), 24_500)
})
