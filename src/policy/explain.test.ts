// The words about one flow: the sentence, what lost and why, what other values of the setting would do, and the notes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Direction } from '../base/flow.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import {
  because,
  type Explanation,
  explain,
  isLaterFragment,
  type PolicyVerdict,
  sayFlow,
  verdictOf,
} from './explain.ts'
import type { Policy } from './model.ts'
import { address, flow, policy, rule } from './test-policies.ts'

const me = [address('10.0.0.1')]
const all = rule('negotiate', ['any me <-> any'], { name: 'All' })
const kerberos = 'tcp 10.0.0.1:49152 10.0.0.2:88'

function explained(asked: Policy, text: string, direction: Direction = 'out'): Explanation {
  return explain(compile(asked, { me }), flow(text), direction)
}

const xp = (noDefaultExempt?: number): Partial<Policy> => ({
  profile: 'windows-xp',
  ...(noDefaultExempt === undefined ? {} : { noDefaultExempt }),
})

/** The policy, the flow, the verdict and the sentence. */
const sentences: readonly (readonly [Policy, string, PolicyVerdict, string])[] = [
  [policy([all]), kerberos, 'protected', 'rule “All” secures it: any protocol me ↔ any'],
  [
    policy([{ ...all, fallBackToClear: true }]),
    kerberos,
    'protected',
    'rule “All” secures it but falls back to clear where the peer gives no answer: any protocol me ↔ any',
  ],
  [
    policy([rule('block', ['tcp any -> any:88'], { name: 'No' })]),
    kerberos,
    'blocked',
    'rule “No” blocks it: tcp any → any:88',
  ],
  [
    policy([rule('permit', ['tcp any -> any:88'], { name: 'Yes' })]),
    kerberos,
    'permitted',
    'rule “Yes” permits it: tcp any → any:88',
  ],
  [policy([]), kerberos, 'permitted', 'no filter matches it, and what no filter matches passes in clear'],
  [
    policy([], { defaultResponse: true }),
    kerberos,
    'permitted',
    'no filter matches it; the default response rule only answers a peer that asks for IPsec',
  ],
  [
    policy([all], xp()),
    kerberos,
    'exempt',
    'it is Kerberos (TCP or UDP with port 88 as source or as destination), which Windows XP exempts at its default, NoDefaultExempt 0',
  ],
  [
    policy([all], xp(2)),
    'rsvp 10.0.0.1 10.0.0.2',
    'exempt',
    'it is RSVP (IP protocol 46), which Windows XP exempts at NoDefaultExempt 2',
  ],
  [
    policy([all], xp(3)),
    'udp 10.0.0.1:500 10.0.0.2:500',
    'keying',
    'it is IKE (UDP from port 500 to port 500, or with port 4500 at either end), which Windows XP exempts at every NoDefaultExempt',
  ],
  [
    policy([all], { profile: 'windows-2000' }),
    'rsvp 10.0.0.1 10.0.0.2',
    'exempt',
    'it is RSVP (IP protocol 46), which Windows 2000 RTM always exempts',
  ],
  [
    policy([all]),
    'udp 10.0.0.1:500 10.0.0.2:500',
    'keying',
    'it is IKE (UDP from port 500 to port 500, or with port 4500 at either end), which strict always exempts',
  ],
]

for (const [asked, text, verdict, sentence] of sentences) {
  test(`${verdict}: ${sentence}`, () => {
    const found = explained(asked, text)
    assert.equal(found.because, sentence)
    assert.equal(found.verdict, verdict)
    const compiled = compile(asked, { me })
    assert.equal(because(decide(compiled, flow(text), 'out'), compiled), sentence)
    assert.equal(verdictOf(found.decision), verdict)
  })
}

/** The filter that wins, one that loses, and why; both match TCP from 10.0.0.1:49152 to 10.0.0.2:88. */
const losses: readonly (readonly [string, string, string])[] = [
  ['any any -> 10.0.0.2', 'any me -> any', 'its addresses are less specific'],
  ['any any -> 10.0.0.0/30', 'any any -> 10.0.0.0/24', 'its destination is a larger range'],
  ['any 10.0.0.0/30 -> any', 'any 10.0.0.0/24 -> any', 'its source is a larger range'],
  ['tcp any -> any', 'any any -> any', 'it names no protocol'],
  ['tcp any -> any:88', 'tcp any:49152 -> any', 'its ports are less specific'],
]

for (const [winner, loser, why] of losses) {
  test(`${loser} loses against ${winner}: ${why}`, () => {
    const { decision, losers } = explained(policy([rule('permit', [loser]), rule('block', [winner])]), kerberos)
    assert.equal(decision.action, 'block')
    assert.deepEqual(
      losers.map(each => [each.entry.rule.action, each.why]),
      [['permit', why]],
    )
  })
}

test('of equals the action decides, then the place in the policy, and tunnels come first', () => {
  const filters = ['tcp any -> any:88']
  const why = (first: Parameters<typeof rule>[2], second: Parameters<typeof rule>[2], action: 'permit' | 'block') =>
    explained(
      policy([rule('block', filters, { name: 'a', ...first }), rule(action, filters, { name: 'b', ...second })]),
      kerberos,
    )
      .losers.map(each => `${each.entry.rule.name}: ${each.why}`)
      .join()
  assert.equal(why({}, {}, 'permit'), 'b: it is as specific, and of equals the more restrictive action counts')
  assert.equal(why({}, {}, 'block'), 'b: it is as specific, and stands later in the policy')
  assert.equal(why({}, { mode: 'tunnel' }, 'permit'), 'a: tunnel rules are asked before transport rules')
})

test('against an exemption every filter that matches loses', () => {
  const { losers } = explained(policy([all, rule('block', ['tcp any -> any:88'])], xp(0)), kerberos)
  assert.deepEqual(
    losers.map(({ why }) => why),
    Array(2).fill('exemptions are asked before every filter'),
  )
})

test('a filter that does not match, or a rule that is not active, loses nothing', () => {
  const { losers } = explained(
    policy([all, rule('block', ['udp any -> any']), rule('block', [`any any -> any`], { active: false })]),
    kerberos,
  )
  assert.deepEqual(losers, [])
})

test('a rule that secures multicast loses where this Windows never negotiates it, and a note says so', () => {
  const everywhere = policy([rule('negotiate', ['any any <-> any'])], { profile: 'windows-server-2003' })
  const { verdict, losers, notes } = explained(everywhere, 'udp 10.0.0.2:9 224.0.0.9:9', 'in')
  const sentence = 'Windows Server 2003 never negotiates multicasts and broadcasts that arrive'
  assert.equal(verdict, 'permitted')
  assert.deepEqual(
    losers.map(({ why }) => why),
    [sentence],
  )
  assert.deepEqual(notes, [sentence])
  assert.equal(explained(everywhere, 'udp 10.0.0.2:9 224.0.0.9:9', 'out').verdict, 'protected')
})

test('other values of the setting are told with their verdicts, equal ones together', () => {
  const others = (asked: Policy, text: string) =>
    explained(asked, text).otherValues.map(({ values, verdict }) => `${values.join()}: ${verdict}`)
  assert.deepEqual(others(policy([all], xp(0)), kerberos), ['1,3: protected', '2: exempt'])
  assert.deepEqual(others(policy([all], xp(1)), kerberos), ['0,2: exempt', '3: protected'])
  assert.deepEqual(others(policy([all], xp(3)), 'tcp 10.0.0.1:1 10.0.0.2:445'), ['0,1,2: protected'])
  assert.deepEqual(others(policy([], { profile: 'windows-2000-sp1' }), 'rsvp 10.0.0.1 10.0.0.2'), ['1: permitted'])
  assert.deepEqual(others(policy([all]), kerberos), [])
  const vista = policy([all], { profile: 'windows-vista' })
  assert.deepEqual(others(vista, 'icmp 10.0.0.1 10.0.0.2 8'), [
    '0,1,4,5,8,12,13: protected',
    '2,3,6,7,10,11,14,15: exempt',
  ])
})

test('the sentence about another value names that value', () => {
  const [other] = explained(policy([all], xp(1)), kerberos).otherValues
  assert.match(other!.because, /which Windows XP exempts at NoDefaultExempt 0$/)
})

/** The policy, the flow, the direction, and the one note. */
const notes: readonly (readonly [Policy, string, Direction, RegExp])[] = [
  [
    policy([all]),
    'tcp 10.0.0.1 10.0.0.2',
    'out',
    /^without ports it is a later fragment: only filters that ask for no port match it$/,
  ],
  [policy([all]), 'tcp 10.0.0.1 10.0.0.2:88', 'out', /^its source port is not given: /],
  [policy([all]), 'udp 10.0.0.1:53 10.0.0.2', 'out', /^its destination port is not given: /],
  [policy([{ ...all, fallBackToClear: true }]), kerberos, 'out', /^rule “All” may fall back: /],
  [
    policy([{ ...all, acceptUnsecuredInbound: true }]),
    kerberos,
    'out',
    /^rule “All” accepts unsecured packets: what comes back is accepted/,
  ],
  [
    policy([{ ...all, acceptUnsecuredInbound: true }]),
    'tcp 10.0.0.2:1 10.0.0.1:2',
    'in',
    /^rule “All” accepts unsecured packets: it is accepted/,
  ],
  [policy([all]), 'esp 10.0.0.1 10.0.0.2', 'out', /^it is what sealing makes/],
  [policy([all]), 'ah 10.0.0.1 10.0.0.2', 'out', /^it is what sealing makes/],
  [
    policy([all], xp(3)),
    'udp 10.0.0.1:500 10.0.0.2:500',
    'out',
    /^IKE is known by its ports: whatever else is sent on them passes as well$/,
  ],
  [
    policy([all]),
    'udp 10.0.0.1:500 10.0.0.2:500',
    'out',
    /^strict means IKE itself: whatever else is sent on its ports meets the filters$/,
  ],
]

for (const [asked, text, direction, note] of notes) {
  test(`a note on ${text} ${direction}: ${note.source}`, () => {
    const found = explained(asked, text, direction).notes
    assert.equal(found.length, 1, found.join('; '))
    assert.match(found[0]!, note)
  })
}

test('a plain packet under a plain rule needs no note', () => {
  assert.deepEqual(explained(policy([all]), kerberos).notes, [])
})

test('a packet without the ports or the type of its protocol is a later fragment', () => {
  const later = ['tcp 10.0.0.1 10.0.0.2', 'udp 10.0.0.1 10.0.0.2', 'icmp 10.0.0.1 10.0.0.2', 'icmpv6 fd00::1 fd00::2']
  const whole = [kerberos, 'icmp 10.0.0.1 10.0.0.2 8', 'gre 10.0.0.1 10.0.0.2', 'tcp 10.0.0.1 10.0.0.2:88']
  assert.deepEqual(
    later.filter(text => !isLaterFragment(flow(text))),
    [],
  )
  assert.deepEqual(
    whole.filter(text => isLaterFragment(flow(text))),
    [],
  )
})

test('a flow is said with what its numbers mean', () => {
  const said = [
    '99 10.0.0.1 10.0.0.2',
    'tcp 10.0.0.1 10.0.0.2',
    'icmp 10.0.0.1 10.0.0.2 8',
    'udp [fd00::1]:1 [fd00::2]:2',
  ]
  assert.deepEqual(
    said.map(text => sayFlow(flow(text))),
    [
      'protocol 99 10.0.0.1 → 10.0.0.2',
      'tcp 10.0.0.1 → 10.0.0.2 (a later fragment)',
      'icmp 10.0.0.1 → 10.0.0.2 (type 8)',
      'udp [fd00::1]:1 → [fd00::2]:2',
    ],
  )
})
