// ICMP "too big" about a sealed packet (RFC 1191, RFC 8201, RFC 4301 §8.2): it comes in clear, from any router, so only
// the packet that it quotes speaks for it: an SPI that this host seals with, between the association's own addresses.
import type { Address } from '../base/address.ts'
import { AH, ESP, ICMP, ICMPV6 } from '../base/flow.ts'
import { decodeIp } from '../wire/decode.ts'
import { ESP_IN_UDP, IS_IP, Packet } from '../wire/packet.ts'

const UNREACHABLE = 3
const FRAGMENTATION_NEEDED = 4
const PACKET_TOO_BIG = 2
/** Octets of the ICMP header before what it quotes. */
const ICMP_HEADER = 8

export interface TooBig {
  readonly source: Address
  readonly destination: Address
  readonly spi: number
  /** As the router states it; 0 from routers before RFC 1191. */
  readonly mtu: number
}

const quoted = new Packet()

/** What a decoded, whole packet says about a sealed one; undefined where it is none of these or contradicts itself. */
export function readTooBig(packet: Packet, bytes: Uint8Array): TooBig | undefined {
  const at = packet.transport
  if (packet.end - at < ICMP_HEADER) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, ICMP_HEADER)
  const type = packet.icmpType
  const code = view.getUint8(1)
  const isIpv4 = packet.protocol === ICMP && type === UNREACHABLE && code === FRAGMENTATION_NEEDED
  if (!isIpv4 && !(packet.protocol === ICMPV6 && type === PACKET_TOO_BIG && code === 0)) return undefined
  decodeIp(quoted, bytes, at + ICMP_HEADER, packet.end)
  if (quoted.kind !== IS_IP || quoted.version !== packet.version || quoted.spi === 0) return undefined
  if (quoted.protocol !== ESP && quoted.protocol !== AH && quoted.content !== ESP_IN_UDP) return undefined
  const mtu = isIpv4 ? view.getUint16(6) : view.getUint32(4)
  // A packet no larger than that was not too big.
  if (quoted.ipLength <= mtu) return undefined
  return { source: quoted.source(), destination: quoted.destination(), spi: quoted.spi, mtu }
}
