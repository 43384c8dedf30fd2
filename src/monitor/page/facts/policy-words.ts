// A rule of the policy in words.
import type { RuleView } from '../../policy-view.ts'

export const actionWords = { permit: 'permit: in clear', block: 'block', negotiate: 'seal' } as const

export function ruleText({ name, action, filters, security, keying, authentication }: RuleView): string {
  return [name, actionWords[action], ...filters, ...security, ...keying, ...authentication].join(' ')
}

export function ruleFacts(rule: RuleView): readonly (readonly [label: string, value: string])[] {
  if (rule.action !== 'negotiate') return []
  const facts: readonly (readonly [string, string])[] = [
    ['Mode', rule.mode ?? ''],
    ['Security', rule.security.join(', ')],
    ['Keys by', rule.keying.join(', then ')],
    ['Authentication', rule.authentication.join(', or ')],
    ['Encapsulation', rule.encapsulation ?? ''],
  ]
  return facts.filter(([, value]) => value !== '')
}

/** What lets something pass that is not sealed. */
export function ruleExceptions({ fallBackToClear, acceptUnsecuredInbound }: RuleView): readonly string[] {
  return [
    ...(fallBackToClear ? ['falls back to clear where keys cannot be agreed on'] : []),
    ...(acceptUnsecuredInbound ? ['lets the first packet come in unsecured'] : []),
  ]
}
