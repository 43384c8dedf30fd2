// The real ./sealwire as a person runs it: what it prints where, and with which exit status it ends.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { AuditReport } from '../src/audit/report.ts'
import { type Bytes, esp, ethernet, type Frame, ike, ip, octets, pcap, pcapng, tcp, udp } from './build-frames.ts'

const program = join(import.meta.dirname, '..', 'sealwire')
const folder = mkdtempSync(join(tmpdir(), 'sealwire-cli-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, content: Bytes | string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly error: string
}

interface Circumstances {
  readonly input?: Bytes
  readonly environment?: Readonly<Record<string, string>>
}

function sealwire(words: readonly string[], { input, environment = {} }: Circumstances = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env
    const child = spawn(program, words, { env: { ...inherited, ...environment } })
    let out = ''
    let error = ''
    child.stdout.setEncoding('utf8').on('data', piece => {
      out += piece
    })
    child.stderr.setEncoding('utf8').on('data', piece => {
      error += piece
    })
    child.on('error', reject)
    child.on('close', status => resolve({ status, out, error }))
    // Whoever does not read its input closes it: that is no fault of this test.
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? octets(0))
  })
}

const A = '10.54.0.1'
const B = '10.54.0.2'
const policy = file(
  'policy.yaml',
  `name: Domain controllers
profile: windows-2000-sp1
rules:
  - name: Everything between the two
    filters: [{ source: ${A}, destination: ${B}, mirrored: true }]
    action: negotiate
    mode: transport
    security: [esp-aes256gcm16]
    keying: [ikev2]
    authentication: [{ preSharedKey: 'only for a test, 32 characters long' }]
`,
)

const sealed = { bytes: ethernet(ip(A, B, 50, esp(0x1000, 1, 80))) }
const keying = { bytes: ethernet(ip(A, B, 17, udp(500, 500, ike(60)))) }
const ticket = { bytes: ethernet(ip(A, B, 6, tcp(1024, 88, octets(60)))) }
const leak = { bytes: ethernet(ip(B, A, 6, tcp(445, 1024, octets(60)))) }
const foreign = { bytes: ethernet(ip(A, '10.9.9.9', 17, udp(1024, 53, octets(20)))) }

const fine = file('fine.pcap', pcap([keying, sealed, ticket, foreign]))
const leaking = file('leaking.pcapng', pcapng([keying, sealed, leak, ticket]))

function audit(...words: readonly string[]): Promise<Ended> {
  return sealwire(['audit', '--policy', policy, ...words])
}

function leakedOf(report: AuditReport): number {
  return report.totals.leaked
}

test('audit ends with 0 where nothing leaked and with 1 where something did, and says so last', async () => {
  const [good, bad] = await Promise.all([audit(fine), audit(leaking)])
  assert.deepEqual([good.status, good.error], [0, ''])
  assert.match(good.out, /Nothing leaked\./)
  assert.deepEqual([bad.status, bad.error], [1, ''])
  assert.match(bad.out, /1 packet leaked/)
  assert.match(bad.out, /rule “Everything between the two” secures it/)
})

test('audit without a policy judges nothing clear, and says how to', async () => {
  const { status, out } = await sealwire(['audit', leaking])
  assert.equal(status, 0)
  assert.match(out, /add --policy FILE/)
  assert.match(out, /no-policy/)
})

test('audit --json prints one value of the contract, and nothing else on standard output', async () => {
  const { status, out, error } = await audit('--json', leaking)
  assert.deepEqual([status, error], [1, ''])
  const report = JSON.parse(out) as AuditReport
  assert.equal(report.capture.file, leaking)
  assert.equal(report.capture.packets, 4)
  assert.equal(leakedOf(report), 1)
  const [first] = report.findings
  assert.deepEqual(first!.flow, {
    source: B,
    destination: A,
    protocol: 6,
    protocolName: 'tcp',
    sourcePort: 445,
    destinationPort: 1024,
  })
})

test('audit --html writes a page beside what is printed, JSON too, and refuses a file that it reads or cannot write', async () => {
  const page = join(folder, 'audit.html')
  const { status, out } = await audit('--json', '--html', page, leaking)
  assert.equal(status, 1)
  const text = readFileSync(page, 'utf8')
  const { totals } = JSON.parse(out) as AuditReport
  assert.match(text, new RegExp(`<strong>${totals.leaked} packets? leaked`))
  const command = `sealwire audit --policy ${policy} --html ${page} --json ${leaking}`
  assert.ok(text.includes(command), command)
  const before = readFileSync(leaking)
  for (const [words, said] of [
    [['--html', leaking], /--html: .*is read by this audit/],
    [['--html', policy], /--html: .*is read by this audit/],
    [['--html', join(folder, 'nowhere', 'a.html')], /--html: .*cannot be written/],
    [['--html', folder], /--html: .*no plain file/],
    [['--html', '-'], /--html: the page goes to a file/],
    [['--html', page, '--packets'], /--html: stands beside --packets/],
  ] as const) {
    const refused = await audit(...words, leaking)
    assert.deepEqual([refused.status, refused.out], [2, ''])
    assert.match(refused.error, said)
  }
  assert.deepEqual(readFileSync(leaking), before)
})

test('the version that sealwire says is that of its package', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'))
  assert.equal((await sealwire(['--version'])).out, `${version}\n`)
})

test('audit --packets prints one line of JSON for each packet, in order', async () => {
  const { status, out } = await audit('--packets', leaking)
  assert.equal(status, 1)
  const lines = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.deepEqual(
    lines.map(line => [line.frame, line.class, line.verdict]),
    [
      [1, 'ike', 'keying'],
      [2, 'esp', 'protected'],
      [3, 'unicast', 'leaked'],
      [4, 'kerberos', 'exempt'],
    ],
  )
  const { because, ...contract } = lines[2]
  assert.deepEqual(contract, {
    ...{ frame: 3, class: 'unicast', verdict: 'leaked', source: B, destination: A, protocol: 6 },
    ...{ sourcePort: 445, destinationPort: 1024 },
  })
  assert.match(because, /yet it stands in clear$/)
  assert.deepEqual([lines[1].sourcePort, lines[1].destinationPort], [null, null])
})

test('several captures are one list of reports, in the order in which they were named', async () => {
  const { status, out } = await audit('--json', leaking, fine, leaking)
  assert.equal(status, 1)
  const reports = JSON.parse(out) as AuditReport[]
  assert.deepEqual(
    reports.map(report => report.capture.file),
    [leaking, fine, leaking],
  )
  assert.deepEqual(reports.map(leakedOf), [1, 0, 1])
})

test('the lines of several captures say which one they are of', async () => {
  const { out } = await audit('--packets', fine, leaking)
  const lines = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.deepEqual(
    lines.map(line => line.file),
    [...Array(4).fill(fine), ...Array(4).fill(leaking)],
  )
  assert.equal(lines[4].frame, 1)
})

test('a capture may come through standard input, packed or not', async () => {
  const capture = pcap([keying, leak])
  for (const input of [capture, gzipSync(capture), zstdCompressSync(capture)]) {
    const { status, out } = await sealwire(['audit', '--json', '--policy', policy, '-'], { input })
    assert.equal(status, 1)
    assert.equal(leakedOf(JSON.parse(out)), 1)
  }
  const { out } = await sealwire(['audit', '--packets', '--policy', policy, '-'], { input: capture })
  assert.equal(out.trimEnd().split('\n').length, 2)
})

test('a packed capture is read like the plain one, and one that is cut off is judged up to the cut', async () => {
  const packed = file('packed.pcap.gz', gzipSync(pcap([leak, leak, leak])))
  const whole = await audit('--json', packed)
  assert.deepEqual([whole.status, leakedOf(JSON.parse(whole.out))], [1, 3])
  const cut = file('cut.pcap', pcap([leak, leak, leak]).slice(0, -5))
  const { status, out, error } = await audit('--json', cut)
  assert.deepEqual([status, leakedOf(JSON.parse(out))], [1, 2])
  assert.match(error, /^warning: .*cut\.pcap: cut off in the middle of a record/)
})

test('an empty capture is fine, and says that it is empty', async () => {
  const { status, out } = await audit(file('empty.pcap', pcap([])))
  assert.equal(status, 0)
  assert.match(out, /empty/)
})

test('wrong input ends with 2: the fault is said on standard error, and nothing on standard output', async () => {
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [['audit', join(folder, 'nowhere.pcap')], /nowhere\.pcap: there is no such file/],
    [['audit', folder], /is a folder, not a capture file/],
    [['audit', '--json', file('text.pcap', 'this is a text, and no capture at all')], /not a capture file/],
    [['audit', file('nothing.pcap', '')], /the file is empty/],
    [['audit', '--packets', join(folder, 'nowhere.pcap')], /there is no such file/],
    [['audit', '--policy', join(folder, 'nowhere.yaml'), fine], /nowhere\.yaml/],
    [['audit', '--policy', file('bad.yaml', 'name: x\nrulez: []\n'), fine], /rulez/],
    [['audit', '--policy', policy, '--me', 'dc1', fine], /“dc1” is no IP address/],
    [['audit', '--capture-point', 'moon', fine], /“moon” is no capture point.*auto, wire, receiver/],
    [['audit', '--keys', join(folder, 'no-keys'), fine], /no-keys: there is no such file/],
    [['audit', '--keys', folder, fine], /there is no such file \(give Wireshark's table esp_sa/],
    [['audit', '--keys', file('words', 'no keys'), fine], /words: no keys in a form that is known/],
    [['audit', '--keys', file('bad-sa', '"IPv4","x"'), fine], /bad-sa:1: no line of esp_sa/],
    [['audit', '-', '-'], /standard input can be read once only/],
    [['audit'], /capture/],
    [['audit', '--polcy', policy, fine], /--policy/],
    [['audti', fine], /audit/],
  ]
  await Promise.all(
    table.map(async ([words, fault]) => {
      const { status, out, error } = await sealwire(words)
      assert.equal(status, 2, words.join(' '))
      assert.equal(out, '', words.join(' '))
      assert.match(error, fault, words.join(' '))
      assert.doesNotMatch(error, /\n\s+at /, 'no traces of ours')
    }),
  )
})

test('every wrong option is said at once', async () => {
  const { status, error } = await sealwire(['audit', '--capture-point', 'moon', '--me', 'x,y', fine])
  assert.equal(status, 2)
  assert.equal(error.trimEnd().split('\n').length, 3)
})

test('one capture that cannot be opened does not hide the others', async () => {
  const { status, out, error } = await audit('--json', join(folder, 'nowhere.pcap'), leaking)
  assert.equal(status, 2)
  assert.match(error, /nowhere\.pcap: there is no such file/)
  assert.deepEqual((JSON.parse(out) as AuditReport[]).map(leakedOf), [1])
})

const escapeSequence = '\u001b['

test('colour is for terminals: none in a pipe, some where it is forced, none where NO_COLOR stands', async () => {
  const [piped, forced, never] = await Promise.all([
    audit(leaking),
    sealwire(['audit', '--policy', policy, leaking], { environment: { FORCE_COLOR: '1' } }),
    sealwire(['audit', '--policy', policy, leaking], { environment: { FORCE_COLOR: '1', NO_COLOR: '1' } }),
  ])
  assert.equal(piped.out.includes(escapeSequence), false)
  assert.equal(forced.out.includes(escapeSequence), true)
  assert.equal(never.out, piped.out)
})

test('--me says whose policy it is: what arrives may be accepted in clear, what leaves may not', async () => {
  const accepting = file(
    'accepting.yaml',
    `name: Accepting
profile: strict
rules:
  - name: All
    filters: [{ source: me, destination: any, mirrored: true }]
    action: negotiate
    mode: transport
    security: [esp-aes256gcm16]
    keying: [ikev2]
    acceptUnsecuredInbound: true
    authentication: [{ preSharedKey: 'only for a test, 32 characters long' }]
`,
  )
  const run = async (me: string) => {
    const { out } = await sealwire(['audit', '--json', '--policy', accepting, '--me', me, leaking])
    return leakedOf(JSON.parse(out))
  }
  // The capture has a ticket from A to B and a leak from B to A.
  assert.deepEqual(await Promise.all([run(A), run(B)]), [1, 1])
})

test('--capture-point overrides what the packets tell', async () => {
  const frames: Frame[] = Array.from({ length: 10 }, (_, index) => {
    const content = tcp(1024, 445, octets(index * 40))
    const seal = esp(9, index, 8 + Math.ceil((content.length + 2) / 4) * 4 + 16)
    const identification = index + 1
    return [
      { bytes: ethernet(ip(A, B, 50, seal, { identification })) },
      { bytes: ethernet(ip(A, B, 6, content, { identification })) },
    ]
  }).flat()
  const capture = file('receiver.pcap', pcap(frames))
  const run = async (...words: readonly string[]) => {
    const [sums, lines] = await Promise.all([audit('--json', ...words, capture), audit('--packets', ...words, capture)])
    const leaked = leakedOf(JSON.parse(sums.out))
    assert.equal(lines.out.split('"verdict":"leaked"').length - 1, leaked)
    assert.deepEqual([sums.status, lines.status], leaked > 0 ? [1, 1] : [0, 0])
    return leaked
  }
  assert.equal(await run(), 0)
  assert.equal(await run('--capture-point', 'receiver'), 0)
  assert.equal(await run('--capture-point', 'wire'), 10)
})

test('the text for people counts every packet, however many conversations there are', async () => {
  const many = Array.from({ length: 1500 }, (_, index) => ({
    bytes: ethernet(ip(A, `10.60.${index >> 8}.${index & 255}`, 6, tcp(1024, 88))),
  }))
  const capture = file('many.pcap', pcap([...many, ticket]))
  const { out } = await audit(capture)
  assert.match(out, /exempt {2}1,501 .*kerberos 1,501/)
  assert.match(out, /At NoDefaultExempt 1 the policy would secure 1 of them \(kerberos 1\)/)
})

test('what an exempt packet would be without its exemption is said of those only of which it is true', async () => {
  const elsewhere = { bytes: ethernet(ip(A, '10.9.9.9', 6, tcp(1024, 88))) }
  const { out } = await audit(file('two.pcap', pcap([ticket, elsewhere])))
  const secured = out.indexOf('would secure it')
  const clear = out.indexOf('it would pass in clear as well')
  assert.ok(secured >= 0 && clear >= 0)
  assert.equal(out.indexOf('10.9.9.9') > clear, secured < clear)
})

test('a reader that has seen enough ends the command without a word', async () => {
  const many = file('lines.pcap', pcap(Array.from({ length: 20_000 }, () => leak)))
  const child = spawn('sh', ['-c', '"$1" audit --packets --policy "$2" "$3" | head -1', 'sh', program, policy, many])
  let error = ''
  child.stderr.setEncoding('utf8').on('data', piece => {
    error += piece
  })
  await new Promise(resolve => child.on('close', resolve))
  assert.equal(error, '')
})
