// The two halves of the product check each other: what the demo's hosts put on the wire is judged by the auditor, and
// Wireshark opens it, IKE and ESP, with the keys that were written beside it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { demoCredential } from '../src/agent/demo/demo-certificates.ts'
import { DEMO_RULE, demoHosts, demoSettings, policyFileName } from '../src/agent/demo/demo-policies.ts'
import { playDemo } from '../src/agent/demo/play-demo.ts'
import type { DemoRun } from '../src/agent/demo/run-demo.ts'
import { type TraceLine, traceOf } from '../src/agent/demo/trace.ts'
import { loadCredentials } from '../src/agent/load-credentials.ts'
import { auditBytes } from '../src/audit/audit-bytes.ts'
import { readKeyText } from '../src/audit/key-file.ts'
import type { AuditReport } from '../src/audit/report.ts'
import { readPolicyText } from '../src/policy/policy-text.ts'
import { payloadType } from '../src/wire/ike/v2-payloads.ts'

const root = join(import.meta.dirname, '..')
const sealwire = join(root, 'sealwire')
const runs: { readonly run: DemoRun; readonly audit: AuditReport }[] = []
for await (const run of playDemo(1)) {
  runs.push({ run, audit: auditBytes('memory', run.capture, { policy: run.policy, capturePoint: 'wire' }) })
}

/** Unix seconds: when the demo was recorded. */
const runStart = Math.floor(runs[0]!.run.authority.certificate.notBefore + 86_400)

function runOf(name: string) {
  return runs.find(({ run }) => run.setting.name === name)!
}

function exempt(audit: AuditReport): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const finding of audit.findings) {
    if (finding.verdict === 'exempt') sums[finding.class] = (sums[finding.class] ?? 0) + finding.packets
  }
  return sums
}

function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-demo-'))
  context.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('the runs are the value absent, 0 and 1 on Windows 2000, 2 and 3 on Windows Server 2003', () => {
  assert.deepEqual(
    runs.map(({ run }) => [run.setting.name, run.policy.profile.name, run.policy.setting.value]),
    [
      ['absent', 'windows-2000-sp1', 0],
      ['no-default-exempt-0', 'windows-2000-sp1', 0],
      ['no-default-exempt-1', 'windows-2000-sp1', 1],
      ['no-default-exempt-2', 'windows-server-2003', 2],
      ['no-default-exempt-3', 'windows-server-2003', 3],
    ],
  )
})

for (const { run, audit } of runs) {
  const { name } = run.setting
  const sum = (what: 'sealed' | 'clear') => run.kinds.reduce((all, kind) => all + kind[what], 0)

  test(`${name}: the auditor finds in the capture what the hosts have in their books`, () => {
    const { totals } = audit
    assert.equal(audit.capture.packets, run.packets)
    assert.equal(totals.protected, sum('sealed'))
    assert.equal(totals.keying + totals.exempt + totals.permitted, sum('clear'))
    assert.deepEqual(
      [totals.leaked, totals.blocked, totals.malformed, totals['not-ip'], totals['no-policy']],
      [0, 0, 0, 0, 0],
    )
    assert.equal(totals.keying, run.kinds.find(({ kind }) => kind === 'IKE')!.clear)
    assert.equal(
      totals.exempt,
      run.kinds.reduce((all, kind) => all + (isExempt(kind) ? kind.clear : 0), 0),
    )
  })

  test(`${name}: with the keys written beside it every seal holds, and inside is what the hosts sealed`, () => {
    const { keys, problems } = readKeyText({ where: 'esp_sa', text: run.espTable })
    assert.deepEqual(problems, [])
    const { seals, totals } = auditBytes('memory', run.capture, { policy: run.policy, capturePoint: 'wire', keys })
    assert.ok(seals !== undefined)
    const { opened, pieces, notAuthentic, noKey, inside } = seals
    assert.deepEqual({ notAuthentic, noKey, malformed: totals.malformed }, { notAuthentic: 0, noKey: 0, malformed: 0 })
    assert.equal(opened + pieces, totals.protected)
    // Fragments are sealed whole and then cut: one seal, several sealed packets.
    const kerberos = run.kinds.find(({ kind }) => kind === 'Kerberos')!
    assert.equal(inside.kerberos > 0, kerberos.sealed > 0)
    assert.equal(inside.rsvp, run.kinds.find(({ kind }) => kind === 'RSVP')!.sealed)
  })

  test(`${name}: every packet of the applications arrives as it was sent, and no host drops one`, () => {
    assert.ok(run.applications.sent > 2000)
    assert.equal(run.applications.arrived, run.applications.sent)
    const [dc1, dc2] = run.hosts
    assert.deepEqual([dc1!.drops, dc2!.drops], [{}, {}])
    assert.deepEqual([dc1!.delivered.sealed, dc2!.delivered.sealed], [dc2!.sent.sealed, dc1!.sent.sealed])
  })

  test(`${name}: every kind of traffic stands on the wire, sealed as a whole or clear as a whole`, () => {
    const kinds = run.kinds.map(({ kind }) => kind)
    for (const kind of ['Kerberos', 'RSVP', 'LDAP', 'RPC', 'SMB', 'DNS', 'ping', 'broadcast', 'multicast', 'IKE'])
      assert.ok(kinds.includes(kind as (typeof kinds)[number]), kind)
    for (const { kind, sealed, clear } of run.kinds) assert.ok(sealed === 0 || clear === 0, kind)
  })
}

for (const { run } of runs) {
  test(`${run.setting.name}: the hosts agree by IKEv2 with certificates, renew keys of both kinds, and say farewell`, () => {
    const lines = traceOf(run)
    const of = (event: string) => lines.filter(line => line.kind === 'event' && line.event === event)
    const texts = of('session-established').map(line => (line.kind === 'event' ? line.text : ''))
    assert.equal(texts.length, 2)
    for (const text of texts)
      assert.match(text, /CN=dc\d\.corp\.test with CN=dc\d\.corp\.test, aes256gcm16-prfsha384-curve/)
    assert.ok(run.keysMade.esp > 1 && run.keysMade.ike > 1, JSON.stringify(run.keysMade))
    assert.equal(of('session-closed').length, 2)
    for (const event of ['session-failed', 'child-failed', 'ignored', 'warning']) assert.deepEqual(of(event), [])
    const clear = lines.filter(line => line.kind === 'message' && !line.isSealed)
    assert.deepEqual(
      clear.map(line => line.kind === 'message' && line.exchange),
      ['IKE_SA_INIT', 'IKE_SA_INIT'],
    )
  })
}

/** IKE is exempt too, but for the auditor it is keying. */
function isExempt({ kind, because }: DemoRun['kinds'][number]): boolean {
  return because === 'exempt' && kind !== 'IKE'
}

test('absent and 0: Kerberos and RSVP stand in clear because they are exempt, and so do groups', () => {
  for (const name of ['absent', 'no-default-exempt-0']) {
    assert.deepEqual(Object.keys(exempt(runOf(name).audit)).toSorted(), ['broadcast', 'kerberos', 'multicast', 'rsvp'])
  }
})

test('1: all that one of the two sends to the other is sealed, but for IKE', () => {
  const { audit } = runOf('no-default-exempt-1')
  assert.deepEqual(Object.keys(exempt(audit)).toSorted(), ['broadcast', 'multicast'])
  const { unicast, kerberos, rsvp, ike, ah } = audit.classes
  assert.deepEqual(
    { unicast, kerberos, rsvp, ike, ah },
    { unicast: 0, kerberos: 0, rsvp: 0, ike: audit.totals.keying, ah: 0 },
  )
})

test('2: Kerberos and RSVP are exempt again, groups are not; 3: nothing but IKE is', () => {
  assert.deepEqual(Object.keys(exempt(runOf('no-default-exempt-2').audit)).toSorted(), ['kerberos', 'rsvp'])
  assert.deepEqual(exempt(runOf('no-default-exempt-3').audit), {})
  for (const name of ['no-default-exempt-2', 'no-default-exempt-3']) {
    const { audit } = runOf(name)
    assert.equal(audit.totals.permitted, audit.classes.broadcast + audit.classes.multicast)
  }
})

test('the same seed gives the same captures, certificates and keys octet for octet, another seed others', async () => {
  for await (const again of playDemo(1)) {
    const { run } = runOf(again.setting.name)
    assert.deepEqual(again.capture, run.capture)
    assert.deepEqual([again.espTable, again.ikeTable], [run.espTable, run.ikeTable])
    assert.deepEqual(again.authority.certificate.der, run.authority.certificate.der)
  }
  const [other] = await Array.fromAsync(playDemo(2))
  assert.notEqual(other!.espTable, runs[0]!.run.espTable)
  assert.notDeepEqual(other!.capture, runs[0]!.run.capture)
  assert.notDeepEqual(other!.authority.certificate.der, runs[0]!.run.authority.certificate.der)
})

test('no two runs, no two directions and no two agreements share a key or an SPI', () => {
  const lines = runs.flatMap(({ run }) => run.espTable.trimEnd().split('\n'))
  assert.equal(
    lines.length,
    runs.reduce((sum, { run }) => sum + 2 * run.keysMade.esp, 0),
  )
  for (const column of [3, 5]) assert.equal(new Set(lines.map(line => line.split(',')[column])).size, lines.length)
  const sessions = runs.flatMap(({ run }) => run.ikeTable.trimEnd().split('\n'))
  assert.equal(
    sessions.length,
    runs.reduce((sum, { run }) => sum + run.keysMade.ike, 0),
  )
  const keys = sessions.flatMap(line => line.split(',').slice(2, 4))
  assert.equal(new Set(keys).size, 2 * sessions.length)
})

test('demo --out leaves captures, policies, certificates, keys and a page; what it writes it may write again', context => {
  const folder = join(folderFor(context), 'new')
  const demo = () => spawnSync(sealwire, ['demo', '--out', folder], { cwd: root, encoding: 'utf8' })
  const first = demo()
  assert.equal(first.status, 0, first.stderr)
  const names = demoSettings.flatMap(setting => [
    `${setting.name}.pcapng`,
    ...demoHosts.map(host => policyFileName(setting, host)),
  ])
  const secret = ['dc1.key', 'dc2.key', 'esp_sa', 'ikev2_decryption_table']
  const others = ['ca.pem', 'dc1.pem', 'dc2.pem', 'README.md', 'preferences']
  assert.deepEqual(readdirSync(folder).toSorted(), [...names, ...secret, ...others].toSorted())
  assert.equal(demo().status, 0)
  for (const name of secret) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
  // Every command that is advised works as it stands.
  const lines = first.stdout.split('\n').map(line => line.trim())
  const advised = lines.filter(line => line.startsWith('./sealwire '))
  assert.deepEqual(
    advised.map(line => line.split(' ')[1]),
    ['audit', 'prove', 'demo', 'compare'],
  )
  const statuses = advised.map(line => spawnSync('sh', ['-c', line], { cwd: root }).status)
  assert.deepEqual(statuses, [0, 1, 0, 0])
})

test('the written policies load with their certificates, as the run had them, and the two hosts of a run agree', async context => {
  const folder = join(folderFor(context), 'new')
  assert.equal(spawnSync(sealwire, ['demo', '--seed', '1', '--out', folder], { cwd: root }).status, 0)
  for (const { run } of runs) {
    // Another process with the same seed has made it.
    assert.deepEqual(new Uint8Array(readFileSync(join(folder, `${run.setting.name}.pcapng`))), run.capture)
    for (const [index, host] of demoHosts.entries()) {
      const name = policyFileName(run.setting, host)
      const read = readPolicyText(readFileSync(join(folder, name), 'utf8'), name)
      assert.ok(read.ok && read.value.warnings.length === 0, name)
      const loaded = loadCredentials(read.value.policy, { folder, name, at: runStart })
      assert.ok(loaded.ok && loaded.value.warnings.length === 0, JSON.stringify(loaded))
      const [found] = loaded.value.credentials.of(DEMO_RULE)
      const had = demoCredential(run.authority, index)
      assert.ok(found?.kind === 'certificate')
      assert.deepEqual(found.own?.chain, had.own?.chain)
      assert.deepEqual(found.own?.identity, had.own?.identity)
      assert.ok(had.own?.key.equals(found.own!.key))
    }
  }
  const pair = ['no-default-exempt-1.yaml', 'no-default-exempt-1.dc2.yaml'].map(name => join(folder, name))
  assert.equal(spawnSync(sealwire, ['policy', 'pair', ...pair], { cwd: root }).status, 0)
})

test('demo --out refuses a folder with files that no demo wrote, and changes nothing', context => {
  const folder = folderFor(context)
  writeFileSync(join(folder, 'README.md'), '# Mine\n')
  const demo = spawnSync(sealwire, ['demo', '--out', folder], { cwd: root, encoding: 'utf8' })
  assert.equal(demo.status, 2)
  assert.match(demo.stderr, /the folder holds files that no demo wrote/)
  assert.deepEqual(readdirSync(folder), ['README.md'])
})

test('demo --json prints one JSON value with the sums of every run', () => {
  const demo = spawnSync(sealwire, ['demo', '--json', '--seed', '1'], { cwd: root, encoding: 'utf8' })
  assert.equal(demo.stderr, '')
  const { seed, folder, files, runs: told } = JSON.parse(demo.stdout)
  assert.deepEqual([seed, folder, files], [1, null, []])
  assert.deepEqual(
    told.map((run: { name: string; audit: AuditReport }) => [run.name, run.audit.totals]),
    runs.map(({ run, audit }) => [run.setting.name, audit.totals]),
  )
})

test('demo --trace tells each IKE message once, with its arrow and what it holds; --json has the same as values', () => {
  const run = (...options: readonly string[]) =>
    spawnSync(sealwire, ['demo', '--seed', '1', ...options], { cwd: root, encoding: 'utf8' })
  const lines = traceOf(runOf('no-default-exempt-1').run)
  const messages = lines.filter(line => line.kind === 'message')
  const told = run('--trace').stdout.split('\n')
  const shown = told.filter(line => /^ +\d+\.\d{6} {2}dc1 (──►|◄──) dc2 {2}/.test(line))
  assert.equal(shown.length, messages.length)
  for (const [index, { exchange, messageId, payloads, isSealed, from }] of messages.entries()) {
    const line = shown[index]!
    for (const word of [exchange, ` ${messageId}  `, isSealed ? 'sealed' : 'clear', ...payloads])
      assert.ok(line.includes(word), `${word} in ${line}`)
    assert.equal(line.includes('──►'), from === 'dc1')
  }
  assert.equal(told.filter(line => line.includes('● ')).length, lines.length - messages.length)
  const { runs: values } = JSON.parse(run('--trace', '2', '--json').stdout)
  assert.deepEqual(
    values.map((value: { trace?: readonly TraceLine[] }) => value.trace?.length),
    [undefined, undefined, undefined, traceOf(runOf('no-default-exempt-2').run).length, undefined],
  )
  const wrong = run('--trace', '4')
  assert.deepEqual([wrong.status, wrong.stdout], [2, ''])
})

test('a seed that is no number is refused', () => {
  const demo = spawnSync(sealwire, ['demo', '--seed', 'x'], { cwd: root, encoding: 'utf8' })
  assert.deepEqual([demo.status, demo.stdout], [2, ''])
})

interface Wireshark {
  readonly folder: string
  /** Lines that are not empty. */
  readonly tshark: (name: string, options: readonly string[]) => readonly string[]
}

/** Runs tshark on the demo's captures with the written folder as its own; undefined where it is not installed. */
function wireshark(context: TestContext): Wireshark | undefined {
  if (spawnSync('tshark', ['--version']).error !== undefined) {
    context.skip('because tshark is not installed')
    return undefined
  }
  const folder = join(folderFor(context), 'new')
  assert.equal(spawnSync(sealwire, ['demo', '--seed', '1', '--out', folder], { cwd: root }).status, 0)
  const tshark = (name: string, options: readonly string[]): readonly string[] => {
    const env = { ...process.env, WIRESHARK_CONFIG_DIR: folder }
    const ran = spawnSync('tshark', ['-r', join(folder, `${name}.pcapng`), ...options], {
      encoding: 'utf8',
      env,
      maxBuffer: 1 << 28,
    })
    assert.equal(ran.status, 0, ran.stderr)
    return ran.stdout.split('\n').filter(line => line !== '')
  }
  return { folder, tshark }
}

test('Wireshark opens every ESP packet of every run with the one table, and every ICV is good', context => {
  const found = wireshark(context)
  if (found === undefined) return
  const { folder, tshark } = found
  for (const { run } of runs) {
    const { name } = run.setting
    const wanted = run.hosts.reduce((all, { sent }) => all + sent.sealed, 0)
    const fields = ['esp.icv_good', 'esp.icv_bad', 'esp.protocol', 'esp.decrypted_data'].flatMap(field => ['-e', field])
    const opened = tshark(name, ['-Y', 'esp', '-T', 'fields', ...fields])
    assert.equal(opened.length, wanted, name)
    for (const line of opened) assert.match(line, /^1\t0\t0x[0-9a-f]{2}\t[0-9a-f]+$/, name)
    assert.deepEqual(tshark(name, ['-Y', '_ws.malformed']), [], name)
    // Datagrams of Kerberos that went as fragments, inside and outside of ESP, are whole to Wireshark.
    assert.ok(tshark(name, ['-Y', 'kerberos']).length > 100, name)
  }
  // The page's way without any file.
  const page = readFileSync(join(folder, 'README.md'), 'utf8')
  const line = /^tshark -r no-default-exempt-1[\s\S]*?-Y kerberos$/m.exec(page)![0]
  const alone = spawnSync('sh', ['-c', `${line} && true`], { cwd: folder, encoding: 'utf8' })
  assert.equal(alone.status, 0, alone.stderr)
  assert.equal(alone.stdout.trimEnd().split('\n').length, tshark('no-default-exempt-1', ['-Y', 'kerberos']).length)
})

test('Wireshark opens every IKE message of every run, and shows the payloads that the hosts say they sent', context => {
  const found = wireshark(context)
  if (found === undefined) return
  const { tshark } = found
  // Proposals, transforms, and what only carries other payloads.
  const inner = new Set([2, 3, 46, 53])
  for (const { run } of runs) {
    const { name } = run.setting
    const seen = tshark(name, ['-Y', 'isakmp', '-T', 'fields', '-e', 'frame.number', '-e', 'isakmp.typepayload'])
    const theirs = seen.flatMap(line =>
      (line.split('\t')[1] ?? '')
        .split(',')
        .filter(word => word !== '')
        .map(Number),
    )
    const ours = run.trace.flatMap(({ event }) =>
      event.kind === 'message' && event.way === 'sent' ? event.payloads : [],
    )
    assert.deepEqual(
      theirs.filter(type => !inner.has(type)),
      ours.map(payloadType),
      name,
    )
    const checked = tshark(name, ['-Y', 'isakmp', '-O', 'isakmp']).filter(line =>
      line.includes('Integrity Checksum Data'),
    )
    for (const line of checked) assert.match(line, /\[correct\]/)
    const sealed = traceOf(run).filter(line => line.kind === 'message' && line.isSealed)
    assert.ok(checked.length >= sealed.length, `${checked.length} of ${sealed.length} were checked`)
  }
})

test('no capture of the demo says on what it was made', () => {
  for (const { run } of runs) {
    const options = run.capture.subarray(0, 28 + 32)
    // A section header without options, and one interface with its resolution only.
    assert.equal(
      Buffer.from(options)
        .toString('latin1')
        .match(/[a-z]{4,}/i),
      null,
    )
  }
})
