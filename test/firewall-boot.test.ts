// `firewall` and `boot` as a person and as a script meet them: words, JSON, exit status, and nothing changed where the
// input is wrong.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandInput, CommandSpec } from '../src/cli/command.ts'
import { bootInstall, bootRemove, bootShow } from '../src/cli/commands/boot.ts'
import { firewallApply, firewallRemove, firewallShow } from '../src/cli/commands/firewall.ts'
import { Console } from '../src/cli/console.ts'
import { guardedHost, whyNoGuard } from '../src/dataplane/guard/test-guarded-host.ts'

const skip = whyNoGuard()
const folder = mkdtempSync(join(tmpdir(), 'sealwire-boot-commands-'))
after(() => rmSync(folder, { recursive: true }))

async function run(command: CommandSpec, options: CommandInput['options'] = {}) {
  const [out, said]: string[][] = [[], []]
  const console = new Console({
    output: { write: text => out!.push(text) },
    errorOutput: { write: text => said!.push(text) },
    color: false,
  })
  const status = await command.run({ arguments: [], options }, console)
  return { status, out: out!.join(''), said: said!.join('') }
}

test('the firewall is shown, put in force, and taken away', { skip }, async context => {
  await guardedHost(context, 'firewall-commands')
  const permit = ['in:tcp/22', 'dhcp']
  const shown = await run(firewallShow, { permit })
  assert.equal(shown.status, 0)
  assert.ok(shown.out.includes('th dport 22 counter accept') && shown.said.includes('not in force'))
  const applied = await run(firewallApply, { permit, yes: true, json: true })
  assert.equal(applied.status, 0, applied.said)
  assert.deepEqual(JSON.parse(applied.out), { ok: true, table: 'sealwire_firewall', state: 'in force' })
  // What show prints is what nft takes, so it can be kept in a file.
  assert.equal(spawnSync('nft', ['-f', '-'], { input: shown.out }).status, 0)
  const again = await run(firewallShow, { permit, json: true })
  assert.equal((JSON.parse(again.out) as { state: string }).state, 'in force')
  assert.ok((await run(firewallShow)).said.includes('in force with other rules'))
  assert.ok((await run(firewallRemove)).said.includes('is gone'))
  const absent = await run(firewallRemove, { json: true })
  assert.deepEqual([absent.status, (JSON.parse(absent.out) as { wasThere: boolean }).wasThere], [0, false])
})

test('wrong input is told whole, with exit status 2, and loads nothing', { skip }, async context => {
  await guardedHost(context, 'firewall-wrong')
  const wrong = await run(firewallApply, { permit: ['tcpp/22', 'icmp/1'], host: ['here'], json: true })
  assert.equal(wrong.status, 2)
  assert.equal((JSON.parse(wrong.out) as { problems: unknown[] }).problems.length, 3)
  assert.equal(wrong.said.match(/^error: /gm)?.length, 3)
  assert.equal(spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout.includes('firewall'), false)
})

test('boot files are installed, shown and removed below a root', async () => {
  const options = { root: folder }
  assert.equal((await run(bootShow, options)).status, 1)
  const installed = await run(bootInstall, { ...options, mode: 'stateful', exempt: ['tcp:0:22:inbound'], json: true })
  assert.equal(installed.status, 0, installed.said)
  const { written } = JSON.parse(installed.out) as { written: string[] }
  assert.ok(written.every(path => existsSync(join(folder, path))))
  const shown = await run(bootShow, options)
  assert.deepEqual([shown.status, shown.out.includes('stateful tcp:0:22:inbound')], [0, true])
  assert.equal((await run(bootRemove, options)).status, 0)
  assert.ok((await run(bootRemove, options)).said.includes('Nothing of it was there'))
})

test('a wrong mode, exemption, path or root is told, and nothing is written', async () => {
  const root = join(folder, 'absent')
  const wrong = await run(bootInstall, { root, mode: 'open', exempt: ['tcp:22'], policy: 'policy.yaml' })
  assert.equal(wrong.status, 2)
  assert.equal(wrong.said.match(/^error: /gm)?.length, 3)
  assert.equal((await run(bootInstall, { root })).status, 2)
  assert.ok(!existsSync(root))
})
