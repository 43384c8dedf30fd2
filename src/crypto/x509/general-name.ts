// General names (RFC 5280 §4.2.1.6): who a certificate speaks for, and in name constraints which names it may.
import {
  constructed,
  context,
  type Element,
  ElementReader,
  inside,
  NotDer,
  readAscii,
  readOid,
  readText,
  TAG,
} from './der-reader.ts'
import { type Name, readName } from './name.ts'

export type GeneralName =
  | { readonly kind: 'rfc822'; readonly value: string }
  | { readonly kind: 'dns'; readonly value: string }
  | { readonly kind: 'uri'; readonly value: string }
  | { readonly kind: 'directory'; readonly name: Name }
  /** 4 or 16 octets; in name constraints 8 or 32, with the mask behind. */
  | { readonly kind: 'address'; readonly octets: Uint8Array }
  /** `value` with its tag and length. */
  | { readonly kind: 'other'; readonly type: string; readonly value: Uint8Array }
  | { readonly kind: 'registered'; readonly oid: string }
  | { readonly kind: 'x400' | 'edi'; readonly value: Uint8Array }

/** Microsoft's user principal name, an otherName with a UTF8String. */
const UPN = '1.3.6.1.4.1.311.20.2.3'

export function readGeneralName(from: ElementReader, what: string, isConstraint = false): GeneralName {
  const element = from.any(what)
  switch (element.tag) {
    case constructed(0):
      return readOtherName(element, what)
    case context(1):
      return { kind: 'rfc822', value: readAscii(element.content, what) }
    case context(2):
      return { kind: 'dns', value: readAscii(element.content, what) }
    case constructed(3):
      return { kind: 'x400', value: element.whole }
    case constructed(4): {
      // A CHOICE cannot be tagged implicitly, so the name stands inside whole.
      const reader = inside(element)
      const name = readName(reader, what)
      reader.end(what)
      return { kind: 'directory', name }
    }
    case constructed(5):
      return { kind: 'edi', value: element.whole }
    case context(6):
      return { kind: 'uri', value: readAscii(element.content, what) }
    case context(7): {
      const { length } = element.content
      const bytes = isConstraint ? length / 2 : length
      if (bytes !== 4 && bytes !== 16) throw new NotDer(`${what}: an address of ${length} octets`)
      return { kind: 'address', octets: element.content }
    }
    case context(8):
      return { kind: 'registered', oid: readOid(element, what) }
    default:
      throw new NotDer(`${what}: no kind of name`)
  }
}

function readOtherName(element: Element, what: string): GeneralName {
  const reader = inside(element)
  const type = readOid(reader.take(TAG.oid, what), what)
  const value = inside(reader.take(constructed(0), what)).any(what)
  reader.end(what)
  return { kind: 'other', type, value: value.whole }
}

/** GeneralNames inside an element; at least one. */
export function readGeneralNames(from: Element, what: string): readonly GeneralName[] {
  const reader = inside(from)
  const names: GeneralName[] = []
  do names.push(readGeneralName(reader, what))
  while (!reader.done)
  return names
}

/** The user principal name in an otherName, if it is one. */
export function principalNameOf(name: GeneralName): string | undefined {
  if (name.kind !== 'other' || name.type !== UPN) return undefined
  try {
    const value = new ElementReader(name.value).any('UPN')
    return value.tag === TAG.utf8String ? readText(value, 'UPN') : undefined
  } catch {
    return undefined
  }
}
