// What enforces a policy, whichever way it does: told the desired state, not a history of edits. `install` (may receive)
// and `beginSending` are apart, so that renewing an association loses nothing. contract.ts holds what every back end
// keeps.
import type { Flow } from '../base/flow.ts'
import type { AssociationPair, Counters, Spi } from '../ipsec/association.ts'
import type { DropReason } from '../ipsec/drop-reasons.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { RuleId } from '../policy/model.ts'

export interface DataPlaneListener {
  /**
   * Traffic of this rule waits for an association between the flow's hosts (in tunnel mode for one of the rule). Told once
   * until the association comes or is refused.
   */
  needsKeys(rule: RuleId, flow: Flow): void
  /** A soft limit is reached (`soft`: renew it) or the association has ended (`hard`, or its numbers ran out). */
  ageing(spi: Spi, age: 'soft' | 'hard'): void
  dropped(reason: DropReason, flow: Flow | undefined): void
}

/**
 * Why there is no association. `no-answer`: at that address nobody speaks IKE, as far as anybody can tell. Hosts that speak it
 * and do not agree never talk in clear: else whoever forges a refusal could have that.
 */
export type WhyNone = 'no-answer' | 'disagreement'

/** Associations are named by pairName: the SPI of the outermost inbound layer. */
export interface DataPlane {
  start(listener: DataPlaneListener): Promise<void>
  /**
   * The policy from now on. Associations of rules that are gone or that ask for other security are removed; what waited for
   * them is judged anew.
   */
  enforce(policy: CompiledPolicy): Promise<void>
  install(pair: AssociationPair): Promise<void>
  /** Outbound traffic of the association's rule and hosts goes through it from now on; packets that waited go first. */
  beginSending(name: Spi): Promise<void>
  remove(names: readonly Spi[]): Promise<void>
  /**
   * No association will come between the flow's hosts: what waits is dropped. Where nobody answered and the rule falls back,
   * it goes in clear, for a few minutes; then keys are asked for again.
   */
  refuse(flow: Flow, rule: RuleId, why: WhyNone): Promise<void>
  counters(): Promise<ReadonlyMap<Spi, Counters>>
  /** Nothing passes any more, in neither direction. */
  stop(): Promise<void>
}
