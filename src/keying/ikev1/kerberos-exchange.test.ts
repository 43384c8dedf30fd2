// Main mode by Kerberos between two hosts in memory, whose system is test-kerberos.ts: what it needs, whom it takes, and how it
// ends when something is wrong. The real system is tried in agent/kerberos, and on a wire in test/live.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMessageV1 } from '../../wire/ike/v1-message.ts'
import { vendorId } from '../../wire/ike/v1-vendor-ids.ts'
import type { KerberosCredential } from '../credentials.ts'
import { type Faults, inRun, sharedSecret, type TestHost, TestNet } from '../test-hosts.ts'
import { writeGssName } from './kerberos.ts'
import { provedBy, twoHosts, v1Policy } from './test-hosts-v1.ts'
import { TestKerberos } from './test-kerberos.ts'

interface Scene {
  readonly net: TestNet
  readonly system: TestKerberos
  readonly left: TestHost
  readonly right: TestHost
}

type Changes = Partial<KerberosCredential>

function scene(seed: number, ours: Changes = {}, theirs: Changes = {}, faults: Faults = {}): Scene {
  const net = new TestNet(seed, faults)
  const policy = v1Policy({ authentication: [{ kind: 'kerberos', kdc: [] }] })
  const own = (principal: string, changes: Changes) => ({
    credentials: provedBy(policy, { kind: 'kerberos', principal, ...changes }),
  })
  const [left, right] = twoHosts(net, policy, [own('DC1$@R', ours), own('DC2$@R', theirs)])
  const system = new TestKerberos(net)
  for (const host of [left, right]) system.serve(host)
  return { net, system, left, right }
}

function run(given: Scene, seconds = 5): Scene {
  given.left.needs(given.right)
  given.net.advance(seconds)
  return given
}

const failures = (host: TestHost) => host.of('session-failed').map(({ what }) => what)

test('tickets prove two hosts to each other in six messages, and quick mode follows', () => {
  const { net, system, left, right } = run(scene(1))
  assert.ok(left.reaches(right) && right.reaches(left), net.picture())
  assert.equal(net.letters.length, 9)
  assert.equal(left.of('session-established')[0]?.peerName, 'DC2$@R')
  assert.equal(right.of('session-established')[0]?.peerName, 'DC1$@R')
  assert.deepEqual(system.asked.toSorted(), [
    ...['accept', 'begin', 'continue', 'forget', 'forget', 'unwrap', 'unwrap', 'wrap', 'wrap'],
  ])
  assert.equal(system.contexts.size, 0, 'nothing is kept')
})

test('names stand in the transforms of both, in UTF-16LE', () => {
  const { net } = run(scene(2))
  const [first, second] = net.letters.map(({ bytes }) => bytes.toHex())
  assert.ok(first!.includes(writeGssName('DC1$@R').toHex()))
  assert.ok(second!.includes(writeGssName('DC2$@R').toHex()))
})

/** Both take the other for a Windows. */
function asWindows({ net }: Scene): void {
  const windows = Uint8Array.of(...vendorId('windows'), 0, 0, 0, 5)
  net.tamper = bytes => [Buffer.from(bytes).equals(bytes) ? withVendor(bytes, windows) : bytes]
}

/** A further vendor ID at the end of messages 1 and 2, which nothing protects. */
function withVendor(bytes: Uint8Array, id: Uint8Array): Uint8Array {
  const read = readMessageV1(bytes)
  if (!read.ok || !('payloads' in read.value) || read.value.payloads[0]?.kind !== 'security-association') return bytes
  const longer = new Uint8Array(bytes.length + 4 + id.length)
  longer.set(bytes)
  // The chain's last payload says that another one follows.
  let at = 28
  let [next, link] = [bytes[16]!, 16]
  while (next !== 0) {
    link = at
    next = bytes[at]!
    at += (bytes[at + 2]! << 8) | bytes[at + 3]!
  }
  longer[link] = 13
  longer.set([0, 0, 0, 4 + id.length, ...id], bytes.length)
  new DataView(longer.buffer).setUint32(24, longer.length)
  return longer
}

test('towards Windows a token has an octet in front, and everything comes to the same end', () => {
  const given = scene(3)
  asWindows(given)
  const { net, left, right } = run(given)
  assert.ok(left.reaches(right) && right.reaches(left), net.picture())
  const tokens = net.letters.slice(2, 4).flatMap(({ bytes }) => {
    const read = readMessageV1(bytes)
    assert.ok(read.ok && 'payloads' in read.value)
    return read.value.payloads.flatMap(payload => (payload.kind === 'gss-token' ? [payload.vendor] : []))
  })
  assert.deepEqual(tokens, [0, 0])
})

test('each takes only the peers that its rule names, and a user never where none is named', () => {
  const named = run(scene(4, { principals: ['DC2$@R'] }, { principals: ['dc1$'] }))
  assert.ok(named.left.reaches(named.right), named.net.picture())
  const other = run(scene(5, { principals: ['DC3$@R'] }))
  assert.ok(!other.left.reaches(other.right))
  assert.match(failures(other.left).join(), /calls itself DC2\$@R, which is not among the peers of the rule: DC3\$@R/)
  const stranger = run(scene(6, {}, { principals: ['DC3$@R'] }))
  assert.ok(!stranger.left.reaches(stranger.right))
  assert.match(failures(stranger.right).join(), /DC1\$@R at 10\.0\.0\.1 is not among the peers of the rule/)
  const user = run(scene(7, { principal: 'alice@R' }))
  assert.ok(!user.left.reaches(user.right))
  assert.match(failures(user.right).join(), /alice@R at 10\.0\.0\.1 is no machine/)
  for (const { system, net } of [named, other, stranger, user]) {
    net.advance(120)
    assert.equal(system.contexts.size, 0)
  }
})

test('where no ticket can be had, the initiator says why, and the peer hears that it gives up', () => {
  const given = scene(8)
  given.system.disturb = (_, { kind }) => (kind === 'begin' ? { kind: 'failed', what: 'no key centre' } : undefined)
  const { net, left, right } = run(given, 60)
  assert.deepEqual(failures(left), ['Kerberos: no key centre'])
  assert.equal(left.refused.length, 1)
  assert.equal(right.endpoint.sessions().length, 0, net.picture())
  assert.equal(given.system.contexts.size, 0)
})

test('where the responder cannot open the ticket, both say why, each in its own system’s words', () => {
  const given = scene(9, {}, { principal: 'DC9$@R' })
  // It says one name and has the key of another.
  given.system.disturb = (host, ask) =>
    host === '1' && ask.kind === 'accept'
      ? {
          kind: 'failed',
          what: 'another key',
          token: Uint8Array.of(0x60, ...new TextEncoder().encode('error|not for me')),
        }
      : undefined
  const { net, left, right } = run(given, 60)
  assert.deepEqual(failures(right), ['Kerberos: another key'])
  assert.deepEqual(failures(left), ['Kerberos: the other system says: not for me'], net.picture())
  assert.deepEqual(
    [left, right].map(({ endpoint }) => endpoint.sessions().length),
    [0, 0],
  )
  assert.equal(given.system.contexts.size, 0)
})

for (const [kind, host] of [
  ['begin', '0'],
  ['accept', '1'],
  ['continue', '0'],
  ['wrap', '0'],
  ['wrap', '1'],
  ['unwrap', '0'],
  ['unwrap', '1'],
] as const) {
  for (const disturbance of ['silent', 'failed'] as const) {
    test(`a system that is ${disturbance} at “${kind}” of the ${host === '0' ? 'initiator' : 'responder'} ends it, and nothing is left`, () => {
      const given = scene(10)
      const failed = { kind: 'failed', what: 'it fails' } as const
      given.system.disturb = (at, ask) =>
        at === host && ask.kind === kind ? (disturbance === 'silent' ? 'silent' : failed) : undefined
      const { net, system, left, right } = run(given, 200)
      const own = host === '0' ? left : right
      assert.match(
        failures(own).join(),
        disturbance === 'silent' ? /the system does not answer/ : /it fails/,
        net.picture(),
      )
      assert.equal(left.refused.length, 1, net.picture())
      assert.equal(left.pairs.size + right.pairs.size, 0)
      assert.deepEqual(
        [left, right].map(({ endpoint }) => endpoint.sessions().length),
        [0, 0],
        net.picture(),
      )
      assert.equal(system.contexts.size, 0)
      // And the next one is as if nothing had been.
      system.disturb = undefined
      left.needs(right)
      net.advance(10)
      assert.ok(left.reaches(right), net.picture())
    })
  }
}

test('a system that takes its time, and a wire that loses, doubles and reorders, are no obstacle', () => {
  for (let seed = 100; seed < 140; seed++) {
    const given = scene(seed, {}, {}, { loss: 0.15, duplication: 0.2, reordering: 0.2, jitter: 0.05 })
    given.system.delay = (seed % 5) * 0.7
    inRun(seed, given.net, () => {
      for (let tries = 0; tries < 6 && !given.left.reaches(given.right); tries++) {
        given.left.talksTo(given.right)
        given.net.advance(30)
      }
      assert.ok(given.left.reaches(given.right))
      given.net.advance(120)
      assert.equal(given.system.contexts.size, 0)
    })
  }
})

test('a token, a name or a hash that somebody changes on the way proves nothing', () => {
  const changes: readonly (readonly [what: string, message: number, part: string])[] = [
    ['the name in the offer', 1, writeGssName('DC1$@R').toHex()],
    ['the name in the answer', 2, writeGssName('DC2$@R').toHex()],
    ['the initiator’s token', 3, new TextEncoder().encode('DC1$@R|').toHex()],
    ['the responder’s token', 4, new TextEncoder().encode('answer').toHex()],
  ]
  for (const [what, message, part] of changes) {
    const given = scene(20)
    let isChanged = false
    given.net.tamper = bytes => {
      const at = bytes.toHex().indexOf(part)
      if (isChanged || at < 0 || given.net.letters.length !== message - 1) return [bytes]
      isChanged = true
      const other = Uint8Array.from(bytes)
      // D becomes E: a name of the same form.
      other[at / 2]! ^= 1
      return [other]
    }
    const { net, left, right } = run(given, 20)
    assert.ok(isChanged, what)
    assert.ok(!left.reaches(right) && !right.reaches(left), `${what}\n${net.picture()}`)
  }
})

test('whose token another peer sends again cannot end the exchange', () => {
  const first = run(scene(30))
  const token = first.net.letters[2]!
  const read = readMessageV1(token.bytes)
  assert.ok(read.ok && 'payloads' in read.value)
  const old = read.value.payloads.find(payload => payload.kind === 'gss-token')
  assert.ok(old?.kind === 'gss-token')
  const given = scene(30)
  // The stranger has the token of another time, and no key of its context.
  given.system.disturb = (host, ask) =>
    host === '0' && ask.kind === 'begin'
      ? { kind: 'context', token: old.token, isComplete: false }
      : host === '0' && ask.kind === 'continue'
        ? { kind: 'context', isComplete: true, peer: 'DC2$@R' }
        : host === '0' && ask.kind === 'wrap'
          ? { kind: 'content', content: Uint8Array.of(0x60, ...new TextEncoder().encode('guess|true|00')) }
          : undefined
  const { left, right, net } = run(given, 20)
  assert.ok(!left.reaches(right) && right.of('session-established').length === 0, net.picture())
})

test('renewals of both phases fetch a new proof each time, and nothing is kept between them', () => {
  const net = new TestNet(40)
  const policy = v1Policy(
    { authentication: [{ kind: 'kerberos', kdc: [] }], lifetime: { seconds: 60 } },
    { ike: { lifetime: { seconds: 200 } } },
  )
  const own = (principal: string) => ({ credentials: provedBy(policy, { kind: 'kerberos', principal }) })
  const [left, right] = twoHosts(net, policy, [own('DC1$@R'), own('DC2$@R')])
  const system = new TestKerberos(net)
  for (const host of [left, right]) system.serve(host)
  left.needs(right)
  net.advance(2)
  for (let second = 0; second < 1500; second += 5) {
    net.advance(5)
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      from.talksTo(to)
      // What is heard keeps a session; between renewals something always reaches.
      if (from.sendingTo(to) !== undefined) assert.ok(from.reaches(to), net.picture())
    }
  }
  assert.ok(system.asked.filter(kind => kind === 'begin').length >= 5, 'main modes began anew')
  assert.ok(system.contexts.size <= 2)
  left.input({ kind: 'close' })
  net.advance(120)
  assert.equal(system.contexts.size, 0)
})

test('an agent that goes down in the middle keeps no context', () => {
  for (const seconds of [0.005, 0.015, 0.03, 0.045, 0.06, 0.08]) {
    const given = scene(41)
    given.left.needs(given.right)
    given.net.advance(seconds)
    for (const host of [given.left, given.right]) host.input({ kind: 'close' })
    given.net.advance(200)
    assert.equal(given.system.contexts.size, 0, `${seconds}`)
  }
})

test('a policy without Kerberos ends what is on its way with it', () => {
  const given = scene(42)
  given.system.delay = 1
  given.left.needs(given.right)
  given.net.advance(1.5)
  for (const host of [given.left, given.right]) {
    host.policy = v1Policy()
    host.credentials = sharedSecret(host.policy)
    host.input({ kind: 'policy-changed' })
  }
  given.net.advance(200)
  assert.equal(given.system.contexts.size, 0)
  given.left.needs(given.right)
  given.net.advance(5)
  assert.ok(given.left.reaches(given.right), given.net.picture())
})
