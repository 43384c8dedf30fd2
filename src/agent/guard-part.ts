// The guard as the agent has it: nftables by way of dataplane/guard. What nft cannot do is a Problem of the machine.
import type { Result } from '../base/result.ts'
import {
  applyGuard,
  endInClear,
  guardCounters,
  healthOf,
  letInClear,
  removeTable,
  type Seen,
  seenGuard,
} from '../dataplane/guard/apply.ts'
import type { NftProblem } from '../dataplane/guard/nft.ts'
import { defaultGuard, type GuardOptions, guardRuleset, type Ruleset } from '../dataplane/guard/ruleset.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { type GuardHealth, type GuardPart, Unready } from './agent-parts.ts'

export interface GuardPartOptions {
  readonly guard?: GuardOptions
  /** Gets every ruleset that the kernel took: what the boot loads next time. */
  readonly taken?: (ruleset: Ruleset) => void
}

export function guardPart({ guard = defaultGuard, taken }: GuardPartOptions = {}): GuardPart {
  const { table } = guard
  let seen: Seen | undefined
  return {
    name: `nftables, table inet ${table}`,
    isThere: async () => need(await seenGuard(table)) !== undefined,
    async apply(policy: CompiledPolicy) {
      const ruleset = guardRuleset(policy, guard)
      seen = need(await applyGuard(ruleset, table))
      taken?.(ruleset)
    },
    letClear: async (own, peer, seconds) => need(await letInClear(table, [{ own, peer, seconds }])),
    endClear: async (own, peer) => need(await endInClear(table, [{ own, peer }])),
    async health(): Promise<GuardHealth> {
      if (seen === undefined) return { isThere: false, text: 'it was not put in place yet' }
      const health = need(await healthOf(table, seen))
      if (health !== 'as-written') return { isThere: false, text: words[health] }
      const drops = (need(await guardCounters(table)) ?? []).filter(({ verdict }) => verdict === 'drop')
      const packets = drops.reduce((sum, counter) => sum + counter.packets, 0)
      return { isThere: true, text: packets === 1 ? 'one packet dropped' : `${packets} packets dropped` }
    },
    remove: async () => need(await removeTable(table)),
  }
}

const words = {
  changed: 'somebody changed its rules',
  another: 'its rules are those of another policy',
  absent: 'somebody took it away',
} as const

function need<T>(result: Result<T, NftProblem>): T {
  if (!result.ok) throw new Unready('machine', [result.error])
  return result.value
}
