// What the terminal shows is what the view says, within its columns and rows, whatever strangers call themselves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testAssociation, testStatus } from '../test-status.ts'
import { emptyView, follow, type MonitorView } from '../view.ts'
import { octets, span } from '../words.ts'
import { keysOf, press } from './keys.ts'
import { type Line, widthOf } from './line.ts'
import { pageNames } from './pages.ts'
import { type Choices, firstChoices, type Size, screenOf } from './screen.ts'

const wide: Size = { columns: 160, rows: 40 }
const session = { session: 'abcdef0123456789', peer: '10.0.0.3' }
const view = follow(emptyView, [
  { kind: 'status', status: testStatus() },
  {
    kind: 'event',
    event: {
      at: 1_800_000_000,
      level: 'debug',
      kind: 'message',
      text: 'IKE_SA_INIT request',
      fields: { ...session, way: 'sent' },
    },
  },
  {
    kind: 'event',
    event: {
      at: 1_800_000_001,
      level: 'warning',
      kind: 'session-failed',
      text: 'no IKE SA: its certificate has expired',
      fields: session,
    },
  },
])

function text(lines: readonly Line[]): string {
  return lines.map(line => line.map(piece => piece.text).join('')).join('\n')
}

function screen(choices: Partial<Choices> = {}, size = wide, of: MonitorView = view): string {
  return text(screenOf(of, { ...firstChoices, ...choices }, size))
}

test('associations have ipsecmon’s columns, and age, new keys and rates behind them', () => {
  const head = screen({}, { columns: 200, rows: 40 })
    .split('\n')
    .find(line => line.startsWith('Policy Name'))!
  const columns = [
    'Policy Name',
    'Security',
    'Source Address',
    'Dest. Address',
    'Protocol',
    'Src. Port',
    'Dest. Port',
    'Tunnel Endpoint',
  ]
  for (const column of [...columns, 'Age', 'Rekey in', 'Sent', 'Received']) assert.ok(head.includes(column), column)
  assert.match(
    screen({}, { columns: 200, rows: 40 }),
    /esp-aes256gcm16 .*10\.0\.0\.1 .*10\.0\.0\.2 .*Any .*None .*1:40 min .*43:20 min/,
  )
  assert.match(screen(), /in 0x0000a001, out 0x0000b001 {2}dc2\.corp\.test/)
})

test('statistics stand under ipsecmon’s labels', () => {
  const statistics = screen({ page: 'statistics' })
  for (const label of [
    'Confidential Bytes Sent',
    'Authenticated Bytes Received',
    'Packets Not Decrypted',
    'Soft Associations',
  ])
    assert.ok(statistics.includes(label), label)
  assert.match(statistics, /Active Associations +1\n/)
})

test('each exemption says what would become of it otherwise, and each rule what it did', () => {
  const exempt = screen({ page: 'exempt' })
  assert.match(exempt, /Kerberos .*500 B .*at 1 this would be sealed by rule “all”/)
  assert.match(exempt, /IKE .*exempt at every value/)
  assert.match(screen({ page: 'policy' }), /\nall +32 +4\.0 kB +1\.0 kB +– +– +2 +–/)
})

test('a negotiation that failed is a ladder that ends with the reason', () => {
  const shown = screen({ page: 'negotiations' })
  assert.match(shown, /──► IKE_SA_INIT request\n/)
  assert.match(shown, /10\.0\.0\.3 .*failed .*its certificate has expired/)
})

test('who speaks in clear and what is wrong stand on every page', () => {
  const inClear = [{ rule: 'all', own: '10.0.0.1', peer: '10.0.0.2', forSeconds: 100 }]
  const guard = { ...testStatus().guard!, isThere: false }
  const bad = follow(emptyView, [
    { kind: 'status', status: testStatus({ inClear, guard, warnings: ['NOT SECURED: the two'] }) },
  ])
  for (const page of pageNames) {
    const shown = screen({ page }, wide, bad)
    assert.match(shown, /in clear 1 pair\b/)
    assert.match(shown, /guard NOT in place/)
    assert.match(shown, /! NOT SECURED/)
  }
})

test('what leaked and what came in clear stands on every page, and the host at the other end as leaking', () => {
  const because = 'rule “all” secures it, yet it stands in clear'
  const is = { because, packets: 12, bytes: 1008, firstAt: 1_799_999_999, lastAt: 1_799_999_999 }
  const flow = {
    ...is,
    verdict: 'leaked',
    flow: 'icmp 10.0.0.1 → 10.0.0.2',
    peer: '10.0.0.2',
    direction: 'out',
  } as const
  const received = { verdict: 'received-in-clear', direction: 'in', packets: 5, bytes: 420 } as const
  const wire = { links: ['eth0'], since: 0, verdicts: [flow, received], flows: [flow], unread: 0 }
  const leaking = follow(emptyView, [{ kind: 'status', status: testStatus({ wire }) }])
  for (const page of pageNames) assert.match(screen({ page }, wide, leaking), / LEAKED 12 {3}received in clear 5/)
  assert.match(screen({ page: 'hosts' }, wide, leaking), /10\.0\.0\.2 .*LEAKING .*sent in clear: icmp/)
  assert.match(screen(), /wire not watched/)
})

test('no line is wider than the terminal and no frame higher, at any size', () => {
  const many = Array.from({ length: 1000 }, (_, index) =>
    testAssociation({
      spi: `0x${index}`,
      peer: `10.0.${index >> 8}.${index & 255}`,
      rule: `規則 ${'x'.repeat(index % 90)}`,
    }),
  )
  const full = follow(view, [{ kind: 'status', status: testStatus({ at: 1_800_000_001, associations: many }) }])
  for (const columns of [20, 40, 60, 80, 133, 250]) {
    for (const rows of [5, 10, 24, 60]) {
      for (const page of pageNames) {
        const lines = screenOf(full, { ...firstChoices, page, key: '0x500' }, { columns, rows })
        assert.ok(lines.length <= rows, `${page} at ${columns}×${rows}: ${lines.length} lines`)
        for (const line of lines)
          assert.ok(widthOf(text([line])) <= columns, `${page} at ${columns}×${rows}: ${text([line])}`)
      }
    }
  }
})

test('a name that would act on the terminal is shown by its numbers', () => {
  const name = '\x1b]0;mine\x07\u202eevil\r\n'
  const sessions = [{ ...testStatus().sessions[0]!, peerName: name }]
  const policy = { ...testStatus().policy, name }
  const evil = follow(view, [
    {
      kind: 'status',
      status: testStatus({
        at: 1_800_000_002,
        sessions,
        policy,
        warnings: [name],
        associations: [testAssociation({ rule: name })],
      }),
    },
    {
      kind: 'event',
      event: { at: 1, level: 'warning', kind: 'warning', text: name, fields: { session: name, peer: name } },
    },
  ])
  for (const page of pageNames)
    assert.doesNotMatch(screen({ page }, wide, evil).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u, page)
})

test('keys: pages, rows, a filter, and q', () => {
  const associations = [testAssociation(), testAssociation({ spi: '0x2', peer: '10.0.0.9' })]
  const two = follow(emptyView, [{ kind: 'status', status: testStatus({ associations }) }])
  const after = (keys: string, from: Choices = firstChoices) =>
    keysOf(keys).reduce<Choices | 'quit'>(
      (choices, key) => (choices === 'quit' ? choices : press(choices, key, two)),
      from,
    )
  assert.equal(after('q'), 'quit')
  assert.equal(after('/q\x03'), 'quit')
  assert.deepEqual(after('\x1b[C'), { ...firstChoices, page: 'hosts' })
  assert.deepEqual(after('\x1b[D'), { ...firstChoices, page: 'policy' })
  assert.deepEqual(after('5'), { ...firstChoices, page: 'statistics' })
  assert.deepEqual(after('\x1b[B\x1b[B\x1b[B'), { ...firstChoices, key: '0x2' })
  assert.deepEqual(after('\x1b[B\x1b[A'), { ...firstChoices, key: '0x0000a001' })
  const filtered = after('/q0.9\x7f\x7f\x7f\x7f0.9\r') as Choices
  assert.deepEqual(filtered, { ...firstChoices, filter: '0.9' })
  assert.ok(!screen(filtered, wide, two).includes('10.0.0.2'))
  assert.match(screen(filtered, wide, two), /1 of 2 with “0\.9”/)
  assert.deepEqual(after('\x1b', filtered), firstChoices)
  assert.deepEqual(after('/a\x1b[B', firstChoices), { ...firstChoices, filter: 'a', isTyping: true })
})

test('a thousand associations are drawn within a frame’s patience', () => {
  const associations = Array.from({ length: 1000 }, (_, index) => testAssociation({ spi: `0x${index}` }))
  const full = follow(emptyView, [{ kind: 'status', status: testStatus({ associations }) }])
  screenOf(full, firstChoices, wide)
  const begun = process.cpuUsage()
  for (let frame = 0; frame < 10; frame++) screenOf(full, firstChoices, wide)
  const { user } = process.cpuUsage(begun)
  assert.ok(user / 10 < 100_000, `${user / 10} µs a frame`)
})

test('numbers are written for columns', () => {
  assert.deepEqual([0, 999, 1000, 999_960, 2_500_000].map(octets), ['0 B', '999 B', '1.0 kB', '1.0 MB', '2.5 MB'])
  assert.deepEqual([0, 59, 61, 3600, 100_000, 200_000].map(span), [
    '0 s',
    '59 s',
    '1:01 min',
    '1:00 h',
    '27:46 h',
    '2 d',
  ])
  assert.equal(span(null), '–')
})
