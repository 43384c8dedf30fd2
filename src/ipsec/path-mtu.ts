// What a path carries, by its far end: learnt from ICMP "too big" (RFC 1191, RFC 8201), believed only where it can be true,
// and forgotten after a while, because paths grow again.
import { type Address, formatAddress } from '../base/address.ts'

/** No IPv4 path carries less than 68 octets (RFC 791), no IPv6 path less than 1,280 (RFC 8200 §5). */
const LEAST = { 4: 68, 6: 1280 } as const
/** Below this an IPv4 hint is an attack or a fault: packets would be cut into crumbs. */
const LEAST_BELIEVED_IPV4 = 552
/** Seconds (RFC 8201 §4 asks for at least five minutes, RFC 1191 §6.3 advises ten). */
const REMEMBERED = 600
const MOST_PATHS = 4096

export class PathMtu {
  readonly #linkMtu: number
  readonly #paths = new Map<string, { mtu: number; until: number }>()

  constructor(linkMtu: number) {
    this.#linkMtu = linkMtu
  }

  to(destination: Address, now: number): number {
    if (this.#paths.size === 0) return this.#linkMtu
    const name = formatAddress(destination)
    const known = this.#paths.get(name)
    if (known === undefined) return this.#linkMtu
    if (now < known.until) return Math.min(known.mtu, this.#linkMtu)
    this.#paths.delete(name)
    return this.#linkMtu
  }

  /** Whether the hint was believed: only one that lowers what is known. */
  tooBig(destination: Address, mtu: number, now: number): boolean {
    const least = destination.family === 4 ? Math.max(LEAST[4], LEAST_BELIEVED_IPV4) : LEAST[6]
    const believed = Math.max(mtu, least)
    if (believed >= this.to(destination, now)) return false
    const name = formatAddress(destination)
    // Behind all others: the one that was lowered longest ago stands first.
    this.#paths.delete(name)
    if (this.#paths.size >= MOST_PATHS) this.#paths.delete(this.#paths.keys().next().value!)
    this.#paths.set(name, { mtu: believed, until: now + REMEMBERED })
    return true
  }
}
