// `sealwire reg query` and `reg export`: what is in the registry, as reg.exe prints it and as regedit writes it.
import { existsSync, writeFileSync } from 'node:fs'
import { printable } from '../../base/printable.ts'
import { keyAt, spelledPath, valueIn } from '../../settings/registry.ts'
import type { RegistryValue } from '../../settings/value.ts'
import { dataWords, TEXTS_APART, typeWord } from '../../settings/value-words.ts'
import { writeRegText } from '../../settings/write-reg-text.ts'
import { ANSWER_IS_NO, FINE } from '../command.ts'
import type { Console } from '../console.ts'
import { DONE, type RegRun } from '../reg-change.ts'
import { regCommand, textOfSwitch, valueName } from '../reg-command.ts'
import { type Found, type RegQuestion, search } from '../reg-search.ts'
import type { RegWords } from '../reg-words.ts'

export const regQuery = regCommand({
  name: 'query',
  summary: 'show values and keys of the registry',
  usage: 'reg query KEY [/v NAME | /ve] [/s] [/f TEXT [/k] [/d] [/c] [/e]] [/t TYPE] [/se APART] [/z]',
  description:
    'Values of the key and the keys in it; with /s of all keys below it too. /f searches names and data, /k only names of keys, ' +
    '/d only data, /c by the size of letters, /e for the whole text; * is anything. /z adds the number of the type. ' +
    'Exit status 0: found; 1: there is no such thing.',
  syntax: {
    names: ['KEY'],
    switches: {
      ...{ v: 'perhaps', ve: 'alone', s: 'alone', f: 'word', k: 'alone', d: 'alone', c: 'alone', e: 'alone' },
      ...{ t: 'word', se: 'word', z: 'alone' },
    },
  },
  examples: [
    String.raw`'HKLM\SYSTEM\CurrentControlSet\Services\IPSEC' /v NoDefaultExempt`,
    String.raw`'HKLM\SYSTEM' /s /f Exempt`,
  ],
  run: runQuery,
})

function runQuery(run: RegRun, words: RegWords): number {
  const root = run.read()
  if (root === undefined) return run.wrong([])
  const path = spelledPath(root, words.names[0]!)
  const key = path === undefined ? undefined : keyAt(root, path)
  if (path === undefined || key === undefined) return run.notFound()
  const question = questionOf(words)
  const name = valueName(words)
  const isSearch = question.search !== undefined || question.type !== undefined || question.below
  if (name !== undefined && !isSearch && valueIn(key, name) === undefined) {
    // Windows shows a default value that is not there.
    if (name !== '') return run.notFound()
    if (!run.isJson) return printUnset(path, run.console)
  }
  const found = search(key, path, question)
  if (run.isJson) run.console.json(found.map(foundJson))
  else print(found, path, question, words, run.console)
  const isEmpty = (name !== undefined || question.search !== undefined) && found.length === 0
  return isEmpty ? ANSWER_IS_NO : FINE
}

function questionOf(words: RegWords): RegQuestion {
  const { switches } = words
  const [name, text, type] = [valueName(words), textOfSwitch(words, 'f'), textOfSwitch(words, 't')]
  const is = (key: string) => switches[key] === true
  const search = { inKeys: is('k'), inData: is('d'), isCaseSensitive: is('c'), isExact: is('e') }
  return {
    below: is('s'),
    ...(name === undefined ? {} : { name }),
    ...(text === undefined ? {} : { search: { text, ...search } }),
    ...(type === undefined ? {} : { type: type.toUpperCase() }),
  }
}

function foundJson({ path, values }: Found) {
  return { key: path, values: values.map(valueJson) }
}

function valueJson(value: RegistryValue) {
  const { name, type, data } = value
  return { name, type: typeWord(value), typeNumber: type, data: dataWords(value), octets: data.toHex() }
}

function printUnset(path: string, console: Console): number {
  for (const line of ['', printable(path), '    (Default)    REG_SZ    (value not set)', '']) console.print(line)
  return FINE
}

/** A key with values stands between empty lines; of keys that are only told of there is a line each. */
function print(found: readonly Found[], path: string, question: RegQuestion, words: RegWords, console: Console): void {
  console.print()
  for (const { path: at, values } of found) {
    const isListed = values.length === 0 && !question.below && at !== path
    if (isListed || values.length > 0 || found.length === 1 || question.below) console.print(printable(at))
    for (const value of values) console.print(`    ${valueLine(value, words)}`)
    if (!isListed && (values.length > 0 || question.below)) console.print()
  }
  const { search: text, name, type, below } = question
  if (text === undefined && type === undefined && !(name !== undefined && below)) return
  const count = found.reduce((sum, { values }) => sum + Math.max(values.length, 1), 0)
  console.print(`End of search: ${count} match(es) found.`)
}

function valueLine(value: RegistryValue, words: RegWords): string {
  const type = `${typeWord(value)}${words.switches['z'] === true ? ` (${value.type})` : ''}`
  const data = dataWords(value, textOfSwitch(words, 'se') ?? TEXTS_APART)
  return [value.name === '' ? '(Default)' : printable(value.name), type, printable(data)].join('    ')
}

export const regExport = regCommand({
  name: 'export',
  summary: 'write a key with everything below it to a .reg file',
  usage: 'reg export KEY FILE [/y]',
  description:
    'A file that regedit reads: Windows Registry Editor Version 5.00, UTF-16. /y replaces a file that is there. With --ansi the ' +
    'older form REGEDIT4, which is refused where it cannot hold a character.',
  syntax: { names: ['KEY', 'FILE'], switches: { y: 'alone' } },
  options: [{ flags: '--ansi', key: 'ansi', description: 'write REGEDIT4, for Windows 9x and NT 4' }],
  examples: [String.raw`'HKLM\SYSTEM\CurrentControlSet\Services\IPSEC' ipsec.reg /y`],
  run: runExport,
})

async function runExport(run: RegRun, { names, switches }: RegWords): Promise<number> {
  const root = run.read()
  if (root === undefined) return run.wrong([])
  const path = spelledPath(root, names[0]!)
  if (path === undefined) return run.notFound()
  const form = run.hasOption('ansi') ? 'REGEDIT4' : 'Windows Registry Editor Version 5.00'
  const text = writeRegText(keyAt(root, path)!, path, form)
  if (!text.ok) return run.wrong(text.error)
  const file = names[1]!
  if (switches['y'] !== true && existsSync(file) && !(await run.agrees(`File ${file} already exists. Overwrite`))) {
    return ANSWER_IS_NO
  }
  writeFileSync(file, text.value)
  if (run.isJson) run.console.json({ file, octets: text.value.length })
  else run.console.print(DONE)
  return FINE
}
