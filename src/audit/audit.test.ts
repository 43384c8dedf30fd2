// The auditor over whole captures: damaged, cut off, mixed, hostile. Whatever the bytes, each frame has one verdict.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditCapture, auditFrames, compiledFor, everything, policy, rule } from '../../test/audit-frames.ts'
import {
  ah,
  type Bytes,
  cooked,
  ETHERNET,
  esp,
  ethernet,
  fragments,
  ike,
  ip,
  LINUX_SLL,
  octets,
  pcap,
  pcapng,
  RAW_IP,
  tcp,
  udp,
} from '../../test/build-frames.ts'
import { Auditor } from './audit.ts'
import { reportOf } from './report.ts'
import type { Verdict } from './verdict.ts'

const A = '10.54.0.1'
const B = '10.54.0.2'

const mixed: readonly (readonly [Bytes, Verdict])[] = [
  [ethernet(ip(A, B, 17, udp(500, 500, ike(60)))), 'keying'],
  [ethernet(ip(A, B, 50, esp(0x1000, 1, 80))), 'protected'],
  [ethernet(ip(A, B, 6, tcp(1024, 445, octets(20)))), 'leaked'],
  [ethernet(ip('2001:db8::1', '2001:db8::2', 51, ah(0x2000, 6, tcp(1024, 445)))), 'protected'],
  ...fragments(A, B, 17, udp(1024, 53, octets(100)), 5, 64).map(part => [ethernet(part), 'leaked'] as const),
  [ethernet(octets(28), { type: 0x0806 }), 'not-ip'],
  [ethernet(ip(A, B, 6, tcp(1024, 445)).slice(0, 12)), 'malformed'],
]
const mixedFrames = mixed.map(([bytes]) => ({ bytes }))
const mixedVerdicts = mixed.map(([, verdict]) => verdict)

test('a capture cut off at any byte is judged up to the cut', () => {
  for (const [capture, header] of [
    [pcap(mixedFrames), 24],
    [pcapng(mixedFrames), 28],
  ] as const) {
    let before = 0
    for (let length = 0; length <= capture.length; length++) {
      const { report, verdicts } = auditCapture(capture.slice(0, length), { policy: everything })
      assert.deepEqual(verdicts, mixedVerdicts.slice(0, verdicts.length), `cut to ${length}`)
      assert.equal(report.capture.packets, verdicts.length)
      assert.ok(verdicts.length === before || verdicts.length === before + 1)
      before = verdicts.length
      const isWhole = length === capture.length
      if (isWhole) assert.deepEqual(report.capture.problems, [])
      if (length < header) assert.notEqual(report.capture.problems.length, 0, `cut to ${length}`)
    }
    assert.equal(before, mixed.length)
  }
})

test('a frame cut off at any byte has a verdict, and is no better off than the whole one', () => {
  const worse: readonly Verdict[] = ['leaked', 'malformed']
  for (const [bytes, verdict] of mixed) {
    for (let length = 0; length < bytes.length; length++) {
      const [told] = auditFrames([{ bytes: bytes.slice(0, length), originalLength: bytes.length }], {
        policy: everything,
      }).verdicts
      assert.ok(told === verdict || worse.includes(told!), `${verdict} cut to ${length} is ${told}`)
    }
  }
})

test('a capture without packets is no problem, and says that it is empty', () => {
  for (const capture of [pcap([]), pcapng([])]) {
    const { report } = auditCapture(capture, { policy: everything })
    assert.deepEqual([report.capture.packets, report.capture.from, report.capture.to], [0, null, null])
    assert.deepEqual([report.findings, report.conversations, report.capture.problems], [[], [], []])
  }
})

test('what is no capture is told to be none, and nothing is judged', () => {
  for (const text of ['', 'a', 'x'.repeat(1000), '#!/bin/sh\necho this is a script\n']) {
    const { report } = auditCapture(Uint8Array.from(Buffer.from(text)))
    assert.equal(report.capture.format, 'unknown')
    assert.equal(report.capture.packets, 0)
    assert.equal(report.capture.problems.length, 1)
  }
})

test('a pcapng capture may have interfaces of several links', () => {
  const packet = ip(A, B, 6, tcp(1024, 445))
  const frames = [
    { bytes: ethernet(packet), interface: 0 },
    { bytes: cooked(packet), interface: 1 },
    { bytes: packet, interface: 2 },
  ]
  const { report, verdicts } = auditCapture(pcapng(frames, [ETHERNET, LINUX_SLL, RAW_IP]), { policy: everything })
  assert.deepEqual(verdicts, ['leaked', 'leaked', 'leaked'])
  assert.deepEqual([report.findings.length, report.findings[0]!.packets], [1, 3])
})

test('bytes are counted as they were on the wire, not as a snap length left them', () => {
  const whole = ethernet(ip(A, B, 6, tcp(1024, 445, octets(1000))))
  const { report } = auditFrames([{ bytes: whole.slice(0, 96), originalLength: whole.length }], { policy: everything })
  assert.equal(report.capture.bytes, whole.length)
  assert.equal(report.findings[0]!.bytes, whole.length)
})

test('a finding tells its first frame and when that was, whichever of its conversations had it', () => {
  const frames = [49152, 49153, 49154].map((port, index) => ({
    bytes: ethernet(ip(A, B, 6, tcp(port, 445))),
    time: 1_700_000_000 + index + 0.25,
  }))
  const { findings } = auditFrames(frames, { policy: everything }).report
  assert.equal(findings.length, 1)
  assert.deepEqual(findings[0]!.first, { frame: 1, time: '2023-11-14T22:13:20.250000Z' })
  assert.equal(findings[0]!.packets, 3)
})

test('a capture runs from its earliest packet to its latest, in whatever order they stand', () => {
  const frames = [5, 1, 9, 4].map(time => ({ bytes: mixed[2]![0], time: 1_700_000_000 + time }))
  const { capture } = auditFrames(frames).report
  assert.deepEqual([capture.from, capture.to], ['2023-11-14T22:13:21.000000Z', '2023-11-14T22:13:29.000000Z'])
})

test('the JSON of an audit has the keys of the contract', () => {
  const { report } = auditFrames(mixedFrames, { policy: everything })
  assert.deepEqual(Object.keys(report), [
    'capture',
    'capturePoint',
    'totals',
    'classes',
    'findings',
    'conversations',
    'conversationsLeftOut',
  ])
  assert.deepEqual(Object.keys(report.capture), ['file', 'packets', 'bytes', 'from', 'to', 'format', 'problems'])
  assert.deepEqual(Object.keys(report.totals), [
    ...['protected', 'keying', 'exempt', 'permitted', 'leaked', 'blocked'],
    ...['not-ip', 'malformed', 'no-policy'],
  ])
  assert.deepEqual(Object.keys(report.classes), [
    ...['ike', 'kerberos', 'rsvp', 'multicast', 'broadcast', 'esp', 'ah', 'unicast'],
    ...['not-ip', 'malformed'],
  ])
  for (const finding of report.findings) {
    for (const key of ['verdict', 'because', 'flow', 'packets', 'bytes', 'first']) assert.ok(key in finding, key)
  }
  const [tcpLeak] = report.findings.filter(({ flow }) => flow?.protocol === 6)
  assert.deepEqual(tcpLeak!.flow, {
    source: A,
    destination: B,
    protocol: 6,
    sourcePort: 1024,
    protocolName: 'tcp',
    destinationPort: 445,
  })
})

/** A scan: each packet is a conversation of its own. Handed to the auditor directly, so that no capture is in memory. */
function scan(auditor: Auditor, flows: number): void {
  const bytes = ethernet(ip('10.0.0.1', '11.0.0.1', 6, tcp(1024, 445)))
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < flows; index++) {
    view.setUint32(26, (0x0a000000 + (index % 65_000)) >>> 0)
    view.setUint32(30, (0x0b000000 + Math.imul(index, 7919)) >>> 0)
    view.setUint16(36, index & 0xffff)
    auditor.frame(bytes, 0, bytes.length, ETHERNET, bytes.length, 1000 + index / 1e5, 0, index + 1)
  }
  auditor.finish()
}

const noRead = { format: 'pcap', bytes: 0, frames: 0, problem: '', warnings: [] } as const

test('a scan of more conversations than the tables hold is counted to the last packet', () => {
  const flows = 150_000
  const written = policy([rule('10.0.0.0/17', 'any'), rule('any', '11.0.0.0/9', { action: 'block' })])
  const small = { mostConversations: 5000, mostEntries: 500 }
  const auditor = new Auditor({ policy: compiledFor(written), ...small })
  scan(auditor, flows)
  const told = reportOf('scan', auditor, noRead)
  const large = new Auditor({ policy: compiledFor(written) })
  scan(large, flows)
  assert.deepEqual(told.totals, reportOf('scan', large, noRead).totals)
  assert.deepEqual(told.classes, reportOf('scan', large, noRead).classes)
  assert.equal(
    Object.values(told.totals).reduce((sum, packets) => sum + packets, 0),
    flows,
  )
  assert.equal(told.conversations.length + told.conversationsLeftOut < 600, true)
  assert.ok(told.findings.some(({ flow, verdict }) => flow === null && verdict === 'leaked'))
  assert.equal(
    told.findings.reduce((sum, { packets }) => sum + packets, 0),
    told.totals.leaked + told.totals.blocked,
  )
})

test('copies beyond the bound of the sums keep their directions: a leak is not counted among them', () => {
  const receiver = Array.from({ length: 40 }, (_, index) => {
    const content = tcp(1024, 445, octets(index * 9))
    const sealed = ip(A, B, 50, esp(7, index, 8 + Math.ceil((content.length + 2) / 4) * 4 + 16), {
      identification: index + 1,
    })
    return [ethernet(sealed), ethernet(ip(A, B, 6, content, { identification: index + 1 }))]
  }).flat()
  const leaks = Array.from({ length: 30 }, (_, index) => ethernet(ip(`10.60.0.${index}`, B, 6, tcp(1024, 445))))
  const auditor = new Auditor({ policy: compiledFor(everything), mostConversations: 4096, mostEntries: 5 })
  const frames = [...leaks, ...receiver]
  frames.forEach((bytes, index) => {
    auditor.frame(bytes, 0, bytes.length, ETHERNET, bytes.length, 1000 + index / 1000, 0, index + 1)
  })
  auditor.finish()
  const { totals, capturePoint } = reportOf('memory', auditor, noRead)
  assert.equal(capturePoint.openedCopies, 40)
  assert.deepEqual([totals.protected, totals.leaked], [80, 30])
})
