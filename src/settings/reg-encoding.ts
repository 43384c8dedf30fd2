// The octets of a .reg file as text and back: UTF-16 with its mark or known by its zeros, UTF-8, and the ANSI of Western
// Windows (code page 1252), in which every octet is a character, so that nothing is lost on the way.
import { utf16Octets, utf16Text } from './value.ts'

export type RegEncoding = 'utf-16le' | 'utf-16be' | 'utf-8' | 'windows-1252'

export interface RegFileText {
  readonly encoding: RegEncoding
  readonly text: string
}

/** Code page 1252 at 80 to 9f; five octets that it leaves free stand for themselves, as Windows has it. */
const upperControls = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

const octetsByCharacter = new Map([...upperControls].map((character, index) => [character, 0x80 + index]))

export function ansiText(octets: Uint8Array): string {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1')
  return text.replace(/[\x80-\x9f]/g, control => upperControls[control.charCodeAt(0) - 0x80]!)
}

/** Undefined where a character is not in the code page. */
export function ansiOctets(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    const octet = unit < 0x80 || (unit >= 0xa0 && unit <= 0xff) ? unit : octetsByCharacter.get(text[index]!)
    if (octet === undefined) return undefined
    octets[index] = octet
  }
  return octets
}

/** An odd octet at the end of UTF-16 is left out; who reads the text has to tell of it. */
export function decodeRegFile(bytes: Uint8Array): RegFileText {
  const [first, second, third] = bytes
  const even = bytes.subarray(0, bytes.length - (bytes.length % 2))
  if (first === 0xff && second === 0xfe) return { encoding: 'utf-16le', text: utf16Text(even.subarray(2))! }
  if (first === 0xfe && second === 0xff) return { encoding: 'utf-16be', text: utf16Text(swapped(even.subarray(2)))! }
  if (first === 0xef && second === 0xbb && third === 0xbf)
    return { encoding: 'utf-8', text: looseUtf8(bytes.subarray(3)) }
  // A header is ASCII: in UTF-16 its second octet is zero, and in nothing else.
  if (second === 0 && first !== 0) return { encoding: 'utf-16le', text: utf16Text(even)! }
  if (first === 0 && second !== 0) return { encoding: 'utf-16be', text: utf16Text(swapped(even))! }
  return { encoding: 'windows-1252', text: ansiText(bytes) }
}

/** For a header that leaves the encoding open: UTF-8 where the octets are UTF-8 throughout, else ANSI. */
export function asUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function looseUtf8(bytes: Uint8Array): string {
  return asUtf8(bytes) ?? ansiText(bytes)
}

function swapped(octets: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.from(octets).swap16())
}

/** With the mark in front, as regedit writes it. */
export function utf16File(text: string): Uint8Array {
  return utf16Octets(`\ufeff${text}`)
}
