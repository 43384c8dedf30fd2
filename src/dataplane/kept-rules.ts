// Which rules a new policy leaves as they were for the associations made under them. What else was agreed on goes: an
// association must not outlive the security that its rule asks for.
import { sameAddress } from '../base/address.ts'
import type { Policy, Rule, RuleId } from '../policy/model.ts'

/** Names of the rules that negotiate the same security in the same mode under both. Filters are asked for each packet. */
export function keptRules(before: Policy | undefined, after: Policy): ReadonlySet<RuleId> {
  const kept = negotiating(after).filter(rule => {
    if (before === undefined) return true
    return negotiating(before).some(old => old.name === rule.name && asksTheSame(old, rule))
  })
  return new Set(kept.map(rule => rule.name))
}

function negotiating(policy: Policy): readonly Rule[] {
  return policy.rules.filter(rule => rule.active && rule.action === 'negotiate')
}

function asksTheSame(a: Rule, b: Rule): boolean {
  const [one, other] = [a.tunnelEndpoint, b.tunnelEndpoint]
  const isSameEnd = one === undefined || other === undefined ? one === other : sameAddress(one, other)
  return a.mode === b.mode && isSameEnd && a.security.join() === b.security.join()
}
