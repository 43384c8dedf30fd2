// Whatever is written where IKE and authentication are set, there is an answer; and what is accepted has only what it may.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { authenticationKeysAt, authenticationKinds } from './authentication-schema.ts'
import { ikeOfferOf, keyExchangeOf } from './ike-offers.ts'
import { ikeKeysAt } from './ike-schema.ts'
import { readPolicyText } from './policy-text.ts'

const words = [
  '10.0.0.1',
  'dc1.corp.test',
  'CN=dc1, O=Corp',
  'ipsecIKE',
  'if-known',
  'aes256gcm16-prfsha384-ecp384',
  'aes256-sha1-modp1024',
  'curve25519+mlkem768',
  'esp-aes256gcm16',
  'ikev2',
  'a.pem',
  '',
]
const keys = [...authenticationKeysAt, ...ikeKeysAt].flatMap(([, names]) => names)
const { tree } = fc.letrec(tie => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(...words, 0, 1, 60, 3600, -1, 1e12, true, false, null),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...keys, ...authenticationKinds, 'odd'), tie('tree'), { maxKeys: 4 }),
  ),
}))
/** Mostly what is meant, so that whole policies are accepted too. */
const part = <T>(likely: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 19, arbitrary: likely as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: tree })

const text = fc
  .record(
    {
      ike: part(
        fc.record(
          {
            security: part(
              fc.array(fc.constantFrom('aes256gcm16-prfsha384-ecp384', '3des-sha1-modp1024'), { minLength: 1 }),
            ),
            lifetime: part(fc.record({ seconds: fc.integer({ min: 5, max: 100 }) })),
            liveness: part(fc.integer({ min: -1, max: 100 })),
            ppk: part(fc.record({ identity: fc.constant('x'), secret: fc.constant('hunter2') })),
          },
          { requiredKeys: [] },
        ),
      ),
      authentication: part(
        fc.array(
          fc.oneof(
            fc.record({
              preSharedKey: part(fc.record({ secret: fc.constant('hunter2'), peer: part(fc.constant(['10.0.0.1'])) })),
            }),
            fc.record({
              certificate: part(
                fc.dictionary(fc.constantFrom('ca', 'own', 'key', 'identity'), part(fc.constant('a')), { maxKeys: 3 }),
              ),
            }),
            fc.constant('kerberos'),
            part(fc.constant({ publicKey: { key: 'a', peerKeys: ['b'] } })),
          ),
          { minLength: 1, maxLength: 3 },
        ),
      ),
      keyExchange: part(fc.constantFrom('ecp384', 'curve25519+mlkem768')),
      lifetime: part(
        fc.record({ seconds: fc.integer({ min: 5, max: 100 }), kilobytes: fc.integer({ min: 1000, max: 4096 }) }),
      ),
      keying: part(fc.constantFrom(['ikev2'], ['ikev1'])),
      security: part(fc.constantFrom(['ah-sha256+esp-aes256gcm16'], ['esp-aes256gcm16'])),
    },
    { requiredKeys: [] },
  )
  .map(({ ike, ...rule }) =>
    JSON.stringify({
      ...(ike === undefined ? {} : { ike }),
      rules: [{ filters: [{ source: 'me', destination: 'any' }], action: 'negotiate', freshKeys: true, ...rule }],
    }),
  )

test('whatever is written about IKE, there is an answer: problems that tell no secret, or what can be used', () => {
  let accepted = 0
  fc.assert(
    fc.property(text, written => {
      const read = readPolicyText(written, 'p.json')
      assert.equal(JSON.stringify(read).includes('hunter2'), false)
      if (!read.ok) return
      accepted++
      const { ike, rules } = read.value.policy
      for (const name of ike?.security ?? []) assert.ok(ikeOfferOf(name).ok)
      for (const { keyExchange, authentication, keying } of rules) {
        if (keyExchange !== undefined) assert.ok(keyExchangeOf(keyExchange).ok)
        const areKerberos = authentication.length > 0 && authentication.every(({ kind }) => kind === 'kerberos')
        assert.ok(!areKerberos || keying.includes('ikev1'))
      }
    }),
    { numRuns: 3000 },
  )
  assert.ok(accepted > 50, `${accepted} accepted`)
})
