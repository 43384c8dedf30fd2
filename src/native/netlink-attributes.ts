// Netlink's attributes (netlink(7)): length, kind, value, padding to 4 octets, in the machine's order, which is
// little-endian on all that this runs on. What the kernel sends is read with every bound checked, so that a kernel that
// knows more than we do costs nothing but the part that we do not know.
import { concatenate } from '../base/bytes.ts'

export type Attributes = ReadonlyMap<number, Uint8Array>

const HEADER = 4
/** Flags in the kind: nested, network order. */
const KIND_MASK = 0x3fff

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value)
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 255, (value >>> 8) & 255)
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255)
}

/** With its zero. */
export function text(value: string): Uint8Array {
  return concatenate([new TextEncoder().encode(value), u8(0)])
}

/** Nothing where there is no value: left-out options become left-out attributes. */
export function attribute(kind: number, value: Uint8Array | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array(0)
  const length = HEADER + value.length
  return concatenate([u16(length), u16(kind), value, new Uint8Array(-length & 3)])
}

/** The first of each kind; stops where what is left is no attribute. */
export function readAttributes(bytes: Uint8Array): Attributes {
  const found = new Map<number, Uint8Array>()
  let at = 0
  while (at + HEADER <= bytes.length) {
    const length = bytes[at]! | (bytes[at + 1]! << 8)
    const kind = (bytes[at + 2]! | (bytes[at + 3]! << 8)) & KIND_MASK
    if (length < HEADER || at + length > bytes.length) break
    if (!found.has(kind)) found.set(kind, bytes.subarray(at + HEADER, at + length))
    at += (length + 3) & ~3
  }
  return found
}

/** Undefined where it is missing or too short. */
export function readU32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length < 4) return undefined
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0
}

export function readText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(bytes.slice(0, end < 0 ? bytes.length : end))
}
