// The only place, beside the agent's start, that reads a clock.

/** Seconds on a clock that never jumps back; only differences mean something. */
export function monotonicSeconds(): number {
  return performance.now() / 1000
}
