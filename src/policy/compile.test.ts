// A compiled policy beside another one: what stands between the two while one takes the other's place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { type Flow, TCP } from '../base/flow.ts'
import { compile, withExemptionsOf } from './compile.ts'
import { decide } from './decide.ts'
import { readPolicyText } from './policy-text.ts'

function policyAt(noDefaultExempt: number) {
  const read = readPolicyText(
    `name: a\nprofile: windows-xp\nnoDefaultExempt: ${noDefaultExempt}\nrules:\n` +
      '  - { name: all, filters: [{ source: 10.0.0.1, destination: 10.0.0.2, mirrored: true }], action: block }\n',
    'a.yaml',
  )
  assert.ok(read.ok)
  return compile(read.value.policy)
}

const kerberos: Flow = {
  ...{ source: parseAddress('10.0.0.1')!, destination: parseAddress('10.0.0.2')! },
  ...{ protocol: TCP, sourcePort: 4000, destinationPort: 88 },
}

test('what one of two policies exempts passes in between, and nothing else does', () => {
  const between = withExemptionsOf(policyAt(0), policyAt(1))!
  assert.equal(decide(policyAt(1), kerberos, 'out').action, 'block')
  assert.equal(decide(between, kerberos, 'out').because.kind, 'exemption')
  assert.equal(decide(between, { ...kerberos, destinationPort: 389 }, 'out').action, 'block')
})

test('where the other policy exempts nothing more, there is nothing in between', () => {
  assert.equal(withExemptionsOf(policyAt(3), policyAt(0)), undefined)
  assert.equal(withExemptionsOf(policyAt(1), policyAt(1)), undefined)
})
