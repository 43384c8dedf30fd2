// What the agent keeps counting while events, associations and their counters come and go: for status, metrics and monitor.
import type { Counters, Spi } from '../ipsec/association.ts'
import type { RuleTraffic } from '../monitor/agent-status.ts'
import { type CountName, countOf, noCounts } from '../monitor/counts.ts'
import {
  type AssociationTraffic,
  type BothWays,
  moreTraffic,
  neitherWay,
  nothingSealed,
  type SealedTraffic,
  sum,
  withTraffic,
} from '../monitor/sealed-traffic.ts'
import type { AgentEvent } from '../monitor/told-event.ts'
import type { RuleId } from '../policy/model.ts'

/** What the tally asks of an association. */
export interface Tallied extends Pick<AssociationTraffic, 'isConfidential' | 'mode'> {
  readonly name: Spi
  readonly rule: RuleId
}

export class Tally {
  readonly counts: Record<CountName, number> = noCounts()
  #sealed: SealedTraffic = nothingSealed
  readonly #rules = new Map<RuleId, BothWays>()
  /** The last look at each association that stands. */
  readonly #last = new Map<Spi, AssociationTraffic>()

  /** Those that have sealed anything. */
  get rules(): readonly RuleTraffic[] {
    return Array.from(this.#rules, ([rule, sealed]) => ({ rule, sealed }))
  }

  get sealed(): SealedTraffic {
    return this.#sealed
  }

  event(event: AgentEvent): void {
    const name = countOf(event)
    if (name !== undefined) this.counts[name]++
  }

  /** A look at the counters of associations, which may be gone from the data plane after it. */
  look(associations: Iterable<Tallied>, counters: ReadonlyMap<Spi, Counters>): void {
    for (const { name, rule, isConfidential, mode } of associations) {
      const found = counters.get(name)
      if (found === undefined) continue
      const { inbound, outbound, ...faults } = found
      const now = { isConfidential, mode, inbound: { ...inbound }, outbound: { ...outbound }, faults }
      const before = this.#last.get(name)
      this.#sealed = withTraffic(this.#sealed, now, before)
      this.#last.set(name, now)
      const more = moreTraffic(now, before)
      if (more.inbound.packets + more.outbound.packets === 0) continue
      this.#rules.set(rule, sum(this.#rules.get(rule) ?? neitherWay, more))
    }
  }

  /** Of a policy that is in force from now on: the others are forgotten, however often policies change. */
  keepRules(names: ReadonlySet<RuleId>): void {
    for (const rule of this.#rules.keys()) if (!names.has(rule)) this.#rules.delete(rule)
  }

  /** They are gone, for whatever reason: a session that ends says nothing of each of its own. */
  closed(names: readonly Spi[]): void {
    this.counts.childrenClosed += names.length
    for (const name of names) this.#last.delete(name)
  }
}
