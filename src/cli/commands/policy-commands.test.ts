// `policy check`, `show` and `lint` as a person and as a script meet them: words, JSON and exit status.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandSpec } from '../command.ts'
import { type Ran, runCommand } from '../test-run.ts'
import { policyCheck } from './policy-check.ts'
import { policyLint } from './policy-lint.ts'
import { policyShow } from './policy-show.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-policy-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function file(content: string | Uint8Array): string {
  const path = join(folder, `policy-${++files}.yaml`)
  writeFileSync(path, content)
  return path
}

function run(command: CommandSpec, words: readonly string[], json = false): Promise<Ran> {
  return runCommand(command, words, json ? { json: true } : {})
}

async function jsonOf(
  command: CommandSpec,
  words: readonly string[],
): Promise<{ status: number; value: Record<string, unknown> }> {
  const { status, out } = await run(command, words, true)
  return { status, value: JSON.parse(out) }
}

const FILTERS = 'filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }]'
const good = file(
  `name: Good\nprofile: windows-xp\nnoDefaultExempt: 3\nrules: [{ name: r, ${FILTERS}, action: negotiate, authentication: [{ certificate: { ca: ca.pem } }] }]`,
)
const warned = file(`profile: windows-xp\nnoDefaultExempt: 0\nrules: [{ ${FILTERS}, action: negotiate }]`)
const bad = file('profil: strict\nrules: 5')

test('check of a good policy says fine and ends with 0', async () => {
  assert.deepEqual(await run(policyCheck, [good]), { status: 0, out: `${good}: fine\n`, said: '' })
  assert.deepEqual(await jsonOf(policyCheck, [good]), { status: 0, value: { ok: true, problems: [] } })
})

test('check tells of a ticket that the policy keeps from being fetched, and of both ways out', async () => {
  const stuck = (value: number) =>
    file(
      `profile: windows-2000-sp1\nnoDefaultExempt: ${value}\nrules: [{ name: r, ${FILTERS}, action: negotiate, authentication: [{ kerberos: { kdc: [10.0.0.2] } }] }]`,
    )
  const { status, said } = await run(policyCheck, [stuck(1)])
  assert.equal(status, 0)
  assert.match(said, /rule “r”: The ticket has to be fetched from 10\.0\.0\.2 on port 88 first/)
  assert.match(
    said,
    /permit tcp and udp between me and 10\.0\.0\.2:88 in a rule of its own, or authenticate with certificates/,
  )
  assert.doesNotMatch((await run(policyCheck, [stuck(0)])).said, /ticket/)
})

test('check tells warnings and still ends with 0', async () => {
  const { status, out, said } = await run(policyCheck, [warned])
  assert.equal(status, 0)
  assert.equal(out, `${warned}: fine, 1 warning\n`)
  assert.match(said, /^warning: .*:3:9 rules\[0\]: the rule does not say how/)
})

test('check of several files tells every problem of each, and ends with 2 where one has an error', async () => {
  const { status, value } = await jsonOf(policyCheck, [good, bad, warned])
  const problems = value['problems'] as { severity: string; where: string; what: string; hint: string }[]
  assert.equal(status, 2)
  assert.equal(value['ok'], false)
  assert.deepEqual(
    problems.map(({ severity, where }) => `${severity} ${where.replace(`${folder}/`, '')}`),
    ['error policy-3.yaml:1:1 profil', 'error policy-3.yaml:2:8 rules', 'warning policy-2.yaml:3:9 rules[0]'],
  )
})

const settings: readonly (readonly [lines: string, status: number])[] = [
  ['profile: windows-2000-sp1\nnoDefaultExempt: 1', 0],
  ['profile: windows-2000-sp1\nnoDefaultExempt: 2', 2],
  ['profile: windows-xp\nnoDefaultExempt: 4', 2],
  ['profile: windows-xp\nnoDefaultExempt: "1"', 2],
  ['profile: windows-xp\nnoDefaultExempt:', 2],
  ['profile: windows-vista\nipsecExempt: 16', 2],
  ['profile: windows-vista\nnoDefaultExempt: 1', 0],
  ['profile: windows-2000\nnoDefaultExempt: 1', 0],
  ['noDefaultExempt: one', 2],
]

for (const [lines, status] of settings) {
  test(`check of ${lines.replace('\n', ', ')} ends with ${status}, and the other commands go on with the default`, async () => {
    const path = file(`${lines}\nrules: []`)
    const checked = await run(policyCheck, [path])
    assert.equal(checked.status, status)
    if (status === 2) assert.match(checked.said, /^error: .*:\d+:\d+ (noDefaultExempt|ipsecExempt): /m)
    const shown = await run(policyShow, [path])
    assert.equal(shown.status, 0)
    if (status === 2) assert.match(shown.said, /^warning: /)
  })
}

test('a file that cannot be read is named, with what to do, by every command', async () => {
  mkdirSync(join(folder, 'folder'))
  const odd: readonly (readonly [path: string, told: RegExp])[] = [
    [join(folder, 'nowhere.yaml'), /there is no such file \(check the name/],
    [join(folder, 'folder'), /this is a folder \(name a policy file in it\)/],
    [join(good, 'below'), /a part of the name is no folder/],
    [file(new Uint8Array([0x61, 0xff, 0xfe])), /the file is no text in UTF-8 \(save it as UTF-8\)/],
    [file(''), /the file is empty/],
    ['/dev/zero', /this is a device/],
  ]
  for (const [path, told] of odd) {
    for (const command of [policyCheck, policyShow, policyLint]) {
      const { status, said, out } = await run(command, [path])
      assert.equal(status, 2)
      assert.ok(said.startsWith(`error: ${path}: `), said)
      assert.match(said, told)
      if (command !== policyCheck) assert.equal(out, '')
    }
  }
})

test('a file that Windows saved as UTF-16 is read, and one with a byte order mark', async () => {
  const text = 'name: Größe\nrules: []'
  const little = Buffer.from(`\ufeff${text}`, 'utf16le')
  for (const bytes of [little, Buffer.from(little).swap16(), Buffer.from(`\ufeff${text}`)]) {
    const { value } = await jsonOf(policyShow, [file(bytes)])
    assert.equal(value['name'], 'Größe')
  }
})

test('show tells the setting, what it exempts, and the filters in the order in which they are asked', async () => {
  const path = file(`name: Shown
profile: windows-server-2003
role: member-server
rules:
  - { name: wide, filters: [{ source: me, destination: any }], action: negotiate, fallBackToClear: true }
  - { name: narrow, filters: [{ source: me, destination: 10.0.0.1, protocol: tcp, destinationPort: 445 }], action: block }
  - { name: middle, filters: [{ source: me, destination: 10.0.0.0/8 }], action: permit }
  - { name: off, filters: [{ source: me, destination: any }], action: block, active: false }
`)
  const { status, out } = await run(policyShow, [path])
  assert.equal(status, 0)
  assert.match(out, /^Shown {2}Windows Server 2003 · member-server\nNoDefaultExempt 3 {2}its default/)
  assert.match(out, /IKE +UDP from port 500/)
  const places = ['narrow', 'middle', 'wide', 'Inactive: off'].map(name => out.indexOf(name))
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  )
  assert.match(
    out,
    /negotiate {2}any protocol me ↔ any .*esp-aes256gcm16, esp-aes128gcm16 · ikev2 · falls back to clear/,
  )
  const { value } = await jsonOf(policyShow, [path])
  assert.deepEqual(value['setting'], { name: 'NoDefaultExempt', value: 3, from: 'default' })
  assert.deepEqual(value['exempt'], ['ike'])
  assert.deepEqual(
    (value['order'] as { rule: string }[]).map(({ rule }) => rule),
    ['narrow', 'middle', 'wide'],
  )
})

test('neither show nor lint tells a secret', async () => {
  const path = file(
    `rules: [{ ${FILTERS}, action: negotiate, authentication: [{ preSharedKey: hunter2 }, { certificate: { ca: a, passphrase: hunter2 } }] }]`,
  )
  for (const command of [policyCheck, policyShow, policyLint]) {
    for (const json of [false, true]) {
      const { out, said } = await run(command, [path], json)
      assert.equal((out + said).includes('hunter2'), false)
    }
  }
})

test('lint ends with 1 where something is dangerous, and with 0 where nothing is', async () => {
  const { status, out } = await run(policyLint, [warned])
  assert.equal(status, 1)
  assert.match(out, /^danger {2}Whoever sends from port 88 gets past the filters {2}source-port-88\n/)
  assert.match(out, /Rule “rule 1”\.\n {2}→ /)
  assert.match(out, /\n1 danger, \d+ notes\n$/)
  assert.equal((await run(policyLint, [good])).status, 0)
  const { value } = await jsonOf(policyLint, [warned])
  assert.equal(value['ok'], false)
  assert.equal((value['findings'] as { kind: string }[])[0]?.kind, 'source-port-88')
})

test('lint of a policy without a fault says so', async () => {
  const path = file(
    `rules: [{ filters: [{ source: me, destination: 10.0.0.1, protocol: tcp, destinationPort: 445 }], action: negotiate, authentication: [{ certificate: { ca: ca.pem } }] }]`,
  )
  assert.match((await run(policyLint, [path])).out, /^Nothing found of \d+ kinds\.\n$/)
})

test('show tells how IKE runs and how long keys are used, and never a secret', async () => {
  const policy = file(
    `ike: { security: [aes256gcm16-prfsha384-ecp384], lifetime: { seconds: 600 }, liveness: 0, ppk: { identity: q, secret: hunter2 } }
rules: [{ name: r, ${FILTERS}, action: negotiate, freshKeys: true, keyExchange: ecp384, lifetime: { seconds: 60, kilobytes: 2048 }, authentication: [{ preSharedKey: { secret: hunter2 } }] }]`,
  )
  const { out } = await run(policyShow, [policy])
  assert.match(
    out,
    /^IKE: aes256gcm16-prfsha384-ecp384 · keys for 600 s · a silent peer is never asked · post-quantum key “q”$/m,
  )
  assert.match(out, /fresh keys by ecp384 · keys for 60 s or 2048 KiB/)
  const { value } = await jsonOf(policyShow, [policy])
  assert.deepEqual(value['ike'], {
    security: ['aes256gcm16-prfsha384-ecp384'],
    lifetime: { seconds: 600 },
    liveness: 0,
    ppk: { identity: 'q', required: true },
  })
  assert.equal((out + JSON.stringify(value)).includes('hunter2'), false)
})
