// BER as DER, as far as old PKCS #12 files need it: lengths left open are closed, strings in pieces are joined (X.690 §8.1.3.6,
// §8.7.3). Everything else stays as it is; what reads the result is as strict as ever.
import { DER_OCTET_STRING, derElement } from './der.ts'

const CONSTRUCTED = 0x20
const CONSTRUCTED_OCTETS = DER_OCTET_STRING | CONSTRUCTED
/** Deeper than any such file. */
const MOST_DEPTH = 40

interface Converted {
  readonly der: Uint8Array
  /** Where the next element begins. */
  readonly end: number
}

/** The one element that fills the octets; undefined where they are no such thing. */
export function closeLengths(bytes: Uint8Array): Uint8Array | undefined {
  const converted = convert(bytes, 0, bytes.length, 0)
  return converted?.end === bytes.length ? converted.der : undefined
}

function convert(bytes: Uint8Array, start: number, limit: number, depth: number): Converted | undefined {
  const [tag, first] = [bytes[start], bytes[start + 1]]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f || depth > MOST_DEPTH) return undefined
  const isOpen = first === 0x80
  let at = start + 2
  let length = first
  if (first > 0x80) {
    const more = first & 0x7f
    if (more > 4 || at + more > limit) return undefined
    length = bytes.subarray(at, at + more).reduce((sum, octet) => sum * 256 + octet, 0)
    at += more
  }
  const end = isOpen ? limit : at + length
  if (end > limit) return undefined
  if ((tag & CONSTRUCTED) === 0) return isOpen ? undefined : { der: derElement(tag, bytes.subarray(at, end)), end }
  const inside: Uint8Array[] = []
  while (isOpen ? bytes[at] !== 0 || bytes[at + 1] !== 0 : at < end) {
    const child = convert(bytes, at, end, depth + 1)
    if (child === undefined) return undefined
    inside.push(child.der)
    at = child.end
  }
  const der = tag === CONSTRUCTED_OCTETS ? joined(inside) : derElement(tag, ...inside)
  return der && { der, end: isOpen ? at + 2 : end }
}

/** The pieces of a string in pieces, each itself a string, as one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array | undefined {
  if (pieces.some(piece => piece[0] !== DER_OCTET_STRING)) return undefined
  return derElement(DER_OCTET_STRING, ...pieces.map(contentOf))
}

/** Of an element that `convert` made. */
function contentOf(element: Uint8Array): Uint8Array {
  const first = element[1]!
  return element.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f))
}
