// The anti-replay window of an inbound association (RFC 4303 §3.4.3 and Appendix A; RFC 4302 alike), as a ring of words
// (RFC 6479), with extended sequence numbers or without. A packet is asked before its ICV is checked and noted after:
// a forged packet must not move the window.

export const LEAST_WINDOW = 64
export const MOST_WINDOW = 8192
const WORD_BITS = 32
const HALF = 0x100000000
/** Words of the ring's kind in the period of the lower half: a multiple of every ring's length, both being powers of two. */
const WORDS_IN_HALF = HALF / WORD_BITS

export class ReplayWindow {
  /** Highest sequence number that was authentic, as two unsigned 32-bit halves; the upper stays 0 without ESN. */
  #topHigh = 0
  #topLow = 0
  readonly #size: number
  readonly #isExtended: boolean
  readonly #ring: Uint32Array
  readonly #mask: number

  /** `size` in packets: 64 to 8,192, rounded up to a multiple of 32. */
  constructor(size: number, isExtended: boolean) {
    const words = Math.ceil(Math.min(MOST_WINDOW, Math.max(LEAST_WINDOW, size)) / WORD_BITS)
    this.#size = words * WORD_BITS
    this.#isExtended = isExtended
    // At least one word more than the window: moving on clears whole words, and none of them may still be inside.
    const length = 2 ** Math.ceil(Math.log2(words + 1))
    this.#ring = new Uint32Array(length)
    this.#mask = length - 1
  }

  get size(): number {
    return this.#size
  }

  get top(): { readonly high: number; readonly low: number } {
    return { high: this.#topHigh, low: this.#topLow }
  }

  /**
   * The upper half of the sequence number of a packet that carries only the lower (RFC 4303 Appendix A2.2). -1 where the
   * packet would be older than the association. Without ESN it is 0.
   */
  inferHigh(low: number): number {
    if (!this.#isExtended) return 0
    const bottom = this.#topLow - this.#size + 1
    if (bottom >= 0) return low >= bottom ? this.#topHigh : this.#topHigh + 1
    // The window reaches back over a border of the lower half.
    return low >= bottom + HALF ? this.#topHigh - 1 : this.#topHigh
  }

  /** Whether the packet is new: right of the window, or in it and not seen. */
  isNew(high: number, low: number): boolean {
    if (high < 0 || high >= HALF || (high === 0 && low === 0)) return false
    const ahead = this.#ahead(high, low)
    if (ahead > 0) return true
    if (ahead <= -this.#size) return false
    return (this.#ring[this.#word(low)]! & (1 << (low & 31))) === 0
  }

  /** Notes an authentic packet that `isNew` let through. */
  accept(high: number, low: number): void {
    if (this.#ahead(high, low) > 0) this.#moveTo(high, low)
    const word = this.#word(low)
    this.#ring[word] = this.#ring[word]! | (1 << (low & 31))
  }

  #ahead(high: number, low: number): number {
    return (high - this.#topHigh) * HALF + (low - this.#topLow)
  }

  /** Place in the ring of the word that holds the number; the upper half moves it by whole rings. */
  #word(low: number): number {
    return (low >>> 5) & this.#mask
  }

  #moveTo(high: number, low: number): void {
    const words = (high - this.#topHigh) * WORDS_IN_HALF + (low >>> 5) - (this.#topLow >>> 5)
    if (words > 0) {
      const top = this.#word(this.#topLow)
      const steps = Math.min(words, this.#ring.length)
      for (let step = 1; step <= steps; step++) this.#ring[(top + step) & this.#mask] = 0
    }
    this.#topHigh = high
    this.#topLow = low
  }
}
