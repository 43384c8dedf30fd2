// The Ethernet between a guest and our simulated wire: answers ARP and neighbour discovery for our host, carries IP both
// ways, and counts what stood on it by what an onlooker can tell.
import type { Address } from '../../../src/base/address.ts'
import { AH, ESP, ICMPV6, UDP } from '../../../src/base/flow.ts'
import type { SimulatedWire, WireHost } from '../../../src/dataplane/simulated/wire.ts'
import { transportChecksum } from '../../../src/ipsec/headers.ts'
import { decodeIp } from '../../../src/wire/decode.ts'
import { ESP_IN_UDP, IKE, IS_IP, KEEPALIVE, Packet } from '../../../src/wire/packet.ts'
import { addressOf } from '../../build-packets.ts'
import { guestStation } from './guest-machine.ts'

export const ourStation = '02:54:09:00:00:01'
const OUR_STATION = Uint8Array.fromHex(ourStation.replaceAll(':', ''))
const GUEST_STATION = Uint8Array.fromHex(guestStation.replaceAll(':', ''))
const HEADER = 14
const [IPV4, ARP, IPV6] = [0x0800, 0x0806, 0x86dd]
/** Multicast listener reports and queries, router and neighbour discovery (RFC 3810, RFC 4861). */
const isHousekeeping = (type: number) => (type >= 130 && type <= 137) || type === 143
const NEIGHBOUR_SOLICITATION = 135
/** For experiments (IEEE 802 §9.2.3); the guest throws such frames away. */
const NUDGE = 0x88b5
/** Milliseconds. */
const NUDGE_EVERY = 50

/** One end of an Ethernet: a guest's, or that of a TAP device of a room. */
export interface FramePort {
  receive: (frame: Uint8Array) => void
  send(frame: Uint8Array): void
}

export class LabLink implements WireHost {
  readonly addresses: readonly Address[]
  readonly counts = { sealed: 0, keying: 0, fragments: 0, housekeeping: 0 }
  /** Packets that everybody could read, in hex. */
  readonly clear: string[] = []
  readonly #guest: FramePort
  readonly #wire: SimulatedWire
  readonly #ours: readonly Uint8Array[]
  readonly #packet = new Packet()
  /** Of UDP packets that began with ESP: their later fragments show no port. */
  readonly #inUdp = new Set<number>()
  readonly #keying = new Set<number>()
  /** User-mode Linux 6.1 now and then misses that a frame has come, and sees it when the next one comes. */
  readonly #nudging = setInterval(() => this.#send(NUDGE, new Uint8Array(46)), NUDGE_EVERY)

  constructor(guest: FramePort, wire: SimulatedWire, guestAddresses: readonly string[], ours: readonly string[]) {
    this.#guest = guest
    this.#wire = wire
    this.addresses = guestAddresses.map(addressOf)
    this.#ours = ours.map(text => octetsOf(addressOf(text)))
    guest.receive = frame => this.#fromGuest(frame)
    wire.attach(this)
  }

  stop(): void {
    clearInterval(this.#nudging)
  }

  /** A packet of our host for the guest. */
  receive(packet: Uint8Array): void {
    this.#count(packet)
    this.#send(packet[0]! >> 4 === 4 ? IPV4 : IPV6, packet)
  }

  #send(kind: number, content: Uint8Array): void {
    const frame = new Uint8Array(HEADER + content.length)
    frame.set(GUEST_STATION)
    frame.set(OUR_STATION, 6)
    frame.set([kind >> 8, kind & 255], 12)
    frame.set(content, HEADER)
    this.#guest.send(frame)
  }

  #fromGuest(frame: Uint8Array): void {
    const kind = (frame[12]! << 8) | frame[13]!
    const content = frame.subarray(HEADER)
    if (kind === ARP) return this.#answerArp(content)
    if (kind !== IPV4 && kind !== IPV6) return
    if (!this.#answerNeighbour(content) && this.#count(content)) this.#wire.send(this, content)
  }

  #isOurs(address: Uint8Array): boolean {
    return this.#ours.some(own => Buffer.compare(own, address) === 0)
  }

  #answerArp(request: Uint8Array): void {
    this.counts.housekeeping++
    if (request[7] !== 1 || !this.#isOurs(request.subarray(24, 28))) return
    const reply = request.slice(0, 28)
    reply[7] = 2
    reply.set(request.subarray(8, 18), 18)
    reply.set(OUR_STATION, 8)
    reply.set(request.subarray(24, 28), 14)
    this.#send(ARP, reply)
  }

  /** RFC 4861 §7.2.4. Also true for a solicitation of somebody else's address: it goes no further. */
  #answerNeighbour(packet: Uint8Array): boolean {
    if (packet[0]! >> 4 !== 6 || packet[6] !== ICMPV6 || packet[40] !== NEIGHBOUR_SOLICITATION) return false
    this.counts.housekeeping++
    const target = packet.slice(48, 64)
    if (!this.#isOurs(target)) return true
    const reply = new Uint8Array(72)
    reply.set([0x60, 0, 0, 0, 0, 32, ICMPV6, 255])
    reply.set(target, 8)
    reply.set(packet.subarray(8, 24), 24)
    reply.set([136, 0, 0, 0, 0x60], 40)
    reply.set(target, 48)
    reply.set([2, 1, ...OUR_STATION], 64)
    const sum = transportChecksum(reply, 0, 40, 32, ICMPV6)
    reply.set([sum >> 8, sum & 255], 42)
    this.#send(IPV6, reply)
    return true
  }

  /** Whether it was more than housekeeping, which is the link's own matter. */
  #count(bytes: Uint8Array): boolean {
    const packet = this.#packet
    decodeIp(packet, bytes, 0, bytes.length)
    if (packet.fragmentOffset !== 0) this.counts.fragments++
    if (packet.kind === IS_IP && this.#isSealed(packet)) this.counts.sealed++
    else if (this.#isKeying(packet)) this.counts.keying++
    else if (packet.protocol === ICMPV6 && isHousekeeping(packet.icmpType)) {
      this.counts.housekeeping++
      return false
    } else this.clear.push(bytes.toHex())
    return true
  }

  #isKeying(packet: Packet): boolean {
    if (packet.content === IKE || packet.content === KEEPALIVE) this.#keying.add(packet.identification)
    else return packet.protocol === UDP && packet.fragmentOffset > 0 && this.#keying.has(packet.identification)
    return true
  }

  #isSealed(packet: Packet): boolean {
    if (packet.protocol === ESP || packet.protocol === AH) return true
    if (packet.protocol !== UDP) return false
    if (packet.content === ESP_IN_UDP) this.#inUdp.add(packet.identification)
    return packet.content === ESP_IN_UDP || (packet.fragmentOffset > 0 && this.#inUdp.has(packet.identification))
  }
}

function octetsOf({ words }: Address): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4 * words.length))
  words.forEach((word, index) => {
    bytes.setUint32(4 * index, word)
  })
  return new Uint8Array(bytes.buffer)
}
