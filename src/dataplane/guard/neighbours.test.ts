// IPv6 hosts of one link find each other although everything between them must be sealed, and nothing else passes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { twoHosts } from '../../native/test-namespaces.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { guardRuleset } from './ruleset.ts'
import { whyNoGuard } from './test-guarded-host.ts'

function run(namespace: string, words: readonly string[], input?: string): string {
  const { stdout, stderr } = spawnSync('ip', ['netns', 'exec', namespace, ...words], { input })
  return `${stdout}${stderr}`
}

for (const [action, state] of [
  ['negotiate', /REACHABLE|STALE|DELAY/],
  ['block', /FAILED|INCOMPLETE/],
] as const) {
  test(`neighbours where a rule says ${action}: ${state.source}`, { skip: whyNoGuard() }, context => {
    const { left, right } = twoHosts(context)
    // A packet that may leave asks for the neighbour; one that is dropped before does not.
    const rules = [rule(action, ['any fd99::1 <-> fd99::2']), rule('permit', ['udp fd99::1 <-> [fd99::2]:9'])]
    const guard = guardRuleset(compile(policy(rules, { profile: 'strict' })))
    for (const host of [left, right]) assert.equal(run(host, ['nft', '-f', '-'], guard.text), '')
    assert.match(run(left, ['ping', '-6', '-c', '1', '-W', '1', 'fd99::2']), / 0 received/)
    run(left, ['bash', '-c', 'echo > /dev/udp/fd99::2/9; sleep 0.2'])
    assert.match(run(left, ['ip', '-6', 'neigh', 'show', 'fd99::2']), state)
  })
}
