// The watch as the agent has it: a ring of frames of every link but loopback and the agent's own device, read in the agent's
// thread in small bursts and at a bounded rate. What comes faster than that is lost before it costs anything, and counted.
import { random32 } from '../../base/random.ts'
import type { Clock } from '../../base/time.ts'
import type { AgentEvent } from '../../monitor/told-event.ts'
import type { WireStatus } from '../../monitor/wire-status.ts'
import { Arena } from '../../native/arena.ts'
import type { NetlinkSocket } from '../../native/netlink.ts'
import { PacketRing } from '../../native/packet-ring.ts'
import { type Watch, watchReadable } from '../../native/readiness.ts'
import { findLink, listLinks, openRouting } from '../../native/routing.ts'
import { attachFilter, type FilterStep } from '../../native/socket-options.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { decodeIp } from '../../wire/decode.ts'
import { isBroadcastStation } from '../../wire/layer.ts'
import { Packet } from '../../wire/packet.ts'
import { wordsOfError } from '../agent-event.ts'
import type { WirePart, WireRules } from '../agent-parts.ts'
import { unsealedFilter } from './unsealed-filter.ts'
import { WireWatch } from './wire-watch.ts'

const BLOCK_BYTES = 65_536
const BLOCKS = 16
/** How late a frame may be told. */
const PATIENCE = 50
/** Frames a second, and at once: some hundredths of a processor at the most. */
const RATE = 20_000
const BURST = 4000
/** Blocks that are read before others have their turn: a block holds less than 200 frames. */
const BLOCKS_A_TURN = 2
/** Seconds to wait where too much came. */
const PAUSE = 0.05
/** Seconds between looks at the host’s addresses. */
const FOLLOW_EVERY = 1
/** Seconds for which a list of links counts. */
const LINKS_LAST = 10
const MOST_LINKS = 64

const ETHERNET = 1
const ETHERNET_HEADER = 14
const IPV4 = 0x0800
const IPV6 = 0x86dd

export interface WirePartOptions {
  readonly clock: Clock
  /** Seconds since 1970. */
  readonly date: () => number
  /** The agent's own, once it is there. */
  readonly device: () => string | undefined
}

export function wirePart(options: WirePartOptions): WirePart {
  let tap: Tap | undefined
  return {
    start(rules, tell) {
      tap = new Tap(options, rules, tell)
    },
    status: () => tap?.status() ?? null,
    stop() {
      tap?.close()
      tap = undefined
    },
  }
}

class Tap {
  readonly #clock: Clock
  readonly #arena = new Arena(BLOCK_BYTES * (BLOCKS + 1))
  readonly #netlink: NetlinkSocket
  readonly #ring: PacketRing
  readonly #watch: WireWatch
  readonly #tell: (event: AgentEvent) => void
  readonly #packet = new Packet()
  readonly #device: string
  #readable: Watch | undefined
  #cancelPause: (() => void) | undefined
  /** Frames that may be read at once, and when that was so. */
  #allowed = BURST
  #allowedAt: number
  #unread = 0
  readonly #link: number
  readonly #rules: () => WireRules
  /** By whose addresses the filter goes. */
  #compiled: CompiledPolicy
  #cancelFollow: (() => void) | undefined
  #isOver = false
  #links: readonly string[] = []
  #linksAt = Number.NEGATIVE_INFINITY

  constructor({ clock, date, device }: WirePartOptions, rules: () => WireRules, tell: (event: AgentEvent) => void) {
    this.#clock = clock
    this.#tell = tell
    this.#allowedAt = clock.now()
    this.#device = device() ?? ''
    this.#rules = rules
    this.#compiled = rules().compiled
    this.#watch = new WireWatch({ rules, tell, clock, date, seed: random32() })
    this.#netlink = openRouting()
    try {
      const own = findLink(this.#netlink, this.#device)
      if (own === undefined) throw new Error('there is no device of our own to tell opened packets by')
      this.#link = own.index
      this.#ring = new PacketRing(this.#arena, {
        ...{ link: 0, from: 'frames', filter: this.#filter() },
        ...{ blockBytes: BLOCK_BYTES, blocks: BLOCKS, patienceMilliseconds: PATIENCE },
      })
    } catch (error) {
      this.#netlink.close()
      throw error
    }
    this.#listen()
    this.#follow()
  }

  #filter(): readonly FilterStep[] {
    const { me } = this.#compiled
    return unsealedFilter(this.#link, me === 'any' ? undefined : me)
  }

  /** Also while nothing is seen: what the filter leaves out brings no word of itself. */
  #follow(): void {
    this.#cancelFollow = this.#clock.at(this.#clock.now() + FOLLOW_EVERY, () => {
      this.#guarded(() => {
        this.#watch.begin()
        const { compiled } = this.#rules()
        if (compiled === this.#compiled) return
        this.#compiled = compiled
        attachFilter(this.#ring.fd, this.#filter())
      })
      if (!this.#isOver) this.#follow()
    })
  }

  #listen(): void {
    this.#readable = watchReadable(this.#ring.fd, () => this.#drain(), false)
  }

  #drain(): void {
    this.#guarded(() => this.#read())
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      // Without a watch the host is as safe as with one; it is said, once.
      const text = `Nobody watches the wire any more: ${wordsOfError(error)}`
      this.#tell({ level: 'warning', kind: 'wire-unwatched', text })
      this.#isOver = true
      this.#rest()
    }
  }

  #read(): void {
    const now = this.#clock.now()
    this.#allowed = Math.min(BURST, this.#allowed + (now - this.#allowedAt) * RATE)
    this.#allowedAt = now
    this.#watch.begin()
    for (let turn = 0; turn < BLOCKS_A_TURN; turn++) {
      const count = this.#ring.fetch()
      for (let slot = 0; slot < count; slot++) this.#see(slot)
      this.#allowed -= count
      if (count === 0) break
    }
    this.#watch.end()
    if (this.#allowed > 0 || this.#isOver) return
    this.#rest()
    this.#cancelPause = this.#clock.at(now + PAUSE, () => {
      if (this.#isOver) return
      this.#listen()
      this.#drain()
    })
  }

  #rest(): void {
    this.#readable?.stop()
    this.#readable = undefined
  }

  #see(slot: number): void {
    const ring = this.#ring
    const { bytes } = this.#arena
    const isEthernet = ring.hardware(slot) === ETHERNET
    if (!isEthernet) {
      // Of Ethernet the filter has looked.
      const protocol = ring.protocol(slot)
      if (protocol !== IPV4 && protocol !== IPV6) return
    }
    const start = ring.frameAt(slot)
    const at = ring.networkAt(slot)
    const isOutgoing = ring.isOutgoing(slot)
    decodeIp(this.#packet, bytes, at, start + ring.keptBytes(slot))
    const hasStations = isEthernet && at - start >= ETHERNET_HEADER
    this.#packet.linkBroadcast = ring.isBroadcast(slot) || (hasStations && isBroadcastStation(bytes, start))
    this.#watch.see(this.#packet, bytes, isOutgoing)
  }

  /** Null where it has failed. */
  status(): WireStatus | null {
    if (this.#isOver) return null
    this.#watch.begin()
    this.#unread += this.#ring.lost()
    return this.#watch.status(this.#linkNames(), this.#unread)
  }

  #linkNames(): readonly string[] {
    const now = this.#clock.now()
    if (now - this.#linksAt < LINKS_LAST) return this.#links
    this.#linksAt = now
    this.#links = listLinks(this.#netlink)
      .filter(({ isUp, isLoopback, name }) => isUp && !isLoopback && name !== this.#device)
      .map(({ name }) => name)
      .slice(0, MOST_LINKS)
    return this.#links
  }

  close(): void {
    this.#rest()
    this.#cancelPause?.()
    this.#cancelFollow?.()
    this.#watch.stop()
    this.#ring.close()
    this.#netlink.close()
  }
}
