// IP addresses and prefixes as 32-bit words, most significant first: one word for IPv4, four for IPv6 (RFC 4291 §2.2,
// printed as RFC 5952 has it). Zone identifiers are left out: a policy speaks of addresses, not of links.
import { isIPv4, isIPv6 } from 'node:net'

export interface Address {
  readonly family: 4 | 6
  /** Unsigned 32-bit words in network order: one for IPv4, four for IPv6. */
  readonly words: readonly number[]
}

/** An address block: `length` leading bits count (0 to 32 for IPv4, 0 to 128 for IPv6); the bits behind them are zero. */
export interface Prefix {
  readonly address: Address
  readonly length: number
}

/** Undefined for anything that is not a whole IPv4 or IPv6 address in text. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, words: [ipv4Word(text)] }
  if (!isIPv6(text) || text.includes('%')) return undefined
  return { family: 6, words: ipv6Words(text) }
}

function ipv4Word(text: string): number {
  return text.split('.').reduce((word, octet) => word * 256 + Number(octet), 0)
}

function ipv6Words(text: string): number[] {
  const dotted = text.lastIndexOf(':') + 1
  const tail = text.slice(dotted)
  const hex = tail.includes('.')
    ? `${text.slice(0, dotted)}${(ipv4Word(tail) >>> 16).toString(16)}:${(ipv4Word(tail) & 0xffff).toString(16)}`
    : text
  const [head, rest] = hex.split('::')
  const left = head === '' || head === undefined ? [] : head.split(':')
  const right = rest === undefined || rest === '' ? [] : rest.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right].map(g =>
    parseInt(g, 16),
  )
  return [0, 2, 4, 6].map(index => groups[index]! * 65536 + groups[index + 1]!)
}

/** Parses `ADDRESS/LENGTH`, `ADDRESS/MASK` (IPv4) or a bare address, which is a prefix of full length. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  const bits = address.family === 4 ? 32 : 128
  if (slash < 0) return { address, length: bits }
  const behind = text.slice(slash + 1)
  const length = /^\d{1,3}$/.test(behind) ? Number(behind) : address.family === 4 ? maskLength(behind) : undefined
  if (length === undefined || length > bits) return undefined
  return { address: maskAddress(address, length), length }
}

function maskLength(text: string): number | undefined {
  if (!isIPv4(text)) return undefined
  const mask = ipv4Word(text)
  const length = Math.clz32(~mask)
  return (length === 32 ? 0xffffffff : (0xffffffff << (32 - length)) >>> 0) === mask || mask === 0 ? length : undefined
}

/** The address with every bit behind the first `length` cleared. */
export function maskAddress(address: Address, length: number): Address {
  return { family: address.family, words: address.words.map((word, index) => (word & wordMask(length, index)) >>> 0) }
}

/** The last address of a prefix. */
export function lastAddress(prefix: Prefix): Address {
  const { address, length } = prefix
  return { family: address.family, words: address.words.map((word, i) => (word | ~wordMask(length, i)) >>> 0) }
}

function wordMask(length: number, index: number): number {
  const bits = Math.min(32, Math.max(0, length - 32 * index))
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
}

/** Negative, zero or positive as `a` sorts before, with or behind `b`; every IPv4 address sorts before every IPv6 one. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family
  for (let index = 0; index < a.words.length; index++) {
    const difference = a.words[index]! - b.words[index]!
    if (difference !== 0) return difference
  }
  return 0
}

export function sameAddress(a: Address, b: Address): boolean {
  return compareAddresses(a, b) === 0
}

export function isInside(address: Address, prefix: Prefix): boolean {
  return address.family === prefix.address.family && sameAddress(maskAddress(address, prefix.length), prefix.address)
}

export function isMulticast(address: Address): boolean {
  const first = address.words[0]!
  return address.family === 4 ? first >>> 28 === 0xe : first >>> 24 === 0xff
}

export function isLimitedBroadcast(address: Address): boolean {
  return address.family === 4 && address.words[0] === 0xffffffff
}

/** In network order: 4 or 16. */
export function addressOctets({ words }: Address): Uint8Array {
  return Uint8Array.from(words.flatMap(word => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]))
}

/** The address of 4 or 16 octets in network order. */
export function addressFromOctets(octets: Uint8Array): Address {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const words = Array.from({ length: octets.length / 4 }, (_, index) => view.getUint32(4 * index))
  return { family: words.length === 1 ? 4 : 6, words }
}

export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(address.words[0]!) : formatIpv6(address.words)
}

export function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups shortened, the first of equals. */
export function formatIpv6(words: readonly number[]): string {
  const groups = words.flatMap(word => [word >>> 16, word & 0xffff])
  // An IPv4-mapped address is known by its prefix alone, so its tail is written dotted (RFC 5952 §5).
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return `::ffff:${formatIpv4(words[3]!)}`
  let runStart = -1
  let runLength = 1
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > runLength) {
      runStart = start
      runLength = end - start
    }
    start = Math.max(start, end)
  }
  const text = (part: readonly number[]) => part.map(group => group.toString(16)).join(':')
  if (runStart < 0) return text(groups)
  return `${text(groups.slice(0, runStart))}::${text(groups.slice(runStart + runLength))}`
}

export function formatPrefix(prefix: Prefix): string {
  const full = prefix.address.family === 4 ? 32 : 128
  return prefix.length === full ? formatAddress(prefix.address) : `${formatAddress(prefix.address)}/${prefix.length}`
}
