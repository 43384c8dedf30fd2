// Later fragments carry no ports: they are judged with the first fragment of their packet where it stands before them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditFrames, everything, policy, rule } from '../../test/audit-frames.ts'
import { type Bytes, esp, ethernet, type Frame, fragments, ike, octets, tcp, udp } from '../../test/build-frames.ts'
import type { Policy } from '../policy/model.ts'
import type { Verdict } from './verdict.ts'

const families = [
  ['10.54.0.1', '10.54.0.2', '10.54.0.3'],
  ['2001:db8::1', '2001:db8::2', '2001:db8::3'],
] as const

/** Kerberos is exempt, everything else is to be secured. */
const windows: Policy = { ...everything, profile: 'windows-2000-sp1' }

function parts(from: string, to: string, protocol: number, payload: Bytes, identification = 77): Bytes[] {
  return fragments(from, to, protocol, payload, identification).map(part => ethernet(part))
}

function verdictsOf(frames: readonly (Bytes | Frame)[], written: Policy = windows): readonly Verdict[] {
  return auditFrames(frames, { policy: written }).verdicts
}

const ticket = udp(88, 1024, octets(4000))

test('later fragments have the verdict and the class of the first one, and say which frame that is', () => {
  for (const [a, b] of families) {
    const { frames, report } = auditFrames(parts(a, b, 17, ticket), { policy: windows })
    assert.deepEqual(
      frames.map(({ class: trafficClass, verdict, firstFragment }) => [trafficClass, verdict, firstFragment]),
      [
        ['kerberos', 'exempt', 0],
        ['kerberos', 'exempt', 1],
        ['kerberos', 'exempt', 1],
      ],
    )
    assert.deepEqual([report.findings.length, report.findings[0]!.packets], [1, 3])
  }
})

test('fragments of sealed and of keying packets are sealed and keying', () => {
  for (const [a, b] of families) {
    assert.deepEqual(verdictsOf(parts(a, b, 50, esp(0x1000, 1, 4000))), ['protected', 'protected', 'protected'])
    assert.deepEqual(verdictsOf(parts(a, b, 17, udp(500, 500, ike(4000)))), ['keying', 'keying', 'keying'])
    assert.deepEqual(verdictsOf(parts(a, b, 17, udp(4500, 4500, esp(0x1000, 1, 2000)))), ['protected', 'protected'])
  }
})

test('fragments of several packets may be mixed: the identification tells them', () => {
  for (const [a, b] of families) {
    const [one, two] = [parts(a, b, 17, ticket, 1), parts(a, b, 17, udp(1024, 445, octets(4000)), 2)]
    const mixed = [one[0]!, two[0]!, two[2]!, one[1]!, two[1]!, one[2]!]
    assert.deepEqual(verdictsOf(mixed), ['exempt', 'leaked', 'leaked', 'exempt', 'leaked', 'exempt'])
  }
})

test('a later fragment without its first one is judged by what it shows, and says so', () => {
  for (const [a, b] of families) {
    const later = parts(a, b, 17, ticket).slice(1)
    const { frames } = auditFrames(later, { policy: windows })
    assert.deepEqual(
      frames.map(({ class: trafficClass, verdict }) => [trafficClass, verdict]),
      [
        ['unicast', 'leaked'],
        ['unicast', 'leaked'],
      ],
    )
    assert.match(frames[0]!.because, /^a later fragment whose first one does not stand before it in the capture/)
  }
})

test('a later fragment of ESP says so itself, in IPv6 too', () => {
  for (const [a, b] of families) {
    assert.deepEqual(verdictsOf(parts(a, b, 50, esp(0x1000, 1, 4000)).slice(1)), ['protected', 'protected'])
  }
})

test('a first fragment that comes after a later one speaks for those behind it', () => {
  for (const [a, b] of families) {
    const [first, second, third] = parts(a, b, 17, ticket)
    assert.deepEqual(verdictsOf([second!, first!, third!]), ['leaked', 'exempt', 'exempt'])
  }
})

test('a first fragment does not speak for packets of other hosts, protocols or identifications', () => {
  for (const [a, b, c] of families) {
    const [first] = parts(a, b, 17, ticket)
    const strangers: readonly (readonly [string, Bytes[]])[] = [
      ['another source', parts(c, b, 17, ticket)],
      ['another destination', parts(a, c, 17, ticket)],
      ['the other direction', parts(b, a, 17, ticket)],
      ['another identification', parts(a, b, 17, ticket, 78)],
    ]
    for (const [what, [, second]] of strangers)
      assert.deepEqual(verdictsOf([first!, second!]), ['exempt', 'leaked'], what)
  }
  // IPv4 counts identifications for each protocol (RFC 791 §2.3).
  const [[a, b]] = families
  const other = parts(a, b, 6, tcp(88, 1024, octets(4000)))[1]!
  assert.deepEqual(verdictsOf([parts(a, b, 17, ticket)[0]!, other]), ['exempt', 'leaked'])
})

test('an identification that is used anew belongs to the newer packet', () => {
  for (const [a, b] of families) {
    const [one, two] = [parts(a, b, 17, ticket), parts(a, b, 17, udp(1024, 445, octets(4000)))]
    assert.deepEqual(verdictsOf([...one, ...two]), ['exempt', 'exempt', 'exempt', 'leaked', 'leaked', 'leaked'])
  }
})

test('a first fragment speaks for a minute: no receiver waits longer for the rest', () => {
  for (const [a, b] of families) {
    const [first, second] = parts(a, b, 17, ticket)
    const at = (seconds: number) => [
      { bytes: first!, time: 1000 },
      { bytes: second!, time: 1000 + seconds },
    ]
    assert.deepEqual(verdictsOf(at(59)), ['exempt', 'exempt'])
    assert.deepEqual(verdictsOf(at(62)), ['exempt', 'leaked'])
  }
})

test('a first fragment too short for its ports meets only filters that ask for none', () => {
  const tiny = policy([rule('any', 'any', { protocol: 6, port: 445, action: 'permit' }), rule('any', 'any')])
  for (const [a, b] of families) {
    const whole = fragments(a, b, 6, tcp(1024, 445, octets(64)), 9, 8).map(part => ethernet(part))
    assert.equal(verdictsOf(whole, tiny)[0], 'permitted')
    // Eight octets hold the ports; four captured ones of the transport do not hold both of them.
    const cut = { bytes: whole[0]!.slice(0, -6), originalLength: whole[0]!.length }
    assert.equal(verdictsOf([cut], tiny)[0], 'leaked')
  }
})

test('packets that fall into one place push each other out, and none is judged with a stranger', () => {
  const [[, b]] = families
  const host = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
  const first = (index: number) => parts(host(index), b, 17, udp(88, 1, octets(1473)), index)[0]!
  const later = (index: number) => parts(host(index), b, 17, udp(445, 1, octets(1473)), index)[1]!
  const known = Array.from({ length: 10_000 }, (_, index) => first(index))
  // Hundreds of them share a place with one of the ten thousand.
  const strangers = Array.from({ length: 3000 }, (_, index) => later(20_000 + index))
  const { totals } = auditFrames([...known, ...strangers], { policy: windows }).report
  assert.deepEqual([totals.exempt, totals.leaked], [known.length, strangers.length])
})
