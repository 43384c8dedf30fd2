// What rtnetlink(7) says of links and their addresses, between its octets and plain values. No socket here.

import { type Address, addressOctets } from '../base/address.ts'
import { concatenate } from '../base/bytes.ts'
import { attribute, readAttributes, readText, readU32, text, u32 } from './netlink-attributes.ts'
import { familyNumber, readAddress } from './socket-address.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_SETLINK = 19
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22

const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
const IFF_LOWER_UP = 0x10000

export interface Link {
  readonly index: number
  readonly name: string
  /** Set up by whoever administers it. */
  readonly isUp: boolean
  /** Has a carrier. */
  readonly isRunning: boolean
  readonly isLoopback: boolean
  readonly mtu: number
  /** Octets of the largest packet that is handed to it to be cut; 0 where the kernel does not tell. */
  readonly segmentationBytes: number
  /** Packets that wait for it where it has a queue; 0 where the kernel does not tell. */
  readonly queuePackets: number
}

export interface LinkChange {
  readonly isUp?: boolean
  readonly mtu?: number
  readonly segmentationBytes?: number
  readonly queuePackets?: number
}

export interface LinkAddress {
  readonly link: number
  readonly address: Address
  readonly prefixLength: number
  /** Of IPv6: not usable yet, being looked for as a duplicate. */
  readonly isTentative: boolean
  /** Not to be chosen for new flows. */
  readonly isDeprecated: boolean
  readonly isLinkLocal: boolean
}

export function optionalAddress(address: Address | undefined): Uint8Array | undefined {
  return address === undefined ? undefined : addressOctets(address)
}

export function asAddress(bytes: Uint8Array | undefined): Address | undefined {
  if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return undefined
  return readAddress(new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length === 4 ? 4 : 6)
}

/** struct ifinfomsg: family, kind, index, flags, which of the flags to change. */
export function linkBody(index: number, change: LinkChange = {}): Uint8Array {
  const flags = change.isUp === true ? IFF_UP : 0
  return concatenate([
    u32(0),
    u32(index),
    u32(flags),
    u32(change.isUp === undefined ? 0 : IFF_UP),
    attribute(4, change.mtu === undefined ? undefined : u32(change.mtu)),
    attribute(13, change.queuePackets === undefined ? undefined : u32(change.queuePackets)),
    attribute(41, change.segmentationBytes === undefined ? undefined : u32(change.segmentationBytes)),
  ])
}

/** The body that asks for a link by its name. */
export function linkByName(name: string): Uint8Array {
  return concatenate([linkBody(0), attribute(3, text(name))])
}

export function readLink(body: Uint8Array): Link | undefined {
  if (body.length < 16) return undefined
  const attributes = readAttributes(body.subarray(16))
  const flags = readU32(body.subarray(8))!
  return {
    index: readU32(body.subarray(4))!,
    name: readText(attributes.get(3)) ?? '',
    isUp: (flags & IFF_UP) !== 0,
    isRunning: (flags & IFF_LOWER_UP) !== 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    mtu: readU32(attributes.get(4)) ?? 0,
    segmentationBytes: readU32(attributes.get(41)) ?? 0,
    queuePackets: readU32(attributes.get(13)) ?? 0,
  }
}

/** struct ifaddrmsg: family, prefix length, flags, scope, link. */
export function addressBody(given?: { link: number; address: Address; prefixLength: number }): Uint8Array {
  if (given === undefined) return new Uint8Array(8)
  const { link, address, prefixLength } = given
  const octets = addressOctets(address)
  return concatenate([
    Uint8Array.of(familyNumber(address.family), prefixLength, 0, 0),
    u32(link),
    attribute(2, octets),
    attribute(1, octets),
    // Looking for duplicates takes a second or more, and is not wanted where the address is ours by decree.
    attribute(8, address.family === 6 ? u32(0x02) : undefined),
  ])
}

export function readLinkAddress(body: Uint8Array): LinkAddress | undefined {
  if (body.length < 8) return undefined
  const attributes = readAttributes(body.subarray(8))
  // On a point-to-point link the first is the other side's.
  const address = asAddress(attributes.get(2) ?? attributes.get(1))
  if (address === undefined) return undefined
  const flags = readU32(attributes.get(8)) ?? body[2]!
  return {
    link: readU32(body.subarray(4))!,
    address,
    prefixLength: body[1]!,
    isTentative: (flags & 0x40) !== 0,
    isDeprecated: (flags & 0x20) !== 0,
    isLinkLocal: body[3] === 253,
  }
}
