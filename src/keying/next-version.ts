// What is known of packets that wait while a rule's versions of IKE are tried one after the other: from which address they are
// to be negotiated, and whether the peer has spoken, if only to say that it does not speak the version before. Such words are
// in clear and anybody's: they may lead to the next version and never to traffic in clear.
import type { Address } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { RuleId } from '../policy/model.ts'
import type { Instant } from './machine.ts'

/** More than may wait for sessions at once; beyond it no next version is tried. */
const MOST_WAITING = 4096
/** Seconds after which no version is still being tried. */
const LONGEST = 600

interface Waiting {
  readonly via: Address | undefined
  readonly hasHeard: boolean
  readonly since: Instant
}

export interface WaitingFlow {
  readonly rule: RuleId
  readonly flow: Flow
}

export class NextVersion {
  /** The oldest first. */
  readonly #waiting = new Map<string, Waiting>()

  /** Packets want keys by a rule that has several versions. */
  begins(one: WaitingFlow, via: Address | undefined, now: Instant): void {
    this.#makeRoom(now)
    const key = nameOf(one)
    const before = this.#waiting.get(key)
    if (before === undefined && this.#waiting.size >= MOST_WAITING) return
    this.#waiting.delete(key)
    this.#waiting.set(key, { via, hasHeard: before?.hasHeard ?? false, since: now })
  }

  /** Whether the next version may be tried, and from where; `hasHeard`: the peer spoke, and is no host without IPsec. */
  goesOn(one: WaitingFlow, hasHeard: boolean): { readonly via: Address | undefined } | undefined {
    const found = this.#waiting.get(nameOf(one))
    if (found === undefined) return undefined
    if (hasHeard) this.#waiting.set(nameOf(one), { ...found, hasHeard })
    return found
  }

  /** No further version is there: whether the peer has spoken in any of them. */
  ends(one: WaitingFlow): boolean {
    const hasHeard = this.#waiting.get(nameOf(one))?.hasHeard === true
    this.#waiting.delete(nameOf(one))
    return hasHeard
  }

  #makeRoom(now: Instant): void {
    for (const [key, { since }] of this.#waiting) {
      if (now - since < LONGEST) return
      this.#waiting.delete(key)
    }
  }
}

function nameOf({ rule, flow }: WaitingFlow): string {
  return `${rule} ${JSON.stringify(flow)}`
}
