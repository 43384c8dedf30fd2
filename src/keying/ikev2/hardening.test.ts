// What a second review asked for: peers whose port changes, that renew without pause, that claim what they are not, and
// answers in clear that anybody can write.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../base/secret.ts'
import { compile } from '../../policy/compile.ts'
import { address } from '../../policy/test-policies.ts'
import { isResponse } from '../../wire/ike/header.ts'
import { readHeader, writeMessage } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import type { Credential } from '../credentials.ts'
import { withMarker } from '../first-look.ts'
import type { Path } from '../machine.ts'
import { TestNet } from '../test-hosts.ts'
import { intend, receive } from './drive.ts'
import { answerFollowUp } from './follow-up.ts'
import { isForgotten } from './redundancy.ts'
import type { Established, Session } from './session.ts'
import { need } from './step.ts'
import { Authority, identityOf } from './test-certificates.ts'
import { DATE, handshake, holding, sharedKey, testPolicy } from './test-handshake.ts'
import { type Host, ONE, RULE, TWO, TwoHosts, WAITING } from './test-two-hosts.ts'

const behindNat = { one: { beforeUs: true, beforePeer: false }, two: { beforeUs: false, beforePeer: true } }

/** The NAT before the first host gives its next message another port. */
function asksFrom(hosts: TwoHosts, port: number): void {
  const { one, two } = hosts
  one.wants({ kind: 'ask-whether-alive' })
  const { session } = two
  const path = { ...session.path, remote: { ...session.path.remote, port } }
  two.take(receive(session, one.wire.shift()!.slice(4), path, two.world), session)
  hosts.settle()
}

const portOf = (host: Host) => host.installed.get(host.sending.at(-1)!)!.outbound.encapsulation?.destinationPort

const asked = (host: Host, exchange: keyof typeof exchangeTypes.of) =>
  host
    .eventsOf('message')
    .filter(
      ({ way, header }) => way === 'sent' && !isResponse(header) && header.exchange === exchangeTypes.of[exchange],
    )

test('when a NAT gives the peer another port, its associations follow at once and make before they break', () => {
  const hosts = new TwoHosts({ nat: behindNat }).withChild()
  const { two } = hosts
  hosts.pass(1)
  asksFrom(hosts, 40_000)
  hosts.pass(0)
  assert.equal(portOf(two), 40_000)
  hosts.pass(20)
  hosts.assertOneChild()
  assert.equal(portOf(two), 40_000)
  assert.equal(asked(two, 'CREATE_CHILD_SA').length, 1)
})

test('a peer whose port changes with every message has its associations renewed seldom, and in the end for the right one', () => {
  const hosts = new TwoHosts({ nat: behindNat }).withChild()
  const { two } = hosts
  hosts.pass(1)
  for (let times = 0; times < 50; times++) {
    asksFrom(hosts, 40_000 + (times % 2))
    hosts.pass(0.1)
  }
  assert.equal(asked(two, 'CREATE_CHILD_SA').length, 1)
  hosts.pass(20)
  assert.equal(asked(two, 'CREATE_CHILD_SA').length, 2)
  assert.equal(portOf(two), 40_001)
  hosts.pass(100)
  assert.equal(asked(two, 'CREATE_CHILD_SA').length, 2)
  hosts.assertOneChild()
})

test('a port that changed before the IKE SA was rekeyed is not forgotten with the old one', () => {
  const hosts = new TwoHosts({ nat: behindNat }).withChild()
  hosts.pass(1)
  asksFrom(hosts, 40_000)
  hosts.one.wants({ kind: 'rekey-session' })
  hosts.settle()
  hosts.pass(20)
  assert.equal(portOf(hosts.two), 40_000)
  hosts.assertOneChild()
})

test('a peer that rekeys the IKE SA without pause is put off, and one that does so a few times is not', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  for (let times = 0; times < 30; times++) {
    one.take(intend(one.session, { kind: 'rekey-session', detours: 99 }, one.world), one.session)
    hosts.settle()
  }
  assert.equal(two.eventsOf('session-rekeyed').length, 5)
  assert.ok(two.sessions.length <= 6)
  hosts.pass(60)
  one.wants({ kind: 'rekey-session' })
  hosts.settle()
  assert.ok(two.eventsOf('session-rekeyed').length > 5)
  hosts.pass(60)
  hosts.assertOneChild()
})

test('an IKE SA without a child ends in time, however often it is rekeyed', () => {
  const hosts = new TwoHosts({
    policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519'], lifetime: { seconds: 100 } } },
  })
  hosts.withChild()
  hosts.isStrict = false
  hosts.one.wants({ kind: 'delete-children', names: [hosts.one.children[0]!.name], why: 'a test' })
  hosts.settle()
  hosts.pass(590)
  assert.ok(hosts.one.eventsOf('session-rekeyed').length >= 5)
  assert.equal(hosts.one.standing.length, 1)
  hosts.pass(20)
  assert.deepEqual([hosts.one.standing.length, hosts.two.standing.length], [0, 0])
  assert.match(hosts.one.eventsOf('session-closed')[0]!.why, /no child for a long while|the peer closes it/)
})

const lies: Credential = sharedKey(undefined, { identity: identityOf('10.54.0.9') })

test('who states an address speaks from it: another host is not believed to be there, whatever it can prove', () => {
  const atResponder = handshake({ initiator: holding([lies]), responder: holding([sharedKey()]) })
  assert.match(
    atResponder.responder.refused!,
    /10\.54\.0\.9 at 10\.54\.0\.1: who states an address has to speak from it/,
  )
  const atInitiator = handshake({ initiator: holding([sharedKey()]), responder: holding([lies]) })
  assert.match(atInitiator.initiator.refused!, /10\.54\.0\.9 at 10\.54\.0\.2: who states an address/)
  const authority = new Authority('a root of the test', DATE)
  const done = handshake({
    initiator: holding([authority.host('10.54.0.9', 'p256')]),
    responder: holding([authority.host('two.corp.test', 'p256')]),
  })
  assert.match(done.responder.refused!, /who states an address has to speak from it/)
})

test('behind a NAT a host states the address that it has there', () => {
  const stated = handshake({
    initiator: holding([lies]),
    responder: holding([sharedKey()]),
    wire: { initiator: noSource },
  })
  assert.doesNotMatch(stated.responder.refused!, /who states an address/)
})

/** What a NAT does to the hash of the source; AUTH then shows that the message was changed, after the identity is judged. */
const noSource = (datagram: Uint8Array, exchange: string) => {
  if (exchange !== 'IKE_SA_INIT') return datagram
  const copy = datagram.slice()
  const at = Buffer.from(copy).indexOf(Uint8Array.of(0, 28, 0, 0, 0x40, 0x04))
  assert.ok(at > 0)
  copy[at + 6]! ^= 1
  return copy
}

test('a peer with the identity, the certificate or the key of this host is nobody', () => {
  const authority = new Authority('a root of the test', DATE)
  const same = authority.host('one.corp.test', 'p256')
  const twins: readonly (readonly [Credential, Credential])[] = [
    [same, same],
    [authority.host('one.corp.test', 'p256'), authority.host('one.corp.test', 'p256')],
    [
      sharedKey(undefined, { identity: identityOf('corp.test') }),
      sharedKey(undefined, { identity: identityOf('corp.test') }),
    ],
  ]
  for (const [initiator, responder] of twins) {
    const done = handshake({ initiator: holding([initiator]), responder: holding([responder]) })
    assert.match(done.responder.refused!, /has the identity or the key of this host/)
  }
})

const shortNonce = (payloads: readonly Payload[]) =>
  payloads.map(one => (one.kind === 'nonce' ? { ...one, nonce: one.nonce.subarray(0, 16) } : one))

test('a nonce that is shorter than half the key of the prf is refused by either side', () => {
  const policy = testPolicy({ ike: { security: ['aes256gcm16-prfsha384-curve25519'] } })
  const atResponder = handshake({ both: { policy }, initiator: { says: shortNonce } })
  assert.match(atResponder.responder.refused!, /nonce has 16 octets, .* wants 24 at least/)
  assert.match(atResponder.story[1]!, /INVALID_SYNTAX$/)
  const atInitiator = handshake({ both: { policy }, responder: { says: shortNonce } })
  assert.match(atInitiator.initiator.refused!, /nonce has 16 octets/)
  const small = handshake({
    both: { policy: testPolicy({ ike: { security: ['aes128gcm16-prfsha256-curve25519'] } }) },
    initiator: { says: shortNonce },
  })
  assert.doesNotMatch(small.responder.refused ?? '', /nonce/)
})

test('INITIAL_CONTACT ends what stood before only where both were proved by the same', () => {
  const hosts = new TwoHosts()
  const now = hosts.one.session
  const before = (credential: Credential): Session<Established> => ({
    ...now,
    id: 'one of before',
    state: { ...now.state, establishedAt: 1, peer: { ...now.state.peer, credential } },
  })
  const other: Credential = { kind: 'preSharedKey', secret: new Secret(new Uint8Array(16).fill(1)) }
  assert.equal(isForgotten(before(now.state.peer.credential), now), true)
  assert.equal(isForgotten(before(other), now), false)
})

/** In clear, as anybody can write it who sees the request. */
function refusalOf(
  bytes: Uint8Array,
  notify: Payload = notification('NO_PROPOSAL_CHOSEN', {}),
): Uint8Array | undefined {
  const header = readHeader(bytes)
  assert.ok(header.ok)
  if (header.value.exchange !== exchangeTypes.of.IKE_SA_INIT || !isResponse(header.value)) return undefined
  return writeMessage({ header: { ...header.value, responderSpi: 7n }, payloads: [notify] })
}

test('an answer in clear that anybody can write stops nothing which the honest peer answers', () => {
  const errors = [
    notification('NO_PROPOSAL_CHOSEN', {}),
    notification('INVALID_SYNTAX', {}),
    notification('INVALID_KE_PAYLOAD', { method: 2 }),
  ]
  for (const error of errors) {
    for (const isLost of [false, true]) {
      const net = new TestNet(11)
      const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
      let forged = 0
      net.tamper = bytes => {
        const refused = refusalOf(bytes, error)
        if (refused === undefined || forged++ > 0) return [bytes]
        return isLost ? [refused] : [refused, bytes]
      }
      one.needs(two)
      net.advance(3)
      assert.ok(forged > 0 && one.reaches(two) && two.reaches(one))
      assert.deepEqual([one.refused.length, one.events.filter(({ kind }) => kind === 'session-failed').length], [0, 0])
    }
  }
})

test('a refusal that nothing better follows is told once, after a second or two, and opens nothing', () => {
  const net = new TestNet(12)
  const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  net.tamper = bytes => [refusalOf(bytes) ?? bytes]
  one.needs(two)
  net.advance(1)
  assert.equal(one.refused.length, 0)
  net.advance(1)
  assert.equal(one.refused.length, 1)
  net.advance(60)
  const failures = one.events.flatMap(event => (event.kind === 'session-failed' ? [event.what] : []))
  assert.equal(failures.length, 1)
  assert.match(failures[0]!, /NO_PROPOSAL_CHOSEN/)
})

test('a peer whose NAT gives port 500 the port 4500 gets its answer in the form in which it asked', () => {
  const path = (local: number, remote: number): Path => ({
    local: { address: address(ONE), port: local },
    remote: { address: address(TWO), port: remote },
  })
  const octets = Uint8Array.of(1, 2, 3)
  assert.equal(withMarker(path(500, 4500), octets).length, 3)
  assert.equal(withMarker(path(4500, 500), octets).length, 7)
  assert.equal(withMarker(path(4500, 4500), octets).length, 7)
})

test('keys of an IKE SA that the peer made and nobody goes on with are wiped', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  hosts.isStrict = false
  one.wants({ kind: 'rekey-session' })
  two.wants({ kind: 'rekey-session' })
  hosts.deliver(two)
  const { peerRekey } = one.session.state
  const key = peerRekey!.session.state.secured.keys.derivation
  assert.ok(key.reveal().some(octet => octet !== 0))
  two.sessions = []
  one.wire.length = 0
  hosts.pass(600)
  assert.equal(one.sessions.length, 0)
  assert.ok(key.reveal().every(octet => octet === 0))
})

const twice = { changes: { freshKeys: true, keyExchange: 'curve25519+mlkem512' } }

test('a child whose further key exchange ends after its rule is gone is not made, by either side', () => {
  const hosts = new TwoHosts(twice)
  const { one, two } = hosts
  one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.deliver(one)
  hosts.deliver(two)
  const { policy } = two.world.policy
  const changed = compile({ ...policy, rules: policy.rules.map(rule => ({ ...rule, security: ['esp-aes128gcm16'] })) })
  const { followUp } = two.session.state
  const { task } = one.session.state
  assert.ok(followUp !== undefined && task?.kind === 'follow-up')
  const payloads: readonly Payload[] = [
    {
      kind: 'key-exchange',
      critical: false,
      method: task.exchange.method.transform,
      publicValue: task.exchange.public,
    },
    notification('ADDITIONAL_KEY_EXCHANGE', { link: followUp.link }),
  ] as never
  const opened = { header: undefined as never, payloads, octets: new Uint8Array(0), path: two.session.path }
  const step = answerFollowUp(two.session, opened, { ...two.world, policy: changed })
  assert.ok(!('kind' in step))
  assert.deepEqual(
    step.outputs.map(output => (output.kind === 'report' ? output.event.kind : output.kind)),
    ['warning'],
  )
  assert.equal(need(step.reply!, 'notify').kind, 'notify')
  assert.equal((step.session!.state as Established).children.length, 0)

  hosts.deliver(one)
  const answer = two.wire.shift()!
  const driven = receive(one.session, answer, one.session.path, { ...one.world, policy: changed })
  assert.ok(!driven.outputs.some(({ kind }) => kind === 'install'))
  assert.equal(driven.outputs.filter(({ kind }) => kind === 'refuse').length, 1)
  // The peer, which has it, is told.
  assert.ok(driven.outputs.some(({ kind }) => kind === 'send'))
})
