// Words that stand for what a version of Windows agrees on, in policies.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ikeOfferOf } from './ike-offers.ts'
import { lint } from './lint.ts'
import { ikeSecurityNamesOf, offerWords, securityNamesOf } from './offer-words.ts'
import { offerOf } from './offers.ts'
import { readPolicyText } from './policy-text.ts'

const policyWith = (ike: string, security: string, more = '') => `
ike: { security: [${ike}] }
rules:
  - name: r
    filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }]
    action: negotiate
    security: [${security}]
    authentication: [{ preSharedKey: '0123456789abcdefghijklmnop' }]
${more}`

function read(text: string) {
  const result = readPolicyText(text, 'policy.yaml')
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.error))
  return result.value.policy
}

describe('words for versions of Windows', () => {
  for (const { name, ike, security } of offerWords) {
    it(`${name} stands for methods that there are, each once`, () => {
      for (const each of ike) assert.ok(ikeOfferOf(each).ok, each)
      for (const each of security) assert.ok(offerOf(each).ok, each)
      assert.equal(new Set(ike).size, ike.length)
      assert.equal(new Set(security).size, security.length)
    })
  }

  it('are replaced by what they stand for, beside other names, and each name counts once', () => {
    const policy = read(policyWith('aes256-sha256-modp2048, windows-2000', 'esp-3des-sha1, windows-2000'))
    assert.deepEqual(policy.ike?.security, [
      'aes256-sha256-modp2048',
      '3des-sha1-modp1024',
      '3des-md5-modp1024',
      'des-sha1-modp768',
      'des-md5-modp768',
    ])
    assert.deepEqual(policy.rules[0]!.security, [
      'esp-3des-sha1',
      'esp-3des-md5',
      'esp-des-sha1',
      'esp-des-md5',
      'ah-sha1',
      'ah-md5',
    ])
  })

  it('bring IKEv1 with them where nothing is written and such a Windows has no other', () => {
    const keyingOf = (security: string, more = '') => read(policyWith('windows-vista', security, more)).rules[0]!.keying
    assert.deepEqual(keyingOf('windows-server-2003'), ['ikev1'])
    assert.deepEqual(keyingOf('windows-2000, windows-vista'), ['ikev1'])
    assert.deepEqual(keyingOf('windows-7'), ['ikev2'])
    assert.deepEqual(keyingOf('windows-2000, esp-aes256gcm16'), ['ikev2'])
    assert.deepEqual(keyingOf('windows-2000', '    keying: [ikev2, ikev1]'), ['ikev2', 'ikev1'])
  })

  it('do not hide what is old from lint', () => {
    const sentences = lint(read(policyWith('windows-2000', 'windows-2000'))).map(({ sentence }) => sentence)
    const { ike, security } = offerWords[0]!
    for (const name of [...ike, ...security])
      assert.ok(
        sentences.some(sentence => sentence.includes(name)),
        name,
      )
  })

  it('are named where one is misspelt', () => {
    for (const namesOf of [securityNamesOf, ikeSecurityNamesOf]) {
      const near = namesOf('windows-2003')
      assert.ok(!near.ok)
      assert.match(near.error.what, /"windows-2003" stands for no version of Windows/)
      assert.match(near.error.hint, /^did you mean windows-|^known: windows-2000, /)
    }
    const other = securityNamesOf('esp-aes256')
    assert.ok(!other.ok && other.error.hint.includes('esp-aes256-sha256'))
  })
})
