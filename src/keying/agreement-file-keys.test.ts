// Rules whose keys stand in the policy files: both have to say the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPolicyText } from '../policy/policy-text.ts'
import { agree, type RuleOf } from './agreement.ts'

const RULE =
  'rules: [{ name: r, filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }], action: negotiate, security: [esp-aes256-sha256, esp-aes128-sha256], authentication: [{ preSharedKey: x }] }]'

function read(text: string): RuleOf {
  const found = readPolicyText(text, 'p.yaml')
  assert.ok(found.ok, found.ok ? '' : JSON.stringify(found.error))
  const { policy } = found.value
  return { policy, rule: policy.rules[0]! }
}

const THERE = { source: '10.0.0.1', destination: '10.0.0.2' }
const BACK = { source: '10.0.0.2', destination: '10.0.0.1' }

/** `digits` are repeated to a key of 256 bits; the integrity key has others. */
function entry(ends: typeof THERE, digits: string, spi: number) {
  const [key, integrityKey] = [digits.repeat(32), `${digits}a5`.repeat(16)]
  return { ...ends, spi, security: 'esp-aes256-sha256', key, integrityKey }
}

function withKeys(...keys: readonly object[]): RuleOf {
  return read(`keys: ${JSON.stringify(keys)}\n${RULE}`)
}

const both = withKeys(entry(THERE, '11', 4097), entry(BACK, '22', 4098))
const noAddresses = [[], []] as const

test('the same keys agree, and IKE has no part in it', () => {
  const same = withKeys(entry(BACK, '22', 4098), entry(THERE, '11', 4097))
  const { isAgreed, parts, keying } = agree(both, same, noAddresses)
  assert.equal(isAgreed, true)
  assert.equal(keying, undefined)
  assert.deepEqual(
    parts.map(({ state, text }) => `${state}: ${text}`),
    [
      'agreed: transport',
      'agreed: esp-aes256-sha256, with the keys in the files',
      'warning: keys in files are never renewed',
    ],
  )
})

const short = { ...entry(THERE, '11', 4097), security: 'esp-aes128-sha256', key: '11'.repeat(16) }
const differing: readonly (readonly [other: RuleOf, expected: string])[] = [
  [withKeys(entry(THERE, '33', 4097), entry(BACK, '22', 4098)), 'from 10.0.0.1 to 10.0.0.2 the keys are not the same'],
  [withKeys(entry(THERE, '11', 5000), entry(BACK, '22', 4098)), 'from 10.0.0.1 to 10.0.0.2 the SPIs are not the same'],
  [withKeys(short, entry(BACK, '22', 4098)), 'from 10.0.0.1 to 10.0.0.2 A has esp-aes256-sha256, B esp-aes128-sha256'],
  [read(RULE), 'the keys of A stand in its file, B has none there'],
]

for (const [other, expected] of differing) {
  test(`they do not agree: ${expected}`, () => {
    const { isAgreed, parts } = agree(both, other, noAddresses)
    assert.equal(isAgreed, false)
    assert.deepEqual(
      parts.filter(({ state }) => state === 'differs').map(({ text }) => text),
      [expected],
    )
    assert.equal(agree(other, both, noAddresses).isAgreed, false)
    assert.equal(JSON.stringify(parts).includes('1111'), false)
  })
}
