// What a UDP datagram on port 500 or 4500 is, told by its content: IKE (RFC 7296 §3.1, RFC 2408 §3.1), ESP in UDP or a
// NAT keepalive (RFC 3948 §2). Port numbers alone prove nothing: other traffic is sent from and to these ports.
import { ESP_IN_UDP, IKE, KEEPALIVE, type Packet } from './packet.ts'

export const IKE_PORT = 500
export const NAT_TRAVERSAL_PORT = 4500
const IKE_HEADER = 28

/** Sets `packet.content`, and `packet.spi` for ESP in UDP. Expects a UDP header at `packet.transport`. */
export function recogniseUdpContent(packet: Packet, bytes: Uint8Array): void {
  const onIke = packet.sourcePort === IKE_PORT || packet.destinationPort === IKE_PORT
  const onNat = packet.sourcePort === NAT_TRAVERSAL_PORT || packet.destinationPort === NAT_TRAVERSAL_PORT
  if (!onIke && !onNat) return
  const start = packet.transport + 8
  const left = packet.end - start
  if (left < 1) return
  if (onIke && isIke(packet, bytes, start)) {
    packet.content = IKE
    return
  }
  if (!onNat) return
  if (bytes[start] === 0xff && udpPayload(packet, bytes) === 1) packet.content = KEEPALIVE
  if (left < 8) return
  const marker = word(bytes, start)
  // Four zero octets, the non-ESP marker, stand where the SPI of ESP would: no SPI is zero (RFC 3948 §2.2).
  if (marker === 0) {
    if (isIke(packet, bytes, start + 4)) packet.content = IKE
  } else if (marker >>> 0 > 255) {
    // 1 to 255 are reserved and never on the wire (RFC 4303 §2.1).
    packet.content = ESP_IN_UDP
    packet.spi = marker >>> 0
  }
}

/** Octets the UDP header announces behind itself; those captured may be fewer. */
function udpPayload(packet: Packet, bytes: Uint8Array): number {
  const at = packet.transport
  return ((bytes[at + 4]! << 8) | bytes[at + 5]!) - 8
}

function isIke(packet: Packet, bytes: Uint8Array, start: number): boolean {
  if (packet.end - start < IKE_HEADER) return false
  if (word(bytes, start) === 0 && word(bytes, start + 4) === 0) return false
  const major = bytes[start + 17]! >> 4
  const exchange = bytes[start + 18]!
  const flags = bytes[start + 19]!
  const length = word(bytes, start + 24) >>> 0
  if (length < IKE_HEADER || length > 0x100000) return false
  // Version 1 knows three flags, version 2 three others (RFC 2408 §3.1, RFC 7296 §3.1); the rest are zero.
  if (major === 1) return (flags & 0xf8) === 0 && (exchange <= 6 || exchange >= 31)
  return major === 2 && (flags & 0xc7) === 0 && exchange >= 34
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
