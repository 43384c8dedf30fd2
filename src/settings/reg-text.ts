// Reading .reg files, REGEDIT4 and Windows Registry Editor Version 5.00: every line is a change or a problem with its line
// number, none is passed over. The header says what the octets of hex(1), hex(2) and hex(7) are: ANSI or UTF-16LE.
// Writing them is write-reg-text.ts.
import { concatenate } from '../base/bytes.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { ansiText, asUtf8, decodeRegFile, type RegEncoding } from './reg-encoding.ts'
import type { RegistryChange } from './registry.ts'
import { LONGEST_VALUE_NAME, pathFault, pathNames, valueNameFault } from './registry-name.ts'
import { dwordValue, type RegistryValue, stringValue, utf16Octets, valueTypes } from './value.ts'

export type RegForm = 'REGEDIT4' | 'Windows Registry Editor Version 5.00'

export const regForms: readonly RegForm[] = ['REGEDIT4', 'Windows Registry Editor Version 5.00']

export interface RegText {
  readonly header: RegForm
  readonly encoding: RegEncoding
  /** In the order of the file; each with the line it stands at in `lines`. */
  readonly changes: readonly RegistryChange[]
  readonly lines: readonly number[]
  /** Errors are lines that could not be read and are not among the changes. */
  readonly problems: readonly Problem[]
}

/** Octets; a larger file is refused before it is read. */
export const LARGEST_REG_FILE = 256 * 1024 * 1024

/** More are counted, not listed: a file that is none of ours has a fault in each of its lines. */
const MOST_PROBLEMS = 200

/** Types whose octets are text: in REGEDIT4 they are ANSI. */
const textTypes: readonly number[] = [valueTypes.REG_SZ, valueTypes.REG_EXPAND_SZ, valueTypes.REG_MULTI_SZ]

/** `where`: the name of the file, for problems. Fails only where the whole is no .reg file. */
export function readRegText(bytes: Uint8Array, where: string): Result<RegText, readonly Problem[]> {
  const refused = (what: string, hint: string) => failure([{ severity: 'error' as const, where, what, hint }])
  if (bytes.length > LARGEST_REG_FILE) {
    return refused(`a file of ${bytes.length} octets is too large`, `at most ${LARGEST_REG_FILE} are read`)
  }
  const decoded = decodeRegFile(bytes)
  const header = regForms.find(
    form =>
      decoded.text
        .slice(0, 80)
        .split(/[\r\n]/, 1)[0]!
        .trim() === form,
  )
  if (header === undefined) {
    return refused('this is no .reg file', `its first line has to be “${regForms[1]}” or “${regForms[0]}”`)
  }
  // REGEDIT4 is ANSI by definition; what calls itself 5.00 without a mark was saved by an editor.
  const utf8 = decoded.encoding === 'windows-1252' && header !== 'REGEDIT4' ? asUtf8(bytes) : undefined
  const { text, encoding } = utf8 === undefined ? decoded : { text: utf8, encoding: 'utf-8' as const }
  const read = new RegReader(text, header, where).read()
  const isCut = encoding.startsWith('utf-16') && bytes.length % 2 !== 0
  const half: Problem = { severity: 'error', where, what: 'it ends in the middle of a character', hint: 'it was cut' }
  return success({ header, encoding, ...read, problems: isCut ? [...read.problems, half] : read.problems })
}

/** What values belong to: a key, or none, because none came, it was deleted, or it could not be read. */
type Place = { readonly kind: 'key'; readonly path: string } | { readonly kind: 'none' | 'deleted' | 'faulty' }

const closeIt = 'inside the quotation marks, write \\" and \\\\'

class RegReader {
  readonly #text: string
  readonly #header: RegForm
  readonly #where: string
  readonly #changes: RegistryChange[] = []
  readonly #lines: number[] = []
  readonly #problems: Problem[] = []
  #unlisted = 0
  #place: Place = { kind: 'none' }
  /** Line ends are counted once, as far as anybody asked. */
  #counted = 0
  #line = 1

  constructor(text: string, header: RegForm, where: string) {
    this.#text = text
    this.#header = header
    this.#where = where
  }

  read(): Pick<RegText, 'changes' | 'lines' | 'problems'> {
    for (let at = this.#behindLine(0); at < this.#text.length; ) at = this.#readLine(at)
    if (this.#unlisted > 0) {
      const what = `and ${this.#unlisted} more problems`
      this.#problems.push({ severity: 'error', where: this.#where, what, hint: 'is this a .reg file throughout?' })
    }
    return { changes: this.#changes, lines: this.#lines, problems: this.#problems }
  }

  /** Answers where the next line begins. */
  #readLine(start: number): number {
    const first = this.#skipSpace(start)
    const next = this.#behindLine(first)
    switch (this.#text[first]) {
      case undefined:
      case '\r':
      case '\n':
      case ';':
        return next
      case '[':
        this.#place = this.#readKey(this.#restOfLine(first), first)
        return next
      case '@':
      case '"':
        return this.#readValue(first) ?? next
      default:
        this.#fault(first, 'this is neither a key, a value nor a comment', 'keys stand in [ ], names of values in " "')
        return next
    }
  }

  #readKey(line: string, at: number): Place {
    // The last one: names of keys may have brackets.
    const end = line.lastIndexOf(']')
    if (end < 0 || !isNothing(line.slice(end + 1))) {
      this.#fault(at, 'the key does not end with “]”', 'a key stands in [ ] on a line of its own')
      return { kind: 'faulty' }
    }
    const isDeleted = line[1] === '-'
    const path = line.slice(isDeleted ? 2 : 1, end)
    const names = pathNames(path)
    const fault =
      (path.includes('\r') ? 'a line end is in it' : pathFault(path)) ??
      (isDeleted && names.length < 2 ? 'a root cannot be deleted' : undefined)
    if (fault !== undefined) {
      this.#fault(at, `“${path}” is no key: ${fault}`, '')
      return { kind: 'faulty' }
    }
    const key = names.join('\\')
    this.#change({ kind: isDeleted ? 'delete-key' : 'create-key', key }, at)
    return isDeleted ? { kind: 'deleted' } : { kind: 'key', path: key }
  }

  /** Answers where it ends, which may be lines away; undefined where it could not be read. */
  #readValue(at: number): number | undefined {
    const name = this.#text[at] === '@' ? { text: '', end: at + 1 } : this.#quoted(at, 2 * LONGEST_VALUE_NAME)
    if (name === undefined) return this.#fault(at, 'the name of the value does not end with a quotation mark', closeIt)
    const equals = this.#skipSpace(name.end)
    if (this.#text[equals] !== '=') return this.#fault(at, 'there is no “=” behind the name of the value', '')
    const fault = valueNameFault(name.text)
    if (fault !== undefined) return this.#fault(at, fault, '')
    const data = this.#skipSpace(equals + 1)
    if (this.#text[data] === '"') return this.#readText(name.text, data, at)
    const rest = this.#restOfLine(data)
    if (rest.startsWith('-') && isNothing(rest.slice(1))) {
      this.#valueChange({ kind: 'delete-value', key: '', name: name.text }, at)
      return this.#behindLine(data)
    }
    return this.#readNumbers(name.text, data, at)
  }

  #readText(name: string, data: number, at: number): number | undefined {
    const text = this.#quoted(data)
    if (text === undefined) return this.#fault(at, 'the text does not end with a quotation mark', closeIt)
    if (!isNothing(this.#restOfLine(text.end))) {
      return this.#fault(at, 'there is more behind the quotation mark that ends the text', closeIt)
    }
    if (text.hasLoneBackslash) {
      this.#fault(at, 'a backslash that stands alone is left out, as regedit does', 'write \\\\', 'warning')
    }
    this.#valueChange({ kind: 'set', key: '', value: stringValue(name, text.text) }, at)
    return this.#behindLine(text.end)
  }

  /** `dword:` and the forms of `hex`. */
  #readNumbers(name: string, data: number, at: number): number | undefined {
    const rest = this.#restOfLine(data)
    const kind = /^(dword|hex|hex\(([0-9a-f]{1,8})\)):/i.exec(rest)
    if (kind === null) {
      const word = /^[^:]{0,20}/.exec(rest)![0]
      const hint = 'a text in " ", dword:, hex:, hex(TYPE):, or - to delete the value'
      return this.#fault(at, `“${word}” is no type of value`, hint)
    }
    const content = data + kind[0].length
    if (kind[1]!.toLowerCase() === 'dword') {
      const digits = /^\s*([0-9a-f]{1,8})\s*(;.*)?$/i.exec(this.#restOfLine(content))
      if (digits === null) return this.#fault(at, 'dword: takes one to eight hexadecimal digits', '')
      this.#valueChange({ kind: 'set', key: '', value: dwordValue(name, Number.parseInt(digits[1]!, 16)) }, at)
      return this.#behindLine(content)
    }
    const { octets, end, isWhole } = this.#hexOctets(content)
    if (!isWhole) {
      this.#fault(
        end,
        'this is no list of octets',
        'two hexadecimal digits each, commas between, \\ at the end to go on',
      )
      return this.#behindLine(end)
    }
    const type = kind[2] === undefined ? valueTypes.REG_BINARY : Number.parseInt(kind[2], 16)
    const isAnsi = this.#header === 'REGEDIT4' && textTypes.includes(type)
    const value: RegistryValue = { name, type, data: isAnsi ? utf16Octets(ansiText(octets)) : octets }
    this.#valueChange({ kind: 'set', key: '', value }, at)
    return this.#behindLine(end)
  }

  /** Octets in hexadecimal from `start`, over as many lines as end with a backslash; `end` is in the last of them. */
  #hexOctets(start: number): { readonly octets: Uint8Array; readonly end: number; readonly isWhole: boolean } {
    const parts: Uint8Array[] = []
    for (let at = start; ; at = this.#behindLine(at)) {
      const line = this.#restOfLine(at)
      const comment = line.indexOf(';')
      const list = (comment < 0 ? line : line.slice(0, comment)).trim()
      const goesOn = list.endsWith('\\')
      const part = octetsOfList(goesOn ? list.slice(0, -1) : list)
      if (part !== undefined) parts.push(part)
      // A file that ends where a line says that more comes has been cut.
      const isCut = goesOn && this.#behindLine(at) >= this.#text.length
      const isWhole = part !== undefined && !isCut
      if (!goesOn || !isWhole) return { octets: concatenate(parts), end: at, isWhole }
    }
  }

  /** What stands in quotation marks from `at`, perhaps over lines: regedit writes line ends in texts as they are. */
  #quoted(at: number, longest = Number.POSITIVE_INFINITY): Quoted | undefined {
    const parts: string[] = []
    let hasLoneBackslash = false
    let from = at + 1
    for (;;) {
      const stop = indexOfMark(this.#text, from)
      if (stop < 0 || stop - at > longest + 2) return undefined
      parts.push(this.#text.slice(from, stop))
      if (this.#text[stop] === '"') return { text: parts.join(''), end: stop + 1, hasLoneBackslash }
      const escaped = this.#text[stop + 1]
      if (escaped === undefined) return undefined
      if (escaped !== '\\' && escaped !== '"') hasLoneBackslash = true
      parts.push(escaped)
      from = stop + 2
    }
  }

  #valueChange(change: ValueChange, at: number): void {
    const place = this.#place
    if (place.kind === 'key') this.#change({ ...change, key: place.path }, at)
    else if (place.kind === 'none') this.#fault(at, 'the value stands in front of every key', 'put [HKEY_…] before it')
    else if (place.kind === 'deleted') {
      this.#fault(at, 'the value belongs to a key that is deleted', 'name the key again, without “-”')
    }
    // A key that could not be read has been told of; its values are not told of one by one.
  }

  #change(change: RegistryChange, at: number): void {
    this.#changes.push(change)
    this.#lines.push(this.#lineOf(at))
  }

  #fault(at: number, what: string, hint: string, severity: Problem['severity'] = 'error'): undefined {
    const where = `${this.#where}:${this.#lineOf(at)}`
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push({ severity, where, what, hint })
    else this.#unlisted++
  }

  /** Positions are asked for in their order, or in the line before. */
  #lineOf(at: number): number {
    while (this.#counted < at) {
      const next = this.#behindLine(this.#counted)
      if (next > at || next === this.#counted) break
      this.#counted = next
      this.#line++
    }
    return this.#line
  }

  #skipSpace(at: number): number {
    let end = at
    while (this.#text[end] === ' ' || this.#text[end] === '\t') end++
    return end
  }

  #endOfLine(at: number): number {
    const feed = this.#text.indexOf('\n', at)
    const end = feed < 0 ? this.#text.length : feed
    return this.#text[end - 1] === '\r' && end > at ? end - 1 : end
  }

  #behindLine(at: number): number {
    const feed = this.#text.indexOf('\n', at)
    return feed < 0 ? this.#text.length : feed + 1
  }

  #restOfLine(at: number): string {
    return this.#text.slice(at, this.#endOfLine(at))
  }
}

type ValueChange = Extract<RegistryChange, { readonly kind: 'set' | 'delete-value' }>

interface Quoted {
  readonly text: string
  /** Behind the closing mark. */
  readonly end: number
  readonly hasLoneBackslash: boolean
}

function indexOfMark(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22 || unit === 0x5c) return at
  }
  return -1
}

function isNothing(rest: string): boolean {
  const text = rest.trimStart()
  return text === '' || text.startsWith(';')
}

/** `01,2,ff,`; undefined for anything else. */
function octetsOfList(list: string): Uint8Array | undefined {
  if (list.trim() === '') return new Uint8Array()
  const octets = new Uint8Array((list.length >> 1) + 1)
  let count = 0
  let digits = 0
  let value = 0
  for (let at = 0; at < list.length; at++) {
    const unit = list.charCodeAt(at)
    const digit = hexDigit(unit)
    if (digit >= 0) {
      if (++digits > 2) return undefined
      value = value * 16 + digit
    } else if (unit === 0x2c) {
      if (digits === 0) return undefined
      octets[count++] = value
      digits = 0
      value = 0
    } else if (unit !== 0x20 && unit !== 0x09) return undefined
  }
  if (digits > 0) octets[count++] = value
  return octets.slice(0, count)
}

function hexDigit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  const small = unit | 0x20
  return small >= 0x61 && small <= 0x66 ? small - 0x57 : -1
}
