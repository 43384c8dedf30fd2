// IKE_AUTH between two hosts: every way to prove who one is, and what becomes of the child that is asked for with it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policy, rule } from '../../policy/test-policies.ts'
import type { Credential } from '../credentials.ts'
import { find, findAll } from './step.ts'
import { Authority, identityOf, keysOf, rawKeys } from './test-certificates.ts'
import {
  areAtOne,
  atAuth,
  DATE,
  established,
  eventOf,
  eventsOf,
  type HostPlan,
  handshake,
  holding,
  listening,
  ONE,
  plain,
  RULE,
  type Says,
  sharedKey,
  TWO,
  testPolicy,
  whyOf,
  without,
} from './test-handshake.ts'

const authority = new Authority('a root of the test', DATE)

const kinds = ['p256', 'p384', 'ed25519', 'rsa'] as const
for (const [index, kind] of kinds.entries()) {
  const other = kinds[(index + 1) % kinds.length]!
  test(`hosts with certificates of ${kind} and ${other} prove themselves by signatures`, () => {
    const initiator = holding([authority.host('one.corp.test', kind)])
    const responder = holding([authority.host(TWO, other)])
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
    initiator: holding([rawKeys(one, two, 'one.corp.test')]),
    responder: holding([rawKeys(two, one, 'two.corp.test')]),
  })
  assert.ok(areAtOne(done), whyOf(done))
  assert.equal(eventOf(done.initiator, 'session-established')?.peerName, 'two.corp.test')
})

test('a raw public key that the rule does not have is refused', () => {
  const [one, two, three] = [keysOf('ed25519'), keysOf('p256'), keysOf('ed25519')]
  const done = handshake({
    initiator: holding([rawKeys(one, two, 'one.corp.test')]),
    responder: holding([rawKeys(two, three, 'two.corp.test')]),
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
      initiator: holding([authority.host(ONE, kind)], { says }),
      responder: holding([authority.host(TWO, 'p256')], {
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
  const strict = handshake({ initiator: holding([hosts[0]]), responder: holding([hosts[1]], { says: ancient }) })
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
    initiator: holding([key]),
    responder: holding([authority.host(TWO, 'p256'), key]),
  })
  assert.ok(areAtOne(done), whyOf(done))
})

test('of several pre-shared keys for the same peer the one counts that it has', () => {
  const responder = holding([sharedKey('not this one'), sharedKey('nor this'), sharedKey()])
  assert.ok(areAtOne(handshake({ initiator: holding([sharedKey()]), responder })))
})

test('another pre-shared key is refused, and the peer hears no more than AUTHENTICATION_FAILED', () => {
  const done = handshake({ initiator: holding([sharedKey('one')]), responder: holding([sharedKey('two')]) })
  assert.match(done.responder.refused!, /its pre-shared key is another one than ours/)
  assert.equal(done.story.at(-1), '← IKE_AUTH: AUTHENTICATION_FAILED')
  assert.match(done.initiator.refused!, /10\.54\.0\.2 refuses us: AUTHENTICATION_FAILED/)
  assert.equal(established(done.responder), undefined)
})

test('a responder proves itself by the secret that the peer has', () => {
  const several = [sharedKey('two'), sharedKey('one', { peers: [identityOf(ONE)] })]
  assert.ok(areAtOne(handshake({ initiator: holding([sharedKey('one')]), responder: holding(several) })))
})

test('the wanted identity goes along where the rule has one peer, and not where it has several', () => {
  const peers = [identityOf('two.corp.test')]
  const { says, heard } = listening()
  const responder = holding([sharedKey(undefined, { identity: identityOf('two.corp.test') })])
  const done = handshake({ initiator: holding([sharedKey(undefined, { peers })], { says }), responder })
  assert.ok(areAtOne(done), whyOf(done))
  assert.deepEqual(find(heard.get('IKE_AUTH')!, 'responder-identification')?.data, peers[0]!.data)
  const more = listening()
  const several = [...peers, identityOf('three.corp.test')]
  handshake({ initiator: holding([sharedKey(undefined, { peers: several })], { says: more.says }), responder })
  assert.equal(find(more.heard.get('IKE_AUTH')!, 'responder-identification'), undefined)
})

test('a responder of several identities is the one that the peer wants to speak with', () => {
  const initiator = holding([sharedKey(undefined, { peers: [identityOf('three.corp.test')] })])
  const own = ['two.corp.test', 'three.corp.test', 'four.corp.test']
  const responder = holding(own.map(name => sharedKey(undefined, { identity: identityOf(name) })))
  const done = handshake({ initiator, responder })
  assert.ok(areAtOne(done), whyOf(done))
  assert.equal(eventOf(done.responder, 'session-established')?.ownName, 'three.corp.test')
})

test('a responder that is somebody else than the rule wants is refused', () => {
  const peers = [identityOf('two.corp.test')]
  const responder = holding([sharedKey(undefined, { identity: identityOf('three.corp.test') })])
  const done = handshake({ initiator: holding([sharedKey(undefined, { peers })]), responder })
  assert.match(
    done.initiator.refused!,
    /three\.corp\.test at 10\.54\.0\.2 is not among the peers of the rule: two\.corp\.test/,
  )
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
    handshake({ initiator: holding([stapled], { says }), responder: holding([responder]) })
    return findAll(heard.get('IKE_AUTH')!, 'certificate').map(({ encoding }) => encoding)
  }
  assert.deepEqual(encodings(authority.host(TWO, 'p256')), [4])
  const strict = authority.host(TWO, 'p256')
  assert.deepEqual(encodings({ ...strict, trust: { ...strict.trust, revocation: 'required' } }), [4, 14])
})
