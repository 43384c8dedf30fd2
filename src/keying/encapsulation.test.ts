// What ESP stands in, as rules say it: both hosts must come to the same, for kernels accept no other form than agreed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EspForm } from '../policy/model.ts'
import { pskPolicy, sharedSecret, type TestHost, TestNet } from './test-hosts.ts'

const formed = (encapsulation: EspForm) => {
  const policy = pskPolicy()
  return { ...policy, rules: policy.rules.map(rule => ({ ...rule, encapsulation })) }
}

function pair(one: EspForm, other: EspForm, forceEncapsulation = false): readonly [TestNet, TestHost, TestHost] {
  const net = new TestNet(1)
  const host = (address: string, form: EspForm) =>
    net.host(address, {
      policy: formed(form),
      credentials: sharedSecret(formed(form)),
      ...(forceEncapsulation ? { settings: { forceEncapsulation } } : {}),
    })
  return [net, host('10.0.0.1', one), host('10.0.0.2', other)]
}

/** Ports of ESP in UDP, of each direction at each host. */
function forms(...hosts: readonly TestHost[]): readonly (number | undefined)[] {
  return hosts.flatMap(host =>
    [...host.pairs.values()].flatMap(({ pair: { inbound, outbound } }) =>
      [inbound, outbound].map(({ encapsulation }) => encapsulation?.destinationPort),
    ),
  )
}

const inUdp = [4500, 4500, 4500, 4500]
const raw = inUdp.map(() => undefined)

const cases: readonly (readonly [EspForm, EspForm, force: boolean, readonly (number | undefined)[]])[] = [
  ['auto', 'auto', false, raw],
  ['raw', 'auto', false, raw],
  ['udp', 'udp', false, inUdp],
  ['udp', 'auto', false, inUdp],
  ['auto', 'udp', false, inUdp],
  ['raw', 'udp', false, inUdp],
  ['auto', 'auto', true, inUdp],
  ['raw', 'raw', true, raw],
]

for (const [one, other, force, expected] of cases) {
  const what = expected === raw ? 'raw' : 'in UDP'
  test(`${one} towards ${other}${force ? ', where the setting forces it,' : ''} is ESP ${what} in every direction`, () => {
    const [net, first, second] = pair(one, other, force)
    first.needs(second)
    net.advance(2)
    assert.deepEqual(forms(first, second), expected)
    first.input({ kind: 'ageing', name: first.sending[0]!, age: 'soft' })
    net.advance(10)
    assert.deepEqual(forms(first, second), expected, 'and so it is once keys are renewed')
  })
}

test('a policy that wants another form ends the session; the next one has it', () => {
  const [net, one, other] = pair('auto', 'auto')
  one.needs(other)
  net.advance(2)
  for (const [form, expected] of [
    ['udp', inUdp],
    ['raw', raw],
  ] as const) {
    const { credentials } = one
    one.policy = formed(form)
    one.credentials = credentials
    one.input({ kind: 'policy-changed' })
    net.advance(2)
    assert.equal(one.pairs.size, 0)
    one.needs(other)
    net.advance(2)
    assert.deepEqual(forms(one, other), expected)
  }
})
