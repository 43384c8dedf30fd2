// The forms of identities and uses of keys.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readIdentityForm, readKeyUsage } from './authentication-cells.ts'

const identities: readonly (readonly [text: string, form: string])[] = [
  ['10.0.0.1', 'address'],
  ['fd00::1', 'address'],
  ['dc1', 'name'],
  ['dc1.corp.test', 'name'],
  ['_ike.corp.test', 'name'],
  ['admin@corp.test', 'mail'],
  ['dc1$@corp.test', 'mail'],
  ['CN=dc1', 'distinguished-name'],
  ['CN=dc1, O=Corp, C=DE', 'distinguished-name'],
  ['CN=Smith\\, John,OU=Sales+L=Berlin', 'distinguished-name'],
  ['2.5.4.3=dc1', 'distinguished-name'],
  ['CN=dc1;O=Corp', 'distinguished-name'],
  ['CN="dc1"', 'distinguished-name'],
  ['@dc1.corp.test', 'name'],
  ['dc1.corp.test.', 'name'],
  ['@#0a0b', 'key-identifier'],
  ['@#0a0', 'this is no key identifier'],
  ['', 'it is empty'],
  ['10.0.0.256', 'this is no address'],
  ['fd00::g', 'this is no address'],
  ['dc1..corp', 'this is no identity'],
  ['-dc1', 'this is no identity'],
  ['*.corp.test', 'this is no identity'],
  ['a b', 'this is no identity'],
  ['@a b', 'this is no name@name'],
  ['a@', 'this is no name@name'],
  ['CN=', 'this is no distinguished name'],
  ['CN=a,', 'this is no distinguished name'],
  ['=a', 'this is no distinguished name'],
  ['dc1\u001b[2J', 'it holds control characters'],
]

for (const [text, expected] of identities) {
  test(`the identity ${JSON.stringify(text)}: ${expected}`, () => {
    const read = readIdentityForm(text)
    assert.equal(read.ok ? read.value : read.error.what, expected)
  })
}

test('a use of a key is known by its name or as an OID', () => {
  assert.deepEqual(readKeyUsage('ipsecIKE'), { ok: true, value: '1.3.6.1.5.5.7.3.17' })
  assert.deepEqual(readKeyUsage('1.3.6.1.5.5.8.2.2'), { ok: true, value: '1.3.6.1.5.5.8.2.2' })
  for (const wrong of ['', '1', '3.1', '1.03', '1..2', 'ipsec']) assert.equal(readKeyUsage(wrong).ok, false, wrong)
})
