// What happened how often since an agent started: a closed set of counts, told by the events themselves, so that status,
// metrics and ipsecmon's statistics all have the same numbers.
import type { ToldEvent } from './told-event.ts'

/** In the words of house and RFCs; behind them what ipsecmon and netsh called them. */
export const countMeanings = {
  sessionsEstablished: 'IKE SAs that were established (main modes)',
  sessionsRekeyed: 'IKE SAs that were renewed',
  sessionsFailed: 'IKE negotiations that came to nothing',
  sessionsClosed: 'IKE SAs that were closed',
  childrenEstablished: 'pairs of associations that were agreed on (quick modes)',
  childrenRekeyed: 'pairs of associations that were agreed on in place of others (rekeys)',
  childrenFailed: 'pairs of associations that could not be agreed on',
  childrenClosed: 'pairs of associations that were closed (key deletions)',
  fallbacks: 'times that two hosts began to speak in clear because a rule allows it (soft associations)',
  datagramsIgnored: 'datagrams on an IKE port that lead nowhere',
  policiesTaken: 'policies put in force after the first',
  policiesRefused: 'policies refused',
  guardMended: 'times that the guard was not as it was put in place',
  dataPlaneSilent: 'times that the data plane fell silent',
  faults: 'faults of the agent or its system',
} as const

export type CountName = keyof typeof countMeanings
export type Counts = Readonly<Record<CountName, number>>

export const countNames = Object.keys(countMeanings) as readonly CountName[]

const byKind: Readonly<Record<string, CountName>> = {
  'session-established': 'sessionsEstablished',
  'session-rekeyed': 'sessionsRekeyed',
  'session-failed': 'sessionsFailed',
  'session-closed': 'sessionsClosed',
  'child-failed': 'childrenFailed',
  'in-clear': 'fallbacks',
  ignored: 'datagramsIgnored',
  'policy-changed': 'policiesTaken',
  'policy-refused': 'policiesRefused',
  'guard-mended': 'guardMended',
  'data-plane-silent': 'dataPlaneSilent',
  fault: 'faults',
}

export function noCounts(): Record<CountName, number> {
  return Object.fromEntries(countNames.map(name => [name, 0])) as Record<CountName, number>
}

/** Undefined for what is not counted. */
export function countOf({ kind, fields }: Pick<ToldEvent, 'kind' | 'fields'>): CountName | undefined {
  if (kind === 'child-established')
    return fields?.['replaces'] === undefined ? 'childrenEstablished' : 'childrenRekeyed'
  return Object.hasOwn(byKind, kind) ? byKind[kind] : undefined
}
