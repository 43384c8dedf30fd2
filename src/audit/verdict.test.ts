// Every class and verdict, as a capture of one or two frames shows them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditFrames, everything, policy, rule } from '../../test/audit-frames.ts'
import {
  ah,
  type Bytes,
  cooked,
  EVERY_STATION,
  esp,
  ethernet,
  hex,
  icmp,
  ike,
  ip,
  join,
  keepalive,
  LINUX_SLL,
  nonEspMarker,
  octets,
  tcp,
  udp,
} from '../../test/build-frames.ts'
import type { Policy } from '../policy/model.ts'
import type { TrafficClass, Verdict } from './verdict.ts'

const A = '10.54.0.1'
const B = '10.54.0.2'
const A6 = '2001:db8::1'
const B6 = '2001:db8::2'

interface Case {
  readonly what: string
  readonly frame: Bytes
  readonly class: TrafficClass
  readonly verdict: Verdict
}

const ospf = 89

/** Under a policy that secures everything and exempts IKE alone. */
const strictCases: readonly Case[] = [
  { what: 'TCP', frame: ethernet(ip(A, B, 6, tcp(1024, 445))), class: 'unicast', verdict: 'leaked' },
  { what: 'UDP over IPv6', frame: ethernet(ip(A6, B6, 17, udp(1024, 53))), class: 'unicast', verdict: 'leaked' },
  { what: 'ICMP', frame: ethernet(ip(A, B, 1, icmp(8))), class: 'unicast', verdict: 'leaked' },
  {
    what: 'a protocol without ports',
    frame: ethernet(ip(A, B, ospf, octets(24))),
    class: 'unicast',
    verdict: 'leaked',
  },
  { what: 'Kerberos over TCP', frame: ethernet(ip(A, B, 6, tcp(1024, 88))), class: 'kerberos', verdict: 'leaked' },
  { what: 'Kerberos over UDP', frame: ethernet(ip(A, B, 17, udp(88, 1024))), class: 'kerberos', verdict: 'leaked' },
  { what: 'RSVP', frame: ethernet(ip(A, B, 46, octets(8))), class: 'rsvp', verdict: 'leaked' },
  {
    what: 'a multicast',
    frame: ethernet(ip(A, '224.0.0.251', 17, udp(5353, 5353))),
    class: 'multicast',
    verdict: 'leaked',
  },
  {
    what: 'a multicast over IPv6',
    frame: ethernet(ip(A6, 'ff02::fb', 17, udp(5353, 5353))),
    class: 'multicast',
    verdict: 'leaked',
  },
  {
    what: 'the limited broadcast',
    frame: ethernet(ip(A, '255.255.255.255', 17, udp(138, 138))),
    class: 'broadcast',
    verdict: 'leaked',
  },
  {
    what: 'a broadcast of a subnet, known by the link',
    frame: ethernet(ip(A, '10.54.0.255', 17, udp(138, 138)), { to: EVERY_STATION }),
    class: 'broadcast',
    verdict: 'leaked',
  },
  {
    what: 'the same address sent to one station',
    frame: ethernet(ip(A, '10.54.0.255', 17, udp(138, 138))),
    class: 'unicast',
    verdict: 'leaked',
  },
  { what: 'ESP', frame: ethernet(ip(A, B, 50, esp(0x1000, 1, 56))), class: 'esp', verdict: 'protected' },
  {
    what: 'ESP to a group',
    frame: ethernet(ip(A, '224.0.0.251', 50, esp(0x1000, 1, 56))),
    class: 'esp',
    verdict: 'protected',
  },
  { what: 'AH', frame: ethernet(ip(A, B, 51, ah(0x1000, 6, tcp(1024, 445)))), class: 'ah', verdict: 'protected' },
  {
    what: 'AH around Kerberos',
    frame: ethernet(ip(A6, B6, 51, ah(0x1000, 6, tcp(1024, 88)))),
    class: 'ah',
    verdict: 'protected',
  },
  { what: 'IKE', frame: ethernet(ip(A, B, 17, udp(500, 500, ike(100)))), class: 'ike', verdict: 'keying' },
  {
    what: 'IKE of version 1',
    frame: ethernet(ip(A6, B6, 17, udp(500, 500, ike(100, 1)))),
    class: 'ike',
    verdict: 'keying',
  },
  {
    what: 'IKE behind a translator',
    frame: ethernet(ip(A, B, 17, udp(61234, 500, ike(100)))),
    class: 'ike',
    verdict: 'keying',
  },
  {
    what: 'IKE on port 4500',
    frame: ethernet(ip(A, B, 17, udp(4500, 61234, join(nonEspMarker, ike(100))))),
    class: 'ike',
    verdict: 'keying',
  },
  {
    what: 'a NAT keepalive',
    frame: ethernet(ip(A, B, 17, udp(4500, 4500, keepalive))),
    class: 'ike',
    verdict: 'keying',
  },
  {
    what: 'ESP in UDP',
    frame: ethernet(ip(A, B, 17, udp(4500, 4500, esp(0x1000, 1, 56)))),
    class: 'esp',
    verdict: 'protected',
  },
  {
    what: 'ESP in UDP behind a translator',
    frame: ethernet(ip(A, B, 17, udp(61234, 4500, esp(0x1000, 1, 56)))),
    class: 'esp',
    verdict: 'protected',
  },
  {
    what: 'something else between the ports of IKE',
    frame: ethernet(ip(A, B, 17, udp(500, 500, octets(40, 0x41)))),
    class: 'unicast',
    verdict: 'leaked',
  },
  {
    what: 'something else behind the non-ESP marker',
    frame: ethernet(ip(A, B, 17, udp(4500, 4500, octets(40)))),
    class: 'unicast',
    verdict: 'leaked',
  },
  {
    what: 'Kerberos from the port of IKE',
    frame: ethernet(ip(A, B, 17, udp(500, 88, octets(40, 0x41)))),
    class: 'kerberos',
    verdict: 'leaked',
  },
  {
    what: 'IKE from the port of Kerberos',
    frame: ethernet(ip(A, B, 17, udp(88, 500, ike(100)))),
    class: 'ike',
    verdict: 'keying',
  },
  {
    what: 'Kerberos to a group',
    frame: ethernet(ip(A, '224.0.0.251', 17, udp(1024, 88))),
    class: 'kerberos',
    verdict: 'leaked',
  },
  { what: 'RSVP to a group', frame: ethernet(ip(A, '224.0.0.14', 46, octets(8))), class: 'rsvp', verdict: 'leaked' },
  {
    what: 'a multicast in a broadcast frame',
    frame: ethernet(ip(A, '224.0.0.251', 17, udp(1, 2)), { to: EVERY_STATION }),
    class: 'multicast',
    verdict: 'leaked',
  },
  { what: 'ARP', frame: ethernet(octets(28), { type: 0x0806 }), class: 'not-ip', verdict: 'not-ip' },
  {
    what: 'an IPv4 header that is cut off',
    frame: ethernet(ip(A, B, 6, tcp(1, 2)).slice(0, 19)),
    class: 'malformed',
    verdict: 'malformed',
  },
  { what: 'a frame shorter than its link header', frame: hex('0200'), class: 'malformed', verdict: 'malformed' },
  { what: 'an empty frame', frame: octets(0), class: 'malformed', verdict: 'malformed' },
]

test('under a policy that secures everything, each kind of packet has its class and its verdict', () => {
  for (const { what, frame, class: trafficClass, verdict } of strictCases) {
    const { frames, report } = auditFrames([frame], { policy: everything })
    assert.equal(frames[0]!.class, trafficClass, `the class of ${what}`)
    assert.equal(frames[0]!.verdict, verdict, `the verdict of ${what}`)
    assert.equal(report.totals[verdict], 1, what)
    assert.equal(report.classes[trafficClass], 1, what)
  }
})

test('without a policy, sealed and keying packets are told, and nothing else is judged', () => {
  for (const { what, frame, verdict } of strictCases) {
    const expected = verdict === 'leaked' ? 'no-policy' : verdict
    assert.deepEqual(auditFrames([frame]).verdicts, [expected], what)
  }
})

test('the classes of a capture and its verdicts each add up to its packets', () => {
  const { report } = auditFrames(
    strictCases.map(({ frame }) => frame),
    { policy: everything },
  )
  const sum = (sums: Readonly<Record<string, number>>) => Object.values(sums).reduce((all, one) => all + one, 0)
  assert.equal(sum(report.totals), strictCases.length)
  assert.equal(sum(report.classes), strictCases.length)
  assert.equal(report.capture.packets, strictCases.length)
  assert.equal(
    report.conversations.reduce((all, { packets }) => all + packets, 0),
    strictCases.length,
  )
})

test('the exemption of IKE is by port under a Windows profile and by content under strict', () => {
  const frames = [
    ethernet(ip(A, B, 17, udp(500, 500, octets(40, 0x41)))),
    ethernet(ip(A, B, 17, udp(4500, 4500, octets(40)))),
  ]
  const windows: Policy = { ...everything, profile: 'windows-2000-sp1', noDefaultExempt: 1 }
  const underWindows = auditFrames(frames, { policy: windows })
  assert.deepEqual(underWindows.verdicts, ['exempt', 'exempt'])
  assert.match(underWindows.frames[0]!.because, /but what it carries is not IKE$/)
  assert.deepEqual(auditFrames(frames, { policy: everything }).verdicts, ['leaked', 'leaked'])
})

const exemptFrames = {
  kerberos: ethernet(ip(A, B, 6, tcp(88, 1024))),
  rsvp: ethernet(ip(A, B, 46, octets(8))),
  multicast: ethernet(ip(A, '239.1.2.3', 17, udp(1024, 1025))),
  broadcast: ethernet(ip(A, '255.255.255.255', 17, udp(1024, 1025))),
  directed: ethernet(ip(A, '10.54.0.255', 17, udp(1024, 1025)), { to: EVERY_STATION }),
  discovery: ethernet(ip(A6, B6, 58, icmp(135))),
  unicast: ethernet(ip(A, B, 6, tcp(1024, 445))),
} as const
type ExemptName = keyof typeof exemptFrames

const settings: readonly (readonly [Partial<Policy>, readonly ExemptName[]])[] = [
  [{ profile: 'windows-2000' }, ['kerberos', 'rsvp', 'multicast', 'broadcast', 'directed']],
  [{ profile: 'windows-2000-sp1' }, ['kerberos', 'rsvp', 'multicast', 'broadcast', 'directed']],
  [{ profile: 'windows-2000-sp1', noDefaultExempt: 0 }, ['kerberos', 'rsvp', 'multicast', 'broadcast', 'directed']],
  [{ profile: 'windows-2000-sp1', noDefaultExempt: 1 }, ['multicast', 'broadcast', 'directed']],
  [{ profile: 'windows-xp', noDefaultExempt: 2 }, ['kerberos', 'rsvp']],
  [{ profile: 'windows-xp', noDefaultExempt: 3 }, []],
  [{ profile: 'windows-server-2003' }, []],
  [{ profile: 'windows-server-2003', noDefaultExempt: 1 }, ['multicast', 'broadcast', 'directed']],
  [{ profile: 'windows-vista' }, ['discovery']],
  [{ profile: 'strict' }, []],
]

test('a capture shows what each profile exempts at each value of its setting', () => {
  const names = Object.keys(exemptFrames) as ExemptName[]
  for (const [setting, exempt] of settings) {
    const written = { ...everything, ...setting }
    const { verdicts } = auditFrames(
      names.map(name => exemptFrames[name]),
      { policy: written },
    )
    const found = names.filter((_, index) => verdicts[index] === 'exempt')
    assert.deepEqual(found, exempt, JSON.stringify(setting))
  }
})

test('Windows Server 2003 leaves multicasts that arrive unsecured, and secures those that leave', () => {
  const frame = exemptFrames.multicast
  const written: Policy = { ...everything, profile: 'windows-server-2003' }
  assert.deepEqual(auditFrames([frame], { policy: written, me: [A] }).verdicts, ['leaked'])
  assert.deepEqual(auditFrames([frame], { policy: written, me: [B] }).verdicts, ['permitted'])
  assert.deepEqual(auditFrames([exemptFrames.directed], { policy: written, me: [B] }).verdicts, ['permitted'])
})

test('a broadcast is known by the link on Linux cooked captures too', () => {
  const frame = ip(A, '10.54.0.255', 17, udp(138, 138))
  const classes = [cooked(frame, 1), cooked(frame, 0)].map(
    bytes => auditFrames([bytes], { linkType: LINUX_SLL }).frames[0]!.class,
  )
  assert.deepEqual(classes, ['broadcast', 'unicast'])
})

test('what a rule does with a clear packet is its verdict', () => {
  const frame = ethernet(ip(A, B, 6, tcp(1024, 445)))
  const table: readonly (readonly [Policy, Verdict])[] = [
    [policy([rule(A, B, { action: 'permit' })]), 'permitted'],
    [policy([rule(A, B, { action: 'block' })]), 'blocked'],
    [policy([rule(A, B)]), 'leaked'],
    [policy([rule(A, B, { active: false })]), 'permitted'],
    [policy([rule(A, B, { fallBackToClear: true })]), 'permitted'],
    [policy([rule(A, B, { acceptUnsecuredInbound: true })]), 'leaked'],
    [policy([rule(A, B, { port: 446, protocol: 6 })]), 'permitted'],
    [policy([rule(B, A, { mirrored: false })]), 'permitted'],
    [policy([]), 'permitted'],
    [policy([], { defaultResponse: true }), 'permitted'],
  ]
  for (const [written, verdict] of table) {
    assert.deepEqual(auditFrames([frame], { policy: written }).verdicts, [verdict], JSON.stringify(written.rules))
  }
})

test('a rule that accepts unsecured packets permits those that arrive at us, and none that we send', () => {
  const written = policy([rule('me', 'any', { acceptUnsecuredInbound: true })])
  const frames = [ethernet(ip(A, B, 6, tcp(1024, 445))), ethernet(ip(B, A, 6, tcp(445, 1024)))]
  assert.deepEqual(auditFrames(frames, { policy: written, me: [B] }).verdicts, ['permitted', 'leaked'])
  assert.deepEqual(auditFrames(frames, { policy: written, me: [A] }).verdicts, ['leaked', 'permitted'])
  assert.deepEqual(auditFrames(frames, { policy: written }).verdicts, ['leaked', 'leaked'])
})

test('between two addresses of ours a packet is judged as the sender should have', () => {
  const written = policy([rule('me', 'any', { acceptUnsecuredInbound: true })])
  const frame = ethernet(ip(A, B, 6, tcp(1024, 445)))
  assert.deepEqual(auditFrames([frame], { policy: written, me: [A, B] }).verdicts, ['leaked'])
})

test('the sentence names the rule or the exemption, and an exempt packet says what it would be without', () => {
  const written: Policy = { ...policy([rule(A, B, { name: 'Secure all' })]), profile: 'windows-2000-sp1' }
  const { report, frames } = auditFrames([ethernet(ip(A, B, 6, tcp(1024, 445))), exemptFrames.kerberos], {
    policy: written,
  })
  assert.match(frames[0]!.because, /^rule “Secure all” secures it: .*, yet it stands in clear$/)
  const [leaked, exempt] = report.findings
  assert.equal(leaked!.rule, 'Secure all')
  assert.equal(exempt!.exemption, 'kerberos')
  assert.equal(exempt!.withoutExemption, 'leaked')
  assert.equal(exempt!.rule, 'Secure all')
})

test('two conversations under one exemption each say what they would be without it', () => {
  const written: Policy = { ...policy([rule(A, B)]), profile: 'windows-2000-sp1' }
  const frames = [ethernet(ip(A, B, 6, tcp(1024, 88))), ethernet(ip(A, '10.9.9.9', 6, tcp(1024, 88)))]
  for (const order of [frames, frames.toReversed()]) {
    const { findings } = auditFrames(order, { policy: written }).report
    const told = findings.map(({ flow, withoutExemption, rule }) => [flow!.destination, withoutExemption, rule])
    assert.deepEqual(told.sort(), [
      ['10.54.0.2', 'leaked', '10.54.0.1 and 10.54.0.2'],
      ['10.9.9.9', 'permitted', undefined],
    ])
  }
})

test('the two ways of one exempt conversation are told apart where only one of them would be secured', () => {
  const written: Policy = { ...policy([rule(A, B, { mirrored: false })]), profile: 'windows-2000-sp1' }
  const frames = [ethernet(ip(A, B, 6, tcp(1024, 88))), ethernet(ip(B, A, 6, tcp(88, 1024)))]
  const { findings } = auditFrames(frames, { policy: written }).report
  assert.deepEqual(
    findings.map(({ withoutExemption }) => withoutExemption),
    ['leaked', 'permitted'],
  )
})
