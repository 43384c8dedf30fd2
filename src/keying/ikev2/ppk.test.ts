// Every combination of RFC 8784 §3: who has a PPK, who can do without, and what comes of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../base/secret.ts'
import { withPpk } from '../../crypto/ike-keys.ts'
import type { PostQuantumKey } from '../../policy/model.ts'
import {
  areAtOne,
  established,
  eventOf,
  type HostPlan,
  handshake,
  sharedKey,
  testPolicy,
  whyOf,
} from './test-handshake.ts'

const security = ['aes256gcm16-prfsha384-curve25519']

function having(ppk: Partial<PostQuantumKey> | undefined): HostPlan {
  const key = {
    identity: 'shared in person',
    secret: new Secret('sixty-four octets of chance'),
    required: false,
    ...ppk,
  }
  return { policy: testPolicy({ ike: { security, ...(ppk === undefined ? {} : { ppk: key }) } }) }
}

const none = undefined
const optional = { required: false }
const required = { required: true }

/** RFC 8784 §3: what each side has, and what comes of it. */
const table: readonly (readonly [
  string,
  Partial<PostQuantumKey> | undefined,
  Partial<PostQuantumKey> | undefined,
  string,
])[] = [
  ['neither side has one: IKEv2 as ever', none, none, 'without'],
  ['only the responder has one, and can do without', none, optional, 'without'],
  ['only the responder has one, and must have it', none, required, 'responder refuses'],
  ['only the initiator has one, and can do without', optional, none, 'without'],
  ['both can do without, and do with', optional, optional, 'with'],
  ['the initiator could do without, the responder could not', optional, required, 'with'],
  ['only the initiator has one, and must have it', required, none, 'initiator refuses'],
  ['the responder could do without, the initiator could not', required, optional, 'with'],
  ['both must have it', required, required, 'with'],
  ['they have different ones, and both can do without', { ...optional, identity: 'another' }, optional, 'without'],
  [
    'they have different ones, and the responder must have its own',
    { ...optional, identity: 'another' },
    required,
    'responder refuses',
  ],
  [
    'they have different ones, and the initiator must have its own',
    { ...required, identity: 'another' },
    optional,
    'responder refuses',
  ],
  [
    'they give different keys the same name',
    { ...optional, secret: new Secret('a mistake') },
    optional,
    'responder refuses',
  ],
]

for (const [name, initiator, responder, outcome] of table) {
  test(`PPK: ${name}: ${outcome}`, () => {
    const done = handshake({ initiator: having(initiator), responder: having(responder) })
    const isUsed = done.story.at(-1)!.includes('PPK_IDENTITY')
    const happened = areAtOne(done)
      ? isUsed
        ? 'with'
        : 'without'
      : `${done.responder.refused === undefined ? 'initiator' : 'responder'} refuses`
    assert.equal(happened, outcome, whyOf(done))
  })
}

test('a PPK changes the keys that children come from', () => {
  const tellKeys = { settings: { tellKeys: true } }
  const done = handshake({
    initiator: { ...having(required), ...tellKeys },
    responder: { ...having(required), ...tellKeys },
  })
  const told = done.initiator.outputs.flatMap(one =>
    one.kind === 'report' && one.event.kind === 'keys' ? [one.event.keys.reveal()] : [],
  )
  assert.equal(told.length, 2)
  assert.notDeepEqual(told[0]!.derivation.reveal(), told[1]!.derivation.reveal())
  assert.deepEqual(told[0]!.initiator.cipher.reveal(), told[1]!.initiator.cipher.reveal())
})

test('a PPK leaves the counter of IVs where it is: the cipher has the same key as before', () => {
  const done = handshake({ initiator: having(required), responder: having(required) })
  assert.equal(established(done.initiator)?.state.secured.sealed, 1)
  assert.equal(established(done.responder)?.state.secured.sealed, 1)
})

test('an initiator that must have a PPK is not talked out of it by a responder that leaves the answer out', () => {
  const forgets: HostPlan = {
    ...having(optional),
    says: (payloads, exchange) =>
      exchange === 'IKE_AUTH' ? payloads.filter(one => one.kind !== 'notify' || one.type !== 16436) : payloads,
  }
  const done = handshake({ initiator: having(required), responder: forgets })
  assert.match(done.initiator.refused!, /did not use the key that policy asks for/)
})

test('a PPK with further key exchanges is mixed in behind them all', () => {
  const hybrid = (plan: HostPlan): HostPlan => ({
    policy: { ...plan.policy!, ike: { ...plan.policy!.ike!, security: ['aes256gcm16-prfsha384-curve25519+mlkem768'] } },
  })
  assert.ok(areAtOne(handshake({ initiator: hybrid(having(required)), responder: hybrid(having(optional)) })))
})

test('keys that a PPK was mixed into are wiped where the peer then proves nothing', t => {
  const held = new Set<unknown>()
  const { reveal } = Secret.prototype
  t.mock.method(Secret.prototype, 'reveal', function (this: Secret<unknown>) {
    held.add(reveal.call(this))
    return reveal.call(this)
  })
  const plan = { ...having(required), settings: { tellKeys: true } }
  const done = handshake({ initiator: { ...plan, credentials: [sharedKey('a mistake')] }, responder: plan })
  assert.match(done.responder.refused!, /does not prove it/)
  const told = eventOf(done.responder, 'keys')!
  const ppk = new Secret(new TextEncoder().encode('sixty-four octets of chance'))
  const mixed = withPpk(told.suite.prf, told.keys.reveal(), ppk)
  const checked = mixed.initiator.authentication.reveal()
  const copies = [...held].filter(
    one => one instanceof Uint8Array && one !== checked && Buffer.compare(one, checked) === 0,
  )
  // The initiator has not heard of it yet.
  assert.equal(copies.length, 1)
})
