// A promise that somebody else has to keep, waited for only so long: a part that hangs must not hang the agent.
import type { Clock } from '../base/time.ts'

/** Throws after so many seconds; what was promised goes on, and its outcome is nobody's any more. */
export async function within<T>(clock: Clock, seconds: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const cancel = clock.at(clock.now() + seconds, () => reject(new Error(`${what} takes longer than ${seconds} s`)))
  try {
    return await Promise.race([promise, late])
  } finally {
    cancel()
    promise.catch(() => {})
  }
}
