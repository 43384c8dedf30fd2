// `sealwire reg` as a person and a script meet it: reg.exe's words and answers, backups, JSON, exit status.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Ran, runCommand } from '../test-run.ts'
import { regCommands } from './reg.ts'

const IPSEC = String.raw`HKLM\SYSTEM\CurrentControlSet\Services\IPSEC`
const FULL = String.raw`HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\IPSEC`
const DONE = 'The operation completed successfully.\n'
const NOT_FOUND = 'ERROR: The system was unable to find the specified registry key or value.\n'

/** A registry of its own; the command's words stand in one text, those with spaces in quotation marks. */
function registry(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-reg-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const run = async (line: string, options: Readonly<Record<string, true>> = {}): Promise<Ran> => {
    const [name, ...words] = line.match(/"[^"]*"|\S+/g)!.map(word => word.replaceAll('"', ''))
    const command = regCommands.find(one => one.name === `reg ${name}`)!
    return runCommand(command, words, { state: folder, ...options })
  }
  return { folder, run }
}

test('the KB’s own step: add NoDefaultExempt 1 and see it, in the words of reg.exe', async context => {
  const { run } = registry(context)
  assert.deepEqual(await run(`query ${IPSEC} /v NoDefaultExempt`), { status: 1, out: '', said: NOT_FOUND })
  assert.deepEqual(await run(`add ${IPSEC} /v NoDefaultExempt /t REG_DWORD /d 1 /f`), {
    status: 0,
    out: DONE,
    said: '',
  })
  const shown = { status: 0, out: `\n${FULL}\n    NoDefaultExempt    REG_DWORD    0x1\n\n`, said: '' }
  assert.deepEqual(await run(`query ${IPSEC} /v NoDefaultExempt`), shown)
  assert.deepEqual(await run(`QUERY ${IPSEC.toLowerCase()} /V nodefaultexempt`.replace('QUERY', 'query')), shown)
  assert.deepEqual(await run(`delete ${IPSEC} /v NoDefaultExempt /f`), { status: 0, out: DONE, said: '' })
  assert.equal((await run(`query ${IPSEC} /v NoDefaultExempt`)).status, 1)
})

test('query shows keys in a key, everything below it, and what a search finds', async context => {
  const { run } = registry(context)
  await run(String.raw`add HKLM\A /v x /d one /f`)
  await run(String.raw`add HKLM\A\B /v y /t REG_MULTI_SZ /d p\0q /f`)
  await run(String.raw`add HKLM\A\C`)
  const A = String.raw`HKEY_LOCAL_MACHINE\A`
  assert.equal((await run(String.raw`query HKLM\A`)).out, `\n${A}\n    x    REG_SZ    one\n\n${A}\\B\n${A}\\C\n`)
  assert.equal((await run('query HKLM')).out, `\n${A}\n`)
  const below = `\n${A}\n    x    REG_SZ    one\n\n${A}\\B\n    y    REG_MULTI_SZ    p\\0q\n\n${A}\\C\n\n`
  assert.equal((await run(String.raw`query HKLM\A /s`)).out, below)
  const found = `\n${A}\\B\n    y    REG_MULTI_SZ    p\\0q\n\nEnd of search: 1 match(es) found.\n`
  assert.equal((await run(String.raw`query HKLM\A /s /f Q /d`)).out, found)
  assert.equal((await run(String.raw`query HKLM\A /s /f p*q /e`)).out, found)
  assert.equal((await run(String.raw`query HKLM\A /s /v Y`)).out, found)
  assert.equal((await run(String.raw`query HKLM\A /s /t REG_MULTI_SZ`)).out, found)
  const none = await run(String.raw`query HKLM\A /s /f Q /c`)
  assert.deepEqual([none.status, none.out], [1, '\nEnd of search: 0 match(es) found.\n'])
  assert.match((await run(String.raw`query HKLM\A\B /z /se ;`)).out, /REG_MULTI_SZ \(7\) {4}p;q/)
  assert.match((await run(String.raw`query HKLM\A /ve`)).out, / {4}\(Default\) {4}REG_SZ {4}\(value not set\)/)
  const json = JSON.parse((await run(String.raw`query HKLM\A\B`, { json: true })).out)
  assert.deepEqual(json, [
    {
      key: `${A}\\B`,
      values: [{ name: 'y', type: 'REG_MULTI_SZ', typeNumber: 7, data: 'p\\0q', octets: '70000000710000000000' }],
    },
  ])
})

test('what would act on a terminal is shown by its number', async context => {
  const { folder, run } = registry(context)
  await run(`add HKLM\\A /v "\u001b[2J" /d "\u001b[31m" /f`)
  assert.doesNotMatch((await run('query HKLM\\A')).out, /\u001b/)
  const file = join(folder, 'hostile.reg')
  writeFileSync(file, 'REGEDIT4\n[HKLM\\A]\n"x"=\u001b[2J:1\n[HKLM\\\u001b[2J')
  const { status, said } = await run(`import ${file}`)
  assert.equal(status, 2)
  assert.doesNotMatch(said, /\u001b/)
})

test('a registry is exported and imported, and every line that cannot be read is named, with nothing changed', async context => {
  const { folder, run } = registry(context)
  const file = join(folder, 'ipsec.reg')
  await run(`add ${IPSEC} /v NoDefaultExempt /t REG_DWORD /d 1 /f`)
  assert.equal((await run(`export ${IPSEC} ${file} /y`)).out, DONE)
  const first = readFileSync(file)
  await run(`delete ${IPSEC} /f`)
  assert.equal((await run(`import ${file}`)).out, DONE)
  await run(`export ${IPSEC} ${file} /y`)
  assert.deepEqual(readFileSync(file), first)
  assert.equal((await run(`export ${IPSEC} ${file} /y`, { ansi: true })).status, 0)
  assert.match(readFileSync(file, 'latin1'), /^REGEDIT4\r\n/)

  writeFileSync(file, 'REGEDIT4\n[HKLM\\B]\n"a"=dword:1\n"b"=dword:x\nwhat\n')
  const wrong = await run(`import ${file}`)
  assert.equal(wrong.status, 2)
  assert.match(wrong.said, /ipsec\.reg:4: dword: takes.*\n.*ipsec\.reg:5: this is neither/)
  assert.equal((await run('query HKLM\\B')).status, 1)
  assert.equal((await run(`import ${join(folder, 'absent.reg')}`)).status, 2)
})

test('copy takes values along, with /s everything below, and no key onto itself', async context => {
  const { run } = registry(context)
  await run(String.raw`add HKLM\A\B /v x /d 1 /f`)
  await run(String.raw`add HKLM\A /v y /d 2 /f`)
  await run(String.raw`copy HKLM\A HKLM\C /f`)
  assert.equal((await run(String.raw`query HKLM\C\B`)).status, 1)
  await run(String.raw`copy HKLM\A HKLM\C /s /f`)
  assert.match((await run(String.raw`query HKLM\C\B`)).out, /x {4}REG_SZ {4}1/)
  assert.equal((await run(String.raw`copy HKLM\A hklm\a /f`)).status, 2)
  assert.equal((await run(String.raw`copy HKLM\X HKLM\Y /f`)).status, 1)
})

test('backups stand before every change, and restore goes back to any', async context => {
  const { run } = registry(context)
  assert.match((await run('backup')).said, /Backup 1: .*reg restore 1/)
  for (const number of [0, 1, 3]) await run(`add ${IPSEC} /v NoDefaultExempt /t REG_DWORD /d ${number} /f`)
  const list = JSON.parse((await run('backup', { list: true, json: true })).out) as { number: number; kind: string }[]
  assert.deepEqual(
    list.map(({ number, kind }) => [number, kind]),
    [
      [4, 'automatic'],
      [3, 'automatic'],
      [2, 'automatic'],
      [1, 'asked'],
    ],
  )
  assert.equal((await run('backup', { list: true })).out.split('\n').length, 5)
  const back = JSON.parse((await run('restore 3', { json: true })).out)
  assert.deepEqual(back, { changed: true, backup: 5, agent: 'none', setting: null, advice: [] })
  assert.match((await run(`query ${IPSEC}`)).out, /0x0/)
  assert.deepEqual([(await run('restore 99')).status, (await run('restore none')).status], [2, 2])
})

test('nothing is replaced or deleted by a script that did not say /f', async context => {
  const { run } = registry(context)
  await run(`add ${IPSEC} /v NoDefaultExempt /t REG_DWORD /d 1 /f`)
  for (const line of [`add ${IPSEC} /v NoDefaultExempt /d x`, `delete ${IPSEC}`, `delete ${IPSEC} /va`]) {
    assert.equal((await run(line, { json: true })).status, 2, line)
  }
  assert.match((await run(`query ${IPSEC}`)).out, /0x1/)
})

const wrong = [
  'query',
  'query HKXX\\A',
  String.raw`query \\server\HKLM\A`,
  `query ${IPSEC} /x`,
  `query ${IPSEC} /s /s`,
  `query ${IPSEC} another`,
  `add ${IPSEC} /t REG_DWORD`,
  `add ${IPSEC} /v`,
  `add ${IPSEC} /v a /ve`,
  `add ${IPSEC} /v a /t REG_DWORD /d x /f`,
  `add ${IPSEC} /v a /t DWORD /d 1 /f`,
  'delete HKLM /f',
  `delete ${IPSEC} /v a /va /f`,
]
for (const line of wrong) {
  test(`“reg ${line}” is wrong input, and nothing is written`, async context => {
    const { folder, run } = registry(context)
    const { status, out, said } = await run(line)
    assert.deepEqual([status, out], [2, ''])
    assert.match(said, /^error: /)
    assert.ok(!existsSync(join(folder, 'registry', 'registry.reg')))
  })
}

test('who writes the name in another spelling is told how it is written', async context => {
  const { run } = registry(context)
  const { status, said } = await run(`add ${IPSEC} /v nodefaultexempt /t REG_DWORD /d 1 /f`)
  assert.equal(status, 0)
  assert.match(said, /The name is written NoDefaultExempt/)
})
