// Where a NAT stands between two hosts, and what follows from it for ports and packets.
import { NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import type { Path } from './machine.ts'

/** As the hashes of RFC 7296 §2.23 and RFC 3947 §3.2 tell. */
export interface NatFindings {
  readonly beforeUs: boolean
  readonly beforePeer: boolean
  /** We made the peer see one in front of us, for ESP in UDP; it knows what that is. */
  readonly pretended?: true
}

export const noNat: NatFindings = { beforeUs: false, beforePeer: false }

/** Whether ESP goes in UDP: both hosts come to the same answer, and the kernels of many accept no other form. */
export function isInUdp({ beforeUs, beforePeer, pretended }: NatFindings): boolean {
  return beforeUs || beforePeer || pretended === true
}

/** Where a NAT was found, both ports become 4500: IKE and ESP share it from now on (RFC 7296 §2.23, RFC 3947 §4). */
export function pathThroughNat({ local, remote }: Path): Path {
  return { local: { ...local, port: NAT_TRAVERSAL_PORT }, remote: { ...remote, port: NAT_TRAVERSAL_PORT } }
}
