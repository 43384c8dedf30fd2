// Message IDs of the exchanges under one main mode SA. An ID stands for one exchange and its IV, whoever began it: one that
// comes again is a replay, or our own message that somebody sends back.
import type { Random } from '../../base/random.ts'

/** Exchanges under one session, of both hosts together; then it has to be renewed. Each costs some octets of memory. */
const MOST = 65_536

export class UsedIds {
  readonly #ids = new Set<number>()

  has(id: number): boolean {
    return this.#ids.has(id)
  }

  add(id: number): void {
    this.#ids.add(id)
  }

  get isFull(): boolean {
    return this.#ids.size >= MOST
  }

  /** For an exchange of ours: at random, so that both hosts seldom pick the same (RFC 2408 §3.1). Zero is main mode's. */
  fresh(random: Random): number {
    const octets = new Uint8Array(4)
    for (;;) {
      random.fill(octets)
      const id = new DataView(octets.buffer).getUint32(0)
      if (id === 0 || this.#ids.has(id)) continue
      this.#ids.add(id)
      return id
    }
  }
}
