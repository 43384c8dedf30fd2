// What a datagram on an IKE port is, before anything is believed: marker and header only (RFC 3948 §2, RFC 7296 §3.1).
import { concatenate } from '../base/bytes.ts'
import { FROM_INITIATOR, HEADER_LENGTH, type IkeHeader, LENGTH_AT, RESPONSE } from '../wire/ike/header.ts'
import { IKE_VERSION_2, readHeader } from '../wire/ike/message.ts'
import { exchangeTypes } from '../wire/ike/numbers.ts'
import { NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import type { Path } from './machine.ts'

export type FirstLook =
  /** `octets` from the IKE header on: a view of the datagram. */
  | { readonly kind: 'ike'; readonly header: IkeHeader; readonly octets: Uint8Array }
  /** A single octet that keeps a NAT's mapping (RFC 3948 §2.3): no news. */
  | { readonly kind: 'keepalive' }
  | { readonly kind: 'not-ours'; readonly what: string }

/** Zero octets in front of IKE on port 4500 (RFC 3948 §2.2). */
export const MARKER_BYTES = 4

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

/** Whether it would begin a session here, in either version: no SPI of ours is in it yet. */
export function isBeginning(path: Path, bytes: Uint8Array): boolean {
  const look = firstLook(path, bytes)
  return look.kind === 'ike' && look.header.responderSpi === 0n
}

/** From the IKE header on. */
export const VERSION_AT = 17
const EXCHANGE_AT = 18
const FLAGS_AT = 19
const ID_AT = 20

/**
 * The octets from the IKE header on of who begins: an IKE_SA_INIT request with an SPI of its own and none of ours. Only some
 * octets are looked at and nothing is made of them, since a flood of strangers has to cost little.
 */
export function firstRequest({ local }: Path, bytes: Uint8Array): Uint8Array | undefined {
  const at = local.port === NAT_TRAVERSAL_PORT ? MARKER_BYTES : 0
  if (bytes.length < at + HEADER_LENGTH || bytes[at + EXCHANGE_AT] !== exchangeTypes.of.IKE_SA_INIT) return undefined
  if (bytes[at + VERSION_AT]! >> 4 !== IKE_VERSION_2.major) return undefined
  if ((bytes[at + FLAGS_AT]! & (RESPONSE | FROM_INITIATOR)) !== FROM_INITIATOR) return undefined
  if (at > 0 && !isZero(bytes, 0, at)) return undefined
  if (isZero(bytes, at, at + 8) || !isZero(bytes, at + 8, at + 16) || !isZero(bytes, at + ID_AT, at + LENGTH_AT)) {
    return undefined
  }
  return wordAt(bytes, at + LENGTH_AT) === bytes.length - at ? bytes.subarray(at) : undefined
}

/** The major version that stands where a header has it; undefined where there is none. */
export function versionOf({ local }: Path, bytes: Uint8Array): number | undefined {
  const at = local.port === NAT_TRAVERSAL_PORT ? MARKER_BYTES : 0
  return bytes.length < at + HEADER_LENGTH ? undefined : bytes[at + VERSION_AT]! >> 4
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  let all = 0
  for (let at = from; at < to; at++) all |= bytes[at]!
  return all === 0
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

export function withMarker(path: Path, octets: Uint8Array): Uint8Array {
  return isMarked(path) ? concatenate([new Uint8Array(MARKER_BYTES), octets]) : octets
}

/**
 * By our own port alone, as what comes is read: the peer's may be any that its NAT chose, 4500 in front of port 500 too, and
 * it gets its answer in the form in which it asked.
 */
export function isMarked({ local }: Path): boolean {
  return local.port === NAT_TRAVERSAL_PORT
}
