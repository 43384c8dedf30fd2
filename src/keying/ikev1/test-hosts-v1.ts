// Policies and credentials of IKEv1 for the tests of this folder, on the hosts of test-hosts.ts.
import type { Policy, Rule } from '../../policy/model.ts'
import type { Credential } from '../credentials.ts'
import { credentialsOf } from '../credentials.ts'
import { pskPolicy, type TestHost, type TestHostOptions, type TestNet } from '../test-hosts.ts'

/** What hosts of IKEv1 agree on in these tests: quick, for there are many handshakes. */
export const MAIN_MODE: readonly string[] = ['aes128-sha256-ecp256']

/** Everything with everybody by IKEv1, in transport mode, with a pre-shared key; `changes` are the rule's. */
export function v1Policy(changes: Partial<Rule> = {}, more: Partial<Policy> = {}): Policy {
  const { ike, ...others } = more
  const rule = { keying: ['ikev1'] as const, security: ['esp-aes128-sha256'], ...changes }
  return pskPolicy(rule, { ike: { security: MAIN_MODE, ...ike }, ...others })
}

export function twoHosts(
  net: TestNet,
  policy: Policy | readonly [Policy, Policy] = v1Policy(),
  more: Partial<TestHostOptions> | readonly [Partial<TestHostOptions>, Partial<TestHostOptions>] = {},
  addresses: readonly [string, string] = ['10.0.0.1', '10.0.0.2'],
): readonly [TestHost, TestHost] {
  const [ours, theirs] = 'rules' in policy ? [policy, policy] : policy
  const [left, right] = Array.isArray(more) ? more : [more, more]
  return [net.host(addresses[0], { policy: ours, ...left }), net.host(addresses[1], { policy: theirs, ...right })]
}

/** For all rules of a policy. */
export function provedBy(policy: Policy, ...credentials: readonly Credential[]) {
  return credentialsOf(new Map(policy.rules.map(({ name }) => [name, credentials])))
}
