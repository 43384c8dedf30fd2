// `policy import` and `policy export` as a person uses them: what one writes the other reads, and what is lost is said.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { testdata, testdataMissing } from '../../../test/truth/compare-truth.ts'
import { readPolicyText } from '../../policy/policy-text.ts'
import type { CommandSpec } from '../command.ts'
import { runCommand as run } from '../test-run.ts'
import { policyExport } from './policy-export.ts'
import { policyImport } from './policy-import.ts'
import { policyShow } from './policy-show.ts'

const skip = testdataMissing === '' ? false : `skipped, because ${testdataMissing}`
const folder = mkdtempSync(join(tmpdir(), 'sealwire-import-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const policy = file(
  'policy.yaml',
  `name: Two hosts
profile: windows-2000-sp1
noDefaultExempt: 1
rules:
  - name: Everything between the two
    filters: [{ source: 10.54.0.1, destination: 10.54.0.2 }]
    action: negotiate
    security: [esp-3des-sha1]
    keying: [ikev1]
    authentication: [{ preSharedKey: a word that both have }]
  - name: No telnet
    filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 23 }]
    action: block
`,
)

test('a policy comes back from a .reg file with its rules, its setting and its key', async () => {
  const exported = await run(policyExport, [policy], { to: 'reg', secrets: true, out: folder })
  assert.equal(exported.status, 0, exported.said)
  const path = exported.out.trim()
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual([...readFileSync(path).subarray(0, 2)], [0xff, 0xfe])
  const imported = await run(policyImport, [path], { secrets: true })
  assert.equal(imported.status, 0, imported.said)
  const read = readPolicyText(imported.out, 'again')
  assert.ok(read.ok, imported.out)
  const { rules, noDefaultExempt } = read.value.policy
  assert.equal(noDefaultExempt, 1)
  assert.deepEqual(rules.map(({ name, action, security }) => [name, action, ...security]).toSorted(), [
    ['Everything between the two', 'negotiate', 'esp-3des-sha1'],
    ['No telnet', 'block'],
  ])
  assert.match(imported.out, /a word that both have/)
})

test('secrets are left out of every form unless they are asked for', async () => {
  for (const to of [
    'yaml',
    'reg',
    'rules-reg',
    'advfirewall',
    'powershell',
    'rules-json',
    'swanctl',
    'libreswan',
    'xfrm',
  ]) {
    const { out, said, status } = await run(policyExport, [policy], { to })
    assert.equal(status, 0, to)
    const hex = Buffer.from('a word', 'utf16le').toString('hex').replaceAll(/(..)/g, '$1,')
    assert.ok(!`${out}${said}`.includes('a word that'), to)
    assert.ok(!out.replaceAll(/\\\r?\n\s*/g, '').includes(hex.slice(0, -1)), to)
  }
})

test('each form of connection security rules that is written is read again as rules', async () => {
  for (const [to, name] of [
    ['rules-reg', 'rules.reg'],
    ['advfirewall', 'rules.cmd'],
    ['powershell', 'rules.ps1'],
    ['rules-json', 'rules.json'],
  ] as const) {
    const { out } = await run(policyExport, [policy], { to, secrets: true })
    const shown = await run(policyImport, [file(name, out)], { lossy: true })
    assert.equal(shown.status, 0, `${to}: ${shown.said}`)
    assert.match(shown.out, /Everything between the two/, to)
  }
})

test('what loses more than it may is not written, and says how it could be', async () => {
  const script = file(
    'script.ps1',
    'New-NetIPsecRule -DisplayName Soft -InboundSecurity Request -OutboundSecurity Request\nGet-Weather\n',
  )
  const { status, out, said } = await run(policyImport, [script])
  assert.equal(status, 2)
  assert.equal(out, '')
  assert.match(said, /script\.ps1:2: .*Get-Weather/)
  assert.match(said, /--lossy/)
})

test('wrong input is told, and nothing is printed', async () => {
  const table: readonly (readonly [CommandSpec, readonly string[], Record<string, string | true>, RegExp])[] = [
    [policyImport, [join(folder, 'nowhere')], {}, /there is no such file/],
    [policyImport, [folder], {}, /cannot be read/],
    [policyImport, [policy], {}, /no form of a Windows policy.*a registry hive/],
    [
      policyImport,
      [
        file(
          'only.reg',
          'REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\IPSEC]\n"NoDefaultExempt"=dword:1\n',
        ),
      ],
      {},
      /settings alone are named with --registry/,
    ],
    [policyImport, ['ldap://'], {}, /no address of a directory/],
    [policyImport, ['ldap://h'], { passwordFile: join(folder, 'no') }, /no: there is no such file/],
    [policyExport, [policy], { to: 'swanctrl' }, /did you mean swanctl/],
    [policyExport, [policy], { to: 'swanctl', me: 'dc1' }, /“dc1” is no IP address/],
    [policyExport, [policy], { to: 'swanctl', out: join(policy, 'x') }, /folder that can be written/],
    [policyExport, [join(folder, 'nowhere')], { to: 'yaml' }, /there is no such file/],
  ]
  for (const [command, words, options, fault] of table) {
    const { status, out, said } = await run(command, words, options)
    assert.equal(status, 2, words.join())
    assert.equal(out, '', words.join())
    assert.match(said, fault)
  }
})

test('the policies of a domain are named where none is assigned, and one of them is what Microsoft says', {
  skip,
}, async () => {
  const ldif = join(testdata, 'policy-texts/samba/ip-security-objects.ldif')
  const none = await run(policyImport, [ldif])
  assert.equal(none.status, 2)
  assert.match(none.said, /"Client \(Respond Only\)"/)
  const { status, out } = await run(policyImport, [ldif], { name: 'secure server (require security)' })
  assert.equal(status, 0)
  const read = readPolicyText(out, 'x')
  assert.ok(read.ok)
  const { rules, defaultResponse } = read.value.policy
  assert.equal(defaultResponse, true)
  assert.deepEqual(
    rules.map(({ action, acceptUnsecuredInbound, fallBackToClear }) => [
      action,
      acceptUnsecuredInbound,
      fallBackToClear,
    ]),
    [
      ['permit', false, false],
      ['negotiate', true, false],
    ],
  )
})

test('every command that takes a policy takes a hive', { skip }, async () => {
  const hive = join(testdata, 'registry/hives-made/software-ipsec-vpnease.hive')
  const { status, out } = await run(policyShow, [hive], {})
  assert.equal(status, 0)
  assert.match(out, /VPNease Policy/)
})
