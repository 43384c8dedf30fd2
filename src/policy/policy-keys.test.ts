// Keys in a policy file: what is read, what is refused, and that no message shows one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { offerNames, offerOf } from './offers.ts'
import { countsPackets, keyNeeds } from './policy-keys.ts'
import { readPolicyText } from './policy-text.ts'

const KEY = 'c0ffee5ec2e7'
/** Recognisable key material of that many octets. */
const material = (octets: number, mark = '') => (mark + KEY.repeat(octets)).slice(0, 2 * octets)

interface Entry {
  readonly [key: string]: unknown
}

const out: Entry = {
  source: '10.54.0.1',
  destination: '10.54.0.2',
  spi: '0x1001',
  security: 'esp-aes256-sha256',
  key: material(32, '01'),
  integrityKey: material(32, '02'),
}
const back: Entry = {
  ...out,
  source: '10.54.0.2',
  destination: '10.54.0.1',
  key: material(32, '03'),
  integrityKey: material(32, '04'),
}

function policyText(keys: unknown, options: Entry = {}): string {
  const rule = {
    name: 'both',
    filters: [{ source: '10.54.0.1', destination: '10.54.0.2' }],
    action: 'negotiate',
    security: ['esp-aes256-sha256', 'esp-aes256gcm16', 'ah-sha1+esp-3des-sha1', 'ah-sha256', 'esp-null-sha256'],
    authentication: ['kerberos'],
  }
  return JSON.stringify({ name: 'keys', rules: [rule], keys, ...options })
}

function read(keys: unknown, options: Entry = {}) {
  return readPolicyText(policyText(keys, options), 'policy.json')
}

function problemsOf(keys: unknown, options: Entry = {}): readonly string[] {
  const result = read(keys, options)
  return result.ok ? [] : result.error.map(({ where, what }) => `${where.replace(/^\S+ ?/, '')}: ${what}`)
}

test('both directions are read, each with its SPI and its keys', () => {
  const result = read([out, { ...back, spi: 4098 }])
  assert.ok(result.ok, inspect(result, { depth: 5 }))
  const [first, second] = result.value.policy.keys!
  assert.deepEqual([first!.rule, first!.security, first!.layers[0]!.spi], ['both', 'esp-aes256-sha256', 0x1001])
  assert.equal(second!.layers[0]!.spi, 4098)
  assert.equal(Buffer.from(first!.layers[0]!.cipherKey.reveal()).toString('hex'), out['key'])
  assert.equal(Buffer.from(second!.layers[0]!.integrityKey.reveal()).toString('hex'), back['integrityKey'])
})

test('ESP within AH takes two SPIs and the integrity keys from the inside out', () => {
  const both = {
    security: 'esp-3des-sha1+ah-sha1',
    spi: ['0x1001', '0x1002'],
    key: material(24, '01'),
    integrityKey: [material(20, '02'), material(20, '03')],
  }
  const other = { key: material(24, '04'), integrityKey: [material(20, '05'), material(20, '06')] }
  const result = read([
    { ...out, ...both },
    { ...back, ...both, ...other },
  ])
  assert.ok(result.ok, inspect(result, { depth: 5 }))
  const [esp, ah] = result.value.policy.keys![0]!.layers
  assert.deepEqual([esp!.spi, ah!.spi], [0x1001, 0x1002])
  assert.deepEqual(
    [esp!.cipherKey, ah!.cipherKey].map(key => key.reveal().length),
    [24, 0],
  )
  assert.equal(Buffer.from(ah!.integrityKey.reveal()).toString('hex'), material(20, '03'))
})

const gcm = { security: 'esp-aes256gcm16', key: material(36, '01'), integrityKey: undefined }
const gcmBack = { security: 'esp-aes256gcm16', key: material(36, '02'), integrityKey: undefined }

test('a method that counts packets is refused with the reason, unless the file says that it is a test', () => {
  const keys = [
    { ...out, ...gcm },
    { ...back, ...gcmBack },
  ]
  const reason =
    'esp-aes256gcm16 counts packets, and with a key from a file every restart begins the count anew: ' +
    'two packets under one count give away what they hold'
  assert.deepEqual(problemsOf(keys), [`keys[0].security: ${reason}`, `keys[1].security: ${reason}`])
  const asTest = read(keys, { test: true })
  assert.ok(asTest.ok)
  assert.equal(asTest.value.policy.test, true)
  assert.equal(asTest.value.policy.keys![0]!.layers[0]!.cipherKey.reveal().length, 36)
})

test('every counter mode of the table is known as one, and no other method is', () => {
  for (const name of offerNames) {
    const offer = offerOf(name)
    assert.ok(offer.ok)
    assert.equal(offer.value.protections.some(countsPackets), /gcm|ccm|ctr|gmac|chacha/.test(name), name)
    for (const protection of offer.value.protections) {
      const { cipherSalt, integritySalt } = keyNeeds(protection)
      assert.equal(cipherSalt + integritySalt > 0, countsPackets(protection), `${name}: only counters have a salt`)
    }
  }
})

const faults: readonly (readonly [fact: string, keys: unknown, problems: readonly string[]])[] = [
  ['a key without its way back', [out], ['keys[0]: there is no key for the way back, from 10.54.0.2 to 10.54.0.1']],
  [
    'a second key for one direction',
    [out, { ...out, spi: 300, key: material(32, '07'), integrityKey: material(32, '08') }, back],
    ['keys[1]: keys[0] is for the same rule and direction'],
  ],
  [
    'a key that is too short',
    [{ ...out, key: material(16) }, back],
    ['keys[0].key: this has 32 digits where 64 are wanted'],
  ],
  ['a key that is no hexadecimal', [{ ...out, key: `${KEY}xyz` }, back], ['keys[0].key: this is not hexadecimal']],
  [
    'a missing integrity key',
    [{ ...out, integrityKey: undefined }, back],
    ['keys[0]: the key "integrityKey" is missing'],
  ],
  [
    'a cipher key where nothing is enciphered',
    [{ ...out, security: 'esp-null-sha256' }, back],
    ['keys[0].key: esp-null-sha256 takes no key'],
  ],
  ['a reserved SPI', [{ ...out, spi: 255 }, back], ['keys[0].spi: this is no SPI']],
  ['an SPI that is too large', [{ ...out, spi: '0x100000000' }, back], ['keys[0].spi: this is no SPI']],
  [
    'one SPI for two headers',
    [
      {
        ...out,
        security: 'ah-sha1+esp-3des-sha1',
        key: material(24),
        integrityKey: [material(20, '08'), material(20, '09')],
      },
      back,
    ],
    ['keys[0].spi: ah-sha1+esp-3des-sha1 takes two SPIs'],
  ],
  ['one key for two directions', [out, { ...back, key: out['key'] }], ['keys[1]: it shares a key with keys[0]']],
  [
    'one key for cipher and integrity',
    [{ ...out, integrityKey: out['key'] }, back],
    ['keys[0]: it shares a key with keys[0]'],
  ],
  [
    'a method that the rule does not offer',
    [{ ...out, security: 'esp-aes128-sha256', key: material(16) }, back],
    ['keys[0].security: the rule does not offer esp-aes128-sha256'],
  ],
  ['a rule that is not there', [{ ...out, rule: KEY }, back], ['keys[0].rule: no rule that negotiates has this name']],
  [
    'a group as an end',
    [{ ...out, destination: '224.0.0.1' }, back],
    ['keys[0].destination: this is no address of one host'],
  ],
  ['two IP versions', [{ ...out, destination: 'fd00::1' }], ['keys[0].destination: this is IPv6, and source is IPv4']],
  [
    'a key in place of an address',
    [{ ...out, source: material(32) }, back],
    ['keys[0].source: this is no address of one host'],
  ],
  [
    'a key in place of a method',
    [{ ...out, security: material(32) }, back],
    ['keys[0].security: this is no security method'],
  ],
  [
    'a list where one key is wanted',
    [{ ...out, key: [material(32)] }, back],
    ['keys[0].key: expected hexadecimal digits in quotes, not a list'],
  ],
  [
    'a number in place of a key',
    [{ ...out, key: 12345678 }, back],
    ['keys[0].key: expected hexadecimal digits in quotes, not this number'],
  ],
]

for (const [fact, keys, problems] of faults) {
  test(`${fact} is refused`, () => {
    assert.deepEqual(problemsOf(keys).slice(0, problems.length), problems)
    assert.doesNotMatch(inspect(read(keys), { depth: 9 }), /c0ffee/i, 'a message shows key material')
  })
}

test('a blank that was forgotten behind a colon shows no key', () => {
  const text = policyText([]).replace('"keys":[]', `"keys": [{ source: 10.54.0.1, key:${material(32)} }]`)
  const result = readPolicyText(text, 'policy.yaml')
  assert.ok(!result.ok)
  assert.ok(result.error.some(({ what }) => what === 'a blank is missing behind "key:"'))
  assert.doesNotMatch(inspect(result), /c0ffee/)
})

test('a policy that was read shows no key, however it is printed', () => {
  const result = read([out, back])
  assert.ok(result.ok)
  assert.doesNotMatch(inspect(result, { depth: 9, showHidden: true }) + JSON.stringify(result), /c0ffee/)
})
