// The guard as the agent has it: nftables by way of dataplane/guard. What nft cannot do is a Problem of the machine.
import type { Result } from '../base/result.ts'
import {
  applyGuard,
  type Counter,
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
import type { GuardTraffic } from '../monitor/agent-status.ts'
import { NftWatcher } from '../native/nft-watcher.ts'
import { watchReadable } from '../native/readiness.ts'
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
      const counted = need(await guardCounters(table)) ?? []
      const drops = counted.filter(({ verdict }) => verdict === 'drop')
      const packets = drops.reduce((sum, counter) => sum + counter.packets, 0)
      const text = packets === 1 ? 'one packet dropped' : `${packets} packets dropped`
      return { isThere: true, text, traffic: trafficOf(counted) }
    },
    watch(changed) {
      const watcher = new NftWatcher(table)
      const watch = watchReadable(watcher.fd, () => {
        if (watcher.hasChanged()) changed()
      })
      return {
        stop() {
          watch.stop()
          watcher.close()
        },
      }
    },
    remove: async () => need(await removeTable(table)),
  }
}

/** What passed or was stopped by policy; sealed packets and IKE are not the guard's to count. Rules of one kind and name are one. */
export function trafficOf(counted: readonly Counter[]): readonly GuardTraffic[] {
  const sums = new Map<string, GuardTraffic>()
  for (const { chain, comment, verdict, packets, bytes } of counted) {
    const kind = kindOf(chain, comment, verdict)
    if (kind === undefined) continue
    const [direction, why] = [
      chain.endsWith('_in') ? 'in' : 'out',
      comment.replace(/: (only sealed|in clear)$/, ''),
    ] as const
    const key = `${direction} ${kind} ${why}`
    const sum = sums.get(key)
    const more = { packets: packets + (sum?.packets ?? 0), bytes: bytes + (sum?.bytes ?? 0) }
    sums.set(key, { direction, kind, why, ...more })
  }
  return [...sums.values()]
}

/** Chains as dataplane/guard/ruleset.ts names them. */
function kindOf(chain: string, comment: string, verdict: Counter['verdict']): GuardTraffic['kind'] | undefined {
  if (chain.startsWith('exempt_')) return 'exempt'
  if (chain === 'piece' || chain === 'readable') return 'stopped'
  if (!chain.startsWith('rule_')) return undefined
  if (verdict === 'drop') return comment.endsWith(': only sealed') ? 'stopped' : 'blocked'
  return comment.endsWith(': in clear') ? 'in-clear' : 'permitted'
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
