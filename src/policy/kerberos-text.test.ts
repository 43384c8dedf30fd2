// What a policy file says of Kerberos.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../base/address.ts'
import { readPolicyText } from './policy-text.ts'

function kerberosOf(yaml: string) {
  const filters = '[{ source: me, destination: 10.0.0.1 }]'
  const text = `rules: [{ filters: ${filters}, action: negotiate, authentication: [{ kerberos: ${yaml} }] }]`
  const read = readPolicyText(text, 'p.yaml')
  assert.ok(read.ok, read.ok ? '' : JSON.stringify(read.error))
  const [way] = read.value.policy.rules[0]!.authentication
  assert.ok(way?.kind === 'kerberos')
  return way
}

test('keytab, names and realm are read as they stand', () => {
  const written = '{ keytab: k, principal: DC1$@CORP.TEST, service: ike, peer: [host/dc2.corp.test], realm: CORP.TEST }'
  assert.deepEqual(kerberosOf(written), {
    kind: 'kerberos',
    kdc: [],
    keytab: 'k',
    principal: 'DC1$@CORP.TEST',
    service: 'ike',
    realm: 'CORP.TEST',
    peer: ['host/dc2.corp.test'],
  })
})

test('the key distribution centres are addresses', () => {
  const { kdc } = kerberosOf('{ kdc: [10.0.0.1, fd00::1] }')
  assert.deepEqual(kdc.map(formatAddress), ['10.0.0.1', 'fd00::1'])
})

test('a rule with nothing but Kerberos is for IKEv1', () => {
  const read = readPolicyText(
    'rules: [{ filters: [{ source: me, destination: any }], action: negotiate, authentication: [kerberos] }]',
    'p.yaml',
  )
  assert.deepEqual(read.ok && read.value.policy.rules[0]?.keying, ['ikev1'])
})
