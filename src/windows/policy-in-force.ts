// What a Windows machine does by its registry: the policy of the directory or its own, and the persistent one and dynamic rules with it. Together
// they are one policy of ours; of filters that are equally specific those of the persistent policy count.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Policy, Rule } from '../policy/model.ts'
import type { RegistryKey } from '../settings/registry.ts'
import { objectsOf } from './policy-objects.ts'
import { policiesInForce, readRegistryPolicies } from './registry-policies.ts'
import { type ToPolicy, type ToPolicyOptions, toPolicy } from './to-policy.ts'

/** Fails where no policy is in force, or where one is and cannot be read. */
export function policyInForce(
  root: RegistryKey,
  options: Omit<ToPolicyOptions, 'policy'> = {},
): Result<ToPolicy, readonly Problem[]> {
  const { main, persistent, problems } = policiesInForce(root)
  const dynamic = readRegistryPolicies(root, 'dynamic')
  const found = [...problems, ...dynamic.problems]
  const errors = found.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) return failure(errors)
  const wanted = [
    ...objectsOf(dynamic.store, 'policy').map(({ id }) => ({ store: dynamic.store, id })),
    ...[persistent, main].filter(part => part !== undefined),
  ]
  const parts: ToPolicy[] = []
  for (const { store, id } of wanted) {
    const read = toPolicy(store, { ...options, policy: id })
    if (!read.ok) return read
    parts.push(read.value)
  }
  const last = parts.at(-1)
  if (last === undefined) {
    const hint = 'assign one, or name the one that is meant'
    return failure([{ severity: 'error', where: 'registry', what: 'no IPsec policy is in force', hint }])
  }
  const losses = [...found, ...ikeLosses(parts), ...parts.flatMap(part => part.losses)]
  if (parts.length === 1) return success({ ...last, losses })
  const { ike: _, ...rest } = last.policy
  const ike = parts.findLast(({ policy }) => policy.ike !== undefined)?.policy.ike
  const policy: Policy = {
    ...rest,
    defaultResponse: parts.some(part => part.policy.defaultResponse),
    rules: renamed(parts.flatMap(part => part.policy.rules)),
    ...(ike === undefined ? {} : { ike }),
  }
  return success({ policy, losses })
}

/** A session of IKE serves all rules, so that only one policy's settings can count. */
function ikeLosses(parts: readonly ToPolicy[]): readonly Problem[] {
  const all = parts.flatMap(({ policy }) => (policy.ike === undefined ? [] : [policy]))
  const last = all.at(-1)
  if (new Set(all.map(({ ike }) => JSON.stringify(ike))).size < 2) return []
  const what = 'the persistent policy or dynamic rules have settings of their own'
  return [{ severity: 'warning', where: 'IKE', what, hint: `those of ${JSON.stringify(last?.name)} are kept` }]
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
