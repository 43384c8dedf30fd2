// The IKE SA is renewed, with its children, and what a peer may answer instead.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policy, rule } from '../../policy/test-policies.ts'
import { notification } from '../../wire/ike/notify.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { rekeyAnswered } from './rekey.ts'
import type { Established, Session } from './session.ts'
import { find } from './step.ts'
import { type Host, ONE, RULE, TWO, TwoHosts } from './test-two-hosts.ts'

const rules = [rule('negotiate', [`any ${ONE} <-> ${TWO}`], { name: RULE })]
const withSecurity = (...security: readonly string[]) => policy(rules, { ike: { security } })

test('a rekeyed IKE SA has new SPIs, new keys and the children of the old one, which its initiator deletes', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  const before = one.session
  one.wants({ kind: 'rekey-session' })
  assert.equal(hosts.deliver(one), 'CREATE_CHILD_SA request: security-association nonce key-exchange')
  assert.deepEqual(two.sessions.map(({ state }) => state.kind).toSorted(), ['established', 'replaced'])
  assert.equal(hosts.deliver(two), 'CREATE_CHILD_SA answer: security-association nonce key-exchange')
  assert.equal(hosts.deliver(one), 'INFORMATIONAL request: delete IKE SA')
  hosts.deliver(two)
  hosts.assertOneChild()
  assert.equal(one.sessions.length, 1)
  const after = one.session
  assert.notEqual(after.id, before.id)
  assert.equal(after.window.nextOwn, 0)
  const [mine, theirs] = [after, two.session].map(({ state }) => state.secured.keys.derivation.reveal().toHex())
  assert.equal(mine, theirs)
  assert.ok(
    before.state.secured.keys.derivation.reveal().every(octet => octet === 0),
    'old keys are wiped',
  )
  assert.deepEqual(after.spis.responder, two.session.spis.responder)
  assert.equal(one.eventsOf('session-rekeyed')[0]!.by, after.id)
})

test('who rekeys is the initiator of the new one, whoever began the old', () => {
  const hosts = new TwoHosts().withChild()
  hosts.two.wants({ kind: 'rekey-session' })
  hosts.settle()
  hosts.assertOneChild()
  assert.deepEqual([hosts.one.session.role, hosts.two.session.role], ['responder', 'initiator'])
  // And once more the other way, under the new one.
  hosts.one.wants({ kind: 'rekey-session' })
  hosts.settle()
  hosts.pass(1)
  hosts.assertOneChild()
  assert.deepEqual([hosts.one.session.role, hosts.two.session.role], ['initiator', 'responder'])
})

test('a group that the peer does not want is left for the one that it asks for', () => {
  const security = ['aes128gcm16-prfsha256-curve25519', 'aes128gcm16-prfsha256-ecp256']
  const hosts = new TwoHosts({ policy: { ike: { security } }, otherPolicy: withSecurity(security[1]!) }).withChild()
  hosts.one.wants({ kind: 'rekey-session' })
  hosts.deliver(hosts.one)
  assert.equal(hosts.deliver(hosts.two), 'CREATE_CHILD_SA answer: INVALID_KE_PAYLOAD')
  hosts.settle()
  hosts.assertOneChild()
  assert.equal(hosts.one.session.state.choice.offer, security[1])
})

test('hosts that have nothing in common any more keep the session to its end, and say why', () => {
  const hosts = new TwoHosts({ otherPolicy: withSecurity('aes256gcm16-prfsha384-ecp384') }).withChild()
  hosts.one.wants({ kind: 'rekey-session' })
  hosts.settle()
  hosts.assertOneChild()
  assert.match(hosts.one.eventsOf('warning')[0]!.what, /not rekeyed: the peer refuses: NO_PROPOSAL_CHOSEN/)
  assert.match(hosts.two.eventsOf('warning')[0]!.what, /the peer offers .* we want/)
})

test('additional key exchanges come one by one, and the last makes the IKE SA', () => {
  const security = ['aes128gcm16-prfsha256-curve25519+mlkem512+mlkem768']
  const hosts = new TwoHosts({ policy: { ike: { security } } }).withChild()
  const { one, two } = hosts
  one.wants({ kind: 'rekey-session' })
  hosts.deliver(one)
  assert.match(hosts.deliver(two), /ADDITIONAL_KEY_EXCHANGE$/)
  hosts.deliver(one)
  assert.match(hosts.deliver(two), /IKE_FOLLOWUP_KE answer: key-exchange ADDITIONAL_KEY_EXCHANGE/)
  assert.equal(two.sessions.length, 1)
  hosts.settle()
  hosts.assertOneChild()
})

test('an unknown link, or the link of before, is answered with STATE_NOT_FOUND', () => {
  const security = ['aes128gcm16-prfsha256-curve25519+mlkem512']
  const hosts = new TwoHosts({ policy: { ike: { security } } }).withChild()
  const { one, two } = hosts
  one.wants({ kind: 'rekey-session' })
  hosts.deliver(one)
  const { followUp } = two.session.state
  const state: Established = { ...two.session.state, followUp: { ...followUp!, link: new Uint8Array(16) } }
  two.sessions = [{ ...two.session, state }]
  hosts.deliver(two)
  hosts.deliver(one)
  assert.equal(hosts.deliver(two), 'IKE_FOLLOWUP_KE answer: STATE_NOT_FOUND')
  hosts.pass(10)
  hosts.assertOneChild()
})

test('what the peer began and never finished is given up after a minute', () => {
  const security = ['aes128gcm16-prfsha256-curve25519+mlkem512']
  const hosts = new TwoHosts({ policy: { ike: { security } } }).withChild()
  hosts.one.wants({ kind: 'rekey-session' })
  hosts.deliver(hosts.one)
  hosts.lose(hosts.two)
  hosts.clock.now += 61
  hosts.two.wake()
  assert.equal(hosts.two.session.state.followUp, undefined)
})

/** An answer to our rekey as no honest host gives it. */
function answered(change: (payloads: readonly Payload[]) => readonly Payload[]) {
  const hosts = new TwoHosts().withChild()
  const { one } = hosts
  one.wants({ kind: 'rekey-session' })
  const honest = rekeyAnswer(hosts.two, hosts)
  const session: Session<Established> = one.session
  const header = one.eventsOf('message').at(-1)!.header
  const opened = { header, payloads: change(honest), octets: new Uint8Array(0), path: session.path }
  const step = rekeyAnswered(session, opened, one.world)
  assert.ok(!('kind' in step))
  return step
}

function rekeyAnswer(two: Host, hosts: TwoHosts): readonly Payload[] {
  hosts.deliver(hosts.one)
  return two.eventsOf('message').at(-1)!.payloads
}

test('an answer that cannot be one ends the session, and the peer is told', () => {
  const lies: readonly ((payloads: readonly Payload[]) => readonly Payload[])[] = [
    all => all.filter(one => one.kind !== 'key-exchange'),
    all => all.filter(one => one.kind !== 'nonce'),
    all => all.map(one => (one.kind === 'key-exchange' ? { ...one, method: 19 } : one)),
    all => all.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: new Uint8Array(32) } : one)),
    all => all.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: new Uint8Array(3) } : one)),
    all => withProposal(all, { spi: new Uint8Array(0) }),
    all => withProposal(all, { protocol: 3 }),
    all => withProposal(all, { transforms: [] }),
  ]
  for (const lie of lies) {
    const { session, request, outputs } = answered(lie)
    assert.equal(session?.state.kind, 'closing')
    assert.deepEqual(
      request?.payloads.map(({ kind }) => kind),
      ['notify', 'delete'],
    )
    assert.ok(outputs.some(({ kind }) => kind === 'remove'))
  }
  assert.equal(answered(all => all).session?.state.kind, 'replaced')
})

function withProposal(all: readonly Payload[], change: object): readonly Payload[] {
  const [proposal] = find(all, 'security-association')!.proposals
  const changed = payload('security-association', { proposals: [{ ...proposal!, ...change }] })
  return all.map(one => (one.kind === 'security-association' ? changed : one))
}

test('a peer that never has time is asked five times more, and then left alone for a while', () => {
  const hosts = new TwoHosts().withChild()
  const { one } = hosts
  const busy = [notification('TEMPORARY_FAILURE', {})]
  one.wants({ kind: 'rekey-session' })
  let { session } = one
  for (let detours = 0; detours < 5; detours++) {
    const step = rekeyAnswered(
      { ...session, state: { ...session.state, task: { ...session.state.task!, detours } as never } },
      { header: one.eventsOf('message').at(-1)!.header, payloads: busy, octets: new Uint8Array(0), path: session.path },
      one.world,
    )
    assert.ok(!('kind' in step) && step.session?.state.kind === 'established')
    const { queue, notBefore } = step.session.state as Established
    assert.deepEqual(queue, [{ kind: 'rekey-session', detours: detours + 1 }])
    assert.ok(notBefore! > one.world.now)
  }
  session = { ...session, state: { ...session.state, task: { ...session.state.task!, detours: 5 } as never } }
  const opened = { header: one.eventsOf('message').at(-1)!.header, payloads: busy, octets: new Uint8Array(0) }
  const last = rekeyAnswered(session, { ...opened, path: session.path }, one.world)
  assert.ok(!('kind' in last))
  const state = last.session?.state as Established
  assert.deepEqual(state.queue, [])
  assert.ok(state.rekeyAt > one.world.now && state.rekeyAt < state.expiresAt)
})
