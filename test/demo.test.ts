// The two halves of the product check each other: what the demo's hosts put on the wire is judged by the auditor, and
// Wireshark opens it with the keys that were written beside it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { demoSettings } from '../src/agent/demo/demo-policies.ts'
import { playDemo } from '../src/agent/demo/play-demo.ts'
import type { DemoRun } from '../src/agent/demo/run-demo.ts'
import { auditBytes } from '../src/audit/audit-bytes.ts'
import type { AuditReport } from '../src/audit/report.ts'

const root = join(import.meta.dirname, '..')
const sealwire = join(root, 'sealwire')
const runs: { readonly run: DemoRun; readonly audit: AuditReport }[] = []
for await (const run of playDemo(1)) {
  runs.push({ run, audit: auditBytes('memory', run.capture, { policy: run.policy, capturePoint: 'wire' }) })
}

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
    assert.equal(totals.keying, 1)
    assert.equal(
      totals.exempt,
      run.kinds.reduce((all, kind) => all + (isExempt(kind) ? kind.clear : 0), 0),
    )
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
  assert.deepEqual({ unicast, kerberos, rsvp, ike, ah }, { unicast: 0, kerberos: 0, rsvp: 0, ike: 1, ah: 0 })
})

test('2: Kerberos and RSVP are exempt again, groups are not; 3: nothing but IKE is', () => {
  assert.deepEqual(Object.keys(exempt(runOf('no-default-exempt-2').audit)).toSorted(), ['kerberos', 'rsvp'])
  assert.deepEqual(exempt(runOf('no-default-exempt-3').audit), {})
  for (const name of ['no-default-exempt-2', 'no-default-exempt-3']) {
    const { audit } = runOf(name)
    assert.equal(audit.totals.permitted, audit.classes.broadcast + audit.classes.multicast)
  }
})

test('the same seed gives the same captures, another seed other keys', async () => {
  for await (const again of playDemo(1)) {
    const { run } = runOf(again.setting.name)
    assert.deepEqual([again.capture, again.espTable], [run.capture, run.espTable])
  }
  const [other] = await Array.fromAsync(playDemo(2))
  assert.notEqual(other!.espTable, runs[0]!.run.espTable)
  assert.notDeepEqual(other!.capture, runs[0]!.run.capture)
})

test('no two runs and no two directions share a key or an SPI', () => {
  const lines = runs.flatMap(({ run }) => run.espTable.trimEnd().split('\n'))
  assert.equal(lines.length, 2 * demoSettings.length)
  for (const column of [3, 5]) assert.equal(new Set(lines.map(line => line.split(',')[column])).size, lines.length)
})

test('demo --out leaves captures, policies, keys and a page; what it writes it may write again', context => {
  const folder = join(folderFor(context), 'new')
  const demo = () => spawnSync(sealwire, ['demo', '--out', folder], { cwd: root, encoding: 'utf8' })
  const first = demo()
  assert.equal(first.status, 0, first.stderr)
  const names = demoSettings.flatMap(({ name }) => [`${name}.pcapng`, `${name}.yaml`])
  assert.deepEqual(readdirSync(folder).toSorted(), [...names, 'README.md', 'esp_sa', 'preferences'].toSorted())
  assert.equal(demo().status, 0)
  // Every command that is advised works as it stands.
  const lines = first.stdout.split('\n').map(line => line.trim())
  const advised = lines.filter(line => line.startsWith('./sealwire '))
  assert.deepEqual(
    advised.map(line => line.split(' ')[1]),
    ['audit', 'prove', 'compare'],
  )
  const statuses = advised.map(line => spawnSync('sh', ['-c', line], { cwd: root }).status)
  assert.deepEqual(statuses, [0, 1, 0])
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

test('a seed that is no number is refused', () => {
  const demo = spawnSync(sealwire, ['demo', '--seed', 'x'], { cwd: root, encoding: 'utf8' })
  assert.deepEqual([demo.status, demo.stdout], [2, ''])
})

test('Wireshark opens every ESP packet of every run with the one table, and every ICV is good', context => {
  if (spawnSync('tshark', ['--version']).error !== undefined) return context.skip('because tshark is not installed')
  const folder = join(folderFor(context), 'new')
  assert.equal(spawnSync(sealwire, ['demo', '--out', folder], { cwd: root }).status, 0)
  const tshark = (name: string, options: readonly string[]) => {
    const env = { ...process.env, WIRESHARK_CONFIG_DIR: folder }
    const ran = spawnSync('tshark', ['-r', join(folder, `${name}.pcapng`), ...options], {
      encoding: 'utf8',
      env,
      maxBuffer: 1 << 28,
    })
    assert.equal(ran.status, 0, ran.stderr)
    return ran.stdout.split('\n').filter(line => line !== '')
  }
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
