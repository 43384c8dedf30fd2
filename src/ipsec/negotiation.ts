// What one negotiation serves: two hosts of a rule in transport mode, a whole rule in tunnel mode. Packets wait for it by
// this name, and by this name traffic goes in clear for a while where it failed and the rule falls back.
import { type Address, formatAddress } from '../base/address.ts'
import type { RuleId } from '../policy/model.ts'

export type Negotiation = string

export function negotiationOf(rule: RuleId, mode: 'transport' | 'tunnel', own: Address, peer: Address): Negotiation {
  return mode === 'tunnel' ? rule : `${formatAddress(own)} ${formatAddress(peer)} ${rule}`
}

/** Seconds in clear before keys are asked for again; Windows too tries its "soft associations" anew. */
export const IN_CLEAR = 300
/** Negotiations remembered; the oldest is tried again first. */
const MOST = 4096

/** Negotiations that failed, of rules that allow unsecured communication: one host without IPsec opens nothing to others. */
export class FallBacks {
  readonly #until = new Map<Negotiation, number>()

  begin(negotiation: Negotiation, now: number): void {
    this.#until.delete(negotiation)
    if (this.#until.size >= MOST) this.#until.delete(this.#until.keys().next().value!)
    this.#until.set(negotiation, now + IN_CLEAR)
  }

  /** An association has come. */
  end(negotiation: Negotiation): void {
    this.#until.delete(negotiation)
  }

  isInClear(negotiation: Negotiation, now: number): boolean {
    const until = this.#until.get(negotiation)
    if (until === undefined) return false
    if (now < until) return true
    this.#until.delete(negotiation)
    return false
  }

  clear(): void {
    this.#until.clear()
  }
}
