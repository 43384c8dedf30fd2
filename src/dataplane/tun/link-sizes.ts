// The size of the link by which a peer is reached, asked of the kernel: when it refused a packet that was made for a larger
// one, since links differ and change.
import type { Address } from '../../base/address.ts'
import { findLink, lookUpRoute, openRouting } from '../../native/routing.ts'

/** Octets, by destination in the same order; undefined where there is no way or no answer. */
export function linkSizes(destinations: readonly Address[], mark: number): readonly (number | undefined)[] {
  const netlink = openRouting()
  try {
    return destinations.map(to => {
      const way = lookUpRoute(netlink, { to, mark })
      if (way.kind === 'none') return undefined
      const size = findLink(netlink, way.link)?.mtu
      return way.mtu > 0 && size !== undefined ? Math.min(way.mtu, size) : size
    })
  } finally {
    netlink.close()
  }
}
