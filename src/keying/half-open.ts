// Sessions of strangers: begun and not proved. They cost memory and a key exchange each, so that they are few, few for one
// address, and given up first for the address that has most: many strangers do not keep an honest one out.
import { type Address, formatAddress } from '../base/address.ts'
import type { KeyingSettings } from './keying-settings.ts'
import type { SessionId } from './machine.ts'

export type Admission =
  | { readonly kind: 'welcome' }
  /** One that is half open has to go for it. */
  | { readonly kind: 'instead-of'; readonly id: SessionId }
  | { readonly kind: 'too-many'; readonly what: string }

export class HalfOpen {
  /** The oldest first. */
  readonly #byAddress = new Map<string, Set<SessionId>>()
  readonly #addressOf = new Map<SessionId, string>()

  get count(): number {
    return this.#addressOf.size
  }

  add(id: SessionId, address: Address): void {
    if (this.#addressOf.has(id)) return
    const name = formatAddress(address)
    this.#addressOf.set(id, name)
    const others = this.#byAddress.get(name)
    if (others === undefined) this.#byAddress.set(name, new Set([id]))
    else others.add(id)
  }

  delete(id: SessionId): void {
    const name = this.#addressOf.get(id)
    if (name === undefined) return
    this.#addressOf.delete(id)
    const others = this.#byAddress.get(name)!
    others.delete(id)
    if (others.size === 0) this.#byAddress.delete(name)
  }

  /** Whether one more of that address may begin. Only for addresses that are proved once cookies are asked for. */
  admit(address: Address, { halfOpen: { most, perAddress } }: KeyingSettings): Admission {
    const own = this.#byAddress.get(formatAddress(address))?.size ?? 0
    if (own >= perAddress) {
      return { kind: 'too-many', what: `${own} sessions of that address are half open` }
    }
    if (this.count < most) return { kind: 'welcome' }
    const busiest = this.#busiest()
    return busiest === undefined || busiest.size <= own + 1
      ? { kind: 'too-many', what: `${this.count} sessions are half open` }
      : { kind: 'instead-of', id: busiest.values().next().value! }
  }

  #busiest(): ReadonlySet<SessionId> | undefined {
    let busiest: ReadonlySet<SessionId> | undefined
    for (const sessions of this.#byAddress.values()) {
      if (sessions.size > (busiest?.size ?? 0)) busiest = sessions
    }
    return busiest
  }
}
