// The progress of long work on one line of the terminal: how much, how fast, how long still.
import { monotonicSeconds } from '../base/time.ts'
import type { Console } from './console.ts'

/** Seconds before the first line and between two: quick work shows none. */
const INTERVAL = 0.25

export class ProgressLine {
  readonly #console: Console
  readonly #total: number
  readonly #start = monotonicSeconds()
  #shown = this.#start

  /** `total` in octets; 0 where it is not known. */
  constructor(console: Console, total: number) {
    this.#console = console
    this.#total = total
  }

  show(done: number): void {
    if (!this.#console.isWatched) return
    const now = monotonicSeconds()
    if (now - this.#shown < INTERVAL) return
    this.#shown = now
    const rate = done / (now - this.#start)
    const parts = [`${megabytes(done)} read`, `${megabytes(rate)}/s`]
    if (this.#total > 0 && rate > 0) {
      const share = Math.min(1, done / this.#total)
      parts.unshift(`${bar(share)} ${Math.floor(share * 100)} %`)
      parts.push(`${Math.ceil((this.#total - done) / rate)} s left`)
    }
    this.#console.progress(parts.join(' · '))
  }

  end(): void {
    this.#console.progress('')
  }
}

function bar(share: number): string {
  const filled = Math.round(share * 20)
  return '█'.repeat(filled) + '░'.repeat(20 - filled)
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}
