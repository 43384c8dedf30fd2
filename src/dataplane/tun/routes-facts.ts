// What the kernel says of the way to the hosts of a policy: by which link, with which address of ours, how large the
// packets may be; and whether it is strict about where packets come from.
import type { Address, Prefix } from '../../base/address.ts'
import { addressNumber, numberAddress, type Span } from '../../base/address-span.ts'
import type { NetlinkSocket } from '../../native/netlink.ts'
import { listAddresses, listLinks, listRoutes, lookUpRoute } from '../../native/routing.ts'
import { readSysctl } from '../../native/sysctl.ts'
import { everyAddress, prefixSpan } from './routes-spans.ts'
import { SEALWIRE_MARK } from './tun-options.ts'

/** As the kernel would send to any address in `to`; the longest prefix counts. */
export interface Way {
  readonly to: Prefix
  /** Absent where there is no way now. */
  readonly source?: Address
  readonly link?: number
  /** Of the packets on the wire. */
  readonly mtu?: number
}

export interface RoutingFacts {
  readonly own: readonly Address[]
  /** One for every family and destination that was asked for, and for what is routed otherwise within it. */
  readonly ways: readonly Way[]
  /** Packets whose answer would leave by another link are dropped (RFC 3704 §2.2, rp_filter 1), even where it is IPv4's ARP. */
  readonly isStrict: boolean
}

/** Routes within one destination that are looked at one by one: a table of the whole Internet is not. */
const MOST_ROUTES = 2000

/** `destinations`: everything that may be routed into the device. `device` is not a way. */
export function readFacts(
  netlink: NetlinkSocket,
  destinations: readonly Prefix[],
  device: string,
  mark = SEALWIRE_MARK,
): RoutingFacts {
  const links = listLinks(netlink)
  const linkMtu = new Map(links.map(link => [link.index, link.mtu]))
  const own = listAddresses(netlink)
    .filter(({ isTentative }) => !isTentative)
    .map(({ address }) => address)
  const routes = ([4, 6] as const).flatMap(family =>
    listRoutes(netlink, family, 254).filter(route => route.kind === 'unicast' && linkMtu.has(route.link ?? 0)),
  )
  const ways = destinations.flatMap(destination => {
    const span = prefixSpan(destination)
    const nested = unique(
      routes
        .map(({ to }) => to)
        .filter(to => to.address.family === destination.address.family && isInside(to, span, destination.length)),
    ).slice(0, MOST_ROUTES)
    const spans = nested.map(prefixSpan)
    return [destination, ...nested].map((to): Way => {
      const probe = probeIn(to, spans)
      const answer = lookUpRoute(netlink, { to: probe, mark })
      if (answer.kind !== 'unicast') return { to }
      const mtu = answer.mtu > 0 ? answer.mtu : linkMtu.get(answer.link)
      return {
        to,
        link: answer.link,
        ...(answer.source === undefined ? {} : { source: answer.source }),
        ...(mtu === undefined ? {} : { mtu }),
      }
    })
  })
  return { own, ways, isStrict: links.some(({ name }) => name !== device && isStrictAt(name)) }
}

/** The larger of what is set for all links and for this one counts (Linux, ip-sysctl). */
function isStrictAt(link: string): boolean {
  const values = ['all', link].map(name => Number(readSysctl(`net/ipv4/conf/${name}/rp_filter`) ?? 0))
  return Math.max(...values) === 1
}

function isInside(to: Prefix, span: Span, length: number): boolean {
  const at = addressNumber(to.address)
  return to.length > length && span.first <= at && at <= span.last
}

function unique(prefixes: readonly Prefix[]): readonly Prefix[] {
  const key = ({ address, length }: Prefix) => `${addressNumber(address)}/${length}`
  return [...new Map(prefixes.map(prefix => [key(prefix), prefix])).values()]
}

/** An address that stands for the prefix: not in one of the longer ones where that can be avoided. */
function probeIn(prefix: Prefix, others: readonly Span[]): Address {
  const { first, last } = prefixSpan(prefix)
  const { family } = prefix.address
  const longer = others.filter(
    other => other.first >= first && other.last <= last && other.last - other.first < last - first,
  )
  const middle = first + (last - first) / 2n
  const tried = [middle + 1n, first + 1n, last - 1n, ...longer.slice(0, 64).map(other => other.last + 1n)]
  const isFree = (at: bigint) =>
    first <= at && at <= last && !longer.some(other => other.first <= at && at <= other.last) && !isGroup(at, family)
  return numberAddress(tried.find(isFree) ?? first, family)
}

/** Multicast and what is reserved behind it has no way by routes. */
function isGroup(at: bigint, family: 4 | 6): boolean {
  return family === 4 ? at >= 0xe000_0000n : at >= 0xffn << 120n
}

/** Of the whole family, for those who ask for no destination in particular. */
export function wholeFamily(family: 4 | 6): Prefix {
  return { address: numberAddress(everyAddress(family).first, family), length: 0 }
}
