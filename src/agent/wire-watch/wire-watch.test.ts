// What the watch says of packets on a host's links: the auditor's verdicts with what the host knows beside, when somebody hears
// of them, and that neither floods nor changes of policy make it say what is not so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiledFor } from '../../../test/audit-frames.ts'
import {
  type Bytes,
  esp,
  fragments,
  icmp,
  ike,
  ip,
  ipv6Fragment,
  join,
  octets,
  tcp,
  udp,
} from '../../../test/build-frames.ts'
import { Auditor } from '../../audit/audit.ts'
import { formatAddress } from '../../base/address.ts'
import type { Rule } from '../../policy/model.ts'
import { policy, randomFlow, randomPolicy, rule, seeded } from '../../policy/test-policies.ts'
import { decodeIp } from '../../wire/decode.ts'
import { Packet } from '../../wire/packet.ts'
import { LinkJudge } from './link-judge.ts'
import { OWN, rulesOf, type Seen, WatchedLink } from './test-watched-link.ts'
import { MOST_FLOWS } from './wire-flows.ts'
import { AGAIN_AFTER, MOST_EVENTS } from './wire-news.ts'

const [A, A6] = OWN as [string, string]
const B = '10.0.0.2'
const B6 = 'fd00::2'
const ICMPV6 = 58
const filters = [`any ${A} <-> ${B}`, `any [${A6}] <-> [${B6}]`]
const secured = (changes: Partial<Rule> = {}) => rule('negotiate', filters, { name: 'all', ...changes })
const windows = (noDefaultExempt: number, ...rules: readonly Rule[]) =>
  policy(rules.length === 0 ? [secured()] : rules, { profile: 'windows-server-2003', noDefaultExempt })
const strict = policy([secured()])
const echo = ip(A, B, 1, icmp(8))
const kerberos = ip(A, B, 17, udp(1024, 88))

/** IPv6 with another hop limit. */
function hops(packet: Bytes, limit: number): Bytes {
  return packet.with(7, limit)
}

const tooBig = (code: number, quoted: Bytes) => ip('10.0.0.254', A, 1, join(icmp(3, octets(4)).with(1, code), quoted))
const guarded = policy([rule('negotiate', ['any 10.0.0.1 <-> any'], { name: 'all' })])

const cases: readonly (readonly [what: string, link: WatchedLink, packet: Bytes, sums: string, seen?: Seen])[] = [
  ['what this host sends in clear and its policy secures', new WatchedLink(strict), echo, 'leaked out 1'],
  ['the same over IPv6', new WatchedLink(strict), ip(A6, B6, 6, tcp(1, 2)), 'leaked out 1'],
  [
    'what a peer sends in clear',
    new WatchedLink(strict),
    ip(B, A, 1, icmp(0)),
    'received-in-clear in 1',
    { out: false },
  ],
  ['what no filter matches', new WatchedLink(strict), ip(A, '10.0.0.9', 1, icmp(8)), 'permitted out 1'],
  ['Kerberos at 0', new WatchedLink(windows(0)), kerberos, 'exempt out 1'],
  ['Kerberos at 1', new WatchedLink(windows(1)), kerberos, 'leaked out 1'],
  ['RSVP at 0', new WatchedLink(windows(0)), ip(A, B, 46, octets(8)), 'exempt out 1'],
  ['RSVP at 1', new WatchedLink(windows(1)), ip(A, B, 46, octets(8)), 'leaked out 1'],
  ['IKE', new WatchedLink(strict), ip(A, B, 17, udp(500, 500, ike(40))), 'keying out 1'],
  ['what only stands on IKE’s port', new WatchedLink(strict), ip(A, B, 17, udp(500, 500, octets(40))), 'leaked out 1'],
  ['the same for a Windows', new WatchedLink(windows(3)), ip(A, B, 17, udp(500, 500, octets(40))), 'exempt out 1'],
  ['sealed packets that come by', new WatchedLink(strict), ip(A, B, 50, esp(1000, 1, 40)), 'protected out 1'],
  ['what is from and to others', new WatchedLink(strict), ip(B, '10.0.0.9', 1, icmp(8)), ''],
  ['what is sent under another’s address', new WatchedLink(strict), ip(B, A, 1, icmp(8)), ''],
  ['what a rule blocks and leaves', new WatchedLink(policy([rule('block', filters)])), echo, 'blocked out 1'],
  [
    'a clear packet of a pair that fell back',
    Object.assign(new WatchedLink(strict), { rules: rulesOf(policy([secured({ fallBackToClear: true })]), [[A, B]]) }),
    echo,
    'in-clear out 1',
  ],
  [
    'the same where nobody fell back',
    new WatchedLink(policy([secured({ fallBackToClear: true })])),
    echo,
    'leaked out 1',
  ],
  [
    'a clear packet of a pair whose rule does not fall back',
    Object.assign(new WatchedLink(strict), { rules: rulesOf(strict, [[A, B]]) }),
    echo,
    'leaked out 1',
  ],
  [
    'clear packets in that the rule accepts',
    new WatchedLink(policy([secured({ acceptUnsecuredInbound: true })])),
    ip(B, A, 1, icmp(8)),
    'permitted in 1',
    { out: false },
  ],
  [
    'the answer to them',
    new WatchedLink(policy([secured({ acceptUnsecuredInbound: true })])),
    ip(A, B, 1, icmp(0)),
    'leaked out 1',
  ],
  [
    'a broadcast at 0, known by the link',
    new WatchedLink(windows(0, rule('negotiate', ['any 10.0.0.1 -> 10.0.0.0/24'], { name: 'net' }))),
    ip(A, '10.0.0.255', 17, udp(138, 138)),
    'exempt out 1',
    { broadcast: true },
  ],
  [
    'the same address and no broadcast',
    new WatchedLink(windows(0, rule('negotiate', ['any 10.0.0.1 -> 10.0.0.0/24'], { name: 'net' }))),
    ip(A, '10.0.0.255', 17, udp(138, 138)),
    'leaked out 1',
  ],
  [
    'a multicast that comes',
    new WatchedLink(windows(0)),
    ip(B, '224.0.0.251', 17, udp(5353, 5353)),
    'exempt in 1',
    { out: false },
  ],
  ['neighbour discovery', new WatchedLink(strict), hops(ip(A6, B6, ICMPV6, icmp(135)), 255), 'permitted out 1'],
  ['what a router would hand on as such', new WatchedLink(strict), ip(A6, B6, ICMPV6, icmp(135)), 'leaked out 1'],
  [
    'the size of a path for what we sealed',
    new WatchedLink(guarded),
    tooBig(4, ip(A, B, 50, esp(1000, 1, 20))),
    'permitted in 1',
    { out: false },
  ],
  [
    'the same for ESP in UDP',
    new WatchedLink(guarded),
    tooBig(4, ip(A, B, 17, udp(4500, 4500, octets(20)))),
    'permitted in 1',
    { out: false },
  ],
  [
    'the same for what was never sealed',
    new WatchedLink(guarded),
    tooBig(4, ip(A, B, 17, udp(4000, 4500, octets(20)))),
    'received-in-clear in 1',
    { out: false },
  ],
  [
    'another word of a router',
    new WatchedLink(guarded),
    tooBig(1, ip(A, B, 50, esp(1000, 1, 20))),
    'received-in-clear in 1',
    { out: false },
  ],
  ['headers that cannot be read', new WatchedLink(strict), octets(19, 0x45), 'malformed out 1'],
]

for (const [what, link, packet, sums, seen] of cases) {
  test(`${what}: ${sums === '' ? 'it is left alone' : sums.replace(/ \d+$/, '')}`, () => {
    link.pass(10)
    link.see([packet], seen)
    assert.deepEqual(link.sums(), sums === '' ? [] : [sums])
  })
}

test('the watch and the auditor say the same of random packets under random policies', () => {
  const draw = seeded(17)
  const packet = new Packet()
  let leaks = 0
  for (let turn = 0; turn < 3000; turn++) {
    const asked = randomPolicy(draw)
    const flow = randomFlow(draw, asked)
    const [source, destination] = [formatAddress(flow.source), formatAddress(flow.destination)]
    const compiled = compiledFor(asked, [source])
    const payload =
      flow.protocol === 17
        ? udp(flow.sourcePort ?? 1, flow.destinationPort ?? 1, octets(16))
        : flow.protocol === 6
          ? tcp(flow.sourcePort ?? 1, flow.destinationPort ?? 1)
          : icmp(flow.icmpType ?? 8)
    const bytes = ip(source, destination, flow.protocol, payload)
    const auditor = new Auditor({ policy: compiled })
    let told = ''
    auditor.onFrame = ({ verdict }) => {
      told = verdict
    }
    auditor.frame(bytes, 0, bytes.length, 101, bytes.length, 0, 0, 1)
    decodeIp(packet, bytes, 0, bytes.length)
    const pairs = [{ rule: '', own: flow.source, peer: flow.destination, until: 0 }]
    const judged = new LinkJudge({ compiled, clearPairs: pairs, seed: 1 }).judge(packet, bytes, true, 0)
    assert.equal(judged!.verdict === 'in-clear' ? 'permitted' : judged!.verdict, told, JSON.stringify(flow))
    if (told === 'leaked') leaks++
  }
  assert.ok(leaks > 300, `${leaks}`)
})

test('later pieces go with the first of their packet, and are called nothing without it', () => {
  const dns = windows(1, secured(), rule('permit', [`udp ${A} <-> ${B}:53`], { name: 'dns' }))
  const link = new WatchedLink(dns)
  const [first, ...later] = fragments(A, B, 17, udp(1024, 53, octets(4000)), 9)
  link.see(later)
  assert.deepEqual(link.sums(), ['piece out 2'])
  link.see([first!, ...later])
  assert.deepEqual(link.sums(), ['permitted out 3', 'piece out 2'])
  link.see(fragments(A6, B6, 17, udp(1024, 54, octets(4000)), 9))
  assert.deepEqual(link.sums(), ['permitted out 3', 'piece out 2', 'leaked out 3'])
  // What is sealed is so in every piece.
  link.see(fragments(A, B, 17, udp(4500, 4500, esp(0x1234_5678, 1, 4000)), 10))
  link.see([ipv6Fragment(A6, B6, 50, octets(800), { identification: 3, offset: 800 })])
  assert.deepEqual(link.sums(), ['protected out 4', 'permitted out 3', 'piece out 2', 'leaked out 3'])
})

test('a leak is told at once with its flow and its rule, then at most every ten seconds with the count', () => {
  const link = new WatchedLink(strict)
  link.see([echo])
  const [event, ...more] = link.takeTold()
  assert.equal(more.length, 0)
  assert.deepEqual([event!.level, event!.kind], ['error', 'leaked'])
  const because = `rule “all” secures it: any ${A} <-> ${B}, yet it stands in clear`
  assert.match(
    event!.text,
    /^LEAKED: this host sent icmp 10\.0\.0\.1 → 10\.0\.0\.2 in clear: rule “all” secures it: .*, yet it stands in clear$/,
  )
  assert.deepEqual(
    { ...event!.fields, flow: '' },
    { verdict: 'leaked', direction: 'out', flow: '', packets: 1, bytes: 32, rule: 'all', peer: B },
    because,
  )
  for (let second = 0; second < 9; second++) {
    link.pass(1)
    link.see([echo, echo])
  }
  assert.deepEqual(link.takeTold(), [])
  link.pass(1)
  assert.match(link.takeTold()[0]!.text, /; 18 more packets of it$/)
  // Nothing is told of what ended.
  link.pass(100)
  assert.deepEqual(link.takeTold(), [])
  // What a peer sends is a warning.
  link.see([ip(B, A, 6, tcp(1, 2))], { out: false })
  const [received] = link.takeTold()
  assert.deepEqual([received!.level, received!.kind], ['warning', 'received-in-clear'])
  assert.match(received!.text, /^10\.0\.0\.2 sent tcp 10\.0\.0\.2:1 → 10\.0\.0\.1:2 in clear: /)
  link.watch.stop()
})

test('however many flows leak, events stay few, the rest is told together, and what is kept is bounded', () => {
  const link = new WatchedLink(policy([rule('negotiate', ['any 10.0.0.1 <-> any'], { name: 'all' })]), 256)
  let sent = 0
  for (let burst = 0; burst < 100; burst++) {
    link.see(
      Array.from({ length: 100 }, () => {
        sent++
        return ip(A, `10.${(sent >> 16) & 255}.${(sent >> 8) & 255}.${sent & 255}`, 17, udp(sent & 0xffff, 7))
      }),
    )
    link.pass(0.1)
  }
  assert.deepEqual(link.sums(), [`leaked out ${sent}`])
  assert.ok(link.flows().length <= MOST_FLOWS)
  assert.equal(link.flows()[0]!.flow.includes(`${sent & 255}:7`), true, 'the newest first')
  link.pass(3 * AGAIN_AFTER)
  const told = link.takeTold()
  assert.ok(told.length <= 5 * (MOST_EVENTS + 1), `${told.length} events`)
  const packets = told.map(({ text, fields }) => (text.includes('other flows') ? Number(fields!['packets']) : 1))
  assert.equal(
    packets.reduce((sum, one) => sum + one, 0),
    sent,
    'every packet is in one of the events',
  )
  assert.ok(told.some(({ text }) => /^LEAKED: this host sent \d+ more packets of \d+ other flows in clear$/.test(text)))
})

test('strangers who flood this host with clear packets push no leak of its own out of sight', () => {
  const link = new WatchedLink(policy([rule('negotiate', ['any 10.0.0.1 <-> any'], { name: 'all' })]))
  const flood = (from: number) =>
    link.see(
      Array.from({ length: 1000 }, (_, index) => ip(`10.9.${from}.${index % 256}`, A, 17, udp(index + 1, 7 + index))),
      { out: false },
    )
  flood(0)
  link.see([echo])
  assert.equal(link.takeTold().at(-1)!.kind, 'leaked')
  for (let from = 1; from < 5; from++) flood(from)
  assert.equal(link.flows()[0]!.verdict, 'leaked')
  assert.ok(link.flows('received-in-clear').length <= MOST_FLOWS)
  link.watch.stop()
})

test('packets of the time of a change are wrong only if they are so by both policies, and by the new one alone later', () => {
  const link = new WatchedLink(windows(0))
  link.see([kerberos])
  link.rules = { ...rulesOf(windows(1)), isChanging: true }
  link.see([kerberos, echo])
  assert.deepEqual(link.sums(), ['exempt out 2', 'leaked out 1'])
  // As long as it takes, and a moment longer.
  link.pass(30)
  link.see([kerberos])
  link.rules = { ...link.rules, isChanging: false }
  link.pass(1)
  link.see([kerberos])
  assert.deepEqual(link.sums(), ['exempt out 4', 'leaked out 1'])
  link.pass(3)
  link.see([kerberos])
  assert.deepEqual(link.sums(), ['exempt out 4', 'leaked out 2'])
  // What a new policy allows is allowed at once.
  link.rules = rulesOf(windows(0))
  link.see([kerberos])
  assert.deepEqual(link.sums(), ['exempt out 5', 'leaked out 2'])
  link.watch.stop()
})

test('a pair that no longer speaks in clear leaks when it still does, a moment later', () => {
  const fallsBack = policy([secured({ fallBackToClear: true })])
  const link = new WatchedLink(fallsBack)
  link.rules = rulesOf(fallsBack, [[A, B]])
  link.pass(5)
  link.see([echo])
  link.rules = { ...link.rules, clearPairs: [] }
  link.see([echo])
  link.pass(3)
  link.see([echo])
  assert.deepEqual(link.sums(), ['in-clear out 2', 'leaked out 1'])
  const [leak] = link.flows('leaked')
  assert.match(leak!.because, /falls back to clear where the peer gives no answer: .*, yet it stands in clear/)
  link.watch.stop()
})

test('flows are of two hosts and a service, leaks before what is exempt', () => {
  const link = new WatchedLink(windows(0))
  link.see([kerberos, ip(A, B, 17, udp(1025, 88)), ip(A, B, 6, tcp(2000, 445)), ip(A, B, 6, tcp(2001, 445))])
  assert.deepEqual(
    link.flows().map(({ verdict, flow, peer, packets }) => [verdict, flow, peer, packets]),
    [
      ['leaked', `tcp ${A}:2001 → ${B}:445`, B, 2],
      ['exempt', `udp ${A}:1025 → ${B}:88`, B, 2],
    ],
  )
  link.watch.stop()
})
