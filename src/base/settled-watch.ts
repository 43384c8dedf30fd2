// Tells that something was changed once the change is over: when it looks the same twice in a row. What is told early, as
// file systems do, only makes it look sooner, since no such word is sure to come.
import type { Clock } from './time.ts'

export interface Watched {
  readonly clock: Clock
  /** Seconds between two looks that have to agree. */
  readonly quiet: number
  /** Seconds between looks where nothing was heard. */
  readonly every: number
  /** What it looks like now. */
  readonly look: () => string
  /** What it looked like when it was last taken over. */
  readonly taken: () => string
  readonly take: (state: string) => void
  /** Calls back when it may have changed, until it is stopped or has ended. Undefined where that cannot be had now. */
  readonly listen: (soon: () => void, ended: () => void) => (() => void) | undefined
}

/** Calls back once for each change, after `take`. */
export function watchSettled(watched: Watched, changed: () => void): { stop(): void } {
  const { clock, quiet, every } = watched
  let seen = watched.taken()
  let cancel: () => void = () => {}
  let stopListening: (() => void) | undefined
  const lookIn = (seconds: number) => {
    cancel()
    cancel = clock.at(clock.now() + seconds, look)
  }
  const look = () => {
    stopListening ??= watched.listen(
      () => lookIn(quiet),
      () => {
        stopListening = undefined
      },
    )
    const now = watched.look()
    const isQuiet = now === seen
    seen = now
    if (now !== watched.taken() && isQuiet) {
      watched.take(now)
      changed()
    }
    lookIn(now === watched.taken() ? every : quiet)
  }
  look()
  return {
    stop() {
      cancel()
      stopListening?.()
    },
  }
}
