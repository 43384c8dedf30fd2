// The anti-replay window of an inbound association (RFC 4303 §3.4.3 and Appendix A; RFC 4302 alike), as a ring of words
// (RFC 6479), with extended sequence numbers or without. A packet is asked before its ICV is checked and noted after:
// a forged packet must not move the window.

export const LEAST_WINDOW = 64
export const MOST_WINDOW = 8192
const WORD_BITS = 32
const HALF = 0x100000000
/** Words of the ring's kind in the period of the lower half. */
const WORDS_IN_HALF = HALF / WORD_BITS

export class ReplayWindow {
  /** Highest sequence number that was authentic, as two unsigned 32-bit halves; the upper stays 0 without ESN. */
  #topHigh = 0
  #topLow = 0
  readonly #size: number
  readonly #isExtended: boolean
  readonly #ring: Uint32Array

  /** `size` in packets: 64 to 8,192, rounded up to a multiple of 32. */
  constructor(size: number, isExtended: boolean) {
    const words = Math.ceil(Math.min(MOST_WINDOW, Math.max(LEAST_WINDOW, size)) / WORD_BITS)
    this.#size = words * WORD_BITS
    this.#isExtended = isExtended
    // One word more than the window: moving on clears whole words, and none of them may still be inside.
    this.#ring = new Uint32Array(words + 1)
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
    return (this.#ring[this.#word(high, low)]! & (1 << (low % WORD_BITS))) === 0
  }

  /** Notes an authentic packet that `isNew` let through. */
  accept(high: number, low: number): void {
    if (this.#ahead(high, low) > 0) this.#moveTo(high, low)
    const word = this.#word(high, low)
    this.#ring[word] = this.#ring[word]! | (1 << (low % WORD_BITS))
  }

  #ahead(high: number, low: number): number {
    return (high - this.#topHigh) * HALF + (low - this.#topLow)
  }

  /** Place in the ring of the word that holds the number; taken modulo before it outgrows what a double holds. */
  #word(high: number, low: number): number {
    const length = this.#ring.length
    return ((high % length) * (WORDS_IN_HALF % length) + (low >>> 5)) % length
  }

  #moveTo(high: number, low: number): void {
    const length = this.#ring.length
    const words = (high - this.#topHigh) * WORDS_IN_HALF + (low >>> 5) - (this.#topLow >>> 5)
    const top = this.#word(this.#topHigh, this.#topLow)
    for (let step = 1; step <= Math.min(words, length); step++) this.#ring[(top + step) % length] = 0
    this.#topHigh = high
    this.#topLow = low
  }
}
