// What other values of the setting would do with the policy in force, on this host: what stops or begins to be exempt, and what
// then decides about it. The work is bounded, because the agent waits for it: of the rules that do the same to a kind of traffic
// only the first few are looked for.
import type { Problem } from '../base/result.ts'
import type { Otherwise, SettingEffect } from '../monitor/setting-change.ts'
import { differenceNotes } from '../policy/compare.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Decision } from '../policy/decide.ts'
import type { Exemption, ExemptionName } from '../policy/exemptions.ts'
import { lint } from '../policy/lint.ts'
import { kerberosWarnings } from '../policy/lint-kerberos.ts'
import type { Finding } from '../policy/lint-kinds.ts'
import type { Policy, SettingName } from '../policy/model.ts'
import { type Box, boxes, intersect, type Layout } from '../policy/region.ts'
import { type RegionDecisions, regionDecisions } from '../policy/region-decisions.ts'
import { explore, realFlows, type SearchEntry, smallestBetweenHosts } from '../policy/region-search.ts'

/** Boxes that may be looked at for one kind of traffic: some milliseconds. */
const BUDGET = 1_000_000
/** Rules that are named, of many that do the same. */
const NAMED = 3
/** Filters of a policy that the linter is asked about. */
const MOST_LINTED = 60
/** The label of what is exempt as another kind too. */
const EXEMPT = 0x7fffffff

/** What a person must know first stands first. */
const groups = ['secured', 'blocked', 'permitted', 'uncovered'] as const
type Group = (typeof groups)[number]

/** What decides about one kind of traffic where it is not exempt: some of the rules of each group. */
interface Deciders {
  readonly groups: ReadonlyMap<Group, readonly Decision[]>
  /** False where the budget ran out. */
  readonly isWhole: boolean
}

export class SettingOutlook {
  readonly #policy: CompiledPolicy
  #filters: readonly RegionDecisions[] | undefined
  readonly #warnings = new Map<number, readonly string[]>()
  readonly #deciders = new Map<string, Deciders>()
  #otherwise: ReadonlyMap<ExemptionName, Otherwise> | undefined

  constructor(policy: CompiledPolicy) {
    this.#policy = policy
  }

  /** Of the kinds that are exempt now; those that no value of this profile withdraws are not in it. */
  get otherwise(): ReadonlyMap<ExemptionName, Otherwise> {
    this.#otherwise ??= new Map(
      this.#policy.setting.exemptions.flatMap(exemption => {
        const found = this.#otherwiseOf(exemption)
        return found === undefined ? [] : [[exemption.name, found] as const]
      }),
    )
    return this.#otherwise
  }

  /** `value` is one that the profile knows. */
  effectsAt(value: number): readonly SettingEffect[] {
    const { before, after } = this.#exemptions(value)
    const now = this.#policy.setting.value
    const effects = (exemption: Exemption, at: number) =>
      [...this.#decidersAt(exemption, at).groups].map(([group, decisions]): SettingEffect => {
        const { title } = exemption
        const [fate, words] = [fateOf(group), deedOf(group, decisions)]
        const [before, then] = at === now ? ([fate, 'exempt'] as const) : (['exempt', fate] as const)
        return {
          ...{ title, now: before, then },
          words: at === now ? `now ${words}; exempt at ${value}` : `exempt now; at ${value} ${words}`,
        }
      })
    return [
      ...without(before, after).flatMap(exemption => effects(exemption, value)),
      ...without(after, before).flatMap(exemption => effects(exemption, now)),
    ]
  }

  /** What a person should know before the setting, called `name`, has that value. In whole sentences. */
  warningsAt(name: SettingName, value: number): readonly string[] {
    const known = this.#warnings.get(value)
    if (known !== undefined) return known
    const { before, after } = this.#exemptions(value)
    const notes = differenceNotes(this.#policy, [...without(before, after), ...without(after, before)])
    const { policy, me } = this.#policy
    const then: Policy = { ...policy, registry: { ...policy.registry, [name]: { where: name, value } } }
    const own = me === 'any' ? [] : me
    const warnings = [
      ...kerberosWarnings(then, name, own).map(sentence),
      ...newFindings(policy, then).map(finding => sentence({ what: finding.sentence, hint: finding.hint })),
      ...notes.map(note => `${note[0]!.toUpperCase()}${note.slice(1)}.`),
    ]
    this.#warnings.set(value, warnings)
    return warnings
  }

  #exemptions(value: number): { readonly before: readonly Exemption[]; readonly after: readonly Exemption[] } {
    const { setting, profile } = this.#policy
    return { before: setting.exemptions, after: profile.table.get(value)! }
  }

  #otherwiseOf(exemption: Exemption): Otherwise | undefined {
    const values = [...this.#policy.profile.table].filter(([, exempt]) => !exempt.includes(exemption))
    if (values.length === 0) return undefined
    const value = Math.min(...values.map(([one]) => one))
    const { groups, isWhole } = this.#decidersAt(exemption, value)
    const fates = new Set([...groups.keys()].map(fateOf))
    const [fate] = fates
    // What stays exempt, as another kind, obeys no filter.
    if (fate === undefined && isWhole) return undefined
    const becomes = fate === undefined || fates.size > 1 || !isWhole ? 'mixed' : fate
    const words = Array.from(groups, ([group, decisions]) => deedOf(group, decisions))
    const all = [...words, ...(isWhole ? [] : ['treated in more ways than can be told here'])].join('; elsewhere ')
    return { value, becomes, words: `at ${value} this would be ${all}` }
  }

  /** Of packets of this kind that leave this host, at a value that does not exempt it. */
  #decidersAt(exemption: Exemption, value: number): Deciders {
    const key = `${exemption.name} ${value}`
    const known = this.#deciders.get(key)
    if (known !== undefined) return known
    const others = this.#policy.profile.table.get(value)!
    const found = new Map<Group, Map<string, Decision>>(groups.map(group => [group, new Map()]))
    const budget = { left: BUDGET }
    this.#filters ??= ([4, 6] as const).map(family => regionDecisions(this.#policy, family, 'out', []))
    const ends = this.#filters.map(({ layout, entries, decision }) => {
      const isNew = (label: number) => {
        if (label === EXEMPT) return false
        const of = found.get(groupOf(decision(label)))!
        return of.size <= NAMED && !of.has(ruleOf(decision(label)))
      }
      const take = (label: number, low: ArrayLike<number>, high: ArrayLike<number>) => {
        // What a host sends to itself is on no wire.
        const isReal = isNew(label) && smallestBetweenHosts(low, high) !== undefined
        if (isReal) found.get(groupOf(decision(label)))!.set(ruleOf(decision(label)), decision(label))
        return true
      }
      const exempt = others.map((one): SearchEntry => ({ boxes: this.#boxesOf(one, layout), label: EXEMPT }))
      const regions = this.#boxesOf(exemption, layout)
        .flatMap(box => this.#leaving(box, layout))
        .flatMap(realFlows)
      return explore(regions, [...exempt, ...entries], { wants: isNew, found: take }, budget)
    })
    const made: Deciders = {
      groups: new Map([...found].filter(([, of]) => of.size > 0).map(([group, of]) => [group, [...of.values()]])),
      isWhole: ends.every(end => end === 'complete'),
    }
    this.#deciders.set(key, made)
    return made
  }

  #boxesOf(exemption: Exemption, layout: Layout): readonly Box[] {
    return exemption.boxes(layout, this.#policy.policy.networks)
  }

  /** The part of a box that this host sends. */
  #leaving(box: Box, layout: Layout): readonly Box[] {
    const { me } = this.#policy
    if (me === 'any') return [box]
    const own = me.filter(({ family }) => family === layout.family)
    return own
      .flatMap(address => boxes(layout, { first: address, last: address }, undefined))
      .map(part => intersect(part, box))
      .filter(part => part !== undefined)
  }
}

/** The linter's, where the policy is small enough for it to be asked while somebody waits. */
function newFindings(now: Policy, then: Policy): readonly Finding[] {
  const filters = now.rules.reduce((sum, rule) => sum + (rule.active ? rule.filters.length : 0), 0)
  if (filters > MOST_LINTED) return []
  const known = new Set(lint(now).map(one => one.sentence))
  // Kerberos is judged with this host's addresses, and what is exempt is told kind by kind.
  const others = new Set(['kerberos-cannot-start', 'exempt-traffic'])
  return lint(then).filter(one => one.severity !== 'note' && !others.has(one.kind) && !known.has(one.sentence))
}

function sentence({ what, hint }: Pick<Problem, 'what' | 'hint'>): string {
  return hint === '' ? what : `${what.replace(/\.$/, '')}: ${hint}.`
}

function without(all: readonly Exemption[], some: readonly Exemption[]): readonly Exemption[] {
  return all.filter(exemption => !some.includes(exemption))
}

function groupOf({ action, because }: Decision): Group {
  if (because.kind !== 'filter') return 'uncovered'
  return action === 'negotiate' ? 'secured' : action === 'block' ? 'blocked' : 'permitted'
}

function fateOf(group: Group): Exclude<Group, 'uncovered'> {
  return group === 'uncovered' ? 'permitted' : group
}

function ruleOf({ because }: Decision): string {
  return because.kind === 'filter' ? because.rule : ''
}

const verbs = { secured: 'sealed', blocked: 'blocked', permitted: 'permitted' } as const

/** `sealed by rule “a”`. */
function deedOf(group: Group, decisions: readonly Decision[]): string {
  if (group === 'uncovered') return 'in clear, as no filter matches it'
  const rules = decisions.slice(0, NAMED).map(decision => `“${ruleOf(decision)}”`)
  const more = decisions.length > NAMED ? ' and others' : ''
  const falls = decisions.some(({ action, entry }) => action === 'negotiate' && entry?.rule.fallBackToClear === true)
  const words = `${verbs[group]} by ${decisions.length === 1 ? 'rule' : 'rules'} ${rules.join(', ')}${more}`
  return falls ? `${words}, which may fall back to clear` : words
}
