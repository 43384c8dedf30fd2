// Peers that lie, throw back, leave out and change what was said: none of them comes to a session, and a person reads why.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { notifyTypeOf } from '../../wire/ike/notify.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'
import type { Credential } from '../credentials.ts'
import { answerAuth } from './auth.ts'
import { identityPayload } from './own-proof.ts'
import type { AwaitingAuth, Session } from './session.ts'
import { find } from './step.ts'
import { Authority, identityOf, keysOf } from './test-certificates.ts'
import {
  atAuth,
  DATE,
  type HostPlan,
  handshake,
  holding,
  listening,
  ONE,
  plain,
  type Says,
  sharedKey,
  TWO,
  testPolicy,
} from './test-handshake.ts'

const authority = new Authority('a root of the test', DATE)

test('an identity that the certificate does not have is refused', () => {
  const honest = authority.host('one.corp.test', 'p256')
  const liar: Credential = { ...honest, own: { ...honest.own!, identity: identityOf('two.corp.test') } }
  const done = handshake({ initiator: holding([liar]), responder: holding([authority.host(TWO, 'p256')]) })
  assert.match(
    done.responder.refused!,
    /states two\.corp\.test at 10\.54\.0\.1, which the certificate for CN=one\.corp\.test does not have/,
  )
})

test('a certificate of another authority is refused', () => {
  const stranger = new Authority('somebody', DATE).host(ONE, 'p256')
  const done = handshake({ initiator: holding([stranger]), responder: holding([authority.host(TWO, 'p256')]) })
  assert.match(done.responder.refused!, /the certificate of 10\.54\.0\.1/)
})

test('a certificate without its key is refused', () => {
  const host = authority.host(ONE, 'p256')
  const thief: Credential = { ...host, own: { ...host.own!, key: keysOf('p256').privateKey } }
  const done = handshake({ initiator: holding([thief]), responder: holding([authority.host(TWO, 'p256')]) })
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
    responder: holding([authority.host(TWO, 'p256')], { says: announcesSha1 }),
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
  const by = (identity?: string) =>
    sharedKey(undefined, identity === undefined ? {} : { identity: identityOf(identity) })
  const thrown = (credential: Credential) =>
    handshake({ initiator: holding([credential], { says }), responder: holding([sharedKey()], { says: mirror }) })
  assert.match(thrown(by()).initiator.refused!, /who states an address has to speak from it/)
  assert.match(thrown(by('one.corp.test')).initiator.refused!, /the identity or the key of this host/)
})

test('another identity than the one that was signed is refused, even with the right secret', () => {
  const renamed = atAuth(payloads =>
    payloads.map(one =>
      one.kind === 'initiator-identification' ? identityPayload('initiator', identityOf('three.corp.test')) : one,
    ),
  )
  const done = handshake({ initiator: holding([sharedKey()], { says: renamed }), responder: holding([sharedKey()]) })
  assert.match(done.responder.refused!, /three\.corp\.test does not prove it/)
})

test('one octet of IKE_SA_INIT that was changed on the way, in either direction, is found out', () => {
  const vendor = new TextEncoder().encode('sealwire IKEv2 1')
  const changed = (datagram: Uint8Array, exchange: string) => {
    if (exchange !== 'IKE_SA_INIT') return datagram
    const copy = datagram.slice()
    copy[Buffer.from(copy).indexOf(vendor)]! ^= 1
    return copy
  }
  const both = holding([sharedKey()])
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
  const done = handshake({ initiator: holding([sharedKey()], { says }), responder: holding([sharedKey()]) })
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
    initiator: holding([authority.host(ONE, 'p256')], { says }),
    responder: holding([authority.host(TWO, 'p256')]),
  })
  assert.match(done.responder.refused!, /hash and URL was not fetched/)
})

test('authentication by nothing at all is refused', () => {
  const says = atAuth(payloads => payloads.map(one => (one.kind === 'authentication' ? { ...one, method: 13 } : one)))
  const done = handshake({ initiator: holding([sharedKey()], { says }), responder: holding([sharedKey()]) })
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
