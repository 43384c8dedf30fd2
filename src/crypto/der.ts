// The little of DER (X.690) that negotiation needs: writing keys for node:crypto and reading AlgorithmIdentifiers. Only
// definite lengths in their shortest form and tags of one octet; certificates are not read with this.

export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
}

export const DER_INTEGER = 0x02
export const DER_BIT_STRING = 0x03
export const DER_OCTET_STRING = 0x04
export const DER_NULL = 0x05
export const DER_OID = 0x06
export const DER_SEQUENCE = 0x30

export function derElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = lengthOctets(length)
  const element = new Uint8Array(1 + head.length + length)
  element.set([tag, ...head])
  let at = 1 + head.length
  for (const part of parts) {
    element.set(part, at)
    at += part.length
  }
  return element
}

/** The shortest form; up to 16 megabytes. */
function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  if (length < 0x10000) return [0x82, length >>> 8, length & 0xff]
  if (length >= 0x1000000) throw new RangeError(`${length} octets are more than an element of DER has here`)
  return [0x83, length >>> 16, (length >>> 8) & 0xff, length & 0xff]
}

/** Of an unsigned number, the highest octet first, with or without zeros before it. */
export function derInteger(number: Uint8Array): Uint8Array {
  let start = 0
  while (start < number.length - 1 && number[start] === 0) start++
  // A first bit that is set would make it negative.
  const sign = (number[start] ?? 0) >= 0x80 || number.length === 0 ? [0] : []
  return derElement(DER_INTEGER, Uint8Array.from(sign), number.subarray(start))
}

/** The elements that fill the octets one after another; undefined where they do not fill them exactly. */
export function readDer(bytes: Uint8Array): readonly DerElement[] | undefined {
  const found: DerElement[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at]!
    const first = bytes[at + 1]
    if (first === undefined || (tag & 0x1f) === 0x1f) return undefined
    at += 2
    let length = first
    if (first >= 0x80) {
      const more = first & 0x7f
      if (more < 1 || more > 3 || at + more > bytes.length || bytes[at] === 0) return undefined
      length = 0
      for (let i = 0; i < more; i++) length = length * 256 + bytes[at++]!
      if (length < 0x80) return undefined
    }
    if (at + length > bytes.length) return undefined
    found.push({ tag, content: bytes.subarray(at, at + length) })
    at += length
  }
  return found
}

/** The content of the one element of that tag that fills the octets. */
export function readOne(bytes: Uint8Array, tag: number): Uint8Array | undefined {
  const found = readDer(bytes)
  return found?.length === 1 && found[0]!.tag === tag ? found[0]!.content : undefined
}
