// An IP packet as an Ethernet frame, for captures of wires that have no Ethernet: made-up stations (locally administered,
// the host's address in the last octets), groups as RFC 1112 §6.4 and RFC 2464 §7 map them, broadcast to every station.
import {
  type Address,
  isInside,
  isLimitedBroadcast,
  isMulticast,
  lastAddress,
  type Prefix,
  sameAddress,
} from '../base/address.ts'

/** Link type of Ethernet in the tcpdump.org registry. */
export const ETHERNET_LINK = 1
const HEADER = 14

/** `networks`: those whose broadcast address goes to every station. */
export function ethernetFrame(
  packet: Uint8Array,
  source: Address,
  destination: Address,
  networks: readonly Prefix[],
): Uint8Array {
  const frame = new Uint8Array(HEADER + packet.length)
  frame.set(receiver(destination, networks), 0)
  frame.set(station(source), 6)
  const type = destination.family === 4 ? 0x0800 : 0x86dd
  frame[12] = type >> 8
  frame[13] = type & 255
  frame.set(packet, HEADER)
  return frame
}

function receiver(address: Address, networks: readonly Prefix[]): readonly number[] {
  const last = address.words.at(-1)!
  if (isMulticast(address)) {
    return address.family === 4
      ? [0x01, 0x00, 0x5e, (last >>> 16) & 0x7f, (last >>> 8) & 255, last & 255]
      : [0x33, 0x33, ...octets(last)]
  }
  const isBroadcast =
    isLimitedBroadcast(address) ||
    networks.some(network => isInside(address, network) && sameAddress(address, lastAddress(network)))
  return isBroadcast ? [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] : station(address)
}

function station(address: Address): readonly number[] {
  return [0x02, 0x00, ...octets(address.words.at(-1)!)]
}

function octets(word: number): readonly number[] {
  return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]
}
