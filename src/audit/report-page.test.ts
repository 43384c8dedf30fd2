// The page of an audit: well-formed, nothing loaded from anywhere, every total on it, and whatever a capture or its name
// holds stays text.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { rule } from '../../test/audit-frames.ts'
import { esp, ethernet, type Frame, ip, pcap, tcp } from '../../test/build-frames.ts'
import { compile } from '../policy/compile.ts'
import { readPolicyText } from '../policy/policy-text.ts'
import { policy as policyOf } from '../policy/test-policies.ts'
import { auditFile } from './audit-file.ts'
import { auditFiles } from './audit-files.ts'
import { html } from './page-markup.ts'
import type { AuditReport } from './report.ts'
import { type PageEvidence, reportPage } from './report-page.ts'
import { verdicts } from './verdict.ts'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'sealwire-page-'))
after(() => rmSync(folder, { recursive: true }))

const shipped = join(root, 'examples/captures/two-domain-controllers.pcapng')
const read = readPolicyText(readFileSync(join(root, 'examples/policies/domain-controllers.yaml'), 'utf8'), 'policy')
assert.ok(read.ok)
const { policy } = read.value
const compiled = compile(policy)
const evidence: PageEvidence = {
  version: '0.1.0',
  command: 'sealwire audit --html audit.html capture.pcapng',
  made: '2026-11-23T12:00:00.000Z',
  files: [{ role: 'policy', file: 'policy.yaml', sha256: 'ab'.repeat(32), bytes: 12 }],
  failed: [],
}

function forPage(file: string, page = true): Promise<AuditReport> {
  return auditFile(file, { policy: compiled, capturePoint: 'auto', seed: 1, forPage: page })
}

/** Throws where a tag is not closed in its order, an attribute has no quotes, or a bare `<` or `&` stands in a text. */
function wellFormed(page: string): void {
  const open: string[] = []
  const body = page.replace(/^<!DOCTYPE html>\n/, '').replace(/<style>[\s\S]*?<\/style>/, '<style></style>')
  const token = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|&(?:amp|lt|gt|quot|#39);|[^<&]+/y
  for (let at = 0; at < body.length; at = token.lastIndex) {
    token.lastIndex = at
    const found = token.exec(body)
    assert.ok(found !== null, `not well-formed: ${body.slice(at, at + 80)}`)
    const [, closing, name, , empty] = found
    if (name === undefined || empty === '/') continue
    if (closing === '/') assert.equal(open.pop(), name)
    else open.push(name)
  }
  assert.deepEqual(open, [])
}

test('the page of the shipped capture is well-formed and has every total and every conversation of its findings', async () => {
  const report = await forPage(shipped)
  const page = reportPage([report], compiled, evidence)
  wellFormed(page)
  for (const verdict of verdicts.filter(one => report.totals[one] > 0)) {
    const packets = report.totals[verdict].toLocaleString('en-US')
    assert.match(page, new RegExp(`${verdict}</span></th><td class="number">${packets}</td>`))
  }
  for (const { because, first } of report.findings) {
    assert.ok(page.includes(html`${because.slice(1)}`.text), because)
    assert.ok(page.includes(`<td class="number">${first.frame.toLocaleString('en-US')}</td>`))
  }
  assert.ok(page.includes(createHash('sha256').update(readFileSync(shipped)).digest('hex')))
  assert.ok(page.includes('ab'.repeat(32)))
})

test('the page asks nothing of any network, runs nothing, and its one style is the one that its policy allows', async () => {
  const page = reportPage([await forPage(shipped)], compiled, evidence)
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)![1]!
  const digest = createHash('sha256').update(style).digest('base64')
  const allowed = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
  assert.ok(page.includes(`content="${html`${allowed}`.text}"`))
  assert.equal(page.match(/<style/g)!.length, 1)
  // The name of a vocabulary is no address that anybody asks.
  assert.doesNotMatch(page.replace('xmlns="http://www.w3.org/1999/xhtml"', ''), /https?:|\/\/[a-z]|@import|@font-face/i)
  assert.doesNotMatch(page, /<script|<iframe|<object|<img|<link|\sstyle=|\son[a-z]+=|javascript:/i)
  for (const [, target] of page.matchAll(/(?:href="|url\()([^")]*)/g)) assert.match(target!, /^#[\w-]+$/)
})

test('names from outside stay text: of files, of rules, of what a capture complains about', async () => {
  const hostile = `<img src=x onerror="alert('1')">&amp;\u202egnp.\n`
  const name = join(folder, `<b>a&b"'.pcap`)
  const frame: Frame = { bytes: ethernet(ip('10.0.0.1', '10.0.0.2', 6, tcp(1000, 80))) }
  writeFileSync(name, pcap([frame, frame]).slice(0, -3))
  const named = compile(policyOf([rule('any', 'any', { name: hostile })], { name: hostile }))
  const report = await auditFile(name, { policy: named, capturePoint: 'auto', seed: 1, forPage: true })
  const page = reportPage([report], named, {
    ...evidence,
    command: hostile,
    files: [{ ...evidence.files[0]!, file: hostile, role: hostile }],
    failed: [{ file: hostile, message: hostile }],
  })
  wellFormed(page)
  assert.doesNotMatch(page, /<img|<b>a|\u202e/)
  assert.ok(page.includes('&lt;b&gt;a&amp;b&quot;&#39;.pcap'))
  assert.ok(page.includes('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;\\u{202e}gnp.\\u{a}'))
})

test('several captures in worker threads carry the same sums over time, hosts and digests as one alone', async () => {
  const settings = { policy, me: 'any', capturePoint: 'auto', seed: 1, forPage: true } as const
  const alone = await forPage(shipped)
  for (const outcome of await auditFiles([shipped, shipped], settings)) {
    assert.ok(outcome.ok)
    assert.deepEqual(outcome.report, alone)
  }
  const page = reportPage([alone, alone], compiled, evidence)
  wellFormed(page)
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  assert.equal(new Set(ids).size, ids.length)
})

test('sums over time and between hosts add up to the totals', async () => {
  const { timeline, hosts, totals, capture } = await forPage(shipped)
  for (const verdict of verdicts) {
    const sums = timeline!.packets[verdict] ?? []
    assert.equal(
      sums.reduce((sum, packets) => sum + packets, 0),
      totals[verdict],
      verdict,
    )
  }
  const told = hosts!.pairs.flatMap(({ packets }) => Object.values(packets)).reduce((sum, packets) => sum + packets, 0)
  assert.equal(told + hosts!.packetsLeftOut, capture.packets)
})

test('without a page the report has nothing for one', async () => {
  const report = await forPage(shipped, false)
  for (const key of ['timeline', 'hosts', 'fingerprint']) assert.ok(!(key in report), key)
})

test('the digest is of the file as it lies on the disk, packed or not, and says where reading stopped', async () => {
  const frames = Array.from({ length: 40 }, () => ({ bytes: ethernet(ip('10.0.0.1', '10.0.0.2', 50, esp(1, 1, 80))) }))
  const whole = pcap(frames)
  const damaged = whole.slice()
  damaged.set([255, 255, 255, 127, 255, 255, 255, 127], 24 + 8)
  for (const [name, bytes] of [
    ['plain.pcap', whole],
    ['packed.pcap.gz', gzipSync(whole)],
    ['damaged.pcap', damaged],
    ['cut.pcap', whole.slice(0, -5)],
  ] as const) {
    const file = join(folder, name)
    writeFileSync(file, bytes)
    const { fingerprint } = await forPage(file)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    assert.deepEqual(fingerprint, { sha256, bytes: bytes.length, isWhole: true }, name)
  }
})

test('a capture without packets, and a scan of thousands of hosts, make a page as well', async () => {
  const empty = join(folder, 'empty.pcap')
  writeFileSync(empty, pcap([]))
  const scan = join(folder, 'scan.pcap')
  const frames = Array.from({ length: 5000 }, (_, index): Frame => {
    return { bytes: ethernet(ip('10.54.0.1', `10.7.${index >> 8}.${index & 255}`, 6, tcp(1000, 80))) }
  })
  writeFileSync(scan, pcap(frames))
  const everything = compile(policyOf([rule('any', 'any')]))
  const reports = await Promise.all(
    [empty, scan].map(file => auditFile(file, { policy: everything, capturePoint: 'auto', seed: 1, forPage: true })),
  )
  const page = reportPage(reports, everything, evidence)
  wellFormed(page)
  assert.ok(page.length < 400_000, `${page.length} characters`)
  assert.match(page, /4,900 more conversations/)
})

test('lists stand one behind the other, what is not there leaves nothing', () => {
  assert.equal(html`${['<', undefined, 3]}`.text, '&lt;3')
})
