// What is in force, and how another policy takes its place: guard, then data plane, then routes, then keying, so that at no
// moment something may leave in clear that both policies seal. What fails is taken back to the policy before.
import type { Address } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { type AssociationPair, pairName } from '../ipsec/association.ts'
import { manualPairs } from '../ipsec/manual-keys.ts'
import { type CompiledPolicy, compile, withExemptionsOf } from '../policy/compile.ts'
import type { AgentParts } from './agent-parts.ts'
import type { Keeper } from './perform.ts'
import type { LoadedPolicy } from './policy-source.ts'
import { SettingOutlook } from './setting-outlook.ts'
import type { WatchedPlane } from './watched-plane.ts'
import { within } from './within.ts'

export interface InForce {
  readonly loaded: LoadedPolicy
  readonly compiled: CompiledPolicy
  readonly outlook: SettingOutlook
  readonly addresses: readonly Address[]
  /** Of keys that stand in the policy. */
  readonly manual: readonly AssociationPair[]
  /** Seconds since 1970. */
  readonly loadedAt: number
}

/** Neither the old policy nor the new one stands whole: only going down helps. */
export class HalfEnforced extends Error {}

/** Seconds for each part to take a policy. */
const PATIENCE = 30

export class Enforcement {
  readonly #parts: AgentParts
  readonly #keeper: Pick<Keeper, 'enforce'>
  readonly #plane: WatchedPlane
  #inForce: InForce | undefined
  #isChanging = false

  constructor(parts: AgentParts, keeper: Pick<Keeper, 'enforce'>, plane: WatchedPlane) {
    this.#parts = parts
    this.#keeper = keeper
    this.#plane = plane
  }

  get inForce(): InForce {
    if (this.#inForce === undefined) throw new Error('no policy is in force yet')
    return this.#inForce
  }

  /** From the first part that takes another policy to the last. */
  get isChanging(): boolean {
    return this.#isChanging
  }

  /** Changes nothing. */
  prepare(loaded: LoadedPolicy, addresses: readonly Address[]): InForce | readonly Problem[] {
    const manual = manualPairs(loaded.policy, addresses)
    if (!manual.ok) return manual.error
    const compiled = compile(loaded.policy, { me: addresses })
    const outlook = new SettingOutlook(compiled)
    return { loaded, compiled, outlook, addresses, manual: manual.value, loadedAt: this.#parts.date() }
  }

  /** The first one: what stands on it goes up by itself. */
  begin(first: InForce): void {
    this.#inForce = first
  }

  /** Throws what a part threw, with the policy before back in place; HalfEnforced where that failed too. */
  async change(next: InForce): Promise<void> {
    const before = this.inForce
    this.#isChanging = true
    try {
      await this.#putInPlace(next)
    } catch (error) {
      try {
        await this.#putInPlace(before)
      } catch (other) {
        throw new HalfEnforced('neither policy could be put in place', { cause: other })
      }
      throw error
    } finally {
      this.#isChanging = false
    }
  }

  async #putInPlace(next: InForce): Promise<void> {
    const { guard, routing, clock } = this.#parts
    const { compiled } = next
    const part = (name: string, work: Promise<void> | undefined) =>
      work === undefined ? undefined : within(clock, PATIENCE, name, work)
    // What is no longer exempt has to find its way into the data plane before the guard stops it, or it would be lost.
    const between = withExemptionsOf(this.inForce.compiled, compiled)
    await part('the guard', guard?.apply(between ?? compiled))
    // Keying asks for what is in force from here on, and hears of the change once the data plane has it.
    this.#inForce = next
    await part('the data plane', this.#keeper.enforce(compiled))
    await part('the routes', routing.enforce(compiled, []))
    if (between !== undefined) await part('the guard', guard?.apply(compiled))
    await this.installManualKeys()
  }

  /** Those that stand already stay: their counters go on. */
  async installManualKeys(): Promise<void> {
    const standing = new Set(this.#plane.associations.map(({ name }) => name))
    for (const pair of this.inForce.manual) {
      const name = pairName(pair)
      if (standing.has(name)) continue
      await this.#plane.install(pair)
      await this.#plane.beginSending(name)
    }
  }
}
