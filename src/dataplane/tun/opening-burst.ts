// The short cut in: ESP of an association with one layer is opened where it lies, asked for its flow once, and handed to
// coalescing, without anything being allocated. What it does is what Inbound does, in the same order: replay, seal, limits,
// counters, selectors and policy. Whatever is not plain inside is judged by Inbound itself.
import { EspBurst, MOST_IN_BURST } from '../../crypto/packet-protection.ts'
import type { Association, OpeningLayer, Spi } from '../../ipsec/association.ts'
import type { DropReason } from '../../ipsec/drop-reasons.ts'
import { type EspFault, NO_NEXT_HEADER, OpenedEsp, openAll, openEsp, readOpened } from '../../ipsec/esp.ts'
import { mergeCongestion, trafficClassOf } from '../../ipsec/headers.ts'
import type { Inbound, InboundOutcome } from '../../ipsec/inbound.ts'
import type { Age } from '../../ipsec/lifetime.ts'
import type { Arena } from '../../native/arena.ts'
import type { Arrivals } from './arrivals.ts'
import { copyWordsUp, fold, type Sum } from './checksum.ts'
import type { Coalescing } from './coalescing.ts'
import { FlowCache } from './flow-cache.ts'
import { NearLimits } from './near-limits.ts'
import { askedOctets, IPV4_BYTES, IPV6_BYTES, plainProtocol } from './plain-packet.ts'
import { mayBeTranslated, repairChecksum } from './translated-checksum.ts'

const LEAST_SEALED = 12
const INNER_IPV4 = 4
const INNER_IPV6 = 41

type EspLayer = Extract<OpeningLayer, { protocol: 'esp' }>

interface Target {
  readonly association: Association
  readonly layer: EspLayer
  readonly isTunnel: boolean
  readonly limits: NearLimits
}

export interface OpeningBurstParts {
  readonly arena: Arena
  readonly sum: Sum
  /** What is known of the message that a packet came in. */
  readonly arrivals: () => Pick<Arrivals, 'family' | 'trafficClass' | 'writeIp'>
  readonly coalescing: Coalescing
  readonly find: (spi: Spi) => Association | undefined
  readonly inbound: () => Inbound | undefined
  readonly settle: (outcome: InboundOutcome, now: number) => void
  readonly drop: (reason: DropReason) => void
  readonly toldAge: (association: Association) => Age
}

export class OpeningBurst {
  packets = 0
  readonly #parts: OpeningBurstParts
  readonly #targets = new Map<Spi, Target>()
  readonly #flows: FlowCache<'as-it-is' | 'translated'>
  readonly #opened = new OpenedEsp()
  readonly #burst = new EspBurst()
  /** Within one message, in transport mode: the last packet was added to a run, its flow being known to pass as it is. */
  #isMessage = false
  #isJoining = false

  constructor(parts: OpeningBurstParts) {
    this.#parts = parts
    this.#flows = new FlowCache(parts.arena)
  }

  forget(): void {
    this.#targets.clear()
    this.#flows.clear()
  }

  /** After a packet of this SPI went the whole way: its limits are those that are left. */
  learn(spi: Spi): void {
    const target = this.#targets.get(spi)
    target?.limits.refresh(this.#parts.toldAge(target.association))
  }

  /**
   * ESP of `length` octets at `at`, behind the IP header at `ip` or, with -1, behind a UDP header that was not handed over.
   * False where it has to go the whole way; nothing is changed then.
   */
  take(at: number, length: number, ip: number, now: number): boolean {
    const { arena, inbound } = this.#parts
    const { view, bytes } = arena
    if (length < LEAST_SEALED || inbound() === undefined) return false
    const family = this.#parts.arrivals().family
    // The header was to be plain, and the packet to be whole and to fill it.
    if (ip >= 0 && family === 4) {
      if (bytes[ip] !== 0x45 || view.getUint16(ip + 2) !== at - ip + length) return false
      if ((view.getUint16(ip + 6) & 0x3fff) !== 0) return false
    }
    const spi = view.getUint32(at)
    const target = this.#targets.get(spi) ?? this.#makeTarget(spi)
    if (target === undefined || target.association.isClosed) return false
    // What is inside is smaller than what it came in.
    if (!target.limits.areClear(1, length + IPV6_BYTES, now)) return false
    this.packets++
    this.#open(target, at, length, ip, family, now)
    return true
  }

  /**
   * Datagrams of ESP in UDP that came in one message, `size` octets each but for the last: those at its beginning that are of
   * one association are opened in one go. Answers their octets; the others are to be taken one by one.
   */
  takeMessage(at: number, length: number, size: number, now: number): number {
    const { arena, inbound } = this.#parts
    const { view, memory } = arena
    if (size < LEAST_SEALED || inbound() === undefined) return 0
    const spi = view.getUint32(at)
    const target = this.#targets.get(spi) ?? this.#makeTarget(spi)
    if (target === undefined || target.association.isClosed) return 0
    const most = Math.min(MOST_IN_BURST, Math.ceil(length / size))
    if (!target.limits.areClear(most, length + most * IPV6_BYTES, now)) return 0
    const { window, opener } = target.layer
    const burst = this.#burst
    burst.count = 0
    let taken = 0
    while (burst.count < most) {
      const place = at + taken
      const octets = Math.min(size, length - taken)
      if (octets < LEAST_SEALED || view.getUint32(place) !== spi) break
      const low = view.getUint32(place + 4)
      const high = window.inferHigh(low)
      if (!window.isNew(high, low)) break
      burst.put(place, octets, high)
      taken += octets
    }
    if (burst.count === 0) return 0
    openAll(memory, opener, burst)
    this.packets += burst.count
    const { trafficClass, family } = this.#parts.arrivals()
    this.#isMessage = true
    for (let index = 0; index < burst.count; index++) {
      const low = view.getUint32(burst.at[index]! + 4)
      const high = burst.highs[index]!
      const fault = readOpened(memory, opener, burst, index, this.#opened)
      // One number twice in a message: both were new when they were asked about.
      if (window.isNew(high, low)) this.#take(target, fault, high, low, -1, family, trafficClass, now)
      else this.#countReplayed(target)
    }
    this.#isMessage = false
    this.#isJoining = false
    return taken
  }

  #makeTarget(spi: Spi): Target | undefined {
    const association = this.#parts.find(spi)
    const layer = association?.opening[0]
    if (association === undefined || layer?.protocol !== 'esp' || association.opening.length !== 1) return undefined
    const limits = new NearLimits(association, 'inbound')
    limits.refresh(this.#parts.toldAge(association))
    const target = { association, layer, isTunnel: association.pair.inbound.mode === 'tunnel', limits }
    this.#targets.set(spi, target)
    return target
  }

  #open(target: Target, at: number, length: number, ip: number, family: 4 | 6, now: number): void {
    const { arena } = this.#parts
    const { window, opener } = target.layer
    const low = arena.view.getUint32(at + 4)
    const high = window.inferHigh(low)
    if (!window.isNew(high, low)) return this.#countReplayed(target)
    const outerClass = ip >= 0 ? trafficClassOf(arena.bytes, ip) : this.#parts.arrivals().trafficClass
    const fault = openEsp(arena.memory, opener, at, length, high, this.#opened)
    this.#take(target, fault, high, low, ip, family, outerClass, now)
  }

  #countReplayed({ association }: Target): void {
    association.counters.replayed++
    this.#parts.drop('replayed')
  }

  /** What was opened, or why it was not. */
  #take(
    target: Target,
    fault: EspFault | undefined,
    high: number,
    low: number,
    ip: number,
    family: 4 | 6,
    outerClass: number,
    now: number,
  ): void {
    const { drop } = this.#parts
    const { association, layer, isTunnel } = target
    const { counters } = association
    const { window } = layer
    const opened = this.#opened
    if (fault !== undefined) {
      if (fault === 'not-authentic') counters.notAuthentic++
      else counters.badPadding++
      return drop(fault)
    }
    window.accept(high, low)
    if (opened.nextHeader === NO_NEXT_HEADER) return drop('dummy')
    const outside = isTunnel ? 0 : family === 4 ? IPV4_BYTES : IPV6_BYTES
    // The flow that it belongs to is known then, and an IP header would only be taken off again.
    if (this.#isJoining && this.#parts.coalescing.follow(opened.at, opened.length, opened.nextHeader)) {
      counters.inbound.packets++
      counters.inbound.bytes += opened.length + outside
      return
    }
    const inner = isTunnel ? this.#fromTunnel(outerClass) : this.#fromTransport(ip, family)
    if (inner < 0) return drop('bad-inner-packet')
    const octets = opened.length + outside
    counters.inbound.packets++
    counters.inbound.bytes += octets
    this.#judge(target, inner, octets, now)
  }

  /** Where the packet starts that was inside; its length goes into `#opened`. -1 where it is none. */
  #fromTunnel(outerClass: number): number {
    const { bytes, view } = this.#parts.arena
    const opened = this.#opened
    const { at: inner, length: room, nextHeader } = opened
    const version = room === 0 ? 0 : bytes[inner]! >> 4
    if (nextHeader !== (version === 4 ? INNER_IPV4 : INNER_IPV6)) return -1
    if (room < (version === 4 ? IPV4_BYTES : IPV6_BYTES)) return -1
    // What lies behind the inner packet is padding against traffic analysis (RFC 4303 §2.7).
    const stated = version === 4 ? view.getUint16(inner + 2) : view.getUint16(inner + 4) + IPV6_BYTES
    if (stated > room || (version === 4 && stated < IPV4_BYTES)) return -1
    if (!mergeCongestion(bytes, inner, outerClass)) return -1
    opened.length = stated
    return inner
  }

  /** Puts the IP header that the seal stood behind in front of what it held. */
  #fromTransport(ip: number, family: 4 | 6): number {
    const { arena, sum } = this.#parts
    const { bytes, view } = arena
    const { at, length, nextHeader } = this.#opened
    let start: number
    if (ip < 0) start = this.#parts.arrivals().writeIp(at, length, nextHeader)
    else {
      const header = family === 4 ? IPV4_BYTES : IPV6_BYTES
      start = at - header
      copyWordsUp(view, ip, start, header)
      if (family === 4) {
        bytes[start + 9] = nextHeader
        view.setUint16(start + 2, header + length)
      } else {
        bytes[start + 6] = nextHeader
        view.setUint16(start + 4, length)
      }
    }
    if (family === 4) {
      view.setUint16(start + 10, 0)
      view.setUint16(start + 10, ~fold(sum(start, IPV4_BYTES)) & 0xffff, true)
    }
    return start
  }

  #judge({ association, isTunnel }: Target, ip: number, length: number, now: number): void {
    const { arena, coalescing, inbound, settle } = this.#parts
    const protocol = plainProtocol(arena, ip, length, false)
    if (protocol >= 0) {
      const version = arena.bytes[ip]! >> 4
      const transport = ip + (version === 4 ? IPV4_BYTES : IPV6_BYTES)
      const asked = askedOctets(arena, transport, protocol)
      const known = this.#flows.find(ip, version, protocol, asked, association.name)
      if (known === 'translated') repairChecksum(arena.bytes, ip, length)
      this.#isJoining = this.#isMessage && !isTunnel && known === 'as-it-is'
      if (known !== undefined) return coalescing.add(ip, length, protocol)
    }
    this.#isJoining = false
    const content = arena.bytes.slice(ip, ip + length)
    const outcome = inbound()!.judgeOpened(content, association, isTunnel, now)
    if (protocol < 0 || outcome.kind !== 'pass') return settle(outcome, now)
    const isTranslated = mayBeTranslated(association.pair.inbound) && repairChecksum(arena.bytes, ip, length)
    this.#flows.put(isTranslated ? 'translated' : 'as-it-is')
    coalescing.add(ip, length, protocol)
  }
}
