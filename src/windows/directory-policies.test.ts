// Policies as entries of a directory and as LDIF, both ways.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { seeded } from '../policy/test-policies.ts'
import { builtInPolicies, builtInStore } from './built-in-policies.ts'
import { attributeTexts, readLdif, textAttribute, writeLdif, writeLdifChanges } from './directory-ldif.ts'
import { assignmentEntry, entriesFrom, policiesFromEntries, referenceAttributes } from './directory-policies.ts'
import { fromPolicy } from './from-policy.ts'
import { randomWindowsPolicy } from './test-windows-policies.ts'

const DOMAIN = 'DC=corp,DC=test'
const bytes = (text: string) => new TextEncoder().encode(text)

function entriesOf(text: string) {
  const read = readLdif(bytes(text), 'x.ldif')
  assert.ok(read.ok)
  return read.value
}

test('entries come back from LDIF: long lines, other letters, octets, spaces at the ends and no value at all', () => {
  const values = ['plain', ' space', 'space ', ':colon', '<less', 'ä 🔑', 'a\nb', '', 'x'.repeat(300), '#']
  const octets = { name: 'ipsecData', values: [Uint8Array.of(0, 255, 128), new Uint8Array(200).fill(7)] }
  const entries = [
    { dn: 'CN=Bücher,DC=corp,DC=test', attributes: [textAttribute('description', values), octets] },
    { dn: 'CN=two,DC=corp,DC=test', attributes: [textAttribute('cn', ['two'])] },
  ]
  const text = writeLdif(entries)
  assert.ok(text.split('\n').every(line => line.length <= 76))
  assert.deepEqual(entriesOf(text), { entries, problems: [] })
  assert.deepEqual(entriesOf(text.replaceAll('\n', '\r\n')), { entries, problems: [] })
})

test('policies of a directory come back from both forms of LDIF, and so does what a group policy assigns', () => {
  const store = builtInStore()
  const gpo = '{31B2F340-016D-11D2-945F-00C04FB984F9}'
  const assignment = { gpo, policy: builtInPolicies.secureServer, name: 'Secure', description: 'ä' }
  const entries = [...entriesFrom(store, DOMAIN), assignmentEntry(assignment, DOMAIN)]
  for (const text of [writeLdif(entries), writeLdifChanges(entries, referenceAttributes)]) {
    const { entries: read, problems } = entriesOf(text)
    assert.deepEqual(problems, [])
    const back = policiesFromEntries(read)
    assert.deepEqual(back.problems, [])
    assert.deepEqual(back.store, store)
    assert.deepEqual(back.assignments, [assignment])
  }
})

test('what is added to a directory refers to nothing that is not there yet', () => {
  const added = writeLdifChanges(entriesFrom(builtInStore(), DOMAIN), referenceAttributes).split(
    'changetype: modify',
  )[0]!
  assert.ok(!/Reference/.test(added))
  assert.match(added, /changetype: add/)
})

test('200 random policies go through LDIF with their times', () => {
  const draw = seeded(42)
  for (let round = 0; round < 200; round++) {
    const form = round % 2 === 0 ? 'windows-vista' : 'windows-2000'
    const options = { random: seededRandom(round), form, whenChanged: 1_199_145_600 + round } as const
    const { store } = fromPolicy(randomWindowsPolicy(draw, true), options)
    const { entries } = entriesOf(writeLdif(entriesFrom(store, DOMAIN, 'stated')))
    const { assigned: _, ...objects } = store
    const back = policiesFromEntries(entries)
    assert.deepEqual([back.problems, back.store], [[], objects])
  }
})

test('names of Windows’s own habit are read: several in one value, spaces in the name, other spellings', () => {
  const entries = entriesFrom(builtInStore(), DOMAIN).map(entry => ({
    dn: entry.dn.replace('CN=', 'CN= ').toLowerCase(),
    attributes: entry.attributes.map(({ name, values }) =>
      name === 'ipsecNFAReference'
        ? textAttribute('IPSECNFAREFERENCE', [attributeTexts(entry, name).join('\0')])
        : { name: name.toUpperCase(), values },
    ),
  }))
  const { store, problems } = policiesFromEntries(entries)
  assert.deepEqual(problems, [])
  assert.deepEqual(store, builtInStore())
})

test('other entries of a directory are passed over; a policy that lacks something is told', () => {
  const [first, ...others] = entriesFrom(builtInStore(), DOMAIN)
  const entries = [
    { dn: `CN=Administrator,CN=Users,${DOMAIN}`, attributes: [textAttribute('cn', ['Administrator'])] },
    { dn: first!.dn, attributes: first!.attributes.filter(({ name }) => name !== 'ipsecData') },
    ...others,
  ]
  const { problems } = policiesFromEntries(entries)
  assert.deepEqual(
    problems.map(({ where, what }) => [where, what]),
    [[first!.dn, 'there is no ipsecData']],
  )
})

test('lines that are no LDIF are told with their numbers, files are never fetched', () => {
  const text = [
    'version: 1',
    '',
    '# a comment',
    ' that goes on',
    'dn: CN=a',
    'cn: a',
    'jpegPhoto:< file:///etc/passwd',
    'broken',
    'ipsecData:: %%',
    '',
    'cn: without a name',
    '',
    'dn: CN=b',
    'changetype: delete',
    '',
    'dn: CN=a',
    'changetype: modify',
    'replace: cn',
    'cn: b',
    '-',
    'delete: cn',
    'cn: b',
    '-',
  ].join('\n')
  const { entries, problems } = entriesOf(text)
  assert.deepEqual(
    problems.map(({ where }) => where),
    ['x.ldif:7', 'x.ldif:8', 'x.ldif:9', 'x.ldif:11', 'x.ldif:14', 'x.ldif:21'],
  )
  assert.deepEqual(entries, [{ dn: 'CN=a', attributes: [textAttribute('cn', ['b'])] }])
})

test('5,000 broken LDIF files never throw', () => {
  const random = seededRandom(11)
  const pick = (count: number) => Math.floor(random.fraction() * count)
  const whole = bytes(writeLdifChanges(entriesFrom(builtInStore(), DOMAIN), referenceAttributes))
  for (let round = 0; round < 5000; round++) {
    const start = pick(whole.length)
    const part = whole.slice(start, start + pick(3000))
    for (let change = pick(20); change > 0 && part.length > 0; change--) part[pick(part.length)] = pick(256)
    const read = readLdif(part, 'x')
    assert.ok(read.ok)
    policiesFromEntries(read.value.entries)
  }
})
