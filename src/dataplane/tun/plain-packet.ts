// Packets of the common kind, by their octets in an arena: IPv4 without options and not in pieces, IPv6 without extension
// headers, carrying TCP, UDP or ICMP. Everything else goes the whole way.
import { ICMP, ICMPV6, TCP, UDP } from '../../base/flow.ts'
import type { Arena } from '../../native/arena.ts'
import { IKE_PORT, NAT_TRAVERSAL_PORT } from '../../wire/udp-encapsulation.ts'

export const IPV4_BYTES = 20
export const IPV6_BYTES = 40

/** The protocol, or -1 where the packet of `length` octets at `ip` is not of the common kind. `isSuper`: its length field does not count. */
export function plainProtocol(arena: Arena, ip: number, length: number, isSuper: boolean): number {
  const { bytes, view } = arena
  const first = bytes[ip]!
  if (first === 0x45) {
    if (length < IPV4_BYTES + 4 || (view.getUint16(ip + 6) & 0x3fff) !== 0) return -1
    if (!isSuper && view.getUint16(ip + 2) !== length) return -1
    const protocol = bytes[ip + 9]!
    return protocol === TCP || protocol === ICMP || (protocol === UDP && !isKeying(view, ip + IPV4_BYTES))
      ? protocol
      : -1
  }
  if (first >> 4 !== 6 || length < IPV6_BYTES + 4) return -1
  if (!isSuper && view.getUint16(ip + 4) + IPV6_BYTES !== length) return -1
  const protocol = bytes[ip + 6]!
  return protocol === TCP || protocol === ICMPV6 || (protocol === UDP && !isKeying(view, ip + IPV6_BYTES))
    ? protocol
    : -1
}

/** What stands on IKE's ports is judged by its content. */
function isKeying(view: DataView, udp: number): boolean {
  const source = view.getUint16(udp)
  const destination = view.getUint16(udp + 2)
  return isKeyingPort(source) || isKeyingPort(destination)
}

function isKeyingPort(port: number): boolean {
  return port === IKE_PORT || port === NAT_TRAVERSAL_PORT
}

/** What of the first octets behind the IP header a policy may ask for: both ports, or ICMP's type. */
export function askedOctets(arena: Arena, transport: number, protocol: number): number {
  if (protocol === TCP || protocol === UDP) return arena.view.getInt32(transport)
  return arena.bytes[transport]!
}
