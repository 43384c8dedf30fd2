// What a policy takes for an identity by its form, keying can read; and what keying can read, a policy does not refuse.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readIdentity } from '../src/keying/identity.ts'
import { readIdentityForm } from '../src/policy/authentication-cells.ts'
import { identificationTypes } from '../src/wire/ike/numbers.ts'

const typeOf = {
  address: [identificationTypes.of.ipv4, identificationTypes.of.ipv6],
  name: [identificationTypes.of.fqdn],
  mail: [identificationTypes.of.email],
  'distinguished-name': [identificationTypes.of.dn],
  'key-identifier': [identificationTypes.of['key-id']],
} as const

const word = fc
  .array(
    fc.constantFrom(
      'dc1',
      '.',
      '@',
      '#',
      '0a',
      'CN=',
      'O=Corp',
      ',',
      ';',
      '+',
      ' ',
      '\\',
      '"',
      '10',
      ':',
      '::1',
      '-',
      'é',
      '$',
    ),
    { maxLength: 7 },
  )
  .map(parts => parts.join(''))

test('a policy and keying agree about what an identity is, and of which type', () => {
  let read = 0
  fc.assert(
    fc.property(word, text => {
      const [form, identity] = [readIdentityForm(text), readIdentity(text)]
      // A backslash at the end takes the meaning from nothing: a mistake that only the form minds.
      if (!identity.ok || /(?<!\\)(\\\\)*\\\s*$/.test(text)) return
      read++
      assert.ok(form.ok, `${text} is read, and the policy refuses it`)
      assert.ok((typeOf[form.value] as readonly number[]).includes(identity.value.type), text)
    }),
    {
      numRuns: 20_000,
      examples: [['CN=dc1\\, x,O=Corp'], ['dc1$@corp.test'], ['@dc1'], ['dc1.'], ['@#0a']].map(
        each => each as [string],
      ),
    },
  )
  assert.ok(read > 500)
})
