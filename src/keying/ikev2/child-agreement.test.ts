// What a peer may ask and answer about a child, and what becomes of each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../../base/address.ts'
import { flow, policy, rule } from '../../policy/test-policies.ts'
import { type NotifyKind, notification, notifyTypeOf } from '../../wire/ike/notify.ts'
import type { TrafficSelector } from '../../wire/ike/traffic-selectors.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { answerChild, childAnswered } from './child.ts'
import type { Established } from './session.ts'
import { find, findAll, type Step } from './step.ts'
import { ONE, RULE, TWO, TwoHosts, WAITING } from './test-two-hosts.ts'

type Change = (payloads: readonly Payload[]) => readonly Payload[]
const IKE = { security: ['aes128gcm16-prfsha256-curve25519'] }

function asking(plan: ConstructorParameters<typeof TwoHosts>[0] = {}) {
  const hosts = new TwoHosts(plan)
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: WAITING } })
  const sent = hosts.one.eventsOf('message').at(-1)!
  return { hosts, sent }
}

/** The responder's answer to a request that was changed on no wire: its peer itself says so. */
function requested(change: Change, plan?: ConstructorParameters<typeof TwoHosts>[0]) {
  const { hosts, sent } = asking(plan)
  const { two } = hosts
  const opened = { header: sent.header, payloads: change(sent.payloads), octets: new Uint8Array(0) }
  return answerChild(two.session, { ...opened, path: two.session.path }, two.world)
}

function answered(change: Change, plan?: ConstructorParameters<typeof TwoHosts>[0]): Step {
  const { hosts } = asking(plan)
  const { one, two } = hosts
  hosts.deliver(one)
  const sent = two.eventsOf('message').at(-1)!
  const opened = { header: sent.header, payloads: change(sent.payloads), octets: new Uint8Array(0) }
  const step = childAnswered(one.session, { ...opened, path: one.session.path }, one.world)
  assert.ok(!('kind' in step))
  return step
}

const withoutNotify =
  (kind: NotifyKind): Change =>
  all =>
    all.filter(one => one.kind !== 'notify' || one.type !== notifyTypeOf(kind))

const withSelectors =
  (kind: 'initiator-selectors' | 'responder-selectors', selectors: readonly TrafficSelector[]): Change =>
  all =>
    all.map(one => (one.kind === kind ? payload(kind, { selectors }) : one))

const withProposal =
  (change: object): Change =>
  all =>
    all.map(one => {
      if (one.kind !== 'security-association') return one
      return payload('security-association', { proposals: [{ ...one.proposals[0]!, ...change }] })
    })

const everything = { kind: 'addresses', protocol: 0, startPort: 0, endPort: 65535 } as const
const whole = (first: number, last: number): TrafficSelector => ({
  ...everything,
  start: { family: 4, words: [first] },
  end: { family: 4, words: [last] },
})

test('an answer other than what was asked for makes no child: what the peer made is deleted, and the packet refused', () => {
  const lies: Readonly<Record<string, Change>> = {
    'a tunnel': withoutNotify('USE_TRANSPORT_MODE'),
    'wider selectors of its own': withSelectors('responder-selectors', [whole(0, 0xffffffff)]),
    'wider selectors of ours': withSelectors('initiator-selectors', [whole(0x0a360000, 0x0a3600ff)]),
    'no selectors at all': withSelectors('responder-selectors', []),
    'selectors without our packet': withSelectors('responder-selectors', [
      { ...everything, protocol: 17, start: WAITING.destination, end: WAITING.destination },
    ]),
    'no transforms': withProposal({ transforms: [] }),
  }
  for (const [name, lie] of Object.entries(lies)) {
    const { session, outputs } = answered(lie)
    const { queue, children } = session!.state as Established
    assert.deepEqual(
      queue.map(({ kind }) => kind),
      ['delete-children'],
      name,
    )
    assert.equal(children.length, 1, name)
    assert.deepEqual(
      outputs.map(({ kind }) => kind),
      ['refuse', 'report'],
      name,
    )
  }
  assert.deepEqual(
    answered(all => all).outputs.map(({ kind }) => kind),
    ['install', 'begin-sending', 'report'],
  )
})

test('an answer that is none of a child ends the session', () => {
  const cut = answered(all => all.filter(({ kind }) => kind !== 'nonce'))
  assert.equal(cut.session?.state.kind, 'closing')
  const bare = answered(all => all.filter(({ kind }) => kind !== 'initiator-selectors'))
  assert.equal(bare.session?.state.kind, 'closing')
})

test('a key exchange that is false, missing or another makes no child', () => {
  const plan = { changes: { freshKeys: true } }
  const lies: readonly Change[] = [
    all => all.filter(({ kind }) => kind !== 'key-exchange'),
    all => all.map(one => (one.kind === 'key-exchange' ? { ...one, method: 19 } : one)),
    all => all.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: new Uint8Array(32) } : one)),
    withoutKeyExchange,
  ]
  for (const lie of lies) {
    const { session, outputs } = answered(lie, plan)
    assert.equal((session!.state as Established).queue[0]?.kind, 'delete-children')
    assert.ok(outputs.every(({ kind }) => kind !== 'install'))
  }
})

/** As if no fresh keys had been asked for. */
function withoutKeyExchange(all: readonly Payload[]): readonly Payload[] {
  const { transforms } = find(all, 'security-association')!.proposals[0]!
  const rest = all.filter(({ kind }) => kind !== 'key-exchange')
  return withProposal({ transforms: transforms.filter(({ type }) => type !== 4) })(rest)
}

test('a false public value in a request is refused as what it is', () => {
  const lie: Change = all =>
    all.map(one => (one.kind === 'key-exchange' ? { ...one, publicValue: new Uint8Array(32) } : one))
  const step = requested(lie, { changes: { freshKeys: true } })
  assert.ok('kind' in step && step.notify !== 'silent' && step.notify.kind === 'notify')
  assert.equal(step.notify.type, notifyTypeOf('INVALID_SYNTAX'))
})

test('what is understood and what is unknown changes nothing, and compression is left out of the answer', () => {
  const more: Change = all => [
    ...all,
    notification('ESP_TFC_PADDING_NOT_SUPPORTED', {}),
    notification('NON_FIRST_FRAGMENTS_ALSO', {}),
    notification('IPCOMP_SUPPORTED', { cpi: 1, transform: 2, attributes: new Uint8Array(0) }),
    payload('notify', { protocol: 0, type: 50_000, spi: new Uint8Array(0), data: new Uint8Array(3) }),
  ]
  const step = requested(more)
  assert.ok(!('kind' in step))
  const types = findAll(step.reply!, 'notify').map(({ type }) => type)
  assert.deepEqual(types, [notifyTypeOf('USE_TRANSPORT_MODE')])
})

test('traffic that our policy does not protect makes no child, and the words say so', () => {
  const other = policy([rule('permit', [`any ${ONE} <-> ${TWO}`], { name: 'open' })], { ike: IKE })
  const step = requested(all => all, { otherPolicy: other })
  assert.ok('kind' in step && step.notify !== 'silent' && step.notify.kind === 'notify')
  assert.equal(step.notify.type, notifyTypeOf('TS_UNACCEPTABLE'))
  assert.match(step.what, /our policy does not protect tcp 10\.54\.0\.1:49152 → 10\.54\.0\.2:88/)
})

test('a rule of other credentials is not for this peer, whoever asks', () => {
  const rules = [
    rule('negotiate', [`any ${ONE} <-> ${TWO}`], { name: RULE }),
    rule('negotiate', [`tcp ${ONE} <-> ${TWO}:25`], { name: 'mail' }),
  ]
  const hosts = new TwoHosts({ rules, ofOthers: ['mail'] })
  const mail = flow(`tcp ${ONE}:1024 ${TWO}:25`)
  hosts.one.wants({ kind: 'make-child', wish: { rule: 'mail', flow: mail } })
  assert.equal(hosts.one.wire.length, 0)
  assert.match(hosts.one.eventsOf('child-failed')[0]!.what, /in a way that the rule mail does not have/)
  const step = requested(
    all => {
      const at = (address: typeof ONE | typeof TWO, port: number) => {
        const start = flow(`tcp ${address}:1 ${address}:1`).source
        return { ...everything, protocol: 6, start, end: start, startPort: port, endPort: port }
      }
      const changed = withSelectors('initiator-selectors', [at(ONE, 1024)])(all)
      return withSelectors('responder-selectors', [at(TWO, 25)])(changed)
    },
    { rules, ofOthers: ['mail'] },
  )
  assert.ok('kind' in step)
  assert.match(step.what, /in a way that the rule mail does not have/)
})

test('a peer that asks for more than 256 children gets no more', () => {
  const { hosts, sent } = asking()
  const { two } = hosts
  let { session } = two
  const ask = () =>
    answerChild(
      session,
      { header: sent.header, payloads: sent.payloads, octets: new Uint8Array(0), path: session.path },
      two.world,
    )
  for (let count = 0; count < 256; count++) {
    const step = ask()
    assert.ok(!('kind' in step))
    session = step.session as typeof session
  }
  const step = ask()
  assert.ok('kind' in step && step.notify !== 'silent' && step.notify.kind === 'notify')
  assert.equal(step.notify.type, notifyTypeOf('NO_ADDITIONAL_SAS'))
})

test('behind NATs on both sides a child is made and renewed from either end, with the addresses that each sees', () => {
  const nat = {
    one: { beforeUs: true, beforePeer: true },
    two: { beforeUs: true, beforePeer: true },
    seenOne: '192.0.2.1',
    seenTwo: '192.0.2.2',
  }
  const any = [rule('negotiate', ['any me <-> any'], { name: RULE })]
  const hosts = new TwoHosts({ nat, rules: any })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: flow(`tcp ${ONE}:1024 192.0.2.2:88`) } })
  hosts.settle()
  for (const host of [hosts.one, hosts.two, hosts.one]) {
    host.wants({ kind: 'rekey-child', name: host.children[0]!.name })
    hosts.settle()
    hosts.pass(6)
    hosts.assertOneChild()
  }
  const sides = [hosts.one, hosts.two].map(host => {
    const { outbound } = [...host.installed.values()][0]!
    const [selector] = outbound.selectors
    const ends = [selector!.source, selector!.destination].map(end => (end.kind === 'range' ? end.first : undefined))
    assert.deepEqual(ends, [outbound.source, outbound.destination])
    return [outbound.source, outbound.destination].map(formatAddress)
  })
  assert.deepEqual(sides, [
    [ONE, '192.0.2.2'],
    [TWO, '192.0.2.1'],
  ])
})

test('a rekey keeps to the traffic of the old child, even where the rule has more', () => {
  const rules = [rule('negotiate', [`tcp ${ONE} <-> ${TWO}:88`, `udp ${ONE} <-> ${TWO}`], { name: RULE })]
  const hosts = new TwoHosts({ rules }).withChild()
  const before = [...hosts.one.installed.values()][0]!.outbound.selectors
  hosts.two.wants({ kind: 'rekey-child', name: hosts.two.children[0]!.name })
  hosts.settle()
  hosts.pass(6)
  hosts.assertOneChild()
  assert.deepEqual([...hosts.one.installed.values()][0]!.outbound.selectors, before)
})

test('SPIs are drawn anew where they are reserved or taken', () => {
  const { hosts } = asking()
  const { one } = hosts
  const taken = new Set<number>()
  let drawn = 0
  const random = {
    ...one.world.random,
    fill: (bytes: Uint8Array) => {
      bytes.fill(0)
      // Reserved, taken, free.
      if (bytes.length === 4) new DataView(bytes.buffer).setUint32(0, [255, 0x1000, 0x1001][drawn++]!)
      else one.world.random.fill(bytes)
    },
  }
  taken.add(0x1000)
  const world = { ...hosts.two.world, random, isSpiTaken: (spi: number) => taken.has(spi) }
  const sent = one.eventsOf('message').at(-1)!
  const { session } = hosts.two
  const opened = { header: sent.header, payloads: sent.payloads, octets: new Uint8Array(0), path: session.path }
  const step = answerChild(session, opened, world)
  assert.ok(!('kind' in step))
  assert.equal((step.session!.state as Established).children[0]!.name, 0x1001)
})

test('a packet between other hosts than those of the session asks for nothing in transport mode', () => {
  const rules = [rule('negotiate', ['any me <-> any'], { name: RULE })]
  const hosts = new TwoHosts({ rules })
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: flow(`tcp ${ONE}:1 10.54.0.3:88`) } })
  assert.equal(hosts.one.wire.length, 0)
  assert.match(hosts.one.eventsOf('child-failed')[0]!.what, /no filter for tcp 10\.54\.0\.1:1 → 10\.54\.0\.3:88 with/)
})

test('a packet without ports is asked for with all of them, and only where the filter asks for none', () => {
  const hosts = new TwoHosts({ rules: [rule('negotiate', ['icmp me <-> any', 'tcp me <-> any:88'], { name: RULE })] })
  const { source, destination } = WAITING
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: { source, destination, protocol: 1, icmpType: 8 } } })
  hosts.settle()
  hosts.assertOneChild()
  hosts.one.wants({ kind: 'make-child', wish: { rule: RULE, flow: { source, destination, protocol: 6 } } })
  hosts.settle()
  assert.equal(hosts.one.children.length, 1)
})
