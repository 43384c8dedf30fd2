// Registry.pol of a group policy (PReg, [MS-GPREG] §2.2.1): changes to the registry, in UTF-16LE. Names that begin with two
// asterisks delete; every one of them is understood or told.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { RegistryChange } from './registry.ts'
import { pathFault } from './registry-name.ts'
import { type RegistryValue, utf16Text } from './value.ts'

export interface RegistryPol {
  /** In the order of the file. */
  readonly changes: readonly RegistryChange[]
  /** Warnings: instructions that are not carried out. */
  readonly problems: readonly Problem[]
}

const SIGNATURE = 'PReg'
const VERSION = 1
const LARGEST = 256 * 1024 * 1024
const [OPEN, SEMICOLON, CLOSE] = [0x5b, 0x3b, 0x5d]

/** `hive`: where its keys are, `HKLM` for a machine's file and `HKCU` for a user's. Bytes of any content never throw. */
export function readRegistryPol(
  bytes: Uint8Array,
  where: string,
  hive: 'HKLM' | 'HKCU' = 'HKLM',
): Result<RegistryPol, readonly Problem[]> {
  const fail = (what: string, hint: string) => failure([{ severity: 'error', where, what, hint }] as const)
  if (!isRegistryPol(bytes)) return fail('no registry policy file: it does not begin with PReg', 'name a Registry.pol')
  if (bytes.length > LARGEST)
    return fail(`a file of ${bytes.length} octets is too large`, `at most ${LARGEST} are read`)
  const version = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(4, true)
  if (version !== VERSION) return fail(`version ${version} of the format is not known`, `version ${VERSION} is`)
  const reader = new Instructions(bytes)
  const changes: RegistryChange[] = []
  const problems: Problem[] = []
  while (!reader.isDone) {
    const at = reader.at
    const instruction = reader.next()
    if (instruction === undefined) return fail(`what stands at octet ${at} is no instruction`, 'copy the file anew')
    const place = `${where}, octet ${at}`
    const key = `${hive}\\${instruction.key}`
    const fault = pathFault(key)
    if (fault === undefined) changes.push(...changesOf(key, instruction.value, place, problems))
    else problems.push({ severity: 'warning', where: place, what: `the key cannot be: ${fault}`, hint: '' })
  }
  return success({ changes, problems })
}

export function isRegistryPol(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && Buffer.from(bytes.subarray(0, 4)).toString('latin1') === SIGNATURE
}

function changesOf(key: string, value: RegistryValue, where: string, problems: Problem[]): readonly RegistryChange[] {
  const { name } = value
  if (!name.startsWith('**'))
    return name === '' && value.data.length === 0 ? [{ kind: 'create-key', key }] : [{ kind: 'set', key, value }]
  const lower = name.toLowerCase()
  const names = () =>
    (utf16Text(value.data) ?? '')
      .replace(/\0.*$/s, '')
      .split(';')
      .filter(one => one !== '')
  if (lower.startsWith('**del.')) return [{ kind: 'delete-value', key, name: name.slice('**del.'.length) }]
  // What was set before the instruction is gone; a key made anew has no values.
  if (lower.startsWith('**delvals'))
    return [
      { kind: 'delete-key', key },
      { kind: 'create-key', key },
    ]
  if (lower === '**deletevalues') return names().map(one => ({ kind: 'delete-value', key, name: one }) as const)
  if (lower === '**deletekeys') return names().map(one => ({ kind: 'delete-key', key: `${key}\\${one}` }) as const)
  if (lower.startsWith('**soft.'))
    return [{ kind: 'set', key, value: { ...value, name: name.slice('**soft.'.length) } }]
  const what = `the instruction ${name} is not carried out`
  problems.push({ severity: 'warning', where, what, hint: lower === '**securekey' ? 'it is about permissions' : '' })
  return []
}

/** `[key;value;type;size;data]`, each mark a character of UTF-16LE. */
class Instructions {
  at = 8
  readonly #bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get isDone(): boolean {
    return this.at >= this.#bytes.length
  }

  next(): { readonly key: string; readonly value: RegistryValue } | undefined {
    if (!this.#mark(OPEN)) return undefined
    const key = this.#text()
    if (key === undefined || !this.#mark(SEMICOLON)) return undefined
    const name = this.#text()
    if (name === undefined || !this.#mark(SEMICOLON)) return undefined
    const type = this.#number()
    if (type === undefined || !this.#mark(SEMICOLON)) return undefined
    const size = this.#number()
    if (size === undefined || !this.#mark(SEMICOLON) || this.at + size > this.#bytes.length) return undefined
    const data = this.#bytes.slice(this.at, this.at + size)
    this.at += size
    return this.#mark(CLOSE) ? { key, value: { name, type, data } } : undefined
  }

  #mark(character: number): boolean {
    if (this.at + 2 > this.#bytes.length || this.#view.getUint16(this.at, true) !== character) return false
    this.at += 2
    return true
  }

  #number(): number | undefined {
    if (this.at + 4 > this.#bytes.length) return undefined
    const number = this.#view.getUint32(this.at, true)
    this.at += 4
    return number
  }

  /** Up to a zero. */
  #text(): string | undefined {
    const start = this.at
    for (let end = start; end + 2 <= this.#bytes.length; end += 2) {
      if (this.#view.getUint16(end, true) !== 0) continue
      this.at = end + 2
      return utf16Text(this.#bytes.subarray(start, end))
    }
    return undefined
  }
}
