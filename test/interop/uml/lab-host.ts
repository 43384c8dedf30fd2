// Our host in the lab: a SimulatedHost in real time with the least of applications, which answers pings and sends
// datagrams back, and asks the same of the guest.

import { ICMP, ICMPV6, UDP } from '../../../src/base/flow.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { type Clock, monotonicSeconds } from '../../../src/base/time.ts'
import { choosePacketCrypto } from '../../../src/crypto/packet-crypto.ts'
import { SimulatedHost } from '../../../src/dataplane/simulated/host.ts'
import { SimulatedWire } from '../../../src/dataplane/simulated/wire.ts'
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

const realTime: Clock = {
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

export class LabHost {
  readonly crypto = choosePacketCrypto()
  readonly wire = new SimulatedWire({ clock: realTime, random: systemRandom, delay: 0 })
  readonly host: SimulatedHost
  /** What reached the applications without a seal. */
  clear = 0
  readonly #packet = new Packet()
  #whole: Uint8Array = new Uint8Array(0)
  #identification = 0
  #awaited: { readonly hex: string; readonly arrived: () => void } | undefined

  constructor(addresses: readonly string[]) {
    this.host = new SimulatedHost({
      ...{ name: 'ours', addresses: addresses.map(addressOf), wire: this.wire, clock: realTime, crypto: this.crypto },
      deliver: (packet, wasSealed) => this.#deliver(packet, wasSealed),
      tooBig: (_flow, mtu) => this.#cutAnew(mtu),
    })
  }

  async start(policy: CompiledPolicy): Promise<void> {
    await this.host.start({ needsKeys: () => {}, ageing: () => {}, dropped: () => {} })
    await this.host.enforce(policy)
  }

  /** Each answers the fault, or nothing. */
  async ping(source: string, destination: string, size: number): Promise<string> {
    const payload = Uint8Array.from({ length: size }, (_, index) => (index * 5 + size) & 255)
    const isIpv6 = destination.includes(':')
    const request = buildPacket({
      ...{ source, destination, protocol: isIpv6 ? ICMPV6 : ICMP },
      payload: isIpv6 ? Uint8Array.of(128, 0, 0, 0, 9, 9, 9, 9, ...payload) : payload,
    })
    setChecksum(request)
    return this.#sendAndAwait(request, mirrored(request), `no answer to our ping of ${size} octets`)
  }

  async sendDatagram(source: string, destination: string, size: number): Promise<string> {
    const payload = Uint8Array.from({ length: size }, (_, index) => (index * 11 + (index >> 8)) & 255)
    const words = { source, destination, sourcePort: OUR_PORT, destinationPort: ECHO_PORT, payload }
    const request = buildPacket(words)
    return this.#sendAndAwait(request, mirrored(request), `no echo of our ${size} octets`)
  }

  async #sendAndAwait(request: Uint8Array, answer: Uint8Array, fault: string): Promise<string> {
    return new Promise(resolve => {
      const timer = setTimeout(() => resolve(fault), PATIENCE * 1000)
      const arrived = () => {
        clearTimeout(timer)
        this.#awaited = undefined
        resolve('')
      }
      this.#awaited = { hex: behindIp(answer).toHex(), arrived }
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
    if (!wasSealed) this.clear++
    const packet = this.#packet
    decodeIp(packet, bytes, 0, bytes.length)
    const isPing = packet.icmpType === 8 || packet.icmpType === 128
    if (isPing || (packet.protocol === UDP && packet.destinationPort === ECHO_PORT)) this.#transmit(mirrored(bytes))
    else if (behindIp(bytes).toHex() === this.#awaited?.hex) this.#awaited.arrived()
  }
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
