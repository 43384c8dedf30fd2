// What the agent keeps counting while events, associations and their counters come and go: for status, metrics and monitor.
import type { Counters, Spi } from '../ipsec/association.ts'
import { type CountName, countOf, noCounts } from '../monitor/counts.ts'
import { type AssociationTraffic, nothingSealed, type SealedTraffic, withTraffic } from '../monitor/sealed-traffic.ts'
import type { AgentEvent } from '../monitor/told-event.ts'

/** What the tally asks of an association. */
export interface Tallied extends Pick<AssociationTraffic, 'isConfidential' | 'mode'> {
  readonly name: Spi
}

export class Tally {
  readonly counts: Record<CountName, number> = noCounts()
  #sealed: SealedTraffic = nothingSealed
  /** The last look at each association that stands. */
  readonly #last = new Map<Spi, AssociationTraffic>()

  get sealed(): SealedTraffic {
    return this.#sealed
  }

  event(event: AgentEvent): void {
    const name = countOf(event)
    if (name !== undefined) this.counts[name]++
  }

  /** A look at the counters of associations, which may be gone from the data plane after it. */
  look(associations: Iterable<Tallied>, counters: ReadonlyMap<Spi, Counters>): void {
    for (const { name, isConfidential, mode } of associations) {
      const found = counters.get(name)
      if (found === undefined) continue
      const { inbound, outbound, ...faults } = found
      const now = { isConfidential, mode, inbound: { ...inbound }, outbound: { ...outbound }, faults }
      this.#sealed = withTraffic(this.#sealed, now, this.#last.get(name))
      this.#last.set(name, now)
    }
  }

  /** They are gone, for whatever reason: a session that ends says nothing of each of its own. */
  closed(names: readonly Spi[]): void {
    this.counts.childrenClosed += names.length
    for (const name of names) this.#last.delete(name)
  }
}
