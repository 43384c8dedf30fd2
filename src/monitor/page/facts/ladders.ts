// Negotiations in the order in which a person wants them: what failed stands on top, the newest first, then all others.
import type { Negotiation } from '../../negotiations.ts'
import type { Standing } from './peers.ts'

export function isFailure({ outcome, reason }: Negotiation): boolean {
  return outcome === 'failed' || (outcome !== 'closed' && reason !== null)
}

export function ordered(negotiations: readonly Negotiation[]): readonly Negotiation[] {
  const newestFirst = negotiations.toSorted((a, b) => b.lastAt - a.lastAt)
  return [...newestFirst.filter(isFailure), ...newestFirst.filter(one => !isFailure(one))]
}

export function outcomeStanding(one: Negotiation): Standing {
  if (isFailure(one)) return 'failed'
  if (one.outcome === 'established') return 'sealed'
  return one.outcome === 'open' ? 'negotiating' : 'idle'
}

export function outcomeWords(one: Negotiation): string {
  if (one.outcome === 'open') return isFailure(one) ? 'failed in part' : 'under way'
  return one.outcome === 'established' && isFailure(one) ? 'established, then failed in part' : one.outcome
}
