// Writing .reg files as regedit does: UTF-16LE with its mark, or REGEDIT4 in ANSI; lines folded at 80 columns. A value that
// its short form would not bring back octet by octet is written in hexadecimal, and what a form cannot hold is a problem.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { ansiOctets, utf16File } from './reg-encoding.ts'
import type { RegForm } from './reg-text.ts'
import { changesTo, type RegistryChange, type RegistryKey } from './registry.ts'
import { type RegistryValue, utf16Text, valueTypes } from './value.ts'

/** A key and everything below it, as `reg export` writes it; `path` is its whole path. */
export function writeRegText(
  key: RegistryKey,
  path: string,
  form: RegForm = 'Windows Registry Editor Version 5.00',
): Result<Uint8Array, readonly Problem[]> {
  return writeRegChanges(changesTo(key, path), form)
}

/** Changes as a file that makes them when it is imported, deletions included. */
export function writeRegChanges(
  changes: readonly RegistryChange[],
  form: RegForm = 'Windows Registry Editor Version 5.00',
): Result<Uint8Array, readonly Problem[]> {
  const problems: Problem[] = []
  const lines: string[] = [form]
  const isAnsi = form === 'REGEDIT4'
  /** The key that the lines are about; a value of another key names it first. */
  let current: string | undefined
  const begin = (key: string, isDeleted: boolean) => {
    if (/[\r\n]/.test(key)) problems.push(cannot(key, 'the name of a key has a line end in it'))
    lines.push('', `[${isDeleted ? '-' : ''}${key}]`)
    current = isDeleted ? undefined : key
  }
  for (const change of changes) {
    const { key } = change
    if (change.kind === 'create-key' || change.kind === 'delete-key') begin(key, change.kind === 'delete-key')
    else {
      if (key !== current) begin(key, false)
      const name = change.kind === 'set' ? change.value.name : change.name
      const data = change.kind === 'set' ? dataText(change.value, quotedName(name).length + 1, isAnsi) : '-'
      if (data === undefined) problems.push(cannot(`${key}, value “${name}”`, 'its text is not in code page 1252'))
      else lines.push(`${quotedName(name)}=${data}`)
    }
  }
  const text = `${lines.join('\r\n')}\r\n\r\n`
  const octets = isAnsi ? ansiOctets(text) : utf16File(text)
  if (octets === undefined) problems.push(cannot(form, 'a name is not in code page 1252'))
  return octets === undefined || problems.length > 0 ? failure(problems) : success(octets)
}

function cannot(where: string, what: string): Problem {
  const hint = 'Windows Registry Editor Version 5.00 holds every character but line ends in names of keys'
  return { severity: 'error', where, what, hint }
}

function quotedName(name: string): string {
  return name === '' ? '@' : quoted(name)
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** What stands behind `=`, which is in column `column`; undefined where ANSI does not hold it. */
function dataText(value: RegistryValue, column: number, isAnsi: boolean): string | undefined {
  const { type, data } = value
  if (type === valueTypes.REG_DWORD && data.length === 4) {
    const number = new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true)
    return `dword:${number.toString(16).padStart(8, '0')}`
  }
  if (type === valueTypes.REG_SZ) {
    const text = plainText(data)
    if (text !== undefined && (!isAnsi || ansiOctets(text) !== undefined)) return quoted(text)
  }
  const prefix = type === valueTypes.REG_BINARY ? 'hex:' : `hex(${type.toString(16)}):`
  const octets = isAnsi && isText(type) ? ansiData(data) : data
  return octets && prefix + folded(octets, column + prefix.length)
}

function isText(type: number): boolean {
  return type === valueTypes.REG_SZ || type === valueTypes.REG_EXPAND_SZ || type === valueTypes.REG_MULTI_SZ
}

function ansiData(data: Uint8Array): Uint8Array | undefined {
  const text = utf16Text(data)
  return text === undefined ? undefined : ansiOctets(text)
}

/** The text of octets that are just a text and its zero, without line ends; undefined for all others. */
function plainText(data: Uint8Array): string | undefined {
  const text = utf16Text(data)
  if (text === undefined || !text.endsWith('\0')) return undefined
  const content = text.slice(0, -1)
  return /[\0\r\n]/.test(content) ? undefined : content
}

/** regedit breaks a line behind the octet that reaches column 77. */
const FOLD_BEHIND = 76

function folded(octets: Uint8Array, column: number): string {
  const hex = octets.toHex()
  const lines: string[] = []
  let start = column
  for (let at = 0; at < octets.length; start = 2) {
    const count = Math.max(1, Math.floor((FOLD_BEHIND - start) / 3) + 1)
    lines.push(hex.slice(2 * at, 2 * (at + count)).replace(/..(?=.)/g, '$&,'))
    at += count
  }
  return lines.join(',\\\r\n  ')
}
