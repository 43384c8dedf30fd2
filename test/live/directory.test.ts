// The policies of a running Active Directory, Samba's, over LDAP with TLS: the three that every domain has mean what Microsoft
// says, and a policy that is written there is read back octet for octet. Two controllers are made for it: half a minute.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Policy } from '../../src/policy/model.ts'

const program = resolve(import.meta.dirname, '../../sealwire')
const errand = join(import.meta.dirname, 'directory-errand.ts')

function whyNot(): string | false {
  if (process.env['SEALWIRE_LONG_TESTS'] !== '1') return 'skipped, because SEALWIRE_LONG_TESTS is not 1'
  if (process.getuid?.() !== 0) return 'skipped, because domain controllers of their own need root'
  return existsSync('/usr/sbin/samba') ? false : 'skipped, because samba is not installed'
}

async function run(command: string, words: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [out, error, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(resolve => child.on('close', resolve)),
  ])
  assert.equal(status, 0, `${command} ${words.join(' ')}: ${error}`)
  return out
}

test('the policies of a running domain are read over LDAP, and one that is written there comes back', {
  skip: whyNot(),
}, async context => {
  const folder = mkdtempSync('/var/lib/sealwire-directory-')
  const state = join(folder, 'lab')
  context.after(async () => {
    await run(program, ['lab', 'ad', 'down', '--state', state])
    rmSync(folder, { recursive: true, force: true })
  })
  await run(program, ['lab', 'ad', 'up', '--state', state])
  const pid = readFileSync(join(state, 'dc1/pid'), 'utf8').trim()
  const authorities = await run('nsenter', ['-t', pid, '-m', 'cat', '/var/lib/samba/private/tls/ca.pem'])
  const secrets = JSON.stringify({ password: 'Lab-Admin-1', authorities })
  for (const url of ['ldap://10.54.0.1', 'ldaps://10.54.0.1']) {
    const words = ['-t', pid, '-n', process.execPath, errand, url, 'Administrator@corp.test', 'dc1.corp.test']
    const answer = JSON.parse(await run('nsenter', words, secrets)) as Readonly<Record<string, unknown>>
    assert.deepEqual(
      [answer['domain'], answer['problems'], answer['others']],
      ['DC=corp,DC=test', [], url.startsWith('ldaps') ? -10 : 0],
    )
    const [server, client, secure] = answer['builtIn'] as [Policy, Policy, Policy]
    assert.deepEqual(
      [server, client, secure].map(({ name, rules, defaultResponse }) => [name, rules.length, defaultResponse]),
      [
        ['Server (Request Security)', 2, true],
        ['Client (Respond Only)', 0, true],
        ['Secure Server (Require Security)', 2, true],
      ],
    )
    const secured = ({ rules }: Policy) => rules.find(({ action }) => action === 'negotiate')
    assert.deepEqual([secured(server)?.fallBackToClear, secured(secure)?.fallBackToClear], [true, false])
    assert.deepEqual(answer['found'], answer['made'])
    assert.deepEqual(
      (answer['written'] as readonly { readonly ok: boolean }[]).map(({ ok }) => ok),
      [true, true],
    )
  }
})
