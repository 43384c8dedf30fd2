// A proof against brute force: policies with a planted gap and policies without (test-proofs.ts), each asked packet by
// packet on a small space beside; and random policies, where no packet may contradict what was proved.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, compareAddresses, formatAddress } from '../base/address.ts'
import { AH, ESP, formatFlow } from '../base/flow.ts'
import { type CompiledPolicy, compile } from './compile.ts'
import { decide } from './decide.ts'
import type { AddressSpec, Policy } from './model.ts'
import { compareFlows, findClearFlow, isClear, type Proof, prove } from './prove.ts'
import { pick, policy, randomFlow, randomPolicy, rule, seeded, spec } from './test-policies.ts'
import { type Case, closed, gaps, isClearByDecide, smallestByForce } from './test-proofs.ts'

function proofOf({ asked, between = ['10.0.0.1', '10.0.0.2'] }: Case): Proof {
  return prove(compile(asked), { a: spec(between[0]), b: spec(between[1]) })
}

test('at least twenty gaps are planted, and at least twenty policies are closed', () => {
  assert.ok(gaps.length >= 20 && closed.length >= 20)
})

for (const each of gaps) {
  test(`it finds ${each.fact}`, () => {
    const { outcome, isExhaustive, reasons } = proofOf(each)
    assert.equal(outcome, 'refuted')
    assert.equal(isExhaustive, true)
    const { smallest, decision } = reasons[0]!
    assert.equal(formatFlow(smallest), formatFlow(each.smallest!))
    assert.deepEqual(smallest, each.smallest)
    const { because } = decision
    assert.equal(because.kind === 'exemption' ? because.exemption : because.kind, each.because)
    assert.equal(isClearByDecide(each.asked, smallest), true)
    for (const reason of reasons) assert.equal(isClearByDecide(each.asked, reason.smallest), true)
  })

  test(`and brute force finds no smaller one: ${each.fact}`, () => {
    assert.deepEqual(smallestByForce(each), each.smallest)
  })
}

for (const each of closed) {
  test(`it proves ${each.fact}, and brute force finds nothing`, () => {
    const proof = proofOf(each)
    assert.deepEqual(
      proof.reasons.map(({ smallest }) => formatFlow(smallest)),
      [],
    )
    assert.equal(proof.outcome, 'proved')
    assert.equal(smallestByForce(each), undefined)
  })
}

test('what is clear for several reasons is told by each, the smallest packet of each first', () => {
  const asked = policy(
    [rule('negotiate', ['any 10.0.0.1 <-> 10.0.0.2']), rule('permit', ['tcp 10.0.0.1 -> 10.0.0.2:80'])],
    {
      profile: 'windows-xp',
      noDefaultExempt: 0,
    },
  )
  const { reasons } = prove(compile(asked), { a: spec('10.0.0.1'), b: spec('10.0.0.2') })
  assert.deepEqual(
    reasons.map(({ decision, smallest, ways }) => [decision.because.kind, formatFlow(smallest), ways.join()]),
    [
      ['filter', 'tcp 10.0.0.1:0 → 10.0.0.2:80', 'a-to-b'],
      ['exemption', 'tcp 10.0.0.1:0 → 10.0.0.2:88', 'a-to-b,b-to-a'],
      ['exemption', 'rsvp 10.0.0.1 → 10.0.0.2', 'a-to-b,b-to-a'],
    ],
  )
})

test('a reason names the ways in which packets are clear for it', () => {
  const ways = (filters: readonly string[]) =>
    prove(compile(policy([rule('negotiate', filters)])), { a: spec('10.0.0.1'), b: spec('10.0.0.2') }).counterExample
      ?.ways
  assert.deepEqual(ways(['any 10.0.0.1 -> 10.0.0.2']), ['b-to-a'])
  assert.deepEqual(ways(['any 10.0.0.2 -> 10.0.0.1']), ['a-to-b'])
  assert.deepEqual(ways(['tcp 10.0.0.1 <-> 10.0.0.2']), ['a-to-b', 'b-to-a'])
  assert.equal(ways(['any 10.0.0.1 <-> 10.0.0.2']), undefined)
})

test('later fragments are a reason of their own where filters secure ports', () => {
  const asked = policy([rule('negotiate', ['tcp 10.0.0.1 <-> 10.0.0.2:445'])])
  const { reasons } = prove(compile(asked), { a: spec('10.0.0.1'), b: spec('10.0.0.2') })
  assert.deepEqual(
    reasons.map(({ smallest }) => formatFlow(smallest)),
    ['0 10.0.0.1 → 10.0.0.2', 'tcp 10.0.0.1 → 10.0.0.2'],
  )
})

test('IKE is not counted, and the notes say so', () => {
  const asked = policy([rule('block', ['any any <-> any']), rule('permit', ['esp any <-> any', 'ah any <-> any'])])
  const { outcome, notes } = prove(compile(asked), { a: spec('any'), b: spec('any') })
  assert.equal(outcome, 'proved')
  assert.match(notes[0]!, /^IKE \(UDP from port 500 to port 500, .*\) is not counted/)
})

test('a rule that accepts clear packets is told in a note, if it speaks of these hosts', () => {
  const accepting = { acceptUnsecuredInbound: true, name: 'request' }
  const asked = policy([rule('negotiate', ['any 10.0.0.0/24 <-> any'], accepting)])
  const ask = (a: string, b: string) => prove(compile(asked), { a: spec(a), b: spec(b) }).notes.join('; ')
  assert.match(ask('10.0.0.1', '10.0.0.2'), /rule “request” accepts packets that arrive in clear/)
  assert.doesNotMatch(ask('10.1.0.1', '10.1.0.2'), /request/)
})

test('where broadcasts are exempt and no network is named, a note says that theirs are not known', () => {
  const asked = policy([rule('negotiate', ['any any <-> any'])], { profile: 'windows-xp', noDefaultExempt: 1 })
  const ask = (b: string) => prove(compile(asked), { a: spec('10.0.0.1'), b: spec(b) }).notes.join('; ')
  assert.match(ask('10.0.0.0/24'), /broadcasts are exempt/)
  assert.doesNotMatch(ask('10.0.0.2'), /broadcasts are exempt/)
})

test('two sets of hosts without a common family have no packet between them', () => {
  const { families, outcome } = prove(compile(policy([])), { a: spec('10.0.0.1'), b: spec('fd00::1') })
  assert.deepEqual([families, outcome], [[], 'proved'])
})

test('what a host sends to itself is no gap', () => {
  const asked = policy([rule('negotiate', ['any any <-> any']), rule('permit', ['any 10.0.0.1 -> 10.0.0.1'])])
  assert.equal(findClearFlow(compile(asked), { a: spec('10.0.0.0/24'), b: spec('any') }), undefined)
})

/** A policy of many crossing filters, which makes a search long. */
function crossing(count: number): CompiledPolicy {
  const draw = seeded(3)
  const host = () => `10.${Math.floor(draw() * 4)}.${Math.floor(draw() * 256)}.${Math.floor(draw() * 256)}`
  const filters = Array.from({ length: count }, (_, index) =>
    index % 2 === 0 ? `tcp ${host()} <-> any:${Math.floor(draw() * 65536)}` : `any ${host()} <-> 10.0.0.0/8`,
  )
  return compile(policy([rule('negotiate', filters), rule('block', ['any any <-> any'])]))
}

test('a search that runs out of budget proves nothing', () => {
  const between = { a: spec('any'), b: spec('any') }
  const { outcome, isExhaustive, reasons } = prove(crossing(40), between, { budget: 20 })
  assert.deepEqual([outcome, isExhaustive, reasons], ['unknown', false, []])
  assert.equal(prove(crossing(40), between).outcome, 'proved')
})

test('what was found before the budget ran out is still a refutation', () => {
  const asked = policy([rule('permit', ['0 10.0.0.1 <-> 10.0.0.2']), rule('negotiate', ['any 10.0.0.1 <-> 10.0.0.2'])])
  const { outcome, isExhaustive } = prove(compile(asked), { a: spec('10.0.0.1'), b: spec('10.0.0.2') }, { budget: 12 })
  assert.deepEqual([outcome, isExhaustive], ['refuted', false])
})

const pairs: readonly (readonly [string, string])[] = [
  ['10.0.0.0/29', '10.0.0.0-10.0.0.4'],
  ['10.0.0.1', '10.0.0.0/24'],
  ['10.0.0.0/8', '0.0.0.0/0'],
  ['fd00::/64', 'fd00::ffff:ffff-fd00::1:0:1'],
  ['fd00::1', 'any'],
  ['any', 'any'],
]

function holds(between: AddressSpec, each: Address): boolean {
  if (between.kind !== 'range') return true
  const { first, last } = between
  return first.family === each.family && compareAddresses(first, each) <= 0 && compareAddresses(each, last) <= 0
}

/** The same without what permits, and with a rule for all that is left: only exemptions and tunnels are in its way. */
function closing(asked: Policy): Policy {
  const strict = asked.rules.map(each => ({
    ...each,
    action: each.action === 'permit' ? ('block' as const) : each.action,
    fallBackToClear: false,
  }))
  return { ...asked, rules: [...strict, rule('negotiate', ['any any <-> any'])] }
}

test('no packet between two sets of hosts contradicts what was proved of random policies', context => {
  let clear = 0
  let proved = 0
  for (let seed = 0; seed < 160; seed++) {
    const draw = seeded(seed)
    const asked = seed % 2 === 0 ? closing(randomPolicy(draw)) : randomPolicy(draw)
    const [a, b] = pick(draw, pairs).map(spec)
    const proof = prove(compile(asked), { a: a!, b: b! })
    assert.equal(proof.isExhaustive, true)
    if (proof.outcome === 'proved') proved++
    const reasons = new Map(proof.reasons.map(({ decision, smallest }) => [JSON.stringify(decision.because), smallest]))
    for (const { decision, smallest } of proof.reasons) {
      const found = decide(compile(asked, { me: [smallest.source] }), smallest, 'out')
      assert.deepEqual(found.because, decision.because, `seed ${seed}: ${formatFlow(smallest)}`)
      assert.equal(isClear(found), true)
    }
    const onSender = new Map<string, CompiledPolicy>()
    for (let index = 0; index < 200; index++) {
      const { linkBroadcast: _, ...packet } = randomFlow(draw, asked)
      const { source, destination, protocol } = packet
      const isBetween = (holds(a!, source) && holds(b!, destination)) || (holds(b!, source) && holds(a!, destination))
      if (!isBetween || protocol === ESP || protocol === AH || compareAddresses(source, destination) === 0) continue
      const compiled = onSender.get(formatAddress(source)) ?? compile(asked, { me: [source] })
      onSender.set(formatAddress(source), compiled)
      const decision = decide(compiled, packet, 'out')
      if (!isClear(decision)) continue
      clear++
      const smallest = reasons.get(JSON.stringify(decision.because))
      assert.ok(smallest !== undefined, `seed ${seed}: ${formatFlow(packet)} is clear`)
      assert.ok(compareFlows(proof.reasons[0]!.smallest, packet) <= 0, `seed ${seed}: ${formatFlow(packet)} is smaller`)
    }
  }
  assert.ok(clear > 2000 && proved >= 10, `${clear} clear packets, ${proved} proved`)
  context.diagnostic(`${clear} clear packets were foreseen; ${proved} of 160 random policies were closed`)
})

test('the smallest packet is the smallest of all, on spaces small enough to ask every packet', () => {
  for (let seed = 1000; seed < 1060; seed++) {
    const asked = randomPolicy(seeded(seed))
    const between = ['10.0.0.0/30', '10.0.0.2-10.0.0.4'] as const
    const found = findClearFlow(compile(asked), { a: spec(between[0]), b: spec(between[1]) })
    assert.deepEqual(found, smallestByForce({ fact: '', asked, between }), `seed ${seed}`)
  }
})
