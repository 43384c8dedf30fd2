// Policies and credentials of IKEv1 for the tests of this folder, on the hosts of test-hosts.ts.
import type { Policy, Rule } from '../../policy/model.ts'
import { pskPolicy, type TestHost, type TestHostOptions, type TestNet } from '../test-hosts.ts'

export const MAIN_MODE = ['aes128-sha256-ecp256']

/** Everything with everybody by IKEv1, in transport mode, with a pre-shared key; `changes` are the rule's. */
export function v1Policy(changes: Partial<Rule> = {}, more: Partial<Policy> = {}): Policy {
  const rule = { keying: ['ikev1'] as const, security: ['esp-aes128-sha256'], ...changes }
  return pskPolicy(rule, { ike: { security: MAIN_MODE }, ...more })
}

export function twoHosts(net: TestNet, policy: Policy = v1Policy(), more: Partial<TestHostOptions> = {}): readonly [TestHost, TestHost] {
  const left = net.host('10.0.0.1', { policy, ...more })
  const right = net.host('10.0.0.2', { policy, ...more })
  return [left, right]
}

