// What a TUN data plane is started with; all of it can be cloned to its worker.
import type { EngineName } from '../../crypto/packet-engine.ts'

/** fwmark of everything that the agent itself sends: it is never routed into the device again. */
export const SEALWIRE_MARK = 0x5ea1

export interface TunOptions {
  /** A name, or one with `%d` for the next free number: `sealwire%d`. */
  readonly device: string
  /** Of the device: what applications may send, before sealing. */
  readonly mtu: number
  /** Of the links that sealed packets leave by. */
  readonly linkMtu: number
  /** The preferred packet engine; absent: the quickest that works. */
  readonly engine?: EngineName
  /** Absent: 0x5ea1. */
  readonly mark?: number
  /** UDP port of IKE and ESP in UDP, 4500 but in tests; 0 opens none. */
  readonly udpPort?: number
  /** Absent: TCP and UDP as the kernel can. */
  readonly segmentation?: 'none' | 'tcp' | 'tcp-and-udp'
  /** A network namespace of ip-netns(8) that the worker enters; absent: that of the process. */
  readonly namespace?: string
  /**
   * ESP goes to stations of the own links, and comes from them, past the kernel's IP: by frames, which cost less than half.
   * Other firewalls' rules on the way do not see it then. Absent: by raw sockets.
   */
  readonly byFrames?: boolean
  /** Every packet goes the whole way: for tests that compare. */
  readonly withoutShortCuts?: boolean
}
