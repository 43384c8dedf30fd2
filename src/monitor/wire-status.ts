// What the agent sees on its links, as its status tells it: the auditor's verdicts on what really passes there.
import type { Traffic } from './sealed-traffic.ts'

/** From best to worst, each with what it means of a packet. */
export const wireVerdictMeanings = {
  protected: 'sealed; only what the filter in the kernel cannot tell: the rest of what is sealed is not counted here',
  keying: 'IKE',
  exempt: 'in clear by a default exemption',
  permitted: 'in clear, and the policy permits it',
  'in-clear': 'in clear because a rule falls back to it and nobody answered IKE',
  piece: 'a later piece of a packet whose first one was not seen, so that nobody can say what it is',
  malformed: 'headers that cannot be read',
  blocked: 'the policy blocks it; coming in, it was stopped behind the wire',
  'received-in-clear': 'a peer sent in clear what the policy secures, whether it was stopped here or not',
  leaked: 'this host sent in clear what its policy secures',
} as const

/** Why neighbour discovery and errors of paths are permitted wherever hosts seal: no sign of anything unsealed. */
export const MUST_PASS =
  'how hosts find each other’s station, and sizes of paths: without it no sealed packet finds its way'

export type WireVerdict = keyof typeof wireVerdictMeanings

export const wireVerdicts = Object.keys(wireVerdictMeanings) as readonly WireVerdict[]

export interface WireFlow extends Traffic {
  readonly verdict: WireVerdict
  /** Why, in the auditor's sentence. */
  readonly because: string
  /** Of the newest packet; others of the same hosts and service are counted with it. */
  readonly flow: string
  /** The host at the other end; null for what goes to many. */
  readonly peer: string | null
  readonly direction: 'out' | 'in'
  /** Seconds since 1970. */
  readonly firstAt: number
  readonly lastAt: number
}

export interface WireStatus {
  /** Names of the links that are watched now. */
  readonly links: readonly string[]
  /** Seconds since 1970. */
  readonly since: number
  /** Those that were seen. */
  readonly verdicts: readonly (Traffic & { readonly verdict: WireVerdict; readonly direction: 'out' | 'in' })[]
  /** The newest, those first that should not be. */
  readonly flows: readonly WireFlow[]
  /** Packets that the watch had no time for. */
  readonly unread: number
}

/** Seconds for which a leak is held to be going on. */
export const LEAK_LASTS = 60

/** What left in clear, or although it is blocked, so shortly before `at` that it has to be held to go on. */
export function leaksNow(wire: WireStatus | null, at: number): readonly WireFlow[] {
  const isLeak = ({ verdict, direction }: WireFlow) =>
    direction === 'out' && (verdict === 'leaked' || verdict === 'blocked')
  return wire?.flows.filter(flow => isLeak(flow) && at - flow.lastAt < LEAK_LASTS) ?? []
}
