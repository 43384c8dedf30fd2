// Security templates (secedit .inf, GptTmpl.inf of a group policy): of their sections `[Registry Values]` sets values of the
// registry, `MACHINE\key\name=type,data`. The other sections are about accounts, rights and permissions; they are named.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { decodeRegFile } from './reg-encoding.ts'
import type { RegistryChange } from './registry.ts'
import { pathFault } from './registry-name.ts'
import {
  dwordValue,
  expandStringValue,
  multiStringValue,
  type RegistryValue,
  stringValue,
  valueTypes,
} from './value.ts'

export interface SecurityTemplate {
  readonly changes: readonly RegistryChange[]
  readonly lines: readonly number[]
  /** Sections with settings that are none of the registry. */
  readonly otherSections: readonly string[]
  /** Errors are lines that could not be read. */
  readonly problems: readonly Problem[]
}

const LARGEST = 64 * 1024 * 1024
const MOST_PROBLEMS = 200
const roots: ReadonlyMap<string, string> = new Map([
  ['machine', 'HKLM'],
  ['users', 'HKU'],
  ['classes_root', 'HKCR'],
])
/** They say what the file is, and set nothing. */
const headers = new Set(['unicode', 'version', 'profile description'])

/** Whether the text has a section that only security templates have. */
export function isSecurityTemplate(bytes: Uint8Array): boolean {
  const { text } = decodeRegFile(bytes.subarray(0, 65_536))
  return (
    /^\s*\[(registry values|system access|event audit|privilege rights)\]/im.test(text) ||
    /^signature\s*=\s*"\$chicago\$"/im.test(text)
  )
}

export function readSecurityTemplate(bytes: Uint8Array, where: string): Result<SecurityTemplate, readonly Problem[]> {
  if (bytes.length > LARGEST) {
    const what = `a file of ${bytes.length} octets is too large`
    return failure([{ severity: 'error', where, what, hint: `at most ${LARGEST} are read` }])
  }
  const changes: RegistryChange[] = []
  const lines: number[] = []
  const problems: Problem[] = []
  const others = new Set<string>()
  let section = ''
  for (const [index, raw] of decodeRegFile(bytes)
    .text.split(/\r\n|\n|\r/)
    .entries()) {
    const line = raw.replace(/^\ufeff/, '').trim()
    if (line === '' || line.startsWith(';')) continue
    const head = /^\[(.*)\]$/.exec(line)
    if (head !== null) {
      section = head[1]!
      continue
    }
    if (section.toLowerCase() !== 'registry values') {
      if (!headers.has(section.toLowerCase())) others.add(section)
      continue
    }
    const read = readLine(line)
    if (read.ok) {
      changes.push(read.value)
      lines.push(index + 1)
    } else if (problems.length < MOST_PROBLEMS) {
      problems.push({ severity: 'error', where: `${where}:${index + 1}`, what: read.error, hint: FORM })
    }
  }
  return success({ changes, lines, otherSections: [...others], problems })
}

const FORM = 'as in MACHINE\\System\\CurrentControlSet\\Services\\IPSEC\\NoDefaultExempt=4,1'

function readLine(line: string): Result<RegistryChange, string> {
  // Some tools put the path in quotation marks.
  const match = /^"?([^"=]+?)"?\s*=\s*(\d+)\s*,(.*)$/.exec(line)
  if (match === null) return failure('no value of the registry')
  const [, path = '', type = '', data = ''] = match
  const at = path.lastIndexOf('\\')
  const border = path.indexOf('\\')
  const root = roots.get(path.slice(0, border).toLowerCase())
  if (root === undefined || at <= border) return failure(`${path.slice(0, 80)} names no key that templates know`)
  const key = `${root}\\${path.slice(border + 1, at)}`
  const fault = pathFault(key)
  if (fault !== undefined) return failure(`the key cannot be: ${fault}`)
  const value = valueFrom(path.slice(at + 1), Number(type), data.trim())
  return value.ok ? success({ kind: 'set', key, value: value.value }) : value
}

function valueFrom(name: string, type: number, data: string): Result<RegistryValue, string> {
  switch (type) {
    case valueTypes.REG_SZ:
      return success(stringValue(name, unquoted(data)))
    case valueTypes.REG_EXPAND_SZ:
      return success(expandStringValue(name, unquoted(data)))
    case valueTypes.REG_MULTI_SZ:
      return success(multiStringValue(name, fieldsOf(data)))
    case valueTypes.REG_DWORD: {
      const number = /^(0x[0-9a-f]+|\d+)$/i.test(data) ? Number(data) : Number.NaN
      return number <= 0xffffffff
        ? success(dwordValue(name, number))
        : failure(`“${data.slice(0, 40)}” is no number of 32 bits`)
    }
    case valueTypes.REG_BINARY: {
      // Octets between commas, each in one or two digits, or all digits in a row.
      const digits = data
        .split(',')
        .map(octet => octet.trim())
        .map(octet => (octet.length === 1 ? `0${octet}` : octet))
        .join('')
      const isWhole = digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits)
      return isWhole
        ? success({ name, type, data: Uint8Array.fromHex(digits) })
        : failure('the octets are not in hexadecimal digits')
    }
    default:
      return failure(`type ${type} is none that templates have`)
  }
}

function unquoted(text: string): string {
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text
}

/** Texts between commas; one in quotation marks may hold commas. */
function fieldsOf(data: string): readonly string[] {
  const fields = data.match(/"[^"]*"|[^,]+/g) ?? []
  return fields.map(field => unquoted(field.trim())).filter(field => field !== '')
}
