// Children come, are renewed and refused, as messages between two hosts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flow, policy, rule } from '../../policy/test-policies.ts'
import { ONE, RULE, TWO, TwoHosts, WAITING } from './test-two-hosts.ts'

const negotiating = (changes: Parameters<typeof rule>[2] = {}) =>
  rule('negotiate', [`any ${ONE} <-> ${TWO}`], { name: RULE, ...changes })
const IKE = { security: ['aes128gcm16-prfsha256-curve25519'] }

test('a host asks for a child and both have the two directions of it with the same keys', () => {
  const hosts = new TwoHosts()
  const { one, two } = hosts
  one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  // → CREATE_CHILD_SA
  assert.equal(
    hosts.deliver(one),
    'CREATE_CHILD_SA request: security-association nonce initiator-selectors responder-selectors USE_TRANSPORT_MODE',
  )
  assert.deepEqual(two.sending, [two.children[0]!.name])
  // ← CREATE_CHILD_SA
  hosts.deliver(two)
  hosts.assertOneChild()
  const [pair] = one.installed.values()
  assert.equal(pair!.outbound.selectors.length, 1)
  assert.equal(pair!.outbound.rule, RULE)
  assert.equal(pair!.inbound.rule, RULE)
  assert.deepEqual(pair!.outbound.lifetime.hard, { seconds: 3600, packets: 2 ** 32 - 1 })
  assert.ok(pair!.outbound.lifetime.soft.seconds! >= 2880 && pair!.outbound.lifetime.soft.seconds! <= 3240)
  assert.equal(one.eventsOf('child-established')[0]?.security, 'esp-aes256gcm16')
})

test('the associations are installed before the answer goes out, and sent through after it', () => {
  const hosts = new TwoHosts()
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.deliver(hosts.one)
  const order = hosts.two.outputs.map(({ kind }) => kind).filter(kind => kind !== 'report')
  assert.deepEqual(order, ['install', 'send', 'begin-sending'])
})

test('a rekeyed child takes the place of the old one, which receives until packets on their way have come', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  const [old] = one.children
  one.wants({ kind: 'rekey-child', name: old!.name })
  // → REKEY_SA: two receives by the new one and still sends through the old one
  assert.match(hosts.deliver(one), /request: REKEY_SA security-association nonce initiator/)
  assert.equal(two.sending.length, 1)
  assert.equal(two.installed.size, 2)
  // ← agreed: one sends through the new one and deletes the old
  hosts.deliver(two)
  assert.equal(one.sending.length, 2)
  // → delete
  assert.match(hosts.deliver(one), /request: delete 1/)
  assert.equal(two.sending.length, 2)
  // ← delete
  assert.match(hosts.deliver(two), /answer: delete 1/)
  assert.equal(one.installed.size, 2)
  assert.equal(two.installed.size, 2)
  hosts.pass(5)
  hosts.assertOneChild()
  assert.equal(one.eventsOf('child-established').at(-1)?.replaces, old!.name)
})

test('fresh keys mean a key exchange of the child, and both ends know the same secret', () => {
  const hosts = new TwoHosts({ changes: { freshKeys: true, keyExchange: 'ecp256' } })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  assert.match(hosts.deliver(hosts.one), /security-association nonce key-exchange initiator-selectors/)
  assert.match(hosts.deliver(hosts.two), /security-association nonce key-exchange initiator-selectors/)
  hosts.assertOneChild()
})

test('who wants fresh keys refuses a child without, and who does not ask for them has them all the same, both ways', () => {
  const fresh = policy([negotiating({ freshKeys: true })], { ike: IKE })
  const refusing = new TwoHosts({ otherPolicy: fresh })
  refusing.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  refusing.deliver(refusing.one)
  assert.equal(refusing.deliver(refusing.two), 'CREATE_CHILD_SA answer: NO_PROPOSAL_CHOSEN')
  assert.match(refusing.deliver(refusing.one), /security-association nonce key-exchange initiator-selectors/)
  refusing.deliver(refusing.two)
  refusing.assertOneChild()
  assert.deepEqual(refusing.one.eventsOf('child-failed'), [])
  const allowing = new TwoHosts({ changes: { freshKeys: true }, otherPolicy: policy([negotiating()], { ike: IKE }) })
  allowing.withChild().assertOneChild()
})

test('a host that wants fresh keys has its additional exchanges from one that merely does not ask', () => {
  const keyExchange = 'curve25519+mlkem512'
  const other = policy([negotiating({ keyExchange })], { ike: IKE })
  const hosts = new TwoHosts({ changes: { freshKeys: true, keyExchange }, otherPolicy: other })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.settle()
  hosts.assertOneChild()
})

test('a child that nothing fits is refused once more with fresh keys, and then no more', () => {
  const other = policy([negotiating({ security: ['esp-aes128-sha256'] })], { ike: IKE })
  const hosts = new TwoHosts({ changes: { security: ['esp-aes256gcm16'] }, otherPolicy: other })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.settle()
  assert.equal(hosts.one.outputs.filter(({ kind }) => kind === 'refuse').length, 1)
  assert.match(hosts.one.eventsOf('child-failed')[0]!.what, /NO_PROPOSAL_CHOSEN/)
})

test('a key exchange that the peer does not want is begun anew with the one that it wants, once', () => {
  const ike = { security: ['aes128gcm16-prfsha256-curve25519', 'aes128gcm16-prfsha256-ecp256'] }
  const other = policy([negotiating({ freshKeys: true, keyExchange: 'ecp256' })], { ike })
  const hosts = new TwoHosts({ changes: { freshKeys: true }, policy: { ike }, otherPolicy: other })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.deliver(hosts.one)
  assert.equal(hosts.deliver(hosts.two), 'CREATE_CHILD_SA answer: INVALID_KE_PAYLOAD')
  hosts.settle()
  hosts.assertOneChild()
})

test('additional key exchanges follow one by one, and only the last makes the child', () => {
  const hosts = new TwoHosts({ changes: { freshKeys: true, keyExchange: 'curve25519+mlkem768+mlkem512' } })
  const { one, two } = hosts
  one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.deliver(one)
  assert.match(hosts.deliver(two), /ADDITIONAL_KEY_EXCHANGE$/)
  assert.equal(hosts.deliver(one), 'IKE_FOLLOWUP_KE request: key-exchange ADDITIONAL_KEY_EXCHANGE')
  assert.equal(hosts.deliver(two), 'IKE_FOLLOWUP_KE answer: key-exchange ADDITIONAL_KEY_EXCHANGE')
  assert.equal(two.installed.size, 0)
  hosts.deliver(one)
  assert.equal(hosts.deliver(two), 'IKE_FOLLOWUP_KE answer: key-exchange')
  hosts.assertOneChild()
  assert.equal(two.session.state.followUp, undefined)
})

test('a rekey with additional key exchanges replaces like any other', () => {
  const hosts = new TwoHosts({ changes: { freshKeys: true, keyExchange: 'curve25519+mlkem512' } }).withChild()
  hosts.two.wants({ kind: 'rekey-child', name: hosts.two.children[0]!.name })
  hosts.settle()
  hosts.pass(5)
  hosts.assertOneChild()
})

test('who has forgotten the exchanges before says so, and all begins anew', () => {
  const hosts = new TwoHosts({ changes: { freshKeys: true, keyExchange: 'curve25519+mlkem512' } })
  const { one, two } = hosts
  one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.deliver(one)
  hosts.deliver(two)
  const { followUp: _, ...state } = two.session.state
  two.sessions = [{ ...two.session, state }]
  hosts.deliver(one)
  assert.equal(hosts.deliver(two), 'IKE_FOLLOWUP_KE answer: STATE_NOT_FOUND')
  hosts.pass(5)
  hosts.assertOneChild()
})

test('a rule of the other mode is refused, and both are told why', () => {
  const tunnels = [
    rule('negotiate', [`any ${ONE} -> ${TWO}`], { name: 'there', mode: 'tunnel', tunnelEndpoint: WAITING.destination }),
    rule('negotiate', [`any ${TWO} -> ${ONE}`], { name: 'back', mode: 'tunnel', tunnelEndpoint: WAITING.source }),
  ]
  const hosts = new TwoHosts({ otherPolicy: policy(tunnels, { ike: IKE }) })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  hosts.deliver(hosts.one)
  assert.equal(hosts.deliver(hosts.two), 'CREATE_CHILD_SA answer: NO_PROPOSAL_CHOSEN')
  assert.match(hosts.two.eventsOf('warning')[0]!.what, /the rule back wants tunnel mode, the peer asks for transport/)
})

test('tunnels have a rule for each direction, and each end has them the other way round', () => {
  const tunnels = [
    rule('negotiate', [`any ${ONE} -> ${TWO}`], { name: 'there', mode: 'tunnel', tunnelEndpoint: WAITING.destination }),
    rule('negotiate', [`any ${TWO} -> ${ONE}`], { name: 'back', mode: 'tunnel', tunnelEndpoint: WAITING.source }),
  ]
  const hosts = new TwoHosts({ rules: tunnels })
  hosts.one.wants({ kind: 'make-child', wish: { rule: 'there', flow: WAITING } })
  hosts.settle()
  hosts.assertOneChild()
  const [mine] = hosts.one.installed.values()
  const [theirs] = hosts.two.installed.values()
  assert.deepEqual([mine!.outbound.rule, mine!.inbound.rule], ['there', 'back'])
  assert.deepEqual([theirs!.outbound.rule, theirs!.inbound.rule], ['back', 'there'])
  assert.equal(mine!.outbound.mode, 'tunnel')
})

test('the packet that waits says which of several rules is meant', () => {
  const rules = [
    negotiating({ name: 'the rest' }),
    rule('negotiate', [`tcp ${ONE} <-> ${TWO}:88`], { name: 'kerberos', security: ['esp-aes128gcm16'] }),
  ]
  const hosts = new TwoHosts({ rules })
  hosts.one.wants({ kind: 'make-child', wish: { rule: 'kerberos', flow: WAITING } })
  hosts.one.wants({ kind: 'make-child', wish: { rule: 'the rest', flow: flow(`udp ${ONE}:1000 ${TWO}:2000`) } })
  hosts.settle()
  assert.deepEqual(
    hosts.two.children.map(child => child.rule),
    ['kerberos', 'the rest'],
  )
  assert.deepEqual(
    hosts.two.children.map(child => child.security),
    ['esp-aes128gcm16', 'esp-aes256gcm16'],
  )
})

test('a host that deletes what the peer has replaced sends through what took its place', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  const [old] = two.children
  one.wants({ kind: 'rekey-child', name: one.children[0]!.name })
  hosts.deliver(one)
  hosts.deliver(two)
  // The peer's delete never comes; the old one is at its end.
  one.sessions = [{ ...one.session, window: { ...one.session.window, nextOwn: 2 } }]
  one.wire.length = 0
  two.wants({ kind: 'delete-children', names: [old!.name], why: 'its lifetime is over' })
  assert.equal(two.sending.at(-1), two.children.at(-1)!.name)
  hosts.check()
})

test('a wish that the peer has fulfilled meanwhile asks for nothing', () => {
  const hosts = new TwoHosts().withChild()
  hosts.two.wants({ kind: 'make-child', wish: { rule: RULE, flow: flow(`tcp ${TWO}:88 ${ONE}:49152`) } })
  assert.equal(hosts.two.wire.length, 0)
})

test('with a NAT on the way ESP goes in UDP, and each host names the addresses that it sees', () => {
  const nat = {
    one: { beforeUs: true, beforePeer: false },
    two: { beforeUs: false, beforePeer: true },
    seenOne: '192.0.2.7',
  }
  const other = policy([rule('negotiate', [`any ${TWO} <-> any`], { name: RULE })], { ike: IKE })
  const hosts = new TwoHosts({ nat, otherPolicy: other }).withChild()
  const [mine] = hosts.one.installed.values()
  const [theirs] = hosts.two.installed.values()
  assert.deepEqual(mine!.outbound.encapsulation, { sourcePort: 4500, destinationPort: 4500 })
  assert.deepEqual(theirs!.outbound.destination.words, [0xc0000207])
  const [selector] = theirs!.outbound.selectors
  assert.equal(selector!.destination.kind === 'range' && selector!.destination.first.words[0], 0xc0000207)
  hosts.check()
})

test('AH does not go through a NAT, and is not even offered', () => {
  const nat = { one: { beforeUs: true, beforePeer: false }, two: { beforeUs: false, beforePeer: true } }
  const hosts = new TwoHosts({ nat, changes: { security: ['ah-sha256'] } })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  assert.equal(hosts.one.wire.length, 0)
  assert.match(hosts.one.eventsOf('child-failed')[0]!.what, /NAT .* only AH/)
})

test('AH alone is agreed on where the rule asks for it', () => {
  new TwoHosts({ changes: { security: ['ah-sha256'] } }).withChild()
})

test('a child that the peer does not know any more is dropped without a word', () => {
  const hosts = new TwoHosts().withChild()
  const { one, two } = hosts
  const [child] = one.children
  two.sessions = [{ ...two.session, state: { ...two.session.state, children: [] } }]
  two.installed.clear()
  two.sending.length = 0
  one.wants({ kind: 'rekey-child', name: child!.name })
  one.sending.length = 0
  hosts.deliver(one)
  assert.equal(hosts.deliver(two), 'CREATE_CHILD_SA answer: CHILD_SA_NOT_FOUND')
  assert.equal(one.children.length, 0)
  assert.equal(one.installed.size, 0)
})

test('a cipher of 64-bit blocks ends after a gibibyte, and a rule may limit others', () => {
  const hosts = new TwoHosts({ changes: { security: ['esp-3des-sha1'] } }).withChild()
  const [pair] = hosts.one.installed.values()
  assert.equal(pair!.outbound.lifetime.hard.bytes, 2 ** 30)
  const less = new TwoHosts({ changes: { lifetime: { seconds: 600, kilobytes: 100 } } }).withChild()
  const [other] = less.one.installed.values()
  assert.deepEqual(other!.inbound.lifetime.hard, { seconds: 600, bytes: 102_400, packets: 2 ** 32 - 1 })
})

test('extended sequence numbers are agreed on where both want them', () => {
  const hosts = new TwoHosts({ settings: { extendedSequence: 'preferred' } }).withChild()
  const [pair] = hosts.one.installed.values()
  assert.equal(pair!.outbound.extendedSequence, true)
  assert.equal(pair!.outbound.lifetime.hard.packets, undefined)
})
