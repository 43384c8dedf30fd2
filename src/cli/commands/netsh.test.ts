// `sealwire netsh` and its older sisters as a person and a script meet them: exit status, what is changed, what is not.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runCommand } from '../test-run.ts'
import { netshCommands } from './netsh.ts'
import { regCommands } from './reg.ts'

function host(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-netsh-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const run = async (line: string, options: Readonly<Record<string, string | true>> = {}) => {
    const [name, ...words] = line.match(/[^\s"]*"[^"]*"|\S+/g)!.map(word => word.replaceAll('"', ''))
    const isReg = name === 'reg'
    const command = isReg
      ? regCommands.find(one => one.name === `reg ${words[0]}`)!
      : netshCommands.find(one => one.name === name)!
    return runCommand(command, isReg ? words.slice(1) : words, { state: folder, ...options })
  }
  const file = (name: string, text: string | Uint8Array) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  return { run, file, folder }
}

const done = { status: 0, out: '', said: '' }

test('commands change the registry one by one, and each can be taken back', async context => {
  const { run } = host(context)
  assert.deepEqual(await run('netsh ipsec static add policy name="Two hosts" assign=yes'), done)
  assert.match((await run('netsh ipsec static show policy all')).out, /Policy Name +: Two hosts\r\n/)
  const key = String.raw`HKLM\SOFTWARE\Policies\Microsoft\Windows\IPSec\Policy\Local`
  assert.match((await run(`reg query ${key} /v ActivePolicy`)).out, /ipsecPolicy\{/)
  assert.deepEqual(await run('netsh ipsec static delete policy "Two hosts"'), done)
  assert.match((await run('netsh ipsec static show policy all')).said, /ERR IPsec\[05072\]/)
  const [newest] = JSON.parse((await run('reg backup', { json: true, list: true })).out) as { number: number }[]
  assert.equal((await run(`reg restore ${newest!.number}`)).status, 0)
  assert.match((await run('netsh ipsec static show policy all')).out, /Two hosts/)
})

test('ipsecexempt is NoDefaultExempt of the registry', async context => {
  const { run } = host(context)
  assert.deepEqual(await run('netsh ipsec dynamic set config ipsecexempt 1'), done)
  const shown = await run(String.raw`reg query HKLM\SYSTEM\CurrentControlSet\Services\IPSEC /v NoDefaultExempt`)
  assert.match(shown.out, /NoDefaultExempt {4}REG_DWORD {4}0x1/)
  for (const line of [
    'bootmode block',
    'ikelogging 1',
    'strongcrlcheck 2',
    'ipsecdiagnostics 7',
    'ipsecloginterval 60',
  ])
    assert.deepEqual(await run(`netsh ipsec dynamic set config ${line}`), done, line)
  assert.equal((await run('netsh ipsec dynamic set config ipsecexempt 4')).status, 2)
  assert.match((await run('netsh ipsec dynamic show config')).out, /bootmode +: block\r\n/)
})

test('of a script with one mistake nothing is done, and every mistake has its line', async context => {
  const { run, file } = host(context)
  const wrong = file('wrong.bat', 'netsh ipsec static add policy name=P\nnetsh ipsec sttic add\ngoto end\n')
  const ran = await run(`netsh -f ${wrong}`)
  assert.equal(ran.status, 2)
  assert.match(ran.said, /wrong\.bat:2/)
  assert.match(ran.said, /wrong\.bat:3/)
  assert.equal((await run('netsh ipsec static show policy all')).status, 2)
  assert.equal((await run('netsh -f /nowhere/x.bat')).status, 2)
  assert.equal((await run('netsh interface show')).status, 2)
})

test('a script in a code page of its own keeps its names', async context => {
  const { run, file } = host(context)
  // 策略 in GBK.
  const bytes = Buffer.concat([
    Buffer.from('netsh ipsec static add policy name='),
    Buffer.from([0xb2, 0xdf, 0xc2, 0xd4]),
    Buffer.from('\r\n'),
  ])
  const script = file('gbk.bat', Uint8Array.from(bytes))
  assert.deepEqual(await run(`netsh exec ${script}`, { encoding: 'gbk' }), done)
  assert.match((await run('netsh ipsec dump')).out, /name="策略"/)
  assert.equal((await run(`netsh exec ${script}`, { encoding: 'klingon' })).status, 2)
})

test('connection security rules of netsh lie in the same registry, beside those of the firewall', async context => {
  const { run } = host(context)
  const path = String.raw`HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy`
  await run(`reg add ${path}\\FirewallRules /v x /d y /f`)
  const add = 'netsh advfirewall consec add rule name=R endpoint1=any endpoint2=any action=requestinrequestout'
  assert.equal((await run(add)).status, 0)
  assert.equal((await run('netsh advfirewall set global ipsec saidletimemin 10')).status, 0)
  assert.match((await run('netsh advfirewall consec show rule name=all')).out, /Rule Name: +R\r\n/)
  assert.equal((await run('netsh advfirewall consec delete rule name=R')).status, 0)
  assert.match((await run('netsh advfirewall consec show rule name=all')).said, /no rule is as the command says/)
  assert.equal((await run(`reg query ${path}\\FirewallRules /v x`)).status, 0)
})

test('ipsecpol takes what looks like options as its own words', context => {
  const { folder } = host(context)
  const program = join(import.meta.dirname, '..', 'main.ts')
  const words = ['ipsecpol', '-w', 'REG', '-p', 'Web', '-r', 'R', '-f', '0+*', '-n', 'BLOCK', '-x', '--state', folder]
  const ran = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  const shown = spawnSync(process.execPath, [program, 'netsh', 'ipsec', 'dump', '--state', folder], {
    encoding: 'utf8',
  })
  assert.match(shown.stdout, /add filteraction name=R action=block/)
})

test('JSON has what was printed and whether anything changed', async context => {
  const { run } = host(context)
  const added = JSON.parse((await run('netsh ipsec static add filterlist L', { json: true })).out) as object
  assert.deepEqual(Object.keys(added).toSorted(), ['advice', 'agent', 'backup', 'changed', 'output', 'setting'])
  const shown = JSON.parse((await run('netsh ipsec dump', { json: true })).out) as { changed: boolean; output: string }
  assert.equal(shown.changed, false)
  assert.match(shown.output, /add filterlist name=L/)
})

test('a policy that cannot be read is not written around, and what has nothing to do with it is', async context => {
  const { run } = host(context)
  const local = String.raw`HKLM\SOFTWARE\Policies\Microsoft\Windows\IPSec\Policy\Local`
  const key = `${local}\\ipsecPolicy{72385230-70FA-11D1-864C-14A300000000}`
  await run(`reg add ${key} /v ipsecData /t REG_BINARY /d 00 /f`)
  const refused = await run('netsh ipsec static add filterlist L')
  assert.equal(refused.status, 2)
  assert.match(refused.said, /ipsecData cannot be read/)
  assert.deepEqual(await run('netsh ipsec dynamic set config ipsecexempt 1'), done)
  await run(`reg delete ${key} /f`)
  await run(`reg add ${local} /v ActivePolicy /d ipsecPolicy{72385230-70FA-11D1-864C-14A300000000} /f`)
  assert.deepEqual(await run('netsh ipsec static add policy P assign=yes'), done)
})
