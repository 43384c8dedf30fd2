// A capture of what goes between this host and another on one link, decoded packet by packet as it comes.
import type { Address } from '../../base/address.ts'
import { Arena } from '../../native/arena.ts'
import { PacketCapture } from '../../native/packet-capture.ts'
import { type Watch, watchReadable } from '../../native/readiness.ts'
import { decodeIp } from '../../wire/decode.ts'
import { Packet } from '../../wire/packet.ts'
import { hostFilter } from './wire-filter.ts'

const KEPT = 512
const BATCH = 64
const BUFFER = 4 * 1024 * 1024

/** The packet and its octets hold until the call is over. */
export type SeePacket = (packet: Packet, bytes: Uint8Array, isOutgoing: boolean) => void

export class WireTap {
  readonly #arena = new Arena(256 * 1024)
  readonly #capture: PacketCapture
  readonly #watch: Watch
  readonly #packet = new Packet()
  readonly #see: SeePacket
  #lost = 0

  /** Needs CAP_NET_RAW. */
  constructor(link: number, hosts: readonly [Address, ...Address[]], withSealed: boolean, see: SeePacket) {
    this.#see = see
    const filter = hostFilter(hosts, withSealed)
    this.#capture = new PacketCapture(this.#arena, {
      ...{ link, from: 'packets', filter, keep: KEPT, batch: BATCH, buffer: BUFFER },
    })
    this.#watch = watchReadable(this.#capture.fd, () => this.drain(), false)
  }

  /** Takes all that is there: what this host sent or heard before the call is told when it returns. */
  drain(): void {
    // A wire that is never quiet must not hold the program up.
    for (let turn = 0; turn < 64; turn++) {
      const count = this.#capture.fetch()
      for (let slot = 0; slot < count; slot++) {
        const at = this.#capture.frameAt(slot)
        decodeIp(this.#packet, this.#arena.bytes, at, at + this.#capture.keptBytes(slot))
        this.#see(this.#packet, this.#arena.bytes, this.#capture.isOutgoing(slot))
      }
      if (count < BATCH) return
    }
  }

  /** Frames that were lost for want of room, in all. */
  lost(): number {
    this.#lost += this.#capture.lost()
    return this.#lost
  }

  close(): void {
    this.#watch.stop()
    this.#capture.close()
  }
}
