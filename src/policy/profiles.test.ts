// Which exemptions each Windows has at each value of its setting, restated as a table, and which value counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Policy, ProfileName } from './model.ts'
import { keyOf, profileNames, profiles, settingOf } from './profiles.ts'

const all = 'ike kerberos rsvp multicast broadcast'
/** Each profile: its setting, what it is when absent, and what is exempt at each value that it honours. */
const eras: readonly (readonly [ProfileName, string | undefined, number, Readonly<Record<number, string>>])[] = [
  ['windows-2000', undefined, 0, { 0: all }],
  ['windows-2000-sp1', 'NoDefaultExempt', 0, { 0: all, 1: 'ike multicast broadcast' }],
  ['windows-xp', 'NoDefaultExempt', 0, { 0: all, 1: 'ike multicast broadcast', 2: 'ike kerberos rsvp', 3: 'ike' }],
  [
    'windows-server-2003',
    'NoDefaultExempt',
    3,
    { 0: all, 1: 'ike multicast broadcast', 2: 'ike kerberos rsvp', 3: 'ike' },
  ],
  [
    'windows-vista',
    'IPsecExempt',
    9,
    {
      0: 'ike',
      1: 'ike neighbour-discovery',
      2: 'ike icmp',
      3: 'ike neighbour-discovery icmp',
      4: 'ike router-discovery',
      5: 'ike neighbour-discovery router-discovery',
      6: 'ike icmp router-discovery',
      7: 'ike neighbour-discovery icmp router-discovery',
      8: 'ike dhcp',
      9: 'ike neighbour-discovery dhcp',
      10: 'ike icmp dhcp',
      11: 'ike neighbour-discovery icmp dhcp',
      12: 'ike router-discovery dhcp',
      13: 'ike neighbour-discovery router-discovery dhcp',
      14: 'ike icmp router-discovery dhcp',
      15: 'ike neighbour-discovery icmp router-discovery dhcp',
    },
  ],
  ['strict', undefined, 3, { 3: 'ike' }],
]

test('every profile has its row in this table', () => {
  assert.deepEqual(
    eras.map(([name]) => name),
    profileNames,
  )
})

for (const [name, setting, absent, table] of eras) {
  test(`${name} honours ${Object.keys(table).length} values of ${setting ?? 'no setting'} and is at ${absent} without one`, () => {
    const profile = profiles.get(name)!
    assert.equal(profile.setting, setting)
    assert.equal(profile.defaultValue, absent)
    const found = [...profile.table].map(([value, list]) => [String(value), list.map(({ name }) => name).join(' ')])
    assert.deepEqual(Object.fromEntries(found), Object.fromEntries(Object.entries(table)))
    const { value, from, problems, exemptions } = settingOf({ profile: name })
    assert.deepEqual([value, from, problems], [absent, 'default', []])
    assert.equal(exemptions, profile.table.get(absent))
  })
}

test('nothing withdraws the exemption of IKE', () => {
  for (const { table } of profiles.values()) {
    for (const [value, exemptions] of table) assert.equal(exemptions[0]?.name, 'ike', `at ${value}`)
  }
})

test('Windows Vista has no exemption for Kerberos at any value, and no default response rule', () => {
  const vista = profiles.get('windows-vista')!
  assert.ok([...vista.table.values()].flat().every(({ name }) => name !== 'kerberos'))
  const withRule = [...profiles.values()].filter(({ defaultResponse }) => defaultResponse).map(({ name }) => name)
  assert.deepEqual(withRule, ['windows-2000', 'windows-2000-sp1', 'windows-xp', 'windows-server-2003', 'strict'])
})

test('multicast and broadcast are never negotiated inbound on Server 2003, nor at all from Vista on', () => {
  const found = [...profiles.values()].map(({ name, neverNegotiatesGroups }) => `${name}: ${neverNegotiatesGroups}`)
  assert.deepEqual(found, [
    'windows-2000: none',
    'windows-2000-sp1: none',
    'windows-xp: none',
    'windows-server-2003: in',
    'windows-vista: both',
    'strict: none',
  ])
})

test('only the names of profiles are in the list of names', () => {
  assert.deepEqual(profileNames, [...profiles.keys()])
})

test('a value that the profile honours counts', () => {
  const { value, from, problems } = settingOf({ profile: 'windows-2000-sp1', noDefaultExempt: 1 })
  assert.deepEqual([value, from, problems], [1, 'policy', []])
})

/** What is written, the value that counts, and what the problem says. */
const unusable: readonly (readonly [Pick<Policy, 'profile' | 'noDefaultExempt' | 'ipsecExempt'>, number, RegExp])[] = [
  [
    { profile: 'windows-2000-sp1', noDefaultExempt: 2 },
    0,
    /2 is out of range for NoDefaultExempt: the default .* 0, counts/,
  ],
  [{ profile: 'windows-xp', noDefaultExempt: 4 }, 0, /4 is out of range/],
  [{ profile: 'windows-server-2003', noDefaultExempt: -1 }, 3, /-1 is out of range .* 3, counts/],
  [{ profile: 'windows-server-2003', noDefaultExempt: 0.5 }, 3, /0\.5 is out of range/],
  [{ profile: 'windows-server-2003', noDefaultExempt: Number.NaN }, 3, /NaN is out of range/],
  [{ profile: 'windows-xp', noDefaultExempt: '1' }, 0, /a whole number, not a string/],
  [{ profile: 'windows-xp', noDefaultExempt: true }, 0, /a whole number, not a boolean/],
  [{ profile: 'windows-xp', noDefaultExempt: null }, 0, /a whole number, not empty/],
  [{ profile: 'windows-vista', ipsecExempt: 16 }, 9, /16 is out of range for IPsecExempt: .* 9, counts/],
  [{ profile: 'windows-vista', noDefaultExempt: 0 }, 9, /does not read NoDefaultExempt/],
  [{ profile: 'windows-xp', ipsecExempt: 1 }, 0, /does not read IPsecExempt/],
  [{ profile: 'windows-2000', noDefaultExempt: 1 }, 0, /does not read NoDefaultExempt/],
  [{ profile: 'strict', noDefaultExempt: 0 }, 3, /does not read NoDefaultExempt/],
]

for (const [written, counts, problem] of unusable) {
  const shown = 'ipsecExempt' in written ? written.ipsecExempt : written.noDefaultExempt
  const name = 'ipsecExempt' in written ? 'IPsecExempt' : 'NoDefaultExempt'
  test(`${name} ${JSON.stringify(shown) ?? shown} is a problem under ${written.profile}, where ${counts} counts then`, () => {
    const { value, from, problems } = settingOf(written)
    assert.equal(value, counts)
    assert.equal(from, 'default')
    assert.equal(problems.length, 1)
    assert.match(problems[0]!.what, problem)
    assert.equal(problems[0]!.severity, 'warning')
    assert.equal(problems[0]!.where, keyOf(name))
  })
}
