// IKE_SA_INIT between two hosts: suites, groups, cookies, refusals, and answers that nobody honest gives.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../../base/random.ts'
import { findKeyExchange } from '../../crypto/key-exchange.ts'
import { beginKeyExchange } from '../../crypto/run-key-exchange.ts'
import { compile } from '../../policy/compile.ts'
import { address, policy, rule } from '../../policy/test-policies.ts'
import { RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2 } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { credentialsOf } from '../credentials.ts'
import { defaultKeyingSettings } from '../keying-settings.ts'
import type { Path, World } from '../machine.ts'
import { beginInit, initAnswered } from './init.ts'
import type { InitSent, Session } from './session.ts'
import { find, findNotify, need, type Step } from './step.ts'
import {
  areAtOne,
  DATE,
  established,
  eventOf,
  eventsOf,
  handshake,
  ONE,
  RULE,
  sharedKey,
  TWO,
  testPolicy,
  whyOf,
} from './test-handshake.ts'

const path: Path = { local: { address: address(ONE), port: 500 }, remote: { address: address(TWO), port: 500 } }

function worldWith(security?: readonly string[]): World {
  return {
    now: 0,
    date: DATE,
    random: systemRandom,
    policy: compile(testPolicy(security === undefined ? {} : { ike: { security } }), { me: [address(ONE)] }),
    credentials: credentialsOf(new Map([[RULE, [sharedKey()]]])),
    settings: defaultKeyingSettings,
    isSpiTaken: () => false,
  }
}

function begun(world: World): Session<InitSent> {
  return beginInit({ rule: RULE }, path, world).session as Session<InitSent>
}

function answered(session: Session<InitSent>, payloads: readonly Payload[], world: World) {
  const header = {
    initiatorSpi: new DataView(session.spis.initiator.buffer).getBigUint64(0),
    responderSpi: 7n,
    version: IKE_VERSION_2,
    exchange: exchangeTypes.of.IKE_SA_INIT,
    flags: RESPONSE,
    messageId: 0,
  }
  return initAnswered(session, { header, payloads, octets: new Uint8Array(28), path }, world)
}

function stepOf(result: ReturnType<typeof answered>): Step & { readonly session: Session<InitSent> } {
  if ('kind' in result) assert.fail(result.what)
  return result as Step & { readonly session: Session<InitSent> }
}

const whatOf = (result: ReturnType<typeof answered>) => ('kind' in result ? result.what : 'it goes on')

test('two hosts with the same secret come to a session with one child, by two key exchanges where nothing else is said', () => {
  const done = handshake()
  assert.deepEqual([done.initiator.refused, done.responder.refused], [undefined, undefined])
  assert.deepEqual(
    done.story.map(line => line.split(':')[0]),
    ['→ IKE_SA_INIT', '← IKE_SA_INIT', '→ IKE_INTERMEDIATE', '← IKE_INTERMEDIATE', '→ IKE_AUTH', '← IKE_AUTH'],
  )
  assert.ok(areAtOne(done))
  for (const host of [done.initiator, done.responder]) {
    assert.equal(established(host)?.state.children.length, 1)
    assert.equal(eventOf(host, 'session-established')?.offer, 'aes256gcm16-prfsha384-curve25519+mlkem768')
    assert.deepEqual(eventOf(host, 'session-established')?.warnings, [])
  }
  assert.equal(eventOf(done.initiator, 'session-established')?.peerName, TWO)
  assert.equal(eventOf(done.responder, 'session-established')?.peerName, ONE)
})

const suites = [
  'aes256gcm16-prfsha384-ecp384',
  'aes128gcm16-prfsha256-curve25519',
  'chacha20poly1305-prfsha256-curve448',
  'aes256-sha256-modp2048',
  'aes128ctr-sha512-ecp521',
  'aes256ccm16-prfaescmac-ecp256',
  'aes128-aesxcbc-curve25519',
  '3des-sha1-modp1024',
]

for (const name of suites) {
  test(`a session is made by ${name}`, () => {
    const done = handshake({ both: { policy: testPolicy({ ike: { security: [name] } }) } })
    assert.ok(areAtOne(done), whyOf(done))
    assert.equal(eventOf(done.initiator, 'session-established')?.offer, name)
  })
}

test('a session by old algorithms is made with a warning for each', () => {
  const done = handshake({ both: { policy: testPolicy({ ike: { security: ['3des-sha1-modp1024'] } }) } })
  const { warnings } = eventOf(done.responder, 'session-established')!
  assert.equal(warnings.length >= 3, true)
  assert.match(warnings.join(' '), /SHA-1/)
  assert.match(warnings.join(' '), /1024 bits/)
})

test('a responder that wants another group of ours gets it at the second time, and keeps nothing of the first', () => {
  const initiator = {
    policy: testPolicy({ ike: { security: ['aes256gcm16-prfsha384-curve25519', 'aes256gcm16-prfsha384-ecp384'] } }),
  }
  const responder = { policy: testPolicy({ ike: { security: ['aes256gcm16-prfsha384-ecp384'] } }) }
  const done = handshake({ initiator, responder })
  assert.match(done.story[1]!, /IKE_SA_INIT: INVALID_KE_PAYLOAD$/)
  assert.ok(areAtOne(done))
  assert.equal(eventOf(done.responder, 'session-established')?.offer, 'aes256gcm16-prfsha384-ecp384')
  assert.deepEqual(
    eventsOf(done.responder).filter(({ kind }) => kind === 'session-failed'),
    [],
  )
})

test('a group that was not offered is not taken up, whoever asks for it', () => {
  const world = worldWith(['aes256gcm16-prfsha384-curve25519'])
  for (const method of ['modp-1024', 'ecp-256', 'ml-kem-768'] as const) {
    const asks = [notification('INVALID_KE_PAYLOAD', { method: findKeyExchange(method).transform })]
    assert.match(whatOf(answered(begun(world), asks, world)), new RegExp(`${method}, which is not offered`))
  }
  const same = [notification('INVALID_KE_PAYLOAD', { method: findKeyExchange('curve25519').transform })]
  assert.match(whatOf(answered(begun(world), same, world)), /not offered; curve25519 was sent/)
})

test('a cookie comes back in front of the same nonce under the same SPI', () => {
  const world = worldWith()
  const session = begun(world)
  const cookie = Uint8Array.of(1, 2, 3)
  const step = stepOf(answered(session, [notification('COOKIE', { cookie })], world))
  const { payloads } = step.request!
  assert.deepEqual(payloads[0], notification('COOKIE', { cookie }))
  assert.deepEqual(need(payloads, 'nonce').nonce, session.state.nonce)
  assert.deepEqual(step.session.spis, session.spis)
})

test('the cookie goes along when another group is asked for after it', () => {
  const world = worldWith(['aes256gcm16-prfsha384-curve25519', 'aes256gcm16-prfsha384-ecp384'])
  const cookie = Uint8Array.of(1, 2, 3)
  const first = stepOf(answered(begun(world), [notification('COOKIE', { cookie })], world))
  const asks = [notification('INVALID_KE_PAYLOAD', { method: findKeyExchange('ecp-384').transform })]
  const { payloads } = stepOf(answered(first.session, asks, world)).request!
  assert.deepEqual(payloads[0], notification('COOKIE', { cookie }))
  assert.equal(need(payloads, 'key-exchange').method, findKeyExchange('ecp-384').transform)
})

test('a responder that asks for a cookie again and again is given up', () => {
  const world = worldWith()
  let session = begun(world)
  for (let times = 0; ; times++) {
    assert.ok(times < 10)
    const result = answered(session, [notification('COOKIE', { cookie: Uint8Array.of(times) })], world)
    if ('kind' in result) {
      assert.match(result.what, /has asked \d times/)
      break
    }
    session = stepOf(result).session
  }
})

test('an answer that only sends us elsewhere leads nowhere', () => {
  const world = worldWith()
  const gateway = { kind: 'address', address: address('192.0.2.7') } as const
  const redirect = notification('REDIRECT', { gateway, nonce: new Uint8Array(0) })
  assert.match(whatOf(answered(begun(world), [redirect], world)), /agrees on nothing/)
})

test('hosts without a method in common are told so, and a person reads both lists', () => {
  const initiator = { policy: testPolicy({ ike: { security: ['aes256gcm16-prfsha384-ecp384'] } }) }
  const responder = { policy: testPolicy({ ike: { security: ['aes128-sha256-modp2048'] } }) }
  const done = handshake({ initiator, responder })
  assert.match(done.story[1]!, /NO_PROPOSAL_CHOSEN$/)
  assert.match(done.initiator.refused!, /aes256gcm16-prfsha384-ecp384/)
  assert.match(done.responder.refused!, /aes128-sha256-modp2048/)
  assert.match(done.responder.refused!, /gcm|GCM/)
  assert.equal(done.responder.session, undefined)
})

test('a host of which no rule speaks gets no answer but NO_PROPOSAL_CHOSEN', () => {
  const others = policy([rule('negotiate', ['any 10.54.0.77 <-> 10.54.0.2'], { name: RULE })])
  const done = handshake({ responder: { policy: others } })
  assert.match(done.story[1]!, /NO_PROPOSAL_CHOSEN$/)
  assert.match(done.responder.refused!, /no rule that negotiates by IKEv2 speaks of 10\.54\.0\.1/)
})

test('a rule for IKEv1 alone answers nobody here', () => {
  const old = policy([rule('negotiate', [`any ${ONE} <-> ${TWO}`], { name: RULE, keying: ['ikev1'] })])
  assert.match(handshake({ responder: { policy: old } }).responder.refused!, /no rule that negotiates by IKEv2/)
})

test('a public value of zeros is refused by either side', () => {
  const security = [
    'aes128gcm16-prfsha256-curve25519',
    'aes128gcm16-prfsha256-ecp256',
    'aes128gcm16-prfsha256-modp2048',
  ]
  for (const name of security) {
    const zeros = (payloads: readonly Payload[]) =>
      payloads.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: one.publicValue.map(() => 0) } : one))
    const both = { policy: testPolicy({ ike: { security: [name] } }) }
    const atResponder = handshake({ both, initiator: { says: zeros } })
    assert.match(atResponder.responder.refused!, /no public value|octets/)
    assert.match(atResponder.story[1]!, /INVALID_SYNTAX$/)
    const atInitiator = handshake({ both, responder: { says: zeros } })
    assert.match(atInitiator.initiator.refused!, /no public value|octets/)
  }
})

test('a public value of the wrong length is refused', () => {
  const short = (payloads: readonly Payload[]) =>
    payloads.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: one.publicValue.subarray(1) } : one))
  assert.match(handshake({ initiator: { says: short } }).responder.refused!, /octets here/)
})

test('an answer with what was not offered ends the attempt', () => {
  const both = { policy: testPolicy({ ike: { security: ['aes256gcm16-prfsha384-ecp384'] } }) }
  const weaker = (payloads: readonly Payload[]) =>
    payloads.map(one => {
      if (one.kind !== 'security-association') return one
      const [proposal] = one.proposals
      const transforms = proposal!.transforms.map(each => (each.type === 4 ? { ...each, id: 2 } : each))
      return { ...one, proposals: [{ ...proposal!, transforms }] }
    })
  assert.match(handshake({ both, responder: { says: weaker } }).initiator.refused!, /not offered/)
})

test('an answer in another group than its proposal is refused', () => {
  const both = { policy: testPolicy({ ike: { security: ['aes256gcm16-prfsha384-ecp384'] } }) }
  const other = beginKeyExchange(findKeyExchange('ecp-256'))
  const swapped = (payloads: readonly Payload[]) =>
    payloads.map(one =>
      one.kind === 'key-exchange' ? payload('key-exchange', { method: 19, publicValue: other.public }) : one,
    )
  assert.match(handshake({ both, responder: { says: swapped } }).initiator.refused!, /answers with/)
})

test('a peer without IKE_INTERMEDIATE is offered and gives a method without further key exchanges', () => {
  const without = (payloads: readonly Payload[]) => payloads.filter(one => one.kind !== 'notify' || one.type !== 16438)
  const done = handshake({ initiator: { says: without } })
  assert.ok(areAtOne(done))
  assert.equal(eventOf(done.responder, 'session-established')?.offer, 'aes256gcm16-prfsha384-ecp384')
})

test('keys are told where the settings ask for it, the same on both sides and at every change', () => {
  const done = handshake({ both: { settings: { tellKeys: true } } })
  const told = (host: typeof done.initiator) =>
    eventsOf(host).flatMap(event =>
      event.kind === 'keys' ? [event.keys.reveal().initiator.cipher.reveal().toHex()] : [],
    )
  assert.equal(told(done.initiator).length, 2)
  assert.deepEqual(told(done.initiator), told(done.responder))
  assert.notEqual(told(done.initiator)[0], told(done.initiator)[1])
  assert.notEqual(told(done.initiator)[0], '0'.repeat(72))
  assert.deepEqual(
    eventsOf(handshake().initiator).filter(({ kind }) => kind === 'keys'),
    [],
  )
})

test('the private value for a group that the peer does not want is given up', () => {
  const world = worldWith(['aes256gcm16-prfsha384-curve25519', 'aes256gcm16-prfsha384-ecp384'])
  const session = begun(world)
  const { exchange } = session.state
  const asks = [notification('INVALID_KE_PAYLOAD', { method: findKeyExchange('ecp-384').transform })]
  stepOf(answered(session, asks, world))
  assert.throws(() => exchange.finish(beginKeyExchange(exchange.method).public), /closed/)
})

test('a request says that we are sealwire, and a first request has no cookie', () => {
  const { payloads } = beginInit({ rule: RULE }, path, worldWith()).request!
  assert.equal(new TextDecoder().decode(find(payloads, 'vendor-id')!.id), 'sealwire IKEv2 1')
  assert.equal(findNotify(payloads, 'COOKIE'), undefined)
  assert.equal(payloads[0]!.kind, 'security-association')
  assert.equal(need(payloads, 'nonce').nonce.length, 32)
  assert.deepEqual(findNotify(payloads, 'SIGNATURE_HASH_ALGORITHMS')?.algorithms, [2, 3, 4, 5])
})
