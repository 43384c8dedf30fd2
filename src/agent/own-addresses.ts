// The host's own addresses, which "me" means in a policy, and word of their coming and going. Loopback's are left out: what a
// host says to itself is on no wire; so are those of the devices behind which the agent seals.
import { type Address, compareAddresses, isInside, parsePrefix, sameAddress } from '../base/address.ts'
import { SEALWIRE_MARK } from '../dataplane/tun/tun-options.ts'
import type { NetlinkSocket } from '../native/netlink.ts'
import { NetworkWatcher } from '../native/network-watcher.ts'
import { watchReadable } from '../native/readiness.ts'
import { listAddresses, listLinks, lookUpRoute, openRouting } from '../native/routing.ts'

const loopback = ['127.0.0.0/8', '::1'].map(text => parsePrefix(text)!)

export class OwnAddresses {
  readonly #isOurs: (device: string) => boolean
  readonly #netlink: NetlinkSocket

  /** `isOurs` knows the agent's own devices by name. */
  constructor(isOurs: (device: string) => boolean) {
    this.#isOurs = isOurs
    this.#netlink = openRouting()
  }

  /** In a fixed order, without doubles. */
  list(): readonly Address[] {
    const ours = new Set(
      listLinks(this.#netlink)
        .filter(({ name }) => this.#isOurs(name))
        .map(({ index }) => index),
    )
    const all = listAddresses(this.#netlink)
      .filter(({ link, address }) => !ours.has(link) && !loopback.some(prefix => isInside(address, prefix)))
      .map(({ address }) => address)
      .toSorted(compareAddresses)
    return all.filter((address, at) => at === 0 || !sameAddress(address, all[at - 1]!))
  }

  /** As the routes are where ours are left alone; undefined where none leads there. */
  ownFor(peer: Address): Address | undefined {
    const answer = lookUpRoute(this.#netlink, { to: peer, mark: SEALWIRE_MARK })
    return answer.kind === 'unicast' ? answer.source : undefined
  }

  /** Tells that something changed; what, `list` says. The kernel tells of much more than what counts here. */
  watch(changed: () => void): { stop(): void } {
    const watcher = new NetworkWatcher(['address'])
    const watch = watchReadable(watcher.fd, () => {
      if (watcher.changes().length > 0) changed()
    })
    return {
      stop() {
        watch.stop()
        watcher.close()
      },
    }
  }

  close(): void {
    this.#netlink.close()
  }
}

export function sameAddresses(one: readonly Address[], other: readonly Address[]): boolean {
  return one.length === other.length && one.every((address, at) => sameAddress(address, other[at]!))
}
