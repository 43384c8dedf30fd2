// What is wrong, risky or unusual in a policy that reads well: each check stands in the file of its subject, and those
// about filters judge exactly, for every flow there is. Findings name rules and never a secret.
import { Deciding } from './deciding.ts'
import { lintExemptions } from './lint-exemptions.ts'
import { lintFilters } from './lint-filters.ts'
import { lintKerberos } from './lint-kerberos.ts'
import { type Finding, findingsOf } from './lint-kinds.ts'
import { lintRules } from './lint-rules.ts'
import { lintSettings } from './lint-settings.ts'
import type { Policy } from './model.ts'
import { settingOf } from './profiles.ts'

const families = [4, 6] as const
const bothWays = ['out', 'in'] as const

/** The gravest first; empty for a policy of which there is nothing to say. */
export function lint(policy: Policy): Finding[] {
  const { exemptions } = settingOf(policy)
  const decidings = (exempt: typeof exemptions) =>
    bothWays.flatMap(direction => families.map(family => new Deciding(policy, family, direction, exempt)))
  const asItIs = decidings(exemptions)
  return findingsOf([
    ...lintSettings(policy),
    ...lintRules(policy),
    ...lintFilters(policy, asItIs),
    ...lintExemptions(policy, asItIs, exemptions, decidings([])),
    ...lintKerberos(policy, asItIs),
  ])
}
