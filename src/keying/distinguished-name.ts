// Distinguished names between text (RFC 4514: the last relative name stands first) and DER (X.501), and whether two of
// them are the same (RFC 5280 §7.1: letter case and runs of spaces do not count, nor which string type was chosen).
// Unicode is folded by case and NFKC, which is the part of RFC 4518 that certificates in use need.

import { failure, nearest, type Result, success } from '../base/result.ts'
import { DER_OID, DER_SEQUENCE, type DerElement, derElement, readDer, readOne } from '../crypto/der.ts'

const SET = 0x31
const UTF8_STRING = 0x0c
const PRINTABLE_STRING = 0x13
const IA5_STRING = 0x16
const BMP_STRING = 0x1e
const UNIVERSAL_STRING = 0x1c

interface AttributeType {
  readonly name: string
  readonly oid: string
  /** What a value is written as. Where absent, UTF8String (RFC 5280 §4.1.2.4). */
  readonly tag?: number
}

/** RFC 4514 §3, then what certificates have beside it; of two names for one type the first is printed. */
const attributeTypes: readonly AttributeType[] = [
  { name: 'CN', oid: '2.5.4.3' },
  { name: 'L', oid: '2.5.4.7' },
  { name: 'ST', oid: '2.5.4.8' },
  { name: 'O', oid: '2.5.4.10' },
  { name: 'OU', oid: '2.5.4.11' },
  { name: 'C', oid: '2.5.4.6', tag: PRINTABLE_STRING },
  { name: 'STREET', oid: '2.5.4.9' },
  { name: 'DC', oid: '0.9.2342.19200300.100.1.25', tag: IA5_STRING },
  { name: 'UID', oid: '0.9.2342.19200300.100.1.1' },
  { name: 'emailAddress', oid: '1.2.840.113549.1.9.1', tag: IA5_STRING },
  { name: 'E', oid: '1.2.840.113549.1.9.1', tag: IA5_STRING },
  { name: 'serialNumber', oid: '2.5.4.5', tag: PRINTABLE_STRING },
  { name: 'SN', oid: '2.5.4.4' },
  { name: 'GN', oid: '2.5.4.42' },
  { name: 'T', oid: '2.5.4.12' },
  { name: 'S', oid: '2.5.4.8' },
]

export interface NameFault {
  readonly what: string
  readonly hint: string
}

/** One type and value; a relative name has one, rarely several. */
interface Attribute {
  readonly oid: string
  readonly value: DerElement
}

/** DER of a name in text: `CN=dc1.corp.test,O=Corp,C=DE`. */
export function readName(text: string): Result<Uint8Array, NameFault> {
  const relative: Uint8Array[] = []
  for (const part of splitUnescaped(text, /[,;]/)) {
    const attributes: Uint8Array[] = []
    for (const pair of splitUnescaped(part, /\+/)) {
      const read = readAttribute(pair)
      if (!read.ok) return read
      attributes.push(read.value)
    }
    relative.unshift(derElement(SET, ...attributes.toSorted(compareOctets)))
  }
  return success(derElement(DER_SEQUENCE, ...relative))
}

function readAttribute(pair: string): Result<Uint8Array, NameFault> {
  const equals = pair.indexOf('=')
  const type = pair.slice(0, Math.max(0, equals)).trim()
  const row = attributeTypes.find(({ name }) => name.toLowerCase() === type.toLowerCase())
  const oid = row?.oid ?? (/^[0-2](\.\d{1,9})+$/.test(type) ? type : undefined)
  if (equals < 0 || oid === undefined) {
    const near = nearest(
      type,
      attributeTypes.map(({ name }) => name),
    )
    return failure({
      what: `${JSON.stringify(pair.trim())} is no part of a distinguished name`,
      hint: near === undefined ? 'names are written like CN=dc1.corp.test,O=Corp,C=DE' : `did you mean ${near}=?`,
    })
  }
  const written = trimUnescaped(pair.slice(equals + 1))
  if (written === '') return failure({ what: `${type} has no value`, hint: 'leave it out, or write a value behind =' })
  if (written.startsWith('#')) return readHexValue(oid, written)
  const value = new TextEncoder().encode(unescaped(written))
  return success(derElement(DER_SEQUENCE, oidElement(oid), derElement(row?.tag ?? UTF8_STRING, value)))
}

/** A value as `#` and the hexadecimal digits of its DER (RFC 4514 §2.4). */
function readHexValue(oid: string, written: string): Result<Uint8Array, NameFault> {
  const hex = written.slice(1)
  const isHex = hex.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(hex)
  const value = isHex ? Uint8Array.fromHex(hex) : undefined
  if (value === undefined || readDer(value)?.length !== 1) {
    return failure({ what: `${written} is no value in DER`, hint: 'write \\# for a value that begins with #' })
  }
  return success(derElement(DER_SEQUENCE, oidElement(oid), value))
}

/** As RFC 4514 has it; undefined where the octets are no name in DER. */
export function formatName(der: Uint8Array): string | undefined {
  const names = relativeNames(der)
  return names
    ?.toReversed()
    .map(attributes => attributes.map(formatAttribute).join('+'))
    .join(',')
}

function formatAttribute({ oid, value }: Attribute): string {
  const name = attributeTypes.find(row => row.oid === oid)?.name ?? oid
  const text = textOf(value)
  if (text === undefined || name === oid) return `${name}=#${derElement(value.tag, value.content).toHex()}`
  return `${name}=${escaped(text)}`
}

/** A name of no parts names nobody. */
export function isEmptyName(der: Uint8Array): boolean {
  return readOne(der, DER_SEQUENCE)?.length === 0
}

/** Whether two names in DER are one; false where either cannot be read, unless they are the same octets. */
export function isSameName(a: Uint8Array, b: Uint8Array): boolean {
  if (compareOctets(a, b) === 0) return true
  const [left, right] = [comparable(a), comparable(b)]
  return left !== undefined && left === right
}

function comparable(der: Uint8Array): string | undefined {
  const names = relativeNames(der)
  return names
    ?.map(attributes => attributes.map(({ oid, value }) => JSON.stringify([oid, comparableValue(value)])).toSorted())
    .map(attributes => attributes.join('+'))
    .join(',')
}

function comparableValue(value: DerElement): string {
  const text = textOf(value)
  if (text === undefined) return `#${value.tag}:${value.content.toHex()}`
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()
}

/** The first value of a common name, for people. */
export function commonName(der: Uint8Array): string | undefined {
  const found = relativeNames(der)
    ?.flat()
    .find(({ oid }) => oid === '2.5.4.3')
  return found && textOf(found.value)
}

function relativeNames(der: Uint8Array): readonly (readonly Attribute[])[] | undefined {
  const inside = readOne(der, DER_SEQUENCE)
  const sets = inside && readDer(inside)
  if (sets === undefined) return undefined
  const names: (readonly Attribute[])[] = []
  for (const set of sets) {
    const pairs = set.tag === SET ? readDer(set.content) : undefined
    if (pairs === undefined || pairs.length === 0) return undefined
    const attributes: Attribute[] = []
    for (const pair of pairs) {
      const [type, value, ...more] = (pair.tag === DER_SEQUENCE ? readDer(pair.content) : undefined) ?? []
      const oid = type?.tag === DER_OID ? formatOid(type.content) : undefined
      if (oid === undefined || value === undefined || more.length > 0) return undefined
      attributes.push({ oid, value })
    }
    names.push(attributes)
  }
  return names
}

function textOf({ tag, content }: DerElement): string | undefined {
  const encoding =
    tag === UTF8_STRING ? 'utf-8' : tag === BMP_STRING ? 'utf-16be' : isLatin(tag) ? 'iso-8859-1' : undefined
  if (tag === UNIVERSAL_STRING) return universalText(content)
  if (encoding === undefined) return undefined
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    return undefined
  }
}

/** NumericString, PrintableString, TeletexString (which is used for Latin 1), IA5String and VisibleString. */
function isLatin(tag: number): boolean {
  return tag === 0x12 || tag === PRINTABLE_STRING || tag === 0x14 || tag === IA5_STRING || tag === 0x1a
}

function universalText(content: Uint8Array): string | undefined {
  if (content.length % 4 !== 0) return undefined
  const view = new DataView(content.buffer, content.byteOffset, content.length)
  const points = Array.from({ length: content.length / 4 }, (_, index) => view.getUint32(4 * index))
  return points.some(point => point > 0x10ffff) ? undefined : String.fromCodePoint(...points)
}

/** An OBJECT IDENTIFIER of dots and numbers as a DER element. */
export function oidElement(oid: string): Uint8Array {
  const [first, second, ...others] = oid.split('.').map(Number)
  const octets = [40 * first! + second!, ...others].flatMap(number => {
    const groups = [number % 128]
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(128 + (left % 128))
    return groups
  })
  return derElement(DER_OID, Uint8Array.from(octets))
}

/** Undefined for octets that are no OID, and for numbers that nobody has given out. */
export function formatOid(content: Uint8Array): string | undefined {
  const numbers: number[] = []
  let number = 0
  for (const [index, octet] of content.entries()) {
    number = number * 128 + (octet & 0x7f)
    if (number > Number.MAX_SAFE_INTEGER / 128) return undefined
    if (octet >= 0x80) {
      if (index === content.length - 1) return undefined
      continue
    }
    numbers.push(number)
    number = 0
  }
  const [first, ...others] = numbers
  if (first === undefined) return undefined
  const root = Math.min(2, Math.floor(first / 40))
  return [root, first - 40 * root, ...others].join('.')
}

/** RFC 4514 §2.4, and control characters too: this is printed. */
function escaped(text: string): string {
  return text
    .replace(/[\\,;+"<>]/g, '\\$&')
    .replace(/[\0-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, character =>
      [...new TextEncoder().encode(character)].map(octet => `\\${octet.toString(16).padStart(2, '0')}`).join(''),
    )
    .replace(/^[# ]/, '\\$&')
    .replace(/(?<!\\) $/, '\\ ')
}

function unescaped(text: string): string {
  const octets: number[] = []
  for (const match of text.matchAll(/((?:\\[0-9a-fA-F]{2})+)|\\(.)|([^\\]+)/gsu)) {
    if (match[1] !== undefined) octets.push(...Uint8Array.fromHex(match[1].replaceAll('\\', '')))
    else octets.push(...new TextEncoder().encode(match[2] ?? match[3]!))
  }
  return new TextDecoder().decode(Uint8Array.from(octets))
}

/** Spaces around a value do not belong to it, unless a backslash says so. */
function trimUnescaped(text: string): string {
  const trimmed = text.trim()
  return /(?<!\\)(\\\\)*\\$/.test(trimmed) && text.trimStart().length > trimmed.length ? `${trimmed} ` : trimmed
}

function splitUnescaped(text: string, separator: RegExp): readonly string[] {
  const parts = ['']
  for (const piece of text.match(/\\.|[^\\]|\\$/gsu) ?? []) {
    if (piece.length === 1 && separator.test(piece)) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts
}

function compareOctets(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}
