// What a datagram on an IKE port is, before anything is believed: marker and header only (RFC 3948 §2, RFC 7296 §3.1).
import type { IkeHeader } from '../wire/ike/header.ts'
import { readHeader } from '../wire/ike/message.ts'
import { NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import type { Path } from './machine.ts'

export type FirstLook =
  /** `octets` from the IKE header on: a view of the datagram. */
  | { readonly kind: 'ike'; readonly header: IkeHeader; readonly octets: Uint8Array }
  /** A single octet that keeps a NAT's mapping (RFC 3948 §2.3): no news. */
  | { readonly kind: 'keepalive' }
  | { readonly kind: 'not-ours'; readonly what: string }

const MARKER_BYTES = 4

export function firstLook({ local }: Path, bytes: Uint8Array): FirstLook {
  if (local.port !== NAT_TRAVERSAL_PORT) return lookAtIke(bytes)
  if (bytes.length === 1 && bytes[0] === 0xff) return { kind: 'keepalive' }
  if (bytes.length < MARKER_BYTES) return { kind: 'not-ours', what: `${bytes.length} octets, too few for anything` }
  const isMarked = bytes.subarray(0, MARKER_BYTES).every(octet => octet === 0)
  return isMarked
    ? lookAtIke(bytes.subarray(MARKER_BYTES))
    : { kind: 'not-ours', what: 'no marker of IKE in front: ESP in UDP, which the data plane takes' }
}

function lookAtIke(octets: Uint8Array): FirstLook {
  const header = readHeader(octets)
  if (!header.ok) return { kind: 'not-ours', what: `no IKE header: ${header.error.what}` }
  if (header.value.length !== octets.length) {
    return { kind: 'not-ours', what: `its header states ${header.value.length} octets of ${octets.length}` }
  }
  return { kind: 'ike', header: header.value, octets }
}
