// Where packets to one peer go, written once in an arena: the peer's address, our own address that they leave from,
// their traffic class, the size of segments. A batch points at it, so a packet costs no more than a few stores.
import type { Address } from '../base/address.ts'
import type { Arena } from './arena.ts'
import type { Station } from './neighbours.ts'
import { AF_PACKET, frameAddress } from './packet-socket.ts'
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

/** Its room in the arena is for good; what is no longer needed is redirected to the next peer. */
export class Destination {
  readonly nameAt: number
  readonly controlAt: number
  /** 0 on a connected socket. */
  nameLength = 0
  /** Octets of control data without the segment size, which is the last part, and with it. */
  controlLength = 0
  segmentedLength = 0
  /** For sockets of frames, not of IP. */
  isStation = false
  readonly #view: DataView
  #trafficClassAt = 0
  #segmentAt = 0

  constructor(arena: Arena, route: Route) {
    this.#view = arena.view
    this.nameAt = arena.take(SOCKET_ADDRESS_BYTES)
    this.controlAt = arena.take(CONTROL_BYTES)
    this.redirect(route)
  }

  /** From now on, with traffic class 0: also for a peer behind a NAT whose address moves (RFC 7296 §2.23). */
  redirect(route: Route): void {
    const view = this.#view
    this.isStation = false
    const family = route.to?.family ?? route.family ?? 4
    this.nameLength =
      route.to === undefined ? 0 : writeSocketAddress(view, this.nameAt, route.to, route.port, route.link)
    const [level, trafficClass, own] =
      family === 4 ? [SOL_IP, IP_TOS, IP_PKTINFO] : [SOL_IPV6, IPV6_TCLASS, IPV6_PKTINFO]
    this.#clear()
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

  /** From now on, a station of a link, for packets of `family`. */
  redirectToStation({ link, hardware }: Station, family: 4 | 6): void {
    const view = this.#view
    const at = this.nameAt
    this.isStation = true
    this.nameLength = frameAddress.bytes
    view.setUint16(at, AF_PACKET, true)
    view.setUint16(at + frameAddress.protocol, family === 4 ? 0x0800 : 0x86dd)
    view.setInt32(at + frameAddress.link, link, true)
    view.setUint32(at + frameAddress.hardware, 0)
    view.setUint8(at + frameAddress.addressLength, hardware.length)
    for (const [index, octet] of hardware.entries()) view.setUint8(at + frameAddress.address + index, octet)
  }

  #clear(): void {
    for (let at = 0; at < CONTROL_BYTES; at += 8) this.#view.setBigUint64(this.controlAt + at, 0n)
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
