// What the watch gets to see, decided in the kernel so that sealed traffic costs next to nothing: no frame that is not IP, none
// that is sealed as the auditor's decoder (wire/udp-encapsulation) sees it, and none between other hosts, of which a host of
// containers has many. Whatever cannot be told here passes. Expects frames with their link header, since only that tells what
// was sent to every station.
import type { Address } from '../../base/address.ts'
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

/** PACKET_…: a frame to every station, to several, and for another one, which only a link that takes all of them shows. */
const TO_ALL = 1
const TO_SEVERAL = 2
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
/** Own addresses of a family that are looked for; of hosts with more, what is between others passes as well. */
export const MOST_OWN = 24
const IPV4_MULTICAST = 0xe000_0000
const IPV6_MULTICAST = 0xff
const UDP_HEADER = 8
/** SPI, sequence number, the least content with its trailer, the shortest ICV; SPIs up to 255 are reserved. */
const LEAST_ESP = 20
const LAST_RESERVED_SPI = 255

/** Slots of the filter's memory. */
const PAYLOAD = 0
const HEADER = 1

/**
 * `device`: the number of the agent's own link, behind which packets are opened and not sealed yet. `own`: this host's
 * addresses; undefined where it is not known whose they are.
 */
export function unsealedFilter(device: number, own: readonly Address[] | undefined): readonly FilterStep[] {
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

    ...ipv4(own),
    ...ipv6(own),
    ...udp(),
    place('keep'),
    answer(KEPT),
    place('drop'),
    answer(0),
  ])
}

/** What is too short for the loads behind is kept: a load past the end would drop it. */
function hasOctets(count: number): readonly Line[] {
  return [loadLength(), ifAtLeast(count, undefined, 'keep')]
}

/** Goes on with what may be from or to this host; the last word of an address has to do. */
function isOurs(family: 4 | 6, own: readonly Address[] | undefined): readonly Line[] {
  const words = own?.flatMap(address => (address.family === family ? [address.words.at(-1)!] : []))
  if (words === undefined || words.length > MOST_OWN) return []
  const ours = `ours${family}`
  const isOwn = (at: number) => [loadFromX('word', at), ...words.map(word => ifEqual(word, ours))]
  const isGroup =
    family === 4
      ? [loadFromX('word', 16), ifAtLeast(IPV4_MULTICAST, ours)]
      : [loadFromX('octet', 24), ifEqual(IPV6_MULTICAST, ours)]
  return [
    ...(family === 4 ? [...isOwn(12), ...isOwn(16)] : [...isOwn(20), ...isOwn(36)]),
    ...isGroup,
    loadAside('packetKind'),
    ifEqual(TO_ALL, ours),
    ifEqual(TO_SEVERAL, ours, 'drop'),
    place(ours),
  ]
}

function ipv4(own: readonly Address[] | undefined): readonly Line[] {
  const header = 20
  return [
    place('ipv4'),
    ...hasOctets(ETHERNET_HEADER + header),
    // Options move what follows.
    loadFromX('octet', 0),
    ifEqual(0x45, undefined, 'keep'),
    loadFromX('half', 2),
    ifAtLeast(header, undefined, 'keep'),
    loadFromX('octet', 9),
    ifEqual(ESP, 'drop'),
    ifEqual(AH, 'drop'),
    ...isOurs(4, own),
    loadFromX('octet', 9),
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

function ipv6(own: readonly Address[] | undefined): readonly Line[] {
  const header = 40
  return [
    place('ipv6'),
    ...hasOctets(ETHERNET_HEADER + header),
    loadFromX('octet', 0),
    mask(0xf0),
    ifEqual(0x60, undefined, 'keep'),
    // Behind other headers, of pieces too, nothing is looked for.
    loadFromX('octet', 6),
    ifEqual(ESP, 'drop'),
    ifEqual(AH, 'drop'),
    ...isOurs(6, own),
    loadFromX('octet', 6),
    ifEqual(UDP, undefined, 'keep'),
    loadFromX('half', 4),
    keepA(PAYLOAD),
    copyFromX(),
    add(header),
    copyToX(),
  ]
}

/** Expects X at the UDP header and its length as IP has it in memory. */
function udp(): readonly Line[] {
  return [
    place('udp'),
    ...hasOctets(LEAST),
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
