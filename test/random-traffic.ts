// For tests: what applications may send, as reads of the TUN device, drawn from a seed.

import { ICMP, ICMPV6, TCP, UDP } from '../src/base/flow.ts'
import type { Random } from '../src/base/random.ts'
import { NEEDS_CHECKSUM, SEGMENT_TCP4, SEGMENT_TCP6, SEGMENT_UDP, virtioHeader } from '../src/native/tun-device.ts'
import { buildPacket, type PacketWords } from './build-packets.ts'

export const hosts = { 4: ['10.54.0.1', '10.54.0.2'], 6: ['fd54::1', 'fd54::2'] } as const

export function pick<T>(random: Random, all: readonly T[]): T {
  return all[Math.floor(random.fraction() * all.length)]!
}

export function whole(random: Random, least: number, most: number): number {
  return least + Math.floor(random.fraction() * (most - least + 1))
}

/** What applications may send, as reads of the device: the ordinary most of the time, and the odd. */
export class Traffic {
  readonly #random: Random
  readonly #family: 4 | 6
  #sequence = 1
  #identification = 0

  constructor(random: Random, family: 4 | 6) {
    this.#random = random
    this.#family = family
  }

  next(): Uint8Array {
    const kind = this.#random.fraction()
    if (kind < 0.35) return this.#many(TCP)
    if (kind < 0.45) return this.#many(UDP)
    if (kind < 0.8) return this.#one(this.#packet({ payload: this.#payload(whole(this.#random, 0, 1400)) }))
    if (kind < 0.85)
      return this.#one(this.#packet({ protocol: this.#family === 4 ? ICMP : ICMPV6, payload: this.#payload(40) }))
    if (kind < 0.9) return this.#one(this.#packet({ payload: this.#payload(whole(this.#random, 1400, 3000)) }))
    if (kind < 0.93) return this.#one(this.#packet({ destinationPort: 4500, payload: this.#payload(60) }))
    if (kind < 0.96 && this.#family === 4) return this.#one(this.#packet({ options: new Uint8Array(4).fill(1) }))
    if (kind < 0.98) return this.#one(this.#packet({ protocol: 132, payload: this.#payload(30) }))
    return this.#one(this.#payload(whole(this.#random, 0, 60)))
  }

  #payload(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.#random.fill(bytes)
    return bytes
  }

  #packet(words: Partial<PacketWords>): Uint8Array {
    const [source, destination] = hosts[this.#family]
    const random = this.#random
    this.#identification = (this.#identification + 1) & 0xffff
    const packet = buildPacket({
      source,
      destination,
      protocol: pick(random, [TCP, UDP]),
      sourcePort: pick(random, [1024, 1025]),
      destinationPort: pick(random, [80, 445]),
      identification: this.#identification,
      mustNotBeCut: random.fraction() < 0.9,
      trafficClass: pick(random, [0, 0, 0, 1, 2, 3, 0xb8]),
      ...words,
    })
    return packet
  }

  #one(packet: Uint8Array): Uint8Array {
    const read = new Uint8Array(virtioHeader.bytes + packet.length)
    read.set(packet, virtioHeader.bytes)
    return read
  }

  #many(protocol: number): Uint8Array {
    const random = this.#random
    const segmentBytes = pick(random, [1, 100, 536, 1300, 1380, 1460])
    const most = Math.min(60_000, segmentBytes * 40)
    const payload = this.#payload(whole(random, segmentBytes + 1, Math.max(most, segmentBytes + 2)))
    const packet = this.#packet({ protocol, payload, mustNotBeCut: true })
    const transport = this.#family === 4 ? 20 : 40
    const view = new DataView(packet.buffer)
    if (protocol === TCP) {
      view.setUint32(transport + 4, this.#sequence)
      this.#sequence += payload.length
      packet[transport + 13] = pick(random, [0x10, 0x18, 0x11, 0x90, 0x19])
    }
    const read = this.#one(packet)
    const header = new DataView(read.buffer)
    read[virtioHeader.flags] = NEEDS_CHECKSUM
    read[virtioHeader.segmentation] = protocol === UDP ? SEGMENT_UDP : this.#family === 4 ? SEGMENT_TCP4 : SEGMENT_TCP6
    header.setUint16(virtioHeader.segmentBytes, segmentBytes, true)
    header.setUint16(virtioHeader.checksumStart, transport, true)
    header.setUint16(virtioHeader.checksumOffset, protocol === UDP ? 6 : 16, true)
    return read
  }
}
