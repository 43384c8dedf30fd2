// What a policy is told where it asks IKEv1 alone for what IKEv1 does not have.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatProblem } from '../base/result.ts'
import { lint } from './lint.ts'
import { isSecurityOfIkev1 } from './offers-of-ikev1.ts'
import { readPolicyText } from './policy-text.ts'

const policyWith = (security: string, keying: string, ike = '') => `${ike}
rules:
  - name: r
    filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }]
    action: negotiate
    keying: ${keying}
    security: [${security}]
    authentication: [{ preSharedKey: '0123456789abcdefghijklmnop' }]
`

function neverUsed(text: string) {
  const read = readPolicyText(text, 'policy.yaml')
  assert.ok(read.ok)
  const found = lint(read.value.policy).filter(({ kind }) => kind === 'method-never-used')
  return { warnings: read.value.warnings.map(formatProblem), found }
}

describe('a rule with IKEv1 alone', () => {
  it('is refused where it offers nothing that IKEv1 has a number for', () => {
    const read = readPolicyText(policyWith('esp-chacha20poly1305, ah-aescmac', '[ikev1]'), 'policy.yaml')
    assert.ok(!read.ok)
    assert.match(
      read.error.map(formatProblem).join('\n'),
      /security: IKEv1 has no number for esp-chacha20poly1305, and nothing else is offered that it has \(offer esp-aes256gcm16/,
    )
    assert.ok(readPolicyText(policyWith('esp-chacha20poly1305', '[ikev1, ikev2]'), 'policy.yaml').ok)
  })

  it('is told which of several methods is never offered', () => {
    const { warnings, found } = neverUsed(policyWith('esp-aes256gcm16, esp-chacha20poly1305', '[ikev1]'))
    assert.match(warnings.join('\n'), /IKEv1 has no number for esp-chacha20poly1305: this method is never offered/)
    assert.deepEqual(
      found.map(({ rule, severity }) => [rule, severity]),
      [['r', 'warning']],
    )
    const both = neverUsed(policyWith('esp-aes256gcm16, esp-chacha20poly1305', '[ikev2, ikev1]'))
    assert.deepEqual(both, { warnings: [], found: [] })
  })

  it('is a danger where no method of IKE itself is left', () => {
    const gcm = 'ike: { security: [aes256gcm16-prfsha384-ecp384, aes256-sha256-curve25519] }'
    const { found } = neverUsed(policyWith('esp-aes256gcm16', '[ikev1]', gcm))
    assert.deepEqual(
      found.map(({ rule, severity }) => [rule, severity]),
      [['r', 'danger']],
    )
    const cbc = 'ike: { security: [aes256gcm16-prfsha384-ecp384, aes256-sha384-ecp384] }'
    assert.deepEqual(neverUsed(policyWith('esp-aes256gcm16', '[ikev1]', cbc)).found, [])
    assert.deepEqual(neverUsed(policyWith('esp-aes256gcm16', '[ikev1]')).found, [])
  })

  it('has no names that mean nothing', () => assert.equal(isSecurityOfIkev1('esp-nothing'), false))
})
