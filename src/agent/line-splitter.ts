// Octets of a stream as lines of bounded length.

export class LineSplitter {
  readonly #most: number
  readonly #decoder = new TextDecoder()
  #parts: Uint8Array[] = []
  #length = 0

  /** `most`: octets of a line without its end. */
  constructor(most: number) {
    this.#most = most
  }

  /** The lines that are whole with these octets; undefined once one is too long: nothing behind it means anything. */
  take(octets: Uint8Array): readonly string[] | undefined {
    const lines: string[] = []
    let start = 0
    for (let end = octets.indexOf(10); end >= 0; end = octets.indexOf(10, start)) {
      if (!this.#keep(octets.subarray(start, end))) return undefined
      lines.push(this.#finish())
      start = end + 1
    }
    return this.#keep(octets.subarray(start)) ? lines : undefined
  }

  #keep(part: Uint8Array): boolean {
    this.#length += part.length
    if (this.#length > this.#most) return false
    // Copied: what a stream gives may be used again.
    if (part.length > 0) this.#parts.push(Uint8Array.from(part))
    return true
  }

  #finish(): string {
    const line = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      line.set(part, at)
      at += part.length
    }
    this.#parts = []
    this.#length = 0
    return this.#decoder.decode(line)
  }
}
