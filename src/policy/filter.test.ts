// One filter: what it matches and how it is said; and the order of all filters, restated from the published table of
// the order of specificity (Windows 2000 to Server 2003), which the test reads too where the machine has it.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { compile, orderedFilters } from './compile.ts'
import {
  compareSpecificity,
  type DirectedFilter,
  directions,
  filterBoxes,
  filterMatches,
  formatFilter,
  specificity,
} from './filter.ts'
import type { FilterAction } from './model.ts'
import { contains, flowPoint, layoutOf } from './region.ts'
import { filter, flow, policy, randomFlow, randomPolicy, rule, seeded, someHosts } from './test-policies.ts'

/** Pairs of source and destination, the most specific first; then protocol, source port, destination port in each pair. */
const pairs = [
  'host host',
  'range host',
  'host range',
  'range range',
  'any host',
  'host any',
  'any range',
  'range any',
  'any any',
]
const selectors = ['tcp 1 1', 'tcp any 1', 'tcp 1 any', 'tcp any any', 'any any any']
const addresses: Readonly<Record<string, string>> = { host: '10.0.0.1', range: '10.0.0.0/24', any: 'any' }

interface Row {
  readonly text: string
  readonly filter: DirectedFilter
}

function row(pair: string, selector: string): Row {
  const [source, destination] = pair.split(' ').map(kind => addresses[kind]!)
  const [protocol, sourcePort, destinationPort] = selector.split(' ')
  const end = (host: string, port: string) => (port === 'any' ? host : `${host}:${port}`)
  const text = `${protocol} ${end(source!, sourcePort!)} -> ${end(destination!, destinationPort!)}`
  return { text, filter: directions(filter(text))[0]! }
}

const published: readonly Row[] = pairs.flatMap(pair => selectors.map(selector => row(pair, selector)))

function rank({ filter: directed }: Row, action: FilterAction = 'negotiate', isTunnel = false): readonly number[] {
  return specificity(directed, action, isTunnel)
}

published.slice(1).forEach((later, index) => {
  const earlier = published[index]!
  test(`${earlier.text} is more specific than ${later.text}`, () => {
    assert.ok(compareSpecificity(rank(earlier), rank(later)) < 0)
    assert.ok(compareSpecificity(rank(later), rank(earlier)) > 0)
  })
})

const tableFile = resolve(
  import.meta.dirname,
  '../../../shared/testdata/policy-texts/sec505/IPSec_Order_of_Specificity.csv',
)
const tableMissing = existsSync(tableFile) ? false : 'the published table is not on this machine'

test('the order restated here is the published one', { skip: tableMissing }, () => {
  const kinds: Readonly<Record<string, string>> = { Single_IP_Address: 'host', Address_Range: 'range', Any: 'any' }
  const rows = readFileSync(tableFile, 'utf8')
    .split(/\r?\n/)
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [source, , destination, , protocol, sourcePort, destinationPort] = line.split(',')
      const port = (cell: string) => (cell === 'Specific_Port' ? '1' : 'any')
      const selector = `${protocol === 'Specific_Protocol' ? 'tcp' : 'any'} ${port(sourcePort!)} ${port(destinationPort!)}`
      return row(`${kinds[source!]} ${kinds[destination!]}`, selector).text
    })
  assert.deepEqual(
    rows,
    published.map(({ text }) => text),
  )
})

/** Two filters, the more specific first. */
const closeCalls: readonly (readonly [string, string, string])[] = [
  ['a longer mask is more specific', 'any 10.0.0.0/25 -> any', 'tcp 10.0.0.0/24:1 -> any:1'],
  [
    'the mask of the destination counts before that of the source',
    'any 10.0.0.0/8 -> 10.0.0.0/24',
    'any 10.0.0.0/24 -> 10.0.0.0/8',
  ],
  [
    'a range that is no prefix stands between the prefixes around its size',
    'any 10.0.0.0/30 -> any',
    'any 10.0.0.0-10.0.0.4 -> any',
  ],
  ['and before the larger of them', 'any 10.0.0.0-10.0.0.4 -> any', 'any 10.0.0.0/29 -> any'],
  ['“me” counts as one host', 'any me -> 10.0.0.0/31', 'tcp any:1 -> 10.0.0.2:1'],
  ['a range of one address is a host', 'any 10.0.0.1-10.0.0.1 -> any', 'tcp 10.0.0.0/31:1 -> any:1'],
  ['a prefix of no bits is as wide as any', 'tcp any:1 -> any:1', 'any 0.0.0.0/0 -> any'],
  ['a prefix of one bit is not', 'any 0.0.0.0/1 -> any', 'tcp any:1 -> any:1'],
  ['a longer IPv6 mask is more specific', 'any fd00::/65 -> any', 'any fd00::/64 -> any'],
]

for (const [fact, first, second] of closeCalls) {
  test(`${fact}: ${first} before ${second}`, () => {
    const [a, b] = [first, second].map(text => specificity(directions(filter(text))[0]!, 'permit', false))
    assert.ok(compareSpecificity(a!, b!) < 0)
  })
}

test('a tunnel rule comes before a transport rule of any specificity', () => {
  const [tunnel, transport] = [row('any any', 'any any any'), row('host host', 'tcp 1 1')]
  assert.ok(compareSpecificity(rank(tunnel, 'negotiate', true), rank(transport)) < 0)
})

test('of equals the more restrictive action counts: block, then negotiate, then permit', () => {
  const rules = (['permit', 'negotiate', 'block'] as const).map(action =>
    rule(action, ['any me <-> any'], { name: action }),
  )
  assert.deepEqual(
    orderedFilters(policy(rules)).map(entry => entry.rule.name),
    ['block', 'negotiate', 'permit', 'block', 'negotiate', 'permit'],
  )
})

test('of equals in everything the one written first counts', () => {
  const rules = ['first', 'second'].map(name => rule('block', ['tcp any -> any:25'], { name }))
  assert.deepEqual(
    orderedFilters(policy(rules)).map(entry => entry.rule.name),
    ['first', 'second'],
  )
})

test('the order in which rules are written does not count', () => {
  const rules = [
    rule('block', ['any any <-> any']),
    rule('permit', ['any me <-> 10.0.0.0/8']),
    rule('negotiate', ['any me <-> 10.0.0.1']),
  ]
  const names = (list: typeof rules) =>
    orderedFilters(policy(list)).map(({ rule, filter }) => `${rule.name} ${filter.isMirror}`)
  assert.deepEqual(names(rules), names(rules.toReversed()))
})

test('a mirrored filter is two, unless both are the same', () => {
  const [straight, twin] = directions(filter('tcp 10.0.0.1:1024 <-> 10.0.0.2:88'))
  assert.deepEqual(twin, {
    source: straight!.destination,
    destination: straight!.source,
    protocol: 6,
    sourcePort: { first: 88, last: 88 },
    destinationPort: { first: 1024, last: 1024 },
    isMirror: true,
  })
  assert.equal(directions(filter('any any <-> any')).length, 1)
  assert.equal(directions(filter('tcp 10.0.0.1:1 <-> 10.0.0.1:1')).length, 1)
  assert.equal(directions(filter('tcp 10.0.0.1:1 <-> 10.0.0.1:2')).length, 2)
  assert.equal(directions(filter('any me <-> any')).length, 2)
})

test('the boxes of a filter hold exactly the flows that it matches', () => {
  const key = new Uint32Array(11)
  let matched = 0
  for (let seed = 0; seed < 400; seed++) {
    const draw = seeded(seed)
    const asked = randomPolicy(draw)
    const me = draw() < 0.3 ? ('any' as const) : someHosts
    const all = asked.rules.flatMap(({ filters }) => filters.flatMap(directions))
    for (let index = 0; index < 20; index++) {
      const packet = randomFlow(draw, asked)
      flowPoint(packet, key)
      for (const directed of all) {
        const found = filterBoxes(directed, layoutOf(packet.source.family), me).filter(box => contains(box, key))
        assert.equal(found.length > 0, filterMatches(directed, packet, me), `seed ${seed}: ${formatFilter(directed)}`)
        matched += found.length
      }
    }
  }
  assert.ok(matched > 1000, `only ${matched} matched`)
})

test('a filter of one family holds no flow of the other', () => {
  const [directed] = directions(filter('any 10.0.0.0/8 -> any'))
  assert.deepEqual(filterBoxes(directed!, layoutOf(6), 'any'), [])
  assert.equal(filterMatches(directed!, flow('tcp [fd00::1]:1 [fd00::2]:2'), 'any'), false)
})

test('“me” without an address of a family holds nothing of it', () => {
  const compiled = compile(policy([rule('negotiate', ['any me <-> any'])]), { me: [someHosts[0]!] })
  assert.deepEqual([compiled.ipv4.filters.length, compiled.ipv6.filters.length], [2, 0])
})

/** What a filter looks like written down, as a person reads it. */
const texts: readonly (readonly [string, string])[] = [
  ['tcp me <-> 10.0.0.0/8:445', 'tcp me ↔ 10.0.0.0/8:445'],
  ['any 10.0.0.1 -> any', 'any protocol 10.0.0.1 → any'],
  ['udp 10.0.0.1-10.0.0.9:80-90 -> any', 'udp 10.0.0.1-10.0.0.9:80-90 → any'],
  ['tcp [fd00::/64]:88 <-> me', 'tcp [fd00::/64]:88 ↔ me'],
  ['tcp fd00::1 <-> 0.0.0.0/0', 'tcp fd00::1 ↔ 0.0.0.0/0'],
  ['icmp ::/0 -> 10.0.0.0-10.0.1.255', 'icmp ::/0 → 10.0.0.0/23'],
]

for (const [written, read] of texts) {
  test(`${written} reads ${read}`, () => assert.equal(formatFilter(filter(written)), read))
}
