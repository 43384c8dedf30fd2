// What a change of the setting does, told in sentences; and the exact regions of it against `decide` at both values, on
// random policies: where a region says that a flow is decided otherwise, it is, and nowhere else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePrefix, sameAddress } from '../base/address.ts'
import { type Flow, formatFlow } from '../base/flow.ts'
import { appearance, type Comparison, compareValues } from './compare.ts'
import { atSetting, compile } from './compile.ts'
import { decide } from './decide.ts'
import type { Policy, Rule } from './model.ts'
import { compareFlows } from './prove.ts'
import { contains, flowPoint } from './region.ts'
import { pick, policy, randomFlow, randomPolicy, rule, seeded } from './test-policies.ts'

function compared(rules: readonly Rule[], from: number, to: number, changes: Partial<Policy> = {}): Comparison {
  return compareValues(compile(policy(rules, { profile: 'windows-xp', ...changes })), from, to)
}

const own = { networks: [parsePrefix('10.54.0.0/24')!] }
const everything = rule('negotiate', ['any 10.54.0.1 <-> 10.54.0.2'], { name: 'Everything between the two' })
const kerberos = 'Kerberos (TCP or UDP with port 88 as source or as destination)'

test('from 0 to 1 Kerberos and RSVP between the hosts of a rule become sealed, and between others stay clear', () => {
  const { changes, stillExempt, isComplete, notes } = compared([everything], 0, 1)
  const sealed = 'between 10.54.0.1 and 10.54.0.2: was exempt, becomes sealed by rule “Everything between the two”'
  assert.deepEqual(
    changes
      .filter(({ after }) => after.because.kind !== 'exemption')
      .map(({ sentence, smallest }) => [sentence, formatFlow(smallest)]),
    [
      [`${kerberos} ${sealed}`, 'tcp 10.54.0.1:0 → 10.54.0.2:88'],
      [`RSVP (IP protocol 46) ${sealed}`, 'rsvp 10.54.0.1 → 10.54.0.2'],
      [`${kerberos} that no filter matches: was exempt, stays in clear`, 'tcp 0.0.0.0:0 → 0.0.0.1:88'],
      ['RSVP (IP protocol 46) that no filter matches: was exempt, stays in clear', 'rsvp 0.0.0.0 → 0.0.0.1'],
    ],
  )
  assert.deepEqual(
    stillExempt.map(({ name }) => name),
    ['ike', 'multicast', 'broadcast'],
  )
  assert.deepEqual([isComplete, notes], [true, []])
})

test('back from 1 to 0 the same traffic becomes exempt, and that is told first', () => {
  const { changes } = compared([everything], 1, 0)
  assert.equal(
    changes[0]!.sentence,
    `${kerberos} between 10.54.0.1 and 10.54.0.2: was sealed by rule “Everything between the two”, becomes exempt`,
  )
  assert.deepEqual([changes[0]!.appearsBefore, changes[0]!.appearsAfter], ['secured', 'clear'])
})

test('Kerberos to a multicast address stays exempt, as multicast', () => {
  const sentences = compared([everything], 0, 1).changes.map(({ sentence }) => sentence)
  assert.ok(sentences.includes(`${kerberos}: was exempt, stays exempt as Multicast`))
})

/** Rules, the values, and one sentence of what is told. */
const sentences: readonly (readonly [Rule, number, number, string])[] = [
  [
    rule('block', ['tcp any -> 10.54.0.1:445'], { name: 'No SMB' }),
    0,
    1,
    `${kerberos} that is tcp any → 10.54.0.1:445: was exempt, becomes blocked by rule “No SMB”`,
  ],
  [
    rule('negotiate', ['any me <-> any'], { name: 'Request', fallBackToClear: true }),
    0,
    1,
    `${kerberos} between me and any: was exempt, stays sealed by rule “Request”, which may fall back to clear`,
  ],
  [
    rule('permit', ['any 10.54.0.1 -> any'], { name: 'Out' }),
    2,
    3,
    `${kerberos} from 10.54.0.1 to any: was exempt, stays permitted by rule “Out”`,
  ],
  [
    rule('negotiate', ['any any <-> any'], { name: 'All' }),
    1,
    3,
    'Multicast (to 224.0.0.0/4 or ff00::/8) between any and any: was exempt, becomes sealed by rule “All”',
  ],
]

for (const [only, from, to, sentence] of sentences) {
  test(`from ${from} to ${to}: ${sentence}`, () => {
    const told = compared([only], from, to).changes.map(change => change.sentence)
    assert.ok(told.includes(sentence), told.join('\n'))
  })
}

test('between two values of which one exempts what the other seals, both directions of change are told', () => {
  const all = rule('negotiate', ['any any <-> any'], { name: 'All' })
  const changes = compared([all], 1, 2, own).changes.filter(each => each.appearsBefore !== each.appearsAfter)
  assert.deepEqual(
    changes.map(({ exemption, appearsAfter }) => `${exemption.name} ${appearsAfter}`),
    ['kerberos clear', 'rsvp clear', 'broadcast secured', 'multicast secured'],
  )
})

test('the same value twice changes nothing', () => {
  assert.deepEqual(compared([everything], 1, 1).changes, [])
})

test('the mask of Vista is compared bit by bit', () => {
  const all = rule('negotiate', ['any any <-> any'], { name: 'All' })
  const { changes, stillExempt } = compared([all], 9, 2, { profile: 'windows-vista' })
  assert.deepEqual(
    changes.map(
      ({ exemption, appearsBefore, appearsAfter }) => `${exemption.name}: ${appearsBefore} → ${appearsAfter}`,
    ),
    [
      'icmp: secured → clear',
      'dhcp: clear → secured',
      // Groups are never negotiated here: with or without an exemption they are in clear.
      'icmp: clear → clear',
      'dhcp: clear → clear',
      // What was exempt as neighbour discovery is exempt as ICMP.
      'neighbour-discovery: clear → clear',
    ],
  )
  assert.deepEqual(
    stillExempt.map(({ name }) => name),
    ['ike'],
  )
})

test('what arrives is told of Server 2003, and unnamed networks of all', () => {
  const notes = compared([everything], 1, 3, { profile: 'windows-server-2003' }).notes
  assert.match(notes[0]!, /^as they arrive, multicasts and broadcasts only meet permit and block filters/)
  assert.match(notes[1]!, /known only if the policy names its networks/)
  assert.deepEqual(compared([everything], 1, 3, own).notes, [])
})

test('a comparison that runs out of budget says that it is not complete', () => {
  const compiled = compile(policy([everything], { profile: 'windows-xp' }))
  assert.equal(compareValues(compiled, 0, 1, 5).isComplete, false)
})

test('the regions of random policies are exactly where two values decide for different reasons', context => {
  let changed = 0
  let same = 0
  for (let seed = 0; seed < 160; seed++) {
    const draw = seeded(seed)
    const profile = pick(draw, ['windows-2000-sp1', 'windows-xp', 'windows-server-2003', 'windows-vista'] as const)
    const asked: Policy = { ...randomPolicy(draw), profile }
    const compiled = compile(asked)
    const values = [...compiled.profile.table.keys()]
    const [from, to] = [pick(draw, values), pick(draw, values)]
    const { changes, isComplete } = compareValues(compiled, from, to)
    assert.equal(isComplete, true)
    for (let index = 0; index < 60; index++) {
      const { linkBroadcast: _, ...drawn } = randomFlow(draw, asked)
      const packet: Flow = draw() < 0.5 && drawn.sourcePort !== undefined ? { ...drawn, destinationPort: 88 } : drawn
      if (sameAddress(packet.source, packet.destination)) continue
      const onSender = compile(asked, { me: [packet.source] })
      const [before, after] = [from, to].map(value => decide(atSetting(onSender, value), packet, 'out'))
      const key = new Uint32Array(11)
      flowPoint(packet, key)
      const holding = changes.filter(({ regions }) =>
        regions.some(({ family, box }) => family === packet.source.family && contains(box, key)),
      )
      const where = `seed ${seed}, ${profile} ${from} → ${to}: ${formatFlow(packet)}`
      if (JSON.stringify(before!.because) === JSON.stringify(after!.because)) {
        assert.deepEqual(
          holding.map(({ sentence }) => sentence),
          [],
          where,
        )
        same++
        continue
      }
      assert.equal(holding.length, 1, where)
      const [change] = holding
      assert.deepEqual([change!.before.because, change!.after.because], [before!.because, after!.because], where)
      assert.deepEqual([change!.appearsBefore, change!.appearsAfter], [appearance(before!), appearance(after!)])
      assert.ok(compareFlows(change!.smallest, packet) <= 0, where)
      changed++
    }
  }
  assert.ok(changed > 500 && same > 500, `${changed} changed, ${same} the same`)
  context.diagnostic(`${changed} flows changed their reason, ${same} did not`)
})

test('the example of each change is decided as the change says', () => {
  const asked = policy([everything, rule('block', ['udp any <-> any:53'], { name: 'No names' })], {
    profile: 'windows-xp',
  })
  const { changes } = compareValues(compile(asked), 0, 3)
  assert.ok(changes.length > 6)
  for (const { smallest, before, after } of changes) {
    const onSender = compile(asked, { me: [smallest.source] })
    assert.deepEqual(decide(atSetting(onSender, 0), smallest, 'out').because, before.because)
    assert.deepEqual(decide(atSetting(onSender, 3), smallest, 'out').because, after.because)
  }
})
