// Link types that few captures have, as a table: the number in the tcpdump.org registry and the step over its header.
// Left out: links that carry no IP, and IP that is compressed (6LoWPAN), enciphered or cut into cells.
import {
  BY_VERSION,
  cutOff,
  ETHERNET_LAYER,
  FRAME_RELAY_LAYER,
  isBroadcastStation,
  type Layer,
  LLC_LAYER,
  MPLS_LAYER,
  NOTHING,
  onto,
  ontoType,
  PPP_LAYER,
} from './layer.ts'
import { junipers, overJuniper } from './link-juniper.ts'
import {
  overArcnet,
  overArcnetLinux,
  overAx25,
  overAx25Kiss,
  overCableModem,
  overClassicalIp,
  overFddi,
  overFibreChannel,
  overFirewire,
  overInfiniband,
  overIpOverFibreChannel,
  overMpacket,
  overMultilinkFrameRelay,
  overPreamble,
  overSunAtm,
  overTokenRing,
} from './link-lan.ts'
import { over80211, overAvs, overPrism, overRadiotap } from './link-wireless.ts'
import {
  overEncapsulating,
  overErf,
  overIpnet,
  overNflog,
  overPacketTap,
  overPflog,
  overPpi,
  overSymantec,
  overTzsp,
} from './link-wrapped.ts'
import type { Packet } from './packet.ts'

export const IEEE802_11 = 105
export const IEEE802_11_PRISM = 119
export const IEEE802_11_RADIOTAP = 127

type Step = (packet: Packet, bytes: Uint8Array, at: number, end: number) => Layer

/** A header of so many octets that says nothing about what follows. */
function fixed(octets: number, behind: Layer): Step {
  return (packet, _bytes, at, end) => (end - at < octets ? cutOff(packet) : onto(packet, behind, at + octets))
}

/** A header of so many octets, the last two of them an EtherType unless `typeAt` says where it is. */
function typed(octets: number, typeAt: number = octets - 2): Step {
  return (packet, bytes, at, end) =>
    end - at < octets ? cutOff(packet) : ontoType(packet, bytes, at + typeAt, at + octets)
}

/** Cisco's HDLC whatever its address, unless it is the one of PPP, which routers send on the same lines. */
function overCiscoHdlc(packet: Packet, bytes: Uint8Array, at: number, end: number): Layer {
  if (end - at < 4) return cutOff(packet)
  return bytes[at] === 0xff && bytes[at + 1] === 0x03
    ? onto(packet, PPP_LAYER, at)
    : ontoType(packet, bytes, at + 2, at + 4)
}

/** An Ethernet header with a tag before its EtherType, as switches add for their own use. */
function tagged(octets: number): Step {
  const step = typed(octets)
  return (packet, bytes, at, end) => {
    if (end - at >= octets) packet.linkBroadcast = isBroadcastStation(bytes, at)
    return step(packet, bytes, at, end)
  }
}

const steps: ReadonlyMap<number, Step> = new Map<number, Step>([
  [3, overAx25],
  [6, overTokenRing],
  [7, overArcnet],
  [8, fixed(16, BY_VERSION)], // SLIP: direction and the header as compressed, then the packet as it is without
  [10, overFddi],
  [11, fixed(0, LLC_LAYER)], // ATM_RFC1483 as BSD numbers it, which wrappers use
  [51, fixed(6, PPP_LAYER)], // PPPoE without Ethernet
  [99, overSymantec],
  [100, fixed(0, LLC_LAYER)], // ATM_RFC1483
  [102, fixed(24, BY_VERSION)], // SLIP of BSD/OS
  [103, fixed(24, PPP_LAYER)], // PPP of BSD/OS
  [104, overCiscoHdlc],
  [IEEE802_11, (packet, bytes, at, end) => over80211(packet, bytes, at, end, false)],
  [106, overClassicalIp],
  [107, fixed(0, FRAME_RELAY_LAYER)],
  [109, overEncapsulating],
  [117, overPflog],
  [IEEE802_11_PRISM, overPrism],
  [122, overIpOverFibreChannel],
  [123, overSunAtm],
  [IEEE802_11_RADIOTAP, overRadiotap],
  [128, overTzsp],
  [129, overArcnetLinux],
  [138, overFirewire],
  [143, overCableModem],
  [163, overAvs],
  [166, fixed(2, PPP_LAYER)], // pppd puts a direction where the address was
  [182, overMultilinkFrameRelay],
  [192, overPpi],
  [197, overErf],
  [202, overAx25Kiss],
  [204, fixed(1, PPP_LAYER)], // PPP_WITH_DIR
  [205, (packet, bytes, at, end) => overCiscoHdlc(packet, bytes, at + 1, end)], // C_HDLC_WITH_DIR
  [206, fixed(1, FRAME_RELAY_LAYER)], // FRELAY_WITH_DIR
  [219, fixed(0, MPLS_LAYER)],
  [224, overFibreChannel],
  [225, (packet, bytes, at, end) => overFibreChannel(packet, bytes, at + 4, end)], // behind the start-of-frame mark
  [226, overIpnet],
  [239, overNflog],
  [240, fixed(4, ETHERNET_LAYER)], // NETANALYZER
  [241, (packet, bytes, at, end) => overPreamble(packet, bytes, at + 4, end)], // NETANALYZER_TRANSPARENT
  [242, overInfiniband],
  [258, overPacketTap],
  [259, fixed(8, ETHERNET_LAYER)], // EPON: the preamble holds the logical link
  [274, overMpacket],
  [281, tagged(18)], // DSA_TAG_BRCM
  [282, fixed(4, ETHERNET_LAYER)], // DSA_TAG_BRCM_PREPEND
  [284, tagged(18)], // DSA_TAG_DSA
  [285, tagged(22)], // DSA_TAG_EDSA
  ...junipers.map(({ link, cookie, behind }): [number, Step] => [
    link,
    (packet, bytes, at, end) => overJuniper(packet, bytes, at, end, cookie, behind),
  ]),
])

export function locateRare(packet: Packet, bytes: Uint8Array, link: number, start: number, end: number): Layer {
  const step = steps.get(link)
  return step === undefined ? NOTHING : step(packet, bytes, start, end)
}
