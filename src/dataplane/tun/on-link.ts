// What the worker has to know of links to speak by frames, past the kernel's IP: the station that leads to a peer, and which
// addresses are the host's own. The kernel is asked, and believed for a second.
import type { Address } from '../../base/address.ts'
import { nextStation, type Station } from '../../native/neighbours.ts'
import type { NetlinkSocket } from '../../native/netlink.ts'
import { listAddresses, openRouting } from '../../native/routing.ts'

/** How long an answer is believed. */
export const SECONDS_OF_BELIEF = 1

export class OnLink {
  readonly #netlink: NetlinkSocket = openRouting()
  readonly #mark: number
  /** Words of the own addresses, one behind the other. */
  #own: Readonly<Record<4 | 6, readonly number[]>> = { 4: [], 6: [] }
  #ownUntil = 0

  constructor(mark: number) {
    this.#mark = mark
  }

  stationTo(to: Address): Station | undefined {
    return nextStation(this.#netlink, to, this.#mark)
  }

  /** Whether the address at `at`, in network order, is one of the host's. */
  isOwn(view: DataView, at: number, family: 4 | 6, now: number): boolean {
    if (now >= this.#ownUntil) this.#learn(now)
    const own = this.#own[family]
    const words = family === 4 ? 1 : 4
    for (let start = 0; start < own.length; start += words) {
      let word = 0
      while (word < words && own[start + word] === view.getUint32(at + 4 * word)) word++
      if (word === words) return true
    }
    return false
  }

  #learn(now: number): void {
    this.#ownUntil = now + SECONDS_OF_BELIEF
    const all = listAddresses(this.#netlink).map(({ address }) => address)
    const of = (family: 4 | 6) => all.filter(address => address.family === family).flatMap(({ words }) => words)
    this.#own = { 4: of(4), 6: of(6) }
  }

  close(): void {
    this.#netlink.close()
  }
}
