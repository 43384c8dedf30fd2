// Whom a host speaks with at all, by address alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '../policy/compile.ts'
import type { Rule } from '../policy/model.ts'
import { address, policy, rule } from '../policy/test-policies.ts'
import { credentialsFor, rulesForPeer } from './candidates.ts'
import { credentialsOf } from './credentials.ts'
import { ONE, sharedKey, TWO } from './ikev2/test-handshake.ts'
import type { Path } from './machine.ts'

const path: Path = { local: { address: address(TWO), port: 500 }, remote: { address: address(ONE), port: 500 } }
const tunnel = (end: string): Partial<Rule> => ({ mode: 'tunnel', tunnelEndpoint: address(end) })

const cases: readonly (readonly [string, Rule, boolean])[] = [
  ['a rule about both hosts', rule('negotiate', [`any ${ONE} <-> ${TWO}`]), true],
  ['a rule of the way out alone', rule('negotiate', [`any ${TWO} -> ${ONE}`]), true],
  ['a rule of the way in alone', rule('negotiate', [`any ${ONE} -> ${TWO}`]), true],
  ['a rule about this host and everybody', rule('negotiate', ['any me <-> any']), true],
  ['a rule about one port', rule('negotiate', [`tcp ${ONE} <-> ${TWO}:88`]), true],
  ['a rule about other hosts', rule('negotiate', ['any 10.1.0.1 <-> 10.1.0.2']), false],
  ['a rule about the peer and another host', rule('negotiate', [`any ${ONE} <-> 10.1.0.2`]), false],
  ['a rule that permits', rule('permit', [`any ${ONE} <-> ${TWO}`]), false],
  ['a rule that blocks', rule('block', [`any ${ONE} <-> ${TWO}`]), false],
  ['a rule that is switched off', rule('negotiate', [`any ${ONE} <-> ${TWO}`], { active: false }), false],
  ['a rule for IKEv1', rule('negotiate', [`any ${ONE} <-> ${TWO}`], { keying: ['ikev1'] }), false],
  ['a tunnel that ends at the peer', rule('negotiate', ['any 10.1.0.0/16 -> 10.2.0.0/16'], tunnel(ONE)), true],
  ['a tunnel that ends here', rule('negotiate', ['any 10.2.0.0/16 -> 10.1.0.0/16'], tunnel(TWO)), true],
  ['a tunnel that ends elsewhere', rule('negotiate', [`any ${ONE} <-> ${TWO}`], tunnel('10.9.9.9')), false],
]

for (const [name, only, isMeant] of cases) {
  test(`${name} ${isMeant ? 'lets a peer begin' : 'is no reason to answer a peer'}`, () => {
    const compiled = compile(policy([only]), { me: [address(TWO)] })
    assert.equal(rulesForPeer(compiled, path, 'ikev2').length, isMeant ? 1 : 0)
  })
}

test('what several rules have in common counts once, in the order of the policy', () => {
  const [first, second] = [sharedKey('one'), sharedKey('two')]
  const rules = ['a', 'b'].map(name => rule('negotiate', [`any ${ONE} <-> ${TWO}`], { name }))
  const known = new Map([
    ['a', [first]],
    ['b', [second, first]],
  ])
  assert.deepEqual(credentialsFor(rules, credentialsOf(known)), [first, second])
})
