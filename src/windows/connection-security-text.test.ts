// Registry strings and keys of connection security rules: read, kept, written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatProblem } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { keyAt, registryKey } from '../settings/registry.ts'
import { dwordValue, stringValue, textOf } from '../settings/value.ts'
import { madeId, wellKnownSets } from './connection-security-defaults.ts'
import { readRegistryPolicy, readStore, storePaths, writeRegistryPolicy } from './connection-security-registry.ts'
import { connectionSecurityRule, emptyPolicy } from './connection-security-rules.ts'
import { readMainModeRuleText, readRuleText, writeMainModeRuleText, writeRuleText } from './connection-security-text.ts'

const sets =
  'Auth1Set={E5A5D32A-4BCE-4e4d-B07F-4AB1BA7E5FE3}|Auth2Set={E5A5D32A-4BCE-4e4d-B07F-4AB1BA7E5FE4}|Crypto2Set={E5A5D32A-4BCE-4e4d-B07F-4AB1BA7E5FE2}|'

/** In the order that Windows wrote them, which is not always ours. */
const kept: readonly string[] = [
  `v2.33|Action=SecureServer|Name=Auth|Desc=|Active=TRUE|${sets}`,
  'v2.0|Action=DoNotSecure|Active=TRUE|Name=DC|EP1_4=10.0.0.1/255.255.255.255|EP2_4=LocalSubnet|EP2_6=LocalSubnet|',
  'v2.10|Action=Secure|Active=FALSE|Profile=Domain|Profile=Private|Name=x|EP1Port2_10=80-90|EP1Port=443|Protocol=6|',
  'v2.10|Action=Secure|SecureInClearOut=TRUE|Name=t|LTunnel4=1.1.1.1|RTunnel4=2.2.2.2|ByPassTunnel=TRUE|Active=TRUE|',
  'v2.26|Action=Boundary|Name=x|KeyMod=IkeV2|KeyMod=AuthIP|RTunEndpts6=fd00::1|RTunEndpts6=fd00::2|Platform=2:6:1|Platform2=GTEQ|SkipVer=2.8|Active=TRUE|',
]

for (const text of kept) {
  test(`the same string comes back: ${text.slice(0, 60)}…`, () => {
    const { value, problems } = readRuleText('id', text, 'x')
    assert.deepEqual(problems.map(formatProblem), [])
    assert.equal(writeRuleText(value!).value, text)
  })
}

test('once a rule has changed its string is written anew', () => {
  const { value } = readRuleText('id', kept[0]!, 'x')
  const text = writeRuleText({ ...value!, active: false }).value
  assert.equal(text, `v2.33|Action=SecureServer|Name=Auth|Active=FALSE|${sets}`)
})

test('a rule without Active is off, and one without Profile counts on all', () => {
  const { value } = readRuleText('id', 'v2.10|Action=Secure|Name=x|', 'x')
  assert.equal(value?.active, false)
  assert.deepEqual(value?.profiles, [])
})

test('protocol 256 is any', () => {
  assert.equal('protocol' in readRuleText('id', 'v2.10|Action=Secure|Name=x|Protocol=256|', 'x').value!, false)
})

test('the four actions of the registry are the actions of netsh', () => {
  const action = (tokens: string) => readRuleText('id', `v2.10|${tokens}|Name=x|`, 'x').value?.action
  assert.equal(action('Action=SecureServer'), 'require-in-request-out')
  assert.equal(action('Action=Boundary'), 'request-in-request-out')
  assert.equal(action('Action=Secure'), 'require-in-require-out')
  assert.equal(action('Action=Secure|SecureInClearOut=TRUE'), 'require-in-clear-out')
  assert.equal(action('Action=DoNotSecure'), 'no-authentication')
})

const wrong: readonly (readonly [string, RegExp])[] = [
  ['Action=Secure|Name=x', /this is no rule \(it begins with its version/],
  ['v3.0|Action=Secure|Name=x|', /schema version 3.0 is not known/],
  ['v2.10|Name=x|', /the rule has no Action/],
  ['v2.10|Action=Sekure|Name=x|', /"Sekure" is no action \(did you mean Secure\?\)/],
  ['v2.10|Action=Secure|Name=x|Aktive=TRUE|', /the token "Aktive" is not known \(did you mean Active\?\)/],
  ['v2.10|Action=Secure|Name=x|Active|', /"Active" is no token: it has no =/],
  ['v2.10|Action=Secure|Name=x|Active=yes|', /Active: "yes" is neither TRUE nor FALSE/],
  ['v2.10|Action=Secure|Name=x|Name=y|', /the token Name comes twice/],
  ['v2.10|Action=Secure|Name=x|EP1_4=fd00::1|', /EP1_4: "fd00::1" is not of IPv4/],
  ['v2.10|Action=Secure|Name=x|EP1_4=10.0.0.9-10.0.0.1|', /ends before it begins/],
  ['v2.10|Action=Secure|Name=x|EP2Port=66000|', /EP2Port: 66000 is above the last port/],
  ['v2.10|Action=Secure|Name=x|Protocol=300|', /Protocol: "300" is no protocol/],
  [
    'v2.10|Action=SecureServer|SecureInClearOut=TRUE|Name=x|',
    /SecureInClearOut has no meaning with Action=SecureServer/,
  ],
  ['v2.10|Action=Secure|Name=x|Crypto1Set={x}|', /the token "Crypto1Set" is not known/],
]

for (const [text, message] of wrong) {
  test(`${text} is a problem`, () => {
    const { problems } = readRuleText('id', text, 'at')
    assert.match(problems.map(formatProblem).join('\n'), message)
  })
}

test('a token that nobody knows is said and kept', () => {
  const text = 'v2.99|Action=Secure|Name=x|Active=TRUE|Quantum=TRUE|'
  const { value } = readRuleText('id', text, 'x')
  assert.deepEqual(value?.unknown, [{ name: 'Quantum', value: 'TRUE' }])
  assert.equal(writeRuleText(value!).value, text)
  assert.match(writeRuleText({ ...value!, name: 'y' }).value, /\|Quantum=TRUE\|$/)
})

test('a bar in a text cannot be kept, and that is said', () => {
  const { value, losses } = writeRuleText(connectionSecurityRule({ id: 'i', name: 'a|b', action: 'no-authentication' }))
  assert.match(value, /\|Name=a_b\|/)
  assert.equal(losses.length, 1)
})

test('a main mode rule comes back as it was', () => {
  const text = 'v2.10|Profile=Public|Auth1Set={a}|Crypto1Set={b}|EP2_4=10.0.0.0/8|Name=mm|Active=TRUE|'
  const { value, problems } = readMainModeRuleText('id', text, 'x')
  assert.deepEqual(problems, [])
  assert.equal(value?.mainMode, '{b}')
  assert.equal(writeMainModeRuleText(value!).value, text)
})

const proposal = registryKey('0000', [
  stringValue('Method', 'MachineSHKey'),
  stringValue('SHKey', 'the key'),
  stringValue('Future', 'x'),
])

test('a preshared key of a set is a secret, and a value that nobody knows is said and kept', () => {
  const key = registryKey(
    'WindowsFirewall',
    [],
    [registryKey('Phase1AuthenticationSets', [], [registryKey('{1}', [stringValue('Version', '2.10')], [proposal])])],
  )
  const { value, problems } = readRegistryPolicy(key, 'k')
  const [found] = value.auth1Sets[0]!.proposals
  assert.ok(found?.key instanceof Secret)
  assert.doesNotMatch(JSON.stringify(found), /the key/)
  assert.match(problems.map(formatProblem).join('\n'), /0000\\Future: the value is not known/)
  const again = writeRegistryPolicy(value, 'local').value
  assert.deepEqual(keyAt(again, 'Phase1AuthenticationSets\\{1}\\0000'), proposal)
})

test('an algorithm that Vista does not know stands in a value of its own that Vista skips', () => {
  const set = {
    id: '{q}',
    freshKeys: 'dh24' as const,
    proposals: [
      {
        encapsulation: 'esp' as const,
        espHash: 'aes-gmac-256' as const,
        encryption: 'aes-gcm-256' as const,
        other: [],
      },
    ],
    other: [],
  }
  const { value } = writeRegistryPolicy({ ...emptyPolicy, quickModeSets: [set] }, 'local')
  const values = keyAt(value, 'Phase2CryptoSets\\{q}\\0000')!.values.map(one => [one.name, textOf(one)])
  assert.deepEqual(values, [
    ['Protocol', 'ESP'],
    ['2_1EspHash', 'AES-GMAC-256'],
    ['2_1Encryption', 'AES-GCM-256'],
    ['SkipVersion', '2.0'],
  ])
})

test('in a group policy the default set has another id, and a value says which', () => {
  const set = { id: wellKnownSets.mainMode, proposals: [], forceDiffieHellman: true, other: [] }
  const { value } = writeRegistryPolicy({ ...emptyPolicy, mainModeSets: [set] }, 'group-policy')
  const id = madeId('mainMode', 'default', 0)
  const key = keyAt(value, 'Phase1CryptoSets')!
  assert.deepEqual(
    key.keys.map(({ name }) => name),
    [id],
  )
  assert.deepEqual(
    key.values.map(one => [one.name, textOf(one)]),
    [[wellKnownSets.mainMode, id]],
  )
  assert.deepEqual(readRegistryPolicy(value, 'k').value.defaults, { mainMode: id })
})

test("the firewall's own keys and values are left alone, others are problems", () => {
  const key = registryKey(
    'WindowsFirewall',
    [dwordValue('PolicyVersion', 0x21a), dwordValue('IPsecExempt', 9), dwordValue('IPsecExemt', 9)],
    [registryKey('DomainProfile', [dwordValue('EnableFirewall', 1)]), registryKey('ConSecRulez', [])],
  )
  const { value, problems } = readRegistryPolicy(key, 'k')
  assert.equal(value.settings.exemptions, 9)
  assert.deepEqual(problems.map(formatProblem), [
    'k\\IPsecExemt: the value is not known (did you mean IPsecExempt?)',
    'k\\ConSecRulez: the key is not known (did you mean ConSecRules?)',
  ])
})

test('a mask above 15 is a problem, and Windows counts its default', () => {
  const { value, problems } = readRegistryPolicy(registryKey('x', [dwordValue('IPsecExempt', 16)]), 'k')
  assert.deepEqual(value.settings, {})
  assert.match(formatProblem(problems[0]!), /REG_DWORD of 0 to 15/)
})

test('a registry without the key has no policy', () => {
  assert.equal(readStore(registryKey('', []), 'local'), undefined)
  assert.match(storePaths['group-policy'], /Policies\\Microsoft\\WindowsFirewall$/)
})
