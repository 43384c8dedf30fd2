// Distinguished names (RFC 5280 §4.1.2.4): read, compared (§7.1, RFC 4518) and written for people (RFC 4514).
import { type Element, ElementReader, elementsOf, inside, readOid, readText, TAG } from './der-reader.ts'

export interface Name {
  readonly der: Uint8Array
  /** One text for each relative name; equal texts are equal names, however they are encoded. */
  readonly keys: readonly string[]
  /** All of them in one, for maps. */
  readonly key: string
  /** RFC 4514: the last part first. */
  readonly text: string
  /** Values of emailAddress attributes, which name constraints for mail also hold (RFC 5280 §4.2.1.10). */
  readonly emails: readonly string[]
  /** Values of commonName attributes. */
  readonly commonNames: readonly string[]
}

const EMAIL_ADDRESS = '1.2.840.113549.1.9.1'
const COMMON_NAME = '2.5.4.3'

/** RFC 4514 §3 and the short names that Windows and OpenSSL print. */
const shortNames: Readonly<Record<string, string>> = {
  [COMMON_NAME]: 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.42': 'GN',
  '2.5.4.43': 'initials',
  '2.5.4.46': 'dnQualifier',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  [EMAIL_ADDRESS]: 'E',
}

/** OIDs by the short names above, in lower case: for who reads names that people write. */
export const attributeTypes: ReadonlyMap<string, string> = new Map([
  ...Object.entries(shortNames).map(([oid, short]) => [short.toLowerCase(), oid] as const),
  ['s', '2.5.4.8'],
  ['emailaddress', EMAIL_ADDRESS],
])

interface Attribute {
  readonly type: string
  readonly value: Element
  readonly text: string | undefined
}

export function readName(from: ElementReader, what: string): Name {
  const whole = from.take(TAG.sequence, what)
  const parts: Attribute[][] = []
  const reader = inside(whole)
  while (!reader.done) parts.push(readRelativeName(reader.take(TAG.set, what), what))
  return nameOf(whole.whole, parts)
}

/** Of a name's octets that came by themselves, as in IKE's ID_DER_ASN1_DN. */
export function readNameOctets(der: Uint8Array, what: string): Name {
  const reader = new ElementReader(der)
  const name = readName(reader, what)
  reader.end(what)
  return name
}

function readRelativeName(set: Element, what: string): Attribute[] {
  return elementsOf(set, TAG.sequence, what).map(pair => {
    const reader = inside(pair)
    const type = readOid(reader.take(TAG.oid, what), what)
    const value = reader.any(what)
    reader.end(what)
    return { type, value, text: readText(value, what) }
  })
}

function nameOf(der: Uint8Array, parts: readonly (readonly Attribute[])[]): Name {
  const valuesOf = (type: string) => parts.flat().flatMap(one => (one.type === type ? [one.text ?? ''] : []))
  const keys = parts.map(relativeKey)
  return {
    der,
    keys,
    key: JSON.stringify(keys),
    text: parts
      .map(part => part.map(textOf).join('+'))
      .toReversed()
      .join(','),
    emails: valuesOf(EMAIL_ADDRESS),
    commonNames: valuesOf(COMMON_NAME),
  }
}

const relativeKey = (part: readonly Attribute[]) => JSON.stringify(part.map(keyOf).toSorted())

/** Teletex is compared octet by octet, as its character set is anybody's guess; so is what is no text. */
function keyOf({ type, value, text }: Attribute): string {
  if (text === undefined || value.tag === TAG.teletexString) return `${type}#${value.whole.toHex()}`
  return `${type}=${foldText(text)}`
}

/** RFC 4518: case, compatibility forms, and white space at the ends or repeated do not count. */
export function foldText(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u00ad\u200b-\u200f\u2060\ufeff]/g, '')
    .toLowerCase()
    .normalize('NFKC')
    .replace(/\s+/g, ' ')
    .trim()
}

function textOf({ type, value, text }: Attribute): string {
  const short = shortNames[type]
  if (short === undefined || text === undefined) return `${short ?? type}=#${value.whole.toHex()}`
  const escaped = text
    .replace(/[\\",+;<>]/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, hexOf)
    // The end first: a value of one space is escaped once.
    .replace(/ $/, '\\ ')
    .replace(/^[ #]/, '\\$&')
  return `${short}=${escaped}`
}

function hexOf(character: string): string {
  return [...new TextEncoder().encode(character)].map(octet => `\\${octet.toString(16).padStart(2, '0')}`).join('')
}

export function isSameName(a: Name, b: Name): boolean {
  return a.key === b.key
}

/** Does the name lie in the subtree below `base`, or is it the base? */
export function isNameWithin(name: Name, base: Name): boolean {
  return base.keys.length <= name.keys.length && base.keys.every((key, index) => key === name.keys[index])
}

export const isEmptyName = (name: Name): boolean => name.keys.length === 0

/** For maps: equal where the names are. */
export const nameKey = (name: Name): string => name.key

/** One part of a name, by itself. */
export interface RelativeName {
  readonly key: string
  readonly text: string
}

/** Content of a RelativeDistinguishedName under another tag, as distribution points have it (RFC 5280 §4.2.1.13). */
export function readRelative(element: Element, what: string): RelativeName {
  const part = readRelativeName(element, what)
  return { key: relativeKey(part), text: part.map(textOf).join('+') }
}

/** The name below another one. Its octets are those of the other: it is for comparing. */
export function extendName(name: Name, { key, text }: RelativeName): Name {
  const keys = [...name.keys, key]
  return { ...name, keys, key: JSON.stringify(keys), text: name.text === '' ? text : `${text},${name.text}` }
}
