// The story that the live demo tells: what is done in each phase, what the hosts say to each other in all of them, and
// what must come of it by KB 254728 and KB 233256.
import type { LiveValue } from './live-policy.ts'

/** What the hosts do in each phase, in this order. The first host begins; both ping. */
export const liveSteps = [
  'ping',
  'Kerberos, UDP',
  'Kerberos, TCP',
  'RSVP',
  'TCP, 400 kB',
  'UDP, 20 kB',
  'DNS',
  'broadcast',
  'multicast',
] as const
export type LiveStep = (typeof liveSteps)[number]

/** `held`: nothing of it stands on the wire in clear, and it does not work. */
export type Outcome = 'sealed' | 'clear' | 'held'

export interface LivePhase {
  /** What its files are called. */
  readonly name: string
  /** Two lines over a column. */
  readonly title: readonly [string, string]
  /** For the progress line. */
  readonly doing: string
  readonly value: LiveValue
  /** Of Kerberos and RSVP, of groups, and of everything else. */
  readonly expected: { readonly exempt: Outcome; readonly groups: Outcome; readonly other: Outcome }
}

export const livePhases: readonly LivePhase[] = [
  {
    name: 'absent',
    title: ['absent', ''],
    doing: 'NoDefaultExempt absent: two agents come up and agree on keys',
    value: undefined,
    expected: { exempt: 'clear', groups: 'clear', other: 'sealed' },
  },
  {
    name: 'no-default-exempt-1',
    title: ['1', ''],
    doing: 'NoDefaultExempt 1: the policy files of the running agents are replaced',
    value: 1,
    expected: { exempt: 'sealed', groups: 'clear', other: 'sealed' },
  },
  {
    name: 'firewall',
    title: ['1', 'firewall on'],
    doing: 'NoDefaultExempt 1, and a firewall on both hosts that only lets IPsec pass',
    value: 1,
    expected: { exempt: 'sealed', groups: 'held', other: 'sealed' },
  },
  {
    name: 'killed',
    title: ['1', 'agent killed'],
    doing: 'the firewall is off, and the agent of the first host is killed with SIGKILL',
    value: 1,
    expected: { exempt: 'held', groups: 'clear', other: 'held' },
  },
  {
    name: 'back',
    title: ['1', 'agent back'],
    doing: 'the agent of the first host is started again',
    value: 1,
    expected: { exempt: 'sealed', groups: 'clear', other: 'sealed' },
  },
]

export interface StepResult {
  readonly step: LiveStep
  readonly worked: boolean
  /** Where it did not. */
  readonly why: string
  /** Packets of the wire: fragments count each. */
  readonly sealed: number
  readonly clear: number
  /** Why it went in clear; absent where nothing did. */
  readonly because?: string
}

export function expectedOf({ expected }: LivePhase, step: LiveStep): Outcome {
  if (step === 'broadcast' || step === 'multicast') return expected.groups
  return step === 'RSVP' || step.startsWith('Kerberos') ? expected.exempt : expected.other
}

/** Undefined where a step came out as it must. */
export function deviation(phase: LivePhase, { step, worked, why, sealed, clear }: StepResult): string | undefined {
  const expected = expectedOf(phase, step)
  const where = `${step} (${phase.title.filter(word => word !== '').join(', ')})`
  const wire = `${sealed} packets sealed, ${clear} in clear`
  switch (expected) {
    case 'held':
      if (worked) return `${where}: it works, and must not`
      return clear > 0 ? `${where}: ${wire}; none may be` : undefined
    case 'sealed':
      if (!worked) return `${where}: it does not work: ${why}`
      return sealed === 0 || clear > 0 ? `${where}: ${wire}; all must be sealed` : undefined
    case 'clear':
      if (!worked) return `${where}: it does not work: ${why}`
      return clear === 0 || sealed > 0 ? `${where}: ${wire}; all must be in clear` : undefined
  }
}
