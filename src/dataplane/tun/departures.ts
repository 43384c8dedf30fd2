// What leaves for the network, in order: whole packets with their IP headers by raw sockets, and runs of ESP in UDP of one
// size to one peer, which the kernel takes in one call. Packets are gathered until something of another kind follows, the
// room is full or `flush` is called. Where the kernel's buffers are full it waits a few milliseconds, then drops and counts.

import type { DropReason } from '../../ipsec/drop-reasons.ts'
import { trafficClassOf, UDP_HEADER } from '../../ipsec/headers.ts'
import type { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { EAGAIN, EMSGSIZE, ENOBUFS } from '../../native/libc.ts'
import { MessageBatch } from '../../native/message-batch.ts'
import { PollSet, WRITABLE } from '../../native/readiness.ts'
import { readAddress } from '../../native/socket-address.ts'
import { setPathSize, setTimeToLive } from '../../native/socket-options.ts'
import { MOST_SEGMENTED_BYTES, MOST_SEGMENTS, UdpSender } from '../../native/udp-sender.ts'
import type { Doors } from './doors.ts'
import type { KeyingPath } from './messages.ts'
import { joinedDatagram } from './pieces-in-udp.ts'

const ROOM = 512 * 1024
/** The largest packet with what sealing adds. */
const LARGEST = 65_536 + 512
/** Where ESP has its SPI, four zero octets say that it is IKE (RFC 3948 §2.2). */
const MARKER = 4
/** Octets of the arena that are left alone. */
const LEAST_LEFT = 65_536
const PATIENCE_MILLISECONDS = 5
const MOST_TRIES = 4

/** The way out of one family. */
interface Exit {
  readonly fd: number
  readonly sender: UdpSender | undefined
  /** Both -1 without one. */
  readonly udpPort: number
  readonly udpFd: number
  /** For packets to stations; -1 without. */
  readonly framesFd: number
  readonly writable: PollSet
  readonly udpWritable: PollSet
  readonly framesWritable: PollSet
  /** Of packets that are sent by themselves. */
  readonly anywhere: Destination
}

export class Departures {
  /** System calls that sent something. */
  calls = 0
  /** Times that a station was no longer to be reached. */
  lostStations = 0
  readonly #arena: Arena
  readonly #exits = new Map<4 | 6, Exit>()
  readonly #lost: (reason: DropReason, count: number) => void
  readonly #batch: MessageBatch
  readonly #room: number
  readonly #free: Destination[] = []
  #tail: number
  /** Packets in the batch, all of one family; or a run of datagrams. */
  #packets = 0
  #family: 4 | 6 = 4
  #isToStation = false
  #run: Destination | undefined
  #runClass = -1
  #runAt = 0
  #runBytes = 0
  #runSegment = 0
  #runCount = 0
  #runEnded = false

  constructor(arena: Arena, doors: readonly Doors[], lost: (reason: DropReason, count: number) => void) {
    this.#arena = arena
    this.#lost = lost
    this.#batch = new MessageBatch(arena, MOST_SEGMENTS)
    this.#room = arena.take(ROOM)
    this.#tail = this.#room
    for (const { family, out, udp, frames } of doors) {
      this.#exits.set(family, {
        fd: out.fd,
        sender: udp === undefined ? undefined : new UdpSender(arena, udp.fd),
        udpPort: udp?.port ?? -1,
        udpFd: udp?.fd ?? -1,
        framesFd: frames?.out ?? -1,
        writable: watching(arena, out.fd),
        udpWritable: watching(arena, udp?.fd ?? -1),
        framesWritable: watching(arena, frames?.out ?? -1),
        anywhere: new Destination(arena, { to: undefined, port: 0, family }),
      })
    }
  }

  /** Whether packets of a family have a way out; in UDP from that port. */
  takes(family: 4 | 6, udpPort: number | undefined): boolean {
    const exit = this.#exits.get(family)
    return exit !== undefined && (udpPort === undefined || exit.udpPort === udpPort)
  }

  /** Whether packets of a family may go to stations. */
  takesStations(family: 4 | 6): boolean {
    return (this.#exits.get(family)?.framesFd ?? -1) >= 0
  }

  /** A destination to keep; give it back when it is no longer needed. Undefined where there is no room for more. */
  takeDestination(): Destination | undefined {
    const free = this.#free.pop()
    if (free !== undefined || this.#arena.left < LEAST_LEFT) return free
    return new Destination(this.#arena, { to: undefined, port: 0 })
  }

  giveBack(destination: Destination): void {
    this.flush()
    this.#free.push(destination)
  }

  /** Where the next packets may be written, one behind the other, of at most `octets` with their seals. */
  next(octets = LARGEST): number {
    if (this.#packets === 0 && this.#runCount === 0) this.#tail = this.#room
    else if (this.#tail + octets > this.#room + ROOM) this.flush()
    return this.#tail
  }

  /** A packet of an IP header and all, written at `next()`. */
  packet(family: 4 | 6, destination: Destination, length: number): void {
    const { isStation } = destination
    const isOther = this.#family !== family || this.#isToStation !== isStation
    if (this.#runCount > 0 || (this.#packets > 0 && isOther)) this.#flushGathered()
    this.#family = family
    this.#isToStation = isStation
    this.#batch.aim(this.#packets, this.#tail, length)
    this.#batch.towardName(this.#packets, destination)
    this.#packets++
    this.#tail += wholeWords(length)
    if (this.#packets === this.#batch.slots) this.#flushGathered()
  }

  /** The content of a UDP datagram, written at `next()`. `family` is the destination's. */
  datagram(family: 4 | 6, destination: Destination, trafficClass: number, length: number): void {
    if (this.#packets > 0) this.#flushGathered()
    const isOfRun =
      this.#runCount > 0 &&
      !this.#runEnded &&
      this.#run === destination &&
      this.#runClass === trafficClass &&
      length <= this.#runSegment &&
      this.#runCount < MOST_SEGMENTS &&
      this.#runBytes + length <= MOST_SEGMENTED_BYTES
    if (!isOfRun) {
      if (this.#runCount > 0) this.#flushGathered()
      this.#run = destination
      this.#runClass = trafficClass
      this.#family = family
      this.#runAt = this.#tail
      this.#runBytes = 0
      this.#runSegment = length
      this.#runEnded = false
    }
    this.#runBytes += length
    this.#runCount++
    this.#tail += length
    if (length < this.#runSegment) this.#runEnded = true
  }

  /** One packet by itself, whole or as pieces, behind all that was gathered. */
  send(pieces: readonly Uint8Array[]): void {
    this.flush()
    if (pieces.length > 1 && this.#sendJoined(pieces)) return
    for (const piece of pieces) this.#sendWhole(piece)
    this.flush()
  }

  #sendWhole(packet: Uint8Array): void {
    const { bytes, view } = this.#arena
    const family = packet[0]! >> 4 === 4 ? 4 : 6
    const exit = this.#exits.get(family)
    if (exit === undefined) return this.#lost('not-sent', 1)
    // The destination is the same for all pieces, so they may be gathered.
    const at = this.next()
    bytes.set(packet, at)
    exit.anywhere.redirect({ to: readAddress(view, at + (family === 4 ? 16 : 24), family), port: 0 })
    this.packet(family, exit.anywhere, packet.length)
  }

  /** Pieces of ESP in UDP from our port: whether they went as a datagram that the kernel cuts. */
  #sendJoined(pieces: readonly Uint8Array[]): boolean {
    const [first] = pieces
    const family = first![0]! >> 4 === 4 ? 4 : 6
    const datagram = joinedDatagram(pieces)
    const exit = this.#exits.get(family)
    if (datagram === undefined || exit === undefined || exit.udpFd < 0) return false
    const { bytes, view } = this.#arena
    const at = this.#room
    bytes.set(first!, at)
    const addresses = at + (family === 4 ? 12 : 8)
    const from = readAddress(view, addresses, family)
    const to = readAddress(view, addresses + (family === 4 ? 4 : 16), family)
    const trafficClass = trafficClassOf(bytes, at)
    const hops = bytes[at + (family === 4 ? 8 : 7)]!
    bytes.set(datagram, at)
    if (view.getUint16(at) !== exit.udpPort) return false
    exit.anywhere.redirect({ to, port: view.getUint16(at + 2), from })
    setPathSize(exit.udpFd, family, 'fragment')
    setTimeToLive(exit.udpFd, family, Math.max(1, hops))
    this.#tail = at + UDP_HEADER
    this.datagram(family, exit.anywhere, trafficClass, datagram.length - UDP_HEADER)
    this.flush()
    setPathSize(exit.udpFd, family, 'probe')
    setTimeToLive(exit.udpFd, family)
    return true
  }

  /** A datagram of IKE, which gets the non-ESP marker in front; its content lies in the arena at `at`. */
  keying({ local, remote }: KeyingPath, at: number, length: number): void {
    this.flush()
    const exit = this.#exits.get(remote.address.family)
    if (exit?.sender === undefined) return this.#lost('not-sent', 1)
    const { bytes } = this.#arena
    // A NAT keepalive is one octet, and has no marker (RFC 3948 §2.3).
    const marker = length === 1 ? 0 : MARKER
    bytes.fill(0, this.#room, this.#room + marker)
    bytes.copyWithin(this.#room + marker, at, at + length)
    exit.anywhere.redirect({ to: remote.address, port: remote.port, from: local.address })
    this.datagram(remote.address.family, exit.anywhere, 0, marker + length)
    this.flush()
  }

  flush(): void {
    this.#flushGathered()
    this.#tail = this.#room
  }

  /** Sends what was gathered; what was written at `next()` but not named yet stays where it is. */
  #flushGathered(): void {
    if (this.#packets > 0) this.#sendPackets()
    if (this.#runCount > 0) this.#sendRun()
  }

  #sendPackets(): void {
    const count = this.#packets
    this.#packets = 0
    const exit = this.#exits.get(this.#family)!
    const isToStation = this.#isToStation
    const fd = isToStation ? exit.framesFd : exit.fd
    let done = 0
    for (let tries = 0; done < count; ) {
      this.calls++
      const sent = this.#batch.send(fd, done, count - done)
      if (sent > 0) {
        done += sent
        tries = 0
      } else if (isFull(sent) && tries++ < MOST_TRIES) {
        const writable = isToStation ? exit.framesWritable : exit.writable
        writable.wait(PATIENCE_MILLISECONDS)
      } else {
        if (isToStation) this.lostStations++
        this.#lost(sent === -EMSGSIZE ? 'too-big' : 'not-sent', 1)
        done++
      }
    }
  }

  #sendRun(): void {
    const count = this.#runCount
    const segment = this.#runSegment
    this.#runCount = 0
    const { sender, udpWritable } = this.#exits.get(this.#family)!
    const destination = this.#run!
    destination.setTrafficClass(this.#runClass)
    let done = 0
    for (let tries = 0; done < this.#runBytes; ) {
      this.calls++
      const left = this.#runBytes - done
      const sent = sender!.send(destination, this.#runAt + done, left, count === 1 ? 0 : segment)
      if (sent > 0) {
        done += sent
        tries = 0
      } else if (isFull(sent) && tries++ < MOST_TRIES) {
        udpWritable.wait(PATIENCE_MILLISECONDS)
      } else {
        this.#lost(sent === -EMSGSIZE ? 'too-big' : 'not-sent', Math.ceil(left / segment))
        return
      }
    }
  }
}

/** What a packet takes of the room. */
export function wholeWords(length: number): number {
  return (length + 3) & ~3
}

function watching(arena: Arena, fd: number): PollSet {
  const polled = new PollSet(arena, 1)
  polled.add(fd, WRITABLE)
  return polled
}

function isFull(result: number): boolean {
  return result === -EAGAIN || result === -ENOBUFS
}
