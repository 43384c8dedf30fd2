// Reading DER (X.690 §8, §10) strictly: definite lengths in their shortest form, tags of one octet, minimal integers, one
// encoding of TRUE, nothing left over. Readers walk only where a format leads them, so no nesting of a hostile peer makes
// them recurse. What is not DER throws NotDer, which only `readStrictly` catches.
import { failure, type Result, success } from '../../base/result.ts'

/** Not an Error: the mistake is a peer's, and a stack for each would be a gift. */
export class NotDer {
  readonly what: string

  constructor(what: string) {
    this.what = what
  }
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** Context-specific tags: `[number]` with a primitive and with a constructed encoding. */
export const context = (number: number) => 0x80 | number
export const constructed = (number: number) => 0xa0 | number

export interface Element {
  readonly tag: number
  readonly content: Uint8Array
  /** With tag and length: what is signed, hashed or compared. */
  readonly whole: Uint8Array
}

/** The elements that stand one after another in some octets. */
export class ElementReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The tag that comes next; -1 at the end. */
  get tag(): number {
    return this.#bytes[this.#at] ?? -1
  }

  any(what: string): Element {
    const bytes = this.#bytes
    const start = this.#at
    const tag = bytes[start]
    const first = bytes[start + 1]
    if (tag === undefined || first === undefined) throw new NotDer(`${what}: cut off`)
    if ((tag & 0x1f) === 0x1f) throw new NotDer(`${what}: a tag of several octets`)
    let at = start + 2
    let length = first
    if (first >= 0x80) {
      const more = first & 0x7f
      // Four octets of length are more than any limit of ours.
      if (more === 0 || more > 4 || at + more > bytes.length) throw new NotDer(`${what}: its length is not DER`)
      length = 0
      for (let i = 0; i < more; i++) length = length * 256 + bytes[at++]!
      if (length < 0x80 || length < 2 ** (8 * (more - 1))) throw new NotDer(`${what}: its length is not the shortest`)
    }
    const end = at + length
    if (end > bytes.length) throw new NotDer(`${what}: cut off`)
    this.#at = end
    return { tag, content: bytes.subarray(at, end), whole: bytes.subarray(start, end) }
  }

  take(tag: number, what: string): Element {
    if (this.tag !== tag) throw new NotDer(`${what}: tag ${this.tag} where ${tag} belongs`)
    return this.any(what)
  }

  optional(tag: number, what: string): Element | undefined {
    return this.tag === tag ? this.any(what) : undefined
  }

  end(what: string): void {
    if (!this.done) throw new NotDer(`${what}: more than belongs there`)
  }
}

export function inside(element: Element): ElementReader {
  return new ElementReader(element.content)
}

/** The one element that fills the octets. */
export function onlyElement(bytes: Uint8Array, tag: number, what: string): Element {
  const reader = new ElementReader(bytes)
  const element = reader.take(tag, what)
  reader.end(what)
  return element
}

/** All elements inside, each of that tag; at least one, as every SEQUENCE SIZE (1..MAX) wants. */
export function elementsOf(element: Element, tag: number, what: string): readonly Element[] {
  const reader = inside(element)
  const found: Element[] = []
  do found.push(reader.take(tag, what))
  while (!reader.done)
  return found
}

/** Runs a reader; the only place where NotDer is caught. */
export function readStrictly<T>(read: () => T): Result<T, string> {
  try {
    return success(read())
  } catch (error) {
    if (error instanceof NotDer) return failure(error.what)
    throw error
  }
}

export function readBoolean(element: Element, what: string): boolean {
  const [octet] = element.content
  if (element.content.length !== 1 || (octet !== 0 && octet !== 0xff)) throw new NotDer(`${what}: not a BOOLEAN in DER`)
  return octet === 0xff
}

/** `BOOLEAN DEFAULT FALSE`: where it stands it is TRUE. */
export function readFlag(element: Element | undefined, what: string): boolean {
  if (element === undefined) return false
  if (!readBoolean(element, what)) throw new NotDer(`${what}: a default written out`)
  return true
}

/** Content octets, two's complement, checked to be the fewest. */
export function readInteger(element: Element, what: string): Uint8Array {
  const { content } = element
  const [first, second] = content
  if (first === undefined) throw new NotDer(`${what}: an empty INTEGER`)
  const redundant = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))
  if (redundant) throw new NotDer(`${what}: an INTEGER with octets to spare`)
  return content
}

/** A number from 0 to `most`; one that is larger counts as `most`, so that counters of certificates cannot overflow. */
export function readCount(element: Element, what: string, most = 1000): number {
  const content = readInteger(element, what)
  if (content[0]! >= 0x80) throw new NotDer(`${what}: below zero`)
  if (content.length > 4) return most
  return Math.min(
    most,
    content.reduce((sum, octet) => sum * 256 + octet, 0),
  )
}

export function readOid(element: Element, what: string): string {
  const { content } = element
  if (content.length === 0 || content.length > 64 || content.at(-1)! >= 0x80) throw new NotDer(`${what}: no OID`)
  const arcs: bigint[] = []
  let arc = 0n
  let starts = true
  for (const octet of content) {
    if (starts && octet === 0x80) throw new NotDer(`${what}: an OID with octets to spare`)
    arc = (arc << 7n) | BigInt(octet & 0x7f)
    starts = octet < 0x80
    if (!starts) continue
    arcs.push(arc)
    arc = 0n
  }
  const first = arcs[0]!
  const top = first < 80n ? first / 40n : 2n
  return [top, first - top * 40n, ...arcs.slice(1)].join('.')
}

/** The octets of a BIT STRING whose bits fill them: keys and signatures. */
export function readWholeBits(element: Element, what: string): Uint8Array {
  if (element.content[0] !== 0) throw new NotDer(`${what}: bits that fill no octets`)
  return element.content.subarray(1)
}

/** Positions of the bits that are set; DER has no zeros at the end of a named list (X.690 §11.2.2). */
export function readNamedBits(element: Element, what: string): ReadonlySet<number> {
  const { content } = element
  const unused = content[0] ?? 8
  const bits = (content.length - 1) * 8 - unused
  if (unused > 7 || bits < 0 || bits > 32) throw new NotDer(`${what}: no BIT STRING of flags`)
  const isSet = (bit: number) => (content[1 + (bit >> 3)]! & (0x80 >> (bit & 7))) !== 0
  const found = new Set(Array.from({ length: (content.length - 1) * 8 }, (_, bit) => bit).filter(isSet))
  if ((bits > 0 && !found.has(bits - 1)) || [...found].some(bit => bit >= bits)) {
    throw new NotDer(`${what}: flags with bits to spare`)
  }
  return found
}

/** Unix seconds of a UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 writes them: with seconds, in UTC, no fraction. */
export function readTime(reader: ElementReader, what: string): number {
  const element = reader.any(what)
  const isShort = element.tag === TAG.utcTime
  if (!isShort && element.tag !== TAG.generalizedTime) throw new NotDer(`${what}: no time`)
  const text = readAscii(element.content, what)
  if (!(isShort ? /^\d{12}Z$/ : /^\d{14}Z$/).test(text)) throw new NotDer(`${what}: a time of another form`)
  const full = isShort ? `${Number(text.slice(0, 2)) < 50 ? 20 : 19}${text}` : text
  const fields = [0, 4, 6, 8, 10, 12].map((at, index) => Number(full.slice(at, index === 0 ? 4 : at + 2)))
  const [year, month, day, hour, minute, second] = fields as [number, number, number, number, number, number]
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  // Dates roll over: 31 April would become 1 May.
  const back = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours()]
  const isReal = back.every((value, index) => value === fields[index]) && minute < 60 && second < 60
  if (!isReal) throw new NotDer(`${what}: no such day or hour`)
  return date.getTime() / 1000
}

/** Printable ASCII; control characters in a name would only deceive who reads it. */
export function readAscii(content: Uint8Array, what: string): string {
  if (content.some(octet => octet < 0x20 || octet >= 0x7f)) throw new NotDer(`${what}: not plain ASCII`)
  return Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf16 = new TextDecoder('utf-16be', { fatal: true })

/** Text of any of ASN.1's string types that names use; undefined for another type. */
export function readText(element: Element, what: string): string | undefined {
  const { tag, content } = element
  try {
    switch (tag) {
      case TAG.utf8String:
        return utf8.decode(content)
      case TAG.printableString:
      case TAG.ia5String:
        if (content.some(octet => octet >= 0x80)) throw new NotDer(`${what}: not ASCII`)
        return utf8.decode(content)
      case TAG.bmpString:
        return utf16.decode(content)
      case TAG.teletexString:
        return Buffer.from(content).toString('latin1')
      default:
        return undefined
    }
  } catch {
    throw new NotDer(`${what}: its text is not of its type`)
  }
}
