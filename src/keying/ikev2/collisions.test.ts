// Both hosts at once (RFC 7296 §1.4.1, §2.8.1, §2.25): requests that cross, in every order in which the wire may bring them.
// Which of two wins is decided by nonces, so that each story is told with many seeds and must end well for either.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Spi } from '../../ipsec/association.ts'
import { flow } from '../../policy/test-policies.ts'
import { type Host, ONE, RULE, TWO, TwoHosts, WAITING } from './test-two-hosts.ts'

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

/** The same story with each seed; both hosts have to win sometimes. */
function both(story: (hosts: TwoHosts) => string | undefined, plan: ConstructorParameters<typeof TwoHosts>[0] = {}) {
  const winners = new Set(SEEDS.map(seed => story(new TwoHosts({ ...plan, seed }).withChild())))
  winners.delete(undefined)
  assert.deepEqual([...winners].toSorted(), ['one', 'two'])
}

const rekeyChild = (host: Host) => host.wants({ kind: 'rekey-child', name: host.children[0]!.name })
const rekeySession = (host: Host) => host.wants({ kind: 'rekey-session' })
const deleteChild = (host: Host) =>
  host.wants({ kind: 'delete-children', names: [host.children[0]!.name], why: 'a test' })

/** Who made the child that is left. */
function makerOf({ one, two }: TwoHosts): string {
  const answered = two.eventsOf('child-established').map(({ name }) => name)
  const order = one.eventsOf('child-established').map(({ peerSpi }) => peerSpi)
  // A host's own child is established at the other end first.
  const left: Spi = two.children[0]!.name
  return answered.indexOf(left) < order.indexOf(left) ? 'one' : 'two'
}

test('both rekey the same child at once: the one with the lowest nonce goes, deleted by who made it', () => {
  both(hosts => {
    const { one, two } = hosts
    rekeyChild(one)
    rekeyChild(two)
    // one → rekey … and two ← rekey cross
    hosts.deliver(one)
    hosts.deliver(two)
    assert.equal(one.installed.size, 2)
    // The answers cross as well; each deletes what it has to.
    hosts.deliver(one)
    hosts.deliver(two)
    const deletes = [one, two].map(host => host.session.state.task?.kind)
    assert.deepEqual(deletes, ['delete-children', 'delete-children'])
    hosts.settle()
    hosts.pass(5)
    hosts.assertOneChild()
    return makerOf(hosts)
  })
})

test('the answer to one rekey is lost until the other host has deleted the old child', () => {
  both(hosts => {
    const { one, two } = hosts
    rekeyChild(one)
    rekeyChild(two)
    hosts.deliver(one)
    hosts.deliver(two)
    // two's answer to one is lost; one's answer to two arrives, and two goes on.
    hosts.lose(two)
    hosts.settle()
    const wasDeleted = one.session.state.task?.kind === 'rekey-child' && one.session.state.task.isGone === true
    // → rekey, again; ← the same answer
    hosts.pass(10)
    hosts.assertOneChild()
    return wasDeleted ? 'two' : 'one'
  })
})

test('one rekey is lost until the other is done: the late one finds nothing to replace, and that is all', () => {
  for (const seed of SEEDS) {
    const hosts = new TwoHosts({ seed }).withChild()
    const { one, two } = hosts
    rekeyChild(one)
    rekeyChild(two)
    // one's request is lost; two's exchange runs to its end.
    hosts.lose(one)
    hosts.settle()
    assert.equal(one.children.length, 1)
    // → rekey, again: ← CHILD_SA_NOT_FOUND
    hosts.pass(1)
    assert.equal(one.heard, 'CREATE_CHILD_SA answer: CHILD_SA_NOT_FOUND')
    hosts.pass(5)
    hosts.assertOneChild()
  }
})

test('one rekey comes when the other is answered and the old child is not deleted yet: it is put off, and never done', () => {
  for (const seed of SEEDS) {
    const hosts = new TwoHosts({ seed }).withChild()
    const { one, two } = hosts
    rekeyChild(one)
    rekeyChild(two)
    const late = one.wire.shift()!
    // two ← rekey, → answer: two deletes the old child
    hosts.deliver(two)
    hosts.deliver(one)
    hosts.lose(two)
    // Only now → rekey: ← TEMPORARY_FAILURE
    one.wire.push(late)
    hosts.deliver(one)
    assert.equal(hosts.deliver(two), 'CREATE_CHILD_SA answer: TEMPORARY_FAILURE')
    hosts.pass(10)
    hosts.assertOneChild()
  }
})

test('both rekey the same child with more key exchanges at once', () => {
  both(
    hosts => {
      rekeyChild(hosts.one)
      rekeyChild(hosts.two)
      hosts.settle()
      hosts.pass(5)
      hosts.assertOneChild()
      return makerOf(hosts)
    },
    { changes: { freshKeys: true, keyExchange: 'curve25519+mlkem512' } },
  )
})

test('a child is rekeyed by one host while the other deletes it: the delete comes first', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  rekeyChild(one)
  deleteChild(two)
  // ← delete, answered as usual; → rekey: ← TEMPORARY_FAILURE, for two is closing it
  hosts.deliver(two)
  hosts.deliver(one)
  assert.equal(hosts.deliver(two), 'CREATE_CHILD_SA answer: TEMPORARY_FAILURE')
  assert.match(hosts.deliver(one), /INFORMATIONAL answer: delete 1/)
  hosts.pass(10)
  for (const host of [one, two]) assert.deepEqual([host.children.length, host.installed.size], [0, 0])
})

test('a child is rekeyed by one host while the other deletes it: the delete is answered first, and the rekey is late', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  rekeyChild(one)
  deleteChild(two)
  const late = one.wire.shift()!
  hosts.deliver(two)
  assert.match(hosts.deliver(one), /INFORMATIONAL answer: delete 1/)
  one.wire.push(late)
  hosts.deliver(one)
  assert.equal(hosts.deliver(two), 'CREATE_CHILD_SA answer: CHILD_SA_NOT_FOUND')
  hosts.pass(10)
  for (const host of [one, two]) assert.deepEqual([host.children.length, host.installed.size], [0, 0])
})

test('both delete the same child at once, and neither answer repeats it', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  deleteChild(one)
  deleteChild(two)
  // → delete and ← delete cross
  hosts.deliver(one)
  hosts.deliver(two)
  assert.equal(hosts.deliver(one), 'INFORMATIONAL answer:')
  assert.equal(hosts.deliver(two), 'INFORMATIONAL answer:')
  for (const host of [one, two]) {
    assert.deepEqual([host.children.length, host.installed.size], [0, 0])
    assert.equal(host.eventsOf('child-closed').length, 1)
    assert.equal(host.session.state.task, undefined)
  }
})

test('both rekey the IKE SA at once: children go to the one that stays, and the others are deleted', () => {
  both(hosts => {
    const { one, two } = hosts
    const before = one.session.id
    rekeySession(one)
    rekeySession(two)
    // → rekey and ← rekey cross, and so do the answers
    for (let step = 0; step < 2; step++) {
      hosts.deliver(one)
      hosts.deliver(two)
    }
    hosts.settle()
    hosts.pass(35)
    hosts.assertOneChild()
    assert.equal(one.sessions.length, 1)
    assert.notEqual(one.session.id, before)
    assert.ok(one.eventsOf('session-rekeyed').length === 1 && two.eventsOf('session-rekeyed').length === 1)
    // It works: the child is rekeyed under the new one.
    rekeyChild(two)
    hosts.settle()
    hosts.pass(5)
    hosts.assertOneChild()
    return one.session.role === 'initiator' ? 'one' : 'two'
  })
})

test('both rekey the IKE SA at once with more key exchanges', () => {
  both(
    hosts => {
      rekeySession(hosts.one)
      rekeySession(hosts.two)
      hosts.settle()
      hosts.pass(35)
      hosts.assertOneChild()
      return hosts.one.session.role === 'initiator' ? 'one' : 'two'
    },
    { policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519+mlkem512'] } } },
  )
})

test('both rekey the IKE SA, and one of the answers is lost until the other host has gone on', () => {
  both(hosts => {
    const { one, two } = hosts
    rekeySession(one)
    rekeySession(two)
    hosts.deliver(one)
    hosts.deliver(two)
    // two's answer is lost; two has one's, and goes on.
    hosts.lose(two)
    hosts.settle()
    // What one never heard of two finds out by asking.
    hosts.pass(150)
    hosts.assertOneChild()
    return one.session.role === 'initiator' ? 'one' : 'two'
  })
})

test('one rekey of the IKE SA is lost until the other is done: the old one is deleted, and the late one forgotten', () => {
  for (const seed of SEEDS) {
    const hosts = new TwoHosts({ seed }).withChild()
    const { one, two } = hosts
    rekeySession(one)
    rekeySession(two)
    hosts.lose(one)
    // ← rekey, → answer: two deletes the old one while one still waits
    hosts.settle()
    hosts.pass(60)
    hosts.assertOneChild()
    assert.equal(one.session.role, 'responder')
  }
})

test('a child that is asked for while the IKE SA is rekeyed is asked for again later', () => {
  const hosts = new TwoHosts()
  const { one, two } = hosts
  rekeySession(one)
  two.wants({ kind: 'make-child', wish: { rule: RULE, flow: flow(`tcp ${TWO}:88 ${ONE}:49152`) } })
  // → rekey: two is making a child; ← child: one is rekeying
  hosts.deliver(one)
  hosts.deliver(two)
  assert.equal(hosts.deliver(one), 'CREATE_CHILD_SA answer: TEMPORARY_FAILURE')
  assert.equal(hosts.deliver(two), 'CREATE_CHILD_SA answer: TEMPORARY_FAILURE')
  hosts.pass(30)
  hosts.assertOneChild()
})

test('a child that is deleted while the IKE SA is rekeyed is deleted', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  rekeySession(one)
  deleteChild(two)
  hosts.deliver(two)
  assert.match(hosts.deliver(one), /request: security-association nonce key-exchange/)
  assert.match(hosts.deliver(two), /TEMPORARY_FAILURE/)
  hosts.pass(60)
  for (const host of [one, two]) {
    assert.deepEqual([host.children.length, host.installed.size, host.standing.length], [0, 0, 1])
  }
})

test('both close the IKE SA at once, and both are done with the first word of the other', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  for (const host of [one, two]) host.wants({ kind: 'delete-session', why: 'a test' })
  hosts.deliver(one)
  hosts.deliver(two)
  for (const host of [one, two]) {
    assert.deepEqual(
      host.sessions.map(({ state }) => state.kind),
      ['closed'],
    )
    assert.deepEqual([...host.installed.keys()], [])
    assert.equal(host.eventsOf('session-closed').length, 1)
  }
  hosts.settle()
  hosts.pass(40)
  assert.deepEqual([one.sessions, two.sessions], [[], []])
})

test('the IKE SA is closed by one host while the other rekeys it: it is closed', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  rekeySession(one)
  two.wants({ kind: 'delete-session', why: 'a test' })
  // → rekey: ← TEMPORARY_FAILURE; ← delete: → answer
  hosts.deliver(one)
  hosts.deliver(two)
  hosts.settle()
  hosts.pass(60)
  assert.deepEqual([one.sessions, two.sessions, one.installed.size, two.installed.size], [[], [], 0, 0])
})

test('both ask for a child at once: both have two, and nothing is lost', () => {
  const hosts = new TwoHosts()
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.two.wants({ kind: 'make-child', wish: { rule: RULE, flow: flow(`tcp ${TWO}:88 ${ONE}:49152`) } })
  hosts.settle()
  assert.deepEqual([hosts.one.children.length, hosts.two.children.length], [2, 2])
  hosts.check()
})

test('late duplicates of everything change nothing', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  const copies: { readonly to: Host; readonly octets: Uint8Array }[] = []
  rekeyChild(one)
  for (let count = 0; one.wire.length + two.wire.length > 0; count++) {
    const [from, to] = one.wire.length > 0 ? [one, two] : [two, one]
    copies.push({ to, octets: from.wire[0]!.slice() })
    hosts.deliver(from)
    for (const { to: host, octets } of copies) host.receive(octets)
    // Answers that go out again are old, too.
    if (count > 20) break
  }
  one.wire.length = 0
  two.wire.length = 0
  hosts.pass(5)
  hosts.assertOneChild()
})
