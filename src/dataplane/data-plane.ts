// What enforces a policy, whichever way it does: told the desired state, not a history of edits. `install` (may receive)
// and `beginSending` are apart, so that renewing an association loses nothing. contract.ts holds what every back end
// keeps.
import type { Flow } from '../base/flow.ts'
import type { AssociationPair, Counters, Spi } from '../ipsec/association.ts'
import type { DropReason } from '../ipsec/drop-reasons.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { RuleId } from '../policy/model.ts'

export interface DataPlaneListener {
  /** Traffic waits for an association of this rule. Told once until the association comes or is refused. */
  needsKeys(rule: RuleId, flow: Flow): void
  /** A soft limit is reached (`soft`: renew it) or the association has ended (`hard`, or its numbers ran out). */
  ageing(spi: Spi, age: 'soft' | 'hard'): void
  dropped(reason: DropReason, flow: Flow | undefined): void
}

export interface DataPlane {
  start(listener: DataPlaneListener): Promise<void>
  /** The policy from now on. Associations of rules that are gone are removed. */
  enforce(policy: CompiledPolicy): Promise<void>
  install(pair: AssociationPair): Promise<void>
  /** Outbound traffic of the association's rule goes through it from now on; packets that waited go first. */
  beginSending(spi: Spi): Promise<void>
  remove(spis: readonly Spi[]): Promise<void>
  /** No association will come: what waits is dropped, or goes in clear where the rule falls back. */
  refuse(flow: Flow, rule: RuleId): Promise<void>
  counters(): Promise<ReadonlyMap<Spi, Counters>>
  stop(): Promise<void>
}
