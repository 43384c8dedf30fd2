// UDP sockets for ESP in UDP (RFC 3948) and IKE, which share a port. One socket serves one family; with
// `reportOwnAddress` it stands at the wildcard address and still tells which own address a datagram was sent to, and a
// Destination makes the answer leave from that one. UDP_ENCAP is not used: it would have the kernel's own IPsec eat what
// is ESP, and here this program is the IPsec. So the reader gets both and tells them apart by the non-ESP marker (§2.2).
import type { Address } from '../base/address.ts'
import { libC } from './libc.ts'
import {
  applyOptions,
  bindSocket,
  boundPort,
  domainOf,
  openSocket,
  SOL_IPV6,
  SOL_UDP,
  type SocketOptions,
  setOption,
  trySetOption,
} from './socket-options.ts'

const SOCK_DGRAM = 2
const IPV6_V6ONLY = 26
const UDP_GRO = 104

export interface UdpSocket {
  readonly fd: number
  readonly family: 4 | 6
  /** The real one, where 0 was asked for. */
  readonly port: number
  /** True where several datagrams of a flow may come as one message, told apart by MessageBatch.segmentBytes. */
  readonly joins: boolean
  close(): void
}

export interface UdpOptions extends SocketOptions {
  /** Of a link-local address. */
  readonly link?: number
  /** Lets the kernel join datagrams (UDP_GRO); messages then have up to 64 KiB. */
  readonly join?: boolean
}

/** A socket at an own address, or at 0.0.0.0 or ::, and a port; port 0 takes a free one. */
export function openUdpSocket(address: Address, port: number, options: UdpOptions = {}): UdpSocket {
  const { family } = address
  const doing = `opening UDP port ${port} for IPv${family}`
  const fd = openSocket(domainOf(family), SOCK_DGRAM, 0, doing)
  try {
    // One socket for both families would report IPv4 addresses as IPv6 ones, and own addresses not at all.
    if (family === 6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1, doing)
    applyOptions(fd, family, options)
    // Kernels before 5.0 do not know it.
    const joins = options.join === true && trySetOption(fd, SOL_UDP, UDP_GRO, 1) >= 0
    bindSocket(fd, address, port, options.link ?? 0, doing)
    return { fd, family, port: boundPort(fd) ?? port, joins, close: () => void libC().close(fd) }
  } catch (error) {
    libC().close(fd)
    throw error
  }
}
