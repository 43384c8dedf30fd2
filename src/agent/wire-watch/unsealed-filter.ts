// What the watch gets to see, decided in the kernel so that sealed traffic costs next to nothing: no frame that is not IP, and
// none that is sealed as the auditor's decoder (wire/udp-encapsulation) sees it. Whatever cannot be told here passes. Expects
// frames with their link header, since only that tells what was sent to every station.
import { AH, ESP, UDP } from '../../base/flow.ts'
import type { FilterStep } from '../../native/socket-options.ts'
import { NAT_TRAVERSAL_PORT } from '../../wire/udp-encapsulation.ts'
import {
  add,
  answer,
  assemble,
  copyFromX,
  copyToX,
  goTo,
  ifAbove,
  ifAnyBit,
  ifAtLeast,
  ifEqual,
  ifSame,
  keepA,
  keepX,
  type Line,
  load,
  loadAside,
  loadFromX,
  loadLength,
  mask,
  place,
  recallX,
  setX,
  subtract,
} from './filter-assembly.ts'

/** Octets of a frame that are kept: its headers, behind a few of IPv6 too. */
export const KEPT = 256

/** A frame for another station, which only a link that takes all of them shows (PACKET_OTHERHOST). */
const FOR_OTHERS = 3

/** ARPHRD_…: Ethernet, and links whose frames begin with IP: none, PPP, tunnels of IP in IP. */
const ETHERNET = 1
const LOOPBACK = 772
const BARE = [65_534, 512, 768, 769, 776]

const ETHERNET_HEADER = 14
const IPV4 = 0x0800
const IPV6 = 0x86dd
/** A larger number in the tag is a VLAN, whose own link shows the frame as well; 0 marks a priority alone. */
const VLAN = 0xfff

/** Up to the first octets behind UDP, whichever the headers are. */
const LEAST = ETHERNET_HEADER + 40 + 12
const UDP_HEADER = 8
/** SPI, sequence number, the least content with its trailer, the shortest ICV; SPIs up to 255 are reserved. */
const LEAST_ESP = 20
const LAST_RESERVED_SPI = 255

/** Slots of the filter's memory. */
const PAYLOAD = 0
const HEADER = 1

/** `device`: the number of the agent's own link, behind which packets are opened and not sealed yet. */
export function unsealedFilter(device: number): readonly FilterStep[] {
  return assemble([
    loadAside('link'),
    ifEqual(device, 'drop'),
    loadAside('packetKind'),
    ifEqual(FOR_OTHERS, 'drop'),
    loadAside('hasVlanTag'),
    ifEqual(0, 'untagged'),
    loadAside('vlanTag'),
    ifAnyBit(VLAN, 'drop'),
    place('untagged'),
    loadAside('hardware'),
    ifEqual(LOOPBACK, 'drop'),
    ifEqual(ETHERNET, 'ethernet'),
    ...BARE.map(kind => ifEqual(kind, 'bare')),
    goTo('keep'),

    place('bare'),
    setX(0),
    load('octet', 0),
    mask(0xf0),
    ifEqual(0x40, 'ipv4'),
    ifEqual(0x60, 'ipv6', 'keep'),

    place('ethernet'),
    setX(ETHERNET_HEADER),
    // Not what the kernel takes the frame for: whoever sends frames by hand may tell it anything.
    load('half', ETHERNET_HEADER - 2),
    ifEqual(IPV4, 'ipv4'),
    ifEqual(IPV6, 'ipv6', 'drop'),

    ...ipv4(),
    ...ipv6(),
    ...udp(),
    place('keep'),
    answer(KEPT),
    place('drop'),
    answer(0),
  ])
}

/** What is too short for the loads behind is kept: a load past the end would drop it. */
function isWhole(): readonly Line[] {
  return [loadLength(), ifAtLeast(LEAST, undefined, 'keep')]
}

function ipv4(): readonly Line[] {
  const header = 20
  return [
    place('ipv4'),
    ...isWhole(),
    // Options move what follows.
    loadFromX('octet', 0),
    ifEqual(0x45, undefined, 'keep'),
    loadFromX('half', 2),
    ifAtLeast(header, undefined, 'keep'),
    loadFromX('octet', 9),
    ifEqual(ESP, 'drop'),
    ifEqual(AH, 'drop'),
    ifEqual(UDP, undefined, 'keep'),
    // Pieces are judged by the first of them: all of them are kept.
    loadFromX('half', 6),
    ifAnyBit(0x3fff, 'keep'),
    loadFromX('half', 2),
    subtract(header),
    keepA(PAYLOAD),
    copyFromX(),
    add(header),
    copyToX(),
    goTo('udp'),
  ]
}

function ipv6(): readonly Line[] {
  return [
    place('ipv6'),
    ...isWhole(),
    loadFromX('octet', 0),
    mask(0xf0),
    ifEqual(0x60, undefined, 'keep'),
    // Behind other headers, of pieces too, nothing is looked for.
    loadFromX('octet', 6),
    ifEqual(ESP, 'drop'),
    ifEqual(AH, 'drop'),
    ifEqual(UDP, undefined, 'keep'),
    loadFromX('half', 4),
    keepA(PAYLOAD),
    copyFromX(),
    add(40),
    copyToX(),
  ]
}

/** Expects X at the UDP header and its length as IP has it in memory. */
function udp(): readonly Line[] {
  return [
    place('udp'),
    loadFromX('half', 0),
    ifEqual(NAT_TRAVERSAL_PORT, 'natTraversal'),
    loadFromX('half', 2),
    ifEqual(NAT_TRAVERSAL_PORT, undefined, 'keep'),
    place('natTraversal'),
    // Both lengths agree, or there is more in it than the seal.
    loadFromX('half', 4),
    keepX(HEADER),
    recallX(PAYLOAD),
    ifSame(undefined, 'keep'),
    recallX(HEADER),
    ifAnyBit(3, 'keep'),
    ifAtLeast(UDP_HEADER + LEAST_ESP, undefined, 'keep'),
    loadFromX('word', UDP_HEADER),
    ifAbove(LAST_RESERVED_SPI, 'drop', 'keep'),
  ]
}
