// Distinguished names that people write (RFC 4514: the last relative name stands first), as DER. Reading, comparing and
// printing names in DER is crypto/x509/name.ts.
import { failure, nearest, type Result, success } from '../base/result.ts'
import { DER_SEQUENCE, derElement, readDer } from '../crypto/der.ts'
import { DER_SET } from '../crypto/make-certificate.ts'
import { oidElement } from '../crypto/object-identifiers.ts'
import { attributeTypes } from '../crypto/x509/name.ts'

const UTF8_STRING = 0x0c
const PRINTABLE_STRING = 0x13
const IA5_STRING = 0x16

/** What values are written as where not as UTF8String (RFC 5280 §4.1.2.4, appendix A.1). */
const stringTypes: ReadonlyMap<string, number> = new Map([
  ['2.5.4.5', PRINTABLE_STRING],
  ['2.5.4.6', PRINTABLE_STRING],
  ['2.5.4.46', PRINTABLE_STRING],
  ['0.9.2342.19200300.100.1.25', IA5_STRING],
  ['1.2.840.113549.1.9.1', IA5_STRING],
])

export interface NameFault {
  readonly what: string
  readonly hint: string
}

/** DER of a name in text: `CN=dc1.corp.test,O=Corp,C=DE`. */
export function readDistinguishedName(text: string): Result<Uint8Array, NameFault> {
  const relative: Uint8Array[] = []
  for (const part of splitUnescaped(text, /[,;]/)) {
    const attributes: Uint8Array[] = []
    for (const pair of splitUnescaped(part, /\+/)) {
      const read = readAttribute(pair)
      if (!read.ok) return read
      attributes.push(read.value)
    }
    relative.unshift(derElement(DER_SET, ...attributes.toSorted(Buffer.compare)))
  }
  return success(derElement(DER_SEQUENCE, ...relative))
}

function readAttribute(pair: string): Result<Uint8Array, NameFault> {
  const equals = pair.indexOf('=')
  const type = pair.slice(0, Math.max(0, equals)).trim()
  const oid = attributeTypes.get(type.toLowerCase()) ?? (/^[0-2](\.\d{1,9})+$/.test(type) ? type : undefined)
  if (equals < 0 || oid === undefined) {
    const near = type.length < 2 ? undefined : nearest(type, attributeTypes.keys())?.toUpperCase()
    return failure({
      what: `${JSON.stringify(pair.trim())} is no part of a distinguished name`,
      hint: near === undefined ? 'names are written like CN=dc1.corp.test,O=Corp,C=DE' : `did you mean ${near}=?`,
    })
  }
  const written = trimUnescaped(pair.slice(equals + 1))
  if (written === '') return failure({ what: `${type} has no value`, hint: 'leave it out, or write a value behind =' })
  if (written.startsWith('#')) return readHexValue(oid, written)
  const value = new TextEncoder().encode(unescaped(written))
  const tag = stringTypes.get(oid) ?? UTF8_STRING
  if (tag !== UTF8_STRING && value.some(octet => octet >= 0x80)) {
    return failure({ what: `${type} takes letters of ASCII only`, hint: 'write the name as the certificate has it' })
  }
  return success(derElement(DER_SEQUENCE, oidElement(oid), derElement(tag, value)))
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

function unescaped(text: string): string {
  const octets: number[] = []
  for (const match of text.matchAll(/((?:\\[0-9a-fA-F]{2})+)|\\(.)|([^\\]+)/gsu)) {
    if (match[1] !== undefined) octets.push(...Uint8Array.fromHex(match[1].replaceAll('\\', '')))
    else octets.push(...new TextEncoder().encode(match[2] ?? match[3]!))
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(octets))
}

/** Spaces around a value do not belong to it, unless a backslash says so. */
function trimUnescaped(text: string): string {
  // Spaces of other kinds are part of the value: what we print is read back as it was.
  const begun = text.replace(/^[ \t]+/, '')
  const trimmed = begun.replace(/[ \t]+$/, '')
  return /(?<!\\)(\\\\)*\\$/.test(trimmed) && begun.length > trimmed.length ? `${trimmed} ` : trimmed
}

function splitUnescaped(text: string, separator: RegExp): readonly string[] {
  const parts = ['']
  for (const piece of text.match(/\\.|[^\\]|\\$/gsu) ?? []) {
    if (piece.length === 1 && separator.test(piece)) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts
}
