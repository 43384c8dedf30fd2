// LDIF, the text form of directories (RFC 2849), both ways: entries with their attributes, and additions and modifications of
// entries in the same file. Every line is read or is a problem with its number. Values from other files (`:<`) are not
// fetched: a text must not make us read files.
import { octetsOf } from '../base/bytes.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'

export interface DirectoryAttribute {
  readonly name: string
  readonly values: readonly Uint8Array[]
}

export interface DirectoryEntry {
  readonly dn: string
  /** In the order in which they came; of one name in any case only one. */
  readonly attributes: readonly DirectoryAttribute[]
}

export interface ReadLdif {
  readonly entries: readonly DirectoryEntry[]
  /** Errors are lines that are not among the entries. */
  readonly problems: readonly Problem[]
}

/** Octets; a larger file is refused before it is read. */
export const LARGEST_LDIF = 256 * 1024 * 1024
const MOST_PROBLEMS = 200

/** The values of an attribute, as octets; of one that is not there, none. */
export function attributeValues(entry: DirectoryEntry, name: string): readonly Uint8Array[] {
  const wanted = name.toLowerCase()
  return entry.attributes.find(attribute => attribute.name.toLowerCase() === wanted)?.values ?? []
}

const utf8 = new TextDecoder('utf-8', { fatal: false })

export function attributeTexts(entry: DirectoryEntry, name: string): readonly string[] {
  return attributeValues(entry, name).map(value => utf8.decode(value))
}

export function textAttribute(name: string, texts: readonly string[]): DirectoryAttribute {
  return { name, values: texts.map(text => octetsOf(new TextEncoder().encode(text))) }
}

/** `where`: the name of the file, for problems. Fails only where the whole is too large. */
export function readLdif(bytes: Uint8Array, where: string): Result<ReadLdif, readonly Problem[]> {
  if (bytes.length > LARGEST_LDIF) {
    const what = `a file of ${bytes.length} octets is too large`
    return failure([{ severity: 'error', where, what, hint: `at most ${LARGEST_LDIF} are read` }])
  }
  return success(new LdifReader(utf8.decode(bytes), where).read())
}

interface Line {
  readonly number: number
  readonly text: string
}

interface Draft {
  readonly dn: string
  readonly attributes: Map<string, { readonly name: string; readonly values: Uint8Array[] }>
}

class LdifReader {
  readonly #where: string
  readonly #lines: readonly Line[]
  readonly #problems: Problem[] = []
  readonly #drafts = new Map<string, Draft>()

  constructor(text: string, where: string) {
    this.#where = where
    this.#lines = unfolded(text)
  }

  read(): ReadLdif {
    let record: Line[] = []
    for (const line of this.#lines) {
      if (line.text !== '') record.push(line)
      else {
        this.#record(record)
        record = []
      }
    }
    this.#record(record)
    const entries = [...this.#drafts.values()].map(({ dn, attributes }) => ({
      dn,
      attributes: [...attributes.values()],
    }))
    return { entries, problems: this.#problems }
  }

  #problem(line: Line, what: string, hint: string): void {
    if (this.#problems.length >= MOST_PROBLEMS) return
    this.#problems.push({ severity: 'error', where: `${this.#where}:${line.number}`, what, hint })
  }

  #record(lines: readonly Line[]): void {
    const [first, ...others] = lines
    if (first === undefined) return
    // The version of LDIF stands before the first entry, with or without an empty line.
    if (/^version\s*:/i.test(first.text)) return this.#record(others)
    const dn = this.#valueOf(first)
    if (dn === undefined) return
    if (dn.name.toLowerCase() !== 'dn') return this.#problem(first, 'an entry begins with dn:', 'it is left out')
    const name = utf8.decode(dn.value)
    const change = others[0] === undefined ? undefined : /^changetype\s*:\s*(\S+)\s*$/i.exec(others[0].text)?.[1]
    const kind = change?.toLowerCase()
    if (kind === 'modify') return this.#modify(name, others.slice(1), first)
    if (kind !== undefined && kind !== 'add') {
      return this.#problem(others[0]!, `changetype ${kind} is not understood`, 'entries, add and modify are')
    }
    const draft = this.#draftOf(name)
    for (const line of kind === 'add' ? others.slice(1) : others) this.#add(draft, line)
  }

  #draftOf(dn: string): Draft {
    const key = dn.toLowerCase()
    const known = this.#drafts.get(key)
    if (known !== undefined) return known
    const made: Draft = { dn, attributes: new Map() }
    this.#drafts.set(key, made)
    return made
  }

  #add(draft: Draft, line: Line): void {
    const read = this.#valueOf(line)
    if (read === undefined) return
    const key = read.name.toLowerCase()
    const attribute = draft.attributes.get(key)
    if (attribute === undefined) draft.attributes.set(key, { name: read.name, values: [read.value] })
    else attribute.values.push(read.value)
  }

  /** `add: NAME`, `replace: NAME` or `delete: NAME`, the values, and a line with a hyphen behind each. */
  #modify(dn: string, lines: readonly Line[], at: Line): void {
    const draft = this.#draftOf(dn)
    let part: Line[] = []
    for (const line of [...lines, { number: at.number, text: '-' }]) {
      if (line.text !== '-') {
        part.push(line)
        continue
      }
      const [head, ...values] = part
      part = []
      if (head === undefined) continue
      const words = /^(add|replace|delete)\s*:\s*(\S+)\s*$/i.exec(head.text)
      if (words === null || (words[1]!.toLowerCase() === 'delete' && values.length > 0)) {
        this.#problem(head, 'this modification is not understood', 'add, replace and delete of a whole attribute are')
        continue
      }
      if (words[1]!.toLowerCase() !== 'add') draft.attributes.delete(words[2]!.toLowerCase())
      for (const line of values) this.#add(draft, line)
    }
  }

  #valueOf(line: Line): { readonly name: string; readonly value: Uint8Array } | undefined {
    const parts = /^([A-Za-z0-9.-]+(?:;[A-Za-z0-9-]+)*):([:<]?) *(.*)$/s.exec(line.text)
    if (parts === null) {
      this.#problem(line, 'this is no line of LDIF', 'write NAME: VALUE, or NAME:: and base64')
      return undefined
    }
    const [, name, form, text] = parts
    if (form === '<') {
      this.#problem(line, 'a value from another file is not fetched', 'write NAME:: and its base64')
      return undefined
    }
    if (form === '') return { name: name!, value: octetsOf(new TextEncoder().encode(text!)) }
    try {
      return { name: name!, value: Uint8Array.fromBase64(text!.trim()) }
    } catch {
      this.#problem(line, 'this is no base64', 'the value is left out')
      return undefined
    }
  }
}

/** Lines that begin with a space continue the one before; comments go. An empty line stays: it ends an entry. */
function unfolded(text: string): readonly Line[] {
  const found: { number: number; parts: string[] }[] = []
  let isComment = false
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.startsWith(' ')) {
      if (!isComment) found.at(-1)?.parts.push(line.slice(1))
      continue
    }
    isComment = line.startsWith('#')
    if (!isComment) found.push({ number: index + 1, parts: [line] })
  }
  return found.map(({ number, parts }) => ({ number, text: parts.join('') }))
}

/** Entries as they stand in a directory: what `ldbadd` or another reader of entries takes. */
export function writeLdif(entries: readonly DirectoryEntry[]): string {
  const texts = entries.map(
    ({ dn, attributes }) => lines('dn', utf8Octets(dn)) + attributes.map(attributeLines).join(''),
  )
  return ['version: 1\n', ...texts].join('\n')
}

/**
 * The same as changes of a directory that checks references: every entry is added without those named, and gets them when
 * all are there.
 */
export function writeLdifChanges(entries: readonly DirectoryEntry[], references: readonly string[]): string {
  const isReference = ({ name }: DirectoryAttribute) =>
    references.some(reference => reference.toLowerCase() === name.toLowerCase())
  const added = entries.map(({ dn, attributes }) => {
    const plain = attributes.filter(attribute => !isReference(attribute))
    return `${lines('dn', utf8Octets(dn))}changetype: add\n${plain.map(attributeLines).join('')}`
  })
  const completed = entries.flatMap(({ dn, attributes }) => {
    const some = attributes.filter(isReference)
    if (some.length === 0) return []
    const parts = some.map(attribute => `add: ${attribute.name}\n${attributeLines(attribute)}-\n`)
    return [`${lines('dn', utf8Octets(dn))}changetype: modify\n${parts.join('')}`]
  })
  return ['version: 1\n', ...added, ...completed].join('\n')
}

function utf8Octets(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function attributeLines({ name, values }: DirectoryAttribute): string {
  return values.map(value => lines(name, value)).join('')
}

/** RFC 2849: what may stand as it is. */
const SAFE = /^[\x01-\x09\x0b\x0c\x0e-\x1f\x21-\x39\x3b\x3d-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*$/
const WIDTH = 76

function lines(name: string, value: Uint8Array): string {
  const text = utf8.decode(value)
  const isPlain = value.length === 0 || (SAFE.test(text) && !text.endsWith(' '))
  const whole = isPlain ? `${name}: ${text}`.trimEnd() : `${name}:: ${octetsOf(value).toBase64()}`
  const parts = [whole.slice(0, WIDTH)]
  for (let at = WIDTH; at < whole.length; at += WIDTH - 1) parts.push(` ${whole.slice(at, at + WIDTH - 1)}`)
  return `${parts.join('\n')}\n`
}
