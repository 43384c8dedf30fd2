// What is exempt right now, what passed of it, and what would become of it at another value of the setting.
import type { AgentStatus } from '../../agent-status.ts'
import type { Traffic } from '../../sealed-traffic.ts'
import { clockTime } from '../../words.ts'
import { RECENT } from './overall.ts'
import { keyOf, type PageState } from './page-state.ts'

export interface ExemptRow {
  readonly title: string
  /** Null where no guard counts. */
  readonly outbound: Traffic | null
  readonly inbound: Traffic | null
  readonly bytesPerSecond: number
  readonly isPassing: boolean
  /** In words. */
  readonly last: string
  /** At which value of the setting it would obey the filters, and what they say. */
  readonly otherwise: string
}

export function exemptRows({ view, passing }: PageState): readonly ExemptRow[] {
  const { status, exempt } = view
  if (status === null) return []
  return exempt.map(({ title, outbound, inbound }) => {
    const seen = (['out', 'in'] as const).map(way => passing.get(keyOf('exempt', way, title)))
    const lastAt = seen.reduce<number | null>((last, one) => latest(last, one?.lastAt ?? null), null)
    return {
      ...{ title, outbound, inbound },
      bytesPerSecond: seen.reduce((sum, one) => sum + (one?.bytesPerSecond ?? 0), 0),
      isPassing: lastAt !== null && status.at - lastAt < RECENT,
      last: lastWords(lastAt, status, outbound, inbound),
      otherwise: otherwiseOf(status, title),
    }
  })
}

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}

function lastWords(lastAt: number | null, { guard, at }: AgentStatus, ...seen: readonly (Traffic | null)[]): string {
  if (guard === null) return 'not counted: no guard'
  if (lastAt !== null) return at - lastAt < 5 ? 'now' : `at ${clockTime(lastAt)}`
  return seen.some(one => one !== null && one.packets > 0) ? 'before this page was opened' : 'never'
}

function otherwiseOf({ setting }: AgentStatus, title: string): string {
  const words = setting.exempt.flatMap(one => (one.title === title && one.otherwise ? [one.otherwise.words] : []))
  if (words.length > 0) return [...new Set(words)].join('; ')
  return 'Exempt at every value that this profile knows.'
}

export function settingWords({ setting: { name, value, from, where }, policy }: AgentStatus): string {
  if (name === null) return `The profile ${policy.profile} reads no setting.`
  const source = {
    policy: 'the policy says so',
    registry: 'the registry says so',
    default: 'the default of the profile',
  }[from]
  return `${name} is ${value}: ${source}${where === null ? '' : ` (${where})`}.`
}
