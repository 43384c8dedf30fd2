// How the layers below IP name one another. A step over one header answers with the number of what stands behind it and
// leaves its place in `packet.ipOffset`, so nothing is allocated and no step calls another. The numbers are EtherTypes
// (IEEE 802) wherever a layer has one; the others get numbers that no EtherType can have.
import { MALFORMED, type Packet } from './packet.ts'

export type Layer = number

/** Nothing that we can follow to an IP header. */
export const NOTHING = -1
export const IPV4_LAYER = 0x0800
export const IPV6_LAYER = 0x86dd
export const ETHERNET_LAYER = 0x6558
export const FRAME_RELAY_LAYER = 0x6559
export const PPP_LAYER = 0x880b
export const MPLS_LAYER = 0x8847
export const PPPOE_LAYER = 0x8864
export const LLC_LAYER = 0x8870
/** IP of the version its first nibble states; any other nibble is a broken packet. */
export const BY_VERSION = 0x10000
/** IP if the first nibble states a version, else something that is not IP. */
export const BY_GUESS = 0x10001
/** Cisco's HDLC (RFC 1547 §4.3.1) or PPP in HDLC framing, told apart by the first octet. */
export const SERIAL_LAYER = 0x10002
/** A network layer protocol identifier of one octet (ISO/IEC TR 9577) and what it names. */
export const NLPID_LAYER = 0x10003
/** Cisco's inter-switch link: the 14 octets that look like an Ethernet header are behind the cursor. */
export const ISL_LAYER = 0x10004
/** `LINK + n` is a whole frame of link type n, as wrappers such as PPI hold. */
export const LINK = 0x20000

/** Below this an EtherType field is a length (IEEE 802.3 §3.2.6). */
export const LEAST_ETHERTYPE = 0x0600

export function onto(packet: Packet, layer: Layer, at: number): Layer {
  packet.ipOffset = at
  return layer
}

/** What follows an EtherType field that can hold no length. */
export function ontoType(packet: Packet, bytes: Uint8Array, typeAt: number, at: number): Layer {
  const type = u16(bytes, typeAt)
  packet.ipOffset = at
  return type < LEAST_ETHERTYPE ? NOTHING : type
}

export function cutOff(packet: Packet): typeof NOTHING {
  packet.kind = MALFORMED
  packet.problem = 'the link header is cut off'
  return NOTHING
}

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function u16Little(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

/** Unsigned; as large as the field allows, so compare before adding it to an offset. */
export function u32Little(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** Six octets of ones: the address of every station (IEEE 802). Expects them to be captured. */
export function isBroadcastStation(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0xff &&
    bytes[at + 1] === 0xff &&
    bytes[at + 2] === 0xff &&
    bytes[at + 3] === 0xff &&
    bytes[at + 4] === 0xff &&
    bytes[at + 5] === 0xff
  )
}
