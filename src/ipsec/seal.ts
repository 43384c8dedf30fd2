// A whole packet through the layers of an association and back: transport or tunnel mode, ESP, AH, ESP within AH, UDP
// around it. In and out are arrays; between them one Memory is worked in, the same for every packet of a host.
import { AH, ESP, UDP } from '../base/flow.ts'
import { allocateMemory, type Memory } from '../crypto/packet-engine.ts'
import { espHeaderBytes } from '../crypto/suites.ts'
import { ahBytes, checkAh, writeAh } from './ah.ts'
import type { Association, OpeningLayer, SealingLayer } from './association.ts'
import type { DropReason } from './drop-reasons.ts'
import { espRoom, NO_NEXT_HEADER, OpenedEsp, openEsp, readWord, sealEsp } from './esp.ts'
import {
  mergeCongestion,
  outerHeaderBytes,
  setIpLength,
  trafficClassOf,
  transportPoint,
  UDP_HEADER,
  writeOuterHeader,
  writeUdpHeader,
} from './headers.ts'

/** IP in IP (RFC 2003) and IPv6 in IP (RFC 2473). */
const INNER_IPV4 = 4
const INNER_IPV6 = 41
const LARGEST = 65_535
/** Room in front of a packet for headers, and behind it for padding and ICV. */
const HEADROOM = 256
const TAILROOM = 512

export type Sealed = { readonly packet: Uint8Array } | { readonly drop: DropReason }

export class Workbench {
  readonly memory: Memory = allocateMemory(HEADROOM + LARGEST + TAILROOM)
  readonly opened = new OpenedEsp()
  #identification = 0

  /** Outer packets of a tunnel that may be cut need a number each. */
  nextIdentification(): number {
    this.#identification = (this.#identification + 1) & 0xffff
    return this.#identification
  }

  /** Lays the packet down with headroom; answers where. */
  take(packet: Uint8Array): number {
    this.memory.bytes.set(packet, HEADROOM)
    return HEADROOM
  }
}

/** Seals a whole packet and counts it. Nothing is counted where it is dropped. */
export function sealPacket(bench: Workbench, association: Association, packet: Uint8Array): Sealed {
  const { outbound } = association.pair
  const fault = whyNotSealed(association, packet)
  if (fault !== undefined) return { drop: fault }
  let ip = bench.take(packet)
  let length = packet.length
  let content: { nextHeader: number; start: number }
  const { bytes } = bench.memory
  if (outbound.mode === 'tunnel') {
    const header = outerHeaderBytes(outbound.source.family)
    const nextHeader = packet[0]! >> 4 === 4 ? INNER_IPV4 : INNER_IPV6
    const identification = bench.nextIdentification()
    writeOuterHeader(bytes, ip - header, outbound.source, outbound.destination, nextHeader, ip, identification)
    ip -= header
    length += header
    content = { nextHeader, start: header }
  } else {
    const point = transportPoint(bytes, ip, length)
    if (point === undefined) return { drop: 'malformed' }
    content = { nextHeader: bytes[ip + point.place]!, start: point.start }
  }
  for (const layer of association.sealing) {
    if (!layer.sequence.advance()) return { drop: 'exhausted' }
    const added = addLayer(bench, layer, ip, length, content, outbound.padTo)
    if (added === undefined) return { drop: 'cannot-be-covered' }
    ip = added.ip
    length = added.length
    content = { nextHeader: layer.protocol === 'esp' ? ESP : AH, start: content.start }
  }
  if (outbound.encapsulation !== undefined) {
    const { sourcePort, destinationPort } = outbound.encapsulation
    const sealed = length - content.start
    bytes.copyWithin(ip - UDP_HEADER, ip, ip + content.start)
    ip -= UDP_HEADER
    length += UDP_HEADER
    nameNextHeader(bytes, ip, content.start, UDP)
    setIpLength(bytes, ip, length)
    writeUdpHeader(bytes, ip + content.start, ip, sourcePort, destinationPort, sealed)
  }
  association.counters.outbound.packets++
  association.counters.outbound.bytes += packet.length
  return { packet: bytes.slice(ip, ip + length) }
}

/** Nearly as large as a packet can be: only from here on it is worked out whether the sealed one is too large. */
const SURELY_FITS = LARGEST - 1024
/** Its payload length of zero says that a jumbo option has it (RFC 2675): ESP's own lengths do not reach that far. */
const isJumbogram = (packet: Uint8Array) =>
  packet[0]! >> 4 === 6 && packet.length > 40 && packet[4] === 0 && packet[5] === 0

function whyNotSealed(association: Association, packet: Uint8Array): DropReason | undefined {
  if (association.isClosed) return 'expired'
  if (isJumbogram(packet)) return 'jumbogram'
  if (packet.length <= SURELY_FITS) return undefined
  const family = packet[0]! >> 4 === 4 ? 4 : 6
  return packet.length > innerMtu(association, LARGEST, family, headersOutside(packet)) ? 'too-big' : undefined
}

/** Octets of the IP headers that stay in front of the seal in transport mode. */
export function headersOutside(packet: Uint8Array): number {
  if (packet[0]! >> 4 === 4) return (packet[0]! & 15) * 4
  return transportPoint(packet, 0, packet.length)?.start ?? outerHeaderBytes(6)
}

/** Puts one layer between the IP headers, `content.start` octets from `ip`, and what follows them. */
function addLayer(
  bench: Workbench,
  layer: SealingLayer,
  ip: number,
  length: number,
  content: { nextHeader: number; start: number },
  padTo: number | undefined,
): { ip: number; length: number } | undefined {
  const { bytes } = bench.memory
  const from = ip + content.start
  const header =
    layer.protocol === 'esp'
      ? espHeaderBytes(layer.sealer.suite)
      : ahBytes(layer.authenticator, bytes[ip]! >> 4 === 4 ? 4 : 6)
  const moved = ip - header
  bytes.copyWithin(moved, ip, from)
  nameNextHeader(bytes, moved, content.start, layer.protocol === 'esp' ? ESP : AH)
  const at = moved + content.start
  if (layer.protocol === 'esp') {
    const contentLength = length - content.start
    const { sealer, spi, sequence } = layer
    const made = sealEsp(bench.memory, sealer, spi, sequence, content.nextHeader, from, contentLength, at, padTo)
    setIpLength(bytes, moved, content.start + made)
    return { ip: moved, length: content.start + made }
  }
  const whole = length + header
  setIpLength(bytes, moved, whole)
  const { authenticator, spi, sequence } = layer
  return writeAh(bytes, authenticator, spi, sequence, content.nextHeader, moved, at, moved + whole)
    ? { ip: moved, length: whole }
    : undefined
}

/** Makes the last header before `start` name the protocol that follows. */
function nameNextHeader(bytes: Uint8Array, ip: number, start: number, protocol: number): void {
  if (bytes[ip]! >> 4 === 4) {
    bytes[ip + 9] = protocol
    return
  }
  let place = ip + 6
  for (let at = ip + 40; at < ip + start; at += (bytes[at + 1]! + 1) * 8) place = at
  bytes[place] = protocol
}

/** What came out of a seal. `outerClass` is the traffic class that the sealed packet arrived with. */
export type Opened =
  | { readonly packet: Uint8Array; readonly isTunnelled: boolean }
  | { readonly drop: DropReason; readonly association: Association | undefined }

/**
 * Opens a whole packet whose ESP or AH header stands `start` octets into it, behind a UDP header where `isInUdp`. `find`
 * knows the associations of this host.
 */
export function openPacket(
  bench: Workbench,
  find: (spi: number) => Association | undefined,
  packet: Uint8Array,
  start: number,
  protocol: number,
  isInUdp: boolean,
): Opened & { association: Association | undefined } {
  if (packet.length > LARGEST) return { drop: 'malformed', association: undefined }
  const ip = bench.take(packet)
  const { bytes } = bench.memory
  const outerClass = trafficClassOf(packet, 0)
  const length = packet.length
  if (isInUdp) {
    // Off with the UDP header: the IP headers move towards what it carried.
    bytes.copyWithin(ip + UDP_HEADER, ip, ip + start - UDP_HEADER)
    return openAt(bench, find, ip + UDP_HEADER, length - UDP_HEADER, start - UDP_HEADER, ESP, outerClass)
  }
  return openAt(bench, find, ip, length, start, protocol, outerClass)
}

function openAt(
  bench: Workbench,
  find: (spi: number) => Association | undefined,
  from: number,
  whole: number,
  start: number,
  outermost: number,
  outerClass: number,
): Opened & { association: Association | undefined } {
  const { bytes } = bench.memory
  let ip = from
  let length = whole
  if (length - start < 12) return { drop: 'malformed', association: undefined }
  const association = find(readWord(bytes, ip + start + (outermost === AH ? 4 : 0)))
  // An SPI belongs to a protocol (RFC 4301 §4.1): that of the outermost layer.
  const isRight = association?.opening.at(-1)?.protocol === (outermost === AH ? 'ah' : 'esp')
  if (association === undefined || !isRight) return { drop: 'no-association', association: undefined }
  let nextHeader = outermost
  const accepted: (() => void)[] = []
  // From the outside in: the layers stand from the inside out.
  for (const layer of association.opening.toReversed()) {
    if (nextHeader !== (layer.protocol === 'esp' ? ESP : AH)) return { drop: 'bad-inner-packet', association }
    const removed = removeLayer(bench, layer, ip, length, start, accepted)
    if (typeof removed === 'string') return { drop: countFault(association, removed), association }
    ip = removed.ip
    length = removed.length
    nextHeader = removed.nextHeader
  }
  // Only now is it known to be authentic in every layer.
  for (const accept of accepted) accept()
  if (nextHeader === NO_NEXT_HEADER) return { drop: 'dummy', association }
  return association.pair.inbound.mode === 'tunnel'
    ? fromTunnel(bytes, ip + start, length - start, nextHeader, outerClass, association)
    : fromTransport(bytes, ip, length, start, nextHeader, association)
}

type LayerFault = 'malformed' | 'replayed' | 'not-authentic' | 'bad-padding' | 'cannot-be-covered' | 'no-association'

function removeLayer(
  bench: Workbench,
  layer: OpeningLayer,
  ip: number,
  length: number,
  start: number,
  accepted: (() => void)[],
): { ip: number; length: number; nextHeader: number } | LayerFault {
  const { bytes } = bench.memory
  const at = ip + start
  if (length - start < 12) return 'malformed'
  const isEsp = layer.protocol === 'esp'
  if (readWord(bytes, at + (isEsp ? 0 : 4)) !== layer.spi) return 'no-association'
  const low = readWord(bytes, at + (isEsp ? 4 : 8))
  const high = layer.window.inferHigh(low)
  if (!layer.window.isNew(high, low)) return 'replayed'
  accepted.push(() => layer.window.accept(high, low))
  if (isEsp) {
    const fault = openEsp(bench.memory, layer.opener, at, length - start, high, bench.opened)
    if (fault !== undefined) return fault
    return moveHeaders(bytes, ip, start, bench.opened.at, bench.opened.length, bench.opened.nextHeader)
  }
  const fault = checkAh(bytes, layer.authenticator, high, ip, at, ip + length)
  if (fault !== undefined) return fault
  const header = (bytes[at + 1]! + 2) * 4
  return moveHeaders(bytes, ip, start, at + header, length - start - header, bytes[at]!)
}

/** Brings the IP headers up to the content that was inside the layer. */
function moveHeaders(
  bytes: Uint8Array,
  ip: number,
  start: number,
  content: number,
  length: number,
  nextHeader: number,
) {
  const moved = content - start
  bytes.copyWithin(moved, ip, ip + start)
  nameNextHeader(bytes, moved, start, nextHeader)
  setIpLength(bytes, moved, start + length)
  return { ip: moved, length: start + length, nextHeader }
}

function countFault(association: Association, fault: LayerFault): DropReason {
  const { counters } = association
  if (fault === 'replayed') counters.replayed++
  else if (fault === 'not-authentic') counters.notAuthentic++
  else if (fault === 'bad-padding') counters.badPadding++
  return fault
}

function fromTransport(
  bytes: Uint8Array,
  ip: number,
  length: number,
  start: number,
  nextHeader: number,
  association: Association,
): Opened & { association: Association } {
  nameNextHeader(bytes, ip, start, nextHeader)
  setIpLength(bytes, ip, length)
  return { packet: bytes.slice(ip, ip + length), isTunnelled: false, association }
}

function fromTunnel(
  bytes: Uint8Array,
  inner: number,
  room: number,
  nextHeader: number,
  outerClass: number,
  association: Association,
): Opened & { association: Association } {
  const version = bytes[inner]! >> 4
  const isRight = nextHeader === (version === 4 ? INNER_IPV4 : INNER_IPV6) && room >= (version === 4 ? 20 : 40)
  // What lies behind the inner packet is padding against traffic analysis (RFC 4303 §2.7).
  const stated = version === 4 ? word16(bytes, inner + 2) : word16(bytes, inner + 4) + 40
  if (!isRight || stated > room || (version === 4 && stated < 20)) return { drop: 'bad-inner-packet', association }
  if (!mergeCongestion(bytes, inner, outerClass)) return { drop: 'bad-inner-packet', association }
  return { packet: bytes.slice(inner, inner + stated), isTunnelled: true, association }
}

function word16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

/**
 * The largest packet that, sealed by this association, has at most `mtu` octets. In transport mode `headers` octets of the
 * packet's own stay in front of the seal.
 */
export function innerMtu(
  association: Association,
  mtu: number,
  family: 4 | 6,
  headers: number = outerHeaderBytes(family),
): number {
  const { outbound } = association.pair
  const outside = outbound.mode === 'tunnel' ? outerHeaderBytes(outbound.source.family) : headers
  let room = mtu - outside - (outbound.encapsulation === undefined ? 0 : UDP_HEADER)
  for (const layer of association.sealing.toReversed()) {
    room =
      layer.protocol === 'esp'
        ? espRoom(layer.sealer, room, outbound.padTo)
        : room - ahBytes(layer.authenticator, outbound.mode === 'tunnel' ? outbound.source.family : family)
  }
  return outbound.mode === 'tunnel' ? room : room + outside
}
