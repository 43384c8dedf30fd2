// `sealwire reg add | delete | import | copy | backup | restore`: what changes the registry, in the words of Windows's reg.exe.
// Every change is preceded by a backup, is made whole or not at all, and reaches a running agent before the command answers.
import { readFileSync, statSync } from 'node:fs'
import { octetsOf } from '../../base/bytes.ts'
import { type Problem, success } from '../../base/result.ts'
import { LARGEST_REG_FILE, readRegText } from '../../settings/reg-text.ts'
import { changesTo, keyAt, type RegistryChange, type RegistryKey, valueIn } from '../../settings/registry.ts'
import { fullPath, isSameName, pathNames, valueNameFault } from '../../settings/registry-name.ts'
import { TEXTS_APART, valueFromWords } from '../../settings/value-words.ts'
import { ANSWER_IS_NO, type CommandSpec, FINE, type OptionSpec } from '../command.ts'
import { DONE, type RegRun } from '../reg-change.ts'
import { regCommand, textOfSwitch, valueName } from '../reg-command.ts'
import type { RegWords } from '../reg-words.ts'
import { regExport, regQuery } from './reg-query.ts'

const exempt = String.raw`'HKLM\SYSTEM\CurrentControlSet\Services\IPSEC'`

const regAdd = regCommand({
  name: 'add',
  summary: 'add a key or a value to the registry',
  usage: 'reg add KEY [/v NAME | /ve] [/t TYPE] [/s APART] [/d DATA] [/f]',
  description:
    'Without a value the key alone. The type is REG_SZ if none is named; numbers are decimal or 0x, octets hexadecimal, texts of a ' +
    'REG_MULTI_SZ stand apart by \\0 or what /s names. /f replaces a value without asking. A running agent has it when this answers.',
  syntax: { names: ['KEY'], switches: { v: 'word', ve: 'alone', t: 'word', s: 'word', d: 'word', f: 'alone' } },
  examples: [`${exempt} /v NoDefaultExempt /t REG_DWORD /d 1 /f`],
  run: runAdd,
})

async function runAdd(run: RegRun, words: RegWords): Promise<number> {
  const key = fullPath(words.names[0]!)
  const name = valueName(words)
  if (name === undefined) {
    const needless = ['t', 's', 'd'].filter(one => words.switches[one] !== undefined)
    if (needless.length > 0)
      return run.wrong([fault(`/${needless[0]}`, 'belongs to a value', 'name one with /v or /ve')])
    return run.change(() => success([{ kind: 'create-key', key }]))
  }
  const [type, apart] = [textOfSwitch(words, 't') ?? 'REG_SZ', textOfSwitch(words, 's') ?? TEXTS_APART]
  const value = valueFromWords(name, type, textOfSwitch(words, 'd') ?? '', apart)
  const nameFault = words.switches['v'] !== undefined && words.switches['ve'] !== undefined
  const problems = [
    ...(nameFault ? [fault('/ve', 'means the default value, and /v another', 'leave one of them out')] : []),
    ...(valueNameFault(name) === undefined ? [] : [fault('/v', valueNameFault(name)!)]),
    ...(value.ok ? [] : [fault(value.error.where, value.error.what, value.error.hint)]),
  ]
  if (!value.ok || problems.length > 0) return run.wrong(problems)
  const root = run.read()
  if (root === undefined) return run.wrong([])
  const there = keyAt(root, key)
  const isThere = there !== undefined && valueIn(there, name) !== undefined
  const no = isThere ? await forbidden(run, words, `Value ${name} exists, overwrite`) : undefined
  if (no !== undefined) return no
  return run.change(() => success([{ kind: 'set', key, value: value.value }]))
}

const regDelete = regCommand({
  name: 'delete',
  summary: 'delete a key with everything below it, a value, or all values of a key',
  usage: 'reg delete KEY [/v NAME | /ve | /va] [/f]',
  description: 'Without /v, /ve or /va the key itself. /f does not ask. `reg restore` brings it back.',
  syntax: { names: ['KEY'], switches: { v: 'word', ve: 'alone', va: 'alone', f: 'alone' } },
  examples: [`${exempt} /v NoDefaultExempt /f`],
  run: runDelete,
})

async function runDelete(run: RegRun, words: RegWords): Promise<number> {
  const key = fullPath(words.names[0]!)
  const name = valueName(words)
  const isAll = words.switches['va'] === true
  if (['v', 've', 'va'].filter(one => words.switches[one] !== undefined).length > 1) {
    return run.wrong([fault('/v', 'only one of /v, /ve and /va is meant')])
  }
  if (name === undefined && !isAll && pathNames(key).length < 2)
    return run.wrong([fault(key, 'a root cannot be deleted')])
  const root = run.read()
  if (root === undefined) return run.wrong([])
  const there = keyAt(root, key)
  if (there === undefined || (name !== undefined && valueIn(there, name) === undefined)) return run.notFound()
  const what = isAll
    ? `all values under the registry key ${key}`
    : `the registry ${name === undefined ? `key ${key}` : `value ${name}`}`
  const no = await forbidden(run, words, isAll ? `Delete ${what}` : `Permanently delete ${what}`)
  if (no !== undefined) return no
  return run.change(now => {
    if (name !== undefined) return success([{ kind: 'delete-value', key, name }])
    if (!isAll) return success([{ kind: 'delete-key', key }])
    const values = keyAt(now, key)?.values ?? []
    return success(values.map(value => ({ kind: 'delete-value' as const, key, name: value.name })))
  })
}

const regImport = regCommand({
  name: 'import',
  summary: 'make all changes of a .reg file',
  usage: 'reg import FILE',
  description:
    'REGEDIT4 or Windows Registry Editor Version 5.00, in UTF-16, UTF-8 or ANSI, deletions included. Every line that cannot be read ' +
    'is named, and then nothing is changed.',
  syntax: { names: ['FILE'], switches: {} },
  examples: ['ipsec.reg'],
  run: runImport,
})

function runImport(run: RegRun, { names }: RegWords): Promise<number> | number {
  const file = names[0]!
  const octets = octetsOfFile(file)
  if (octets === undefined) return run.wrong([fault(file, 'there is no such file', 'check the name')])
  if (octets === 'too large') return run.wrong([fault(file, `it is larger than ${LARGEST_REG_FILE} octets`)])
  const read = readRegText(octets, file)
  if (!read.ok) return run.wrong(read.error)
  const { problems, changes } = read.value
  if (problems.some(({ severity }) => severity === 'error')) return run.wrong(problems)
  run.problems(problems)
  return run.change(() => success(changes))
}

function octetsOfFile(file: string): Uint8Array | 'too large' | undefined {
  try {
    return statSync(file).size > LARGEST_REG_FILE ? 'too large' : octetsOf(readFileSync(file))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined
    throw error
  }
}

const regCopy = regCommand({
  name: 'copy',
  summary: 'copy the values of a key to another, or everything below it',
  usage: 'reg copy KEY1 KEY2 [/s] [/f]',
  description: 'With /s the keys below it as well. /f replaces values without asking.',
  syntax: { names: ['KEY1', 'KEY2'], switches: { s: 'alone', f: 'alone' } },
  examples: [String.raw`'HKLM\SOFTWARE\A' 'HKLM\SOFTWARE\B' /s /f`],
  run: runCopy,
})

async function runCopy(run: RegRun, words: RegWords): Promise<number> {
  const [from, to] = words.names.map(fullPath) as [string, string]
  const isBelow = words.switches['s'] === true
  if (isSameName(from, to)) return run.wrong([fault(to, 'the registry entry cannot be copied onto itself')])
  const root = run.read()
  if (root === undefined) return run.wrong([])
  if (keyAt(root, from) === undefined) return run.notFound()
  const changes = copyChanges(root, from, to, isBelow)
  const replaced = changes.find(one => one.kind === 'set' && replacedValue(root, one) !== undefined)
  if (replaced?.kind === 'set') {
    const { key, value } = replaced
    const no = await forbidden(run, words, `Value ${key}\\${value.name} exists, overwrite all`)
    if (no !== undefined) return no
  }
  return run.change(now => success(copyChanges(now, from, to, isBelow)))
}

function copyChanges(root: RegistryKey, from: string, to: string, isBelow: boolean): readonly RegistryChange[] {
  const key = keyAt(root, from)
  return key === undefined ? [] : changesTo(isBelow ? key : { ...key, keys: [] }, to)
}

function replacedValue(root: RegistryKey, { key, value }: Extract<RegistryChange, { kind: 'set' }>) {
  const there = keyAt(root, key)
  return there && valueIn(there, value.name)
}

const listOption: OptionSpec = {
  flags: '--list',
  key: 'list',
  description: 'show the backups that are there, the newest first',
}

const regBackup = regCommand({
  name: 'backup',
  summary: 'keep the registry as it is now, or list what is kept',
  usage: 'reg backup',
  description:
    'One is made by itself before every change; of those the newest 500 stay. What this command makes stays for ever. `reg restore` ' +
    'goes back to any of them.',
  syntax: { names: [], switches: {} },
  options: [listOption],
  examples: ['', '--list'],
  run: runBackup,
})

async function runBackup(run: RegRun): Promise<number> {
  if (run.hasOption('list')) {
    const all = run.file.backups()
    if (run.isJson) run.console.json(all)
    else {
      run.console.table(
        all.map(({ number, at, kind }) => [`${number}`, timeText(at), kindWords[kind]]),
        [0],
      )
      if (all.length === 0) run.console.say('There is no backup yet.')
    }
    return FINE
  }
  const backup = await run.file.backup()
  if (!backup.ok) return run.wrong(backup.error)
  const { number, file } = backup.value
  if (run.isJson) run.console.json(backup.value)
  else {
    run.console.print(DONE)
    run.console.say(`Backup ${number}: ${file}. “sealwire reg restore ${number}” goes back to it.`)
  }
  return FINE
}

const kindWords = { automatic: 'before a change', asked: 'asked for' } as const

function timeText(at: number): string {
  return new Date(at * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
}

const regRestore = regCommand({
  name: 'restore',
  summary: 'go back to a backup',
  usage: 'reg restore NUMBER',
  description:
    'The whole registry as it was then; `reg backup --list` shows the numbers. What it was before is backed up too, so that going ' +
    'back can be taken back. A running agent has it when this answers.',
  syntax: { names: ['NUMBER'], switches: { f: 'alone' } },
  examples: ['3'],
  run: async (run, { names }) => {
    const number = /^[1-9]\d{0,8}$/.test(names[0]!) ? Number(names[0]) : undefined
    if (number === undefined)
      return run.wrong([fault(names[0]!, 'is no number of a backup', 'reg backup --list shows them')])
    return run.finish(await run.file.restore(number))
  },
})

/** Undefined by /f, or a yes of who is asked; else the exit status. With --json nobody is asked. */
async function forbidden(run: RegRun, { switches }: RegWords, question: string): Promise<number | undefined> {
  if (switches['f'] === true) return undefined
  if (!run.isJson) return (await run.agrees(question)) ? undefined : ANSWER_IS_NO
  return run.wrong([fault('/f', 'is needed with --json where something would be replaced or deleted', 'add /f')])
}

function fault(where: string, what: string, hint = ''): Problem {
  return { severity: 'error', where, what, hint }
}

export const regCommands: readonly CommandSpec[] = [
  regQuery,
  regAdd,
  regDelete,
  regExport,
  regImport,
  regCopy,
  regBackup,
  regRestore,
]
