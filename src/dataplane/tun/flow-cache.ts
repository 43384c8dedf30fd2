// What was decided about a flow, found again by the octets of its packets: one decision for all packets of a flow until
// anything changes that a decision depends on. A table of fixed size; flows that meet in a slot take turns.
import type { Arena } from '../../native/arena.ts'

/** A power of two. */
const SLOTS = 8192
/** Tag, protocol and version, ports or type, two addresses. */
const WORDS = 11

export class FlowCache<T> {
  readonly #view: DataView
  readonly #keys = new Int32Array(SLOTS * WORDS)
  #values: (T | undefined)[] = new Array<T | undefined>(SLOTS).fill(undefined)
  readonly #asked = new Int32Array(WORDS)
  #slot = 0

  constructor(arena: Arena) {
    this.#view = arena.view
  }

  /**
   * Of the packet whose IP header is at `ip`; `ports` are the first four octets behind it for protocols that have ports,
   * else what of them the policy may ask for. `tag` tells apart what is alike but for its origin.
   */
  find(ip: number, version: number, protocol: number, ports: number, tag: number): T | undefined {
    const asked = this.#asked
    const view = this.#view
    asked[0] = tag | 0
    asked[1] = (version << 8) | protocol
    asked[2] = ports
    const words = version === 4 ? 2 : 8
    const from = version === 4 ? ip + 12 : ip + 8
    let mix = Math.imul(tag ^ ports ^ (protocol << 16), 0x9e3779b1)
    for (let word = 0; word < words; word++) {
      const value = view.getInt32(from + 4 * word)
      asked[3 + word] = value
      mix = Math.imul(mix ^ value, 0x85ebca6b)
      mix ^= mix >>> 13
    }
    const slot = (mix ^ (mix >>> 16)) & (SLOTS - 1)
    this.#slot = slot
    const found = this.#values[slot]
    if (found === undefined) return undefined
    const keys = this.#keys
    const at = slot * WORDS
    for (let word = 0; word < 3 + words; word++) {
      if (keys[at + word] !== asked[word]) return undefined
    }
    return found
  }

  /** For the flow that was asked for last. */
  put(value: T): void {
    this.#keys.set(this.#asked, this.#slot * WORDS)
    this.#values[this.#slot] = value
  }

  clear(): void {
    this.#values = new Array<T | undefined>(SLOTS).fill(undefined)
  }
}
