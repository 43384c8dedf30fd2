// The policy in force as a page shows it: every rule in words, bounded, and without a secret in it.

export interface PolicyView {
  readonly name: string
  readonly profile: string
  readonly source: string
  /** At most MOST_RULES, in the order in which they are written. */
  readonly rules: readonly RuleView[]
  /** That are not shown. */
  readonly moreRules: number
}

export interface RuleView {
  readonly name: string
  readonly action: 'permit' | 'block' | 'negotiate'
  /** At most MOST_FILTERS. */
  readonly filters: readonly string[]
  readonly moreFilters: number
  /** Null where nothing is secured. */
  readonly mode: 'transport' | 'tunnel' | null
  readonly security: readonly string[]
  readonly keying: readonly string[]
  /** In words: by which means, never by which secret. */
  readonly authentication: readonly string[]
  /** Of the tunnel with its far end. */
  readonly encapsulation: string | null
  readonly fallBackToClear: boolean
  readonly acceptUnsecuredInbound: boolean
}

export const MOST_RULES = 1000
export const MOST_FILTERS = 50
