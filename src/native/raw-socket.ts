// Raw sockets for ESP (protocol 50) and AH (51). As long as one is open the kernel delivers that protocol to it instead
// of answering "protocol unreachable"; a socket bound to one address or connected to one peer does so for these alone,
// which is what `holdProtocol` is for. IPv4 messages come with the IP header, reassembled; IPv6 ones start behind the
// headers, and the addresses are in the message's name and control data. IPv6's extension headers are not delivered.
import type { Address } from '../base/address.ts'
import { libC } from './libc.ts'
import {
  applyOptions,
  attachFilter,
  bindSocket,
  connectSocket,
  domainOf,
  openSocket,
  SOL_IP,
  SOL_IPV6,
  type SocketOptions,
  setOption,
  takeNothing,
} from './socket-options.ts'

const SOCK_RAW = 3
const IP_HDRINCL = 3
const IPV6_HDRINCL = 36

export const PROTOCOL_ESP = 50
export const PROTOCOL_AH = 51

export interface RawSocket {
  readonly fd: number
  readonly family: 4 | 6
  readonly protocol: number
  close(): void
}

export interface RawOptions extends SocketOptions {
  /** Own address: only packets to it are taken, and what is sent leaves from it. */
  readonly from?: Address
  /** Only packets of this peer are taken, and messages need no destination; the cheapest form. */
  readonly to?: Address
  /** Interface of link-local addresses. */
  readonly link?: number
  /**
   * What is sent starts with the IP header, so that DF, TOS and the identification are the caller's: AH over IPv4
   * covers the identification (RFC 4302 §3.3.3.1.1), and the kernel writes one only where it finds 0. The kernel fills
   * in IPv4's checksum and total length. It neither fragments such packets.
   */
  readonly writesHeader?: boolean
}

export function openRawSocket(family: 4 | 6, protocol: number, options: RawOptions = {}): RawSocket {
  const doing = `opening a raw socket for protocol ${protocol} over IPv${family}`
  const fd = openSocket(domainOf(family), SOCK_RAW, protocol, doing)
  try {
    if (options.writesHeader === true) {
      if (family === 4) setOption(fd, SOL_IP, IP_HDRINCL, 1, doing)
      else setOption(fd, SOL_IPV6, IPV6_HDRINCL, 1, doing)
    }
    applyOptions(fd, family, options)
    if (options.from !== undefined) bindSocket(fd, options.from, 0, options.link ?? 0, doing)
    if (options.to !== undefined) connectSocket(fd, options.to, 0, options.link ?? 0, doing)
    return { fd, family, protocol, close: () => void libC().close(fd) }
  } catch (error) {
    libC().close(fd)
    throw error
  }
}

/** A socket that takes nothing and is bound to nothing: keeps the kernel from answering for the protocol. */
export function holdProtocol(family: 4 | 6, protocol: number): RawSocket {
  const socket = openRawSocket(family, protocol)
  try {
    attachFilter(socket.fd, takeNothing)
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}
