// Our host in the lab: a SimulatedHost in real time with the least of applications, which answers pings and sends
// datagrams back, and asks the same of the guest.
import { setTimeout as wait } from 'node:timers/promises'
import { ICMP, ICMPV6, UDP } from '../../../src/base/flow.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { type Clock, monotonicSeconds } from '../../../src/base/time.ts'
import { choosePacketCrypto } from '../../../src/crypto/packet-crypto.ts'
import type { DataPlaneListener } from '../../../src/dataplane/data-plane.ts'
import { SimulatedHost } from '../../../src/dataplane/simulated/host.ts'
import { SimulatedWire, type WireOptions } from '../../../src/dataplane/simulated/wire.ts'
import { cutToFit } from '../../../src/ipsec/fragmentation.ts'
import { transportChecksum } from '../../../src/ipsec/headers.ts'
import type { CompiledPolicy } from '../../../src/policy/compile.ts'
import { decodeIp } from '../../../src/wire/decode.ts'
import { Packet } from '../../../src/wire/packet.ts'
import { addressOf, buildPacket } from '../../build-packets.ts'

const ECHO_PORT = 7
const OUR_PORT = 40_000
/** Seconds to an answer, on a machine that has much else to do. */
const PATIENCE = 15

export const realTime: Clock = {
  now: monotonicSeconds,
  at: (time, work) => {
    const left = time - monotonicSeconds()
    if (left <= 0) {
      queueMicrotask(work)
      return () => {}
    }
    const timer = setTimeout(work, left * 1000)
    return () => clearTimeout(timer)
  },
}

export interface LabHostOptions {
  /** Loss, a smaller MTU, a capture; with a seed by `random`. */
  readonly wire?: Partial<WireOptions>
  readonly listener?: Partial<DataPlaneListener>
  /** Asked first: whether a packet that reached the host in clear is taken care of. */
  readonly takes?: (packet: Uint8Array) => boolean
}

export interface Traffic {
  readonly sent: number
  readonly answered: number
}

export class LabHost {
  readonly crypto = choosePacketCrypto()
  readonly wire: SimulatedWire
  readonly host: SimulatedHost
  /** What reached the applications without a seal. */
  clear = 0
  readonly #packet = new Packet()
  #whole: Uint8Array = new Uint8Array(0)
  #identification = 0
  readonly #awaited = new Map<string, () => void>()
  readonly #options: LabHostOptions

  constructor(addresses: readonly string[], options: LabHostOptions = {}) {
    this.#options = options
    this.wire = new SimulatedWire({ clock: realTime, random: systemRandom, delay: 0, ...options.wire })
    this.host = new SimulatedHost({
      ...{ name: 'ours', addresses: addresses.map(addressOf), wire: this.wire, clock: realTime, crypto: this.crypto },
      deliver: (packet, wasSealed) => this.#deliver(packet, wasSealed),
      tooBig: (_flow, mtu) => this.#cutAnew(mtu),
    })
  }

  async start(policy: CompiledPolicy): Promise<void> {
    await this.host.start({ needsKeys: () => {}, ageing: () => {}, dropped: () => {}, ...this.#options.listener })
    await this.host.enforce(policy)
  }

  /** Each answers the fault, or nothing. `patience` in seconds. */
  async ping(source: string, destination: string, size: number, patience = PATIENCE): Promise<string> {
    const payload = Uint8Array.from({ length: size }, (_, index) => (index * 5 + size) & 255)
    const isIpv6 = destination.includes(':')
    const request = buildPacket({
      ...{ source, destination, protocol: isIpv6 ? ICMPV6 : ICMP },
      payload: isIpv6 ? Uint8Array.of(128, 0, 0, 0, 9, 9, 9, 9, ...payload) : payload,
    })
    setChecksum(request)
    return this.#sendAndAwait(request, `no answer to our ping of ${size} octets`, patience)
  }

  async sendDatagram(source: string, destination: string, size: number): Promise<string> {
    const payload = Uint8Array.from({ length: size }, (_, index) => (index * 11 + (index >> 8)) & 255)
    return this.#sendAndAwait(datagram(source, destination, payload), `no echo of our ${size} octets`, PATIENCE)
  }

  /** A numbered datagram every so many milliseconds until it is ended, which waits for the last answers. */
  startTraffic(source: string, destination: string, every: number, size = 100): () => Promise<Traffic> {
    const traffic = { sent: 0, answered: 0 }
    const send = () => {
      const payload = new Uint8Array(size)
      new DataView(payload.buffer).setUint32(0, ++traffic.sent)
      const request = datagram(source, destination, payload)
      this.#awaited.set(behindIp(mirrored(request)).toHex(), () => traffic.answered++)
      this.#transmit(request)
    }
    const timer = setInterval(send, every)
    return async () => {
      clearInterval(timer)
      for (let turns = 0; traffic.answered < traffic.sent && turns < 100; turns++) await wait(20)
      this.#awaited.clear()
      return traffic
    }
  }

  async #sendAndAwait(request: Uint8Array, fault: string, patience: number): Promise<string> {
    const hex = behindIp(mirrored(request)).toHex()
    return new Promise(resolve => {
      const timer = setTimeout(() => {
        this.#awaited.delete(hex)
        resolve(fault)
      }, patience * 1000)
      this.#awaited.set(hex, () => {
        clearTimeout(timer)
        resolve('')
      })
      this.#transmit(request)
    })
  }

  #transmit(packet: Uint8Array): void {
    this.#whole = packet
    this.host.transmit(packet)
  }

  /** What a sender does that is told so: its next attempt comes in pieces. */
  #cutAnew(mtu: number): void {
    const whole = this.#whole
    if (whole.length === 0) return
    this.#whole = new Uint8Array(0)
    for (const piece of cutToFit(whole, mtu, ++this.#identification) ?? []) this.host.transmit(piece)
  }

  #deliver(bytes: Uint8Array, wasSealed: boolean): void {
    if (!wasSealed && this.#options.takes?.(bytes) === true) return
    if (!wasSealed) this.clear++
    const packet = this.#packet
    decodeIp(packet, bytes, 0, bytes.length)
    const isPing = packet.icmpType === 8 || packet.icmpType === 128
    if (isPing || (packet.protocol === UDP && packet.destinationPort === ECHO_PORT)) this.#transmit(mirrored(bytes))
    else this.#arrived(behindIp(bytes).toHex())
  }

  #arrived(hex: string): void {
    const told = this.#awaited.get(hex)
    this.#awaited.delete(hex)
    told?.()
  }
}

function datagram(source: string, destination: string, payload: Uint8Array): Uint8Array {
  return buildPacket({ source, destination, sourcePort: OUR_PORT, destinationPort: ECHO_PORT, payload })
}

function headerLength(packet: Uint8Array): number {
  return packet[0]! >> 4 === 4 ? (packet[0]! & 15) * 4 : 40
}

function behindIp(packet: Uint8Array): Uint8Array {
  return packet.subarray(headerLength(packet))
}

/** The packet that answers one: its ends change places, and the sums with them stay as they are. */
function mirrored(packet: Uint8Array): Uint8Array {
  const answer = packet.slice()
  const at = headerLength(packet)
  const [ends, size] = packet[0]! >> 4 === 4 ? [12, 4] : [8, 16]
  answer.copyWithin(ends, ends + size, ends + 2 * size)
  answer.set(packet.subarray(ends, ends + size), ends + size)
  if (packet[at] === 8 && packet[9] === ICMP) answer[at] = 0
  else if (packet[at] === 128 && packet[6] === ICMPV6) answer[at] = 129
  else {
    answer.set(packet.subarray(at, at + 2), at + 2)
    answer.set(packet.subarray(at + 2, at + 4), at)
    return answer
  }
  setChecksum(answer)
  return answer
}

function setChecksum(packet: Uint8Array): void {
  const at = headerLength(packet)
  packet[at + 2] = 0
  packet[at + 3] = 0
  const sum =
    packet[0]! >> 4 === 4 ? plainChecksum(packet, at) : transportChecksum(packet, 0, at, packet.length - at, ICMPV6)
  packet[at + 2] = sum >> 8
  packet[at + 3] = sum & 255
}

/** ICMP's over IPv4, without a pseudo-header. */
function plainChecksum(packet: Uint8Array, from: number): number {
  let sum = 0
  for (let at = from; at < packet.length; at += 2) sum += (packet[at]! << 8) | (packet[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}
