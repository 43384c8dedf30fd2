// Policies of ours to connection security rules, through the forms of Windows and back; what actions, exemptions and the
// words that Windows looks up become, and that nothing becomes more open than it was without being named.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress, parsePrefix } from '../base/address.ts'
import { Secret } from '../base/secret.ts'
import type { Authentication, Policy, Rule } from '../policy/model.ts'
import { readPolicyText } from '../policy/policy-text.ts'
import { filter, pick, policy, randomPolicy, rule, seeded } from '../policy/test-policies.ts'
import { writePolicyText } from '../policy/write-policy.ts'
import { runAdvfirewall } from './advfirewall-session.ts'
import { fromPolicy } from './connection-security-from-policy.ts'
import { readRegistryPolicy, writeRegistryPolicy } from './connection-security-registry.ts'
import type { ConnectionSecurityPolicy } from './connection-security-rules.ts'
import { type PolicyContext, toPolicy } from './connection-security-to-policy.ts'
import { runPowerShell } from './powershell-run.ts'
import { writePowerShell } from './powershell-write.ts'
import { randomConnectionSecurityPolicy } from './test-connection-security.ts'

const windowsMethods = [
  'esp-aes256gcm16',
  'esp-aes128-sha256',
  'esp-null-sha1',
  'ah-sha1',
  'ah-sha256+esp-aes256-sha1',
  'esp-aes128gmac',
]
const otherMethods = ['esp-chacha20poly1305', 'esp-aes256gcm12', 'esp-aes256-sha512']
const ways: readonly Authentication[] = [
  { kind: 'kerberos', kdc: [] },
  { kind: 'preSharedKey', secret: new Secret("it's a secret") },
  { kind: 'certificate', ca: 'ca.pem', revocation: 'off' },
]

/** Random, and often within what Windows has, so that some come back whole. */
function randomModel(seed: number): Policy {
  const draw = seeded(seed)
  const drawn = randomPolicy(draw)
  const isTame = draw() < 0.7
  const rules = drawn.rules.map((one): Rule => {
    const action = isTame && one.action === 'block' ? 'negotiate' : one.action
    const isNegotiated = action === 'negotiate'
    const { tunnelEndpoint, ...rest } = one
    const filters = isTame ? [{ ...one.filters[0]!, mirrored: true }] : one.filters
    const family = (kind: Rule['filters'][number]['source']) => (kind.kind === 'me' ? { kind: 'any' as const } : kind)
    return {
      ...rest,
      action,
      mode: 'transport',
      filters: isTame
        ? filters.map(f => ({ ...f, source: family(f.source), destination: family(f.destination) }))
        : filters,
      security: isNegotiated ? [pick(draw, isTame ? windowsMethods : [...windowsMethods, ...otherMethods])] : [],
      keying: isNegotiated ? [pick(draw, ['ikev1', 'ikev2'] as const)] : [],
      authentication: isNegotiated ? [pick(draw, ways)] : [],
      acceptUnsecuredInbound: isNegotiated && one.acceptUnsecuredInbound,
      fallBackToClear: isNegotiated && one.acceptUnsecuredInbound,
      freshKeys: isNegotiated && draw() < 0.3,
      ...(isNegotiated && draw() < 0.3 ? { lifetime: { seconds: 3600, kilobytes: 100_000 } } : {}),
    }
  })
  const setting = draw() < 0.5 ? { ipsecExempt: Math.floor(draw() * 16) } : {}
  const { noDefaultExempt, ipsecExempt, ...rest } = drawn
  if (!isTame) return { ...drawn, rules }
  const ike = { security: ['aes256-sha384-ecp384', 'aes128-sha1-modp1024'], lifetime: { seconds: 28_800 } }
  return { ...rest, profile: 'windows-vista', defaultResponse: false, networks: [], rules, ike, ...setting }
}

const context: PolicyContext = { name: 'test', certificates: () => ({ ca: 'ca.pem' }) }
const authority = { authorityOf: () => 'CN=Test CA' }

function revealed(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, one: unknown) => (one instanceof Secret ? one.reveal() : one)))
}

const forms: readonly {
  readonly form: string
  through(policy: ConnectionSecurityPolicy): ConnectionSecurityPolicy | undefined
}[] = [
  { form: 'the objects alone', through: one => one },
  {
    form: 'the registry',
    through: one => {
      const { value, losses } = writeRegistryPolicy(one, 'local')
      return losses.length > 0 ? undefined : readRegistryPolicy(value, 'k').value
    },
  },
  {
    form: 'PowerShell',
    through: one => {
      const { value, losses } = writePowerShell(one)
      return losses.length > 0 ? undefined : runPowerShell(value, 'x.ps1').value
    },
  },
]

for (const { form, through } of forms) {
  test(`1000 random policies of ours come back by ${form} as they were, or the loss is named`, () => {
    let whole = 0
    for (let seed = 1; seed <= 1000; seed++) {
      const model = randomModel(seed)
      const { value, losses } = fromPolicy(model, authority)
      const back = losses.length > 0 ? undefined : through(value)
      if (back === undefined) continue
      const again = toPolicy(back, context).value
      // The schema version is the form's, and nothing of a rule here.
      assert.deepEqual(revealed(again), revealed(model), `seed ${seed}`)
      whole++
    }
    assert.ok(whole >= 300, `${whole} without a loss`)
  })
}

function read(command: string): ConnectionSecurityPolicy {
  const run = runAdvfirewall(`netsh advfirewall ${command}`, 'x.cmd')
  assert.deepEqual(run.problems, [])
  return run.policy
}

function converted(
  command: string,
  of: PolicyContext = {},
): { readonly rules: readonly Rule[]; readonly losses: readonly string[] } {
  const { value, losses } = toPolicy(read(command), of)
  return { rules: value.rules, losses: losses.map(({ severity, what }) => `${severity}: ${what}`) }
}

const actions: readonly (readonly [string, string, boolean, boolean, RegExp | undefined])[] = [
  ['requireinrequireout', 'negotiate', false, false, undefined],
  [
    'requireinrequestout',
    'negotiate',
    false,
    true,
    /^error: Windows falls back to clear for connections that it begins/,
  ],
  ['requestinrequestout', 'negotiate', true, true, undefined],
  ['noauthentication', 'permit', false, false, undefined],
]

for (const [word, action, accepts, falls, loss] of actions) {
  test(`action=${word} is ${action}${accepts ? ', accepts unsecured' : ''}${falls ? ', falls back to clear' : ''}`, () => {
    const { rules, losses } = converted(
      `consec add rule name=x endpoint1=any endpoint2=10.0.0.0/8 action=${word} auth1=computerkerb`,
    )
    const [one] = rules
    assert.equal(one?.action, action)
    assert.equal(one?.acceptUnsecuredInbound, accepts)
    assert.equal(one?.fallBackToClear, falls)
    assert.deepEqual(one?.filters, [filter('any any <-> 10.0.0.0/8')])
    assert.equal(
      losses.some(text => loss?.test(text) === true),
      loss !== undefined,
    )
  })
}

test('an exemption for LocalSubnet is for the networks that are named, and for none where none are', () => {
  const command = 'consec add rule name=x endpoint1=any endpoint2=localsubnet action=noauthentication'
  const known = converted(command, { networks: [parsePrefix('10.0.0.0/24')!] })
  assert.deepEqual(known.rules[0]?.filters, [filter('any any <-> 10.0.0.0/24')])
  const unknown = converted(command)
  assert.deepEqual(unknown.rules, [])
  assert.deepEqual(unknown.losses, [
    'error: what LocalSubnet stands for is not in the rule: it is left out of the exemption',
  ])
})

test('a rule that secures LocalSubnet secures everything where the networks are not known', () => {
  const { rules } = converted('consec add rule name=x endpoint1=any endpoint2=localsubnet action=requireinrequireout')
  assert.deepEqual(rules[0]?.filters, [filter('any any <-> any')])
})

test('an exemption for domain networks is inactive until the network is known to be one', () => {
  const command = 'consec add rule name=x endpoint1=any endpoint2=any action=noauthentication profile=domain'
  assert.equal(converted(command).rules[0]?.active, false)
  assert.equal(converted(command, { profile: 'public' }).rules[0]?.active, false)
  assert.equal(converted(command, { profile: 'domain' }).rules[0]?.active, true)
})

test('a tunnel is two rules, each sealed to the end at which it arrives, and one rule again on the way back', () => {
  const tunnel =
    'consec add rule name=T endpoint1=10.1.0.0/16 endpoint2=10.2.0.0/16 action=requireinrequireout mode=tunnel localtunnelendpoint=1.1.1.1 remotetunnelendpoint=2.2.2.2 auth1=computerkerb'
  const { value } = toPolicy(read(tunnel))
  assert.deepEqual(
    value.rules.map(({ name, mode, filters, tunnelEndpoint }) => ({ name, mode, filters, tunnelEndpoint })),
    [
      {
        name: 'T',
        mode: 'tunnel',
        filters: [filter('any 10.1.0.0/16 -> 10.2.0.0/16')],
        tunnelEndpoint: parseAddress('2.2.2.2'),
      },
      {
        name: 'T (back)',
        mode: 'tunnel',
        filters: [filter('any 10.2.0.0/16 -> 10.1.0.0/16')],
        tunnelEndpoint: parseAddress('1.1.1.1'),
      },
    ],
  )
  const { rules } = fromPolicy(value).value
  assert.deepEqual(
    rules.map(({ tunnel: ends }) => ends),
    [{ local: [parseAddress('1.1.1.1')], remote: [parseAddress('2.2.2.2')] }],
  )
})

test('a tunnel to any address blocks, since nobody could say what else it does', () => {
  const { rules, losses } = converted(
    'consec add rule name=T endpoint1=any endpoint2=10.2.0.0/16 action=requireinrequireout mode=tunnel localtunnelendpoint=1.1.1.1 remotetunnelendpoint=any auth1=computerkerb',
  )
  assert.deepEqual(
    rules.map(({ action }) => action),
    ['block', 'negotiate'],
  )
  assert.ok(losses.includes('error: the far end of the tunnel is any address: T blocks'))
})

test('a rule whose only methods are not known here blocks', () => {
  const { rules, losses } = converted(
    'consec add rule name=x endpoint1=any endpoint2=any action=requireinrequireout auth1=computerkerb qmsecmethods=authnoencap:sha1',
  )
  assert.equal(rules[0]?.action, 'block')
  assert.ok(losses.includes('error: none of its methods is known here: the rule blocks'))
})

test('whatever a policy of connection security rules says, what becomes of it can be written and read as a policy file', () => {
  for (let seed = 1; seed <= 1000; seed++) {
    const style = seed % 2 === 0 ? 'plain' : 'wild'
    const { value } = toPolicy(randomConnectionSecurityPolicy(seeded(seed), style), context)
    const again = readPolicyText(writePolicyText(value, { secrets: 'write' }), 'x.yaml')
    const problems =
      again.ok || value.rules.length === 0 ? [] : again.error.filter(({ severity }) => severity === 'error')
    assert.deepEqual(
      problems.map(({ where, what }) => `${where} ${what}`),
      [],
      `seed ${seed}`,
    )
    if (again.ok) assert.deepEqual(revealed(again.value.policy), revealed(value), `seed ${seed}`)
  }
})

test('global exemptions are the mask IPsecExempt of Vista', () => {
  const { value } = toPolicy(read('set global ipsec defaultexemptions neighbordiscovery,icmp'))
  assert.equal(value.profile, 'windows-vista')
  assert.equal(value.ipsecExempt, 3)
  assert.equal('ipsecExempt' in toPolicy(read('set global ipsec strongcrlcheck 1')).value, false)
})

test('a rule that is off stays off, and two rules of one name get names of their own', () => {
  const one = 'consec add rule name=x endpoint1=any endpoint2=10.0.0.1 action=requireinrequireout auth1=computerkerb'
  const run = runAdvfirewall(`netsh advfirewall ${one} enable=no\nnetsh advfirewall ${one}`, 'x.cmd')
  const { rules } = toPolicy(run.policy).value
  assert.deepEqual(
    rules.map(({ name, active }) => [name, active]),
    [
      ['x', false],
      ['x (2)', true],
    ],
  )
})

test('a second authentication, authorisation lists and unknown tokens are named as errors', () => {
  const { losses } = converted(
    'consec add rule name=x endpoint1=any endpoint2=any action=requireinrequireout auth1=computerkerb auth2=userkerb applyauthz=yes',
  )
  assert.ok(losses.includes('error: users are not authenticated here: the second authentication is left out'))
  assert.ok(losses.includes('error: which computers and users may connect is not asked here'))
})

test('blocking, one-way exemptions and Kerberos exemptions have no place among connection security rules', () => {
  const model = policy(
    [
      rule('block', ['tcp any -> 10.0.0.1:23']),
      rule('permit', ['udp any -> 10.0.0.1:53'], { name: 'one way' }),
      rule('negotiate', ['any me <-> 10.0.0.1'], {
        authentication: [{ kind: 'kerberos', kdc: [] }],
        keying: ['ikev1'],
      }),
    ],
    { profile: 'windows-2000-sp1', noDefaultExempt: 0 },
  )
  const { value, losses } = fromPolicy(model)
  const texts = losses.map(({ severity, what }) => `${severity}: ${what}`)
  assert.ok(texts.includes('error: a connection security rule cannot block'))
  assert.ok(texts.includes('error: the exemption goes one way, and such a rule goes both: it is inactive'))
  assert.ok(texts.some(text => /Kerberos.*are exempt no more/.test(text)))
  assert.deepEqual(
    value.rules.map(({ name, active }) => [name, active]),
    [
      ['one way', false],
      ['negotiate any me <-> 10.0.0.1', true],
    ],
  )
  assert.deepEqual(value.rules[1]?.endpoint1, [])
})
