// A wire in memory that joins hosts in virtual time: it loses, delays, reorders and duplicates as it is told, and shows
// everything that stands on it to whoever captures. A seed makes every run the same.
import { type Address, formatAddress, isLimitedBroadcast, isMulticast } from '../../base/address.ts'
import type { Random } from '../../base/random.ts'
import type { Clock } from '../../base/time.ts'
import { decodeIp } from '../../wire/decode.ts'
import { IS_IP, Packet } from '../../wire/packet.ts'

export interface WireFaults {
  /** Shares from 0 to 1 of packets that are lost, doubled, or overtaken by later ones. */
  readonly loss?: number
  readonly duplication?: number
  readonly reordering?: number
  /** Seconds to the other side, and the most that chance adds. */
  readonly delay?: number
  readonly jitter?: number
}

/** Seconds by which a reordered packet is held back: enough for several packets of a burst to pass it. */
const HELD_BACK = 0.002

export interface WireOptions extends WireFaults {
  readonly clock: Clock
  readonly random: Random
  /** Octets of the largest IP packet that the wire carries. Larger ones are lost, as on a link. */
  readonly mtu?: number
  /** Sees every IP packet at the moment it is sent, lost ones too: a tap at the sender's end. */
  readonly capture?: (packet: Uint8Array, time: number) => void
}

export interface WireHost {
  readonly addresses: readonly Address[]
  receive(packet: Uint8Array): void
}

export class SimulatedWire {
  readonly counters = { sent: 0, lost: 0, duplicated: 0, reordered: 0, tooLarge: 0, nobody: 0 }
  readonly mtu: number
  readonly #options: WireOptions
  readonly #hosts = new Map<string, WireHost>()
  readonly #packet = new Packet()

  constructor(options: WireOptions) {
    this.#options = options
    this.mtu = options.mtu ?? 1500
  }

  attach(host: WireHost): void {
    for (const address of host.addresses) this.#hosts.set(formatAddress(address), host)
  }

  detach(host: WireHost): void {
    for (const [name, attached] of this.#hosts) {
      if (attached === host) this.#hosts.delete(name)
    }
  }

  /** Puts an IP packet on the wire. It is copied: the sender may use its buffer again at once. */
  send(from: WireHost, bytes: Uint8Array): void {
    const { clock, random, capture, loss = 0, duplication = 0 } = this.#options
    const packet = bytes.slice()
    this.counters.sent++
    if (packet.length > this.mtu) {
      this.counters.tooLarge++
      return
    }
    capture?.(packet, clock.now())
    if (random.fraction() < loss) {
      this.counters.lost++
      return
    }
    this.#carry(from, packet)
    if (random.fraction() < duplication) {
      this.counters.duplicated++
      this.#carry(from, packet)
    }
  }

  #carry(from: WireHost, packet: Uint8Array): void {
    const { clock, random, delay = 0.0001, jitter = 0, reordering = 0 } = this.#options
    let time = clock.now() + delay + jitter * random.fraction()
    if (random.fraction() < reordering) {
      this.counters.reordered++
      time += HELD_BACK * (1 + random.fraction())
    }
    clock.at(time, () => this.#deliver(from, packet))
  }

  #deliver(from: WireHost, packet: Uint8Array): void {
    const receivers = this.#receivers(from, packet)
    if (receivers.length === 0) this.counters.nobody++
    for (const host of receivers) host.receive(packet.slice())
  }

  #receivers(from: WireHost, bytes: Uint8Array): readonly WireHost[] {
    decodeIp(this.#packet, bytes, 0, bytes.length)
    if (this.#packet.kind !== IS_IP) return []
    const destination = this.#packet.destination()
    const one = this.#hosts.get(formatAddress(destination))
    if (one !== undefined) return [one]
    if (!isMulticast(destination) && !isLimitedBroadcast(destination) && !isSubnetBroadcast(destination)) return []
    return [...new Set(this.#hosts.values())].filter(host => host !== from)
  }
}

/** Good enough for a wire of one /24: what ends in 255 is for everybody. */
function isSubnetBroadcast(address: Address): boolean {
  return address.family === 4 && (address.words[0]! & 0xff) === 0xff
}
