// Sessions of strangers: begun and not proved. They cost memory and a key exchange each, so that they are few, few for one
// address, and given up first for the address that has most: many strangers do not keep an honest one out.
import { type Address, formatAddress } from '../base/address.ts'
import type { KeyingSettings } from './keying-settings.ts'
import type { Instant, SessionId } from './machine.ts'

export type Admission =
  | { readonly kind: 'welcome' }
  /** One that is half open has to go for it. */
  | { readonly kind: 'instead-of'; readonly id: SessionId }
  | { readonly kind: 'too-many'; readonly what: string }

/** Seconds that an honest peer needs at most to prove itself, usually; where all places are taken, it gets no more. */
const HASTE = 2

export class HalfOpen {
  /** The oldest first, in both. */
  readonly #byAddress = new Map<string, Set<SessionId>>()
  readonly #all = new Map<SessionId, { readonly name: string; readonly since: Instant }>()

  get count(): number {
    return this.#all.size
  }

  add(id: SessionId, address: Address, since: Instant): void {
    if (this.#all.has(id)) return
    const name = formatAddress(address)
    this.#all.set(id, { name, since })
    const others = this.#byAddress.get(name)
    if (others === undefined) this.#byAddress.set(name, new Set([id]))
    else others.add(id)
  }

  delete(id: SessionId): void {
    const name = this.#all.get(id)?.name
    if (name === undefined) return
    this.#all.delete(id)
    const others = this.#byAddress.get(name)!
    others.delete(id)
    if (others.size === 0) this.#byAddress.delete(name)
  }

  /** Whether one more of that address may begin. Only for addresses that are proved once cookies are asked for. */
  admit(address: Address, now: Instant, { halfOpen: { most, perAddress } }: KeyingSettings): Admission {
    const own = this.#byAddress.get(formatAddress(address))?.size ?? 0
    if (own >= perAddress) {
      return { kind: 'too-many', what: `${own} sessions of that address are half open` }
    }
    if (this.count < most) return { kind: 'welcome' }
    const busiest = this.#busiest()
    if (busiest !== undefined && busiest.size > own + 1) {
      return { kind: 'instead-of', id: busiest.values().next().value! }
    }
    const oldest = this.#all.entries().next().value
    return oldest !== undefined && now - oldest[1].since >= HASTE
      ? { kind: 'instead-of', id: oldest[0] }
      : { kind: 'too-many', what: `${this.count} sessions are half open` }
  }

  #busiest(): ReadonlySet<SessionId> | undefined {
    let busiest: ReadonlySet<SessionId> | undefined
    for (const sessions of this.#byAddress.values()) {
      if (sessions.size > (busiest?.size ?? 0)) busiest = sessions
    }
    return busiest
  }
}
