// The internet checksum (RFC 1071) over octets of an arena, sixteen at a time: a small WebAssembly module on the arena's own
// memory. Every segment that is cut or joined is summed up once, which in plain JavaScript would cost as much as sealing it.
// Sums are kept in the machine's order of octets, which a ones' complement sum does not mind (RFC 1071 §2 (B)).
import { type Arena, webAssembly } from '../../native/arena.ts'

/** The sum, not inverted, folded to 16 bits, of `length` octets at `at`. */
export type Sum = (at: number, length: number) => number
/** The same, while the octets are copied to `to`, a lower place or one that does not overlap. */
export type CopyingSum = (at: number, length: number, to: number) => number

export function checksumOn(arena: Arena): Sum {
  return exported(arena, false) as Sum
}

export function copyingChecksumOn(arena: Arena): CopyingSum {
  return exported(arena, true) as CopyingSum
}

function exported(arena: Arena, copies: boolean): unknown {
  const module = new webAssembly.Module(moduleBytes(copies))
  return new webAssembly.Instance(module, { a: { m: arena.wasm } }).exports['sum']
}

/** Folds what several sums add up to. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16)
  folded = (folded & 0xffff) + (folded >>> 16)
  return folded & 0xffff
}

/** A 16-bit number as it stands in a header, in the machine's order. */
export function swapped(word: number): number {
  return ((word & 0xff) << 8) | ((word >>> 8) & 0xff)
}

/** Copies whole words, for headers: a call of the runtime costs more than that. Where the two overlap, `to` is the lower place. */
export function copyWords(view: DataView, from: number, to: number, length: number): void {
  for (let at = 0; at < length; at += 4) view.setUint32(to + at, view.getUint32(from + at, true), true)
}

/** The same from the last word to the first: for what moves to a higher place that it overlaps. */
export function copyWordsUp(view: DataView, from: number, to: number, length: number): void {
  for (let at = length - 4; at >= 0; at -= 4) view.setUint32(to + at, view.getUint32(from + at, true), true)
}

/** What a pseudo-header adds (RFC 9293 §3.1, RFC 8200 §8.1), of the IP header at `ip` and a transport of `length` octets. */
export function pseudoHeaderSum(sum: Sum, bytes: Uint8Array, ip: number, protocol: number, length: number): number {
  return addressSum(sum, bytes, ip) + swapped(protocol) + swapped(length)
}

/** The part of it that is the same for all packets between two hosts. */
export function addressSum(sum: Sum, bytes: Uint8Array, ip: number): number {
  return bytes[ip]! >> 4 === 4 ? sum(ip + 12, 8) : sum(ip + 8, 32)
}

const I32 = 0x7f
const V128 = 0x7b
const VOID = 0x40
const AT = 0
const LENGTH = 1
const TO = 2
const LANES = 3
const SUM = 4
const END = 5

const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
/** Signed LEB128 of small numbers. */
const constant = (value: number): number[] => {
  const octets: number[] = [0x41]
  let left = value
  for (;;) {
    const octet = left & 0x7f
    left >>= 7
    if ((left === 0 && (octet & 0x40) === 0) || (left === -1 && (octet & 0x40) !== 0)) return [...octets, octet]
    octets.push(octet | 0x80)
  }
}
const ADD = [0x6a]
const SUBTRACT = [0x6b]
const AND = [0x71]
const SHIFT_RIGHT = [0x76]
const LESS = [0x49]
const AT_LEAST = [0x4f]
const BLOCK = [0x02, VOID]
const LOOP = [0x03, VOID]
const IF = [0x04, VOID]
const LEAVE_IF = [0x0d, 1]
const AGAIN = [0x0c, 0]
const CLOSE = [0x0b]
const LOAD_8 = [0x2d, 0, 0]
const LOAD_16 = [0x2f, 0, 0]
const LOAD_LANES = [0xfd, 0x00, 0, 0]
const STORE_8 = [0x3a, 0, 0]
const STORE_16 = [0x3b, 0, 0]
const STORE_LANES = [0xfd, 0x0b, 0, 0]
/** i32x4.extadd_pairwise_i16x8_u: eight words become four sums. */
const PAIRS = [0xfd, 0x7f]
const ADD_LANES = [0xfd, 0xae, 0x01]
const lane = (index: number) => [0xfd, 0x1b, index]

/** One module a kind: only what copies has `TO` for an argument. */
function moduleBytes(copies: boolean): Uint8Array {
  const copy = (load: readonly number[], store: readonly number[], octets: number): readonly number[] =>
    copies ? [...get(TO), ...get(AT), ...load, ...store, ...get(TO), ...constant(octets), ...ADD, ...set(TO)] : []
  const foldSum = [
    ...[...get(SUM), ...constant(0xffff), ...AND, ...get(SUM), ...constant(16), ...SHIFT_RIGHT, ...ADD, ...set(SUM)],
  ]
  const body = [
    // Locals: four lanes, then two words.
    ...(copies ? [2] : [3, 1, I32]),
    ...[1, V128, 2, I32],
    ...[...get(AT), ...get(LENGTH), ...constant(-16), ...AND, ...ADD, ...set(END)],
    ...[...BLOCK, ...LOOP, ...get(AT), ...get(END), ...AT_LEAST, ...LEAVE_IF],
    ...copy(LOAD_LANES, STORE_LANES, 16),
    ...[...get(LANES), ...get(AT), ...LOAD_LANES, ...PAIRS, ...ADD_LANES, ...set(LANES)],
    ...[...get(AT), ...constant(16), ...ADD, ...set(AT), ...AGAIN, ...CLOSE, ...CLOSE],
    ...[...get(LENGTH), ...constant(15), ...AND, ...set(LENGTH)],
    ...[...get(LANES), ...lane(0), ...get(LANES), ...lane(1), ...ADD],
    ...[...get(LANES), ...lane(2), ...ADD, ...get(LANES), ...lane(3), ...ADD, ...set(SUM)],
    // Lanes of 64 KiB of ones add up to less than 2^32; two folds leave 16 bits.
    ...foldSum,
    ...[...BLOCK, ...LOOP, ...get(LENGTH), ...constant(2), ...LESS, ...LEAVE_IF],
    ...copy(LOAD_16, STORE_16, 2),
    ...[...get(SUM), ...get(AT), ...LOAD_16, ...ADD, ...set(SUM)],
    ...[...get(AT), ...constant(2), ...ADD, ...set(AT)],
    ...[...get(LENGTH), ...constant(2), ...SUBTRACT, ...set(LENGTH), ...AGAIN, ...CLOSE, ...CLOSE],
    ...[
      ...get(LENGTH),
      ...IF,
      ...copy(LOAD_8, STORE_8, 1),
      ...get(SUM),
      ...get(AT),
      ...LOAD_8,
      ...ADD,
      ...set(SUM),
      ...CLOSE,
    ],
    ...foldSum,
    ...foldSum,
    ...get(SUM),
    ...CLOSE,
  ]
  const text = (word: string) => [word.length, ...Buffer.from(word)]
  const section = (number: number, content: readonly number[]) => [number, ...unsigned(content.length), ...content]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, ...(copies ? [3, I32, I32, I32] : [2, I32, I32]), 1, I32]),
    ...section(2, [1, ...text('a'), ...text('m'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('sum'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ])
}

/** LEB128. */
function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}
