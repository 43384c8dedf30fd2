// One IP packet as numbers and offsets: what the policy, the auditor and the data plane look at. `decode.ts` fills it,
// again and again: nothing is allocated per packet.
import type { Address } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'

export const NOT_IP = 0
export const IS_IP = 1
export const MALFORMED = 2
export type PacketKind = typeof NOT_IP | typeof IS_IP | typeof MALFORMED

/** What a UDP datagram on port 500 or 4500 carries (RFC 3948 §2.2, §2.3; RFC 7296 §3.1). */
export const PLAIN = 0
export const IKE = 1
export const ESP_IN_UDP = 2
export const KEEPALIVE = 3
export type UdpContent = typeof PLAIN | typeof IKE | typeof ESP_IN_UDP | typeof KEEPALIVE

export class Packet {
  kind: PacketKind = NOT_IP
  /** Why the packet is malformed, in words; empty where it is not. */
  problem = ''
  /** The frame was sent to every station of the link. */
  linkBroadcast = false
  /** 4 or 6; 0 where the packet is not IP. */
  version = 0
  /** Where the outermost IP header starts in the buffer given to the decoder. */
  ipOffset = 0
  /** One past the last byte of the IP packet that was captured. */
  end = 0
  /** Bytes of the IP packet as its header states them, captured or not. */
  ipLength = 0
  /** Source and destination as signed 32-bit words in network order; IPv4 uses the first word only. */
  s0 = 0
  s1 = 0
  s2 = 0
  s3 = 0
  d0 = 0
  d1 = 0
  d2 = 0
  d3 = 0
  /** Protocol behind the IPv6 extension headers; ESP and AH stay visible. -1 where it is not known. */
  protocol = -1
  /** What follows AH; -1 without AH. */
  upper = -1
  /** -1 where there are none, or where this fragment or this capture does not hold them. */
  sourcePort = -1
  destinationPort = -1
  icmpType = -1
  /** In 8-octet units (RFC 791 §3.1, RFC 8200 §4.5). */
  fragmentOffset = 0
  moreFragments = false
  identification = 0
  /** Where the header of `protocol` starts. */
  transport = 0
  /** Security parameters index of ESP, of ESP in UDP or of AH, unsigned; 0 where there is none. */
  spi = 0
  content: UdpContent = PLAIN

  reset(): void {
    this.kind = NOT_IP
    this.problem = ''
    this.linkBroadcast = false
    this.version = 0
    this.ipOffset = 0
    this.end = 0
    this.ipLength = 0
    this.s0 = 0
    this.s1 = 0
    this.s2 = 0
    this.s3 = 0
    this.d0 = 0
    this.d1 = 0
    this.d2 = 0
    this.d3 = 0
    this.protocol = -1
    this.upper = -1
    this.sourcePort = -1
    this.destinationPort = -1
    this.icmpType = -1
    this.fragmentOffset = 0
    this.moreFragments = false
    this.identification = 0
    this.transport = 0
    this.spi = 0
    this.content = PLAIN
  }

  get isLaterFragment(): boolean {
    return this.fragmentOffset !== 0
  }

  source(): Address {
    if (this.version === 4) return { family: 4, words: [this.s0 >>> 0] }
    return { family: 6, words: [this.s0 >>> 0, this.s1 >>> 0, this.s2 >>> 0, this.s3 >>> 0] }
  }

  destination(): Address {
    if (this.version === 4) return { family: 4, words: [this.d0 >>> 0] }
    return { family: 6, words: [this.d0 >>> 0, this.d1 >>> 0, this.d2 >>> 0, this.d3 >>> 0] }
  }

  flow(): Flow {
    return {
      source: this.source(),
      destination: this.destination(),
      protocol: this.protocol,
      ...(this.sourcePort < 0 ? {} : { sourcePort: this.sourcePort }),
      ...(this.destinationPort < 0 ? {} : { destinationPort: this.destinationPort }),
      ...(this.icmpType < 0 ? {} : { icmpType: this.icmpType }),
      ...(this.linkBroadcast ? { linkBroadcast: true } : {}),
    }
  }
}
