// Pairs of policies as people write them: what becomes of the traffic between the two hosts, and why.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import type { Policy } from '../policy/model.ts'
import { readPolicyText } from '../policy/policy-text.ts'
import { hostsOf, type PolicyPair, pairPolicies } from './policy-pair.ts'

function read(text: string): Policy {
  const found = readPolicyText(text, 'p.yaml')
  assert.ok(found.ok, found.ok ? '' : JSON.stringify(found.error))
  return found.value.policy
}

const address = (text: string) => parseAddress(text)!
const A = [address('10.0.0.1')]
const B = [address('10.0.0.2')]

const FILTERS = 'filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }]'
const PSK = 'authentication: [{ preSharedKey: "0123456789abcdef0123" }]'
/** One rule for everything between the two. */
function host(rest = '', top = '', authentication = PSK): Policy {
  return read(
    `${top}\nrules:\n  - { name: r, ${FILTERS}, action: negotiate${rest === '' ? '' : `, ${rest}`}, ${authentication} }\n`,
  )
}

function pair(a: Policy, b: Policy): PolicyPair {
  return pairPolicies(a, b, { a: A, b: B })
}

/** Parts that are not plainly agreed on. */
function told({ agreements }: PolicyPair): readonly string[] {
  return agreements.flatMap(({ parts }) =>
    parts.filter(({ state }) => state !== 'agreed').map(({ subject, state, text }) => `${subject} ${state}: ${text}`),
  )
}

function partOf({ agreements }: PolicyPair, wanted: string): string | undefined {
  return agreements[0]?.parts.find(({ subject }) => subject === wanted)?.text
}

test('two hosts with the same policy agree, on the first of each list', () => {
  const found = pair(host(), host())
  assert.equal(found.agrees, true)
  assert.deepEqual(told(found), [])
  assert.deepEqual(
    found.traffic.map(({ outcome, ways, sentence, selectors }) => ({ outcome, ways, sentence, selectors })),
    [
      {
        outcome: 'secured',
        ways: ['a-to-b', 'b-to-a'],
        sentence: 'both secure it',
        selectors: 'any protocol 10.0.0.1 → 10.0.0.2',
      },
      {
        outcome: 'clear',
        ways: ['a-to-b', 'b-to-a'],
        sentence: 'it passes in clear, for it makes the keys',
        selectors: undefined,
      },
    ],
  )
  const [{ ike, security, keying }] = found.agreements as [PolicyPair['agreements'][0]]
  assert.equal(keying, 'ikev2')
  assert.deepEqual(security, ['esp-aes256gcm16', 'esp-aes256gcm16'])
  assert.deepEqual(ike, Array(2).fill('aes256gcm16-prfsha384-curve25519+mlkem768'))
})

const differing: readonly (readonly [what: string, a: Policy, b: Policy, expected: readonly string[]])[] = [
  [
    'no security method in common',
    host('security: [esp-aes256gcm16]'),
    host('security: [esp-chacha20poly1305, esp-aes256-sha256]'),
    ['security differs: A offers esp-aes256gcm16, B esp-chacha20poly1305, esp-aes256-sha256: none in common'],
  ],
  [
    'transport and tunnel',
    host(),
    read(`rules:
  - { name: t, filters: [{ source: 10.0.0.2, destination: 10.0.0.1, mirrored: false }], action: negotiate, mode: tunnel, tunnelEndpoint: 10.0.0.1, ${PSK} }
  - { name: f, filters: [{ source: 10.0.0.1, destination: 10.0.0.2, mirrored: false }], action: negotiate, mode: tunnel, tunnelEndpoint: 10.0.0.2, ${PSK} }
`),
    ['mode differs: A wants transport mode, B tunnel mode'],
  ],
  ['no version of IKE in common', host('keying: [ikev1]'), host(), ['keying differs: A speaks IKEv1, B IKEv2']],
  [
    'main modes without a method in common',
    host('keying: [ikev1]', 'ike: { security: [aes256-sha1-modp2048] }'),
    host('keying: [ikev1]', 'ike: { security: [aes128-sha256-ecp256] }'),
    ['ike differs: A offers aes-cbc-256-sha1-modp2048, B wants aes-cbc-128-sha256-ecp256'],
  ],
  [
    'no method of IKE in common',
    host('', 'ike: { security: [aes256-sha1-modp1024] }'),
    host(),
    [
      'ike differs: A offers aes256-sha1-modp1024, B wants aes256gcm16-prfsha384-curve25519+mlkem768, aes256gcm16-prfsha384-ecp384|curve25519, aes128gcm16-prfsha256-ecp256|curve25519, aes256-sha256-modp2048: no integrity algorithm and no PRF and no key exchange in common',
    ],
  ],
  [
    'no way to authenticate in common',
    host(),
    host('', '', 'authentication: [{ certificate: { ca: a, own: b, key: c } }]'),
    ['authentication differs: A has a pre-shared key, B has certificates: none in common'],
  ],
  [
    'secrets that are not the same',
    host(),
    host('', '', 'authentication: [{ preSharedKey: "another one that is long" }]'),
    ['authentication differs: the pre-shared keys are not the same'],
  ],
  [
    'an identity that is not accepted',
    host('', '', 'authentication: [{ preSharedKey: { secret: x, identity: dc1.corp.test } }]'),
    host('', '', 'authentication: [{ preSharedKey: { secret: x, peer: [dc2.corp.test] } }]'),
    ['authentication differs: A calls itself dc1.corp.test, whom B does not accept'],
  ],
  [
    'an address that is not accepted',
    host('', '', 'authentication: [{ preSharedKey: { secret: x, peer: [10.0.0.9] } }]'),
    host('', '', 'authentication: [{ preSharedKey: x }]'),
    ['authentication differs: B calls itself 10.0.0.2, whom A does not accept'],
  ],
  [
    'a rule that does not say how to authenticate',
    host(),
    read(`rules: [{ name: r, ${FILTERS}, action: negotiate }]`),
    ['authentication differs: B does not say how to authenticate'],
  ],
  [
    'a post-quantum key that only one has and wants',
    host('', 'ike: { ppk: { identity: x, secret: y } }'),
    host(),
    ['post-quantum key differs: only A has one, and requires it'],
  ],
  [
    'key exchanges of fresh keys that are not the same',
    host('freshKeys: true, keyExchange: ecp384'),
    host('freshKeys: true, keyExchange: curve25519'),
    ['fresh keys differs: A renews keys with ecp384, B with curve25519: after a lifetime they part'],
  ],
]

for (const [what, a, b, expected] of differing) {
  test(`they do not agree: ${what}`, () => {
    const found = pair(a, b)
    assert.equal(found.agrees, false)
    assert.deepEqual(told(found), expected)
    assert.ok(found.traffic.some(({ outcome }) => outcome === 'broken'))
    // The same from the other side.
    const turned = pairPolicies(b, a, { a: B, b: A })
    assert.equal(turned.agrees, false)
    assert.equal(told(turned).length, expected.length)
  })
}

const warned: readonly (readonly [
  what: string,
  a: Policy,
  b: Policy,
  subject: string,
  text: string,
  warnings: readonly string[],
])[] = [
  [
    'the host that answers chooses the security method',
    host('security: [esp-aes256gcm16, esp-aes128gcm16]'),
    host('security: [esp-aes128gcm16, esp-aes256gcm16]'),
    'security',
    'esp-aes128gcm16 where A begins, esp-aes256gcm16 where B does',
    [],
  ],
  [
    'a group that the other wants takes a second round',
    host('', 'ike: { security: [aes256gcm16-prfsha384-curve25519, aes256gcm16-prfsha384-ecp384] }'),
    host('', 'ike: { security: [aes256gcm16-prfsha384-ecp384] }'),
    'ike',
    'aes256gcm16-prfsha384-ecp384, after a second round where A begins',
    [],
  ],
  [
    'old methods',
    host('security: [esp-3des-sha1]', 'ike: { security: [3des-sha1-modp1024] }'),
    host('security: [esp-3des-sha1]', 'ike: { security: [3des-sha1-modp1024] }'),
    'security',
    'esp-3des-sha1',
    [
      'ike warning: old: 3DES has blocks of 64 bits and should no longer be used; SHA-1 is ageing and on its way out of IKE; a prime of 1024 bits can be broken by states',
      'security warning: old: 3DES has blocks of 64 bits and should no longer be used; SHA-1 is ageing and on its way out of IPsec',
    ],
  ],
  [
    'a content that stays readable',
    host('security: [ah-sha256]'),
    host('security: [ah-sha256]'),
    'security',
    'ah-sha256',
    ['security warning: ah-sha256 enciphers nothing: the content stays readable'],
  ],
  [
    'certificates, whose files are not opened',
    host('', '', 'authentication: [{ preSharedKey: x }, { certificate: { ca: a, own: b, key: c } }]'),
    host('', '', 'authentication: [{ certificate: { ca: a, own: b, key: c } }]'),
    'authentication',
    'certificates',
    ['authentication warning: the files are not opened here: whether each trusts the other is seen only on the wire'],
  ],
  [
    'the one secret of several that is the same',
    host('', '', 'authentication: [{ preSharedKey: x }, { preSharedKey: y }]'),
    host('', '', 'authentication: [{ preSharedKey: y }]'),
    'authentication',
    'a pre-shared key',
    [],
  ],
  [
    'identities that differ in letter case and blanks only',
    host('', '', 'authentication: [{ preSharedKey: { secret: x, identity: "CN=DC1,O=Corp" } }]'),
    host('', '', 'authentication: [{ preSharedKey: { secret: x, peer: ["cn=dc1, o=corp"] } }]'),
    'authentication',
    'a pre-shared key',
    [],
  ],
  [
    'lifetimes, which each has for itself',
    host('lifetime: { seconds: 600 }'),
    host('lifetime: { seconds: 3600, kilobytes: 4096 }'),
    'lifetime',
    '600 s (A), 3600 s or 4096 KiB (B): whoever is due first renews',
    [],
  ],
  [
    'fresh keys that only one wants',
    host('freshKeys: true'),
    host(),
    'fresh keys',
    'A renews keys with a fresh key exchange, B without: A refuses what B begins',
    ['fresh keys warning: A renews keys with a fresh key exchange, B without: A refuses what B begins'],
  ],
  [
    'AH with ESP, which only IKEv1 can agree on',
    host('keying: [ikev1], security: [ah-sha256+esp-aes256gcm16]'),
    host('keying: [ikev1], security: [ah-sha256+esp-aes256gcm16]'),
    'security',
    'ah-sha256+esp-aes256gcm16',
    [],
  ],
]

for (const [what, a, b, subject, text, warnings] of warned) {
  test(`they agree, and it is told: ${what}`, () => {
    const found = pair(a, b)
    assert.equal(found.agrees, true)
    assert.equal(partOf(found, subject), text)
    assert.deepEqual(told(found), warnings)
  })
}

const only = (rest: string) => read(`rules:\n  - { name: r, ${rest} }\n`)
const mismatches: readonly (readonly [what: string, a: Policy, b: Policy, there: string, back: string])[] = [
  [
    'a host without a rule',
    host(),
    read('rules: []'),
    'A asks for IKE, and no rule of B secures it: nothing passes',
    'B sends it in clear, A accepts it only secured and drops it',
  ],
  [
    'a host that falls back to clear, and one without a rule',
    host('fallBackToClear: true'),
    read('rules: []'),
    'A asks for IKE, and no rule of B secures it: A falls back to clear only where IKE is not answered at all',
    'B sends it in clear, A accepts it only secured and drops it',
  ],
  [
    'a host that accepts what is unsecured, and one without a rule',
    host('acceptUnsecuredInbound: true'),
    read('rules: []'),
    'A asks for IKE, and no rule of B secures it: nothing passes',
    'B sends it in clear and A accepts it, but answers secured: B has no rule for that',
  ],
  [
    'a host that blocks',
    host(),
    only(`${FILTERS}, action: block`),
    'A secures it, B blocks it',
    'B blocks it, and A waits for it to be secured',
  ],
  [
    'a host whose filter lacks the way back',
    host(),
    only(`filters: [{ source: 10.0.0.1, destination: 10.0.0.2, mirrored: false }], action: negotiate, ${PSK}`),
    'A asks for IKE, and B has no rule that secures the way back: nothing passes',
    'B sends it in clear, A accepts it only secured and drops it',
  ],
]

for (const [what, a, b, there, back] of mismatches) {
  test(`what becomes of the traffic is told: ${what}`, () => {
    const { agrees, traffic } = pair(a, b)
    assert.equal(agrees, false)
    const sentence = (way: string) =>
      traffic.find(({ ways, outcome }) => outcome === 'broken' && ways.includes(way as never))?.sentence
    assert.equal(sentence('a-to-b'), there)
    assert.equal(sentence('b-to-a'), back)
  })
}

test('what one exempts and the other secures is sent in clear and dropped, and taken sealed', () => {
  const at = (value: number) => host('', `profile: windows-2000-sp1\nnoDefaultExempt: ${value}`)
  const { agrees, traffic } = pair(at(0), at(1))
  assert.equal(agrees, false)
  const kerberos = traffic.filter(({ smallest }) => smallest.destinationPort === 88 && smallest.protocol === 6)
  assert.deepEqual(
    kerberos.map(({ ways, outcome, sentence }) => [...ways, outcome, sentence]),
    [
      ['a-to-b', 'broken', 'A sends it in clear, B accepts it only secured and drops it'],
      ['b-to-a', 'secured', 'B secures it, and A takes what it exempts sealed as well'],
    ],
  )
})

test('a default response rule is told of, and nothing is promised', () => {
  const answering = read('profile: windows-xp\ndefaultResponse: true\nrules: []')
  const { agrees, traffic } = pair(host('', 'profile: windows-xp'), answering)
  assert.equal(agrees, false)
  assert.ok(traffic.some(({ outcome }) => outcome === 'unclear'))
})

test('two policies that secure nothing do not agree on anything', () => {
  const { agrees, traffic } = pair(read('rules: []'), read('rules: []'))
  assert.equal(agrees, false)
  assert.ok(traffic.every(({ outcome }) => outcome === 'clear'))
})

test('a tunnel has to end at the other host', () => {
  const gateway = (far: string) =>
    read(`rules:
  - { name: out, filters: [{ source: 10.1.0.0/16, destination: 10.2.0.0/16, mirrored: false }], action: negotiate, mode: tunnel, tunnelEndpoint: ${far}, ${PSK} }
  - { name: in, filters: [{ source: 10.2.0.0/16, destination: 10.1.0.0/16, mirrored: false }], action: negotiate, mode: tunnel, tunnelEndpoint: 10.0.0.1, ${PSK} }
`)
  assert.equal(pair(gateway('10.0.0.2'), gateway('10.0.0.2')).agrees, true)
  const { agrees, traffic } = pair(gateway('10.0.0.9'), gateway('10.0.0.2'))
  assert.equal(agrees, false)
  assert.ok(
    traffic.some(
      ({ sentence }) =>
        sentence === 'the tunnel of A towards B ends at 10.0.0.9, which is no address of B: nothing passes',
    ),
  )
})

const me = (far: string) =>
  read(`rules: [{ filters: [{ source: me, destination: ${far} }], action: negotiate, ${PSK} }]`)

const derived: readonly (readonly [what: string, a: Policy, b: Policy, expected: readonly string[] | undefined])[] = [
  ['both name both', host(), host(), ['10.0.0.1', '10.0.0.2']],
  ['each names the other', me('10.0.0.2'), me('10.0.0.1'), ['10.0.0.1', '10.0.0.2']],
  ['one names both, the other its peer', host(), me('10.0.0.1'), ['10.0.0.1', '10.0.0.2']],
  ['one names both, the other its peer, in the other order', host(), me('10.0.0.2'), ['10.0.0.2', '10.0.0.1']],
  ['one has a network', me('10.0.0.0/8'), me('10.0.0.1'), undefined],
  ['they speak of others', host(), me('10.0.0.9'), undefined],
  [
    'there are two pairs',
    read(`rules: [{ filters: [{ source: me, destination: [10.0.0.2, 10.0.0.3] }], action: negotiate, ${PSK} }]`),
    me('10.0.0.1'),
    undefined,
  ],
]

for (const [what, a, b, expected] of derived) {
  test(`the two hosts are known from the filters where ${what}: ${expected?.join(' and ') ?? 'they are not'}`, () => {
    const hosts = hostsOf(a, b, {})
    assert.deepEqual(
      hosts,
      expected === undefined ? undefined : { a: [address(expected[0]!)], b: [address(expected[1]!)] },
    )
  })
}

test('what is given of the hosts stays, and says which of two they are', () => {
  assert.deepEqual(hostsOf(host(), host(), { a: B }), { a: B, b: A })
  assert.deepEqual(hostsOf(host(), host(), { b: A }), { a: B, b: A })
  assert.equal(hostsOf(host(), host(), { a: [address('10.0.0.9')] }), undefined)
  assert.deepEqual(hostsOf(me('any'), me('any'), { a: A, b: B }), { a: A, b: B })
})

test('no answer tells a secret', () => {
  const found = pair(
    host(),
    host('', 'ike: { ppk: { identity: x, secret: hunter2 } }', 'authentication: [{ preSharedKey: hunter2 }]'),
  )
  assert.equal(JSON.stringify(found.agreements).includes('hunter2'), false)
})
