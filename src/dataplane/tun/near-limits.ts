// How far an association is from the next thing that must be told or must end it: while it is clear of that, packets of one
// direction may take the short cut, and the whole path does the rest.
import type { Association, AssociationSpec, DirectionCounters } from '../../ipsec/association.ts'
import type { Age } from '../../ipsec/lifetime.ts'

const never = Number.POSITIVE_INFINITY

export class NearLimits {
  readonly #spec: AssociationSpec
  readonly #counters: DirectionCounters
  readonly #born: number
  #packets = 0
  #bytes = 0
  #until = 0

  constructor(association: Association, direction: 'inbound' | 'outbound') {
    this.#spec = association.pair[direction]
    this.#counters = association.counters[direction]
    this.#born = association.born
  }

  /** `told`: the last age that the listener heard. What was told once is no limit any more, but its end stays one. */
  refresh(told: Age): void {
    const { soft, hard } = this.#spec.lifetime
    const limits = told === 'fresh' ? [soft, hard] : [hard]
    const least = (of: 'packets' | 'bytes' | 'seconds') => Math.min(...limits.map(limit => limit[of] ?? never))
    this.#packets = told === 'hard' ? 0 : least('packets')
    this.#bytes = least('bytes')
    this.#until = this.#born + least('seconds')
  }

  /** Whether so many more stay clear of every limit. */
  areClear(packets: number, bytes: number, now: number): boolean {
    const counted = this.#counters
    return counted.packets + packets < this.#packets && counted.bytes + bytes < this.#bytes && now < this.#until
  }
}
