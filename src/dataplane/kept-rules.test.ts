// An association outlives a change of policy only where its rule asks for the same as before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, policy, rule } from '../policy/test-policies.ts'
import { keptRules } from './kept-rules.ts'

const all = rule('negotiate', ['any any <-> any'], { name: 'all' })

test('a rule keeps its associations as long as it negotiates the same security in the same mode', () => {
  const tunnel = { ...all, mode: 'tunnel' as const, tunnelEndpoint: address('10.0.0.1') }
  for (const [before, after, isKept] of [
    [all, all, true],
    [all, { ...all, description: 'for people' }, true],
    [all, rule('negotiate', ['tcp any <-> any'], { name: 'all' }), true],
    [all, { ...all, name: 'renamed' }, false],
    [all, { ...all, active: false }, false],
    [all, { ...all, action: 'permit' as const }, false],
    [all, { ...all, security: ['ah-sha256'] }, false],
    [all, tunnel, false],
    [tunnel, { ...tunnel }, true],
    [tunnel, { ...tunnel, tunnelEndpoint: address('10.0.0.2') }, false],
  ] as const)
    assert.equal(keptRules(policy([before]), policy([after])).has(after.name), isKept)
})

test('the first policy keeps what is there', () => {
  assert.deepEqual([...keptRules(undefined, policy([all]))], ['all'])
})
