// What an agent tells of its state: the value that `status --json` prints, a contract with others, and the ground of everything
// that the monitor shows. Plain values only. Times are seconds since 1970, durations seconds; no key and no secret is in it.
import type { DropReason } from '../ipsec/drop-reasons.ts'
import type { Counts } from './counts.ts'
import type { BothWays, SealedTraffic } from './sealed-traffic.ts'
import type { Otherwise } from './setting-change.ts'
import type { WireStatus } from './wire-status.ts'

/** What the guard counted since it was last put in place: a new policy begins at nothing. */
export interface GuardTraffic {
  readonly direction: 'out' | 'in'
  /** `stopped`: it would have passed in clear against the policy. */
  readonly kind: 'exempt' | 'permitted' | 'in-clear' | 'stopped' | 'blocked'
  /** The exemption's title or the rule's name. */
  readonly why: string
  /** Coming in, a packet may pass two hooks of the kernel and be counted by both. */
  readonly packets: number
  readonly bytes: number
}

export interface AssociationStatus {
  readonly spi: string
  readonly peerSpi: string
  readonly own: string
  readonly peer: string
  readonly rule: string
  readonly mode: 'transport' | 'tunnel'
  /** What it carries outwards, the first few; null stands for any. */
  readonly selectors: readonly SelectorStatus[]
  /** As the policy's list names it; null for manual keys. */
  readonly security: string | null
  readonly algorithms: string
  readonly encapsulation: 'udp' | 'raw'
  /** False for what is only protected against change. */
  readonly isConfidential: boolean
  readonly isSending: boolean
  readonly ageSeconds: number
  /** Null where no clock ends it. */
  readonly rekeyInSeconds: number | null
  readonly endsInSeconds: number | null
  readonly inbound: { readonly packets: number; readonly bytes: number }
  readonly outbound: { readonly packets: number; readonly bytes: number }
  readonly faults: {
    readonly replayed: number
    readonly notAuthentic: number
    readonly badPadding: number
    readonly outsideSelectors: number
  }
}

export interface SelectorStatus {
  readonly protocol: string | null
  readonly sourcePort: string | null
  readonly destinationPort: string | null
}

export interface SessionStatus {
  readonly id: string
  /** Of IKE. */
  readonly version: 1 | 2
  readonly role: 'initiator' | 'responder'
  readonly state: string
  readonly own: string
  readonly peer: string
  readonly peerName: string | null
  readonly offer: string | null
  readonly ageSeconds: number | null
  readonly rekeyInSeconds: number | null
  readonly associations: readonly string[]
}

export interface ExemptStatus {
  readonly name: string
  readonly title: string
  /** Null where no value of this profile withdraws it. */
  readonly otherwise: Otherwise | null
}

export interface RuleTraffic {
  readonly rule: string
  readonly sealed: BothWays
}

export interface AgentStatus {
  readonly version: 1
  /** When this was so. */
  readonly at: number
  readonly state: 'going-up' | 'up' | 'going-down' | 'down'
  readonly pid: number
  readonly since: number
  readonly policy: {
    readonly source: string
    readonly name: string
    readonly profile: string
    readonly rules: number
    readonly loadedAt: number
    readonly warnings: readonly string[]
    /** The newest of the source is not in force: it was refused with these problems. */
    readonly refused: { readonly at: number; readonly problems: readonly string[] } | null
  }
  readonly setting: {
    /** NoDefaultExempt or IPsecExempt; null where the profile reads none. */
    readonly name: string | null
    readonly value: number
    readonly from: 'policy' | 'registry' | 'default'
    /** Key and name in the registry, where it is from there. */
    readonly where: string | null
    readonly exempt: readonly ExemptStatus[]
  }
  readonly addresses: readonly string[]
  readonly dataPlane: Readonly<Record<string, string | boolean>>
  readonly guard: {
    readonly name: string
    readonly isThere: boolean
    readonly text: string
    readonly traffic: readonly GuardTraffic[]
  } | null
  readonly sessions: readonly SessionStatus[]
  readonly associations: readonly AssociationStatus[]
  readonly inClear: readonly {
    readonly rule: string
    readonly own: string
    readonly peer: string
    readonly forSeconds: number
  }[]
  readonly drops: readonly { readonly reason: DropReason; readonly packets: number; readonly meaning: string }[]
  /** What happened so often since the agent started. */
  readonly counts: Counts
  /** Sealed since the agent started, also by associations that are gone. */
  readonly sealed: SealedTraffic
  /** The same for each rule of the policy in force that has sealed anything, at most MOST_RULES. */
  readonly rules: readonly RuleTraffic[]
  /** What passes the host's links; null where nobody watches them. */
  readonly wire: WireStatus | null
  /** What needs somebody's eyes now. */
  readonly warnings: readonly string[]
  /** The last warnings and errors, the newest last. */
  readonly recent: readonly { readonly at: number; readonly kind: string; readonly text: string }[]
}
