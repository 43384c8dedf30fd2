// From a link header to the IP header: EtherTypes, VLAN tags and whatever else may stand between. One loop walks the
// layers; each turn moves forward, so no frame can hold it up. Answers 4 or 6 with `packet.ipOffset` at the IP header,
// or 0 where the frame holds no IP that is readable.
import {
  overBackboneTag,
  overFixedTag,
  overIsl,
  overMacsec,
  overMpls,
  overNsh,
  overTimeStamp,
  overTrill,
} from './ethernet-tags.ts'
import {
  BY_GUESS,
  BY_VERSION,
  cutOff,
  ETHERNET_LAYER,
  FRAME_RELAY_LAYER,
  IPV4_LAYER,
  IPV6_LAYER,
  ISL_LAYER,
  isBroadcastStation,
  type Layer,
  LEAST_ETHERTYPE,
  LLC_LAYER,
  MPLS_LAYER,
  NLPID_LAYER,
  NOTHING,
  onto,
  PPP_LAYER,
  PPPOE_LAYER,
  SERIAL_LAYER,
  u16,
} from './layer.ts'
import { MALFORMED, type Packet } from './packet.ts'
import { overFrameRelay, overLlc, overNlpid, overPpp, overSerial } from './serial-layers.ts'

export type Network = 0 | 4 | 6

/** Between this and the least EtherType a number means nothing (IEEE 802.3 §3.2.6). */
const MOST_LENGTH = 1500

export function network(packet: Packet, version: 4 | 6, at: number): Network {
  packet.ipOffset = at
  return version
}

/** What follows an EtherType, or a layer of layer.ts. */
export function behindEtherType(packet: Packet, bytes: Uint8Array, first: Layer, start: number, end: number): Network {
  let type = first
  let at = start
  for (;;) {
    switch (type) {
      case IPV4_LAYER:
        return network(packet, 4, at)
      case IPV6_LAYER:
        return network(packet, 6, at)
      case 0x8100: // IEEE 802.1Q
      case 0x88a8: // IEEE 802.1ad
      case 0x9100: // QinQ before there was a standard
      case 0x9200:
        if (end - at < 4) type = cutOff(packet)
        else type = u16(bytes, at + 2)
        at += 4
        break
      case NOTHING:
      case 0x0806: // ARP, which every capture has
        return 0
      default:
        type = stepOver(packet, bytes, type, at, end)
        at = packet.ipOffset
    }
  }
}

/** A whole Ethernet frame. */
export function behindEthernet(packet: Packet, bytes: Uint8Array, start: number, end: number): Network {
  if (end - start < 14) {
    cutOff(packet)
    return 0
  }
  packet.linkBroadcast = isBroadcastStation(bytes, start)
  const type = u16(bytes, start + 12)
  return behindEtherType(
    packet,
    bytes,
    type < LEAST_ETHERTYPE ? lengthLayer(bytes, start, type) : type,
    start + 14,
    end,
  )
}

function stepOver(packet: Packet, bytes: Uint8Array, layer: Layer, at: number, end: number): Layer {
  switch (layer) {
    case ETHERNET_LAYER:
      return overEthernet(packet, bytes, at, end)
    case MPLS_LAYER:
    case 0x8848: // MPLS with upstream-assigned labels (RFC 5332)
      return overMpls(packet, bytes, at, end)
    case PPPOE_LAYER: // RFC 2516
      return end - at < 6 ? cutOff(packet) : onto(packet, PPP_LAYER, at + 6)
    case LLC_LAYER:
      return overLlc(packet, bytes, at, end)
    case PPP_LAYER:
      return overPpp(packet, bytes, at, end)
    case SERIAL_LAYER:
      return overSerial(packet, bytes, at, end)
    case FRAME_RELAY_LAYER:
      return overFrameRelay(packet, bytes, at, end)
    case NLPID_LAYER:
      return overNlpid(packet, bytes, at, end)
    case BY_VERSION:
    case BY_GUESS:
      return byVersion(packet, bytes, at, end, layer === BY_GUESS)
    case ISL_LAYER:
      return overIsl(packet, at, end)
    case 0x22f3:
      return overTrill(packet, bytes, at, end)
    case 0x88e5:
      return overMacsec(packet, bytes, at, end)
    case 0x88e7:
      return overBackboneTag(packet, at, end)
    case 0x894f:
      return overNsh(packet, bytes, at, end)
    case 0xd28b:
      return overTimeStamp(packet, bytes, at, end)
    default:
      if (layer < LEAST_ETHERTYPE) return layer > MOST_LENGTH ? NOTHING : onto(packet, LLC_LAYER, at)
      return overFixedTag(packet, bytes, layer, at, end)
  }
}

function overEthernet(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 14) return cutOff(packet)
  packet.linkBroadcast = isBroadcastStation(bytes, at)
  const type = u16(bytes, at + 12)
  return onto(packet, type < LEAST_ETHERTYPE ? lengthLayer(bytes, at, type) : type, at + 14)
}

/** A length instead of an EtherType: LLC, or the multicast address 01-00-0C-00-00 (or 0C-00-0C-00-00) of Cisco's ISL. */
function lengthLayer(bytes: Uint8Array, at: number, length: number): Layer {
  const isIsl =
    (bytes[at] === 0x01 || bytes[at] === 0x0c) &&
    bytes[at + 1] === 0 &&
    bytes[at + 2] === 0x0c &&
    bytes[at + 3] === 0 &&
    bytes[at + 4] === 0
  if (isIsl) return ISL_LAYER
  return length > MOST_LENGTH ? NOTHING : LLC_LAYER
}

function byVersion(packet: Packet, bytes: Uint8Array, at: number, end: number, guess: boolean): Layer {
  if (at >= end) return cutOff(packet)
  const version = bytes[at]! >> 4
  if (version === 4) return onto(packet, IPV4_LAYER, at)
  if (version === 6) return onto(packet, IPV6_LAYER, at)
  if (guess) return NOTHING
  packet.kind = MALFORMED
  packet.problem = 'the IP version is neither 4 nor 6'
  return NOTHING
}
