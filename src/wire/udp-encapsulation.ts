// What a UDP datagram on port 500 or 4500 is, told by its content: IKE (RFC 7296 §3.1, RFC 2408 §3.1), ESP in UDP or a
// NAT keepalive (RFC 3948 §2). Port numbers alone prove nothing: other traffic is sent from and to these ports.
import { ESP_IN_UDP, IKE, KEEPALIVE, type Packet } from './packet.ts'

export const IKE_PORT = 500
export const NAT_TRAVERSAL_PORT = 4500
const IKE_HEADER = 28
const IKE_LENGTH_AT = 24
/** SPI, sequence number, the least content with its trailer and the shortest ICV (RFC 4303 §2). */
const LEAST_ESP = 20

/** Sets `packet.content`, and `packet.spi` for ESP in UDP. Expects a UDP header at `packet.transport`. */
export function recogniseUdpContent(packet: Packet, bytes: Uint8Array): void {
  const onIke = packet.sourcePort === IKE_PORT || packet.destinationPort === IKE_PORT
  const onNat = packet.sourcePort === NAT_TRAVERSAL_PORT || packet.destinationPort === NAT_TRAVERSAL_PORT
  if (!onIke && !onNat) return
  const start = packet.transport + 8
  const left = packet.end - start
  if (left < 1) return
  // Behind the first fragment, or behind the end of a short capture, there is more than we see.
  const announced = ((bytes[start - 4]! << 8) | bytes[start - 3]!) - 8
  const payload = Math.max(announced, left)
  if (onIke && isIke(bytes, start, left, payload)) {
    packet.content = IKE
    return
  }
  if (!onNat) return
  if (bytes[start] === 0xff && announced === 1) packet.content = KEEPALIVE
  if (left < 4) return
  const marker = word(bytes, start)
  // Four zero octets, the non-ESP marker, stand where the SPI of ESP would: no SPI is zero (RFC 3948 §2.2).
  if (marker === 0) {
    if (isIke(bytes, start + 4, left - 4, payload - 4)) packet.content = IKE
  } else if (marker >>> 0 > 255 && payload >= LEAST_ESP && payload % 4 === 0) {
    // SPIs of 1 to 255 are reserved and never on the wire (RFC 4303 §2.1); an ESP packet fills whole words (§2.4), which
    // other traffic on this port does by chance only.
    packet.content = ESP_IN_UDP
    packet.spi = marker >>> 0
  }
}

/**
 * Whether `payload` octets, `left` of them captured, begin with an IKE header. Reserved flags say nothing: a receiver
 * ignores them (RFC 7296 §3.1). The length says most: hardly anything else has one there that fits the datagram.
 */
function isIke(bytes: Uint8Array, start: number, left: number, payload: number): boolean {
  if (payload < IKE_HEADER || left < IKE_LENGTH_AT) return false
  if (left >= IKE_HEADER) {
    const length = word(bytes, start + IKE_LENGTH_AT) >>> 0
    if (length < IKE_HEADER || length > payload) return false
  }
  const major = bytes[start + 17]! >> 4
  const exchange = bytes[start + 18]!
  // Version 1 has 1 to 5, its DOIs those from 32 on (RFC 2408 §3.1), version 2 those from 34 on (RFC 7296 §3.1).
  return (major === 1 && ((exchange > 0 && exchange <= 6) || exchange >= 32)) || (major === 2 && exchange >= 34)
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
