import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policy, rule } from '../../policy/test-policies.ts'
import { type NotifyKind, notifyTypeOf } from '../../wire/ike/notify.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import type { Credential } from '../credentials.ts'
import { answerAuth } from './auth.ts'
import { identityPayload } from './own-proof.ts'
import type { AwaitingAuth, Session } from './session.ts'
import { find, findAll } from './step.ts'
import { Authority, identityOf, keysOf, rawKeys } from './test-certificates.ts'
import {
  areAtOne,
  DATE,
  established,
  eventOf,
  eventsOf,
  type HostPlan,
  handshake,
  ONE,
  RULE,
  type Says,
  sharedKey,
  TWO,
  testPolicy,
  whyOf,
} from './test-handshake.ts'

/** Quick, and without IKE_INTERMEDIATE. */
const plain = testPolicy({ ike: { security: ['aes256gcm16-prfsha384-curve25519'] } })
const with_ = (credentials: readonly Credential[], more: HostPlan = {}): HostPlan => ({
  policy: plain,
  credentials,
  ...more,
})
const authority = new Authority('a root of the test', DATE)

/** What a host says goes into the list, honestly. */
function listening(): { readonly says: Says; readonly heard: Map<string, readonly Payload[]> } {
  const heard = new Map<string, readonly Payload[]>()
  return { heard, says: (payloads, exchange) => (heard.set(exchange, payloads), payloads) }
}

const atAuth =
  (change: (payloads: readonly Payload[]) => readonly Payload[]): Says =>
  (payloads, exchange) =>
    exchange === 'IKE_AUTH' ? change(payloads) : payloads

const without = (payloads: readonly Payload[], ...kinds: readonly NotifyKind[]) =>
  payloads.filter(one => one.kind !== 'notify' || !kinds.some(kind => notifyTypeOf(kind) === one.type))

const kinds = ['p256', 'p384', 'ed25519', 'rsa'] as const
for (const [index, kind] of kinds.entries()) {
  const other = kinds[(index + 1) % kinds.length]!
  test(`hosts with certificates of ${kind} and ${other} prove themselves by signatures`, () => {
    const initiator = with_([authority.host('one.corp.test', kind)])
    const responder = with_([authority.host(TWO, other)])
    const done = handshake({ initiator, responder })
    assert.ok(areAtOne(done), whyOf(done))
    assert.equal(eventOf(done.responder, 'session-established')?.peerName, 'one.corp.test (CN=one.corp.test)')
    assert.match(done.story[1]!, /certificate-request/)
    assert.match(done.story[2]!, /initiator-identification certificate certificate-request authentication/)
    assert.deepEqual(eventOf(done.responder, 'session-established')?.warnings, [])
  })
}

test('hosts with raw public keys prove themselves without any certificate', () => {
  const [one, two] = [keysOf('ed25519'), keysOf('p256')]
  const done = handshake({
    initiator: with_([rawKeys(one, two, 'one.corp.test')]),
    responder: with_([rawKeys(two, one, 'two.corp.test')]),
  })
  assert.ok(areAtOne(done), whyOf(done))
  assert.equal(eventOf(done.initiator, 'session-established')?.peerName, 'two.corp.test')
})

test('a raw public key that the rule does not have is refused', () => {
  const [one, two, three] = [keysOf('ed25519'), keysOf('p256'), keysOf('ed25519')]
  const done = handshake({
    initiator: with_([rawKeys(one, two, 'one.corp.test')]),
    responder: with_([rawKeys(two, three, 'two.corp.test')]),
  })
  assert.match(done.responder.refused!, /is not among the 1 of the rule/)
})

const legacy = [
  ['p256', 9],
  ['p384', 10],
] as const
for (const [kind, method] of legacy) {
  test(`a peer from before RFC 7427 gets ECDSA by method ${method}`, () => {
    const { says, heard } = listening()
    const done = handshake({
      initiator: with_([authority.host(ONE, kind)], { says }),
      responder: with_([authority.host(TWO, 'p256')], {
        says: payloads => without(payloads, 'SIGNATURE_HASH_ALGORITHMS'),
      }),
    })
    assert.ok(areAtOne(done), whyOf(done))
    assert.equal(find(heard.get('IKE_AUTH')!, 'authentication')?.method, method)
  })
}

test('an RSA key and a peer from before RFC 7427 go together only where policy names old methods', () => {
  const ancient: Says = payloads => without(payloads, 'SIGNATURE_HASH_ALGORITHMS')
  const hosts = [authority.host(ONE, 'rsa'), authority.host(TWO, 'rsa')] as const
  const strict = handshake({ initiator: with_([hosts[0]]), responder: with_([hosts[1]], { says: ancient }) })
  assert.match(strict.initiator.refused!, /nothing can be signed that the peer takes/)
  const policyOfOld = testPolicy({ ike: { security: ['3des-sha1-modp1024'] } })
  const old = handshake({
    initiator: { policy: policyOfOld, credentials: [hosts[0]] },
    responder: { policy: policyOfOld, credentials: [hosts[1]], says: ancient },
  })
  assert.ok(areAtOne(old), whyOf(old))
  assert.match(eventOf(old.responder, 'session-established')!.warnings.join(' '), /signs with rsa-pkcs1-sha1/)
})

test('each side proves itself in its own way where the rule has both', () => {
  const key = sharedKey()
  const done = handshake({
    initiator: with_([key]),
    responder: with_([authority.host(TWO, 'p256'), key]),
  })
  assert.ok(areAtOne(done), whyOf(done))
})

test('of several pre-shared keys for the same peer the one counts that it has', () => {
  const responder = with_([sharedKey('not this one'), sharedKey('nor this'), sharedKey()])
  assert.ok(areAtOne(handshake({ initiator: with_([sharedKey()]), responder })))
})

test('another pre-shared key is refused, and the peer hears no more than AUTHENTICATION_FAILED', () => {
  const done = handshake({ initiator: with_([sharedKey('one')]), responder: with_([sharedKey('two')]) })
  assert.match(done.responder.refused!, /its pre-shared key is another one than ours/)
  assert.equal(done.story.at(-1), '← IKE_AUTH: AUTHENTICATION_FAILED')
  assert.match(done.initiator.refused!, /10\.54\.0\.2 refuses us: AUTHENTICATION_FAILED/)
  assert.equal(established(done.responder), undefined)
})

test('a responder proves itself by the secret that the peer has', () => {
  const several = [sharedKey('two'), sharedKey('one', { peers: [identityOf(ONE)] })]
  assert.ok(areAtOne(handshake({ initiator: with_([sharedKey('one')]), responder: with_(several) })))
})

test('the wanted identity goes along where the rule has one peer, and not where it has several', () => {
  const peers = [identityOf('two.corp.test')]
  const { says, heard } = listening()
  const responder = with_([sharedKey(undefined, { identity: identityOf('two.corp.test') })])
  const done = handshake({ initiator: with_([sharedKey(undefined, { peers })], { says }), responder })
  assert.ok(areAtOne(done), whyOf(done))
  assert.deepEqual(find(heard.get('IKE_AUTH')!, 'responder-identification')?.data, peers[0]!.data)
  const more = listening()
  const several = [...peers, identityOf('three.corp.test')]
  handshake({ initiator: with_([sharedKey(undefined, { peers: several })], { says: more.says }), responder })
  assert.equal(find(more.heard.get('IKE_AUTH')!, 'responder-identification'), undefined)
})

test('a responder that is somebody else than the rule wants is refused', () => {
  const peers = [identityOf('two.corp.test')]
  const responder = with_([sharedKey(undefined, { identity: identityOf('three.corp.test') })])
  const done = handshake({ initiator: with_([sharedKey(undefined, { peers })]), responder })
  assert.match(
    done.initiator.refused!,
    /three\.corp\.test at 10\.54\.0\.2 is not among the peers of the rule: two\.corp\.test/,
  )
})

test('an identity that the certificate does not have is refused', () => {
  const honest = authority.host('one.corp.test', 'p256')
  const liar: Credential = { ...honest, own: { ...honest.own!, identity: identityOf('two.corp.test') } }
  const done = handshake({ initiator: with_([liar]), responder: with_([authority.host(TWO, 'p256')]) })
  assert.match(
    done.responder.refused!,
    /states two\.corp\.test at 10\.54\.0\.1, which the certificate for CN=one\.corp\.test does not have/,
  )
})

test('a certificate of another authority is refused', () => {
  const stranger = new Authority('somebody', DATE).host(ONE, 'p256')
  const done = handshake({ initiator: with_([stranger]), responder: with_([authority.host(TWO, 'p256')]) })
  assert.match(done.responder.refused!, /the certificate of 10\.54\.0\.1/)
})

test('a certificate without its key is refused', () => {
  const host = authority.host(ONE, 'p256')
  const thief: Credential = { ...host, own: { ...host.own!, key: keysOf('p256').privateKey } }
  const done = handshake({ initiator: with_([thief]), responder: with_([authority.host(TWO, 'p256')]) })
  assert.match(done.responder.refused!, /does not prove it: the signature of method 14 does not fit the key/)
})

test('a signature with a hash that was not announced is refused', () => {
  const old = testPolicy({ ike: { security: ['aes256gcm16-prfsha384-curve25519', '3des-sha1-modp1024'] } })
  const announcesSha1: Says = payloads =>
    payloads.map(one =>
      one.kind === 'notify' && one.type === notifyTypeOf('SIGNATURE_HASH_ALGORITHMS')
        ? { ...one, data: Uint8Array.of(0, 1) }
        : one,
    )
  const done = handshake({
    initiator: { policy: old, credentials: [authority.host(ONE, 'p256')] },
    responder: with_([authority.host(TWO, 'p256')], { says: announcesSha1 }),
  })
  assert.match(done.responder.refused!, /a hash that was not announced/)
})

test('AUTH that is thrown back as the own one proves nothing', () => {
  const { says, heard } = listening()
  const mirror = atAuth(() => {
    const payloads = heard.get('IKE_AUTH')!
    const { data, type } = find(payloads, 'initiator-identification')!
    return [identityPayload('responder', { type, data }), find(payloads, 'authentication')!]
  })
  const done = handshake({
    initiator: with_([sharedKey()], { says }),
    responder: with_([sharedKey()], { says: mirror }),
  })
  assert.match(done.initiator.refused!, /does not prove it/)
})

test('another identity than the one that was signed is refused, even with the right secret', () => {
  const renamed = atAuth(payloads =>
    payloads.map(one =>
      one.kind === 'initiator-identification' ? identityPayload('initiator', identityOf('10.54.0.3')) : one,
    ),
  )
  const done = handshake({ initiator: with_([sharedKey()], { says: renamed }), responder: with_([sharedKey()]) })
  assert.match(done.responder.refused!, /10\.54\.0\.3 does not prove it/)
})

test('one octet of IKE_SA_INIT that was changed on the way, in either direction, is found out', () => {
  const vendor = new TextEncoder().encode('sealwire IKEv2 1')
  const changed = (datagram: Uint8Array, exchange: string) => {
    if (exchange !== 'IKE_SA_INIT') return datagram
    const copy = datagram.slice()
    copy[Buffer.from(copy).indexOf(vendor)]! ^= 1
    return copy
  }
  const both = with_([sharedKey()])
  assert.match(handshake({ both, wire: { initiator: changed } }).responder.refused!, /its first message was changed/)
  assert.match(handshake({ both, wire: { responder: changed } }).initiator.refused!, /its first message was changed/)
})

test('the better method that somebody took out of the first message is missed', () => {
  const security = ['aes256gcm16-prfsha384-curve25519', 'aes128-sha256-curve25519']
  const both: HostPlan = { policy: testPolicy({ ike: { security } }) }
  const downgraded = (datagram: Uint8Array, exchange: string) => {
    if (exchange !== 'IKE_SA_INIT') return datagram
    // The first proposal's cipher becomes one that nobody has.
    const copy = datagram.slice()
    copy[28 + 4 + 8 + 7]! = 0xff
    return copy
  }
  const done = handshake({ both, wire: { initiator: downgraded } })
  assert.match(done.story[1]!, /security-association/)
  assert.match(done.responder.refused!, /its first message was changed/)
})

test('a peer that wants EAP is refused with a plain reason', () => {
  const says = atAuth(payloads => payloads.filter(({ kind }) => kind !== 'authentication'))
  const done = handshake({ initiator: with_([sharedKey()], { says }), responder: with_([sharedKey()]) })
  assert.match(done.responder.refused!, /sent no AUTH: it wants to be asked by EAP, which is not spoken here/)
  assert.equal(done.story.at(-1), '← IKE_AUTH: AUTHENTICATION_FAILED')
})

test('a certificate by hash and URL is not fetched', () => {
  const says = atAuth(payloads =>
    payloads.map(one =>
      one.kind === 'certificate' ? payload('certificate', { encoding: 12, data: new Uint8Array(40) }) : one,
    ),
  )
  const done = handshake({
    initiator: with_([authority.host(ONE, 'p256')], { says }),
    responder: with_([authority.host(TWO, 'p256')]),
  })
  assert.match(done.responder.refused!, /hash and URL was not fetched/)
})

test('authentication by nothing at all is refused', () => {
  const says = atAuth(payloads => payloads.map(one => (one.kind === 'authentication' ? { ...one, method: 13 } : one)))
  const done = handshake({ initiator: with_([sharedKey()], { says }), responder: with_([sharedKey()]) })
  assert.match(done.responder.refused!, /the rule asks for a pre-shared key/)
})

test('an initiator cannot leave out the key exchanges that were agreed on', () => {
  const done = handshake({
    wire: { initiator: (datagram, name) => (name === 'IKE_INTERMEDIATE' ? new Uint8Array(0) : datagram) },
  })
  const session = done.responder.session as Session<AwaitingAuth>
  const { path } = session
  const header = {
    initiatorSpi: 1n,
    responderSpi: 2n,
    version: { major: 2, minor: 0 },
    exchange: 35,
    flags: 8,
    messageId: 1,
  }
  const opened = { header, path, payloads: [], octets: new Uint8Array(0) }
  const world = { policy: { policy: plain } } as unknown as Parameters<typeof answerAuth>[2]
  const refused = answerAuth(session, opened, world)
  assert.ok('kind' in refused && /leaves out the key exchange ml-kem-768/.test(refused.what))
})

const about = (isFirst: boolean): HostPlan => ({ policy: plain, world: { isFirstContact: () => isFirst } })

test('INITIAL_CONTACT is said where no other session stands, and heard', () => {
  const done = handshake({ initiator: about(true), responder: about(false) })
  assert.equal(established(done.responder)?.state.peer.saysFirstContact, true)
  assert.equal(established(done.initiator)?.state.peer.saysFirstContact, undefined)
  const later = handshake({ initiator: about(false), responder: about(false) })
  assert.equal(established(later.responder)?.state.peer.saysFirstContact, undefined)
})

test('a session without a child is made where policy wants it, and the child comes afterwards', () => {
  const childless = testPolicy({ ike: { childless: true } })
  const done = handshake({ initiator: { policy: childless } })
  assert.ok(areAtOne(done))
  assert.equal(done.story.at(-1), '← IKE_AUTH: responder-identification authentication')
  const { state } = established(done.initiator)!
  assert.deepEqual(state.children, [])
  assert.deepEqual(
    state.queue.map(({ kind }) => kind),
    ['make-child'],
  )
})

test('a peer that must have a child at once gets one, whatever policy would rather have', () => {
  const childless = testPolicy({ ike: { childless: true } })
  const done = handshake({
    initiator: { policy: childless },
    responder: { says: payloads => without(payloads, 'CHILDLESS_IKEV2_SUPPORTED') },
  })
  assert.equal(established(done.initiator)?.state.children.length, 1)
})

test('a child that is refused leaves the session, and the packet that waits is told', () => {
  const other = testPolicy({ ike: plain.ike! }, ['esp-aes128gcm16'])
  const done = handshake({ initiator: { policy: plain }, responder: { policy: other } })
  assert.ok(areAtOne(done))
  assert.match(done.story.at(-1)!, /authentication NO_PROPOSAL_CHOSEN$/)
  for (const host of [done.initiator, done.responder]) {
    assert.deepEqual(established(host)?.state.children, [])
    assert.notEqual(eventOf(host, 'child-failed'), undefined)
  }
  assert.match(eventOf(done.responder, 'child-failed')!.what, /aes128gcm16/)
  assert.equal(done.initiator.outputs.filter(({ kind }) => kind === 'refuse').length, 1)
})

test('traffic that no rule of the responder has leaves a session without a child', () => {
  const narrow = policy([rule('negotiate', [`udp ${ONE} <-> ${TWO}:53`], { name: RULE })], { ike: plain.ike! })
  const done = handshake({ initiator: { policy: plain }, responder: { policy: narrow } })
  assert.ok(areAtOne(done))
  assert.match(done.story.at(-1)!, /TS_UNACCEPTABLE|NO_PROPOSAL_CHOSEN/)
})

test('a child that came out otherwise than it was asked for is deleted, and the session stays', () => {
  const says = atAuth(payloads => without(payloads, 'USE_TRANSPORT_MODE'))
  const done = handshake({ initiator: { policy: plain }, responder: { policy: plain, says } })
  assert.ok(areAtOne(done))
  assert.equal(done.story.at(-1), '→ INFORMATIONAL: delete')
  assert.deepEqual(established(done.initiator)?.state.children, [])
  assert.match(eventOf(done.initiator, 'child-failed')!.what, /tunnel mode/)
  assert.equal(
    done.initiator.outputs.some(({ kind }) => kind === 'install'),
    false,
  )
})

test('both ends install the same child, each with the other one as its far end', () => {
  const done = handshake({ both: { policy: plain } })
  const pairs = [done.initiator, done.responder].map(host =>
    host.outputs.flatMap(one => (one.kind === 'install' ? [one.pair] : [])),
  )
  const [one, two] = [pairs[0]![0]!, pairs[1]![0]!]
  const keyOf = (spec: typeof one.inbound) => spec.layers[0]!.keys.cipher.reveal()
  assert.deepEqual(keyOf(one.inbound), keyOf(two.outbound))
  assert.deepEqual(keyOf(one.outbound), keyOf(two.inbound))
  assert.equal(one.inbound.layers[0]!.spi, two.outbound.layers[0]!.spi)
})

test('every event of a session that stands is about its peer', () => {
  const done = handshake({ both: { policy: plain } })
  assert.equal(
    eventsOf(done.initiator).every(({ peer }) => peer !== undefined),
    true,
  )
})

test('OCSP answers go along only where they are asked for', () => {
  const host = authority.host(ONE, 'p256')
  const stapled: Credential = { ...host, own: { ...host.own!, ocsp: Uint8Array.of(0x30, 0) } }
  const encodings = (responder: Credential) => {
    const { says, heard } = listening()
    handshake({ initiator: with_([stapled], { says }), responder: with_([responder]) })
    return findAll(heard.get('IKE_AUTH')!, 'certificate').map(({ encoding }) => encoding)
  }
  assert.deepEqual(encodings(authority.host(TWO, 'p256')), [4])
  const strict = authority.host(TWO, 'p256')
  assert.deepEqual(encodings({ ...strict, trust: { ...strict.trust, revocation: 'required' } }), [4, 14])
})
