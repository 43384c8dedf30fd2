// How long an association may live: in seconds, octets and packets, each with a soft limit, at which it is to be
// renewed, and a hard one, at which it ends (RFC 4301 §4.4.2.1). Whatever is reached first counts.

/** Limits that are left out do not end anything. */
export interface Limits {
  readonly seconds?: number
  readonly bytes?: number
  readonly packets?: number
}

export interface Lifetime {
  readonly soft: Limits
  readonly hard: Limits
}

export type Age = 'fresh' | 'soft' | 'hard'

/** Counted by whoever seals or opens; `born` and `now` in seconds of one clock. */
export interface Use {
  readonly born: number
  readonly bytes: number
  readonly packets: number
}

export function ageOf(lifetime: Lifetime, use: Use, now: number): Age {
  if (isPast(lifetime.hard, use, now)) return 'hard'
  return isPast(lifetime.soft, use, now) ? 'soft' : 'fresh'
}

function isPast(limits: Limits, use: Use, now: number): boolean {
  return (
    now >= use.born + (limits.seconds ?? Number.POSITIVE_INFINITY) ||
    use.bytes >= (limits.bytes ?? Number.POSITIVE_INFINITY) ||
    use.packets >= (limits.packets ?? Number.POSITIVE_INFINITY)
  )
}

/** When the clock alone brings the next age, in seconds; undefined where it never does. */
export function nextAgeAt(lifetime: Lifetime, use: Use, now: number): number | undefined {
  const times = [lifetime.soft.seconds, lifetime.hard.seconds]
    .filter(seconds => seconds !== undefined)
    .map(seconds => use.born + seconds)
    .filter(time => time > now)
  return times.length === 0 ? undefined : Math.min(...times)
}
