// What another value would do is what the policy decides at that value: held against `decide` for every packet of small worlds,
// and quick with policies of any size.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Address, parseAddress } from '../base/address.ts'
import { type Flow, ICMP, TCP, UDP } from '../base/flow.ts'
import { seededRandom } from '../base/random.ts'
import { atSetting, compile } from '../policy/compile.ts'
import { decide } from '../policy/decide.ts'
import type { ExemptionName } from '../policy/exemptions.ts'
import type { Policy } from '../policy/model.ts'
import { policy, rule } from '../policy/test-policies.ts'
import { SettingOutlook } from './setting-outlook.ts'

const own = parseAddress('10.0.0.1')!

function outlook(rules: Policy['rules'], changes: Partial<Policy> = {}) {
  const compiled = compile({ ...policy(rules), profile: 'windows-xp', ...changes }, { me: [own] })
  return { compiled, outlook: new SettingOutlook(compiled) }
}

test('a rule for everything seals what is withdrawn, and what falls back is said to', () => {
  const all = rule('negotiate', ['any 0.0.0.0/0 <-> 0.0.0.0/0'], { name: 'all', fallBackToClear: true })
  const { outlook: asked } = outlook([all])
  assert.deepEqual(asked.otherwise.get('kerberos'), {
    ...{ value: 1, becomes: 'secured' },
    words: 'at 1 this would be sealed by rule “all”, which may fall back to clear',
  })
  assert.equal(asked.otherwise.has('ike'), false)
})

test('of many rules that do the same a few are named', () => {
  const rules = Array.from({ length: 9 }, (_, index) =>
    rule('block', [`any 10.0.0.1 <-> 10.0.${index}.0/24`], { name: `r${index}` }),
  )
  const words = outlook(rules).outlook.otherwise.get('rsvp')!.words
  assert.match(words, /^at 1 this would be blocked by rules “r\d”, “r\d”, “r\d” and others; elsewhere in clear/)
})

test('each kind of Vista’s mask obeys at the smallest value without its bit', () => {
  const all = rule('block', ['any 10.0.0.1 <-> 0.0.0.0/0'], { name: 'all' })
  const { outlook: asked } = outlook([all], { profile: 'windows-vista', ipsecExempt: 15 })
  assert.deepEqual(
    [...asked.otherwise].map(([name, { value, becomes }]) => [name, value, becomes]),
    [
      ['icmp', 0, 'blocked'],
      ['dhcp', 0, 'blocked'],
    ],
    'neighbour and router discovery are of IPv6, and this host has no address of it',
  )
  const [dhcp] = asked.effectsAt(7)
  assert.deepEqual([dhcp!.title, dhcp!.now, dhcp!.then], ['DHCP', 'exempt', 'blocked'])
  assert.deepEqual(asked.effectsAt(15), [])
})

/** One or two packets of each kind, to hosts that rules may name. */
function flowsOf(kind: ExemptionName, to: Address): readonly Flow[] {
  const flow = { source: own, destination: to }
  switch (kind) {
    case 'kerberos':
      return [TCP, UDP].flatMap(protocol => [
        { ...flow, protocol, sourcePort: 88, destinationPort: 7 },
        { ...flow, protocol, sourcePort: 7, destinationPort: 88 },
      ])
    case 'rsvp':
      return [{ ...flow, protocol: 46 }]
    case 'multicast':
      return [{ ...flow, destination: parseAddress('224.1.2.3')!, protocol: ICMP, icmpType: 8 }]
    default:
      return []
  }
}

test('whatever the rules, no packet is decided in a way that was not foretold', () => {
  const random = seededRandom(7)
  const pick = <T>(from: readonly T[]) => from[Math.floor(random.fraction() * from.length)]!
  const hosts = ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map(text => parseAddress(text)!)
  const specs = ['0.0.0.0/0', '10.0.0.2', '10.0.0.2-10.0.0.3', '10.0.0.4', '224.0.0.0/4']
  for (let round = 0; round < 300; round++) {
    const rules = Array.from({ length: 1 + Math.floor(random.fraction() * 4) }, (_, index) =>
      rule(
        pick(['permit', 'block', 'negotiate'] as const),
        [`${pick(['any', 'tcp', 'udp', '46'])} 10.0.0.1 <-> ${pick(specs)}`],
        {
          name: `r${index}`,
        },
      ),
    )
    const { compiled, outlook: asked } = outlook(rules)
    for (const [kind, { value, becomes, words }] of asked.otherwise) {
      const then = atSetting(compiled, value)
      for (const flow of hosts.flatMap(host => flowsOf(kind, host))) {
        const { action, because } = decide(then, flow, 'out')
        if (because.kind === 'exemption') continue
        const fate = action === 'negotiate' ? 'secured' : action === 'block' ? 'blocked' : 'permitted'
        const what = `${kind} at ${value}: ${fate}, foretold ${becomes}: ${words}`
        assert.ok(becomes === 'mixed' || becomes === fate, what)
        assert.ok(because.kind !== 'filter' || words.includes(`“${because.rule}”`) || words.includes('others'), what)
        assert.ok(because.kind === 'filter' || words.includes('no filter matches it'), what)
      }
    }
  }
})

test('a thousand rules are foretold before anybody waits', () => {
  const rules = Array.from({ length: 1000 }, (_, index) =>
    rule(index % 2 === 0 ? 'negotiate' : 'block', [`any 10.0.0.1 <-> 10.${1 + (index >> 8)}.${index & 255}.0/24`], {
      name: `r${index}`,
    }),
  )
  const { outlook: asked } = outlook(rules)
  const begun = process.cpuUsage()
  assert.equal(asked.otherwise.get('kerberos')!.becomes, 'mixed')
  const first = process.cpuUsage(begun).user
  assert.ok(first < 1_500_000, `${first} µs`)
  for (let again = 0; again < 1000; again++) assert.ok(asked.otherwise.size > 0)
  assert.ok(process.cpuUsage(begun).user - first < 100_000)
})
