// What time does to sessions that stand, and what the peer's news do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { notification, notifyTypeOf } from '../../wire/ike/notify.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'
import { dutyAt } from './duties.ts'
import { answerInformational } from './informational.ts'
import { type Host, ONE, RULE, TwoHosts, WAITING } from './test-two-hosts.ts'

const sent = (host: Host) =>
  host.eventsOf('message').filter(({ way, header }) => way === 'sent' && (header.flags & 0x20) === 0)

test('a session renews itself before its lifetime is over, again and again, and loses no child', () => {
  const hosts = new TwoHosts({
    policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519'], lifetime: { seconds: 100 } } },
  })
  hosts.withChild()
  hosts.pass(1000)
  hosts.assertOneChild()
  const rekeys = hosts.one.eventsOf('session-rekeyed').length
  assert.ok(rekeys >= 10 && rekeys <= 14, `${rekeys} rekeys`)
  assert.equal(hosts.one.eventsOf('session-closed').length, 0)
})

test('renewal is drawn at random between 80 and 90 hundredths of the lifetime', () => {
  const shares = [1, 2, 3, 4, 5].map(seed => {
    const { establishedAt, rekeyAt, expiresAt } = new TwoHosts({ seed }).one.session.state
    return (rekeyAt - establishedAt) / (expiresAt - establishedAt)
  })
  assert.ok(shares.every(share => share > 0.8 && share <= 0.9))
  assert.equal(new Set(shares).size, shares.length)
})

test('a session whose rekey is never answered ends with its lifetime', () => {
  const hosts = new TwoHosts({
    policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519'], lifetime: { seconds: 100 }, liveness: 0 } },
  }).withChild()
  hosts.two.sessions = []
  hosts.isStrict = false
  hosts.pass(200)
  assert.deepEqual([hosts.one.sessions.length, hosts.one.installed.size], [0, 0])
})

test('a silent peer is asked after the seconds of the policy, and an answer is enough', () => {
  const hosts = new TwoHosts({ policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519'], liveness: 7 } } })
  hosts.withChild()
  const before = sent(hosts.one).length
  hosts.pass(6.9)
  assert.equal(sent(hosts.one).length, before)
  hosts.pass(0.2)
  // Both ask, for both heard the last word at the same time.
  assert.equal(sent(hosts.one).length, before + 1)
  assert.deepEqual(sent(hosts.one).at(-1)!.payloads, [])
  hosts.pass(100)
  hosts.assertOneChild()
})

test('a peer that is gone is noticed: the session and its children end, within liveness and all repetitions', () => {
  const hosts = new TwoHosts().withChild()
  hosts.two.sessions = []
  hosts.isStrict = false
  hosts.pass(30 + 120)
  assert.deepEqual([hosts.one.sessions.length, hosts.one.installed.size], [0, 0])
  assert.match(hosts.one.eventsOf('session-closed')[0]!.why, /does not answer/)
})

test('with liveness 0 nobody is ever asked', () => {
  const hosts = new TwoHosts({ policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519'], liveness: 0 } } })
  hosts.withChild()
  hosts.two.sessions = []
  const before = sent(hosts.one).length
  hosts.pass(3600)
  assert.equal(sent(hosts.one).length, before)
})

test('a host behind a NAT sends one octet of ones when nothing else was sent for a while', () => {
  const nat = { one: { beforeUs: true, beforePeer: false }, two: { beforeUs: false, beforePeer: true } }
  const hosts = new TwoHosts({ nat, policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519'], liveness: 0 } } })
  const keepalives = (host: Host) =>
    host.outputs.filter(one => one.kind === 'send' && one.bytes.length === 1 && one.bytes[0] === 0xff).length
  hosts.withChild()
  hosts.pass(100)
  assert.equal(keepalives(hosts.one), 5)
  assert.equal(keepalives(hosts.two), 0)
})

test('a session without a child is closed after ten minutes, and not as long as it has one', () => {
  const hosts = new TwoHosts()
  hosts.pass(590)
  assert.equal(hosts.one.standing.length, 1)
  hosts.pass(120)
  assert.deepEqual([hosts.one.sessions.length, hosts.two.sessions.length], [0, 0])
  assert.match(hosts.one.eventsOf('session-closed')[0]!.why, /no child for a long while|the peer closes it/)
  const used = new TwoHosts().withChild()
  used.pass(3000)
  used.assertOneChild()
})

test('a peer that rekeys and never deletes the old session is spared that work', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  one.wants({ kind: 'rekey-session' })
  hosts.deliver(one)
  hosts.deliver(two)
  // The delete is lost again and again.
  one.sessions = one.sessions.filter(({ state }) => state.kind !== 'replaced')
  one.wire.length = 0
  hosts.pass(20)
  assert.equal(two.sessions.length, 2)
  hosts.pass(200)
  assert.equal(two.sessions.length, 1)
  hosts.assertOneChild()
})

test('nothing is due where nothing can be', () => {
  const hosts = new TwoHosts()
  const closing = {
    kind: 'closing',
    secured: hosts.one.session.state.secured,
    why: '',
    peer: hosts.one.session.state.peer,
  }
  assert.equal(dutyAt({ ...hosts.one.session, state: closing as never }), undefined)
})

/** The peer's request, handed over as it was opened. */
function told(host: Host, payloads: Parameters<typeof answerInformational>[1]['payloads']) {
  const { session } = host
  const header = { ...host.eventsOf('message').at(-1)!.header, exchange: 37 }
  const step = answerInformational(
    session,
    { header, payloads, octets: new Uint8Array(0), path: session.path },
    host.world,
  )
  assert.ok(!('kind' in step))
  return step
}

test('a delete of what is not there is answered without a delete', () => {
  const { one } = new TwoHosts().withChild()
  const spi = (number: number) => Uint8Array.of(9, 9, 9, number)
  const { reply, session } = told(one, [payload('delete', { protocol: 3, spiSize: 4, spis: [spi(1), spi(2)] })])
  assert.deepEqual(reply, [])
  assert.deepEqual(session, one.session)
})

test('a delete of AH does not delete ESP of the same number', () => {
  const { one } = new TwoHosts().withChild()
  const spi = new Uint8Array(4)
  new DataView(spi.buffer).setUint32(0, one.children[0]!.peerSpi)
  assert.deepEqual(told(one, [payload('delete', { protocol: 2, spiSize: 4, spis: [spi] })]).reply, [])
  const { reply, outputs } = told(one, [payload('delete', { protocol: 3, spiSize: 4, spis: [spi, spi] })])
  assert.equal(reply?.length, 1)
  assert.deepEqual(outputs[0], { kind: 'remove', names: [one.children[0]!.name] })
})

test('unknown statuses are passed over, errors told to people, and AUTHENTICATION_FAILED ends the session', () => {
  const { one } = new TwoHosts().withChild()
  const notify = (type: number) =>
    payload('notify', { protocol: 0, type, spi: new Uint8Array(0), data: new Uint8Array(0) })
  assert.deepEqual(told(one, [notify(40_000)]).outputs, [])
  assert.match(JSON.stringify(told(one, [notify(notifyTypeOf('INVALID_SELECTORS'))]).outputs), /INVALID_SELECTORS/)
  const ended = told(one, [notification('AUTHENTICATION_FAILED', {})])
  assert.equal(ended.session?.state.kind, 'closed')
  assert.ok(ended.outputs.some(({ kind }) => kind === 'remove'))
})

test('a farewell refuses what still waits', () => {
  const hosts = new TwoHosts()
  const { one } = hosts
  one.wants({ kind: 'ask-whether-alive' })
  one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.two.wants({ kind: 'delete-session', why: 'a test' })
  hosts.deliver(hosts.two)
  assert.deepEqual(
    one.outputs.filter(({ kind }) => kind === 'refuse'),
    [{ kind: 'refuse', rule: RULE, flow: WAITING }],
  )
  assert.equal(WAITING.source.words[0], 0x0a360001, ONE)
})
