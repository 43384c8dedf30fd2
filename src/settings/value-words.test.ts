// Values in reg.exe's words, both ways, and advice about those that are known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adviceOn, catalogue } from './catalogue.ts'
import { pathFault } from './registry-name.ts'
import { dwordValue, stringValue, utf16Octets } from './value.ts'
import { dataWords, typeWord, valueFromWords } from './value-words.ts'

const there: readonly (readonly [type: string, data: string, printed: string])[] = [
  ['REG_SZ', 'a text', 'a text'],
  ['reg_expand_sz', '%PATH%', '%PATH%'],
  ['REG_MULTI_SZ', 'a\\0b\\0', 'a\\0b'],
  ['REG_MULTI_SZ', '', ''],
  ['REG_DWORD', '10', '0xa'],
  ['REG_DWORD', '0xFFFFFFFF', '0xffffffff'],
  ['REG_DWORD', '', '0x0'],
  ['REG_DWORD_BIG_ENDIAN', '1', '0x1'],
  ['REG_QWORD', '18446744073709551615', '0xffffffffffffffff'],
  ['REG_BINARY', '01fF', '01FF'],
  ['REG_NONE', '', ''],
]
for (const [type, data, printed] of there) {
  test(`${type} “${data}” is printed ${printed === '' ? 'as nothing' : printed}`, () => {
    const value = valueFromWords('v', type, data)
    assert.ok(value.ok)
    assert.equal(dataWords(value.value), printed)
    assert.equal(typeWord(value.value), type.toUpperCase())
  })
}

test('what no value can be made of says which word is wrong', () => {
  const wrong: readonly (readonly [string, string, string])[] = [
    ['REG_DWORD', '4294967296', '/d'],
    ['REG_DWORD', '-1', '/d'],
    ['REG_DWORD', 'one', '/d'],
    ['REG_QWORD', '18446744073709551616', '/d'],
    ['REG_BINARY', '0', '/d'],
    ['REG_BINARY', '0g', '/d'],
    ['REG_MULTI_SZ', 'a\\0\\0b', '/d'],
    ['REG_DWRD', '1', '/t'],
  ]
  for (const [type, data, where] of wrong) {
    const value = valueFromWords('v', type, data)
    assert.equal(value.ok ? '' : value.error.where, where, `${type} ${data}`)
  }
})

test('data that does not fit its type is shown octet by octet, and a type without a name by its number', () => {
  assert.equal(dataWords({ name: '', type: 4, data: Uint8Array.of(1, 2) }), '0102')
  assert.equal(dataWords({ name: '', type: 1, data: Uint8Array.of(65) }), '41')
  assert.equal(dataWords({ name: '', type: 1, data: utf16Octets('a\0b') }), 'a')
  assert.equal(typeWord({ name: '', type: 0x1234, data: new Uint8Array() }), '0x1234')
})

const IPSEC = 'HKLM\\System\\CurrentControlSet\\Services\\IPSec'

test('who writes a known setting nearly right is told what is meant', () => {
  assert.deepEqual(adviceOn(IPSEC, dwordValue('NoDefaultExempt', 1)), [])
  assert.match(adviceOn(IPSEC, dwordValue('nodefaultexempt', 1)).join(), /is written NoDefaultExempt/)
  assert.match(adviceOn('HKLM\\SOFTWARE', dwordValue('NoDefaultExempt', 1)).join(), /is read at .*Services\\IPSEC/)
  assert.match(adviceOn(IPSEC, stringValue('NoDefaultExempt', '1')).join(), /is a REG_DWORD, not a REG_SZ/)
  assert.match(adviceOn(IPSEC, dwordValue('NoDefaultExempt', 4)).join(), /4 is no value/)
  const key = 'HKLM\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall'
  assert.deepEqual(adviceOn(key, dwordValue('IPsecExempt', 9)), [])
  assert.match(adviceOn(key, dwordValue('IPsecExempt', 16)).join(), /a sum of 1, 2, 4, 8/)
  assert.deepEqual(adviceOn(IPSEC, dwordValue('something else', 1)), [])
})

test('every setting of the catalogue stands at keys that a registry can have, with values of their own', () => {
  for (const { name, keys, values } of catalogue) {
    for (const { path } of keys) assert.equal(pathFault(path), undefined, name)
    assert.equal(new Set(values.map(({ value }) => value)).size, values.length, name)
  }
})
