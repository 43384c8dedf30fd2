// What other values of the setting would do with the policy in force, on this host: what stops or begins to be exempt, and what
// becomes of it. Each value is compared once for a policy, with work that is bounded, because the agent waits for it.
import type { Address } from '../base/address.ts'
import type { Fate, Otherwise, SettingEffect } from '../monitor/setting-change.ts'
import { type ChangedTraffic, type Comparison, compareValues } from '../policy/compare.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Decision } from '../policy/decide.ts'
import type { ExemptionName } from '../policy/exemptions.ts'
import { type Box, boxes, layoutOf, overlaps } from '../policy/region.ts'

/** Boxes that one comparison may look at: tenths of a second, reached by very large policies alone. */
const BUDGET = 200_000
/** Rules that are named, of many that do the same. */
const NAMED = 3

export class SettingOutlook {
  readonly #policy: CompiledPolicy
  readonly #compared = new Map<number, Comparison>()
  #otherwise: ReadonlyMap<ExemptionName, Otherwise> | undefined

  constructor(policy: CompiledPolicy) {
    this.#policy = policy
  }

  /** Of the kinds that are exempt now; those that no value of this profile withdraws are not in it. */
  get otherwise(): ReadonlyMap<ExemptionName, Otherwise> {
    this.#otherwise ??= new Map(
      this.#policy.setting.exemptions.flatMap(({ name }) => {
        const found = this.#otherwiseOf(name)
        return found === undefined ? [] : [[name, found] as const]
      }),
    )
    return this.#otherwise
  }

  /** `value` is one that the profile knows. */
  effectsAt(value: number): readonly SettingEffect[] {
    const groups = Map.groupBy(this.#changesAt(value), ({ exemption, before, after }) =>
      [exemption.name, fateOf(before), fateOf(after)].join(' '),
    )
    return [...groups.values()].flatMap(group => {
      const { exemption, before, after } = group[0]!
      const [now, then] = [fateOf(before), fateOf(after)]
      // Exempt as another kind as well: that is no change.
      if (now === 'exempt' && then === 'exempt') return []
      const words = `${deeds(group.map(one => one.before))} now, ${deeds(group.map(one => one.after))} at ${value}`
      return [{ title: exemption.title, now, then, words }]
    })
  }

  /** What a comparison says besides its changes. */
  notesAt(value: number): readonly string[] {
    const { notes, isComplete } = this.#comparison(value)
    const cut = 'The policy is too large to be compared whole here: there may be more changes (sealwire compare).'
    return [...notes.map(note => `${note[0]!.toUpperCase()}${note.slice(1)}.`), ...(isComplete ? [] : [cut])]
  }

  #otherwiseOf(name: ExemptionName): Otherwise | undefined {
    const { profile } = this.#policy
    const values = [...profile.table].filter(([, exempt]) => exempt.every(one => one.name !== name))
    if (values.length === 0) return undefined
    const value = Math.min(...values.map(([one]) => one))
    const changed = this.#changesAt(value).filter(({ exemption }) => exemption.name === name)
    // What is exempt as another kind as well, such as Kerberos to a multicast address, is told with that one.
    const after = changed.map(one => one.after).filter(({ because }) => because.kind !== 'exemption')
    const fates = new Set(after.map(fateOf))
    const [fate = 'exempt'] = fates
    if (fate === 'exempt') return undefined
    return { value, becomes: fates.size > 1 ? 'mixed' : fate, words: `at ${value} this would be ${deeds(after)}` }
  }

  /** Of packets that leave this host. */
  #changesAt(value: number): readonly ChangedTraffic[] {
    const { me } = this.#policy
    const { changes, areRegionsWhole } = this.#comparison(value)
    if (me === 'any' || !areRegionsWhole) return changes
    return changes.filter(({ regions }) => regions.some(({ family, box }) => leavesFrom(me, family, box)))
  }

  #comparison(value: number): Comparison {
    const known = this.#compared.get(value)
    if (known !== undefined) return known
    const made = compareValues(this.#policy, this.#policy.setting.value, value, BUDGET)
    this.#compared.set(value, made)
    return made
  }
}

function leavesFrom(own: readonly Address[], family: 4 | 6, box: Box): boolean {
  const layout = layoutOf(family)
  return own
    .filter(address => address.family === family)
    .some(address => boxes(layout, { first: address, last: address }, undefined).some(part => overlaps(part, box)))
}

function fateOf({ action, because }: Decision): Fate {
  if (because.kind === 'exemption') return 'exempt'
  return action === 'negotiate' ? 'secured' : action === 'block' ? 'blocked' : 'permitted'
}

const verbs = { secured: 'sealed', blocked: 'blocked', permitted: 'permitted' } as const

/** `sealed by rule “a”, and in clear where no filter matches`. */
function deeds(decisions: readonly Decision[]): string {
  const byFate = Map.groupBy(decisions, decision => {
    if (decision.because.kind === 'exemption') return 'exempt'
    return decision.because.kind === 'filter' ? fateOf(decision) : 'in clear'
  })
  const parts = [...byFate].map(([fate, of]) => {
    if (fate === 'exempt') return 'exempt'
    if (fate === 'in clear') return 'in clear, as no filter matches it'
    const rules = new Set(of.flatMap(({ because }) => (because.kind === 'filter' ? [because.rule] : [])))
    const falls = of.some(({ action, entry }) => action === 'negotiate' && entry?.rule.fallBackToClear === true)
    return `${verbs[fate]} by ${named([...rules])}${falls ? ', which may fall back to clear' : ''}`
  })
  return parts.join('; elsewhere ') || 'decided as before'
}

function named(rules: readonly string[]): string {
  const more = rules.length - NAMED
  const words = rules.slice(0, NAMED).map(rule => `“${rule}”`)
  return `${rules.length === 1 ? 'rule' : 'rules'} ${words.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
