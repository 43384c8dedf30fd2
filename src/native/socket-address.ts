// struct sockaddr_in and sockaddr_in6: written and read in memory that C shares. On the per-packet path only the
// offsets are used.
import type { Address } from '../base/address.ts'

export const AF_INET = 2
export const AF_INET6 = 10
/** Room for any that this project meets; sockaddr_in6 has 28. */
export const SOCKET_ADDRESS_BYTES = 32

/** The port, in network order, in both kinds. */
export const PORT_AT = 2
/** In sockaddr_in. */
export const IPV4_AT = 4
/** In sockaddr_in6, behind the flow label. */
export const IPV6_AT = 8
const SCOPE_AT = 24

/** `link` is the interface of a link-local address, 0 for others. */
export interface Endpoint {
  readonly address: Address
  readonly port: number
  readonly link: number
}

export function familyNumber(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6
}

/** Answers its length for C. */
export function writeSocketAddress(view: DataView, at: number, address: Address, port: number, link = 0): number {
  view.setUint16(at, familyNumber(address.family), true)
  view.setUint16(at + PORT_AT, port)
  if (address.family === 4) {
    view.setUint32(at + IPV4_AT, address.words[0]!)
    view.setBigUint64(at + 8, 0n)
    return 16
  }
  view.setUint32(at + 4, 0)
  writeWords(view, at + IPV6_AT, address.words)
  view.setUint32(at + SCOPE_AT, link, true)
  return 28
}

/** Undefined where neither IPv4 nor IPv6 lies there. */
export function readSocketAddress(view: DataView, at: number): Endpoint | undefined {
  const family = view.getUint16(at, true)
  const port = view.getUint16(at + PORT_AT)
  if (family === AF_INET) return { address: readAddress(view, at + IPV4_AT, 4), port, link: 0 }
  if (family !== AF_INET6) return undefined
  return { address: readAddress(view, at + IPV6_AT, 6), port, link: view.getUint32(at + SCOPE_AT, true) }
}

/** The address alone, in network order. */
export function readAddress(view: DataView, at: number, family: 4 | 6): Address {
  const places = family === 4 ? [0] : [0, 4, 8, 12]
  return { family, words: places.map(place => view.getUint32(at + place)) }
}

export function writeWords(view: DataView, at: number, words: readonly number[]): void {
  for (const [index, word] of words.entries()) view.setUint32(at + 4 * index, word)
}
