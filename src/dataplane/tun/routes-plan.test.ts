// What the planned rules and routes make the kernel do, held against what the policy says of each packet.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type Address, isInside, parsePrefix, sameAddress } from '../../base/address.ts'
import { AH, ESP, type Flow, formatFlow, ICMP, ICMPV6 } from '../../base/flow.ts'
import type { Route, Rule } from '../../native/route-messages.ts'
import { compile } from '../../policy/compile.ts'
import { decide } from '../../policy/decide.ts'
import type { Policy } from '../../policy/model.ts'
import {
  address,
  type Draw,
  flow,
  pick,
  policy,
  randomFlow,
  randomPolicy,
  rule,
  seeded,
} from '../../policy/test-policies.ts'
import { type RoutingState, type Step, stepsBetween } from './routes-change.ts'
import type { RoutingFacts, Way } from './routes-facts.ts'
import { planRoutes, priorities } from './routes-plan.ts'
import { askRoutes, type Question, questionOf } from './test-routing-table.ts'

const long = process.env.SEALWIRE_LONG_TESTS === '1'
const options = { link: 9, mark: 0x5ea1, table: 54 }
const prefix = (text: string) => parsePrefix(text)!

/** A host on 10.0.0.0/24 and fd00::/64 with two addresses each; two of the networks are reached from the second. */
const hosts: readonly Omit<RoutingFacts, 'isStrict'>[] = [
  { own: ['10.0.0.1', 'fd00::1'].map(address), ways: ways('10.0.0.1', 'fd00::1') },
  { own: ['10.0.0.1', '10.0.0.4', 'fd00::1', 'fd00::2', 'fe80::1'].map(address), ways: ways('10.0.0.1', 'fd00::1') },
  {
    own: ['10.0.0.1', '10.0.0.4', 'fd00::1', 'fd00::1:0:1'].map(address),
    ways: [
      ...ways('10.0.0.1', 'fd00::1'),
      { to: prefix('10.0.0.0/29'), source: address('10.0.0.4'), link: 3, mtu: 1400 },
      { to: prefix('fd00::1:0:0/112'), source: address('fd00::1:0:1'), link: 3, mtu: 1400 },
    ],
  },
]

function ways(four: string, six: string): readonly Way[] {
  return [
    { to: prefix('0.0.0.0/0'), source: address(four), link: 2, mtu: 1500 },
    { to: prefix('::/0'), source: address(six), link: 2, mtu: 1500 },
  ]
}

/** The source that such a host gives to what asks for none. */
function chosen({ ways }: Omit<RoutingFacts, 'isStrict'>, to: Address): Address {
  const around = ways.filter(way => isInside(to, way.to)).toSorted((a, b) => b.to.length - a.to.length)
  return around[0]!.source!
}

/** What rules cannot ask for, and what never comes to them: sealed packets, ports 0 and 65535, protocol 0, own addresses. */
function isAsked({ protocol, sourcePort, destinationPort, destination }: Flow, own: readonly Address[]): boolean {
  if (protocol === ESP || protocol === AH || protocol === 0) return false
  if ([sourcePort, destinationPort].some(port => port === 0 || port === 65535)) return false
  return !own.some(one => sameAddress(one, destination))
}

/** Later fragments have no ports, and this host's own are not routed: they are cut behind the rules. */
function isWhole(flow: Flow): boolean {
  const { protocol, sourcePort, icmpType } = flow
  if (flow.linkBroadcast === true) return false
  return protocol === 6 || protocol === 17
    ? sourcePort !== undefined
    : (protocol !== ICMP && protocol !== ICMPV6) || icmpType !== undefined
}

function draws(seed: number): { draw: Draw; asked: Policy; host: Omit<RoutingFacts, 'isStrict'>; isStrict: boolean } {
  const draw = seeded(seed)
  return { draw, asked: randomPolicy(draw), host: pick(draw, hosts), isStrict: draw() < 0.3 }
}

test('exactly what the policy negotiates goes into the device, whoever chooses the source', () => {
  let entered = 0
  for (let seed = 1; seed <= (long ? 5000 : 400); seed++) {
    const { draw, asked, host, isStrict } = draws(seed)
    const compiled = compile(asked, { me: host.own })
    const plan = planRoutes(compiled, { ...host, isStrict }, options)
    assert.deepEqual(plan.coarse, [])
    for (let turn = 0; turn < 60; turn++) {
      const drawn = randomFlow(draw, asked)
      const { family } = drawn.destination
      const isBound = draw() < 0.5
      const own = host.own.filter(one => one.family === family && one.words[0]! >>> 16 !== 0xfe80)
      const source = isBound ? pick(draw, own) : chosen(host, drawn.destination)
      const flow = { ...drawn, source }
      if (!isAsked(flow, host.own) || !isWhole(flow)) continue
      const says = decide(compiled, flow, 'out').action
      const does = askRoutes(plan.rules, plan.routes, {
        ...questionOf(flow),
        ...(isBound ? {} : { source: undefined }),
      } as Question)
      assert.equal(
        does,
        says === 'negotiate' ? 'device' : 'kernel',
        `seed ${seed}: ${formatFlow(flow)} is to ${says}; source ${isBound ? 'bound' : 'open'}`,
      )
      if (does === 'device') entered++
    }
  }
  assert.ok(entered > 1000, `${entered}`)
})

/** As a gateway sends it on: it came by another link. */
function forwarded(flow: Flow): Question {
  return { ...questionOf(flow), incomingLink: 'eth1' }
}

test('what a gateway forwards enters the device where a tunnel seals it, and only there', () => {
  const tunnel = { mode: 'tunnel', tunnelEndpoint: address('10.9.0.2') } as const
  const asked = policy([
    rule('negotiate', ['any 10.1.0.0/16 <-> 10.2.0.0/16'], tunnel),
    rule('permit', ['tcp 10.1.0.0/16 <-> 10.2.0.7:80']),
    rule('negotiate', ['any me <-> any']),
  ])
  const own = ['10.9.0.1', '10.1.0.1'].map(address)
  const facts = { own, ways: ways('10.9.0.1', 'fd00::1'), isStrict: false }
  const plan = planRoutes(compile(asked, { me: own }), facts, options)
  const ask = (question: Question) => askRoutes(plan.rules, plan.routes, question)
  const cases: readonly (readonly [string, string])[] = [
    ['tcp 10.1.0.9:5000 10.2.0.9:80', 'device'],
    // A tunnel's filter counts before any other.
    ['tcp 10.1.0.9:5000 10.2.0.7:80', 'device'],
    ['tcp 10.1.0.9:5000 10.3.0.9:80', 'kernel'],
    ['tcp 192.0.2.7:5000 10.2.0.9:80', 'kernel'],
    ['udp 10.1.0.9 10.2.0.9', 'device'],
  ]
  for (const [text, link] of cases) {
    assert.equal(ask(forwarded(flow(text))), link, text)
    // Answers to it are looked for as from here, when the kernel asks whether they came by the right link.
    assert.equal(ask(questionOf(flow(text))), text.includes('192.0.2.7') ? 'device' : link, text)
  }
  for (const source of own) assert.equal(ask(questionOf({ ...flow('udp 10.1.0.1:5 10.3.0.9:53'), source })), 'device')
  const open: Question = { ...questionOf(flow('udp 10.1.0.1:5 10.3.0.9:53')), source: undefined } as never
  assert.equal(ask(open), 'device')
})

test('a thousand peers take a handful of rules', () => {
  const peers = Array.from({ length: 1000 }, (_, index) => `10.5.${index >> 8}.${index & 255}`)
  const asked = policy([
    rule(
      'negotiate',
      peers.map(peer => `any me <-> ${peer}`),
    ),
    rule('permit', ['tcp me <-> any:22']),
    rule('block', ['udp me <-> 10.5.0.9:53']),
  ])
  const facts = { own: [address('10.9.0.1')], ways: ways('10.9.0.1', 'fd00::1'), isStrict: false }
  const plan = planRoutes(compile(asked, { me: facts.own }), facts, options)
  assert.ok(plan.rules.length <= 20, `${plan.rules.length}`)
  for (const text of ['udp 10.9.0.1:5 10.5.3.1:53', 'icmp 10.9.0.1 10.5.0.9 8'])
    assert.equal(askRoutes(plan.rules, plan.routes, questionOf(flow(text))), 'device', text)
  for (const text of ['udp 10.9.0.1:5 10.6.3.1:53', 'udp 10.9.0.1:5 10.5.0.9:53'])
    assert.equal(askRoutes(plan.rules, plan.routes, questionOf(flow(text))), 'kernel', text)
  assert.ok(plan.rules.every(({ priority }) => priorities.mark <= priority && priority <= priorities.end))
})

test('a policy that is too large for rules sends more into the device, never less', () => {
  const peers = Array.from({ length: 1100 }, (_, index) => `10.5.${index >> 8}.${index & 255}`)
  const asked = policy(
    peers.flatMap((peer, index) => [
      rule('negotiate', [`any me <-> ${peer}`], { name: `${index}` }),
      rule('permit', [`tcp me <-> ${peer}:${index + 1}`], { name: `permit ${index}` }),
    ]),
    { profile: 'windows-2000-sp1', noDefaultExempt: 0 },
  )
  const facts = { own: [address('10.9.0.1')], ways: ways('10.9.0.1', 'fd00::1'), isStrict: true }
  const started = performance.now()
  const compiled = compile(asked, { me: facts.own })
  const plan = planRoutes(compiled, facts, options)
  assert.ok(performance.now() - started < 20_000)
  assert.deepEqual(plan.coarse, [4])
  const ask = (text: string) => askRoutes(plan.rules, plan.routes, questionOf(flow(text)))
  assert.equal(ask('tcp 10.9.0.1:5 10.5.0.7:9'), 'device')
  assert.equal(ask('tcp 10.9.0.1:5 10.5.0.7:8'), 'device', 'permitted: the agent passes it on')
  assert.equal(ask('tcp 10.9.0.1:5 10.5.0.7:88'), 'kernel', 'exempt')
  assert.equal(ask('tcp 10.9.0.1:5 10.6.0.7:8'), 'kernel')
})

test('a strict kernel finds ARP, ESP and IKE on their link, and no secured protocol passes the device', () => {
  const own = ['10.0.0.1', 'fd00::1'].map(address)
  const facts = { own, ways: ways('10.0.0.1', 'fd00::1'), isStrict: true }
  const plan = planRoutes(compile(policy([rule('negotiate', ['any me <-> 10.0.0.2'])]), { me: own }), facts, options)
  const ask = (question: Partial<Question>) =>
    askRoutes(plan.rules, plan.routes, { ...questionOf(flow('udp 10.0.0.1:5 10.0.0.2:6')), ...question })
  for (const protocol of [0, ESP, AH]) assert.equal(ask({ protocol, sourcePort: 0, destinationPort: 0 }), 'kernel')
  for (let protocol = 1; protocol < 256; protocol++) {
    if (protocol !== ESP && protocol !== AH) assert.equal(ask({ protocol }), 'device', `${protocol}`)
  }
  assert.equal(ask({ mark: 0x5ea1 }), 'kernel')
  assert.equal(ask({ sourcePort: 500, destinationPort: 500 }), 'kernel')
})

test('neighbour discovery is left out by its ICMPv6 types where it is exempt', () => {
  const own = ['10.0.0.1', 'fd00::1'].map(address)
  const facts = { own, ways: ways('10.0.0.1', 'fd00::1'), isStrict: false }
  const asked = policy([rule('negotiate', ['any me <-> fd00::2'])], { profile: 'windows-vista', ipsecExempt: 1 })
  const plan = planRoutes(compile(asked, { me: own }), facts, options)
  const ask = (type: number) => askRoutes(plan.rules, plan.routes, questionOf(flow(`icmpv6 fd00::1 fd00::2 ${type}`)))
  assert.deepEqual([128, 133, 134, 135, 136, 137, 138].map(ask), [
    ...['device', 'device', 'device'],
    ...['kernel', 'kernel', 'kernel'],
    'device',
  ])
})

test('a host pair that fell back to clear stays with the kernel by its rule alone', () => {
  const own = [address('10.0.0.1')]
  const facts = { own, ways: ways('10.0.0.1', 'fd00::1'), isStrict: false }
  const asked = policy([
    rule('negotiate', ['tcp me <-> 10.0.0.0/24'], { name: 'tcp', fallBackToClear: true }),
    rule('negotiate', ['udp me <-> 10.0.0.0/24'], { name: 'udp' }),
  ])
  const inClear = [{ rule: 'tcp', own: own[0]!, peer: address('10.0.0.2') }]
  const plan = planRoutes(compile(asked, { me: own }), facts, { ...options, inClear })
  const ask = (text: string) => askRoutes(plan.rules, plan.routes, questionOf(flow(text)))
  assert.equal(ask('tcp 10.0.0.1:5 10.0.0.2:80'), 'kernel')
  assert.equal(ask('tcp 10.0.0.1:5 10.0.0.3:80'), 'device')
  assert.equal(ask('udp 10.0.0.1:5 10.0.0.2:80'), 'device')
})

test('every step from one policy to the next leaves alone what both say the same of', () => {
  for (let seed = 1; seed <= (long ? 800 : 80); seed++) {
    const { draw, asked, host } = draws(seed)
    const next = draw() < 0.5 ? randomPolicy(draw) : { ...asked, rules: asked.rules.slice(1) }
    const plans = [asked, next].map(one => {
      const compiled = compile(one, { me: host.own })
      return { compiled, plan: planRoutes(compiled, { ...host, isStrict: draw() < 0.2 }, options) }
    })
    const flows = Array.from({ length: 60 }, () =>
      randomFlow(draw, pick(draw, next.rules.length === 0 ? [asked] : [asked, next])),
    ).flatMap(drawn => {
      const source = chosen(host, drawn.destination)
      const flow = { ...drawn, source }
      if (!isAsked(flow, host.own) || !isWhole(flow)) return []
      const [before, after] = plans.map(({ compiled }) => decide(compiled, flow, 'out').action === 'negotiate')
      return before === after ? [{ flow, link: before === true ? 'device' : 'kernel' }] : []
    })
    let have: RoutingState = { rules: [], routes: [] }
    have = apply(have, stepsBetween(have, plans[0]!.plan), () => {})
    have = apply(have, stepsBetween(have, plans[1]!.plan), (rules, routes, step) => {
      for (const { flow, link } of flows) {
        const does = askRoutes(rules, routes, questionOf(flow))
        assert.equal(does, link, `seed ${seed}, at ${JSON.stringify(step)}: ${formatFlow(flow)}`)
      }
    })
    assert.deepEqual(stepsBetween(have, plans[1]!.plan), [])
    const empty = apply(have, stepsBetween(have, { rules: [], routes: [] }), () => {})
    assert.deepEqual(empty, { rules: [], routes: [] })
  }
})

/** As the kernel does it: a new rule behind those of its priority; of those that have what is asked for the first is removed. */
function apply(
  have: RoutingState,
  steps: readonly Step[],
  look: (rules: readonly Rule[], routes: readonly Route[], step: Step) => void,
): RoutingState {
  let [rules, routes] = [have.rules, have.routes]
  for (const step of steps) {
    switch (step.kind) {
      case 'rule-added':
        rules = [...rules, step.rule]
        break
      case 'rule-removed': {
        const at = rules.findIndex(rule => hasAll(rule, step.rule))
        rules = rules.filter((_, index) => index !== at)
        break
      }
      case 'route-added':
        routes = [...routes, step.route]
        break
      case 'route-removed':
        routes = routes.filter(route => route !== step.route)
    }
    look(rules, routes, step)
  }
  return { rules, routes }
}

/** The kernel does not compare where a landmark is. */
function hasAll(rule: Rule, { goTo: _, ...wanted }: Rule): boolean {
  return Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(rule[key as keyof Rule], value))
}
