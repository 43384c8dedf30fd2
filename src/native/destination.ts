// Where packets to one peer go, written once in an arena: the peer's address, our own address that they leave from,
// their traffic class, the size of segments. A batch points at it, so a packet costs no more than a few stores.
import type { Address } from '../base/address.ts'
import type { Arena } from './arena.ts'
import { IPV4_AT, SOCKET_ADDRESS_BYTES, writeSocketAddress, writeWords } from './socket-address.ts'
import { SOL_IP, SOL_IPV6, SOL_UDP } from './socket-options.ts'

const IP_TOS = 1
const IP_PKTINFO = 8
const IPV6_PKTINFO = 50
const IPV6_TCLASS = 67
const UDP_SEGMENT = 103

const CMSG_HEADER = 16
const CONTROL_BYTES = 128

export interface Route {
  /** Undefined on a connected socket. */
  readonly to: Address | undefined
  readonly port: number
  /** Own address to leave from; undefined: the socket's, or what the routes say. */
  readonly from?: Address
  /** Interface to leave by, where the address is link-local. */
  readonly link?: number
  /** Needed where `to` is undefined. */
  readonly family?: 4 | 6
}

export class Destination {
  readonly nameAt: number
  readonly nameLength: number
  readonly controlAt: number
  /** Octets of control data without the segment size, which is the last part, and with it. */
  readonly controlLength: number
  readonly segmentedLength: number
  readonly #view: DataView
  readonly #trafficClassAt: number
  readonly #segmentAt: number

  constructor(arena: Arena, route: Route) {
    const { view } = arena
    const family = route.to?.family ?? route.family ?? 4
    this.#view = view
    this.nameAt = arena.take(SOCKET_ADDRESS_BYTES)
    this.nameLength =
      route.to === undefined ? 0 : writeSocketAddress(view, this.nameAt, route.to, route.port, route.link)
    this.controlAt = arena.take(CONTROL_BYTES)
    const [level, trafficClass, own] =
      family === 4 ? [SOL_IP, IP_TOS, IP_PKTINFO] : [SOL_IPV6, IPV6_TCLASS, IPV6_PKTINFO]
    let at = this.controlAt
    const add = (partLevel: number, kind: number, length: number): number => {
      const value = at + CMSG_HEADER
      view.setUint32(at, CMSG_HEADER + length, true)
      view.setInt32(at + 8, partLevel, true)
      view.setInt32(at + 12, kind, true)
      at += CMSG_HEADER + ((length + 7) & ~7)
      return value
    }
    this.#trafficClassAt = add(level, trafficClass, 4)
    if (route.from !== undefined || route.link !== undefined) {
      const value = add(level, own, family === 4 ? 12 : 20)
      view.setInt32(value + (family === 4 ? 0 : 16), route.link ?? 0, true)
      if (route.from !== undefined) writeWords(view, value + (family === 4 ? IPV4_AT : 0), route.from.words)
    }
    this.controlLength = at - this.controlAt
    this.#segmentAt = add(SOL_UDP, UDP_SEGMENT, 2)
    this.segmentedLength = at - this.controlAt
  }

  /** DSCP and ECN of what is sent from now on; not for sockets that write the IPv4 header themselves. */
  setTrafficClass(octet: number): void {
    this.#view.setInt32(this.#trafficClassAt, octet, true)
  }

  /** Octets of each datagram that a segmented message is cut into. */
  setSegmentBytes(octets: number): void {
    this.#view.setUint16(this.#segmentAt, octets, true)
  }
}
