// The sealed packets that a capture has just shown, in order, and which of them a clear packet may be the opened copy
// of. A receiving host opens them in the order in which they came, each once; it may join the opened segments of one
// TCP stream into one long packet (generic receive offload).
import { mostClear, ways, waysBetween } from './sealing-overhead.ts'

/** Sealed packets remembered; a copy comes within one burst of the network card. */
const REMEMBERED = 256
/** Seconds that may lie between a sealed packet and its copy. */
const MOMENT = 0.05

/** What a clear packet shows for the comparison; one object is filled again and again. */
export interface ClearPacket {
  /** Octets that the seal would hold: behind the IP header in transport mode, the whole packet in tunnel mode. */
  length: number
  /** Octets of `length` in front of the payload of TCP, which each joined segment had; 0 where it is not TCP. */
  head: number
  /** What sealing in transport mode leaves as it is: IPv4 identification, IPv6 flow label; -1 in tunnel mode. */
  mark: number
  /** In seconds. */
  time: number
}

export class SealedPackets {
  /** The ways to seal that fit what the last `find` found. */
  ways = 0
  /** Counted since the start of the capture: those from `#from` up to `#at` may still be opened. */
  #from = 0
  #at = 0
  readonly #direction = new Int32Array(REMEMBERED).fill(-1)
  readonly #length = new Int32Array(REMEMBERED)
  readonly #mark = new Int32Array(REMEMBERED)
  readonly #time = new Float64Array(REMEMBERED)
  readonly #found: number[] = []

  /** `length`: octets of the ESP packet from its SPI on. */
  add(direction: number, length: number, mark: number, time: number): void {
    const at = this.#at++ & (REMEMBERED - 1)
    this.#from = Math.max(this.#from, this.#at - REMEMBERED)
    this.#direction[at] = direction
    this.#length[at] = length
    this.#mark[at] = mark
    this.#time[at] = time
  }

  /** A later fragment of an ESP packet: it is opened with the first one, which is the newest of its direction and mark. */
  lengthen(direction: number, length: number, mark: number): void {
    for (let index = this.#at - 1; index >= this.#from; index--) {
      const at = index & (REMEMBERED - 1)
      if (this.#direction[at] !== direction || this.#mark[at] !== mark) continue
      this.#length[at]! += length
      return
    }
  }

  /** How many sealed packets the clear one opens, 0 for none. `direction` -1 stands for any. Take them with `take`. */
  find(direction: number, clear: ClearPacket, fitting: number): number {
    const found = this.#found
    found.length = 0
    this.#forget(clear.time)
    for (let index = this.#from; index < this.#at; index++) {
      const at = index & (REMEMBERED - 1)
      if (!this.#isOpenedBy(at, direction, clear)) continue
      if (clear.mark >= 0 && this.#mark[at] !== clear.mark) continue
      this.ways = waysBetween(clear.length, this.#length[at]!) & fitting
      if (this.ways !== 0) return found.push(at)
      if (clear.head > 0 && clear.length >= this.#length[at]! && this.#joins(index, clear, fitting)) return found.length
    }
    return 0
  }

  /** Marks what `find` found as opened, and answers the direction it came from. */
  take(): number {
    const from = this.#direction[this.#found[0]!]!
    for (const at of this.#found) this.#direction[at] = -1
    return from
  }

  #forget(now: number): void {
    while (this.#from < this.#at) {
      const at = this.#from & (REMEMBERED - 1)
      if (this.#direction[at]! >= 0 && now - this.#time[at]! <= MOMENT) return
      this.#from++
    }
  }

  #isOpenedBy(at: number, direction: number, clear: ClearPacket): boolean {
    const own = this.#direction[at]!
    if (direction < 0 ? own < 0 : own !== direction) return false
    return Math.abs(clear.time - this.#time[at]!) <= MOMENT
  }

  /** Whether the sealed packets from `first` on are the segments of one long clear one: equally long, the last may be shorter. */
  #joins(first: number, clear: ClearPacket, fitting: number): boolean {
    const payload = clear.length - clear.head
    const from = this.#direction[first & (REMEMBERED - 1)]!
    const longest = this.#length[first & (REMEMBERED - 1)]!
    for (let number = 0; number < ways.length; number++) {
      const way = ways[number]!
      if ((fitting & (1 << number)) === 0) continue
      this.#found.length = 0
      let most = 0
      for (let index = first; index < this.#at; index++) {
        const at = index & (REMEMBERED - 1)
        if (!this.#isOpenedBy(at, from, clear)) continue
        const sealed = this.#length[at]!
        if (sealed > longest) break
        this.#found.push(at)
        most += mostClear(way, sealed) - clear.head
        const least = most - this.#found.length * (way.block - 1)
        if (least <= payload && payload <= most) {
          this.ways = 1 << number
          return true
        }
        if (least > payload || sealed < longest) break
      }
    }
    this.#found.length = 0
    return false
  }
}
