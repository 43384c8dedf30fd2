// IEEE 802.11 data frames, and the headers that drivers put before them: radiotap (radiotap.org), Prism and AVS. Left
// out: encrypted frames. Later fragments have no LLC header, and so are not taken for IP.
import { cutOff, isBroadcastStation, type Layer, LLC_LAYER, NOTHING, onto, u16Little } from './layer.ts'
import type { Packet } from './packet.ts'

/** IEEE 802.11-2020 §9.2.3, §9.3.2. `padded`: the header is filled up to a multiple of four octets. */
export function over80211(packet: Packet, bytes: Uint8Array, at: number, end: number, padded: boolean): Layer {
  if (end - at < 2) return cutOff(packet)
  const kind = bytes[at]!
  const flags = bytes[at + 1]!
  // Type 2 is data; its subtypes with bit 2 carry none. The protected bit says that the rest is encrypted.
  if ((kind & 0x0f) !== 0x08 || (kind & 0x40) !== 0 || (flags & 0x40) !== 0) return NOTHING
  const toDistribution = (flags & 1) !== 0
  const hasQuality = (kind & 0x80) !== 0
  const fourAddresses = (flags & 3) === 3
  const qualityAt = at + (fourAddresses ? 30 : 24)
  let header = qualityAt - at
  // Quality of service; with the order bit, high throughput control stands behind it.
  if (hasQuality) header += (flags & 0x80) === 0 ? 2 : 6
  if (end - at < header) return cutOff(packet)
  packet.linkBroadcast = isBroadcastStation(bytes, toDistribution ? at + 16 : at + 4)
  // Between mesh stations, six octets of mesh control with none, one or two more addresses (§9.2.4.7.3).
  const isMesh = fourAddresses && hasQuality && (bytes[qualityAt + 1]! & 1) !== 0
  const aggregate = hasQuality && (bytes[qualityAt]! & 0x80) !== 0
  const body = at + (padded ? (header + 3) & ~3 : header)
  if (!aggregate && isMesh) {
    return end - body < 6 ? cutOff(packet) : onto(packet, LLC_LAYER, body + 6 + (bytes[body]! & 3) * 6)
  }
  if (!aggregate) return onto(packet, LLC_LAYER, body)
  // An aggregate starts with the destination, source and length of its first frame; the others are not looked at.
  if (end - body < 14) return cutOff(packet)
  packet.linkBroadcast = isBroadcastStation(bytes, body)
  return onto(packet, LLC_LAYER, body + 14)
}

/** Bits 0 (clock, eight octets, aligned) and 1 (flags) of the radiotap presence words come first in the fields. */
export function overRadiotap(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 8) return cutOff(packet)
  const length = u16Little(bytes, at + 2)
  if (length < 8 || end - at < length) return cutOff(packet)
  const present = bytes[at + 4]!
  let fields = 8
  // The highest bit of a presence word says that another word follows.
  while (fields <= length && (bytes[at + fields - 1]! & 0x80) !== 0) fields += 4
  if ((present & 1) !== 0) fields = ((fields + 7) & ~7) + 8
  const padded = (present & 2) !== 0 && fields < length && (bytes[at + fields]! & 0x20) !== 0
  return over80211(packet, bytes, at + length, end, padded)
}

/** Prism has 144 octets, unless they are the header of AVS, which drivers put under the same link type. */
export function overPrism(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 8) return cutOff(packet)
  if (bytes[at] === 0x80 && bytes[at + 1] === 0x21 && bytes[at + 2]! >> 4 === 1) return overAvs(packet, bytes, at, end)
  return end - at < 144 ? cutOff(packet) : over80211(packet, bytes, at + 144, end, false)
}

/** The length stands behind the version, in network order. */
export function overAvs(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 8) return cutOff(packet)
  const length = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0
  if (length < 8 || length > end - at) return cutOff(packet)
  return over80211(packet, bytes, at + length, end, false)
}
