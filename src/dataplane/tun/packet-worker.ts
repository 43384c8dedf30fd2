// The loop of the TUN data plane's thread: it stands in poll(2) on the device, the sockets and an eventfd, and does in turn
// what the main thread asks, what the network brought and what applications sent. What it has to tell goes to the main
// thread at the end of each turn, before the answers.
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { Flow } from '../../base/flow.ts'
import { ESP } from '../../base/flow.ts'
import { monotonicSeconds } from '../../base/time.ts'
import { choosePacketCrypto } from '../../crypto/packet-crypto.ts'
import type { Association } from '../../ipsec/association.ts'
import type { DropReason } from '../../ipsec/drop-reasons.ts'
import { Arena } from '../../native/arena.ts'
import { EAGAIN, systemError } from '../../native/libc.ts'
import { FAILED, HUNG_UP, READABLE, takeWakeup } from '../../native/readiness.ts'
import { readSysctl } from '../../native/sysctl.ts'
import { MOST_TUN_BYTES, type TunDevice, virtioHeader } from '../../native/tun-device.ts'
import { Arrivals } from './arrivals.ts'
import { checksumOn } from './checksum.ts'
import { Coalescing } from './coalescing.ts'
import { Departures } from './departures.ts'
import { closeDoors, type Doors, FRAMES_ROOM, openDevice, openDoors } from './doors.ts'
import { linkSizes } from './link-sizes.ts'
import {
  type Answer,
  type Asked,
  type Command,
  MOST_UNHEARD,
  receivePair,
  receivePolicy,
  type Statistics,
  type Told,
  wipePair,
} from './messages.ts'
import { OnLink } from './on-link.ts'
import { OpeningBurst } from './opening-burst.ts'
import { PacketPath } from './packet-path.ts'
import { SealingBurst } from './sealing-burst.ts'
import { SuperPacket } from './super-packet.ts'
import { SEALWIRE_MARK, type TunOptions } from './tun-options.ts'
import { Watch } from './watch.ts'

const ARENA = 8 * 1024 * 1024
/** Packets that are read from the device before the network has its turn again. */
const MOST_READS = 64
/** Each kind of drop is told with its flow so often in a turn, then only counted. */
const MOST_DROPS_TOLD = 64
/** So that a process that ends without a word is noticed. */
const LONGEST_SLEEP = 1000
const SECONDS_BETWEEN_SIZES = 0.1

interface Drop {
  readonly reason: DropReason
  readonly flow: Flow | undefined
  count: number
}

export class PacketWorker {
  readonly #port: MessagePort
  readonly #wakeup: number
  readonly #unheard: Int32Array
  readonly #arena: Arena
  readonly #device: TunDevice
  readonly #doors: readonly Doors[]
  readonly #path: PacketPath
  readonly #arrivals: Arrivals
  readonly #departures: Departures
  readonly #onLink: OnLink
  /** Undefined where every packet goes the whole way. */
  readonly #sealing: SealingBurst | undefined
  readonly #opening: OpeningBurst | undefined
  readonly #coalescing: Coalescing
  readonly #read: SuperPacket
  readonly #readAt: number
  readonly #writeAt: number
  readonly #watch: Watch
  readonly #drops: Drop[] = []
  readonly #keyingAt: number
  readonly #mark: number
  #now = 0
  #isStopped = false
  #isSizeRefused = false
  #nextSizes = 0
  #readFromTun = 0
  #writtenToTun = 0

  constructor(port: MessagePort, wakeup: number, unheard: Int32Array, options: TunOptions) {
    this.#port = port
    this.#unheard = unheard
    this.#mark = options.mark ?? SEALWIRE_MARK
    this.#wakeup = wakeup
    const arena = new Arena(ARENA + (options.byFrames === true ? FRAMES_ROOM : 0))
    this.#arena = arena
    this.#onLink = new OnLink(this.#mark)
    const crypto = choosePacketCrypto(options.engine)
    this.#device = openDevice(arena, options)
    try {
      this.#doors = openDoors(arena, options)
    } catch (error) {
      this.#device.close()
      throw error
    }
    const sum = checksumOn(arena)
    this.#read = new SuperPacket(arena, sum)
    this.#readAt = arena.take(SuperPacket.room)
    this.#writeAt = arena.take(MOST_TUN_BYTES)
    this.#keyingAt = arena.take(65_536)
    this.#departures = new Departures(arena, this.#doors, (reason, count) => this.#lost(reason, count))
    this.#path = new PacketPath({
      arena,
      crypto,
      linkMtu: options.linkMtu,
      surroundings: {
        send: pieces => this.#departures.send(pieces),
        deliver: packet => this.#deliver(packet),
        changed: () => this.#forget(),
        needsKeys: (rule, flow) => this.#tell({ kind: 'needs-keys', rule, flow }),
        ageing: (name, age) => this.#tell({ kind: 'ageing', name, age }),
        dropped: (reason, flow) => this.#drop(reason, flow, 1),
      },
    })
    const path = this.#path
    this.#coalescing = new Coalescing({
      arena,
      sum,
      write: (at, length) => this.#write(at, length),
      segmentation: this.#device.segmentation,
    })
    const toldAge = (association: Association) => path.toldAge(association)
    if (options.withoutShortCuts !== true) {
      const departures = this.#departures
      this.#sealing = new SealingBurst({
        arena,
        sum,
        departures,
        timeToLive: timeToLive(),
        stationTo: to => this.#onLink.stationTo(to),
        outbound: () => path.outbound,
        toldAge,
      })
      this.#opening = new OpeningBurst({
        arena,
        sum,
        arrivals: () => this.#arrivals,
        coalescing: this.#coalescing,
        find: spi => path.database.bySpi(spi),
        inbound: () => path.inbound,
        settle: (outcome, now) => path.settle(outcome, now),
        drop: reason => this.#drop(reason, undefined, 1),
        toldAge,
      })
    }
    this.#arrivals = new Arrivals(arena, sum, {
      packet: (at, length, transport, protocol) => this.#packet(at, length, transport, protocol),
      datagram: (at, length) => this.#datagram(at, length),
      message: (at, length, size) => this.#opening?.takeMessage(at, length, size, this.#now) ?? 0,
      isOwn: (at, family) => this.#onLink.isOwn(arena.view, at, family, this.#now),
      // Whoever is not heard sends again.
      keying: (path, bytes) => {
        if (!this.#isBehind()) this.#tell({ kind: 'keying-datagram', path, bytes })
      },
    })
    this.#watch = new Watch({
      ...{ arena, wakeup, device: this.#device.fd, doors: this.#doors, arrivals: this.#arrivals },
      awake: () => {
        this.#now = monotonicSeconds()
        return this.#now
      },
    })
    const { name, segmentation } = this.#device
    this.#tell({ kind: 'started', facts: { device: name, segmentation, engine: crypto.description } })
  }

  /** Until it is told to stop. */
  run(): void {
    const watch = this.#watch
    try {
      while (!this.#isStopped) {
        const untilAge = Math.ceil((this.#path.ages.first - monotonicSeconds()) * 1000)
        watch.turn(Math.max(0, Math.min(LONGEST_SLEEP, untilAge)))
        this.#coalescing.flush()
        const { device } = watch
        if ((device & READABLE) !== 0) this.#readDevice()
        else if ((device & (FAILED | HUNG_UP)) !== 0) throw new Error(`the TUN device ${this.#device.name} is gone`)
        this.#path.ages.look(this.#now)
        this.#learnSizes()
        if (watch.isCalled && takeWakeup(this.#wakeup)) this.#obey()
        this.#tellDrops()
      }
    } finally {
      this.#path.close()
      this.#departures.flush()
      for (const doors of this.#doors) closeDoors(doors)
      this.#onLink.close()
      this.#device.close()
    }
  }

  #readDevice(): void {
    const read = this.#read
    for (let count = 0; count < MOST_READS; count++) {
      const length = this.#device.read(this.#readAt, MOST_TUN_BYTES)
      if (length === -EAGAIN) break
      if (length < 0) throw systemError(length, 'read', `reading from the TUN device ${this.#device.name}`)
      this.#readFromTun++
      if (!read.read(this.#readAt, length)) this.#drop('malformed', undefined, 1)
      else if (read.isOfDevice) continue
      else this.#leave(read)
    }
    this.#departures.flush()
  }

  #leave(read: SuperPacket): void {
    if (this.#sealing?.take(read, this.#now) === true) return
    const association = this.#path.leave(read, this.#now)
    if (association !== undefined) this.#sealing?.learn(association)
  }

  #packet(at: number, length: number, transport: number, protocol: number): void {
    const { bytes, view } = this.#arena
    const sealed = at + length - transport
    if (protocol === ESP && this.#opening?.take(transport, sealed, at, this.#now) === true) return
    const spi = view.getUint32(transport)
    this.#path.arrive(bytes.subarray(at, at + length), this.#now)
    if (protocol === ESP) this.#opening?.learn(spi)
  }

  #datagram(at: number, length: number): void {
    if (this.#opening?.take(at, length, -1, this.#now) === true) return
    const spi = this.#arena.view.getUint32(at)
    const start = this.#arrivals.wrap(at, length)
    this.#path.arrive(this.#arena.bytes.subarray(start, at + length), this.#now)
    this.#opening?.learn(spi)
  }

  /** The kernel did not take a packet. */
  #lost(reason: DropReason, count: number): void {
    this.#drop(reason, undefined, count)
    if (reason === 'too-big') this.#isSizeRefused = true
  }

  /** Links differ in size, and change it: what was refused is the reason to ask, at most once in a while. */
  #learnSizes(): void {
    if (!this.#isSizeRefused || this.#now < this.#nextSizes) return
    this.#isSizeRefused = false
    this.#nextSizes = this.#now + SECONDS_BETWEEN_SIZES
    this.#path.learnSizes(destinations => linkSizes(destinations, this.#mark), this.#now)
  }

  #forget(): void {
    this.#sealing?.forget()
    this.#opening?.forget()
  }

  #deliver(packet: Uint8Array): void {
    this.#coalescing.flush()
    const { bytes } = this.#arena
    const at = this.#writeAt
    bytes.fill(0, at, at + virtioHeader.bytes)
    bytes.set(packet, at + virtioHeader.bytes)
    this.#write(at, virtioHeader.bytes + packet.length)
  }

  #write(at: number, length: number): void {
    this.#writtenToTun++
    if (this.#device.write(at, length) < 0) this.#drop('not-sent', undefined, 1)
  }

  /** What the main thread asks, in order. */
  #obey(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { readonly message: Asked } | undefined
      if (received === undefined) return
      const { number, command } = received.message
      const answer = this.#answer(command)
      this.#departures.flush()
      // Whoever waits for the answer has heard before what came of it.
      this.#tellDrops()
      this.#tell({ kind: 'answer', number, answer })
    }
  }

  #answer(command: Command): Answer {
    try {
      return this.#do(command) ?? { kind: 'done' }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return { kind: 'failed', isRange: error instanceof RangeError, message }
    }
  }

  #do(command: Command): Answer | undefined {
    const path = this.#path
    switch (command.kind) {
      case 'enforce':
        return void path.enforce(receivePolicy(command.policy), this.#now)
      case 'install':
        try {
          return void path.install(receivePair(command.pair), this.#now)
        } finally {
          wipePair(command.pair)
        }
      case 'begin-sending':
        return void path.beginSending(command.name, this.#now)
      case 'remove':
        return void path.remove(command.names)
      case 'refuse':
        return void path.refuse(command.flow, command.rule, command.why, this.#now)
      case 'counters':
        return { kind: 'counters', counters: path.counters() }
      case 'statistics':
        return { kind: 'statistics', statistics: this.#statistics() }
      case 'send-keying': {
        const { path: way, bytes } = command
        this.#arena.bytes.set(bytes, this.#keyingAt)
        return void this.#departures.keying(way, this.#keyingAt, bytes.length)
      }
      case 'stop':
        this.#isStopped = true
        return undefined
    }
  }

  #statistics(): Statistics {
    return {
      sealedQuickly: this.#sealing?.packets ?? 0,
      openedQuickly: this.#opening?.packets ?? 0,
      readFromTun: this.#readFromTun,
      writtenToTun: this.#writtenToTun,
      sendingCalls: this.#departures.calls,
    }
  }

  #drop(reason: DropReason, flow: Flow | undefined, count: number): void {
    const drops = this.#drops
    const last = drops.length < MOST_DROPS_TOLD ? undefined : drops.findLast(drop => drop.reason === reason)
    if (last === undefined) drops.push({ reason, flow, count })
    else last.count += count
  }

  #isBehind(): boolean {
    return Atomics.load(this.#unheard, 0) > MOST_UNHEARD
  }

  #tellDrops(): void {
    if (this.#isBehind()) return
    for (const { reason, flow, count } of this.#drops) this.#tell({ kind: 'dropped', reason, flow, count })
    this.#drops.length = 0
  }

  #tell(told: Told): void {
    Atomics.add(this.#unheard, 0, 1)
    this.#port.postMessage(told)
  }
}

function timeToLive(): Readonly<Record<4 | 6, number>> {
  const read = (path: string) => Number(readSysctl(path) ?? '64')
  return { 4: read('net/ipv4/ip_default_ttl'), 6: read('net/ipv6/conf/default/hop_limit') }
}
