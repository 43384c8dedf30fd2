// The short cut out: packets of a flow that the whole path has sent through an association before are cut, sealed and made
// ready to leave without anything being allocated. All of a super-packet is one decision, and its segments are sealed in one
// go. The whole path does what is rare: limits, sizes, options, pieces.

import type { Address } from '../../base/address.ts'
import { ESP } from '../../base/flow.ts'
import { EspBurst, MOST_IN_BURST } from '../../crypto/packet-protection.ts'
import { espAlignment, espHeaderBytes } from '../../crypto/suites.ts'
import type { Association, SealingLayer } from '../../ipsec/association.ts'
import { espBytes, prepareEsp, sealAll, sealEsp } from '../../ipsec/esp.ts'
import { trafficClassOf, writeOuterHeader } from '../../ipsec/headers.ts'
import type { Age } from '../../ipsec/lifetime.ts'
import type { Outbound } from '../../ipsec/outbound.ts'
import { innerMtu } from '../../ipsec/seal.ts'
import type { Arena } from '../../native/arena.ts'
import type { Destination } from '../../native/destination.ts'
import type { Station } from '../../native/neighbours.ts'
import { copyWords, fold, type Sum } from './checksum.ts'
import { type Departures, wholeWords } from './departures.ts'
import { FlowCache } from './flow-cache.ts'
import { NearLimits } from './near-limits.ts'
import { SECONDS_OF_BELIEF } from './on-link.ts'
import { askedOctets, IPV4_BYTES, IPV6_BYTES, plainProtocol } from './plain-packet.ts'
import type { SuperPacket } from './super-packet.ts'

/** Octets behind a content that ESP's trailer may take where the alignment is 4. */
const MOST_ALIGNMENT = 4
/** Of sequence numbers; the whole path sees to the rest of them. */
const NEARLY_USED = 0.9
const ALMOST_ALL_USED = 0.999
/** Octets of a super-packet that is worth a call by itself. */
const LARGE = 32_768
const INNER_IPV4 = 4
const INNER_IPV6 = 41

type EspLayer = Extract<SealingLayer, { protocol: 'esp' }>

interface Target {
  readonly association: Association
  readonly layer: EspLayer
  readonly isTunnel: boolean
  readonly inUdp: boolean
  /** Of the packets on the wire. */
  readonly family: 4 | 6
  readonly destination: Destination
  /** The same as a station of a link, where packets may go by frames; while it is known. */
  readonly station: Destination | undefined
  isOnLink: boolean
  /** When the kernel sends one itself, and is asked again. */
  nextLook: number
  lostStations: number
  readonly limits: NearLimits
  /** The size of the path that the rooms were worked out for. */
  mtu: number
  room4: number
  room6: number
  told: Age
}

export type WaysOut = Pick<
  Departures,
  'takes' | 'takesStations' | 'lostStations' | 'takeDestination' | 'giveBack' | 'next' | 'packet' | 'datagram' | 'flush'
>

export interface SealingBurstParts {
  readonly arena: Arena
  readonly sum: Sum
  readonly departures: WaysOut
  /** What the kernel writes into headers that it makes, by family. */
  readonly timeToLive: Readonly<Record<4 | 6, number>>
  readonly stationTo: (to: Address) => Station | undefined
  readonly outbound: () => Outbound | undefined
  /** The last age that was told of an association. */
  readonly toldAge: (association: Association) => Age
}

export class SealingBurst {
  /** Packets that took this way. */
  packets = 0
  readonly #parts: SealingBurstParts
  readonly #cache: FlowCache<Target>
  readonly #targets = new Map<Association, Target>()
  readonly #burst = new EspBurst()
  /** Octets of each packet of the burst. */
  readonly #made = new Int32Array(MOST_IN_BURST)
  #isAsked = false
  #identification = 0

  constructor(parts: SealingBurstParts) {
    this.#parts = parts
    this.#cache = new FlowCache(parts.arena)
  }

  /** False where the packet has to go the whole way; nothing of it is changed then. */
  take(read: SuperPacket, now: number): boolean {
    const { arena } = this.#parts
    const isSuper = read.segmentBytes > 0
    this.#isAsked = false
    const protocol = plainProtocol(arena, read.ip, read.length, isSuper)
    if (protocol < 0) return false
    const header = read.version === 4 ? IPV4_BYTES : IPV6_BYTES
    if (isSuper && (read.protocol !== protocol || read.transport !== read.ip + header)) return false
    const asked = askedOctets(arena, read.ip + header, protocol)
    const target = this.#cache.find(read.ip, read.version, protocol, asked, 0)
    this.#isAsked = true
    if (target === undefined || !this.#isClear(target, read, now)) return false
    this.#seal(target, read, protocol, header, now)
    return true
  }

  /** The packet that was not taken went through this association the whole way: the next ones of its flow need not. */
  learn(association: Association): void {
    if (!this.#isAsked) return
    const target = this.#targets.get(association) ?? this.#makeTarget(association)
    if (target === undefined) return
    target.told = this.#parts.toldAge(association)
    target.limits.refresh(target.told)
    this.#cache.put(target)
  }

  /** Nothing that was learnt holds any more. */
  forget(): void {
    this.#cache.clear()
    for (const { destination, station } of this.#targets.values()) {
      this.#parts.departures.giveBack(destination)
      if (station !== undefined) this.#parts.departures.giveBack(station)
    }
    this.#targets.clear()
  }

  #makeTarget(association: Association): Target | undefined {
    const { mode, source, destination: to, encapsulation, padTo } = association.pair.outbound
    const { departures } = this.#parts
    const [layer, more] = association.sealing
    if (layer?.protocol !== 'esp' || more !== undefined || padTo !== undefined) return undefined
    if (espAlignment(layer.sealer.suite) > MOST_ALIGNMENT) return undefined
    const inUdp = encapsulation !== undefined
    // The socket at port 4500 is the only one to send from.
    if (!departures.takes(to.family, encapsulation?.sourcePort)) return undefined
    const destination = departures.takeDestination()
    if (destination === undefined) return undefined
    if (inUdp) destination.redirect({ to, port: encapsulation.destinationPort, from: source })
    else destination.redirect({ to, port: 0 })
    const station = !inUdp && departures.takesStations(to.family) ? departures.takeDestination() : undefined
    const limits = new NearLimits(association, 'outbound')
    const isTunnel = mode === 'tunnel'
    const look = { station, isOnLink: false, nextLook: 0, lostStations: 0 }
    const common = { association, layer, isTunnel, inUdp, destination, limits, ...look }
    const target: Target = { ...common, family: to.family, mtu: 0, room4: 0, room6: 0, told: 'fresh' }
    this.#targets.set(association, target)
    return target
  }

  #isClear(target: Target, read: SuperPacket, now: number): boolean {
    const { association, layer, told } = target
    const outbound = this.#parts.outbound()
    if (outbound === undefined || association.isClosed) return false
    const bytes = read.length + (read.segments - 1) * read.headerBytes
    if (!target.limits.areClear(read.segments, bytes, now)) return false
    if (layer.sequence.used >= (told === 'fresh' ? NEARLY_USED : ALMOST_ALL_USED)) return false
    const mtu = outbound.mtu.to(association.pair.outbound.destination, now)
    if (mtu !== target.mtu) {
      target.mtu = mtu
      target.room4 = innerMtu(association, mtu, 4)
      target.room6 = innerMtu(association, mtu, 6)
    }
    if (read.lengthOf(0) > (read.version === 4 ? target.room4 : target.room6)) return false
    return !target.inUdp || this.#kernelWritesTheSame(target, read)
  }

  /**
   * Once in a while the kernel sends what there is by itself, so that it goes on looking after the route and the neighbour,
   * and is asked for both.
   */
  #lookForStation(target: Target, station: Destination, now: number): void {
    const { departures, stationTo } = this.#parts
    target.nextLook = now + SECONDS_OF_BELIEF
    target.lostStations = departures.lostStations
    const found = stationTo(target.association.pair.outbound.destination)
    target.isOnLink = found !== undefined
    // What is gathered still goes where it was meant to.
    departures.flush()
    if (found !== undefined) station.redirectToStation(found, target.family)
  }

  /** Where the kernel makes the outer header: whether it is the one that the whole path would make. */
  #kernelWritesTheSame(target: Target, read: SuperPacket): boolean {
    const { arena, timeToLive } = this.#parts
    const { bytes } = arena
    const { ip, version } = read
    const isWhole = version === 4 ? (bytes[ip + 6]! & 0x40) !== 0 : read.lengthOf(read.segments - 1) > 1280
    if (target.family === 4 && !isWhole) return false
    return target.isTunnel || bytes[ip + (version === 4 ? 8 : 7)] === timeToLive[target.family]
  }

  #seal(target: Target, read: SuperPacket, protocol: number, header: number, now: number): void {
    const { departures, arena } = this.#parts
    const { association, layer, isTunnel, inUdp, family, station } = target
    let { destination } = target
    if (station !== undefined) {
      const isBelieved = now < target.nextLook && target.lostStations === departures.lostStations
      if (!isBelieved) this.#lookForStation(target, station, now)
      else if (target.isOnLink) destination = station
    }
    const trafficClass = trafficClassOf(arena.bytes, read.ip)
    const outside = isTunnel ? 0 : header
    const nextHeader = isTunnel ? (read.version === 4 ? INNER_IPV4 : INNER_IPV6) : protocol
    const front = inUdp ? 0 : family === 4 ? IPV4_BYTES : IPV6_BYTES
    if (read.segmentBytes > 0) this.#sealSegments(target, destination, read, outside, nextHeader, front, trafficClass)
    else {
      const out = departures.next()
      const { sealer, spi, sequence } = layer
      sequence.advance()
      const from = read.ip + outside
      const made = sealEsp(arena.memory, sealer, spi, sequence, nextHeader, from, read.length - outside, out + front)
      if (!inUdp) this.#writeHeader(target, read.ip, out, front + made)
      this.#depart(target, destination, trafficClass, front + made)
    }
    // Sent while it is in the processor's cache, and the peer may begin.
    if (inUdp && read.length >= LARGE) departures.flush()
    this.packets += read.segments
    const counted = association.counters.outbound
    counted.packets += read.segments
    counted.bytes += read.length + (read.segments - 1) * read.headerBytes
  }

  /** Segments are laid where they leave from, and sealed there before anybody hears of them. */
  #sealSegments(
    target: Target,
    destination: Destination,
    read: SuperPacket,
    outside: number,
    nextHeader: number,
    front: number,
    trafficClass: number,
  ): void {
    const { departures, arena } = this.#parts
    const { layer, isTunnel, inUdp } = target
    const { sealer, spi, sequence } = layer
    const { memory } = arena
    const burst = this.#burst
    const made = this.#made
    const before = front + espHeaderBytes(sealer.suite)
    const most = wholeWords(front + espBytes(sealer, read.lengthOf(0) - outside))
    for (let first = 0; first < read.segments; first += MOST_IN_BURST) {
      const count = Math.min(MOST_IN_BURST, read.segments - first)
      let out = departures.next(count * most)
      burst.count = 0
      for (let index = 0; index < count; index++) {
        const segment = first + index
        read.lay(segment, isTunnel, out + before)
        sequence.advance()
        const length = read.lengthOf(segment) - outside
        const octets = front + prepareEsp(memory, sealer, spi, sequence, nextHeader, length, out + front, burst)
        if (!inUdp) {
          if (!isTunnel) read.layIp(segment, out)
          this.#writeHeader(target, isTunnel ? out + before : out, out, octets)
        }
        made[index] = octets
        out += inUdp ? octets : wholeWords(octets)
      }
      sealAll(memory, sealer, burst)
      for (let index = 0; index < count; index++) this.#depart(target, destination, trafficClass, made[index]!)
    }
  }

  #depart({ inUdp, family }: Target, destination: Destination, trafficClass: number, length: number): void {
    const { departures } = this.#parts
    if (inUdp) departures.datagram(family, destination, trafficClass, length)
    else departures.packet(family, destination, length)
  }

  /** The IP header in front of ESP: the packet's own, or the tunnel's. */
  #writeHeader(target: Target, ip: number, out: number, length: number): void {
    const { arena, sum } = this.#parts
    const { bytes, view } = arena
    const { family, isTunnel } = target
    if (isTunnel) {
      const { source, destination } = target.association.pair.outbound
      this.#identification = (this.#identification + 1) & 0xffff
      writeOuterHeader(bytes, out, source, destination, ESP, ip, this.#identification)
    } else if (ip !== out) copyWords(view, ip, out, family === 4 ? IPV4_BYTES : IPV6_BYTES)
    if (family === 6) {
      bytes[out + 6] = ESP
      view.setUint16(out + 4, length - IPV6_BYTES)
      return
    }
    bytes[out + 9] = ESP
    view.setUint16(out + 2, length)
    view.setUint16(out + 10, 0)
    view.setUint16(out + 10, ~fold(sum(out, IPV4_BYTES)) & 0xffff, true)
  }
}
