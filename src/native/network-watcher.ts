// Hears of links, addresses and routes that come, change and go, as the kernel tells its multicast groups.
import {
  type Link,
  type LinkAddress,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  readLink,
  readLinkAddress,
} from './link-messages.ts'
import { NETLINK_ROUTE, type NetlinkMessage, NetlinkSocket } from './netlink.ts'
import { type Route, RTM_DELROUTE, RTM_NEWROUTE, readRoute } from './route-messages.ts'

/** `missed`: more happened than was kept; read everything anew. */
export type NetworkChange =
  | { readonly kind: 'link'; readonly link: Link; readonly isGone: boolean }
  | { readonly kind: 'address'; readonly address: LinkAddress; readonly isGone: boolean }
  | { readonly kind: 'route'; readonly route: Route; readonly isGone: boolean }
  | { readonly kind: 'missed' }

/** linux/rtnetlink.h: links, IPv4 and IPv6 addresses, IPv4 and IPv6 routes. */
const GROUPS = { link: 0x1, address: 0x10 | 0x100, route: 0x40 | 0x400 } as const

/** To be read with `changes` when `fd` is readable. Hears of the namespace that it was made in. */
export class NetworkWatcher {
  readonly #netlink: NetlinkSocket

  constructor(subjects: readonly (keyof typeof GROUPS)[] = ['link', 'address']) {
    const groups = subjects.reduce((bits, subject) => bits | GROUPS[subject], 0)
    this.#netlink = new NetlinkSocket(NETLINK_ROUTE, groups)
  }

  get fd(): number {
    return this.#netlink.fd
  }

  /** What was told since the last time, in order. The kernel tells of a link more often than it changes. */
  changes(): readonly NetworkChange[] {
    const heard = this.#netlink.hear()
    return heard === 'missed' ? [{ kind: 'missed' }] : heard.flatMap(message => asChange(message) ?? [])
  }

  close(): void {
    this.#netlink.close()
  }
}

function asChange({ type, body }: NetlinkMessage): NetworkChange | undefined {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const link = readLink(body)
      return link && { kind: 'link', link, isGone: type === RTM_DELLINK }
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = readLinkAddress(body)
      return address && { kind: 'address', address, isGone: type === RTM_DELADDR }
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = readRoute(body)
      return route && { kind: 'route', route, isGone: type === RTM_DELROUTE }
    }
    default:
      return undefined
  }
}
