// Frames captured on Juniper routers (link types 130 to 238 that bear the name): the magic number, flags, extensions,
// the cookie of the interface card, then the link's own header. The layout is known from what reads it, tcpdump and
// libpcap; Juniper publishes none. Left out: cell relay, and protocols of cards that carry no IP.
import {
  BY_GUESS,
  cutOff,
  ETHERNET_LAYER,
  FRAME_RELAY_LAYER,
  type Layer,
  LLC_LAYER,
  NLPID_LAYER,
  NOTHING,
  onto,
  ontoType,
  PPP_LAYER,
  SERIAL_LAYER,
  u16,
} from './layer.ts'
import type { Packet } from './packet.ts'

/** ATM adaptation layer 5: LLC, or protocol identifiers as Cisco sends them, or the packet at once. */
const ADAPTED = -2
/** Two octets that are an EtherType. */
const TYPED = -3
/** Frame Relay without its address: a control octet and a protocol identifier. */
const UNADDRESSED = -4

interface Juniper {
  readonly link: number
  /** Octets of the card's cookie where the cookie does not say itself how long it is. */
  readonly cookie: number
  readonly behind: Layer
}

export const junipers: readonly Juniper[] = [
  { link: 130, cookie: 2, behind: PPP_LAYER }, // MLPPP
  { link: 131, cookie: 4, behind: UNADDRESSED }, // MLFR
  { link: 132, cookie: 0, behind: BY_GUESS }, // ES
  { link: 133, cookie: 8, behind: BY_GUESS }, // GGSN
  { link: 134, cookie: 4, behind: UNADDRESSED }, // MFR
  { link: 135, cookie: 8, behind: ADAPTED }, // ATM2
  { link: 136, cookie: 8, behind: BY_GUESS }, // SERVICES
  { link: 137, cookie: 4, behind: ADAPTED }, // ATM1
  { link: 164, cookie: 0, behind: BY_GUESS }, // MONITOR
  { link: 167, cookie: 0, behind: ETHERNET_LAYER }, // PPPOE
  { link: 168, cookie: 0, behind: TYPED }, // PPPOE_ATM
  { link: 174, cookie: 0, behind: BY_GUESS }, // PIC_PEER
  { link: 178, cookie: 0, behind: ETHERNET_LAYER }, // ETHER
  { link: 179, cookie: 0, behind: PPP_LAYER }, // PPP
  { link: 180, cookie: 0, behind: FRAME_RELAY_LAYER }, // FRELAY
  { link: 181, cookie: 0, behind: SERIAL_LAYER }, // CHDLC
  { link: 183, cookie: 0, behind: BY_GUESS }, // VP
  { link: 194, cookie: 0, behind: BY_GUESS }, // ISM
  { link: 200, cookie: 0, behind: BY_GUESS }, // ST
  { link: 232, cookie: 0, behind: BY_GUESS }, // VS
  { link: 233, cookie: 0, behind: BY_GUESS }, // SRX_E2E
]

const HAS_EXTENSIONS = 0x80
const NO_LINK_HEADER = 0x02
const LINK_SERVICES_COOKIE = 0x54
const ADAPTIVE_SERVICES_COOKIE = 0x47

export function overJuniper(
  packet: Packet,
  bytes: Uint8Array,
  start: number,
  end: number,
  cookie: number,
  behind: Layer,
): Layer {
  if (end - start < 4) return cutOff(packet)
  // "MGC"
  if (bytes[start] !== 0x4d || bytes[start + 1] !== 0x47 || bytes[start + 2] !== 0x43) return NOTHING
  const flags = bytes[start + 3]!
  let at = start + 4
  if ((flags & HAS_EXTENSIONS) !== 0) {
    if (end - at < 2) return cutOff(packet)
    at += 2 + u16(bytes, at)
  }
  // Four octets stand in the place of the link header that the card removed.
  if ((flags & NO_LINK_HEADER) !== 0) return onto(packet, BY_GUESS, at + 4)
  if (end - at < 3) return cutOff(packet)
  if (cookie > 0) {
    const kind = bytes[at]!
    if (kind === ADAPTIVE_SERVICES_COOKIE) return onto(packet, BY_GUESS, at + 8)
    at += kind === LINK_SERVICES_COOKIE ? cookie + 2 : cookie
  }
  if (end - at < 3) return cutOff(packet)
  switch (behind) {
    case ADAPTED: {
      const header = (u16(bytes, at) << 8) | bytes[at + 2]!
      if (header === 0xfefe03 || header === 0xaaaa03) return onto(packet, LLC_LAYER, at)
      return bytes[at] === 0x03 ? onto(packet, NLPID_LAYER, at + 1) : onto(packet, BY_GUESS, at)
    }
    case TYPED:
      return ontoType(packet, bytes, at, at + 2)
    case UNADDRESSED:
      return bytes[at] === 0x03 ? onto(packet, NLPID_LAYER, at + 1) : NOTHING
    default:
      return onto(packet, behind, at)
  }
}
