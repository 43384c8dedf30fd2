// Where a capture was taken. A Linux host that receives ESP shows each packet twice: sealed as it came, and opened a
// moment later. On a mirror port or a bridge the same picture would be a leak. The opened copies of a host are known by
// what a leak cannot arrange by chance: each follows its own sealed packet of the same direction within a moment, there
// is none without one and hardly a sealed packet without a copy, all sizes fit one and the same overhead, and the other
// direction shows no clear text at all.

export type CapturePoint = 'wire' | 'receiver'
export type CapturePointOption = 'auto' | CapturePoint

/** Sealed packets remembered; a copy comes within one burst of the network card. */
const REMEMBERED = 256
/** Seconds that may lie between a sealed packet and its copy. */
const MOMENT = 0.05
/** ESP header 8, IV 0 to 16, padding length and next header 2, ICV 8 to 32 (RFC 4303 §2). */
const LEAST_OVERHEAD = 8 + 2 + 8
const MOST_OVERHEAD = 8 + 16 + 2 + 32 + 15
/** Padding aligns to 4 octets, or to the block of the cipher. */
const BLOCKS = [4, 8, 16] as const
/** Of the sealed packets, how many must have shown their copy: captures lose some, and keepalives have none. */
const SHARE_OPENED = 0.9

/** One direction between two hosts. */
export class HostDirection {
  sealed = 0
  /** Clear packets that should have been sealed, with and without a sealed packet before them that fits. */
  paired = 0
  unpaired = 0
  /** Per block size: the fixed part of the overhead as the pairs show it, NaN before the first, Infinity if it varies. */
  readonly #fixed = BLOCKS.map(() => Number.NaN)

  fits(sealedLength: number, clearLength: number): void {
    BLOCKS.forEach((block, index) => {
      const fixed = sealedLength - Math.ceil((clearLength + 2) / block) * block
      const before = this.#fixed[index]!
      this.#fixed[index] = Number.isNaN(before) || before === fixed ? fixed : Number.POSITIVE_INFINITY
    })
  }

  get hasOneOverhead(): boolean {
    return this.#fixed.some(fixed => Number.isFinite(fixed))
  }
}

export class OpenedCopies {
  readonly directions: HostDirection[] = []
  readonly #point: CapturePointOption
  #at = 0
  readonly #direction = new Int32Array(REMEMBERED).fill(-1)
  readonly #length = new Int32Array(REMEMBERED)
  readonly #time = new Float64Array(REMEMBERED)

  constructor(point: CapturePointOption) {
    this.#point = point
  }

  addDirection(): number {
    return this.directions.push(new HostDirection()) - 1
  }

  /** `length`: octets of the ESP packet from its SPI on. `time` in seconds. */
  sealed(direction: number, length: number, time: number): void {
    this.directions[direction]!.sealed++
    const at = this.#at++ & (REMEMBERED - 1)
    this.#direction[at] = direction
    this.#length[at] = length
    this.#time[at] = time
  }

  /**
   * A clear packet that the policy wants sealed. Answers whether it pairs with a sealed one. `length`: octets that the
   * seal would hold: behind the IP header in transport mode, the whole packet in tunnel mode.
   */
  clear(direction: number, length: number, time: number, isTunnel: boolean): boolean {
    const own = this.directions[direction]!
    const found = this.#point === 'wire' ? -1 : this.#findSealed(direction, length, time, isTunnel)
    if (found < 0) {
      own.unpaired++
      return false
    }
    const sealedLength = this.#length[found]!
    // Each sealed packet opens once.
    this.#direction[found] = -1
    own.paired++
    own.fits(sealedLength, length)
    return true
  }

  #findSealed(direction: number, length: number, time: number, isTunnel: boolean): number {
    const oldest = Math.max(0, this.#at - REMEMBERED)
    for (let index = this.#at - 1; index >= oldest; index--) {
      const at = index & (REMEMBERED - 1)
      if (time - this.#time[at]! > MOMENT) return -1
      if (isTunnel ? this.#direction[at]! < 0 : this.#direction[at] !== direction) continue
      const overhead = this.#length[at]! - length
      if (overhead >= LEAST_OVERHEAD && overhead <= MOST_OVERHEAD) return at
    }
    return -1
  }

  /** Whether the paired clear packets of a direction are opened copies. `back` is the opposite direction, if seen. */
  areCopies(direction: number, back: number): boolean {
    const own = this.directions[direction]!
    if (own.paired === 0) return false
    if (this.#point !== 'auto') return this.#point === 'receiver'
    const opposite = back < 0 ? undefined : this.directions[back]!
    const clearBack = opposite === undefined ? 0 : opposite.paired + opposite.unpaired
    const sealed = Math.max(own.sealed, 1)
    return own.unpaired === 0 && clearBack === 0 && own.hasOneOverhead && own.paired >= sealed * SHARE_OPENED
  }
}
