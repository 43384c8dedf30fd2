// What a Windows machine does by its registry: the policy of the directory or its own, and the persistent one with it. Together
// they are one policy of ours; of filters that are equally specific those of the persistent policy count.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Policy, Rule } from '../policy/model.ts'
import type { RegistryKey } from '../settings/registry.ts'
import { policiesInForce } from './registry-policies.ts'
import { type ToPolicy, type ToPolicyOptions, toPolicy } from './to-policy.ts'

/** Fails where no policy is in force, or where one is and cannot be read. */
export function policyInForce(
  root: RegistryKey,
  options: Omit<ToPolicyOptions, 'policy'> = {},
): Result<ToPolicy, readonly Problem[]> {
  const { main, persistent, problems } = policiesInForce(root)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) return failure(errors)
  const parts: ToPolicy[] = []
  for (const part of [persistent, main]) {
    if (part === undefined) continue
    const read = toPolicy(part.store, { ...options, policy: part.id })
    if (!read.ok) return read
    parts.push(read.value)
  }
  const [first, second] = parts
  if (first === undefined) {
    const hint = 'assign one, or name the one that is meant'
    return failure([{ severity: 'error', where: 'registry', what: 'no IPsec policy is in force', hint }])
  }
  if (second === undefined) return success({ ...first, losses: [...problems, ...first.losses] })
  const { ike: mine, ...rest } = second.policy
  const ike = mine ?? first.policy.ike
  const isChoice =
    mine !== undefined && first.policy.ike !== undefined && JSON.stringify(mine) !== JSON.stringify(first.policy.ike)
  const choice: Problem = {
    severity: 'warning',
    where: 'IKE',
    what: 'the persistent policy has settings of its own',
    hint: `those of ${JSON.stringify(second.policy.name)} are kept`,
  }
  const policy: Policy = {
    ...rest,
    defaultResponse: first.policy.defaultResponse || second.policy.defaultResponse,
    rules: renamed([...first.policy.rules, ...second.policy.rules]),
    ...(ike === undefined ? {} : { ike }),
  }
  return success({ policy, losses: [...problems, ...(isChoice ? [choice] : []), ...first.losses, ...second.losses] })
}

/** Names are unique in a policy. */
function renamed(rules: readonly Rule[]): readonly Rule[] {
  const used = new Set<string>()
  return rules.map(rule => {
    let name = rule.name
    for (let number = 2; used.has(name); number++) name = `${rule.name} (${number})`
    used.add(name)
    return { ...rule, name }
  })
}
