// Which octets an audit judged: their SHA-256, taken while they are read, so that it is of what was judged and not of
// what the file holds a moment later.
import { createHash } from 'node:crypto'

export interface FingerprintReport {
  readonly sha256: string
  /** Octets as they stand on disk: of a packed file, packed. */
  readonly bytes: number
  /** Whether the source was read to its end; reading stops where a capture is damaged beyond repair. */
  readonly isWhole: boolean
}

export class Fingerprint {
  readonly #hash = createHash('sha256')
  #bytes = 0
  #isWhole = false

  take(octets: Uint8Array): void {
    this.#hash.update(octets)
    this.#bytes += octets.length
  }

  /** The source has no more. */
  end(): void {
    this.#isWhole = true
  }

  report(): FingerprintReport {
    // Of a copy: a stream that is being closed may still hand over a piece.
    return { sha256: this.#hash.copy().digest('hex'), bytes: this.#bytes, isWhole: this.#isWhole }
  }
}

export function sha256Of(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex')
}
