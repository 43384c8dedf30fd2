// Two policies on the same packets, against decide on each: every pair of reasons is found, and each that is told is so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFlow } from '../base/flow.ts'
import { type CompiledPolicy, compile } from './compile.ts'
import { decide } from './decide.ts'
import { formatFilter } from './filter.ts'
import { meetings, narrowed } from './meetings.ts'
import { address, filter, policy, randomFlow, randomPolicy, rule, seeded } from './test-policies.ts'

const [A, B] = [address('10.0.0.1'), address('10.0.0.4')]

function reasons(sender: CompiledPolicy, receiver: CompiledPolicy): ReadonlySet<string> {
  return new Set(meetings(sender, receiver).found.map(each => JSON.stringify([each.out.because, each.in.because])))
}

test('on random policies each pair of reasons is found, and the smallest packet of each has them', () => {
  const draw = seeded(41)
  let asked = 0
  for (let round = 0; round < 120; round++) {
    const [sender, receiver] = [compile(randomPolicy(draw), { me: [A] }), compile(randomPolicy(draw), { me: [B] })]
    const { found, isComplete } = meetings(sender, receiver)
    assert.ok(isComplete)
    for (const { out, in: arrived, smallest } of found) {
      if (sender.policy.rules.some(({ mode }) => mode === 'tunnel')) continue
      assert.deepEqual(decide(sender, smallest, 'out').because, out.because, formatFlow(smallest))
      assert.deepEqual(decide(receiver, smallest, 'in').because, arrived.because, formatFlow(smallest))
    }
    const known = reasons(sender, receiver)
    for (let at = 0; at < 100; at++) {
      const flow = { ...randomFlow(draw, sender.policy), source: A, destination: B }
      if (flow.linkBroadcast === true) continue
      const pair = [decide(sender, flow, 'out').because, decide(receiver, flow, 'in').because]
      assert.ok(known.has(JSON.stringify(pair)), `${formatFlow(flow)}: ${JSON.stringify(pair)}`)
      asked++
    }
  }
  assert.ok(asked > 5000)
})

const selectors: readonly (readonly [mine: string, theirs: string, expected: string | undefined])[] = [
  ['any any <-> any', 'any any <-> any', 'any protocol 10.0.0.1 → 10.0.0.4'],
  ['any 10.0.0.1 <-> 10.0.0.4', 'any 10.0.0.0/8 <-> 10.0.0.0/8', 'any protocol 10.0.0.1 → 10.0.0.4'],
  ['tcp any <-> any:445', 'any any <-> any', 'tcp 10.0.0.1 → 10.0.0.4:445'],
  ['tcp any <-> any:440-450', 'tcp any <-> any:445-460', 'tcp 10.0.0.1 → 10.0.0.4:445-450'],
  ['tcp any <-> any:445', 'udp any <-> any', undefined],
]

for (const [mine, theirs, expected] of selectors) {
  test(`the filters ${mine} and ${theirs} have ${expected ?? 'nothing'} in common`, () => {
    const side = (text: string, own: typeof A) => compile(policy([rule('negotiate', [text])]), { me: [own] })
    const [sender, receiver] = [side(mine, A), side(theirs, B)]
    const both = meetings(sender, receiver).found.filter(
      each => each.out.action === 'negotiate' && each.answer?.action === 'negotiate' && each.in.action === 'negotiate',
    )
    const found = both[0] === undefined ? undefined : narrowed(sender, receiver, both[0])
    assert.equal(found && formatFilter({ ...found, isMirror: false }), expected)
  })
}

test('tunnels between two gateways are for the traffic of their filters, and the answer is by the way back', () => {
  const there = rule('negotiate', [], {
    name: 'there',
    filters: [{ ...filter('any 10.1.0.0/16 <-> 10.2.0.0/16'), mirrored: false }],
    mode: 'tunnel',
    tunnelEndpoint: B,
  })
  const back = rule('negotiate', [], {
    name: 'back',
    filters: [{ ...filter('any 10.2.0.0/16 <-> 10.1.0.0/16'), mirrored: false }],
    mode: 'tunnel',
    tunnelEndpoint: A,
  })
  const both = policy([there, back])
  const found = meetings(compile(both, { me: [A] }), compile(both, { me: [B] })).found
  const secured = found.filter(({ out }) => out.action === 'negotiate')
  assert.deepEqual(
    secured.map(({ out, in: arrived, answer }) => [out, arrived, answer].map(decision => decision?.entry?.rule.name)),
    [['there', 'there', 'back']],
  )
})
