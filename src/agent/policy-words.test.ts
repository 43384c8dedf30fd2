// The policy in force as a page shows it: in words, bounded, and never with its secrets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { Secret } from '../base/secret.ts'
import { MOST_FILTERS, MOST_RULES } from '../monitor/policy-view.ts'
import { compile } from '../policy/compile.ts'
import { policy, rule } from '../policy/test-policies.ts'
import { policyViewOf } from './policy-words.ts'

const PAIR = 'any 10.0.0.1 <-> 10.0.0.2'

test('a rule says what it secures, how, and by whom it is believed', () => {
  const secret = 'nobody may read this'
  const rules = [
    rule('negotiate', [PAIR], {
      ...{ name: 'tunnel', mode: 'tunnel', tunnelEndpoint: parseAddress('192.0.2.1')!, encapsulation: 'udp' },
      ...{ security: ['esp-aes256gcm16'], keying: ['ikev2'], fallBackToClear: true },
      authentication: [
        { kind: 'preSharedKey', secret: new Secret(secret) },
        { kind: 'certificate', ca: 'ca.pem', passphrase: new Secret(secret), peer: ['a', 'b', 'c', 'd', 'e'] },
        { kind: 'kerberos', kdc: [], realm: 'CORP.TEST' },
      ],
    }),
    rule('block', ['tcp 10.0.0.1 <-> 10.0.0.2'], { name: 'never' }),
    rule('permit', [PAIR], { name: 'asleep', active: false }),
  ]
  const view = policyViewOf(compile({ ...policy(rules), name: 'Two' }), 'policy.yaml')
  assert.ok(!JSON.stringify(view).includes(secret))
  const [tunnel, never, ...more] = view.rules
  assert.deepEqual(more, [])
  assert.deepEqual(tunnel!.authentication, [
    'pre-shared key',
    'certificate of ca.pem, of a, b, c and 2 more',
    'Kerberos of CORP.TEST',
  ])
  assert.equal(tunnel!.encapsulation, 'in UDP, in a tunnel to 192.0.2.1')
  assert.deepEqual([tunnel!.mode, tunnel!.fallBackToClear], ['tunnel', true])
  assert.deepEqual([never!.action, never!.mode, never!.encapsulation], ['block', null, null])
})

test('rules and filters beyond what a page shows are counted', () => {
  const filters = Array.from({ length: MOST_FILTERS + 7 }, (_, index) => `any 10.0.0.1 <-> 10.1.0.${index}`)
  const many = Array.from({ length: MOST_RULES + 3 }, (_, index) =>
    rule('permit', index === 0 ? filters : [PAIR], { name: `rule ${index}` }),
  )
  const view = policyViewOf(compile(policy(many)), 'policy.yaml')
  assert.deepEqual([view.rules.length, view.moreRules], [MOST_RULES, 3])
  assert.deepEqual([view.rules[0]!.filters.length, view.rules[0]!.moreFilters], [MOST_FILTERS, 7])
})
