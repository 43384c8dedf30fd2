// How patient, how strict and how generous keying is: numbers that no policy has to name. Defaults with their reasons.

export interface KeyingSettings {
  /** Seconds until a request is sent again for the first time; then `factor` times as long each, up to `longest`. */
  readonly retransmit: {
    readonly first: number
    readonly factor: number
    readonly longest: number
    /** How often it is sent in all before the session is given up. */
    readonly sends: number
    /** The same before the peer has said a word: a host that has no IPsec is not waited for as long. */
    readonly sendsToStranger: number
  }
  /** Of IKEv1: seconds of silence after which a peer counts as one without IPsec, where a rule may fall back to clear. */
  readonly silence: number
  /** Seconds that a responder keeps a session whose peer has not proved itself. */
  readonly halfOpenSeconds: number
  /** Half-open sessions as a responder: above `cookiesFrom` strangers must show a cookie, above `most` none is taken. */
  readonly halfOpen: { readonly cookiesFrom: number; readonly most: number; readonly perAddress: number }
  /** Octets of an IP packet with an IKE fragment, its headers included (RFC 7383 §2.5.1). */
  readonly fragmentBytes: { readonly ipv4: number; readonly ipv6: number }
  /** Fragments of one message that are accepted. */
  readonly mostFragments: number
  /** Share of a lifetime that is taken off at random, so that the two ends do not renew at the same moment, 0 to 1. */
  readonly jitter: number
  /** Share of a lifetime after which it is renewed. */
  readonly renewAt: number
  /** Seconds until a refused exchange is tried again (TEMPORARY_FAILURE, RFC 7296 §2.25). */
  readonly tryAgain: number
  /** Seconds that a replaced association still receives, for packets on their way; then its initiator deletes it. */
  readonly overlap: number
  /** Bits that sequence numbers may have: offer extended ones (RFC 4304). */
  readonly extendedSequence: 'never' | 'preferred' | 'both'
  /** Packets, 64 to 8,192. */
  readonly replayWindow: number
  /** Seconds between NAT keepalives (RFC 3948 §4). */
  readonly keepalive: number
  /** ESP in UDP even where no NAT is: faster from user space, and what some networks ask for. */
  readonly forceEncapsulation: boolean
  /** Events of kind `keys` are given out. Only for tests and demonstrations: they open everything. */
  readonly tellKeys: boolean
  /** Events of kind `message` are given out. */
  readonly tellMessages: boolean
}

/** RFC 7296 §2.4 leaves the timing open; half a second suits hosts that are near, and the sum is about a minute. */
export const defaultKeyingSettings: KeyingSettings = {
  retransmit: { first: 0.5, factor: 1.8, longest: 20, sends: 8, sendsToStranger: 5 },
  // As Windows has it; with KB 914841 half a second.
  silence: 3,
  halfOpenSeconds: 30,
  halfOpen: { cookiesFrom: 32, most: 1000, perAddress: 64 },
  // What every IPv4 host must take; IPv6 has a larger least size (RFC 7383 §2.5.1).
  fragmentBytes: { ipv4: 576, ipv6: 1280 },
  mostFragments: 64,
  jitter: 0.1,
  renewAt: 0.9,
  tryAgain: 2,
  overlap: 5,
  extendedSequence: 'both',
  replayWindow: 1024,
  keepalive: 20,
  forceEncapsulation: false,
  tellKeys: false,
  tellMessages: false,
}
