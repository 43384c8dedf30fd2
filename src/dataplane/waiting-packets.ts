// Packets that wait until keys are agreed on, in order, by the negotiation that they wait for. Bounded for each negotiation
// and for the host: an application that floods hosts without IPsec must not fill the memory.
import type { Negotiation } from '../ipsec/negotiation.ts'
import type { RuleId } from '../policy/model.ts'

export const MOST_WAITING = {
  ofOne: 64,
  packets: 1024,
  /** Octets of all. */
  bytes: 8 * 1024 * 1024,
  negotiations: 4096,
} as const

export interface WaitingPacket {
  readonly packet: Uint8Array
  /** See Outbound.process. */
  readonly wasCut: boolean
}

interface Queue {
  readonly rule: RuleId
  readonly packets: WaitingPacket[]
}

export class WaitingPackets {
  readonly #queues = new Map<Negotiation, Queue>()
  #packets = 0
  #bytes = 0

  get size(): number {
    return this.#packets
  }

  /**
   * Keeps a copy of the packet. `isNew`: nothing waited for this negotiation, so it is to be begun, whether or not there
   * is room for the packet.
   */
  add(
    negotiation: Negotiation,
    rule: RuleId,
    packet: Uint8Array,
    wasCut: boolean,
  ): { readonly isNew: boolean; readonly isKept: boolean } {
    const known = this.#queues.get(negotiation)
    if (known === undefined && this.#queues.size >= MOST_WAITING.negotiations) return { isNew: false, isKept: false }
    const queue = known ?? { rule, packets: [] }
    if (known === undefined) this.#queues.set(negotiation, queue)
    const isKept =
      queue.packets.length < MOST_WAITING.ofOne &&
      this.#packets < MOST_WAITING.packets &&
      this.#bytes + packet.length <= MOST_WAITING.bytes
    if (isKept) {
      queue.packets.push({ packet: packet.slice(), wasCut })
      this.#packets++
      this.#bytes += packet.length
    }
    return { isNew: known === undefined, isKept }
  }

  /** What waited for the negotiation, in order; it is over, and the next packet begins another. */
  take(negotiation: Negotiation): readonly WaitingPacket[] {
    const packets = this.#queues.get(negotiation)?.packets ?? []
    this.#queues.delete(negotiation)
    this.#packets -= packets.length
    this.#bytes -= packets.reduce((sum, { packet }) => sum + packet.length, 0)
    return packets
  }

  /** What waited for rules that are no longer there, or no longer as they were. */
  takeOfRules(isGone: (rule: RuleId) => boolean): readonly WaitingPacket[] {
    const gone = [...this.#queues].filter(([, { rule }]) => isGone(rule))
    return gone.flatMap(([negotiation]) => this.take(negotiation))
  }

  clear(): void {
    this.takeOfRules(() => true)
  }
}
