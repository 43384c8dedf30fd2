// By which link and to which station the kernel would send to a host: its route, and its table of neighbours (ARP, RFC 826;
// neighbour discovery, RFC 4861), which it keeps by itself as long as it has something to send there.
import { type Address, addressOctets } from '../base/address.ts'
import { concatenate } from '../base/bytes.ts'
import { failedCall } from './libc.ts'
import type { NetlinkSocket } from './netlink.ts'
import { attribute, readAttributes, u32 } from './netlink-attributes.ts'
import { lookUpRoute } from './routing.ts'
import { familyNumber } from './socket-address.ts'

const RTM_GETNEIGH = 30
const STATE = 8
const MESSAGE_BYTES = 12
const HARDWARE_ADDRESS = 2
/** Reachable, stale, delayed, asked again, permanent: states in which the kernel sends to it. */
const IS_KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
/** Of Ethernet, and of what looks like it. */
const STATION_BYTES = 6

export interface Station {
  readonly link: number
  readonly hardware: Uint8Array
}

/** Undefined where the kernel has no route, does not know the next station, or the link has none; or where it must do more. */
export function nextStation(netlink: NetlinkSocket, to: Address, mark: number): Station | undefined {
  const way = lookUpRoute(netlink, { to, mark })
  // Where the path is known to be smaller than its link, the kernel cuts or refuses.
  if (way.kind !== 'unicast' || way.mtu > 0) return undefined
  const neighbour = way.gateway ?? to
  const body = concatenate([
    Uint8Array.of(familyNumber(neighbour.family), 0, 0, 0),
    u32(way.link),
    new Uint8Array(4),
    attribute(1, addressOctets(neighbour)),
  ])
  try {
    const answer = netlink.ask(RTM_GETNEIGH, 0, body, 'looking for a neighbour')
    if (answer === undefined || answer.body.length < MESSAGE_BYTES) return undefined
    const hardware = readAttributes(answer.body.subarray(MESSAGE_BYTES)).get(HARDWARE_ADDRESS)
    const isKnown = (answer.body[STATE]! & IS_KNOWN) !== 0
    return isKnown && hardware?.length === STATION_BYTES ? { link: way.link, hardware: hardware.slice() } : undefined
  } catch (error) {
    // ENOENT: it has none; others are of kernels before 5.0, which are not asked for one.
    if (failedCall(error) === undefined) throw error
    return undefined
  }
}
